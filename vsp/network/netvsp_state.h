/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a successor needs to go on with an interface: what its guest has negotiated and set, its buffers, which slots of the receive buffer
 * the guest holds, and what was done last on each channel. No pointers; the layout's version is NETVSP_STATE_VERSION. Starts as zeros.
 */
#ifndef BULKHEAD_VSP_NETWORK_NETVSP_STATE_H
#define BULKHEAD_VSP_NETWORK_NETVSP_STATE_H

#include "vmbus/protocol/message.h"
#include "vmbus/server/once.h"
#include "vsp/network/netvsp.h"
#include "vsp/network/rss.h"

#define NETVSP_STATE_MAGIC   0x7374656eu /* "nets" */
#define NETVSP_STATE_VERSION 1u
#define NETVSP_MAX_SLOTS     1024u
#define NETVSP_MAX_GROUPS    32u

struct netvsp_channel_state {
	struct vmbus_once_state once;
	uint32_t telling;            /* slot of the message being put into the ring, and one; 0: none. Written after telling_at */
	uint32_t telling_at;         /* the ring's end before that */
};

/** What changes with messages of the guest only; written as a whole before each of them is answered. */
struct netvsp_settings {
	uint32_t version, filter, group_count, slot_parts;
	uint32_t receive_gpadl, send_gpadl;  /* with receive_id, send_id if `has` them */
	uint16_t receive_id, send_id;
	uint8_t  has_receive, has_send, may_coalesce, coalesces, refuses_coalescing, link_untold, link_up, rss_on;
	uint32_t rss_types, rss_entries;
	uint8_t  rss_table[RSS_TABLE_ENTRIES];
	uint8_t  rss_key[RSS_KEY_BYTES];
	uint8_t  groups[NETVSP_MAX_GROUPS][6];
};

struct netvsp_state {
	uint32_t magic;
	uint32_t version;
	uint32_t size;               /* sizeof(struct netvsp_state) */
	uint32_t subchannels;        /* offered, or about to be */
	struct vmbus_guid instance;
	uint32_t leaving;            /* the interface is being removed */
	uint32_t reserved;
	struct netvsp_settings settings;
	struct netvsp_channel_state channels[NETVSP_MAX_QUEUES];
	struct netvsp_stats stats;   /* as of the last signal */
	uint8_t  taken[NETVSP_MAX_SLOTS]; /* slots that the guest holds */
};

/** How large the region must be, whole pages. */
#define NETVSP_STATE_BYTES ((sizeof(struct netvsp_state) + 4095u) & ~(size_t)4095u)

#endif
