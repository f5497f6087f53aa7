/* SPDX-License-Identifier: BSD-2-Clause */
/* <on_crash>: whether, and when, a failed partition is started again. */
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
