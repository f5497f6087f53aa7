/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC alone: priorities, EOI, timer, IPIs, what x2APIC MSRs refuse (AMD64 APM vol. 2, chapter 16). */
#include <stdint.h>

#include "core/lapic.h"
#include "tests/unit/run_tests.h"

#define TSC_HZ   3000000000ull
#define TIMER_HZ 1000000000ull /* 3 TSC ticks a timer tick */

enum { ID = 0x802, VERSION, TPR = 0x808, PPR = 0x80a, EOI, LDR = 0x80d, SVR = 0x80f, ISR = 0x810, TMR = 0x818, IRR = 0x820,
       ESR = 0x828, ICR = 0x830, LVT_TIMER_MSR = 0x832, LVT_LINT0_MSR = 0x835, LVT_ERROR_MSR = 0x837, INITIAL, CURRENT,
       DIVIDE = 0x83e, SELF_IPI };

static struct lapic l;
static struct lapic_ipi ipi;
static uint64_t now;

static uint64_t get(uint32_t msr)
{
	uint64_t value = ~0ull;

	ck_assert_msg(lapic_read(&l, msr, now, &value), "MSR %x cannot be read", msr);
	return value;
}

static bool put(uint32_t msr, uint64_t value)
{
	return lapic_write(&l, msr, value, now, &ipi);
}

static void start(uint32_t id)
{
	now = 1000;
	lapic_reset(&l, id, TSC_HZ, TIMER_HZ);
	ck_assert(put(SVR, 0x1ff));
}

/* After RESET every LVT entry is masked, the APIC is disabled by software, and no register holds anything. */
START_TEST(reset_state)
{
	lapic_reset(&l, 5, TSC_HZ, TIMER_HZ);
	ck_assert_uint_eq(get(ID), 5);
	ck_assert_uint_eq(get(VERSION), 0x50010);
	ck_assert_uint_eq(get(SVR), 0xff);
	ck_assert_uint_eq(get(TPR), 0);
	ck_assert_uint_eq(get(LDR), 1u << 5);
	for (uint32_t msr = LVT_TIMER_MSR; msr <= LVT_ERROR_MSR; msr++)
		ck_assert_uint_eq(get(msr), 0x10000);
	for (uint32_t i = 0; i < 8; i++)
		ck_assert_uint_eq(get(ISR + i) | get(TMR + i) | get(IRR + i), 0);
	ck_assert_int_eq(lapic_pending(&l), -1);
	ck_assert_uint_eq(lapic_next_deadline(&l), ~0ull);
}

/* The highest vector goes first; vectors of one class of sixteen do not interrupt each other; EOI ends the highest in service. */
START_TEST(priorities)
{
	start(0);
	lapic_post(&l, 0x31, false);
	lapic_post(&l, 0x52, false);
	ck_assert_int_eq(lapic_pending(&l), 0x52);
	lapic_take(&l, 0x52);
	lapic_begin(&l, 0x52);
	ck_assert_uint_eq(get(PPR), 0x50);
	ck_assert_int_eq(lapic_pending(&l), -1);
	lapic_post(&l, 0x5f, false);
	ck_assert_int_eq(lapic_pending(&l), -1);
	lapic_post(&l, 0x60, false);
	ck_assert_int_eq(lapic_pending(&l), 0x60);
	lapic_take(&l, 0x60);
	lapic_begin(&l, 0x60);
	ck_assert_uint_eq(get(ISR + 3), 1);
	ck_assert_uint_eq(get(ISR + 2), 1u << 0x12);
	lapic_eoi(&l);
	ck_assert_uint_eq(get(ISR + 3), 0);
	ck_assert_int_eq(lapic_pending(&l), -1);
	ck_assert(put(EOI, 0));
	ck_assert_int_eq(lapic_pending(&l), 0x5f);
	lapic_take(&l, 0x5f);
	lapic_begin(&l, 0x5f);
	lapic_eoi(&l);
	ck_assert_int_eq(lapic_pending(&l), 0x31);
	ck_assert(lapic_requested(&l));
	lapic_take(&l, 0x31);
	lapic_begin(&l, 0x31);
	ck_assert(!lapic_requested(&l));
	ck_assert(!lapic_busy_besides(&l, 0x31));
	lapic_eoi(&l);
	/* One too many harms nothing. */
	lapic_eoi(&l);
	ck_assert_uint_eq(get(PPR), 0);
}

