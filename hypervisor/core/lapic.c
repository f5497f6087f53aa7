/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of a child VP; see lapic.h. */
#include "core/lapic.h"

#include "core/string.h"

#define REG_ID      0x802
#define REG_VERSION 0x803
#define REG_TPR     0x808
#define REG_PPR     0x80a
#define REG_EOI     0x80b
#define REG_LDR     0x80d
#define REG_SVR     0x80f
#define REG_ISR     0x810
#define REG_TMR     0x818
#define REG_IRR     0x820
#define REG_ESR     0x828
#define REG_ICR     0x830
#define REG_LVT_TIMER 0x832
#define REG_LVT_ERROR 0x837
#define REG_INITIAL 0x838
#define REG_CURRENT 0x839
#define REG_DIVIDE  0x83e
#define REG_SELF_IPI 0x83f

#define VERSION      (0x10u | (LVT_COUNT - 1) << 16)
#define SVR_ENABLE   (1u << 8)
#define LVT_MASKED   (1u << 16)
#define LVT_PERIODIC (1u << 17)
#define ESR_ILLEGAL_SEND    (1u << 5)

/* A periodic timer fires at most this often: each expiry is an interrupt of the root's. stimer.c has the same bound. */
#define PERIODS_PER_SECOND_MAX 10000u

/* LVT bits that can be written: vector, mask; delivery mode where it has one; timer mode; polarity and trigger of the pins. */
static const uint32_t lvt_writable[LVT_COUNT] = { 0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };

void lapic_reset(struct lapic *l, uint32_t id, uint64_t tsc_hz, uint64_t timer_hz)
{
	memset(l, 0, sizeof *l);
	l->id = id;
	l->svr = 0xff;
	for (unsigned int i = 0; i < LVT_COUNT; i++)
		l->lvt[i] = LVT_MASKED;
	l->ticks_to_tsc = (tsc_hz << 20) / timer_hz;
	l->period_min = tsc_hz / PERIODS_PER_SECOND_MAX;
}

