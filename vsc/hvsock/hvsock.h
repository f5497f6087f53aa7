/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's stream sockets: connections to ports of the host, and from it, each on a channel of its own (vmbus/protocol/hvsock.h). No allocation:
 * stream and rings are the caller's. Single-threaded; nothing but connect, accept and close waits. Errors are negative errno values.
 *
 * The host is not trusted: its packets are copied once and checked; one that breaks the protocol ends the stream with -EPROTO.
 */
#ifndef BULKHEAD_VSC_HVSOCK_HVSOCK_H
#define BULKHEAD_VSC_HVSOCK_HVSOCK_H

#include "vmbus/protocol/hvsock.h"
#include "vsc/vmbus/client.h"

struct vsc_hvsock {
	struct vsc_channel *channel; /* NULL: not connected */
	bool send_ended;             /* we have sent our last byte */
	bool receive_ended;          /* the host has, and we have read it */
	bool broken;
	uint32_t at, bytes;          /* of the packet: read so far; to read in all */
	/** The host sent, made room, ended or has gone. May be NULL; set it before connecting. */
	void (*event)(void *context, struct vsc_hvsock *stream);
	void *context;
	uint8_t packet[sizeof(struct hvsock_header) + HVSOCK_MTU];
};

/** Smallest memory for the rings of a stream: six pages each way, as Linux has them, are better. */
#define VSC_HVSOCK_RING_MIN (2u * 3 * VMBUS_PAGE_SIZE)

/**
 * Connects from local_port, which must be one that no other stream of this guest has, to a port of the host. `memory` as for vsc_channel_open, half
 * for each direction. -ECONNREFUSED, -ETIMEDOUT (the host says nothing), or what opening a channel returns.
 */
int vsc_hvsock_connect(struct vsc_hvsock *stream, struct vsc_vmbus *bus, uint32_t local_port, uint32_t port, void *memory, uint32_t bytes);
/** Accepts a connection of the host's to our port. -EAGAIN: there is none; offers come with messages. */
int vsc_hvsock_accept(struct vsc_hvsock *stream, struct vsc_vmbus *bus, uint32_t port, void *memory, uint32_t bytes);

/** How many bytes were taken. -EAGAIN: no room, `event` comes when there is; -EPIPE: after the end, or the host has gone; -EPROTO. */
int vsc_hvsock_send(struct vsc_hvsock *stream, const void *data, uint32_t bytes);
/** Sends the end of file. There is always room for it. */
int vsc_hvsock_send_end(struct vsc_hvsock *stream);
/** How many bytes were read; 0: end of file. -EAGAIN: none yet; -ECONNRESET: the host went without an end of file; -EPROTO. */
int vsc_hvsock_receive(struct vsc_hvsock *stream, void *data, uint32_t capacity);
/**
 * Ends both directions and waits until the host has taken the channel back: then 0, and the rings' memory is the caller's again. -ETIMEDOUT: the host
 * does not let go; call again.
 */
int vsc_hvsock_close(struct vsc_hvsock *stream);

#endif
