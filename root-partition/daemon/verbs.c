/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be asked of a partition. Each answers its caller exactly once, now or later, and never makes another caller wait.
 * Shut down (by the guest's integration component) and turn off (hard) are kept apart, and the answer says which it was.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/daemon/host.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/replace.h"
#include "root-partition/daemon/spawn.h"

#define START_MS   120000u   /* from the process to a running guest */
#define REQUEST_MS 5000u
#define END_MS     5000u

struct verb {
	struct partition *partition;
	const char *past;            /* what is answered when it worked */
	uint64_t timeout_ms;
	bool force, reboot;
	uint32_t reset_count;
	enum partition_state state;  /* after it worked */
	done_fn done;
	void *arg;
};

__attribute__((format(printf, 4, 5)))
static void refuse(done_fn done, void *arg, int error, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (done)
		done(arg, error, text);
}

static void on_spawned(struct spawn *s)
{
	struct partition *p = s->partition;

	p->spawn = NULL;
	if (s->error) {
		char why[sizeof s->text];

		snprintf(why, sizeof why, "%s", s->text);
		spawn_free(s);
		config_free(p->running);
		p->running = NULL;
		timer_free(&p->guard);
		instance_failed(p, why, false);
		return;
	}
	p->memory_fd = s->memory_fd;
	p->state_fd = s->state_fd;
	p->log_offset = s->log_offset;
	replace_watch(p, s);
	instance_begin(p, s->pid, s->record.ticks, s->pidfd, true);
	s->memory_fd = s->state_fd = s->pidfd = -1;
	spawn_free(s);
	if (p->stop_requested)   /* turned off before there was anything to turn off */
		instance_kill(p, p->stop_path);
}

void partition_start(struct partition *p, bool paused, uint64_t timeout_ms, done_fn done, void *arg)
{
	struct partition_config *for_spawn = NULL, *config = NULL;
	struct config_error error;
	char why[512];
	int rc;

	if (!p->config) {
		refuse(done, arg, ENOENT, "is not defined any more");
		return;
	}
	if (partition_is_active(p)) {
		refuse(done, arg, EBUSY, "is %s already", partition_state_names[p->state]);
		return;
	}
	timer_free(&p->restart_timer);
	if (!p->policy_start)
		p->crash_count = 0;
	rc = partition_open_run_dir(p);
	if (rc) {
		snprintf(why, sizeof why, "%s/%s: %s", p->manager->options->run_dir, p->name, strerror(-rc));
		goto fail;
	}
	if (host_check_memory(p->manager, p->config->startup_bytes, why, sizeof why))
		goto fail;
	if (config_parse(p->name, p->text, p->text_size, &for_spawn, &error) ||
	    config_parse(p->name, p->text, p->text_size, &config, &error)) {
		config_free(for_spawn);
		snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, error.text);
		goto fail;
	}
	p->running = config;
	memory_forget(p);
	p->replacement_count = p->replacement_total = 0;
	p->log_offset = 0;
	p->stop_requested = p->killed = p->reset_expected = false;
	*p->stop_path = 0;
	memset(&p->status, 0, sizeof p->status);
	p->started_us = realtime_us();
	partition_set_state(p, PARTITION_STARTING, "");
	if (!partition_wait(p, WAIT_STARTED, timeout_ms, done, arg))
		done = NULL;
	p->spawn = spawn_begin(p, for_spawn, paused, NULL, on_spawned);
	if (!p->spawn) {
		config_free(p->running);
		p->running = NULL;
		instance_failed(p, "out of memory", false);
		return;
	}
	instance_guard(p, START_MS);
	return;
fail:
	/* A caller is told, and nothing has changed. Without one the state must tell. */
	if (!done)
		instance_failed(p, why, false);
	refuse(done, arg, EIO, "%s", why);
}

static void on_off_reply(void *arg, const struct worker_message *reply, int error, const char *text)
{
	struct partition *p = arg;

	(void)reply;
	(void)text;
	/* ECONNRESET: it has ended, or will have been killed by the guard. */
	if (error && error != ECONNRESET && p->worker_pid)
		instance_guard(p, 1);
}

