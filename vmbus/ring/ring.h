/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One ring of a channel, seen from one of its two ends. The same code serves host and guest: who reads a ring and who writes it
 * decides, not on which side of the partition it runs. No allocation, no libc but memcpy and memset, one thread per end.
 *
 * The other end is not trusted. Its index is copied once per batch and checked; every descriptor is copied once before it is
 * checked; one's own index is kept privately, so that scribbling over the shared one moves nothing. Whatever the other end
 * writes, nothing outside the ring's pages is touched.
 */
#ifndef BULKHEAD_VMBUS_RING_H
#define BULKHEAD_VMBUS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus/protocol/packet.h"

enum {
	VMBUS_RING_OK = 0,
	VMBUS_RING_EMPTY = -1,  /* no further packet in this batch */
	VMBUS_RING_FULL = -2,   /* no room now; pending_send_size is set, the reader signals when there is */
	VMBUS_RING_BAD = -3,    /* the other end broke the protocol: stop using the ring */
	VMBUS_RING_TOO_BIG = -4 /* can never fit, or a length out of range: the caller's mistake */
};

/** All private to its end. */
struct vmbus_ring {
	struct vmbus_ring_header *header;
	uint8_t *data;           /* when the data pages are contiguous here, else NULL */
	uint8_t *const *pages;   /* else one pointer a data page; the caller keeps the array */
	uint32_t size;           /* data bytes, a multiple of 4096 */
	uint32_t next;           /* reader: next byte to read; writer: next byte to write */
	uint32_t published;      /* our index as the other end was told last */
	uint32_t other;          /* our copy of the other end's index */
	uint32_t pending;        /* writer: what pending_send_size was set to */
	bool signal_due;         /* writer: published early, the reader was idle */
};

/** A packet found by vmbus_ring_peek: a checked copy of its descriptor. Valid until it is consumed. */
struct vmbus_ring_packet {
	uint16_t type;
	uint16_t flags;
	uint64_t transaction_id;
	uint32_t start;          /* of the descriptor in the data */
	uint32_t header_bytes;   /* descriptor and extension; 16 at least, at most total_bytes */
	uint32_t total_bytes;    /* without the trailer */
};

struct vmbus_ring_part {
	const void *data;
	size_t bytes;
};

/** A ring in contiguous memory of `bytes` (header page included). False unless page multiple and at least two pages. */
bool vmbus_ring_init(struct vmbus_ring *ring, void *memory, size_t bytes);

/** A ring of `count` pages anywhere: pages[0] is the header's. The array must outlive the ring. */
bool vmbus_ring_init_pages(struct vmbus_ring *ring, uint8_t *const *pages, size_t count);

/* Reader. */

/** Starts reading where the header says; BAD if that is no valid index. */
int vmbus_ring_reader_start(struct vmbus_ring *ring);
/** Starts reading at a position that an earlier reader (ring->next) kept, and publishes it. */
int vmbus_ring_reader_resume(struct vmbus_ring *ring, uint32_t next);
/** Begins a batch: takes the one snapshot of the write index. OK, EMPTY or BAD. */
int vmbus_ring_read_begin(struct vmbus_ring *ring);
/** The packet at ring->next: OK, EMPTY (end of the batch) or BAD. */
int vmbus_ring_peek(const struct vmbus_ring *ring, struct vmbus_ring_packet *packet);
/** Copies bytes [offset, offset + bytes) of the packet, descriptor counted; false if they are not inside it. */
bool vmbus_ring_copy(const struct vmbus_ring *ring, const struct vmbus_ring_packet *packet, uint32_t offset, void *to, uint32_t bytes);
/** Moves on to the next packet; the space is the writer's again at vmbus_ring_read_end. */
void vmbus_ring_consume(struct vmbus_ring *ring, const struct vmbus_ring_packet *packet);
/** Publishes what was consumed. True: signal the writer, it waits for this room. */
bool vmbus_ring_read_end(struct vmbus_ring *ring);
/** While masked the writer need not signal. */
void vmbus_ring_mask(struct vmbus_ring *ring);
/** Unmasks and looks again: true if there are packets that the writer will not signal: begin another batch. */
bool vmbus_ring_unmask(struct vmbus_ring *ring);

/* Writer. */

/** Starts writing where the header says, announces pending_send_size; BAD if that is no valid index. */
int vmbus_ring_writer_start(struct vmbus_ring *ring);
/** Starts writing at a position that an earlier writer (ring->next) kept, and publishes it: signal the reader. */
int vmbus_ring_writer_resume(struct vmbus_ring *ring, uint32_t next);
/**
 * Writes a packet of the concatenated parts; the first extension_bytes of them (multiple of 8) count as the descriptor's extension.
 * The reader sees it after vmbus_ring_write_end. OK, FULL, BAD or TOO_BIG.
 */
int vmbus_ring_write(struct vmbus_ring *ring, uint16_t type, uint16_t flags, uint64_t transaction_id, uint32_t extension_bytes,
	const struct vmbus_ring_part *parts, size_t count);
/** Publishes what was written. True: signal the reader. */
bool vmbus_ring_write_end(struct vmbus_ring *ring);
/** Whether the reader has made the room that a FULL waits for. */
bool vmbus_ring_has_room(struct vmbus_ring *ring);
/**
 * Into *bytes the largest payload (no extension, multiple of 8) that a write takes now, when that is at least `least`; OK. Otherwise
 * FULL, as if a write of `least` bytes had found no room. BAD; TOO_BIG if the ring never has as much.
 */
int vmbus_ring_room(struct vmbus_ring *ring, uint32_t least, uint32_t *bytes);

#endif
