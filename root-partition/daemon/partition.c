/* SPDX-License-Identifier: BSD-2-Clause */
/* See partition.h: definition, state and waiting callers. What a worker does to it is in instance.c. */
#include "root-partition/daemon/partition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/replace.h"
#include "root-partition/daemon/text.h"

const char *const partition_service_names[WORKER_ICS] = { "shutdown", "heartbeat", "timesync", "kvp", "vss", "fcopy" };
const char *const partition_state_names[] = { "off", "starting", "running", "paused", "stopping", "failed", "restarting" };

struct partition *partition_new(struct manager *manager, const char *name)
{
	struct partition *p = calloc(1, sizeof *p), **at = &manager->partitions;

	if (!p)
		return NULL;
	p->manager = manager;
	snprintf(p->name, sizeof p->name, "%s", name);
	p->run_fd = p->pidfd = p->memory_fd = p->state_fd = -1;
	p->held = HELD_NONE;
	p->since_us = realtime_us();
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	return p;
}

void partition_set_definition(struct partition *p, char *text, size_t size, struct partition_config *config)
{
	free(p->text);
	config_free(p->config);
	p->text = text;
	p->text_size = size;
	p->config = config;
}

void partition_free(struct partition *p)
{
	struct partition **at = &p->manager->partitions;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	link_free(&p->link);
	while (p->waiters)
		partition_fail_waiters(p, p->waiters->what, ECANCELED, "the daemon ends; the partition goes on");
	watch_free(&p->pidfd_watch);
	timer_free(&p->guard);
	timer_free(&p->link_timer);
	timer_free(&p->restart_timer);
	timer_free(&p->crash_timer);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->memory_fd >= 0)
		close(p->memory_fd);
	if (p->state_fd >= 0)
		close(p->state_fd);
	replace_forget(p);
	replace_answer(p, ECANCELED, "the daemon ends; the partition goes on");
	if (p->run_fd >= 0)
		close(p->run_fd);
	config_free(p->config);
	config_free(p->running);
	free(p->text);
	free(p);
}

int partition_open_run_dir(struct partition *p)
{
	int run_fd = p->manager->run_fd;

	if (p->run_fd >= 0)
		return 0;
	if (mkdirat(run_fd, p->name, 0755) < 0 && errno != EEXIST)
		return -errno;
	p->run_fd = openat(run_fd, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return p->run_fd < 0 ? -errno : 0;
}

void partition_set_state(struct partition *p, enum partition_state state, const char *reason)
{
	struct record record;
	int rc;

	p->state = state;
	p->since_us = realtime_us();
	if (reason != p->reason)
		snprintf(p->reason, sizeof p->reason, "%s", reason ? reason : "");
	text_clean(p->reason);   /* a guest may have had a hand in it */
	log_message(state == PARTITION_FAILED ? LOG_ERR : LOG_INFO, p->name, "%s%s%s", partition_state_names[state], *p->reason ? ": " : "",
		    p->reason);
	if (p->run_fd >= 0) {
		record_of(p, &record);
		rc = record_write(p->run_fd, &record);
		if (rc)
			log_message(LOG_ERR, p->name, "%s/%s/state: %s", p->manager->options->run_dir, p->name, strerror(-rc));
	}
	events_add(p->manager, p->name, "state", partition_state_names[state], p->reason);
	partition_wake_waiters(p);
}

static void remove_waiter(struct waiter *w)
{
	struct waiter **at = &w->partition->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	timer_free(&w->timer);
}

static void finish(struct waiter *w, int error, const char *text)
{
	remove_waiter(w);
	if (w->done)
		w->done(w->arg, error, text);
	free(w);
}

static void on_timeout(void *arg)
{
	struct waiter *w = arg;
	struct partition *p = w->partition;
	unsigned long long seconds = (uv_now(p->manager->loop) - w->since_ms + 500) / 1000;
	char text[256];

	if (w->what == WAIT_STOPPED && w->force) {
		timer_free(&w->timer);
		snprintf(text, sizeof text, "turned off: forced, the guest had not powered off within %llu s", seconds);
		/* The waiter stays; it is answered when the worker has ended. */
		partition_turn_off(p, text, NULL, NULL);
		return;
	}
	if (w->what == WAIT_STARTED)
		snprintf(text, sizeof text, "not running after %llu s; it is still %s", seconds, partition_state_names[p->state]);
	else
		snprintf(text, sizeof text, "the guest was asked %llu s ago and has not %s; it is still %s; 'bhctl turn-off %s' stops it hard",
			 seconds, w->what == WAIT_STOPPED ? "powered off" : "rebooted", partition_state_names[p->state], p->name);
	if (p->state == PARTITION_STOPPING && w->what == WAIT_STOPPED && !p->guard) {
		p->stop_requested = false;
		partition_set_state(p, PARTITION_RUNNING, "");
	}
	finish(w, ETIMEDOUT, text);
}

struct waiter *partition_wait(struct partition *p, enum waiting what, uint64_t timeout_ms, done_fn done, void *arg)
{
	struct waiter *w = calloc(1, sizeof *w);

	if (!w) {
		if (done)
			done(arg, ENOMEM, "out of memory");
		return NULL;
	}
	*w = (struct waiter){ .next = p->waiters, .partition = p, .what = what, .reset_count = p->status.reset_count, .done = done,
			      .arg = arg, .since_ms = uv_now(p->manager->loop) };
	if (timeout_ms)
		w->timer = timer_new(p->manager->loop, timeout_ms, on_timeout, w);
	p->waiters = w;
	return w;
}

/* Whether the state answers what w waits for. */
static bool is_answered(const struct partition *p, const struct waiter *w, int *error)
{
	bool ended = p->state == PARTITION_OFF || p->state == PARTITION_FAILED || p->state == PARTITION_RESTARTING;

	*error = 0;
	switch (w->what) {
	case WAIT_STARTED:
		*error = ended ? EIO : 0;
		return ended || p->state == PARTITION_RUNNING || p->state == PARTITION_PAUSED;
	case WAIT_STOPPED:
		*error = p->state == PARTITION_OFF ? 0 : EIO;
		return ended;
	case WAIT_REBOOTED:
		*error = ended ? EIO : 0;
		return ended || p->status.reset_count != w->reset_count;
	}
	return false;
}

void partition_wake_waiters(struct partition *p)
{
	struct waiter *w = p->waiters, *next;
	char text[512];
	int error;

	for (; w; w = next) {
		next = w->next;
		if (!is_answered(p, w, &error))
			continue;
		if (w->what == WAIT_REBOOTED && !error)
			snprintf(text, sizeof text, "rebooted by its integration component");
		else
			snprintf(text, sizeof text, "%s", *p->reason ? p->reason : partition_state_names[p->state]);
		finish(w, error, text);
	}
}

void partition_fail_waiters(struct partition *p, enum waiting what, int error, const char *text)
{
	struct waiter *w = p->waiters, *next;

	for (; w; w = next) {
		next = w->next;
		if (w->what == what)
			finish(w, error, text);
	}
}
