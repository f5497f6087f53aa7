/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the integration components (Linux include/linux/hyperv.h: vmbuspipe_hdr, icmsg_hdr and what follows them). */
#ifndef BULKHEAD_VSP_IC_PROTOCOL_H
#define BULKHEAD_VSP_IC_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#pragma pack(push, 1)
struct ic_pipe_header {
	uint32_t type;               /* IC_PIPE_DATA */
	uint32_t size;               /* bytes behind this header */
};
#define IC_PIPE_DATA 1u

struct ic_version {
	uint16_t major, minor;
};

struct ic_header {
	struct ic_version framework;
	uint16_t type;               /* IC_MESSAGE_* */
	struct ic_version message;
	uint16_t size;               /* bytes behind this header */
	uint32_t status;             /* of an answer: 0 or an HRESULT */
	uint8_t  transaction;
	uint8_t  flags;              /* IC_FLAG_* */
	uint16_t reserved;
};
_Static_assert(sizeof(struct ic_header) == 20, "hyperv.h icmsg_hdr");

#define IC_MESSAGE_NEGOTIATE 0u
#define IC_MESSAGE_HEARTBEAT 1u
#define IC_MESSAGE_SHUTDOWN  3u
#define IC_MESSAGE_TIMESYNC  4u

#define IC_FLAG_TRANSACTION 1u
#define IC_FLAG_REQUEST     2u
#define IC_FLAG_RESPONSE    4u

/** Frameworks first, then message versions; the answer has one of each, or counts of 0: no common version. */
struct ic_negotiate {
	uint16_t framework_count;
	uint16_t message_count;
	uint32_t reserved;
	struct ic_version version[];
};
_Static_assert(sizeof(struct ic_negotiate) == 8, "hyperv.h icmsg_negotiate");

struct ic_shutdown {
	uint32_t reason;
	uint32_t timeout_seconds;
	uint32_t flags;              /* IC_SHUTDOWN_* */
	uint8_t  text[2048];         /* UTF-8, NUL terminated; the guest insists on all bytes */
};
_Static_assert(sizeof(struct ic_shutdown) == 2060, "hyperv.h shutdown_msg_data");
#define IC_SHUTDOWN_FORCE   1u
#define IC_SHUTDOWN_RESTART 2u
#define IC_SHUTDOWN_REASON_PLANNED 0x80000000u

struct ic_heartbeat {
	uint64_t sequence;           /* comes back plus 1 */
	uint32_t reserved[8];
};
_Static_assert(sizeof(struct ic_heartbeat) == 40, "hyperv.h heartbeat_msg_data");

/** Before version 4. Times in 100 ns since 1601. */
struct ic_timesync {
	uint64_t parent_time;
	uint64_t child_time;
	uint64_t round_trip_time;
	uint8_t  flags;              /* IC_TIMESYNC_* */
};
_Static_assert(sizeof(struct ic_timesync) == 25, "hyperv.h ictimesync_data");

/** Version 4. */
struct ic_timesync_reference {
	uint64_t parent_time;
	uint64_t reference_time;     /* partition reference counter at parent_time */
	uint8_t  flags;
	uint8_t  leap;
	uint8_t  stratum;
	uint8_t  reserved[3];
};
_Static_assert(sizeof(struct ic_timesync_reference) == 22, "hyperv.h ictimesync_ref_data");
#define IC_TIMESYNC_SYNC   1u
#define IC_TIMESYNC_SAMPLE 2u
#pragma pack(pop)

/** 1970 in 100 ns since 1601. */
#define IC_UNIX_EPOCH 116444736000000000ull

#endif
