/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stream sockets between the guest and programs of the root: each stream of the hvsock provider goes on as a UNIX stream socket, in both
 * directions byte for byte, with half close. Paths are relative to the directory of worker_protocol.h, which is the working directory.
 *
 * The guest connects to port N of the host: the worker connects to `listen/N`; refused where nobody listens or the port is not allowed.
 * A client connects to `connect` and writes a line "CONNECT N"; it is answered by a line "OK" once the guest has accepted, and the stream
 * follows, or by "ERROR reason".
 */
#ifndef BULKHEAD_WORKER_VSOCK_H
#define BULKHEAD_WORKER_VSOCK_H

#include <uv.h>

#include "root-partition/lib/worker_protocol.h"
#include "vsp/hvsock/hvsock.h"

/** Sockets open at once, with clients that have not said yet what they want. More are refused. */
#define VSOCK_MAX_PEERS 160u
/** How long a client has for its line. */
#define VSOCK_LINE_MS 10000u

struct vsock_peer;

struct vsock {
	const struct worker_vsock *config;
	uv_loop_t *loop;
	struct hvsock *hvsock;
	uv_poll_t listener;
	struct vsock_peer *peers;
	unsigned int count;
	uint64_t now;                /* ms, of the last tick */
	uint8_t buffer[HVSOCK_MTU];
};

/** Before vmbus_server_start. config must outlive it; without a directory nothing is offered. Returns 0 or a negative errno. */
int vsock_create(struct vsock *vsock, const struct worker_vsock *config, uv_loop_t *loop, struct vmbus_server *server);
/** Closes all; the loop must run once more for its handles. The server must be there still. */
void vsock_free(struct vsock *vsock);
/** About once a second while the guest runs; now_ms: monotonic. */
void vsock_tick(struct vsock *vsock, uint64_t now_ms);

#endif
