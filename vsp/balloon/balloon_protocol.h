/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of dynamic memory, in in-band packets without a frame of their own (Linux drivers/hv/hv_balloon.c). Pages are of 4 KiB. */
#ifndef BULKHEAD_VSP_BALLOON_BALLOON_PROTOCOL_H
#define BULKHEAD_VSP_BALLOON_BALLOON_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define DM_VERSION_1_0 0x00010000u /* major 31:16, minor 15:0 */
#define DM_VERSION_2_0 0x00020000u

enum dm_message_type {
	DM_VERSION_REQUEST = 1,      /* guest */
	DM_VERSION_RESPONSE,
	DM_CAPABILITIES_REPORT,      /* guest */
	DM_CAPABILITIES_RESPONSE,
	DM_STATUS_REPORT,            /* guest, about once a second */
	DM_BALLOON_REQUEST,
	DM_BALLOON_RESPONSE,         /* guest */
	DM_UNBALLOON_REQUEST,
	DM_UNBALLOON_RESPONSE,       /* guest */
	DM_HOT_ADD_REQUEST,
	DM_HOT_ADD_RESPONSE,         /* guest */
	DM_INFO_MESSAGE,
};

#define DM_MESSAGE_MAX 4096u         /* what a guest's driver takes and sends */

struct dm_header {
	uint16_t type;               /* enum dm_message_type */
	uint16_t bytes;              /* with the header */
	uint32_t transaction;        /* the sender's own count */
};

struct dm_version_request {
	struct dm_header header;
	uint32_t version;
	uint32_t last_attempt;       /* bit 0 */
};

/** DM_VERSION_RESPONSE and DM_CAPABILITIES_RESPONSE. */
struct dm_accepted {
	struct dm_header header;
	uint64_t accepted;           /* bit 0 */
};

#define DM_CAPABILITY_BALLOON 1u
#define DM_CAPABILITY_HOT_ADD 2u
#define DM_CAPABILITY_ALIGNMENT(caps) ((caps) >> 2 & 15u) /* of hot-added memory: 2^n MiB */

struct dm_capabilities {
	struct dm_header header;
	uint64_t capabilities;
	uint64_t minimum, maximum;   /* not used by guests */
};

struct dm_status {
	struct dm_header header;
	uint64_t available;          /* pages */
	uint64_t committed;          /* pages, those in the balloon among them */
	uint64_t page_file, zero_free;
	uint32_t page_file_writes, io_difference;
};
_Static_assert(sizeof(struct dm_status) == 48, "hv_balloon.c, dm_status");

struct dm_balloon {
	struct dm_header header;
	uint32_t pages;              /* whole 2 MiB */
	uint32_t reserved;
};

/** First page in bits 39:0, count in 63:40. */
#define DM_RANGE(page, count)   ((uint64_t)(count) << 40 | (page))
#define DM_RANGE_PAGE(range)    ((range) & 0xffffffffffull)
#define DM_RANGE_COUNT(range)   ((range) >> 40)
#define DM_RANGE_COUNT_MAX      0xffffffull

/** DM_BALLOON_RESPONSE, in as many messages as it takes. */
struct dm_ballooned {
	struct dm_header header;
	uint32_t reserved;
	uint32_t more_and_count;     /* bit 0: more follow; 31:1 ranges in this message */
	uint64_t ranges[];
};
_Static_assert(offsetof(struct dm_ballooned, ranges) == 16, "hv_balloon.c, dm_balloon_response");

struct dm_unballoon {
	struct dm_header header;
	uint32_t more;               /* bit 0 */
	uint32_t count;
	uint64_t ranges[];
};
_Static_assert(offsetof(struct dm_unballoon, ranges) == 16, "hv_balloon.c, dm_unballoon_request");
#define DM_RANGES_MAX ((DM_MESSAGE_MAX - 16) / 8)

struct dm_hot_add {
	struct dm_header header;
	uint64_t range;
};

struct dm_hot_added {
	struct dm_header header;
	uint32_t pages;              /* that came */
	uint32_t result;             /* 1: fewer than asked for means that no more will ever fit; 0: try again later */
};

#define DM_INFO_MAXIMUM 0u
struct dm_info {
	struct dm_header header;
	uint32_t reserved, info_bytes;
	uint32_t type, bytes;
	uint64_t pages;              /* DM_INFO_MAXIMUM: the most that the partition will ever have */
};
_Static_assert(sizeof(struct dm_info) == 32, "hv_balloon.c, dm_info_msg");

#endif
