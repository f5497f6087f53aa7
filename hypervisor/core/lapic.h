/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child VP's local APIC, always in x2APIC mode (AMD64 APM vol. 2, chapter 16). Only the interrupt request bits may be touched
 * by other CPUs; everything else belongs to the CPU that runs the VP.
 */
#ifndef BULKHEAD_CORE_LAPIC_H
#define BULKHEAD_CORE_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_BASE_BSP    (1ull << 8)
#define APIC_BASE_EXTD   (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_PA     0xfee00000ull

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

struct lapic {
	uint32_t id;
	uint32_t irr[8];        /* atomic */
	uint32_t tmr[8];        /* atomic */
	uint32_t isr[8];
	uint32_t svr, tpr, esr, esr_pending;
	uint32_t lvt[LVT_COUNT];
	uint64_t icr;
	uint32_t initial_count, divide;
	uint64_t deadline;      /* TSC of the timer's next expiry, 0 = stopped */
	uint64_t period_min;    /* TSC ticks that a periodic timer takes at least */
	uint64_t ticks_to_tsc;  /* TSC ticks per timer tick at divide-by-1, in units of 2^-20 */
};

/** What a write to ICR or SELF IPI asks the caller to deliver. */
struct lapic_ipi {
	bool     send;
	uint8_t  mode;          /* 0 fixed, 1 lowest, 4 NMI, 5 INIT, 6 SIPI */
	uint8_t  vector;
	uint8_t  shorthand;     /* 0 destination, 1 self, 2 all, 3 all but self */
	bool     logical;
	uint32_t destination;
};

/** State after RESET or INIT. tsc_hz and timer_hz: frequencies of the TSC and of the timer at divide-by-1. */
void lapic_reset(struct lapic *l, uint32_t id, uint64_t tsc_hz, uint64_t timer_hz);
/** x2APIC MSRs 800h..8FFh. False: #GP. */
bool lapic_read(const struct lapic *l, uint32_t msr, uint64_t now_tsc, uint64_t *value);
bool lapic_write(struct lapic *l, uint32_t msr, uint64_t value, uint64_t now_tsc, struct lapic_ipi *ipi);

/** Posts an interrupt; any CPU. Vectors below 16 are dropped. */
void lapic_post(struct lapic *l, uint8_t vector, bool level);
/** The highest vector that priority allows now, or -1. */
int lapic_pending(const struct lapic *l);
/** Whether any interrupt is requested. */
bool lapic_requested(const struct lapic *l);
/** Whether any interrupt is requested, or one besides `vector` in service. */
bool lapic_busy_besides(const struct lapic *l, uint8_t vector);
/** Takes a request out, to be delivered; gives it back when it was not; or it is in service. */
void lapic_take(struct lapic *l, uint8_t vector);
void lapic_give_back(struct lapic *l, uint8_t vector);
void lapic_begin(struct lapic *l, uint8_t vector);
void lapic_eoi(struct lapic *l);
/** Whether an interrupt message with that destination is for this APIC. */
bool lapic_matches(const struct lapic *l, uint32_t destination, bool logical);

/** TSC at which the timer expires next; ~0 = never. */
uint64_t lapic_next_deadline(const struct lapic *l);
/** Posts the timer's interrupt when it is due. True when it was. */
bool lapic_expire(struct lapic *l, uint64_t now_tsc);

#endif
