/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a successor needs to go on with a controller's work: how far the negotiation came, what the guest is still to be told of its disks,
 * and the requests that were taken from a ring and not answered yet. Which disks there are is not here: the successor adds those that the
 * guest has now, with the same addresses. No pointers; the layout's version is STORVSP_STATE_VERSION. Starts as zeros; untouched parts cost
 * no memory.
 */
#ifndef BULKHEAD_VSP_STORAGE_STORVSP_STATE_H
#define BULKHEAD_VSP_STORAGE_STORVSP_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "vsp/storage/scsi.h"

#define STORVSP_STATE_MAGIC   0x726f7473u /* "stor" */
#define STORVSP_STATE_VERSION 4u

#define STORVSP_TARGETS         2u
#define STORVSP_LUNS            64u  /* of a target */
#define STORVSP_MAX_REQUESTS    512u
#define STORVSP_MAX_SUBCHANNELS 15u
#define STORVSP_MAX_TRANSFER    (1u << 20)
/* The largest transfer, none of it contiguous, beginning inside a page. */
#define STORVSP_MAX_SEGMENTS    (STORVSP_MAX_TRANSFER / 4096u + 1u)

struct storvsp_segment {
	uint64_t gpa;
	uint64_t bytes;
};

struct storvsp_request_state {
	uint64_t sequence;        /* order in which they were taken, from 1; 0: free. Written last, cleared first */
	uint64_t transaction_id;
	uint16_t channel;         /* subchannel index, 0 = primary */
	uint16_t segment_count;
	uint16_t wants_answer;
	uint16_t answered;        /* `answer` is valid: only sending it is left to do */
	uint8_t  packet[64];      /* struct storvsp_packet as the guest sent it */
	uint8_t  answer[64];
	struct storvsp_segment segments[STORVSP_MAX_SEGMENTS];
};

/** What was done last on a channel: a kill between two steps of it must neither lose a request nor answer it twice. */
struct storvsp_channel_state {
	uint64_t taken;           /* sequence of the request taken last */
	uint32_t taken_position;  /* where it lies in the ring; written last */
	uint32_t taken_done;      /* it is answered, or nobody wants to know */
	uint64_t sending;         /* sequence of the request answered last, */
	uint32_t send_position;   /* if the ring of answers has gone on from here */
	uint32_t reserved;
};

struct storvsp_state {
	uint32_t magic;
	uint32_t version;
	uint32_t size;            /* sizeof(struct storvsp_state) */
	uint32_t phase;           /* of the negotiation: enum storvsp_phase */
	uint16_t protocol;        /* e.g. 0602h */
	uint16_t subchannels;     /* offered */
	uint32_t request_limit;   /* requests[] from here on were never used */
	uint64_t sequence;        /* of the request taken last */
	uint32_t in_use;          /* the guest has sent a command since it negotiated: it is told when disks come and go */
	uint32_t announce;        /* and is to be told so as soon as there is room */
	uint64_t grown[STORVSP_TARGETS]; /* LUNs, a bit each: the next command hears that the capacity is another */
	uint64_t write_through[STORVSP_TARGETS]; /* LUNs whose cache the guest has turned off */
	struct scsi_reservation reservations[STORVSP_TARGETS][STORVSP_LUNS];
	struct storvsp_channel_state channels[1 + STORVSP_MAX_SUBCHANNELS];
	struct storvsp_request_state requests[STORVSP_MAX_REQUESTS];
};

/** How large the region must be, whole pages. */
#define STORVSP_STATE_BYTES ((sizeof(struct storvsp_state) + 4095u) & ~(size_t)4095u)

#endif