void partition_turn_off(struct partition *p, const char *path, done_fn done, void *arg)
{
	struct worker_message message = { .type = WORKER_TURN_OFF, .size = sizeof message };

	if (p->state == PARTITION_RESTARTING && !partition_is_active(p)) {
		policy_forget(p);
		partition_set_state(p, PARTITION_OFF, "turned off while it waited to be restarted");
		refuse(done, arg, 0, "%s", p->reason);
		return;
	}
	if (!partition_is_active(p)) {
		refuse(done, arg, EBUSY, "is %s; there is nothing to turn off", partition_state_names[p->state]);
		return;
	}
	snprintf(p->stop_path, sizeof p->stop_path, "%s", path ? path : "turned off");
	p->stop_requested = true;
	replace_forget(p);
	if (done)
		partition_wait(p, WAIT_STOPPED, 0, done, arg);
	if (p->state != PARTITION_STOPPING)
		partition_set_state(p, PARTITION_STOPPING, "");
	if (p->spawn)
		return;          /* on_spawned() goes on */
	if (!p->link) {
		instance_kill(p, p->stop_path);
		return;
	}
	instance_guard(p, END_MS);
	link_request(p->link, &message, END_MS, on_off_reply, p);
}

static void on_shutdown_reply(void *arg, const struct worker_message *message, int error, const char *text)
{
	const struct worker_reply *reply = (const struct worker_reply *)message;
	struct verb *v = arg;
	struct partition *p = v->partition;
	struct waiter *w;

	if (!error && message->type != WORKER_REPLY)
		error = EPROTO, text = "the worker has given a wrong answer";
	else if (!error && reply->error)
		error = -reply->error, text = *reply->text ? reply->text : strerror(-reply->error);
	if (error == ECONNRESET) {
		/* It has ended before it answered; its state will say how. */
		partition_wait(p, v->reboot ? WAIT_REBOOTED : WAIT_STOPPED, 1000, v->done, v->arg);
	} else if (error && v->force) {
		char path[160];

		snprintf(path, sizeof path, "turned off: forced, %.100s", text);
		partition_turn_off(p, path, v->done, v->arg);
	} else if (error) {
		refuse(v->done, v->arg, error, "%.256s; 'bhctl turn-off %s' stops it hard", text, p->name);
	} else {
		w = partition_wait(p, v->reboot ? WAIT_REBOOTED : WAIT_STOPPED, v->timeout_ms, v->done, v->arg);
		if (w) {
			w->force = v->force;
			w->reset_count = v->reset_count;
		}
		if (!v->reboot && p->state == PARTITION_RUNNING) {
			p->stop_requested = true;
			snprintf(p->stop_path, sizeof p->stop_path, "shut down by its integration component");
			partition_set_state(p, PARTITION_STOPPING, "");
		} else if (v->reboot) {
			p->reset_expected = true;
			partition_wake_waiters(p);
		}
	}
	free(v);
}

void partition_shutdown(struct partition *p, uint64_t timeout_ms, bool force, bool reboot, done_fn done, void *arg)
{
	struct worker_shutdown message = { .header = { .type = WORKER_SHUTDOWN, .size = sizeof message }, .reboot = reboot };
	const char *why = NULL;
	struct verb *v;
	char path[160];

	if (p->state != PARTITION_RUNNING) {
		refuse(done, arg, EBUSY, "is %s; only a running guest can be %s", partition_state_names[p->state],
		       reboot ? "rebooted" : "shut down");
		return;
	}
	if (p->running && !(p->running->integration & CONFIG_IC_SHUTDOWN))
		why = "the shutdown component is switched off in its definition";
	else if (!p->link)
		why = "the worker cannot be reached";
	else if (!(p->status.ic_ready & WORKER_IC_SHUTDOWN))
		why = "the guest's shutdown component is not ready (it is still booting, or has no hv_utils)";
	if (why && force) {
		snprintf(path, sizeof path, "turned off: forced, %s", why);
		partition_turn_off(p, path, done, arg);
		return;
	}
	if (why) {
		refuse(done, arg, ENOTCONN, "%s; 'bhctl turn-off %s' stops it hard", why, p->name);
		return;
	}
	v = malloc(sizeof *v);
	if (!v) {
		refuse(done, arg, ENOMEM, "out of memory");
		return;
	}
	*v = (struct verb){ .partition = p, .timeout_ms = timeout_ms, .force = force, .reboot = reboot, .done = done, .arg = arg,
			    .reset_count = p->status.reset_count };
	snprintf(message.text, sizeof message.text, "bhctl");
	link_request(p->link, &message.header, REQUEST_MS, on_shutdown_reply, v);
}

