/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvsock.c and stream.c share. */
#ifndef BULKHEAD_VSP_HVSOCK_INTERNAL_H
#define BULKHEAD_VSP_HVSOCK_INTERNAL_H

#include "vsp/hvsock/hvsock.h"

struct hvsock_stream {
	struct hvsock *hvsock;
	struct hvsock_stream *next, **link;
	struct vmbus_channel *channel;
	void *peer;
	uint32_t busy;               /* functions that still use it: freed by the last */
	bool over;                   /* the channel and the peer are gone */
	bool open, failed;
	bool receive_ended;          /* the guest's end of file has come */
	bool end_told;               /* and was told to the peer */
	bool send_ended;             /* ours was asked for */
	bool end_due;                /* and did not fit yet */
	bool want_room;              /* the peer waits for `writable` */
	uint64_t since;              /* h->clock when it was made, or when waiting for room began */
	uint8_t *held;               /* of the last packet, what the peer did not take yet; NULL: none */
	uint32_t held_bytes, held_at;
};

struct hvsock {
	struct vmbus_server *server;
	const struct hvsock_ops *ops;
	void *context;
	struct hvsock_stream *streams;
	uint32_t count, next_port;
	uint64_t now, clock;         /* ms: of the last tick; that the guest has run, by ticks */
	uint64_t opened;             /* by that clock: when the guest last opened a stream */
	uint8_t packet[sizeof(struct hvsock_header) + HVSOCK_MTU];
};

/** Ends it once: rescinds, tells the peer if wanted, frees it unless it is in use further up the stack. */
void stream_end(struct hvsock_stream *stream, bool tell, int error);
/** Frees a stream that is over and in no more use. */
void stream_release(struct hvsock_stream *stream);
/** The guest has put packets into its ring or made room in the other one. */
void stream_signal(struct hvsock_stream *stream);
/** Sends the end of file, now or when there is room. */
void stream_send_end(struct hvsock_stream *stream);

#endif