static int highest(const uint32_t bits[8])
{
	for (int i = 7; i >= 0; i--) {
		uint32_t word = __atomic_load_n(&bits[i], __ATOMIC_ACQUIRE);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

static uint32_t processor_priority(const struct lapic *l)
{
	int isr = highest(l->isr);
	uint32_t in_service = isr < 0 ? 0 : isr & 0xf0;

	return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

void lapic_post(struct lapic *l, uint8_t vector, bool level)
{
	/* An APIC that software has disabled takes no interrupts; what it has already stays (16.4.7). */
	if (vector < 16 || !(__atomic_load_n(&l->svr, __ATOMIC_RELAXED) & SVR_ENABLE))
		return;
	if (level)
		__atomic_or_fetch(&l->tmr[vector / 32], 1u << vector % 32, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&l->tmr[vector / 32], ~(1u << vector % 32), __ATOMIC_RELAXED);
	__atomic_or_fetch(&l->irr[vector / 32], 1u << vector % 32, __ATOMIC_SEQ_CST);
}

int lapic_pending(const struct lapic *l)
{
	int vector;

	if (!(l->svr & SVR_ENABLE))
		return -1;
	vector = highest(l->irr);
	return vector >= 0 && (vector & 0xf0u) > (processor_priority(l) & 0xf0) ? vector : -1;
}

bool lapic_requested(const struct lapic *l)
{
	return highest(l->irr) >= 0;
}

bool lapic_busy_besides(const struct lapic *l, uint8_t vector)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint32_t own = vector / 32 == i ? 1u << vector % 32 : 0;

		if (__atomic_load_n(&l->irr[i], __ATOMIC_ACQUIRE) || l->isr[i] & ~own)
			return true;
	}
	return false;
}

void lapic_take(struct lapic *l, uint8_t vector)
{
	__atomic_and_fetch(&l->irr[vector / 32], ~(1u << vector % 32), __ATOMIC_ACQ_REL);
}

void lapic_give_back(struct lapic *l, uint8_t vector)
{
	__atomic_or_fetch(&l->irr[vector / 32], 1u << vector % 32, __ATOMIC_RELAXED);
}

void lapic_begin(struct lapic *l, uint8_t vector)
{
	l->isr[vector / 32] |= 1u << vector % 32;
}

void lapic_eoi(struct lapic *l)
{
	int vector = highest(l->isr);

	if (vector >= 0)
		l->isr[vector / 32] &= ~(1u << vector % 32);
}

/* Logical x2APIC ids are derived: cluster in the high half, one bit of sixteen in the low half (16.14). */
static uint32_t logical_id(const struct lapic *l)
{
	return (l->id >> 4) << 16 | 1u << (l->id & 15);
}

bool lapic_matches(const struct lapic *l, uint32_t destination, bool logical)
{
	if (destination == ~0u || (!logical && destination == 0xff))
		return true;
	if (!logical)
		return destination == l->id;
	return destination >> 16 == logical_id(l) >> 16 && destination & logical_id(l) & 0xffff;
}

static unsigned int divide_shift(const struct lapic *l)
{
	unsigned int code = (l->divide & 3) | (l->divide >> 1 & 4);

	return code == 7 ? 0 : code + 1;
}

/* TSC ticks that `count` takes at the divider as it is; never 0. */
static uint64_t duration(const struct lapic *l, uint32_t count)
{
	uint64_t ticks = (uint64_t)(((unsigned __int128)count << divide_shift(l)) * l->ticks_to_tsc >> 20);

	return ticks ? ticks : 1;
}

static uint32_t current_count(const struct lapic *l, uint64_t now)
{
	uint64_t left, count;

	if (!l->deadline || now >= l->deadline)
		return 0;
	/* (left << 20) / ticks_to_tsc in two steps, so that nothing is shifted out; rounded up: 0 means that it has expired. */
	left = l->deadline - now;
	count = (left / l->ticks_to_tsc << 20) + ((left % l->ticks_to_tsc) << 20) / l->ticks_to_tsc;
	count = (count >> divide_shift(l)) + 1;
	return count < l->initial_count ? count : l->initial_count;
}

/* The counter goes on from where it is, at the new rate. */
static void write_divide(struct lapic *l, uint32_t value, uint64_t now)
{
	uint32_t count = current_count(l, now);

	l->divide = value;
	if (count)
		l->deadline = now + duration(l, count);
}

bool lapic_read(const struct lapic *l, uint32_t msr, uint64_t now, uint64_t *value)
{
	switch (msr) {
	case REG_ID:
		*value = l->id;
		return true;
	case REG_VERSION:
		*value = VERSION;
		return true;
	case REG_TPR:
		*value = l->tpr;
		return true;
	case REG_PPR:
		*value = processor_priority(l);
		return true;
	case REG_LDR:
		*value = logical_id(l);
		return true;
	case REG_SVR:
		*value = l->svr;
		return true;
	case REG_ISR ... REG_ISR + 7:
		*value = l->isr[msr - REG_ISR];
		return true;
	case REG_TMR ... REG_TMR + 7:
		*value = l->tmr[msr - REG_TMR];
		return true;
	case REG_IRR ... REG_IRR + 7:
		*value = __atomic_load_n(&l->irr[msr - REG_IRR], __ATOMIC_ACQUIRE);
		return true;
	case REG_ESR:
		*value = l->esr;
		return true;
	case REG_ICR:
		*value = l->icr;
		return true;
	case REG_LVT_TIMER ... REG_LVT_ERROR:
		*value = l->lvt[msr - REG_LVT_TIMER];
		return true;
	case REG_INITIAL:
		*value = l->initial_count;
		return true;
	case REG_CURRENT:
		*value = current_count(l, now);
		return true;
	case REG_DIVIDE:
		*value = l->divide;
		return true;
	}
	return false;
}

/* Shown by the next write of ESR; the error interrupt comes at once (16.4.6). */
static void report_error(struct lapic *l, uint32_t error)
{
	l->esr_pending |= error;
	if (!(l->lvt[LVT_ERROR] & LVT_MASKED))
		lapic_post(l, l->lvt[LVT_ERROR], false);
}

static bool write_icr(struct lapic *l, uint64_t value, struct lapic_ipi *ipi)
{
	uint8_t mode = value >> 8 & 7, shorthand = value >> 18 & 3;

	/* Reserved bits of the x2APIC ICR: 12 (delivery status), 13, 17:16, 31:20. */
	if (value & 0xfff33000u)
		return false;
	l->icr = value;
	/* SMI, 3 and ExtINT are not for us; INIT level de-assert does nothing on these processors. */
	if (mode == 2 || mode == 3 || mode == 7 || (mode == 5 && !(value & 1u << 14)))
		return true;
	if (mode <= 1 && (value & 0xff) < 16) {
		report_error(l, ESR_ILLEGAL_SEND);
		return true;
	}
	*ipi = (struct lapic_ipi){ true, mode, value, shorthand, value >> 11 & 1, value >> 32 };
	return true;
}

bool lapic_write(struct lapic *l, uint32_t msr, uint64_t value, uint64_t now, struct lapic_ipi *ipi)
{
	ipi->send = false;
	if (msr != REG_ICR && value >> 32)
		return false;
	switch (msr) {
	case REG_TPR:
		if (value & ~0xffull)
			return false;
		l->tpr = value;
		return true;
	case REG_EOI:
		if (value)
			return false;
		lapic_eoi(l);
		return true;
	case REG_SVR:
		if (value & ~0x3ffull)
			return false;
		__atomic_store_n(&l->svr, (uint32_t)value, __ATOMIC_RELAXED);
		/* Software disable masks every LVT entry. */
		for (unsigned int i = 0; !(value & SVR_ENABLE) && i < LVT_COUNT; i++)
			l->lvt[i] |= LVT_MASKED;
		return true;
	case REG_ESR:
		if (value)
			return false;
		l->esr = l->esr_pending;
		l->esr_pending = 0;
		return true;
	case REG_ICR:
		return write_icr(l, value, ipi);
	case REG_LVT_TIMER ... REG_LVT_ERROR: {
		unsigned int i = msr - REG_LVT_TIMER;

		if (value & ~(uint64_t)(lvt_writable[i] | 0x5000))
			return false;
		l->lvt[i] = value & lvt_writable[i];
		if (!(l->svr & SVR_ENABLE))
			l->lvt[i] |= LVT_MASKED;
		return true;
	}
	case REG_INITIAL:
		l->initial_count = value;
		l->deadline = value ? now + duration(l, value) : 0;
		return true;
	case REG_DIVIDE:
		if (value & ~0xbull)
			return false;
		write_divide(l, value, now);
		return true;
	case REG_SELF_IPI:
		if (value & ~0xffull)
			return false;
		if (value < 16)
			report_error(l, ESR_ILLEGAL_SEND);
		else
			*ipi = (struct lapic_ipi){ .send = true, .vector = value, .shorthand = 1 };
		return true;
	}
	return false;
}

uint64_t lapic_next_deadline(const struct lapic *l)
{
	return l->deadline && !(l->lvt[LVT_TIMER] & LVT_MASKED) ? l->deadline : ~0ull;
}

bool lapic_expire(struct lapic *l, uint64_t now)
{
	if (!l->deadline || now < l->deadline)
		return false;
	if (l->lvt[LVT_TIMER] & LVT_PERIODIC) {
		uint64_t period = duration(l, l->initial_count);

		if (period < l->period_min)
			period = l->period_min;
		l->deadline += ((now - l->deadline) / period + 1) * period;
	} else {
		l->deadline = 0;
	}
	if (l->lvt[LVT_TIMER] & LVT_MASKED)
		return false;
	lapic_post(l, l->lvt[LVT_TIMER], false);
	return true;
}
