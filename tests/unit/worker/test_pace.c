/* SPDX-License-Identifier: BSD-2-Clause */
/* When the loop's thread becomes patient, and when eager again. */
#include <sched.h>

#include "tests/unit/run_tests.h"
#include "pace.h"

static struct pace pace;
static uint64_t operations, halts;

/* count operations, with halts_per_16 halts for each 16 of them. */
static void load(unsigned int count, unsigned int halts_per_16)
{
	for (unsigned int i = 0; i < count; i++) {
		operations++;
		halts += i % 16 < halts_per_16;
		if (pace_due(&pace, operations))
			pace_decide(&pace, operations, halts);
	}
}

/* A guest that waits for each request halts after each, and sometimes more often. */
START_TEST(one_at_a_time_stays_eager)
{
	load(1024, 16);
	ck_assert(!pace.patient);
	load(1024, 12);
	ck_assert(!pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

/*
 * Behind a disk that answers at once a guest with many requests outstanding never has two in flight, and never halts either. Counting
 * requests in flight took it for one at a time: a signal and two dispatches a read.
 */
START_TEST(many_at_once_and_back)
{
	load(128, 1);
	ck_assert(pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
	load(128, 16);
	ck_assert(!pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

RUN_TESTS("worker pace", one_at_a_time_stays_eager, many_at_once_and_back)
