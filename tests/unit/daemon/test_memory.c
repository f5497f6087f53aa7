/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's policy of dynamic memory, round by round. The machine's memory, the timer and the workers' ends are the test's: a worker does
 * what it is told at once unless its partition is made slow.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root-partition/daemon/host.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/memory.h"

#define MIB (1ull << 20)

static struct manager m;
static struct partition_config configs[3];
static struct partition partitions[3];
static uint64_t available, floor_bytes;
static unsigned int requests;
static bool slow, lost;
static timer_fn round_fn;
static char said[256];
static int said_error;

struct timer *timer_new(uv_loop_t *loop, uint64_t milliseconds, timer_fn fn, void *arg)
{
	(void)loop, (void)arg;
	ck_assert_uint_eq(milliseconds, 2000);
	round_fn = fn;
	return (struct timer *)&round_fn;
}

void timer_free(struct timer **timer)
{
	*timer = NULL;
}

void log_message(int priority, const char *name, const char *format, ...)
{
	(void)priority, (void)name, (void)format;
}

void host_memory(const struct manager *manager, struct host_memory *ret)
{
	(void)manager;
	*ret = (struct host_memory){ .total = 8192 * MIB, .available = available, .floor = floor_bytes };
}

/* A guest here has touched all that it has. */
uint64_t host_promised(const struct partition *p)
{
	return memory_committed(p) > p->memory.assigned_bytes ? memory_committed(p) - p->memory.assigned_bytes : 0;
}

void link_request(struct link *link, struct worker_message *message, uint64_t timeout_ms, reply_fn fn, void *arg)
{
	struct partition *p = arg;
	const struct worker_set_memory *request = (const struct worker_set_memory *)message;
	const struct worker_reply reply = { .header = { .type = WORKER_REPLY, .size = sizeof reply } };

	(void)link, (void)timeout_ms;
	ck_assert_uint_eq(message->type, WORKER_SET_MEMORY);
	ck_assert_uint_eq(request->bytes % (2 * MIB), 0);
	ck_assert_uint_ge(request->bytes, p->running->minimum_bytes);
	ck_assert_uint_le(request->bytes, p->running->memory_bytes);
	requests++;
	if (lost) {
		fn(arg, NULL, ECONNRESET, "the worker has ended");
		return;
	}
	fn(arg, &reply.header, 0, NULL);
	if (slow)
		return;
	available += p->memory.assigned_bytes;
	available -= request->bytes;
	p->memory.assigned_bytes = request->bytes;
}

/* Partition i: from minimum to maximum MiB, started with startup. */
static struct partition *add(unsigned int i, uint64_t minimum, uint64_t startup, uint64_t maximum, uint32_t buffer, uint32_t priority)
{
	struct partition *p = &partitions[i];

	configs[i] = (struct partition_config){
		.memory_bytes = maximum * MIB, .startup_bytes = startup * MIB, .minimum_bytes = minimum * MIB, .dynamic_memory = true,
		.memory_buffer = buffer, .memory_priority = priority,
	};
	*p = (struct partition){ .manager = &m, .next = m.partitions, .state = PARTITION_RUNNING, .worker_pid = 1, .running = &configs[i],
				 .link = (struct link *)&configs[i] };
	m.partitions = p;
	memory_forget(p);
	ck_assert_uint_eq(p->memory_target, startup * MIB);
	return p;
}

static void report(struct partition *p, uint64_t demand)
{
	struct worker_memory memory = p->memory;

	memory.flags = WORKER_MEMORY_READY | WORKER_MEMORY_REPORTED;
	memory.demand_bytes = demand * MIB;
	memory.target_bytes = p->memory_target;
	if (!memory.assigned_bytes)
		memory.assigned_bytes = p->memory_target;
	memory_on_report(p, &memory);
}

static void rounds(unsigned int count)
{
	while (count--)
		round_fn(&m);
}

static void setup(void)
{
	memset(&m, 0, sizeof m);
	available = 4096 * MIB;
	floor_bytes = 1024 * MIB;
	requests = 0;
	slow = lost = false;
	memory_start(&m);
}

static uint64_t target(const struct partition *p)
{
	return p->memory_target / MIB;
}

static void on_done(void *arg, int error, const char *text)
{
	(void)arg;
	said_error = error;
	snprintf(said, sizeof said, "%s", text);
}

static int fix(struct partition *p, uint64_t mib)
{
	partition_set_memory(p, mib * MIB, on_done, NULL);
	return said_error;
}

