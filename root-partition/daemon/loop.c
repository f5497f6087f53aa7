/* SPDX-License-Identifier: BSD-2-Clause */
/* See loop.h. */
#include "root-partition/daemon/loop.h"

#include <stdlib.h>

struct watch {
	uv_poll_t poll;
	watch_fn fn;
	void *arg;
};

struct timer {
	uv_timer_t timer;
	timer_fn fn;
	void *arg;
};

static void free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;

	watch->fn(watch->arg, status < 0 ? UV_READABLE | UV_DISCONNECT : events);
}

struct watch *watch_new(uv_loop_t *loop, int fd, int events, watch_fn fn, void *arg)
{
	struct watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	if (uv_poll_init(loop, &watch->poll, fd)) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch->fn = fn;
	watch->arg = arg;
	uv_poll_start(&watch->poll, events, on_poll);
	return watch;
}

void watch_set_events(struct watch *watch, int events)
{
	uv_poll_start(&watch->poll, events, on_poll);
}

void watch_free(struct watch **watch)
{
	if (*watch)
		uv_close((uv_handle_t *)&(*watch)->poll, free_handle);
	*watch = NULL;
}

static void on_timer(uv_timer_t *handle)
{
	struct timer *timer = handle->data;

	timer->fn(timer->arg);
}

struct timer *timer_new(uv_loop_t *loop, uint64_t milliseconds, timer_fn fn, void *arg)
{
	struct timer *timer = calloc(1, sizeof *timer);

	if (!timer)
		return NULL;
	uv_update_time(loop);
	uv_timer_init(loop, &timer->timer);
	timer->timer.data = timer;
	timer->fn = fn;
	timer->arg = arg;
	uv_timer_start(&timer->timer, on_timer, milliseconds, 0);
	return timer;
}

void timer_free(struct timer **timer)
{
	if (*timer)
		uv_close((uv_handle_t *)&(*timer)->timer, free_handle);
	*timer = NULL;
}
