/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's ports and MMIO outside its RAM: COM1, the CMOS clock, I/O APIC, ACPI PM1 and reset; everything else reads
 * all ones and ignores writes, logged once each. Any VP thread; one lock.
 */
#ifndef BULKHEAD_WORKER_DEVICES_H
#define BULKHEAD_WORKER_DEVICES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "console.h"
#include "state.h"

enum device_action {
	DEVICE_DONE,
	DEVICE_POWER_OFF,            /* ACPI S5 */
	DEVICE_RESET,                /* reset register */
	DEVICE_EXIT,                 /* debug exit port; devices.exit_code */
};

#define DEVICES_MMIO_SEEN 64u

struct devices {
	pthread_mutex_t lock;
	struct worker_state_region *state;
	struct uart uart;
	struct ioapic ioapic;
	struct console *console;
	void (*send_interrupt)(void *context, unsigned int delivery_mode, bool logical, bool level, uint8_t destination,
			       uint8_t vector);
	void *context;
	uint32_t exit_code;
	uint8_t ports_seen[65536 / 8];
	uint64_t mmio_seen[DEVICES_MMIO_SEEN];
	unsigned int mmio_seen_count;
};

/** The caller has set state, console, send_interrupt and context. The state is a predecessor's, or devices_reset follows. */
void devices_init(struct devices *devices);
/** Power-on state, for a reset of the machine. */
void devices_reset(struct devices *devices);
/** Input waits in the console. */
void devices_console_input(struct devices *devices);

/** size: 1, 2 or 4 bytes. */
uint32_t devices_port_read(struct devices *devices, uint16_t port, unsigned int size);
enum device_action devices_port_write(struct devices *devices, uint16_t port, unsigned int size, uint32_t value);
/** size: 1, 2, 4 or 8 bytes. */
uint64_t devices_mmio_read(struct devices *devices, uint64_t gpa, unsigned int size);
void devices_mmio_write(struct devices *devices, uint64_t gpa, unsigned int size, uint64_t value);

#endif