/* The task priority holds back its own class and everything below it; PPR is the larger of it and what is in service. */
START_TEST(task_priority)
{
	start(0);
	ck_assert(put(TPR, 0x45));
	ck_assert_uint_eq(get(PPR), 0x45);
	lapic_post(&l, 0x4f, false);
	ck_assert_int_eq(lapic_pending(&l), -1);
	lapic_post(&l, 0x50, false);
	ck_assert_int_eq(lapic_pending(&l), 0x50);
	lapic_take(&l, 0x50);
	lapic_begin(&l, 0x50);
	ck_assert_uint_eq(get(PPR), 0x50);
	ck_assert(put(TPR, 0x60));
	ck_assert_uint_eq(get(PPR), 0x60);
	ck_assert(put(TPR, 0));
	lapic_eoi(&l);
	ck_assert_int_eq(lapic_pending(&l), 0x4f);
}

/* Both ends of the vector space: below 16 nothing is accepted, 255 is. Level and edge are told apart in TMR. */
START_TEST(vectors_and_trigger_mode)
{
	start(0);
	for (unsigned int v = 0; v < 16; v++)
		lapic_post(&l, v, false);
	ck_assert(!lapic_requested(&l));
	lapic_post(&l, 16, true);
	lapic_post(&l, 255, true);
	ck_assert_uint_eq(get(IRR), 1u << 16);
	ck_assert_uint_eq(get(TMR), 1u << 16);
	ck_assert_uint_eq(get(IRR + 7), 1u << 31);
	lapic_post(&l, 16, false);
	ck_assert_uint_eq(get(TMR), 0);
	ck_assert_int_eq(lapic_pending(&l), 255);
	ck_assert(lapic_busy_besides(&l, 255));
}

/* An APIC that software has switched off takes no new interrupt, delivers none, and masks its LVT entries. */
START_TEST(software_disable)
{
	start(0);
	ck_assert(put(LVT_TIMER_MSR, 0x200ec));
	lapic_post(&l, 0x80, false);
	ck_assert(put(SVR, 0xff));
	lapic_post(&l, 0x90, false);
	ck_assert_int_eq(lapic_pending(&l), -1);
	ck_assert_uint_eq(get(LVT_TIMER_MSR), 0x300ec);
	ck_assert(put(LVT_TIMER_MSR, 0x200ec));
	ck_assert_uint_eq(get(LVT_TIMER_MSR), 0x300ec);
	ck_assert(put(SVR, 0x1ff));
	ck_assert_int_eq(lapic_pending(&l), 0x80);
	ck_assert_uint_eq(get(IRR + 4), 1);
}

/* Every register of the 256 either is there or raises #GP, in both directions, as the x2APIC table says; reserved bits raise #GP. */
START_TEST(registers_and_reserved_bits)
{
	static const struct {
		uint32_t msr;
		uint64_t bad;
	} reserved[] = {
		{ TPR, 0x100 }, { EOI, 1 }, { SVR, 0x1400 }, { SVR, 0x400 }, { ESR, 1 }, { ICR, 1ull << 12 }, { ICR, 1ull << 13 },
		{ ICR, 1ull << 16 }, { ICR, 1ull << 17 }, { ICR, 1ull << 20 }, { ICR, 1ull << 31 }, { LVT_TIMER_MSR, 1ull << 18 },
		{ LVT_TIMER_MSR, 1ull << 8 }, { LVT_LINT0_MSR, 1ull << 17 }, { LVT_ERROR_MSR, 0x400 }, { DIVIDE, 4 }, { DIVIDE, 0x10 },
		{ SELF_IPI, 0x100 }, { INITIAL, 1ull << 32 }, { TPR, 1ull << 32 },
	};
	uint64_t value;

	start(0);
	for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
		bool readable = msr == ID || msr == VERSION || msr == TPR || msr == PPR || msr == LDR || msr == SVR ||
				(msr >= ISR && msr <= ESR) || msr == ICR || (msr >= LVT_TIMER_MSR && msr <= CURRENT) || msr == DIVIDE;
		bool writable = msr == TPR || msr == EOI || msr == SVR || msr == ESR || msr == ICR ||
				(msr >= LVT_TIMER_MSR && msr <= INITIAL) || msr == DIVIDE || msr == SELF_IPI;

		ck_assert_msg(lapic_read(&l, msr, now, &value) == readable, "reading %x", msr);
		ck_assert_msg(put(msr, 0) == writable, "writing %x", msr);
	}
	for (unsigned int i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		ck_assert_msg(!put(reserved[i].msr, reserved[i].bad), "%x takes %llx", reserved[i].msr, (unsigned long long)reserved[i].bad);
}

