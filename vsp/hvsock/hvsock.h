/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stream sockets of a partition: the host's end of the guest's AF_VSOCK connections, in both directions. Knows the VMBus server, not the
 * worker: what is at the other end of a stream on the host is the embedder's, its `peer`. One thread, the one that also calls the
 * VMBus server; callbacks come on it.
 *
 * Both ends control the flow: bytes that the peer does not take stay in the guest's ring (and at most one packet of them here), and the
 * peer is asked for no more than the other ring takes. Each direction ends by itself; when both have, the stream is over.
 *
 * Connections do not survive the worker: a successor does not offer them again, so the guest sees them end.
 */
#ifndef BULKHEAD_VSP_HVSOCK_HVSOCK_H
#define BULKHEAD_VSP_HVSOCK_HVSOCK_H

#include "vmbus/protocol/hvsock.h"
#include "vmbus/server/server.h"

struct hvsock;
struct hvsock_stream;

/**
 * How long the guest has for opening a stream that it was offered: past that, nobody listens there. Linux opens them one after the other, so
 * one that has opened another meanwhile gets as long again, up to the second limit, which is Hyper-V's.
 */
#define HVSOCK_OPEN_MS     10000u
#define HVSOCK_OPEN_MAX_MS 30000u
/**
 * A guest that has sent its last byte may have closed its socket altogether, of which the host is not told. If such a one leaves the
 * ring full for so long, the stream is over.
 */
#define HVSOCK_STALL_MS 60000u

/** Any of them may call hvsock_close for its own stream, and none but connect and closed may make the embedder forget the peer. */
struct hvsock_ops {
	/**
	 * The guest connects to a port of the host's. 0 and *peer: `opened` or `closed` follows. -errno: refused, the stream is no more.
	 * context is the one given to hvsock_create.
	 */
	int (*connect)(void *context, struct hvsock_stream *stream, uint32_t port, void **peer);
	/** The stream is there: bytes may be sent. */
	void (*opened)(void *peer);
	/** Bytes of the guest's. Returns how many were taken; if not all, no more come before hvsock_receive. */
	uint32_t (*received)(void *peer, const uint8_t *data, uint32_t bytes);
	/** The guest sends no more. */
	void (*received_end)(void *peer);
	/** There is room again, after hvsock_room said that there was none. */
	void (*writable)(void *peer);
	/**
	 * The stream has ended and is no more: 0 after both directions had ended, else -errno. -ETIMEDOUT: the guest did not open it, or does
	 * not read; -ECONNRESET: the guest closed it or was reset; -EPROTO: the guest broke the protocol.
	 */
	void (*closed)(void *peer, int error);
};

/** 0 or -ENOMEM. ops must outlive it. At most one a server: it takes the server's TL_CONNECT requests. */
int hvsock_create(struct vmbus_server *server, const struct hvsock_ops *ops, void *context, struct hvsock **ret);
/** Closes every stream; `closed` is not called. NULL is fine. */
void hvsock_free(struct hvsock *hvsock);
/** Looks for what has taken too long. About once a second while the guest runs; now_ms: monotonic. */
void hvsock_tick(struct hvsock *hvsock, uint64_t now_ms);
/** Streams that there are. */
uint32_t hvsock_count(const struct hvsock *hvsock);

/**
 * Connects to a port of the guest's; `opened` or `closed` follows. 0, -ENOTCONN (the guest has no VMBus connection), -EMFILE (too many
 * streams), -ENOMEM.
 */
int hvsock_connect(struct hvsock *hvsock, uint32_t port, void *peer, struct hvsock_stream **ret);

/** How many bytes hvsock_send takes now. 0: `writable` follows when it is worth while. */
uint32_t hvsock_room(struct hvsock_stream *stream);
/** Sends at most hvsock_room bytes, which were asked for just before. 0 or -EPIPE: the stream fails, `closed` comes or has come. */
int hvsock_send(struct hvsock_stream *stream, const void *data, uint32_t bytes);
/** The guest reads to the end of what was sent, and then an end of file. If it has ended too, the stream is over: `closed` may come from in here. */
void hvsock_send_end(struct hvsock_stream *stream);
/**
 * The peer takes bytes again: `received` is called, from in here. True: there is more, but others should get their turn; call again in the
 * next round of the loop. Not from a callback.
 */
bool hvsock_receive(struct hvsock_stream *stream);
/** Ends the stream. The guest can still read what was sent, then has an end of file, and an error if it sends. `closed` is not called. */
void hvsock_close(struct hvsock_stream *stream);

#endif
