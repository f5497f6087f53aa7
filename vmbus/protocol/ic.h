/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the integration components, in in-band packets (Linux include/linux/hyperv.h, icmsg_hdr and what follows it). Guest and host side
 * include this. Each message is the host's; the guest's answer is the same message with its result in it.
 */
#ifndef BULKHEAD_VMBUS_PROTOCOL_IC_H
#define BULKHEAD_VMBUS_PROTOCOL_IC_H

#include <stddef.h>
#include <stdint.h>

struct ic_version {
	uint16_t major;
	uint16_t minor;
};

enum ic_message_type {
	IC_MESSAGE_NEGOTIATE = 0,
	IC_MESSAGE_HEARTBEAT = 1,
	IC_MESSAGE_KVP = 2,
	IC_MESSAGE_SHUTDOWN = 3,
	IC_MESSAGE_TIMESYNC = 4,
	IC_MESSAGE_VSS = 5,
	IC_MESSAGE_FCOPY = 7,
};

/* HRESULTs in ic_header.status. */
#define IC_STATUS_FAIL       0x80004005u
#define IC_STATUS_NO_MORE    0x80070103u /* no such key; enumeration: no such index */
#define IC_STATUS_EXISTS     0x80070050u
#define IC_STATUS_DISK_FULL  0x80070070u

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

#define IC_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
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

/* Key-value pairs (Linux include/uapi/linux/hyperv.h, hv_kvp_msg). Text is UTF-16LE with a NUL, sizes are bytes with it. */
#define IC_KVP_KEY_BYTES   512u
#define IC_KVP_VALUE_BYTES 2048u
#define IC_KVP_TEXT        1u        /* REG_SZ */
#define IC_KVP_U32         4u
#define IC_KVP_U64         8u

enum ic_kvp_operation { IC_KVP_GET, IC_KVP_SET, IC_KVP_DELETE, IC_KVP_ENUMERATE, IC_KVP_GET_ADDRESSES, IC_KVP_SET_ADDRESSES };
/** Who writes what: host, guest, the guest's own description (enumerate only), the host's description of itself, the host's inner one. */
enum ic_kvp_pool { IC_KVP_EXTERNAL, IC_KVP_GUEST, IC_KVP_AUTO, IC_KVP_AUTO_EXTERNAL, IC_KVP_AUTO_INTERNAL, IC_KVP_POOLS };

struct ic_kvp_value {
	uint32_t type;               /* IC_KVP_TEXT, ... */
	uint32_t key_bytes, value_bytes;
	uint8_t  key[IC_KVP_KEY_BYTES];
	uint8_t  value[IC_KVP_VALUE_BYTES];
};
_Static_assert(sizeof(struct ic_kvp_value) == 2572, "hyperv.h, hv_kvp_exchg_msg_value");

/* Always whole: the guest answers in the space that it was sent. */
struct ic_kvp {
	uint8_t  operation;          /* enum ic_kvp_operation */
	uint8_t  pool;
	uint16_t padding;
	union {
		struct ic_kvp_value pair;    /* get, set */
		struct {
			uint32_t key_bytes;
			uint8_t  key[IC_KVP_KEY_BYTES];
		} delete;
		struct {
			uint32_t index;
			struct ic_kvp_value pair;
		} enumerate;
	};
};
_Static_assert(sizeof(struct ic_kvp) == 2580, "hyperv.h, hv_kvp_msg up to kvp_enum_data");

#define IC_ADDRESS_IPV4 1u
#define IC_ADDRESS_IPV6 2u

/* Of one network interface: lists of addresses in UTF-16LE with a NUL, separated by semicolons, each mask for the address of its place. */
struct ic_kvp_addresses {
	uint8_t operation;           /* enum ic_kvp_operation */
	uint8_t pool;
	uint8_t adapter[256];        /* which one: to get, its MAC address in capitals; to set, its VMBus instance as {guid} */
	uint8_t family;              /* 258: IC_ADDRESS_* */
	uint8_t dhcp;
	uint8_t address[2048];
	uint8_t mask[2048];          /* of IPv6: a prefix's length behind a slash when it is asked for */
	uint8_t gateway[1024];
	uint8_t dns[2048];
};
_Static_assert(offsetof(struct ic_kvp_addresses, address) == 260 && sizeof(struct ic_kvp_addresses) == 7428, "hyperv.h, hv_kvp_ip_msg");

/* Freezing of file systems (hv_vss_msg). */
enum ic_vss_operation { IC_VSS_HOT_BACKUP = 2, IC_VSS_FREEZE = 5, IC_VSS_THAW = 6 };

struct ic_vss {
	uint8_t  operation;          /* enum ic_vss_operation */
	uint8_t  reserved[7];
	uint32_t flags;              /* answer to IC_VSS_HOT_BACKUP: what a backup of the running guest may do */
};
_Static_assert(sizeof(struct ic_vss) == 12, "hyperv.h, hv_vss_msg");

/* Files for the guest (hv_fcopy_hdr, hv_start_fcopy, hv_do_fcopy; packed there, so their alignment is spelt out). */
enum ic_fcopy_operation { IC_FCOPY_START, IC_FCOPY_WRITE, IC_FCOPY_COMPLETE, IC_FCOPY_CANCEL };

#define IC_FCOPY_OVERWRITE  1u
#define IC_FCOPY_MAKE_PATH  2u
#define IC_FCOPY_NAME_UNITS 260u
#define IC_FCOPY_FRAGMENT   6144u

struct ic_fcopy_header {
	uint32_t operation;          /* enum ic_fcopy_operation */
	uint8_t  service[2][16];
};

struct ic_fcopy_start {
	struct ic_fcopy_header header;
	uint8_t  file[IC_FCOPY_NAME_UNITS * 2]; /* 36: UTF-16LE */
	uint8_t  path[IC_FCOPY_NAME_UNITS * 2];
	uint32_t flags;              /* 1076: IC_FCOPY_OVERWRITE, IC_FCOPY_MAKE_PATH */
	uint32_t size[2];            /* low word first */
};
_Static_assert(offsetof(struct ic_fcopy_start, flags) == 1076 && sizeof(struct ic_fcopy_start) == 1088, "hyperv.h, hv_start_fcopy");

struct ic_fcopy_write {
	struct ic_fcopy_header header;
	uint32_t padding;
	uint32_t offset[2];          /* 40: low word first */
	uint32_t bytes;
	uint8_t  data[IC_FCOPY_FRAGMENT];
};
_Static_assert(offsetof(struct ic_fcopy_write, data) == 52 && sizeof(struct ic_fcopy_write) == 6196, "hyperv.h, hv_do_fcopy");

#endif
