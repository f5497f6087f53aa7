/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of dynamic memory. */
#ifndef BULKHEAD_VSP_BALLOON_INTERNAL_H
#define BULKHEAD_VSP_BALLOON_INTERNAL_H

#include <stdatomic.h>

#include "vsp/balloon/balloon.h"
#include "vsp/balloon/balloon_protocol.h"
#include "vsp/balloon/balloon_state.h"
#include "vsp/balloon/page_set.h"

#define BALLOON_GFN_4G    0x100000ull
#define BALLOON_MIB_PAGES 256u
#define BALLOON_LARGE     512u       /* 2 MiB: targets and requests are whole multiples */

enum phase { PHASE_CLOSED, PHASE_VERSION, PHASE_CAPABILITIES, PHASE_READY, PHASE_REFUSED };
enum action { ACTION_NONE, ACTION_BALLOON, ACTION_UNBALLOON, ACTION_ADD };

struct balloon {
	struct balloon_config config;
	const struct balloon_ops *ops;
	void *context;
	struct vmbus_channel *channel;
	struct balloon_state *state;
	struct page_set given;       /* in the state */
	struct vmbus_once once;
	uint64_t ballooned;          /* pages in `given` */
	uint64_t now, retry_at;      /* ms */
	uint64_t buffer[DM_MESSAGE_MAX / 8];
};

/* What is stored before is stored, and what comes after is not, when a successor finds the value. */
static inline void balloon_keep(uint32_t *field, uint32_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);
}

static inline bool balloon_within(uint64_t gfn, uint64_t pages, uint64_t start, uint64_t length)
{
	return gfn >= start && gfn - start <= length && pages <= length - (gfn - start);
}

static inline uint64_t balloon_at_start(const struct balloon *b)
{
	return b->config.low_pages + b->config.high_pages;
}

static inline uint64_t balloon_assigned(const struct balloon *b)
{
	return balloon_at_start(b) + b->state->added - b->ballooned;
}

static inline bool balloon_is_ready(const struct balloon *b)
{
	return b->state->phase == PHASE_READY && vmbus_channel_is_open(b->channel);
}

/** The state's layout or content is refused with a negative errno; zeros become a new state. limit: no page lies behind it. */
int balloon_take_state(struct balloon_state *state, const struct balloon_config *config, uint64_t limit);

void balloon_log(const struct balloon *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void balloon_changed(const struct balloon *b);
int balloon_send(struct balloon *b, enum dm_message_type type, void *message, size_t bytes);

/** Begins the next transaction towards the target, when none is under way. */
void balloon_step(struct balloon *b);
/** Of the channel resumed: a request that was not sent is taken back. */
void balloon_resume_request(struct balloon *b);
/** The guest's responses, in b->buffer. */
void balloon_given(struct balloon *b, uint32_t bytes);
void balloon_taken_back(struct balloon *b);
void balloon_hot_added(struct balloon *b, uint32_t bytes);

#endif