START_TEST(nothing_happens_before_the_guest_reports)
{
	struct partition *p = add(0, 256, 512, 768, 20, 50);

	rounds(10);
	ck_assert_uint_eq(requests, 0);
	ck_assert_str_eq(memory_status(p), "no driver");
	/* A fixed one is never touched, and has no status. */
	configs[0].dynamic_memory = false;
	report(p, 100);
	rounds(10);
	ck_assert_uint_eq(requests, 0);
	ck_assert_str_eq(memory_status(p), "");
	ck_assert_uint_eq(memory_committed(p), 768 * MIB);
}
END_TEST

START_TEST(demand_and_buffer_within_minimum_and_maximum)
{
	struct partition *p = add(0, 256, 512, 768, 20, 50);

	report(p, 500);
	rounds(1);
	ck_assert_uint_eq(target(p), 600);
	ck_assert_str_eq(memory_status(p), "ok");
	report(p, 700);
	rounds(1);
	ck_assert_uint_eq(target(p), 768);
	report(p, 100);
	rounds(3);
	ck_assert_uint_eq(target(p), 256);
	/* Odd demands come to whole units of 2 MiB, upwards. */
	report(p, 301);
	rounds(1);
	ck_assert_uint_eq(target(p), 362);
	/* A worker or a guest that lies gets no more than its maximum, and no sum wraps. */
	report(p, UINT64_MAX / MIB);
	rounds(1);
	ck_assert_uint_eq(target(p), 768);
	ck_assert_str_eq(memory_status(p), "warning");
}
END_TEST

START_TEST(a_surplus_is_taken_after_three_rounds)
{
	struct partition *p = add(0, 256, 768, 1024, 0, 50);

	report(p, 400);
	rounds(2);
	ck_assert_uint_eq(target(p), 768);
	/* It needs it again in between: the count begins anew. */
	report(p, 760);
	rounds(1);
	report(p, 400);
	rounds(2);
	ck_assert_uint_eq(target(p), 768);
	rounds(1);
	ck_assert_uint_eq(target(p), 400);
	/* Less than a sixteenth, or than 16 MiB, is not worth it. */
	report(p, 380);
	rounds(10);
	ck_assert_uint_eq(target(p), 400);
	report(p, 372);
	rounds(3);
	ck_assert_uint_eq(target(p), 372);
	report(p, 358);
	rounds(10);
	ck_assert_uint_eq(target(p), 372);
}
END_TEST

START_TEST(growth_leaves_the_roots_floor)
{
	struct partition *p = add(0, 256, 512, 2048, 0, 50);

	report(p, 1500);
	available = floor_bytes + 101 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(p), 612);
	rounds(5);
	ck_assert_uint_eq(target(p), 612);
	ck_assert_str_eq(memory_status(p), "warning");
	available += 500 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(p), 1112);
	/* What was promised and not taken yet is not given twice. */
	slow = true;
	available = floor_bytes + 200 * MIB;
	rounds(5);
	ck_assert_uint_eq(target(p), 1312);
}
END_TEST

START_TEST(growth_goes_to_the_highest_priority_first)
{
	struct partition *low = add(0, 256, 512, 2048, 0, 10), *high = add(1, 256, 512, 2048, 0, 90), *equal = add(2, 256, 512, 2048, 0, 90);

	report(low, 1000);
	report(high, 600);
	report(equal, 600);
	available = floor_bytes + 120 * MIB;
	rounds(1);
	/* Among equals in the list's order. */
	ck_assert_uint_eq(target(equal), 600);
	ck_assert_uint_eq(target(high), 544);
	ck_assert_uint_eq(target(low), 512);
	available = floor_bytes + 156 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(high), 600);
	ck_assert_uint_eq(target(low), 612);
}
END_TEST

START_TEST(under_pressure_buffers_go_from_the_lowest_priority_on)
{
	struct partition *low = add(0, 256, 600, 2048, 50, 10), *high = add(1, 256, 600, 2048, 50, 90);

	report(low, 400);
	report(high, 400);
	rounds(1);
	ck_assert_uint_eq(requests, 0);
	/* At once, no more than is missing, and told once. */
	available = floor_bytes - 49 * MIB;
	rounds(1);
	ck_assert_uint_eq(requests, 1);
	ck_assert_uint_eq(target(low), 550);
	ck_assert_uint_eq(target(high), 600);
	available = floor_bytes - 160 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(low), 400);
	ck_assert_uint_eq(target(high), 590);
	available = floor_bytes - 1000 * MIB;
	rounds(5);
	ck_assert_uint_eq(target(low), 400);
	ck_assert_uint_eq(target(high), 400);
	ck_assert_str_eq(memory_status(low), "low");
	/* Never below the minimum. */
	report(low, 10);
	rounds(1);
	ck_assert_uint_eq(target(low), 256);
	/* The pressure is over: buffers come back, the higher priority's first. */
	report(low, 400);
	available = floor_bytes + 200 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(high), 600);
	ck_assert_uint_eq(target(low), 256);
}
END_TEST

