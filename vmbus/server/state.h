/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a successor needs to go on serving a running guest: connection, offers, open channels, GPADLs, ring positions, replies
 * not yet delivered. No pointers; the layout's version is VMBUS_STATE_VERSION. The region starts as zeros (a memfd that the daemon
 * also holds); untouched parts cost no memory. Only vmbus/server writes it.
 */
#ifndef BULKHEAD_VMBUS_STATE_H
#define BULKHEAD_VMBUS_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "vmbus/protocol/message.h"

#define VMBUS_STATE_MAGIC   0x73756d76u /* "vmus" */
#define VMBUS_STATE_VERSION 1u

#define VMBUS_MAX_CHANNELS    256u
/** Of them for connections that come and go (VMBUS_OFFER_TLNPI_PROVIDER): devices find room whatever the guest does with those. */
#define VMBUS_MAX_TL_CHANNELS 128u
#define VMBUS_MAX_GPADLS      1024u
/** Page numbers and range headers of all GPADLs of a partition. */
#define VMBUS_MAX_GPADL_WORDS 65536u
#define VMBUS_MAX_REPLIES     64u
#define VMBUS_REPLY_BYTES     44u

enum vmbus_channel_flags {
	VMBUS_CHANNEL_PRESENT = 1,         /* the slot is in use */
	VMBUS_CHANNEL_OFFERED = 2,         /* the guest knows it: the relid stays taken until it is released */
	VMBUS_CHANNEL_OFFER_DUE = 4,
	VMBUS_CHANNEL_RESCINDED = 8,       /* the device is gone */
	VMBUS_CHANNEL_RESCIND_DUE = 16,
	VMBUS_CHANNEL_OPEN = 32,           /* as the guest sees it */
	VMBUS_CHANNEL_FAILED = 64,         /* open for the guest, but its rings are not touched any more */
};

struct vmbus_channel_state {
	uint32_t flags;
	uint16_t subchannel_index;
	uint16_t offer_flags;
	uint16_t mmio_megabytes;
	uint16_t reserved;
	struct vmbus_guid type;
	struct vmbus_guid instance;
	uint8_t  offer_user[VMBUS_USER_BYTES];
	/* While open: */
	uint32_t open_id;
	uint32_t gpadl;
	uint32_t target_vp;
	uint32_t downstream_page;
	uint32_t read_next;       /* guest->host ring: first packet not yet handled */
	uint32_t write_next;      /* host->guest ring: end of the last whole packet */
	uint8_t  open_user[VMBUS_USER_BYTES];
};

enum vmbus_gpadl_status {
	VMBUS_GPADL_FREE,
	VMBUS_GPADL_PARTIAL,      /* bodies are missing */
	VMBUS_GPADL_READY,
	VMBUS_GPADL_TEARDOWN_DUE, /* asked for while a channel uses it: done when that is closed */
	VMBUS_GPADL_TORNDOWN_DUE, /* free but for the reply */
	VMBUS_GPADL_STATUS_COUNT
};

struct vmbus_gpadl_state {
	uint32_t status;
	uint32_t relid;
	uint32_t id;
	uint32_t first;           /* in words[] */
	uint16_t count;           /* words: each range's vmbus_gpa_range, then its page numbers */
	uint16_t filled;
	uint16_t ranges;
	uint16_t reserved;
};

struct vmbus_reply {
	uint32_t size;
	uint8_t  bytes[VMBUS_REPLY_BYTES];
};

struct vmbus_state {
	uint32_t magic;
	uint32_t version;
	uint32_t size;            /* sizeof(struct vmbus_state) */
	uint32_t negotiated;      /* VMBUS_VERSION_*, 0 = not connected */
	uint32_t target_vp;       /* where messages go */
	uint32_t offers_requested;
	uint32_t all_delivered_due;
	uint32_t logged;          /* bit n: an odd message of type n was logged; 31: of a type beyond */
	uint32_t reply_first;
	uint32_t reply_count;
	uint32_t channel_limit;   /* channels[] from here on were never used */
	uint32_t gpadl_limit;
	struct vmbus_reply replies[VMBUS_MAX_REPLIES];
	struct vmbus_channel_state channels[VMBUS_MAX_CHANNELS]; /* relid - 1 */
	struct vmbus_gpadl_state gpadls[VMBUS_MAX_GPADLS];
	uint64_t words[VMBUS_MAX_GPADL_WORDS];
};

/** How large the region must be, whole pages. */
#define VMBUS_STATE_BYTES ((sizeof(struct vmbus_state) + 4095u) & ~(size_t)4095u)

#endif
