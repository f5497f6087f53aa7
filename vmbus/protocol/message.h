/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMBus control messages: payloads of SynIC messages of type 1, at most 240 bytes, little endian. Field order and offsets as in
 * Linux include/linux/hyperv.h (struct vmbus_channel_*). Guest and host side include this.
 */
#ifndef BULKHEAD_VMBUS_PROTOCOL_MESSAGE_H
#define BULKHEAD_VMBUS_PROTOCOL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "guid.h"

#define VMBUS_SINT            2u    /* messages and channel events arrive there */
#define VMBUS_MESSAGE_TYPE    1u    /* of the SynIC message */
#define VMBUS_MESSAGE_MAX     240u
#define VMBUS_CONNECTION_MESSAGE    1u /* where the guest posts below version 5.0 */
#define VMBUS_CONNECTION_MESSAGE_V5 4u /* where it posts InitiateContact from 5.0 on, then where VersionResponse says */

#define VMBUS_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define VMBUS_VERSION_4_0 VMBUS_VERSION(4, 0)
#define VMBUS_VERSION_4_1 VMBUS_VERSION(4, 1)
#define VMBUS_VERSION_5_0 VMBUS_VERSION(5, 0)
#define VMBUS_VERSION_5_1 VMBUS_VERSION(5, 1)
#define VMBUS_VERSION_5_2 VMBUS_VERSION(5, 2)
#define VMBUS_VERSION_5_3 VMBUS_VERSION(5, 3)

#define VMBUS_MAX_RELID  2047u       /* event flags of a SINT are 2048, and 0 is no channel */
#define VMBUS_USER_BYTES 120u
#define VMBUS_PAGE_SIZE  4096u

enum vmbus_message_type {
	VMBUS_MSG_OFFER = 1,
	VMBUS_MSG_RESCIND = 2,
	VMBUS_MSG_REQUEST_OFFERS = 3,
	VMBUS_MSG_ALL_OFFERS_DELIVERED = 4,
	VMBUS_MSG_OPEN = 5,
	VMBUS_MSG_OPEN_RESULT = 6,
	VMBUS_MSG_CLOSE = 7,
	VMBUS_MSG_GPADL_HEADER = 8,
	VMBUS_MSG_GPADL_BODY = 9,
	VMBUS_MSG_GPADL_CREATED = 10,
	VMBUS_MSG_GPADL_TEARDOWN = 11,
	VMBUS_MSG_GPADL_TORNDOWN = 12,
	VMBUS_MSG_RELID_RELEASED = 13,
	VMBUS_MSG_INITIATE_CONTACT = 14,
	VMBUS_MSG_VERSION_RESPONSE = 15,
	VMBUS_MSG_UNLOAD = 16,
	VMBUS_MSG_UNLOAD_RESPONSE = 17,
	VMBUS_MSG_TL_CONNECT = 21,
	VMBUS_MSG_MODIFY_CHANNEL = 22,
	VMBUS_MSG_TL_CONNECT_RESULT = 23,
	VMBUS_MSG_MODIFY_CHANNEL_RESPONSE = 24,
	VMBUS_MSG_COUNT
};

/** Begins every message; all there is to REQUEST_OFFERS, ALL_OFFERS_DELIVERED, UNLOAD and UNLOAD_RESPONSE. */
struct vmbus_message_header {
	uint32_t type;
	uint32_t padding;
};
_Static_assert(sizeof(struct vmbus_message_header) == 8, "hyperv.h");

/** 14. From 5.0 on `target` begins with the SINT (u8); before, it is the GPA of an interrupt page that is not used. */
struct vmbus_initiate_contact {
	struct vmbus_message_header header;
	uint32_t version;            /* 8 */
	uint32_t target_vp;          /* 12: replies and offers go there */
	uint64_t target;             /* 16 */
	uint64_t monitor_page1;      /* 24 */
	uint64_t monitor_page2;      /* 32 */
};
_Static_assert(sizeof(struct vmbus_initiate_contact) == 40, "hyperv.h");
_Static_assert(offsetof(struct vmbus_initiate_contact, target) == 16, "hyperv.h");

/** 15. */
struct vmbus_version_response {
	struct vmbus_message_header header;
	uint8_t  supported;          /* 8 */
	uint8_t  connection_state;   /* 9: 0 = success */
	uint16_t padding;
	uint32_t connection_id;      /* 12: where to post from now on (5.0 and later) */
};
_Static_assert(sizeof(struct vmbus_version_response) == 16, "hyperv.h");

#define VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE 0x0001u
#define VMBUS_OFFER_NAMED_PIPE_MODE            0x0010u
#define VMBUS_OFFER_TLNPI_PROVIDER             0x2000u /* hvsock */
#define VMBUS_PIPE_BYTE    0u /* first u32 of user[] of a pipe offer */
#define VMBUS_PIPE_MESSAGE 4u

