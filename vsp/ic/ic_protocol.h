/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the integration components, in in-band packets (Linux include/linux/hyperv.h, icmsg_hdr and what follows it). */
#ifndef BULKHEAD_VSP_IC_IC_PROTOCOL_H
#define BULKHEAD_VSP_IC_IC_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

struct ic_version {
	uint16_t major;
	uint16_t minor;
};

enum ic_message_type {
	IC_MESSAGE_NEGOTIATE = 0,
	IC_MESSAGE_HEARTBEAT = 1,
	IC_MESSAGE_SHUTDOWN = 3,
	IC_MESSAGE_TIMESYNC = 4,
};

#define IC_PIPE_DATA        1u
#define IC_FLAG_TRANSACTION 1u
#define IC_FLAG_REQUEST     2u
#define IC_FLAG_RESPONSE    4u

struct ic_header {
	uint32_t pipe_flags;         /* 0: IC_PIPE_DATA */
	uint32_t pipe_bytes;         /* 4: of what follows */
	struct ic_version framework; /* 8 */
	uint16_t type;               /* 12: enum ic_message_type */
	struct ic_version message;   /* 14 */
	uint16_t bytes;              /* 18: of the body */
	uint32_t status;             /* 20: HRESULT in responses */
	uint8_t  transaction;        /* 24 */
	uint8_t  flags;              /* 25: IC_FLAG_* */
	uint8_t  reserved[2];
};
_Static_assert(sizeof(struct ic_header) == 28, "hyperv.h, vmbuspipe_hdr and icmsg_hdr");
_Static_assert(offsetof(struct ic_header, status) == 20, "hyperv.h, icmsg_hdr");

#define IC_MAX_VERSIONS 8u

/** The host's lists of versions, newest first; the guest answers with one of each, or with none. */
struct ic_negotiate {
	uint16_t framework_count;
	uint16_t message_count;
	uint32_t reserved;
	struct ic_version versions[IC_MAX_VERSIONS]; /* framework's, then message's */
};
_Static_assert(offsetof(struct ic_negotiate, versions) == 8, "hyperv.h, icmsg_negotiate");

#define IC_SHUTDOWN_FORCE   1u
#define IC_SHUTDOWN_RESTART 2u
#define IC_SHUTDOWN_PLANNED 0x80000000u /* reason: Windows' SHTDN_REASON_FLAG_PLANNED */

struct ic_shutdown {
	uint32_t reason;
	uint32_t timeout;            /* seconds */
	uint32_t flags;              /* IC_SHUTDOWN_* */
	uint8_t  text[2048];
};
_Static_assert(sizeof(struct ic_shutdown) == 2060, "hyperv.h, shutdown_msg_data");

struct ic_heartbeat {
	uint64_t sequence;           /* the guest answers with the next */
	uint32_t reserved[8];
};
_Static_assert(sizeof(struct ic_heartbeat) == 40, "hyperv.h, heartbeat_msg_data");

#define IC_TIME_SYNC   1u            /* set the clock */
#define IC_TIME_SAMPLE 2u

struct ic_time {                     /* before 4.0 */
	uint64_t parent_time;        /* 100 ns since 1601 */
	uint64_t child_time;
	uint64_t round_trip;
	uint8_t  flags;              /* 24: IC_TIME_* */
	uint8_t  padding[7];
};
_Static_assert(offsetof(struct ic_time, flags) == 24, "hyperv.h, ictimesync_data");

struct ic_time_4 {
	uint64_t parent_time;
	uint64_t reference_time;     /* the partition's counter when parent_time was read */
	uint8_t  flags;              /* 16 */
	uint8_t  leap;
	uint8_t  stratum;
	uint8_t  reserved[5];
};
_Static_assert(offsetof(struct ic_time_4, flags) == 16, "hyperv.h, ictimesync_ref_data");

#endif
