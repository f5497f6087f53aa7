/* SPDX-License-Identifier: BSD-2-Clause */
/* See daemon.h. */
#include "wmi-like-api/cim/daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 500u
#define TURN     64u    /* messages handled before others have their turn */

struct call {
	struct call *next, **at;
	struct daemon *daemon;
	daemon_reply_fn fn;
	void *arg;
	bool unsent;               /* to be answered by an error at the next turn of the loop */
};

struct daemon {
	struct cim_options options;
	struct daemon_events events;
	sd_bus *bus;
	uv_poll_t *poll;           /* freed by libuv's close callback, as each connection has its own */
	uv_prepare_t prepare;
	uv_timer_t timer, retry;
	int watched;
	uint64_t due_us;
	bool broken;
	struct call *calls;
	unsigned handles;
};

static void on_retry(uv_timer_t *timer);

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void answer(struct call *c, sd_bus_message *reply, const char *name, const char *text)
{
	if (c->next)
		c->next->at = c->at;
	*c->at = c->next;
	c->fn(c->arg, reply, name, text);
	free(c);
}

static void disconnect(struct daemon *d)
{
	sd_bus *bus = d->bus;

	if (!bus)
		return;
	d->bus = NULL;
	uv_close((uv_handle_t *)d->poll, free_handle);
	d->poll = NULL;
	uv_timer_stop(&d->timer);
	sd_bus_close_unref(bus);
	while (d->calls)
		answer(d->calls, NULL, "org.bulkhead.Error.Failed", "the connection to bulkheadd was lost");
	d->events.down(d->events.arg);
}

static void process(struct daemon *d)
{
	unsigned left = TURN;
	int rc = 1;

	while (d->bus && rc > 0 && left--)
		rc = sd_bus_process(d->bus, NULL);
	if (rc < 0)
		d->broken = true;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;

	(void)events;
	if (status < 0)
		d->broken = true;
	else
		process(d);
}

static void on_timer(uv_timer_t *timer)
{
	process(timer->data);
}

static void rearm(struct daemon *d)
{
	int wanted = sd_bus_get_events(d->bus), events;
	struct timespec now;
	uint64_t due, now_us;

	if (wanted < 0) {
		d->broken = true;
		return;
	}
	events = (wanted & POLLIN ? UV_READABLE : 0) | (wanted & POLLOUT ? UV_WRITABLE : 0) | UV_DISCONNECT;
	if (events != d->watched)
		uv_poll_start(d->poll, events, on_poll);
	d->watched = events;
	if (sd_bus_get_timeout(d->bus, &due) < 0)
		due = UINT64_MAX;
	if (due == UINT64_MAX) {
		uv_timer_stop(&d->timer);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	uv_timer_start(&d->timer, on_timer, due <= now_us ? 0 : (due - now_us) / 1000 + 1, 0);
}

/* Calls may be made from anywhere, so what the connection waits for is looked at before each poll. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct daemon *d = prepare->data;
	struct call *next;

	for (struct call *c = d->calls; c; c = next) {
		next = c->next;
		if (c->unsent) {
			answer(c, NULL, "org.bulkhead.Error.Failed", "not connected to bulkheadd");
			next = d->calls;   /* fn may have done anything */
		}
	}
	if (d->bus)
		rearm(d);
	if (d->bus && d->broken)
		disconnect(d);
	if (!d->bus && !uv_is_active((uv_handle_t *)&d->retry))
		uv_timer_start(&d->retry, on_retry, RETRY_MS, 0);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *partition, *kind, *state, *text;
	struct daemon *d = userdata;
	uint64_t sequence, time;

	(void)error;
	if (!sd_bus_message_is_signal(m, "org.bulkhead.Manager1", "Event"))
		return 0;
	if (sd_bus_message_read(m, "ttssss", &sequence, &time, &partition, &kind, &state, &text) >= 0)
		d->events.event(d->events.arg, partition, kind);
	return 1;
}

static void start(struct daemon *d, int fd)
{
	int rc = sd_bus_new(&d->bus);

	if (rc < 0) {
		close(fd);
		return;
	}
	rc = sd_bus_set_fd(d->bus, fd, fd);
	if (rc < 0)
		close(fd);
	if (rc >= 0)
		rc = sd_bus_add_filter(d->bus, NULL, on_message, d);
	if (rc >= 0)
		rc = sd_bus_start(d->bus);
	d->poll = calloc(1, sizeof *d->poll);
	if (rc < 0 || !d->poll || uv_poll_init(d->options.loop, d->poll, fd)) {
		sd_bus_close_unref(d->bus);
		d->bus = NULL;
		free(d->poll);
		d->poll = NULL;
		return;
	}
	d->poll->data = d;
	d->watched = 0;
	d->broken = false;
	d->events.up(d->events.arg);
}

static void connect_to(struct daemon *d)
{
	int fd = d->options.connect(d->options.arg);

	if (fd >= 0)
		start(d, fd);
}

static void on_retry(uv_timer_t *timer)
{
	connect_to(timer->data);
}

struct daemon *daemon_open(const struct cim_options *options, const struct daemon_events *events)
{
	struct daemon *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->options = *options;
	d->events = *events;
	uv_prepare_init(options->loop, &d->prepare);
	uv_timer_init(options->loop, &d->timer);
	uv_timer_init(options->loop, &d->retry);
	d->prepare.data = d->timer.data = d->retry.data = d;
	d->handles = 3;
	uv_prepare_start(&d->prepare, on_prepare);
	uv_timer_start(&d->retry, on_retry, 0, 0);
	return d;
}

static void on_closed(uv_handle_t *handle)
{
	struct daemon *d = handle->data;

	if (!--d->handles)
		free(d);
}

void daemon_close(struct daemon *d)
{
	disconnect(d);
	while (d->calls)
		answer(d->calls, NULL, "org.bulkhead.Error.Failed", "the service ends");
	uv_close((uv_handle_t *)&d->prepare, on_closed);
	uv_close((uv_handle_t *)&d->timer, on_closed);
	uv_close((uv_handle_t *)&d->retry, on_closed);
}

bool daemon_is_up(const struct daemon *d)
{
	return d->bus;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	(void)ignored;
	if (error)
		answer(userdata, NULL, error->name, error->message ? error->message : error->name);
	else
		answer(userdata, reply, NULL, NULL);
	return 1;
}

void daemon_call(struct daemon *d, daemon_reply_fn fn, void *arg, const char *member, const char *types, ...)
{
	struct call *c = calloc(1, sizeof *c);
	sd_bus_message *m = NULL;
	va_list args;
	int rc = -ENOTCONN;

	if (!c)
		abort();
	*c = (struct call){ .next = d->calls, .at = &d->calls, .daemon = d, .fn = fn, .arg = arg };
	if (c->next)
		c->next->at = &c->next;
	d->calls = c;
	if (d->bus)
		rc = sd_bus_message_new_method_call(d->bus, &m, NULL, "/org/bulkhead", "org.bulkhead.Manager1", member);
	va_start(args, types);
	if (rc >= 0 && *types)
		rc = sd_bus_message_appendv(m, types, args);
	va_end(args);
	if (rc >= 0)
		rc = sd_bus_call_async(d->bus, NULL, m, on_reply, c, UINT64_MAX);
	sd_bus_message_unref(m);
	c->unsent = rc < 0;
}
