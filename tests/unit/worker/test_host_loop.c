/* SPDX-License-Identifier: BSD-2-Clause */
/* One ring for guest signals, disk requests and libuv: all three are served, none is lost, removal is safe. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host_loop.h"
#include "tests/unit/run_tests.h"
#include "ring_queue.h"

static struct host_loop loop;
static uv_loop_t uv;
static uv_timer_t timer;
static uv_async_t async;
static unsigned int calls, removals, ticks, wakes;
static struct host_source *source;
static struct disk_queue *queue;
static unsigned int done_count, processed;
static int last_result;

static bool ready(struct host_source *s)
{
	(void)s;
	calls++;
	return false;
}

static void removed(struct host_source *s)
{
	removals++;
	close(s->fd);
	free(s);
}

static struct host_source *add(bool (*function)(struct host_source *s))
{
	struct host_source *s = calloc(1, sizeof *s);

	s->ready = function;
	s->removed = removed;
	host_loop_add(&loop, s, eventfd(0, EFD_CLOEXEC));
	return s;
}

static void kick(struct host_source *s)
{
	uint64_t one = 1;

	ck_assert_int_eq(write(s->fd, &one, sizeof one), sizeof one);
}

static void begin(void)
{
	ck_assert_int_eq(uv_loop_init(&uv), 0);
	ck_assert_int_eq(host_loop_init(&loop, &uv), 0);
}

static void on_tick(uv_timer_t *t)
{
	(void)t;
	kick(source);
	if (++ticks == 50)
		host_loop_stop(&loop);
}

/* A timer of libuv, which the loop keeps in the ring, signals an eventfd that the ring watches: no signal is lost. */
START_TEST(timers_and_signals)
{
	begin();
	source = add(ready);
	uv_timer_init(&uv, &timer);
	uv_timer_start(&timer, on_tick, 1, 1);
	host_loop_run(&loop);
	/* The last one may have found the loop stopped. */
	ck_assert_uint_ge(calls, 49);
	ck_assert_uint_le(calls, 50);
	host_loop_close(&loop);
}
END_TEST

static bool three_times(struct host_source *s)
{
	(void)s;
	if (++calls == 3)
		uv_timer_start(&timer, on_tick, 10, 0), ticks = 49;
	return calls < 3;
}

/* A source that wants more is called again without a signal. */
START_TEST(more_turns)
{
	begin();
	uv_timer_init(&uv, &timer);
	source = add(three_times);
	kick(source);
	host_loop_run(&loop);
	ck_assert_uint_ge(calls, 3);
	host_loop_close(&loop);
}
END_TEST

static bool mutes_itself(struct host_source *s)
{
	calls++;
	s->muted = true;
	return false;
}

/* A device that has gone is "ready" for ever: muted, it is not called again, and can still be removed. */
START_TEST(muted)
{
	begin();
	uv_timer_init(&uv, &timer);
	source = add(mutes_itself);
	kick(source);
	uv_timer_start(&timer, on_tick, 1, 1);
	host_loop_run(&loop);
	ck_assert_uint_eq(calls, 1);
	host_loop_close(&loop);
}
END_TEST

static void on_async(uv_async_t *a)
{
	(void)a;
	wakes++;
	host_loop_stop(&loop);
}

static void *other_thread(void *unused)
{
	(void)unused;
	usleep(20000);
	uv_async_send(&async);
	return NULL;
}

/* A wake-up of libuv from another thread ends the wait in the ring. */
START_TEST(async_wakes)
{
	pthread_t thread;

	begin();
	uv_async_init(&uv, &async, on_async);
	pthread_create(&thread, NULL, other_thread, NULL);
	host_loop_run(&loop);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(wakes, 1);
	host_loop_close(&loop);
}
END_TEST

static struct host_source *many[40];

static void remove_all(uv_timer_t *t)
{
	unsigned int i;

	(void)t;
	if (++ticks > 1) {
		host_loop_stop(&loop);
		return;
	}
	for (i = 0; i < 40; i++) {
		if (i % 2)
			kick(many[i]);
		host_loop_remove(many[i]);
		host_loop_remove(many[i]);
	}
	uv_timer_start(&timer, remove_all, 20, 0);
}

/* Sources that are removed, signalled or not, are let go by the kernel before their memory is freed. */
START_TEST(removal)
{
	unsigned int i;

	begin();
	for (i = 0; i < 40; i++)
		many[i] = add(ready);
	uv_timer_init(&uv, &timer);
	uv_timer_start(&timer, remove_all, 5, 0);
	host_loop_run(&loop);
	ck_assert_uint_eq(removals, 40);
	host_loop_close(&loop);
}
END_TEST

static bool removes_neighbours(struct host_source *s)
{
	unsigned int i;

	(void)s;
	/* As a reset of the guest does, from the signal of one channel: all of them, itself too. */
	for (i = 0; i < 40; i++)
		host_loop_remove(many[i]);
	uv_timer_start(&timer, remove_all, 20, 0);
	ticks = 1;
	return true;
}

