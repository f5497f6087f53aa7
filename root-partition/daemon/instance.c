/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker from the moment it is watched to what is said of its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/daemon/cgroup.h"
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/logtail.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/replace.h"
#include "root-partition/daemon/text.h"

#define RECONNECT_MS 300u
#define EXIT_MS      5000u   /* from a final status to the end of the process */

static void connect_link(void *arg)
{
	struct partition *p = arg;

	timer_free(&p->link_timer);
	p->link = link_open(p);
	if (!p->link)
		p->link_timer = timer_new(p->manager->loop, RECONNECT_MS, connect_link, p);
}

void instance_on_link_lost(struct partition *p)
{
	link_free(&p->link);
	if (!p->link_timer)   /* if the process has ended too, its pidfd says so before this */
		p->link_timer = timer_new(p->manager->loop, RECONNECT_MS, connect_link, p);
}

static void on_guard(void *arg)
{
	struct partition *p = arg;
	char path[sizeof p->stop_path + 64];

	timer_free(&p->guard);
	if (p->stop_requested)
		snprintf(path, sizeof path, "%s; the worker did not end by itself and was killed", *p->stop_path ? p->stop_path : "turned off");
	else
		snprintf(path, sizeof path, "the worker had not reported a running guest in time and was killed");
	instance_kill(p, path);
}

void instance_guard(struct partition *p, uint64_t milliseconds)
{
	timer_free(&p->guard);
	p->guard = timer_new(p->manager->loop, milliseconds, on_guard, p);
}