/** 1. */
struct vmbus_offer_message {
	struct vmbus_message_header header;
	struct vmbus_guid type;      /* 8 */
	struct vmbus_guid instance;  /* 24 */
	uint64_t reserved1[2];       /* 40 */
	uint16_t flags;              /* 56: VMBUS_OFFER_* */
	uint16_t mmio_megabytes;     /* 58 */
	uint8_t  user[VMBUS_USER_BYTES]; /* 60 */
	uint16_t subchannel_index;   /* 180 */
	uint16_t reserved2;
	uint32_t relid;              /* 184 */
	uint8_t  monitor_id;         /* 188 */
	uint8_t  monitor_allocated;  /* 189: bit 0 */
	uint16_t dedicated_interrupt;/* 190: bit 0 */
	uint32_t connection_id;      /* 192: the guest signals there */
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_offer_message) == 196, "hyperv.h");
_Static_assert(offsetof(struct vmbus_offer_message, user) == 60, "hyperv.h");
_Static_assert(offsetof(struct vmbus_offer_message, relid) == 184, "hyperv.h");

/** 2 RESCIND, 7 CLOSE, 13 RELID_RELEASED. */
struct vmbus_relid_message {
	struct vmbus_message_header header;
	uint32_t relid;
};
_Static_assert(sizeof(struct vmbus_relid_message) == 12, "hyperv.h");

/** 5. The GPADL holds the guest->host ring, then from page downstream_page on the host->guest ring. */
struct vmbus_open_message {
	struct vmbus_message_header header;
	uint32_t relid;              /* 8 */
	uint32_t open_id;            /* 12 */
	uint32_t gpadl;              /* 16 */
	uint32_t target_vp;          /* 20: host->guest events go there */
	uint32_t downstream_page;    /* 24 */
	uint8_t  user[VMBUS_USER_BYTES]; /* 28 */
};
_Static_assert(sizeof(struct vmbus_open_message) == 148, "hyperv.h");

/** 6. */
struct vmbus_open_result {
	struct vmbus_message_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t status;             /* 0 = open; else an NTSTATUS */
};
_Static_assert(sizeof(struct vmbus_open_result) == 20, "hyperv.h");

/** In GPADLs and GPA-direct packets: a range of bytes, followed by the page number of each page that it touches. */
struct vmbus_gpa_range {
	uint32_t bytes;
	uint32_t offset;             /* in the first page */
};
_Static_assert(sizeof(struct vmbus_gpa_range) == 8, "hyperv.h");

/** 8. Ranges follow; what does not fit comes in GPADL_BODY messages. */
struct vmbus_gpadl_header {
	struct vmbus_message_header header;
	uint32_t relid;              /* 8 */
	uint32_t gpadl;              /* 12 */
	uint16_t range_bytes;        /* 16: of all ranges with their page numbers */
	uint16_t range_count;        /* 18 */
};
_Static_assert(sizeof(struct vmbus_gpadl_header) == 20, "hyperv.h");
#define VMBUS_GPADL_HEADER_PFNS 26u  /* that fit beside one range */
#define VMBUS_GPADL_BODY_PFNS   28u

/** 9. More u64 of the ranges follow. Linux leaves `number` 0. */
struct vmbus_gpadl_body {
	struct vmbus_message_header header;
	uint32_t number;
	uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_body) == 16, "hyperv.h");

/** 10. */
struct vmbus_gpadl_created {
	struct vmbus_message_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint32_t status;             /* 0 = created */
};
_Static_assert(sizeof(struct vmbus_gpadl_created) == 20, "hyperv.h");

/** 11. */
struct vmbus_gpadl_teardown {
	struct vmbus_message_header header;
	uint32_t relid;
	uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_teardown) == 16, "hyperv.h");

/** 12. */
struct vmbus_gpadl_torndown {
	struct vmbus_message_header header;
	uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_torndown) == 12, "hyperv.h");

/** 21. */
struct vmbus_tl_connect {
	struct vmbus_message_header header;
	struct vmbus_guid endpoint;  /* the guest's, new for each connection */
	struct vmbus_guid service;   /* the host's */
};
_Static_assert(sizeof(struct vmbus_tl_connect) == 40, "hyperv.h");

/** 23 (OpenVMM vmbus_core, TlConnectResult). */
struct vmbus_tl_connect_result {
	struct vmbus_message_header header;
	struct vmbus_guid endpoint;
	struct vmbus_guid service;
	uint32_t status;
};
_Static_assert(sizeof(struct vmbus_tl_connect_result) == 44, "OpenVMM vmbus_core protocol.rs");

/** 22, from version 4.1 on. */
struct vmbus_modify_channel {
	struct vmbus_message_header header;
	uint32_t relid;
	uint32_t target_vp;
};
_Static_assert(sizeof(struct vmbus_modify_channel) == 16, "hyperv.h");

/** 24, only from version 5.3 on. */
struct vmbus_modify_channel_response {
	struct vmbus_message_header header;
	uint32_t relid;
	uint32_t status;
};
_Static_assert(sizeof(struct vmbus_modify_channel_response) == 16, "hyperv.h");

/* Status codes of replies (NTSTATUS). */
#define VMBUS_STATUS_SUCCESS             0x00000000u
#define VMBUS_STATUS_UNSUCCESSFUL        0xc0000001u
#define VMBUS_STATUS_INVALID_PARAMETER   0xc000000du
#define VMBUS_STATUS_INSUFFICIENT_RESOURCES 0xc000009au
#define VMBUS_STATUS_CONNECTION_REFUSED  0xc0000236u

#endif