START_TEST(removal_from_ready)
{
	unsigned int i;

	begin();
	uv_timer_init(&uv, &timer);
	for (i = 0; i < 40; i++) {
		many[i] = add(removes_neighbours);
		kick(many[i]);
	}
	host_loop_run(&loop);
	ck_assert_uint_eq(removals, 40);
	host_loop_close(&loop);
}
END_TEST

static void done(void *context, struct disk_op *op, int result)
{
	(void)context;
	(void)op;
	last_result = result;
	done_count++;
}

static void process(void *context)
{
	struct disk_queue *q = *(struct disk_queue **)context;

	processed++;
	q->ops->reap(q, false);
	if (done_count >= 4)
		host_loop_stop(&loop);
}

static struct disk_op operation(enum disk_op_kind kind, int file, struct iovec *iov, unsigned int count, uint64_t offset)
{
	return (struct disk_op){ .kind = kind, .file = file, .iov = iov, .iov_count = count, .offset = offset, .length = 4096 };
}

/* A controller's operations go through the same ring: in the loop, and in a wait for all that are in flight. */
START_TEST(disk_operations)
{
	char out[8192], in[8192] = "";
	struct iovec whole = { out, sizeof out }, halves[2] = { { in, 4096 }, { in + 4096, 4096 } };
	struct disk_op write_op, read_op, flush_op, punch_op, bad_op;
	int fd = memfd_create("disk", MFD_CLOEXEC), file;

	begin();
	memset(out, 0x5a, sizeof out);
	ck_assert_int_eq(ring_queue_create(&loop, process, &queue, &queue), 0);
	queue->done = done;
	file = queue->ops->add_file(queue, fd);
	ck_assert_int_ge(file, 0);
	write_op = operation(DISK_WRITE, file, &whole, 1, 0);
	flush_op = operation(DISK_FLUSH, file, NULL, 0, 0);
	bad_op = operation(DISK_READ, 9999, halves, 2, 0);
	punch_op = operation(DISK_PUNCH, file, NULL, 0, 4096);
	ck_assert(queue->ops->start(queue, &write_op));
	queue->ops->submit(queue);
	ck_assert_uint_eq(queue->ops->reap(queue, false), 0);
	ck_assert_uint_eq(queue->ops->reap(queue, true), 1);
	ck_assert_int_eq(last_result, 8192);
	ck_assert(queue->ops->start(queue, &punch_op));
	ck_assert(queue->ops->start(queue, &flush_op));
	ck_assert(queue->ops->start(queue, &bad_op));
	host_loop_run(&loop);
	ck_assert_uint_eq(done_count, 4);
	ck_assert_uint_ge(processed, 1);
	read_op = operation(DISK_READ, file, halves, 2, 0);
	ck_assert(queue->ops->start(queue, &read_op));
	while (queue->ops->reap(queue, true) == 0)
		;
	ck_assert_int_eq(last_result, 8192);
	ck_assert_int_eq(in[4095], 0x5a);
	ck_assert_int_eq(in[4096], 0);
	queue->ops->free(queue);
	host_loop_close(&loop);
	close(fd);
}
END_TEST

static unsigned int runs, seen_by_guest;

/* A loop without any handle is always due. */
static void begin_with_guest(bool (*run)(void *context))
{
	begin();
	uv_timer_init(&uv, &timer);
	uv_timer_start(&timer, on_tick, 100000, 0);
	source = add(ready);
	loop.run_guest = run;
}

/* A guest that signals twice, each time with work behind it, and then waits. */
static bool run_guest(void *context)
{
	(void)context;
	/* What the last run had brought was done before this one. */
	ck_assert_uint_eq(calls, seen_by_guest);
	if (++runs <= 2) {
		kick(source);
		seen_by_guest++;
		return false;
	}
	/* The loop waits now: only the thread lets it go on. */
	if (runs == 3)
		return true;
	host_loop_stop(&loop);
	return false;
}

static void *kick_later(void *context)
{
	(void)context;
	while (__atomic_load_n(&runs, __ATOMIC_ACQUIRE) < 3)
		usleep(100);
	seen_by_guest++;
	kick(source);
	return NULL;
}

/* The guest on the loop's thread: it runs when there is nothing to do, and a blocked one leaves the loop to wait for whatever comes. */
START_TEST(guest_runs)
{
	pthread_t thread;

	begin_with_guest(run_guest);
	ck_assert_int_eq(pthread_create(&thread, NULL, kick_later, NULL), 0);
	host_loop_run(&loop);
	ck_assert_uint_eq(runs, 4);
	ck_assert_uint_eq(calls, 3);
	pthread_join(thread, NULL);
	host_loop_close(&loop);
}
END_TEST

/* A descriptor that must be gone is, when the call returns: nobody else holds its file. */
START_TEST(removal_now)
{
	struct host_source *s;
	int ends[2];

	begin_with_guest(run_guest);
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	s = add(ready);
	close(s->fd);
	s->fd = ends[0];
	runs = 3;
	host_loop_run(&loop);
	ck_assert(s->armed);
	close(ends[0]);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	host_loop_remove_now(s);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(write(ends[1], "y", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	host_loop_close(&loop);
}
END_TEST

RUN_TESTS("worker host loop", timers_and_signals, more_turns, muted, async_wakes, removal, removal_from_ready, disk_operations, guest_runs, removal_now)
