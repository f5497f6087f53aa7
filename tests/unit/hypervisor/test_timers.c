/* SPDX-License-Identifier: BSD-2-Clause */
/* Reference time and synthetic timers (TLFS chapter 12). */
#include <stdint.h>

#include "core/reftime.h"
#include "core/stimer.h"
#include "tests/unit/run_tests.h"

#define NEVER (~0ull)
#define DIRECT (HV_STIMER_DIRECT | 0xedull << 4)
#define MESSAGE (2ull << 16)

static struct stimer t;

/* Reference time is the TSC in 100 ns to a part in 10^10, from the slowest processors to the fastest, from the first second to years. */
START_TEST(reference_time_is_exact)
{
	static const uint64_t hz[] = { 10000001, 999999999, 1000000000, 2445429000, 3600000000, 6000000001 };

	for (unsigned int i = 0; i < sizeof hz / sizeof hz[0]; i++) {
		struct reftime r;

		reftime_init(&r, hz[i], 123456789);
		ck_assert_uint_eq(reftime_from_tsc(&r, 123456789), 0);
		for (uint64_t seconds = 1; seconds < 400000000; seconds = seconds * 5 + 1) {
			uint64_t time = reftime_from_tsc(&r, 123456789 + seconds * hz[i]), want = seconds * 10000000;

			ck_assert_uint_le(time > want ? time - want : want - time, 1 + want / 10000000000ull);
		}
	}
}

/* The inverse finds the moment when reference time reaches a value: not before it, and not more than a tick late. */
START_TEST(reference_time_inverse)
{
	static const uint64_t hz[] = { 11000000, 1000000000, 2445429000, 4999999999 };

	for (unsigned int i = 0; i < sizeof hz / sizeof hz[0]; i++) {
		struct reftime r;

		reftime_init(&r, hz[i], 0x123456789abull);
		for (uint64_t time = 1; time < 1ull << 52; time = time * 3 + 7) {
			uint64_t tsc = reftime_to_tsc(&r, time);

			if (tsc == NEVER)
				break;
			ck_assert_uint_ge(reftime_from_tsc(&r, tsc), time);
			ck_assert_int_lt((int64_t)reftime_from_tsc(&r, tsc - 2), (int64_t)time);
		}
		/* What no TSC value can express is never, and no division overflows on the way. */
		ck_assert_uint_eq(reftime_to_tsc(&r, NEVER), NEVER);
		ck_assert_uint_eq(reftime_to_tsc(&r, NEVER - 1), NEVER);
	}
}

/* A guest that computes the time from the page gets to the unit what the MSR says, so that both never run backwards together. */
START_TEST(page_and_msr_agree)
{
	struct hv_reference_tsc_page page = { 0 };
	struct reftime r;

	reftime_init(&r, 2445429000, 987654321987ull);
	reftime_fill_page(&r, &page);
	ck_assert_uint_ne(page.tsc_sequence, 0);
	ck_assert_uint_ne(page.tsc_sequence, ~0u);
	for (uint64_t tsc = 987654321987ull; tsc < 1ull << 60; tsc += tsc / 3) {
		uint64_t guest = (uint64_t)(((unsigned __int128)tsc * page.tsc_scale) >> 64) + page.tsc_offset;

		ck_assert_uint_eq(guest, reftime_from_tsc(&r, tsc));
	}
}

/* One-shot: auto-enable starts it with the count, an absolute time; it expires once and disables itself. */
START_TEST(one_shot)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, HV_STIMER_AUTO_ENABLE | DIRECT, 100));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
	stimer_write_count(&t, 500, 100);
	ck_assert(t.config & HV_STIMER_ENABLE);
	ck_assert_uint_eq(stimer_next(&t), 500);
	ck_assert(!stimer_expire(&t, 499));
	ck_assert(stimer_expire(&t, 512));
	ck_assert_uint_eq(t.expired_at, 500);
	ck_assert(!(t.config & HV_STIMER_ENABLE));
	ck_assert(!stimer_expire(&t, 10000));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
	ck_assert(stimer_is_direct(&t));
	ck_assert_uint_eq(stimer_vector(&t), 0xed);
	/* A time that has passed is due at once. */
	stimer_write_count(&t, 5, 20000);
	ck_assert(stimer_expire(&t, 20000));
	/* Count 0 disables. */
	stimer_write_count(&t, 30000, 20000);
	stimer_write_count(&t, 0, 20000);
	ck_assert(!(t.config & HV_STIMER_ENABLE));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
}

