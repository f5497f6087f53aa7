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

#include "abi/hypercall.h"
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
	uint64_t message;            /* the number of the VP's message that it comes from; 0: of none */
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

/** What a successor needs; no pointers. The guest has completed what is here: nobody would say it again. */
struct event_queue_state {
	uint32_t head, tail;         /* ever given, and ever queued */
	uint64_t queued[HV_MAX_VPS]; /* the last message of each VP that has come here */
	struct event event[EVENT_QUEUE_SIZE];
};

struct event_queue {
	pthread_mutex_t lock;
	struct event_queue_state *state;
	bool given;                  /* the first one: its handling is under way */
};

/** state: zeroed or a predecessor's. */
void event_queue_init(struct event_queue *queue, struct event_queue_state *state);
/** False: full. *ret_wake: the queue was empty, so the loop must be woken. A message that has come here before is dropped. */
bool event_queue_put(struct event_queue *queue, const struct event *event, bool *ret_wake);
/** The next one; it counts as handled, for a successor too, at the next call. */
bool event_queue_get(struct event_queue *queue, struct event *ret);
/** Empty, for a new partition whose VPs count from 1. */
void event_queue_clear(struct event_queue *queue);

#endif
