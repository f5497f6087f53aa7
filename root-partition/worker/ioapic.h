/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An 82093AA I/O APIC of 24 pins. It turns a pin into the interrupt of its redirection entry. End of interrupt is not
 * reported to it, so Remote IRR reads 0 and a level-triggered pin fires once each time that it rises or is unmasked while
 * high: enough for a machine whose only lines are COM1 (edge) and an SCI that is never raised. The caller serializes.
 */
#ifndef BULKHEAD_WORKER_IOAPIC_H
#define BULKHEAD_WORKER_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

/** What a successor needs; no pointers. */
struct ioapic_state {
	uint32_t select, id;
	uint32_t lines;              /* level of each pin */
	uint32_t reserved;
	uint64_t redirection[LAYOUT_IOAPIC_PINS];
};

struct ioapic {
	struct ioapic_state *state;
	/** Sends an interrupt as an MSI would: delivery_mode 0..7 of the redirection entry, destination 8 bits. */
	void (*send)(void *context, unsigned int delivery_mode, bool logical, bool level, uint8_t destination, uint8_t vector);
	void *context;
};

void ioapic_reset(struct ioapic *ioapic);
uint32_t ioapic_read(struct ioapic *ioapic, uint64_t offset);
void ioapic_write(struct ioapic *ioapic, uint64_t offset, uint32_t value);
void ioapic_set_line(struct ioapic *ioapic, unsigned int pin, bool level);

#endif
