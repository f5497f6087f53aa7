/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the VP threads to the loop, in order: what a guest posted, slots that became free, and why a VP cannot go on.
 * Bounded; a VP whose event does not fit waits, so a guest that posts without end slows only itself down.
 */
#ifndef BULKHEAD_WORKER_EVENT_QUEUE_H
#define BULKHEAD_WORKER_EVENT_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/message.h"
#include "root-partition/lib/worker_protocol.h"

enum event_type {
	EVENT_POSTED_MESSAGE,        /* posted */
	EVENT_SLOT_FREE,             /* sint_mask of VP vp */
	EVENT_STOP,                  /* stop: the guest is over */
	EVENT_RESET,                 /* the guest asks for a reset */
	EVENT_GUEST_CRASH,           /* crash: for the record, the guest goes on */
};

struct event {
	enum event_type type;
	uint32_t vp;
	union {
		struct bh_posted_message posted;
		uint32_t sint_mask;
		struct {
			enum worker_stop_cause cause;
			uint32_t exit_code;
			char reason[248];
		} stop;
		struct {
			uint64_t p[5], ctl;
		} crash;
	} u;
};

#define EVENT_QUEUE_SIZE 32u

struct event_queue {
	pthread_mutex_t lock;
	struct event event[EVENT_QUEUE_SIZE];
	unsigned int head, count;
};

void event_queue_init(struct event_queue *queue);
/** False: full. *ret_wake: the queue was empty, so the loop must be woken. */
bool event_queue_put(struct event_queue *queue, const struct event *event, bool *ret_wake);
bool event_queue_get(struct event_queue *queue, struct event *ret);
void event_queue_clear(struct event_queue *queue);

#endif
