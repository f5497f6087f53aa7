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
		halts += operations % 16 < halts_per_16;
		if (pace_due(&pace, operations))
			pace_decide(&pace, operations, halts);
	}
}

/* A guest that waits for each request halts after each, if it is let: not while the loop is eager. */
static void one_at_a_time(unsigned int count, unsigned int *ret_patient)
{
	for (unsigned int i = 0; i < count; i++) {
		load(1, pace.patient ? 16 : 0);
		*ret_patient += pace.patient;
	}
}

/*
 * Seen by an eager loop such a guest hardly ever halts. Taking that for one that goes on, the loop changed its mind every 64 reads, and a
 * read took a quarter longer.
 */
START_TEST(one_at_a_time_is_served_eagerly)
{
	unsigned int patient = 0;

	one_at_a_time(10000, &patient);
	ck_assert_uint_lt(patient, 1000);
	ck_assert_uint_gt(patient, 100);
}
END_TEST

/* A disk that takes its time: the guest halts whatever the loop does, and there is nothing to try. */
START_TEST(halts_are_believed)
{
	for (unsigned int i = 0; i < 10000; i++) {
		load(1, 16);
		ck_assert(!pace.patient);
	}
	/* When there is more to do at once, the loop is told soon. */
	load(64, 1);
	ck_assert(pace.patient);
}
END_TEST

/*
 * Behind a disk that answers at once a guest with many requests outstanding never has two in flight, and never halts either. Counting
 * requests in flight took it for one at a time: a signal and two dispatches a read.
 */
START_TEST(many_at_once_and_back)
{
	unsigned int patient = 0;

	load(512, 1);
	ck_assert(pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
	load(100000, 1);
	ck_assert(pace.patient);
	one_at_a_time(10000, &patient);
	ck_assert_uint_lt(patient, 1000);
	load(512, 1);
	ck_assert(pace.patient);
	load(260, 16);
	ck_assert(!pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

RUN_TESTS("worker pace", one_at_a_time_is_served_eagerly, halts_are_believed, many_at_once_and_back)
