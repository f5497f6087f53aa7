/* SPDX-License-Identifier: BSD-2-Clause */
/* <on_crash>: whether, and when, a failed partition is started again, and when a guest that crashed is one. */
#include <stdio.h>
#include <string.h>
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/record.h"

#define BACKOFF_MAX_S 30

void policy_forget(struct partition *p)
{
	p->crash_count = 0;
	timer_free(&p->restart_timer);
}

int policy_on_failure(struct partition *p, char *reason, size_t size)
{
	uint64_t now = realtime_us() / 1000000u;
	uint32_t old = 0, limit = p->config->crash_limit;
	size_t used = strlen(reason);
	int delay;

	if (p->config->on_crash != CONFIG_CRASH_RESTART)
		return -1;
	while (old < p->crash_count && p->crashes[old] + p->config->crash_within_s <= now)
		old++;
	p->crash_count -= old;
	memmove(p->crashes, p->crashes + old, p->crash_count * sizeof *p->crashes);
	if (p->crash_count >= limit) {
		snprintf(reason + used, size - used, "; not restarted again: %u restart%s within %u s was the limit", limit,
			 limit == 1 ? "" : "s", p->config->crash_within_s);
		return -1;
	}
	p->crashes[p->crash_count++] = now;
	delay = p->crash_count > 5 ? BACKOFF_MAX_S : 1 << (p->crash_count - 1);
	snprintf(reason + used, size - used, "; restart %u of %u in %d s", p->crash_count, limit, delay);
	return delay;
}

static void on_restart(void *arg)
{
	struct partition *p = arg;

	timer_free(&p->restart_timer);
	p->policy_start = true;
	partition_start(p, false, 0, NULL, NULL);
}

void policy_schedule(struct partition *p, uint64_t milliseconds)
{
	timer_free(&p->restart_timer);
	p->restart_timer = timer_new(p->manager->loop, milliseconds, on_restart, p);
}

static void on_stands_still(void *arg)
{
	struct partition *p = arg;
	char path[sizeof p->stop_path];

	timer_free(&p->crash_timer);
	snprintf(path, sizeof path, "%.120s; turned off: it stood still for %u s", p->reason, p->config ? p->config->crash_wait_s : 0);
	instance_kill(p, path);
}

/*
 * A guest may reboot, turn itself off or start its dump kernel by itself, which connects to VMBus again; one that says that it crashed
 * and stays connected has only lost a task.
 */
void policy_watch_guest(struct partition *p)
{
	bool still = p->status.state == WORKER_STATE_RUNNING && *p->status.reason && !p->status.vmbus_version && !p->stop_requested;

	if (!still)
		timer_free(&p->crash_timer);
	else if (!p->crash_timer && p->config)
		p->crash_timer = timer_new(p->manager->loop, (uint64_t)p->config->crash_wait_s * 1000u, on_stands_still, p);
}