/* Without auto-enable the count alone starts nothing; enable in CONFIG does, with a count that is there already. */
START_TEST(explicit_enable)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, DIRECT, 0));
	stimer_write_count(&t, 500, 0);
	ck_assert_uint_eq(stimer_next(&t), NEVER);
	ck_assert(stimer_write_config(&t, DIRECT | HV_STIMER_ENABLE, 0));
	ck_assert_uint_eq(stimer_next(&t), 500);
	ck_assert(stimer_write_config(&t, 0, 0));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
}

/* Periodic: the count is the period. Late, it expires once and goes on on the grid where it began; lazy makes no difference. */
START_TEST(periodic)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC | HV_STIMER_LAZY | MESSAGE, 1000));
	stimer_write_count(&t, 10000, 1000);
	ck_assert(!stimer_is_direct(&t));
	ck_assert_uint_eq(stimer_sint(&t), 2);
	ck_assert_uint_eq(stimer_next(&t), 11000);
	ck_assert(stimer_expire(&t, 11000));
	ck_assert_uint_eq(stimer_next(&t), 21000);
	ck_assert(stimer_expire(&t, 77777));
	ck_assert_uint_eq(t.expired_at, 21000);
	ck_assert_uint_eq(stimer_next(&t), 81000);
	ck_assert(t.config & HV_STIMER_ENABLE);
}

/* A period too short for the root to keep up with: 100 us apart at most often. The register keeps what was written. */
START_TEST(period_has_a_bound)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC | DIRECT, 1000));
	stimer_write_count(&t, 1, 1000);
	ck_assert_uint_eq(t.count, 1);
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t due = stimer_next(&t);

		ck_assert_uint_eq(due, 1000 + 1000 * (i + 1));
		ck_assert(!stimer_expire(&t, due - 1));
		ck_assert(stimer_expire(&t, due));
	}
}

/* A period that ends after the end of time never expires: wrapped around, it would expire for ever. */
START_TEST(period_beyond_the_end_of_time)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC | DIRECT, 1000));
	stimer_write_count(&t, NEVER, 1000);
	ck_assert(!stimer_expire(&t, 1001));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
	stimer_write_count(&t, NEVER - 2000, 1000);
	ck_assert_uint_eq(stimer_next(&t), NEVER - 1000);
	ck_assert(stimer_expire(&t, NEVER - 500));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
}

/* Reserved bits raise #GP and change nothing; a direct vector that no APIC takes, or a message without a SINT, cannot be enabled. */
START_TEST(what_is_refused)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, DIRECT, 0));
	ck_assert(!stimer_write_config(&t, 1ull << 20, 0));
	ck_assert(!stimer_write_config(&t, 1ull << 13 | DIRECT, 0));
	ck_assert_uint_eq(t.config, DIRECT);
	stimer_write_count(&t, 50, 0);
	ck_assert(stimer_write_config(&t, HV_STIMER_ENABLE | HV_STIMER_DIRECT | 15 << 4, 0));
	ck_assert_uint_eq(t.config, HV_STIMER_DIRECT | 15 << 4);
	ck_assert(stimer_write_config(&t, HV_STIMER_ENABLE, 0));
	ck_assert(!(t.config & HV_STIMER_ENABLE));
	ck_assert_uint_eq(stimer_next(&t), NEVER);
}

/* A timer that is set anew forgets a message that still waits for its slot. */
START_TEST(new_setting_cancels_a_waiting_message)
{
	stimer_reset(&t);
	ck_assert(stimer_write_config(&t, HV_STIMER_AUTO_ENABLE | MESSAGE, 0));
	stimer_write_count(&t, 10, 0);
	ck_assert(stimer_expire(&t, 10));
	t.message_pending = true;
	stimer_write_count(&t, 20, 11);
	ck_assert(!t.message_pending);
}

RUN_TESTS("hypervisor/timers", period_has_a_bound, reference_time_is_exact, reference_time_inverse, page_and_msr_agree, one_shot, explicit_enable, periodic,
	  period_beyond_the_end_of_time, what_is_refused, new_setting_cancels_a_waiting_message)