/* ICR: all that the caller needs to deliver; modes that are nobody's business are swallowed; the register reads back. */
START_TEST(interprocessor_interrupts)
{
	start(3);
	ck_assert(put(ICR, 7ull << 32 | 0x40fd));
	ck_assert(ipi.send);
	ck_assert_uint_eq(ipi.mode, 0);
	ck_assert_uint_eq(ipi.vector, 0xfd);
	ck_assert_uint_eq(ipi.destination, 7);
	ck_assert(!ipi.logical && ipi.shorthand == 0);
	ck_assert_uint_eq(get(ICR), 7ull << 32 | 0x40fd);
	ck_assert(put(ICR, 0xc0000ull | 0x4500));
	ck_assert(ipi.send && ipi.mode == 5 && ipi.shorthand == 3);
	ck_assert(put(ICR, 1ull << 32 | 0x4698));
	ck_assert(ipi.send && ipi.mode == 6 && ipi.vector == 0x98);
	ck_assert(put(ICR, 0x10001ull << 32 | 0xc00));
	ck_assert(ipi.send && ipi.mode == 4 && ipi.logical && ipi.destination == 0x10001);
	/* INIT level de-assert, SMI, reserved, ExtINT */
	ck_assert(put(ICR, 0x8500) && !ipi.send);
	ck_assert(put(ICR, 0x4230) && !ipi.send);
	ck_assert(put(ICR, 0x4330) && !ipi.send);
	ck_assert(put(ICR, 0x4730) && !ipi.send);
	ck_assert(put(SELF_IPI, 0x77));
	ck_assert(ipi.send && ipi.shorthand == 1 && ipi.vector == 0x77 && ipi.mode == 0);
	/* Any other write asks for nothing. */
	ck_assert(put(TPR, 0) && !ipi.send);
}

/* A vector below 16 is not sent but noted in ESR, which shows it after the next write of ESR, and raises the error interrupt. */
START_TEST(illegal_vectors_are_errors)
{
	start(0);
	ck_assert(put(ICR, 0x400f) && !ipi.send);
	ck_assert_uint_eq(get(ESR), 0);
	ck_assert(!lapic_requested(&l));
	ck_assert(put(ESR, 0));
	ck_assert_uint_eq(get(ESR), 1u << 5);
	ck_assert(put(ESR, 0));
	ck_assert_uint_eq(get(ESR), 0);
	ck_assert(put(LVT_ERROR_MSR, 0xfe));
	ck_assert(put(SELF_IPI, 3) && !ipi.send);
	ck_assert_int_eq(lapic_pending(&l), 0xfe);
	ck_assert(put(ESR, 0));
	ck_assert_uint_eq(get(ESR), 1u << 5);
}

/* Physical destinations name an id or everybody; logical ones a cluster of sixteen and a mask in it. */
START_TEST(destinations)
{
	start(0x25);
	ck_assert_uint_eq(get(LDR), 0x20020);
	ck_assert(lapic_matches(&l, 0x25, false));
	ck_assert(!lapic_matches(&l, 0x24, false));
	ck_assert(lapic_matches(&l, 0xffffffff, false));
	ck_assert(lapic_matches(&l, 0xff, false));
	ck_assert(lapic_matches(&l, 0x20030, true));
	ck_assert(!lapic_matches(&l, 0x2ffdf, true));
	ck_assert(!lapic_matches(&l, 0x10020, true));
	ck_assert(lapic_matches(&l, 0xffffffff, true));
}

/* One-shot: counts down once at the divider's rate, fires at its time and not before, then stands at zero. */
START_TEST(timer_one_shot)
{
	start(0);
	ck_assert(put(LVT_TIMER_MSR, 0xec));
	ck_assert(put(DIVIDE, 0xb));
	ck_assert(put(INITIAL, 1000));
	ck_assert_uint_eq(get(CURRENT), 1000);
	ck_assert_uint_eq(lapic_next_deadline(&l), now + 3000);
	now += 1500;
	ck_assert_uint_ge(get(CURRENT), 500);
	ck_assert_uint_le(get(CURRENT), 501);
	ck_assert(!lapic_expire(&l, now));
	now += 1499;
	ck_assert(!lapic_expire(&l, now));
	ck_assert_uint_ge(get(CURRENT), 1);
	now += 1;
	ck_assert(lapic_expire(&l, now));
	ck_assert_int_eq(lapic_pending(&l), 0xec);
	ck_assert_uint_eq(get(CURRENT), 0);
	ck_assert(!lapic_expire(&l, now + 1000000));
	ck_assert_uint_eq(lapic_next_deadline(&l), ~0ull);
	/* Writing 0 stops it. */
	ck_assert(put(INITIAL, 1000));
	ck_assert(put(INITIAL, 0));
	ck_assert_uint_eq(lapic_next_deadline(&l), ~0ull);
}

