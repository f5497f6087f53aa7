/* SPDX-License-Identifier: BSD-2-Clause */
/* What vsock.c and vsock_peer.c share. */
#ifndef BULKHEAD_WORKER_VSOCK_INTERNAL_H
#define BULKHEAD_WORKER_VSOCK_INTERNAL_H

#include <stdbool.h>

#include "vsock.h"

#define LINE_MAX_BYTES 32u           /* "CONNECT 4294967295\n" is the longest that means something */

/** A UNIX socket and, once that is known, the stream that it belongs to. */
struct vsock_peer {
	uv_poll_t poll;
	struct vsock *vsock;
	struct vsock_peer *next, **link;
	struct hvsock_stream *stream; /* NULL: not asked for yet, or over */
	int fd;
	bool closing;
	bool client;                 /* came to `connect`: is told how it goes */
	bool open;                   /* bytes flow */
	bool read_ended;             /* the socket's end of file has come */
	bool no_room;                /* the guest's ring is full */
	bool blocked;                /* the socket is */
	uint64_t since;              /* vsock->now when it came */
	uint32_t port;
	unsigned int line_bytes;
	char line[LINE_MAX_BYTES];
};

/** Takes fd over, also when it fails: NULL. */
struct vsock_peer *peer_create(struct vsock *vsock, int fd);
/** Closes the socket and the stream, if there is one. The memory goes with the loop's next round. */
void peer_drop(struct vsock_peer *peer);
/** Tells a client how it went; what it does not take at once is lost. */
void peer_say(struct vsock_peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Asks the loop for what the peer can use now. */
void peer_watch(struct vsock_peer *peer);
/** Whether the other end was closed altogether, rather than for writing. */
bool peer_gone(const struct vsock_peer *peer);

/* vsock.c */
/** A client's line is complete: begins its stream or refuses. */
void vsock_asked(struct vsock_peer *peer, const char *line);
/** The guest connects to a port of the host. */
int vsock_connect_host(void *context, struct hvsock_stream *stream, uint32_t port, void **peer);
extern const struct hvsock_ops vsock_stream_ops;

#endif