void instance_signal(const struct partition *p)
{
	if (p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

void instance_kill(struct partition *p, const char *path)
{
	p->killed = true;
	replace_forget(p);
	snprintf(p->stop_path, sizeof p->stop_path, "%.*s", (int)sizeof p->stop_path - 1, path);
	instance_signal(p);
}

static void local_time(const char *format, char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, size, format, &tm);
}

/* One line on how the process ended; what it had said last, or the end of its log, goes along. */
static void describe_end(struct partition *p, const siginfo_t *how, char *text, size_t size)
{
	char clock[16], said[320] = "";
	const char *name;

	local_time("%H:%M:%S", clock, sizeof clock);
	if (p->status.state == WORKER_STATE_CRASHED && *p->status.reason) {
		snprintf(text, size, "%s, at %s", p->status.reason, clock);
		return;
	}
	if (p->status.state != WORKER_STATE_RUNNING && p->status.state != WORKER_STATE_PAUSED)
		log_tail(p->manager->log_fd, p->name, p->log_offset, said, sizeof said);
	if (!how)
		snprintf(text, size, "worker %d ended at %s; how is not known, an earlier daemon had started it", (int)p->worker_pid, clock);
	else if (how->si_code == CLD_EXITED)
		snprintf(text, size, "worker exited with status %d at %s", how->si_status, clock);
	else if ((name = sigabbrev_np(how->si_status)))
		snprintf(text, size, "worker ended by signal %d (SIG%s) at %s", how->si_status, name, clock);
	else
		snprintf(text, size, "worker ended by signal %d at %s", how->si_status, clock);
	if (*said)
		snprintf(text + strlen(text), size - strlen(text), ": %s", said);
}

void instance_failed(struct partition *p, const char *why, bool was_running)
{
	char reason[sizeof p->reason], date[32];
	int delay = -1;

	snprintf(reason, sizeof reason, "%s", why);
	local_time("%Y-%m-%d %H:%M:%S %z", date, sizeof date);
	snprintf(p->last_failure, sizeof p->last_failure, "%s: %s", date, reason);
	text_clean(p->last_failure);
	if (p->run_fd >= 0)
		config_write_file(p->run_fd, "last-failure", p->last_failure, strlen(p->last_failure), 0644);
	if (p->config && (was_running || p->policy_start) && !p->stop_requested)
		delay = policy_on_failure(p, reason, sizeof reason);
	p->policy_start = p->stop_requested = false;
	partition_set_state(p, delay < 0 ? PARTITION_FAILED : PARTITION_RESTARTING, reason);
	if (delay >= 0)
		policy_schedule(p, (uint64_t)delay * 1000);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void instance_release_worker(struct partition *p)
{
	link_free(&p->link);
	timer_free(&p->link_timer);
	timer_free(&p->guard);
	timer_free(&p->crash_timer);
	watch_free(&p->pidfd_watch);
	close_fd(&p->pidfd);
	unlinkat(p->run_fd, "control.sock", 0);
	unlinkat(p->run_fd, "console.sock", 0);
	unlinkat(p->run_fd, "vsock/connect", 0);
	p->worker_pid = 0;
}

/* Lets go of everything that was the guest's: only now is its memory free again. */
static void release(struct partition *p)
{
	instance_release_worker(p);
	close_fd(&p->memory_fd);
	close_fd(&p->state_fd);
	replace_forget(p);
	unlinkat(p->run_fd, "definition.xml", 0);
	cgroup_remove(p->name);
	config_free(p->running);
	p->running = NULL;
	memory_forget(p);
	p->changed = false;
}

void instance_lost(struct partition *p, const char *reason)
{
	char text[sizeof p->reason];

	snprintf(text, sizeof text, "%s", reason);
	replace_answer(p, EIO, text);
	release(p);
	memset(&p->status, 0, sizeof p->status);
	instance_failed(p, text, true);
	if (!p->config)   /* undefined meanwhile */
		partition_free(p);
}

static void instance_end(struct partition *p, const siginfo_t *how)
{
	bool was_running, clean, powered_off, killed = p->killed, stopping = p->stop_requested;
	char reason[sizeof p->reason];

	if (p->link)
		link_drain(p->link);
	was_running = p->status.state == WORKER_STATE_RUNNING || p->status.state == WORKER_STATE_PAUSED ||
		      p->status.state == WORKER_STATE_CRASHED || p->status.state == WORKER_STATE_STOPPING;
	if (!killed) {
		describe_end(p, how, reason, sizeof reason);
		if (replace_begin(p, reason, sizeof reason))
			return;
	}
	powered_off = p->status.state == WORKER_STATE_OFF;
	/* Without a final status a stop that was asked for is one only if the worker ended as asked: by exit 0 or our SIGKILL. */
	clean = powered_off || (stopping && (killed || !how || (how->si_code == CLD_EXITED && !how->si_status)));
	if (clean && *p->stop_path)
		snprintf(reason, sizeof reason, "%s", p->stop_path);
	else if (clean)
		snprintf(reason, sizeof reason, "%s", *p->status.reason ? p->status.reason : "the guest powered off");
	else if (killed)
		snprintf(reason, sizeof reason, "%s", p->stop_path);
	replace_answer(p, EIO, reason);
	release(p);
	memset(&p->status, 0, sizeof p->status);
	*p->stop_path = 0;
	p->killed = false;
	if (clean) {
		p->stop_requested = p->policy_start = false;
		policy_forget(p);
		partition_set_state(p, PARTITION_OFF, reason);
	} else {
		instance_failed(p, reason, was_running);
	}
	if (!p->config)   /* undefined meanwhile */
		partition_free(p);
}

static void on_pidfd(void *arg, int events)
{
	struct partition *p = arg;
	siginfo_t how = { 0 };

	(void)events;
	if (!p->worker_is_child) {
		instance_end(p, NULL);
		return;
	}
	if (waitid(P_PIDFD, (id_t)p->pidfd, &how, WEXITED | WNOHANG) < 0)
		instance_end(p, NULL);
	else if (how.si_pid)
		instance_end(p, &how);
}

void instance_begin(struct partition *p, pid_t pid, uint64_t ticks, int pidfd, bool is_child)
{
	p->worker_pid = pid;
	p->worker_ticks = ticks;
	p->worker_is_child = is_child;
	p->pidfd = pidfd;
	memset(&p->status, 0, sizeof p->status);
	p->pidfd_watch = watch_new(p->manager->loop, pidfd, UV_READABLE, on_pidfd, p);
	connect_link(p);
}

static void note_integration(struct partition *p, uint32_t before, uint32_t now)
{
	char text[96] = "ready:";

	if (before == now)
		return;
	for (unsigned i = 0; i < WORKER_ICS; i++)
		if (now & 1u << i)
			snprintf(text + strlen(text), sizeof text - strlen(text), " %s", partition_service_names[i]);
	if (!now)
		strcat(text, " none");
	events_add(p->manager, p->name, "integration", partition_state_names[p->state], text);
}

static void note_reset(struct partition *p, bool by_guest)
{
	*p->reason = 0;              /* what the guest was before */
	events_add(p->manager, p->name, "reset", partition_state_names[p->state], by_guest ? "the guest rebooted" : "reset");
	if (by_guest && p->running && p->running->on_reboot == CONFIG_REBOOT_STOP)
		partition_turn_off(p, "turned off: the guest rebooted, and its definition says <on_reboot>stop", NULL, NULL);
}

/* The state that a status stands for, or -1 when it says nothing new about it. */
static int state_of(const struct partition *p)
{
	switch (p->status.state) {
	case WORKER_STATE_STARTING:
		return p->stop_requested ? -1 : PARTITION_STARTING;
	case WORKER_STATE_RUNNING:
		return p->stop_requested ? -1 : PARTITION_RUNNING;
	case WORKER_STATE_PAUSED:
		return p->stop_requested ? -1 : PARTITION_PAUSED;
	case WORKER_STATE_STOPPING:
		return PARTITION_STOPPING;
	}
	return -1;
}

void instance_on_status(struct partition *p, const struct worker_status *status)
{
	struct worker_status before = p->status;
	bool first = !before.header.type;
	int state;

	p->status = *status;
	text_clean(p->status.reason);
	state = state_of(p);
	if (status->state == WORKER_STATE_OFF || status->state == WORKER_STATE_CRASHED) {
		replace_forget(p);
		if (!p->guard)
			instance_guard(p, EXIT_MS);
		return;
	}
	if (p->replace_from && p->replace_from != p->worker_pid)
		replace_answer(p, 0, "its worker was replaced");
	if (state == PARTITION_RUNNING || state == PARTITION_PAUSED) {
		p->policy_start = false;
		if (!p->stop_requested)
			timer_free(&p->guard);
	}
	if (state >= 0 && (enum partition_state)state != p->state)
		partition_set_state(p, (enum partition_state)state, "");
	policy_watch_guest(p);
	note_integration(p, before.ic_ready, status->ic_ready);
	if (first)
		return;
	if (before.guest_flags & ~status->guest_flags & WORKER_GUEST_ALIVE && status->ic_ready & WORKER_IC_HEARTBEAT)
		events_add(p->manager, p->name, "heartbeat", partition_state_names[p->state], "the guest's heartbeat has stopped");
	if (status->guest_crashes != before.guest_crashes) {
		snprintf(p->reason, sizeof p->reason, "the guest crashed: %.255s", p->status.reason);
		log_message(LOG_WARNING, p->name, "%s", p->reason);
		events_add(p->manager, p->name, "crashed", partition_state_names[p->state], p->reason);
	}
	if (status->reset_count != before.reset_count) {
		note_reset(p, !p->reset_expected);
		p->reset_expected = false;
		partition_wake_waiters(p);
	}
}
