/* SPDX-License-Identifier: BSD-2-Clause */
/* When the loop's thread becomes patient, and when eager again. */
#include <sched.h>

#include "main.h"
#include "pace.h"

static struct pace pace;
static uint64_t operations, bytes;

static void load(unsigned int count, uint64_t pending, uint64_t size)
{
	while (count-- > 0) {
		operations++;
		bytes += size;
		pace_sample(&pace, pending, operations, bytes);
	}
}

START_TEST(one_at_a_time_stays_eager)
{
	load(1000, 1, 4096);
	ck_assert(!pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

START_TEST(many_small_ones_and_back)
{
	load(10, 20, 4096);
	ck_assert(pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
	load(30, 1, 4096);
	ck_assert(pace.patient);
	load(40, 1, 4096);
	ck_assert(!pace.patient);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

START_TEST(large_ones_stay_eager)
{
	load(1000, 8, 1u << 20);
	ck_assert(!pace.patient);
	load(100, 8, 4096);
	ck_assert(pace.patient);
}
END_TEST

RUN_TESTS("worker pace", one_at_a_time_stays_eager, many_small_ones_and_back, large_ones_stay_eager)
