/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exactly one answer to each packet, whoever gives it: a worker that is killed may have answered a packet that does not count as handled yet
 * (vmbus_channel_next_packet), and its successor takes that packet again. Beside each packet's outputs (what is sent on the channel because of
 * it: an answer, a message that follows) this keeps which one was about to be sent and from where in the ring, so the successor knows which
 * ones were. Handling a packet again must come to the same outputs in the same order.
 */
#ifndef BULKHEAD_VMBUS_ONCE_H
#define BULKHEAD_VMBUS_ONCE_H

#include "vmbus/server/server.h"

#define VMBUS_ONCE_NONE UINT32_MAX   /* no ring has a packet there */
#define VMBUS_ONCE_MOST 8u           /* outputs of a packet */

/** In the state region, one a channel. Zeros are no record: call vmbus_once_open. */
struct vmbus_once_state {
	uint64_t mark;               /* number of the output begun last, from 1, << 32 | the ring's end before it */
	uint32_t packet;             /* where the packet lies; written after mark */
	uint32_t reserved;
};

struct vmbus_once {
	struct vmbus_once_state *state;
	uint32_t outputs;            /* of this packet, so far */
	uint32_t skip;               /* outputs that the predecessor has sent */
	bool again;                  /* the packet may have been begun by the predecessor */
	bool resumed;                /* no packet was taken yet */
};

static inline void vmbus_once_open(struct vmbus_once *once)
{
	once->state->packet = VMBUS_ONCE_NONE;
	once->outputs = once->skip = 0;
	once->again = once->resumed = false;
}

/** In a successor, from the device's resume. What the predecessor left is checked. */
static inline void vmbus_once_resume(struct vmbus_once *once, const struct vmbus_channel *channel)
{
	uint32_t received, sent, number = (uint32_t)(once->state->mark >> 32);

	vmbus_channel_positions(channel, &received, &sent);
	once->outputs = once->skip = 0;
	once->again = false;
	once->resumed = true;
	if (once->state->packet == received && number >= 1 && number <= VMBUS_ONCE_MOST)
		once->skip = number - 1 + ((uint32_t)once->state->mark != sent);
	else
		once->state->packet = VMBUS_ONCE_NONE;
}

/** A packet was taken. */
static inline void vmbus_once_begin(struct vmbus_once *once)
{
	once->outputs = 0;
	once->again = once->resumed;
	once->resumed = false;
	if (once->again)
		return;
	once->skip = 0;
	__atomic_store_n(&once->state->packet, VMBUS_ONCE_NONE, __ATOMIC_RELEASE);
}

static inline void vmbus_once_mark(struct vmbus_once *once, uint32_t received, uint32_t sent)
{
	__atomic_store_n(&once->state->mark, (uint64_t)++once->outputs << 32 | sent, __ATOMIC_RELEASE);
	__atomic_store_n(&once->state->packet, received, __ATOMIC_RELEASE);
}

/** Right before an output of the packet. False: it was sent already; do not. */
static inline bool vmbus_once_output(struct vmbus_once *once, const struct vmbus_channel *channel)
{
	uint32_t received, sent;

	if (once->outputs < once->skip) {
		once->outputs++;
		return false;
	}
	vmbus_channel_positions(channel, &received, &sent);
	vmbus_once_mark(once, received, sent);
	return true;
}

/** The packet has no outputs and has had its effect: a successor need not do it again. */
static inline void vmbus_once_done(struct vmbus_once *once, const struct vmbus_channel *channel)
{
	uint32_t received, sent;

	vmbus_channel_positions(channel, &received, &sent);
	vmbus_once_mark(once, received, ~sent);
}

#endif
