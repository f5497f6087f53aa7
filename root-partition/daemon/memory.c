/* SPDX-License-Identifier: BSD-2-Clause */
/* See memory.h. */
#include "root-partition/daemon/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "root-partition/daemon/host.h"
#include "root-partition/daemon/log.h"

#define ROUND_MS 2000u
#define REPLY_MS 10000u
#define UNIT CONFIG_MEMORY_UNIT
/* Less than this, or a sixteenth of what it has, is not worth asking a guest for; and it must have been too much for some rounds. */
#define SURPLUS_MIN (16ull << 20)
#define SURPLUS_ROUNDS 3u

static bool is_dynamic(const struct partition *p)
{
	return p->running && p->running->dynamic_memory;
}

static bool has_report(const struct partition *p)
{
	return p->memory.flags & WORKER_MEMORY_READY && p->memory.flags & WORKER_MEMORY_REPORTED;
}

static uint64_t limit(const struct partition *p, uint64_t bytes)
{
	const struct partition_config *c = p->running;

	return bytes < c->minimum_bytes ? c->minimum_bytes : bytes > c->memory_bytes ? c->memory_bytes : bytes;
}

/* Demand plus percent, in whole units, between minimum and maximum. */
static uint64_t wanted(const struct partition *p, uint32_t percent)
{
	uint64_t demand = p->memory.demand_bytes;

	if (demand > p->running->memory_bytes)   /* no guest needs more than it can get; and no product wraps */
		demand = p->running->memory_bytes;
	return limit(p, (demand + demand / 100 * percent + UNIT - 1) / UNIT * UNIT);
}

void memory_on_report(struct partition *p, const struct worker_memory *report)
{
	if (!is_dynamic(p))
		return;
	p->memory = *report;
	/* Found running, or what was told went down with the worker before this one: the policy goes on from what is so. */
	if (!p->memory_requests)
		p->memory_target = limit(p, report->target_bytes);
	if (p->memory.resident_bytes > p->running->memory_bytes * 2)
		p->memory.resident_bytes = p->running->memory_bytes;   /* a worker is believed within reason only */
}

void memory_forget(struct partition *p)
{
	memset(&p->memory, 0, sizeof p->memory);
	p->memory_target = p->running ? p->running->startup_bytes : 0;
	p->memory_fixed = 0;
	p->memory_surplus = 0;
}

uint64_t memory_committed(const struct partition *p)
{
	if (!p->running)
		return 0;
	if (!is_dynamic(p))
		return p->running->memory_bytes;
	/* What is on its way out is still there. */
	return p->memory.assigned_bytes > p->memory_target ? limit(p, p->memory.assigned_bytes) : p->memory_target;
}

const char *memory_status(const struct partition *p)
{
	if (!is_dynamic(p) || !p->worker_pid)
		return "";
	if (!has_report(p))
		return "no driver";
	if (p->memory.demand_bytes > p->memory.assigned_bytes)
		return "warning";
	return wanted(p, p->running->memory_buffer) > p->memory.assigned_bytes + UNIT ? "low" : "ok";
}

static void on_reply(void *arg, const struct worker_message *reply, int error, const char *text)
{
	struct partition *p = arg;

	p->memory_requests--;
	if (!reply)
		log_message(LOG_NOTICE, p->name, "memory: %s", text);
	else if (((const struct worker_reply *)reply)->error)
		log_message(LOG_NOTICE, p->name, "memory: the worker refuses: error %d", -((const struct worker_reply *)reply)->error);
	(void)error;
}

static void set_target(struct partition *p, uint64_t bytes)
{
	struct worker_set_memory request = { .header = { .type = WORKER_SET_MEMORY, .size = sizeof request }, .bytes = bytes };

	if (bytes == p->memory_target || !p->link)
		return;
	p->memory_target = bytes;
	p->memory_requests++;
	link_request(p->link, &request.header, REPLY_MS, on_reply, p);
}

/* What the root has beyond its floor and what running partitions may still take; below 0 when that is more than there is. */
static int64_t budget(const struct manager *m)
{
	struct host_memory host;
	int64_t left;

	host_memory(m, &host);
	left = (int64_t)host.available - (int64_t)host.floor;
	for (const struct partition *p = m->partitions; p; p = p->next)
		left -= (int64_t)host_promised(p);
	return left;
}

static void shrink(struct partition *p)
{
	uint64_t want = p->memory_fixed ? p->memory_fixed : wanted(p, p->running->memory_buffer), surplus;

	surplus = p->memory_target > want ? p->memory_target - want : 0;
	if (!p->memory_fixed && (surplus < SURPLUS_MIN || surplus < p->memory_target / 16))
		surplus = 0;
	p->memory_surplus = surplus ? p->memory_surplus + 1 : 0;
	if (surplus && (p->memory_fixed || p->memory_surplus >= SURPLUS_ROUNDS))
		set_target(p, want);
}