static void on_simple_reply(void *arg, const struct worker_message *message, int error, const char *text)
{
	const struct worker_reply *reply = (const struct worker_reply *)message;
	struct verb *v = arg;
	struct partition *p = v->partition;

	if (!error && message->type != WORKER_REPLY)
		error = EPROTO, text = "the worker has given a wrong answer";
	else if (!error && reply->error)
		error = -reply->error, text = *reply->text ? reply->text : strerror(-reply->error);
	if (error) {
		p->reset_expected = false;
		refuse(v->done, v->arg, error, "%s", text);
	} else {
		if (p->state != v->state && p->worker_pid && !p->stop_requested)
			partition_set_state(p, v->state, "");
		refuse(v->done, v->arg, 0, "%s", v->past);
	}
	free(v);
}

static void simple(struct partition *p, uint32_t type, const char *past, enum partition_state after, done_fn done, void *arg)
{
	struct worker_message message = { .type = type, .size = sizeof message };
	struct verb *v;

	if (!p->link) {
		refuse(done, arg, EIO, "the worker cannot be reached");
		return;
	}
	v = malloc(sizeof *v);
	if (!v) {
		refuse(done, arg, ENOMEM, "out of memory");
		return;
	}
	*v = (struct verb){ .partition = p, .past = past, .state = after, .done = done, .arg = arg };
	link_request(p->link, &message, REQUEST_MS, on_simple_reply, v);
}

void partition_pause(struct partition *p, done_fn done, void *arg)
{
	if (p->state != PARTITION_RUNNING)
		refuse(done, arg, EBUSY, "is %s; only a running partition can be paused", partition_state_names[p->state]);
	else
		simple(p, WORKER_PAUSE, "paused", PARTITION_PAUSED, done, arg);
}

void partition_resume(struct partition *p, done_fn done, void *arg)
{
	if (p->state != PARTITION_PAUSED)
		refuse(done, arg, EBUSY, "is %s; only a paused partition can be resumed", partition_state_names[p->state]);
	else
		simple(p, WORKER_RESUME, "resumed", PARTITION_RUNNING, done, arg);
}

void partition_reset(struct partition *p, done_fn done, void *arg)
{
	if (p->state != PARTITION_RUNNING && p->state != PARTITION_PAUSED) {
		refuse(done, arg, EBUSY, "is %s; only a running partition can be reset", partition_state_names[p->state]);
		return;
	}
	p->reset_expected = true;
	simple(p, WORKER_RESET, "reset", p->state, done, arg);
}

struct stats_request {
	stats_fn fn;
	void *arg;
};

static void on_stats(void *arg, const struct worker_message *reply, int error, const char *text)
{
	struct stats_request *request = arg;

	if (!error && reply->type != WORKER_STATS)
		error = EPROTO, text = "the worker has given a wrong answer";
	request->fn(request->arg, error ? NULL : (const struct worker_stats *)reply, text);
	free(request);
}

void partition_stats(struct partition *p, stats_fn fn, void *arg)
{
	struct worker_message message = { .type = WORKER_GET_STATS, .size = sizeof message };
	struct stats_request *request;

	if (!p->link) {
		fn(arg, NULL, p->worker_pid ? "the worker cannot be reached" : "");
		return;
	}
	request = malloc(sizeof *request);
	if (!request) {
		fn(arg, NULL, "out of memory");
		return;
	}
	*request = (struct stats_request){ .fn = fn, .arg = arg };
	link_request(p->link, &message, 1000, on_stats, request);
}