START_TEST(what_is_on_its_way_out_is_still_there)
{
	struct partition *p = add(0, 256, 768, 1024, 0, 50);

	slow = true;
	report(p, 300);
	rounds(3);
	ck_assert_uint_eq(target(p), 300);
	ck_assert_uint_eq(memory_committed(p), 768 * MIB);
	p->memory.assigned_bytes = 300 * MIB;
	ck_assert_uint_eq(memory_committed(p), 300 * MIB);
	rounds(10);
	ck_assert_uint_eq(requests, 1);
}
END_TEST

/* What was told went down with a worker; its successor says what it goes on with, and is told. */
START_TEST(a_target_lost_with_its_worker_is_told_again)
{
	struct partition *p = add(0, 256, 512, 768, 0, 50);
	struct worker_memory before;

	report(p, 512);
	before = p->memory;
	lost = true;
	ck_assert_int_eq(fix(p, 320), 0);
	ck_assert_uint_eq(requests, 1);
	lost = false;
	memory_on_report(p, &before);
	ck_assert_uint_eq(target(p), 512);
	rounds(1);
	ck_assert_uint_eq(requests, 2);
	ck_assert_uint_eq(target(p), 320);
	ck_assert_uint_eq(p->memory.assigned_bytes, 320 * MIB);
	/* A report from before the worker has heard of it says nothing about it. */
	p->memory_requests = 1;
	memory_on_report(p, &before);
	ck_assert_uint_eq(target(p), 320);
}
END_TEST

START_TEST(a_caller_fixes_it)
{
	struct partition *p = add(0, 256, 512, 768, 20, 50);

	ck_assert_int_eq(fix(p, 800), EINVAL);
	ck_assert_int_eq(fix(p, 254), EINVAL);
	ck_assert_int_eq(fix(p, 301), EINVAL);
	report(p, 500);
	ck_assert_int_eq(fix(p, 320), 0);
	ck_assert_uint_eq(target(p), 320);
	rounds(10);
	ck_assert_uint_eq(target(p), 320);
	available = floor_bytes + 100 * MIB;
	ck_assert_int_eq(fix(p, 768), 0);
	ck_assert_ptr_nonnull(strstr(said, "the root keeps its floor"));
	ck_assert_uint_eq(target(p), 420);
	available = floor_bytes + 1000 * MIB;
	rounds(1);
	ck_assert_uint_eq(target(p), 768);
	ck_assert_int_eq(fix(p, 0), 0);
	rounds(3);
	ck_assert_uint_eq(target(p), 600);
	configs[0].dynamic_memory = false;
	ck_assert_int_eq(fix(p, 512), EBUSY);
	p->worker_pid = 0;
	ck_assert_int_eq(fix(p, 512), EBUSY);
}
END_TEST

START_TEST(the_next_daemon_takes_over_what_was_set)
{
	struct partition *p = add(0, 256, 512, 768, 20, 50);
	struct worker_memory memory = { .flags = WORKER_MEMORY_READY | WORKER_MEMORY_REPORTED, .target_bytes = 640 * MIB, .assigned_bytes = 640 * MIB,
					.demand_bytes = 530 * MIB, .resident_bytes = UINT64_MAX };

	p->memory_target = 0;
	memory_on_report(p, &memory);
	ck_assert_uint_eq(target(p), 640);
	ck_assert_uint_eq(p->memory.resident_bytes, 768 * MIB);
	rounds(5);
	ck_assert_uint_eq(requests, 0);
	memory_forget(p);
	ck_assert_uint_eq(target(p), 512);
	ck_assert_uint_eq(p->memory.flags, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		nothing_happens_before_the_guest_reports, demand_and_buffer_within_minimum_and_maximum, a_surplus_is_taken_after_three_rounds,
		growth_leaves_the_roots_floor, growth_goes_to_the_highest_priority_first, under_pressure_buffers_go_from_the_lowest_priority_on,
		a_target_lost_with_its_worker_is_told_again, what_is_on_its_way_out_is_still_there, a_caller_fixes_it, the_next_daemon_takes_over_what_was_set,
	};
	Suite *suite = suite_create("dynamic memory");
	TCase *tcase = tcase_create("policy");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