/* The root is short: buffers go first, those of the lowest priority before others'. Takes what is missing and returns what was taken. */
static int64_t take_buffer(struct partition *p, uint64_t missing)
{
	uint64_t least = wanted(p, 0), before = p->memory_target, want = least;

	if (least >= before)
		return 0;
	missing = (missing + UNIT - 1) / UNIT * UNIT;
	if (missing < before - least)
		want = before - missing;
	set_target(p, want);
	return (int64_t)(before - want);
}

static int64_t grow(struct partition *p, int64_t left)
{
	uint64_t want = p->memory_fixed ? p->memory_fixed : wanted(p, p->running->memory_buffer), more;

	if (want <= p->memory_target || left < (int64_t)UNIT)
		return 0;
	more = want - p->memory_target;
	if (more > (uint64_t)left)
		more = (uint64_t)left / UNIT * UNIT;
	set_target(p, p->memory_target + more);
	return (int64_t)more;
}

/* The dynamic partition with a report whose priority is next below (or, up: above) `last`, in the list's order among equals. */
static struct partition *next_by_priority(const struct manager *m, int64_t *last, struct partition *after, bool up)
{
	struct partition *best = NULL;

	for (struct partition *p = after ? after->next : NULL; p; p = p->next)
		if (is_dynamic(p) && has_report(p) && p->running->memory_priority == *last)
			return p;
	for (struct partition *p = m->partitions; p; p = p->next) {
		int64_t priority;

		if (!is_dynamic(p) || !has_report(p))
			continue;
		priority = p->running->memory_priority;
		if ((up ? priority > *last : priority < *last) &&
		    (!best || (up ? priority < best->running->memory_priority : priority > best->running->memory_priority)))
			best = p;
	}
	if (best)
		*last = best->running->memory_priority;
	return best;
}

static void balance(void *arg)
{
	struct manager *m = arg;
	struct partition *p = NULL;
	int64_t left, last;

	timer_free(&m->memory_timer);
	m->memory_timer = timer_new(m->loop, ROUND_MS, balance, m);
	for (struct partition *q = m->partitions; q; q = q->next)
		if (is_dynamic(q) && has_report(q) && q->state == PARTITION_RUNNING) {
			shrink(q);
			p = q;
		}
	if (!p)
		return;
	left = budget(m);
	for (last = -1, p = NULL; left < 0 && (p = next_by_priority(m, &last, p, true));)
		left += take_buffer(p, (uint64_t)-left);
	for (last = 101, p = NULL; left > 0 && (p = next_by_priority(m, &last, p, false));)
		left -= grow(p, left);
}

void memory_start(struct manager *m)
{
	m->memory_timer = timer_new(m->loop, ROUND_MS, balance, m);
}

void memory_stop(struct manager *m)
{
	timer_free(&m->memory_timer);
}

void partition_set_memory(struct partition *p, uint64_t bytes, done_fn done, void *arg)
{
	const struct partition_config *c = p->running;
	char text[256];
	int error = 0;

	if (!p->worker_pid || !c) {
		error = EBUSY;
		snprintf(text, sizeof text, "is not running; what it starts with stands in its definition, in <currentMemory>");
	} else if (!c->dynamic_memory) {
		error = EBUSY;
		snprintf(text, sizeof text, "has fixed memory; <dynamicMemory> in its definition makes it changeable, from its next start on");
	} else if (bytes && (bytes < c->minimum_bytes || bytes > c->memory_bytes || bytes % UNIT)) {
		error = EINVAL;
		snprintf(text, sizeof text, "can have from %llu to %llu MiB, in steps of 2 MiB", (unsigned long long)c->minimum_bytes >> 20,
			 (unsigned long long)c->memory_bytes >> 20);
	} else {
		p->memory_fixed = bytes;
		if (bytes && bytes < p->memory_target)
			set_target(p, bytes);
		else if (bytes && has_report(p)) {
			int64_t left = budget(p->manager);

			grow(p, left);
		}
		if (!bytes)
			snprintf(text, sizeof text, "follows its guest's demand");
		else if (p->memory_target < bytes)
			snprintf(text, sizeof text, "goes to %llu of %llu MiB for now; the root keeps its floor",
				 (unsigned long long)p->memory_target >> 20, (unsigned long long)bytes >> 20);
		else
			snprintf(text, sizeof text, "goes to %llu MiB", (unsigned long long)bytes >> 20);
	}
	done(arg, error, text);
}
