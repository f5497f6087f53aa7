/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time synchronization: samples every few seconds, which a guest may use, and orders to set its clock: at the start, after a pause, and
 * when the root's own clock was set.
 */
#include <stdlib.h>
#include <time.h>

#include "vsp/ic/ic_internal.h"

#define EPOCH_1601 116444736000000000ull /* 1970 in 100 ns since 1601 */
#define STEP_NS    50000000              /* in the second between two ticks: slewing does 0.5 ms, setting the clock is more */

struct timesync {
	struct ic ic;
	bool force;                  /* the next message sets the clock */
	bool offset_known;
	int64_t offset_ns;           /* real time less monotonic time, at the last tick */
};

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int send_time(struct timesync *t)
{
	struct ic *ic = &t->ic;
	uint8_t flags = t->force ? IC_TIME_SYNC : IC_TIME_SAMPLE;
	uint64_t reference = ic->ops->reference_time(ic->context);
	uint64_t time = EPOCH_1601 + (uint64_t)nanoseconds(CLOCK_REALTIME) / 100;

	if (ic->state->message >= IC_VERSION(4, 0)) {
		struct ic_time_4 body = { .parent_time = time, .reference_time = reference, .flags = flags };

		return ic_send(ic, IC_MESSAGE_TIMESYNC, &body, sizeof body);
	}
	return ic_send(ic, IC_MESSAGE_TIMESYNC, &(struct ic_time){ .parent_time = time, .flags = flags }, sizeof(struct ic_time));
}

static void send_due(struct timesync *t)
{
	struct ic *ic = &t->ic;
	bool due = !ic->sent_at || ic->now - ic->sent_at >= IC_TIMESYNC_MS || t->force;

	if (!due || ic->unanswered >= IC_MAX_UNANSWERED || send_time(t))
		return;
	t->force = false;
	ic->sent_at = ic->now;
	ic->unanswered++;
}

static void ready(struct ic *ic, bool resumed)
{
	struct timesync *t = (struct timesync *)ic;

	t->force |= !resumed;
	if (!resumed)
		send_due(t);
}

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	(void)header, (void)body, (void)bytes;
	ic->unanswered = 0;
}

static void tick(struct ic *ic)
{
	struct timesync *t = (struct timesync *)ic;
	int64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);

	if (t->offset_known && llabs(offset - t->offset_ns) >= STEP_NS) {
		ic_log(ic, "time synchronization: the root's clock was set; so is the guest's");
		t->force = true;
	}
	t->offset_known = true;
	t->offset_ns = offset;
	send_due(t);
}

static void closed(struct ic *ic)
{
	((struct timesync *)ic)->force = false;
}

void ic_timesync_force(struct ic *ic)
{
	struct timesync *t = (struct timesync *)ic;

	t->force = true;
	if (ic_ready(ic))
		send_due(t);
}

const struct ic_service ic_timesync_service = {
	.name = "time synchronization", .class = VMBUS_CLASS_TIMESYNC, .message_type = IC_MESSAGE_TIMESYNC, .version_count = 3,
	.versions = { IC_VERSION(4, 0), IC_VERSION(3, 0), IC_VERSION(1, 0) }, .bytes = sizeof(struct timesync),
	.ready = ready, .answered = answered, .tick = tick, .closed = closed,
};