/* Periodic: late expiries keep the grid and are one interrupt; a masked timer counts on but neither fires nor asks to be woken. */
START_TEST(timer_periodic)
{
	uint64_t begin;

	start(0);
	begin = now;
	ck_assert(put(LVT_TIMER_MSR, 0x200ec));
	ck_assert(put(DIVIDE, 0)); /* by 2 */
	ck_assert(put(INITIAL, 100000));
	ck_assert_uint_eq(lapic_next_deadline(&l), begin + 600000);
	ck_assert(lapic_expire(&l, begin + 600000));
	ck_assert_uint_eq(lapic_next_deadline(&l), begin + 1200000);
	ck_assert(lapic_expire(&l, begin + 5000000));
	ck_assert_uint_eq(lapic_next_deadline(&l), begin + 5400000);
	ck_assert(put(LVT_TIMER_MSR, 0x300ec));
	ck_assert_uint_eq(lapic_next_deadline(&l), ~0ull);
	ck_assert(!lapic_expire(&l, begin + 5400000));
	ck_assert(put(LVT_TIMER_MSR, 0x200ec));
	ck_assert_uint_eq(lapic_next_deadline(&l), begin + 6000000);
}

/* A period too short for the root to keep up with: 100 us apart at most often, whatever the count says. */
START_TEST(timer_period_has_a_bound)
{
	const uint64_t bound = TSC_HZ / 10000;
	uint64_t due;

	start(0);
	ck_assert(put(LVT_TIMER_MSR, 0x200ec));
	ck_assert(put(DIVIDE, 0xb));
	ck_assert(put(INITIAL, 1));
	for (unsigned int i = 0; i < 10; i++) {
		due = lapic_next_deadline(&l);
		ck_assert(lapic_expire(&l, due));
		ck_assert_uint_eq(lapic_next_deadline(&l), due + bound);
	}
}

/* The slowest timer on the fastest processor, over months: nothing overflows, and the count never rises. */
START_TEST(timer_range)
{
	static const uint64_t timer_hz[] = { 1000000, 25000000, 100000000, 1000000000 };

	for (unsigned int i = 0; i < 4; i++) {
		uint64_t end, last = 0xffffffff;
		const uint64_t tsc_hz = 5000000000ull;

		lapic_reset(&l, 0, tsc_hz, timer_hz[i]);
		now = 1ull << 50;
		ck_assert(put(SVR, 0x1ff) && put(LVT_TIMER_MSR, 0x30) && put(DIVIDE, 0xa)); /* by 128 */
		ck_assert(put(INITIAL, 0xffffffff));
		end = lapic_next_deadline(&l);
		/* 2^32 * 128 / timer_hz seconds, to a part in a million */
		ck_assert_uint_gt(end - now, (uint64_t)((double)(1ull << 39) / timer_hz[i] * tsc_hz * 0.999999));
		ck_assert_uint_lt(end - now, (uint64_t)((double)(1ull << 39) / timer_hz[i] * tsc_hz * 1.000001));
		for (uint64_t step = (end - now) / 1000; now < end; now += step) {
			ck_assert_uint_le(get(CURRENT), last);
			ck_assert_uint_gt(get(CURRENT), 0);
			last = get(CURRENT);
		}
		ck_assert_uint_lt(last, 0xffffffff / 900);
		ck_assert(lapic_expire(&l, end));
	}
}

/* A new divider changes the rate of the count that is left, not the count. */
START_TEST(divider_changes_while_counting)
{
	start(0);
	ck_assert(put(LVT_TIMER_MSR, 0xec) && put(DIVIDE, 0xb) && put(INITIAL, 1000));
	now += 1500;
	ck_assert(put(DIVIDE, 0)); /* by 2: the other half takes as long as the whole did */
	ck_assert_uint_ge(get(CURRENT), 500);
	ck_assert_uint_le(get(CURRENT), 502);
	ck_assert_uint_ge(lapic_next_deadline(&l), now + 3000);
	ck_assert_uint_le(lapic_next_deadline(&l), now + 3006);
	ck_assert_uint_eq(get(DIVIDE), 0);
}

/* A period too short for the TSC to tell apart still moves on, or the VP would never leave its timer again. */
START_TEST(shortest_period_moves_on)
{
	lapic_reset(&l, 0, 1000000000, 4000000000);
	now = 5;
	ck_assert(put(SVR, 0x1ff) && put(LVT_TIMER_MSR, 0x20030) && put(DIVIDE, 0xb) && put(INITIAL, 1));
	ck_assert(lapic_expire(&l, 100));
	ck_assert_uint_gt(lapic_next_deadline(&l), 100);
}

RUN_TESTS("hypervisor/lapic", reset_state, priorities, task_priority, vectors_and_trigger_mode, software_disable,
	  registers_and_reserved_bits, interprocessor_interrupts, illegal_vectors_are_errors, destinations, timer_one_shot,
	  timer_periodic, timer_period_has_a_bound, timer_range, divider_changes_while_counting, shortest_period_moves_on)
