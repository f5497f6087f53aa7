/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a successor needs to go on with a guest's dynamic memory: what was negotiated and reported, the request under way, what was added and
 * which pages are in the balloon. No pointers; the layout's version is BALLOON_STATE_VERSION. Starts as zeros. Only vsp/balloon writes it.
 *
 * A worker may be killed between any two stores. A request is whole before `action` says that it is there, and that is before it is sent: where
 * the ring ended before (sent_at) tells whether it was. Pages enter the set before they are released, and leave it before the guest
 * is told that they are its own again: whatever is in the set may be released at any time, and twice.
 */
#ifndef BULKHEAD_VSP_BALLOON_BALLOON_STATE_H
#define BULKHEAD_VSP_BALLOON_BALLOON_STATE_H

#include <stdint.h>

#include "vmbus/server/once.h"
#include "vsp/balloon/balloon_protocol.h"

#define BALLOON_STATE_MAGIC   0x6c616264u /* "dbal" */
#define BALLOON_STATE_VERSION 1u
#define BALLOON_GFN_LIMIT     (1ull << 27) /* 512 GiB: no guest page lies behind that */

struct balloon_state {
	uint32_t magic;
	uint32_t version;
	uint64_t size;               /* sizeof(struct balloon_state) */
	uint64_t low_pages, high_pages, hot_add_gfn, hot_add_pages; /* of the configuration */
	uint64_t target, added;
	uint64_t capabilities, demand, available;
	uint32_t guest_version, phase; /* phase: enum phase of balloon_internal.h */
	uint8_t  reported, add_over, reserved[6];
	struct vmbus_once_state once;
	/* The request under way, if action, enum action of balloon_internal.h, is not 0. */
	uint32_t action;
	uint32_t sent_at;
	uint64_t asked;              /* pages */
	uint64_t base;               /* pages in the balloon, or added, before it */
	uint32_t transaction;
	uint32_t range_count;
	uint64_t ranges[DM_RANGES_MAX]; /* to be given back to the guest */
	uint64_t given[BALLOON_GFN_LIMIT / 64]; /* bit gfn: in the balloon */
};

/** How large the region must be, whole pages; what is not touched costs no memory. */
#define BALLOON_STATE_BYTES ((sizeof(struct balloon_state) + 4095u) & ~(size_t)4095u)

#endif
