/* SPDX-License-Identifier: BSD-2-Clause */
/* A channel's ring buffer header and the packets in a ring (Linux include/linux/hyperv.h, struct hv_ring_buffer, vmpacket_descriptor). */
#ifndef BULKHEAD_VMBUS_PROTOCOL_PACKET_H
#define BULKHEAD_VMBUS_PROTOCOL_PACKET_H

#include <stddef.h>
#include <stdint.h>

/** First page of a ring; the data begins at the second. Indices are byte offsets into the data. Both sides write here. */
struct vmbus_ring_header {
	uint32_t write_index;        /* 0: the writer's */
	uint32_t read_index;         /* 4: the reader's */
	uint32_t interrupt_mask;     /* 8: the reader's; non-zero = new packets need no signal */
	uint32_t pending_send_size;  /* 12: the writer's; it waits for more free bytes than that */
	uint32_t reserved[12];
	uint32_t features;           /* 64: VMBUS_RING_FEATURE_*, set by the ring's writer */
	uint8_t  padding[4096 - 68];
};
_Static_assert(sizeof(struct vmbus_ring_header) == 4096, "hyperv.h");
_Static_assert(offsetof(struct vmbus_ring_header, features) == 64, "hyperv.h");
/** Its setter uses pending_send_size in the ring that it writes and heeds it in the ring that it reads. */
#define VMBUS_RING_FEATURE_PENDING_SEND_SIZE 1u

/** Lengths are in units of 8 bytes. After the packet come 8 bytes that `length8` does not count: its start << 32. */
struct vmbus_descriptor {
	uint16_t type;               /* 0: VMBUS_PACKET_* */
	uint16_t offset8;            /* 2: of the payload from the descriptor's start */
	uint16_t length8;            /* 4: of descriptor, its extension and payload */
	uint16_t flags;              /* 6: VMBUS_PACKET_FLAG_* */
	uint64_t transaction_id;     /* 8: comes back in the completion */
};
_Static_assert(sizeof(struct vmbus_descriptor) == 16, "hyperv.h");
#define VMBUS_TRAILER_BYTES 8u
#define VMBUS_PACKET_MAX_BYTES (0xffffu * 8u)

#define VMBUS_PACKET_INBAND         0x6u
#define VMBUS_PACKET_TRANSFER_PAGES 0x7u
#define VMBUS_PACKET_GPA_DIRECT     0x9u
#define VMBUS_PACKET_COMPLETION     0xbu
#define VMBUS_PACKET_FLAG_COMPLETION_REQUESTED 1u

/** Follows the descriptor of a GPA_DIRECT packet; then range_count times a vmbus_gpa_range with its page numbers. */
struct vmbus_gpa_direct {
	uint32_t reserved;
	uint32_t range_count;
};
_Static_assert(sizeof(struct vmbus_gpa_direct) == 8, "hyperv.h");

/** Follows the descriptor of a TRANSFER_PAGES packet; then range_count ranges. */
struct vmbus_transfer_pages {
	uint16_t set_id;
	uint8_t  sender_owns_set;
	uint8_t  reserved;
	uint32_t range_count;
};
_Static_assert(sizeof(struct vmbus_transfer_pages) == 8, "hyperv.h");
struct vmbus_transfer_range {
	uint32_t bytes;
	uint32_t offset;
};

#endif
