/* SPDX-License-Identifier: BSD-2-Clause */
/* Heartbeat: a number every two seconds that comes back one higher, as long as the guest lives. */
#include <string.h>

#include "vsp/ic/ic_internal.h"

struct heartbeat {
	struct ic ic;
	bool alive;
	bool progress;               /* something was answered since the last tick */
	uint64_t answered_at;        /* ms, of a tick; 0: never */
};

static void tell_alive(struct heartbeat *h, bool alive)
{
	if (h->alive == alive)
		return;
	h->alive = alive;
	if (h->ic.ops->heartbeat)
		h->ic.ops->heartbeat(h->ic.context, alive);
}

static void beat(struct ic *ic)
{
	struct ic_heartbeat body = { .sequence = ic->state->sequence + 1 };

	if ((ic->sent_at && ic->now - ic->sent_at < IC_HEARTBEAT_MS) || ic->unanswered >= IC_MAX_UNANSWERED ||
	    ic_send(ic, IC_MESSAGE_HEARTBEAT, &body, sizeof body))
		return;
	ic->state->sequence++;
	ic->sent_at = ic->now;
	ic->unanswered++;
}

static void ready(struct ic *ic, bool resumed)
{
	struct heartbeat *h = (struct heartbeat *)ic;

	h->answered_at = ic->now;
	if (!resumed)
		beat(ic);
}

static void answered(struct ic *ic, const struct ic_header *header, const uint8_t *body, uint32_t bytes)
{
	struct heartbeat *h = (struct heartbeat *)ic;
	uint64_t sequence;

	(void)header;
	if (bytes < sizeof sequence)
		return;
	memcpy(&sequence, body, sizeof sequence);
	/* One more than was sent, and newer than what came last. */
	if (sequence == 0 || sequence - 1 > ic->state->sequence || sequence - 1 <= ic->state->answered)
		return;
	ic->state->answered = sequence - 1;
	ic->unanswered = 0;
	h->progress = true;
	tell_alive(h, true);
}

static void tick(struct ic *ic)
{
	struct heartbeat *h = (struct heartbeat *)ic;

	if (h->progress || !h->answered_at)
		h->answered_at = ic->now;
	h->progress = false;
	if (ic->now - h->answered_at >= IC_HEARTBEAT_LOST_MS)
		tell_alive(h, false);
	beat(ic);
}

static void closed(struct ic *ic)
{
	tell_alive((struct heartbeat *)ic, false);
}

uint64_t ic_heartbeat_sequence(const struct ic *ic)
{
	return ic->state->answered;
}

bool ic_heartbeat_alive(const struct ic *ic)
{
	return ((const struct heartbeat *)ic)->alive;
}

const struct ic_service ic_heartbeat_service = {
	.name = "heartbeat", .class = VMBUS_CLASS_HEARTBEAT, .message_type = IC_MESSAGE_HEARTBEAT, .version_count = 2,
	.versions = { IC_VERSION(3, 0), IC_VERSION(1, 0) }, .bytes = sizeof(struct heartbeat),
	.ready = ready, .answered = answered, .tick = tick, .closed = closed,
};
