/* SPDX-License-Identifier: BSD-2-Clause */
/* One ring for guest signals, disk requests and libuv: all three are served, none is lost, removal is safe. */
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host_loop.h"
#include "main.h"

static struct host_loop loop;
static uv_loop_t uv;
static uv_timer_t timer;
static uv_async_t async;
static unsigned int signals, removals, disk_completions, ticks, wakes;
static struct host_source *first;
static uint64_t disk_word;

static void disk_complete(void *context, void *user_data, int32_t result)
{
	ck_assert_ptr_eq(context, &loop);
	ck_assert_ptr_eq(user_data, &disk_word);
	ck_assert_int_eq(result, 8);
	disk_completions++;
}

static void ready(struct host_source *source)
{
	signals += (unsigned int)source->value;
}

static void removed(struct host_source *source)
{
	removals++;
	close(source->fd);
	free(source);
}

static struct host_source *add(void)
{
	struct host_source *s = calloc(1, sizeof *s);

	s->ready = ready;
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
	ck_assert_int_eq(host_loop_init(&loop, &uv, disk_complete, NULL, &loop), 0);
}

static void stop_when_done(uv_timer_t *t)
{
	(void)t;
	if (++ticks >= 50) {
		uv_timer_stop(&timer);
		host_loop_stop(&loop);
		return;
	}
	if (ticks % 2)
		kick(first);
	if (ticks == 20) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&loop.ring);

		kick(first);
		io_uring_prep_read(sqe, first->fd, &disk_word, sizeof disk_word, 0);
		io_uring_sqe_set_data(sqe, &disk_word);
		kick(first);
	}
}

/* A timer of libuv signals eventfds that the ring reads; requests of others get their handler. */
START_TEST(all_three)
{
	begin();
	first = add();
	uv_timer_init(&uv, &timer);
	uv_timer_start(&timer, stop_when_done, 1, 1);
	host_loop_run(&loop);
	ck_assert_uint_ge(signals + disk_word, 26);
	ck_assert_uint_le(disk_completions, 1);
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
	(void)t;
	if (++ticks == 1) {
		unsigned int i;

		for (i = 0; i < 40; i++) {
			if (i % 2)
				kick(many[i]);
			host_loop_remove(many[i]);
			host_loop_remove(many[i]);
		}
		uv_timer_start(&timer, remove_all, 20, 0);
		return;
	}
	host_loop_stop(&loop);
}

/* Sources that are removed are let go by the kernel before their memory is freed, signalled or not; none is armed again. */
START_TEST(removal)
{
	unsigned int i;

	begin();
	for (i = 0; i < 40; i++)
		many[i] = add();
	uv_timer_init(&uv, &timer);
	uv_timer_start(&timer, remove_all, 5, 0);
	host_loop_run(&loop);
	ck_assert_uint_eq(removals, 40);
	host_loop_close(&loop);
}
END_TEST

RUN_TESTS("worker host loop", all_three, async_wakes, removal)
