/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVSP: what netvsc and its provider say to each other in the channel (Linux drivers/net/hyperv/hyperv_net.h). Little-endian. Guest and host
 * side include this.
 */
#ifndef BULKHEAD_VMBUS_PROTOCOL_NVSP_H
#define BULKHEAD_VMBUS_PROTOCOL_NVSP_H

#include <stddef.h>
#include <stdint.h>

#define NVSP_VERSION_1  0x00000002u
#define NVSP_VERSION_2  0x00030002u
#define NVSP_VERSION_4  0x00040000u
#define NVSP_VERSION_5  0x00050000u
#define NVSP_VERSION_6  0x00060000u
#define NVSP_VERSION_61 0x00060001u

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_SEND_NDIS_VERSION = 100,
	NVSP_SEND_RECEIVE_BUFFER = 101,
	NVSP_SEND_RECEIVE_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECEIVE_BUFFER = 103,
	NVSP_SEND_SEND_BUFFER = 104,
	NVSP_SEND_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_SEND_RNDIS_PACKET = 107,
	NVSP_SEND_RNDIS_PACKET_COMPLETE = 108,
	NVSP_SEND_NDIS_CONFIG = 125,
	NVSP_VF_ASSOCIATION = 128,   /* from the host */
	NVSP_SWITCH_DATA_PATH = 129,
	NVSP_SUBCHANNEL = 133,
	NVSP_SEND_TABLE = 134,       /* from the host */
};

enum nvsp_status { NVSP_STATUS_SUCCESS = 1, NVSP_STATUS_FAIL = 2, NVSP_STATUS_INVALID_RNDIS_PACKET = 5 };

#define NVSP_CHANNEL_DATA    0u
#define NVSP_CHANNEL_CONTROL 1u
#define NVSP_NO_SECTION      0xffffffffu
#define NVSP_CAPABILITY_VLAN 0x08u
#define NVSP_CAPABILITY_RSC  0x80u
#define NVSP_SUBCHANNEL_ALLOCATE 1u

/* Which set of pages a TRANSFER_PAGES packet means; guests choose it. */
#define NVSP_RECEIVE_BUFFER_ID 0xcafeu

/** Every message; guests of version 6.1 expect completions of the whole size. */
struct nvsp_message {
	uint32_t type;               /* 0: enum nvsp_type */
	union {
		struct { uint32_t min_version, max_version; } init;
		struct { uint32_t version, max_mdl_chain, status; } init_complete;
		struct { uint32_t gpadl; uint16_t id; } __attribute__((packed)) buffer;
		struct {
			uint32_t status, section_count;
			struct { uint32_t offset, size, count, end; } section;
		} receive_complete;
		struct { uint32_t status, section_size; } send_complete;
		struct { uint32_t channel, section, section_bytes; } rndis;
		struct { uint32_t status; } rndis_complete;
		struct { uint32_t major, minor; } ndis_version;
		struct { uint32_t mtu, reserved; uint64_t capabilities; } __attribute__((packed)) config;
		struct { uint32_t operation, count; } subchannel;
		struct { uint32_t status, count; } subchannel_complete;
		uint8_t bytes[36];
	};
};
_Static_assert(sizeof(struct nvsp_message) == 40, "hyperv_net.h: struct nvsp_message without its largest, unused member");
_Static_assert(offsetof(struct nvsp_message, config.capabilities) == 12, "hyperv_net.h");
_Static_assert(offsetof(struct nvsp_message, buffer.id) == 8, "hyperv_net.h");

#endif
