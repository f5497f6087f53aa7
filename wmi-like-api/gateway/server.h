/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets and the connections that come from them: how many, which one goes when there is no room, what is counted. */
#ifndef BULKHEAD_GATEWAY_SERVER_H
#define BULKHEAD_GATEWAY_SERVER_H

#include <stdint.h>
#include <uv.h>
#include "wmi-like-api/gateway/authenticate.h"
#include "wmi-like-api/gateway/config.h"
#include "wmi-like-api/gateway/tls.h"
#include "wmi-like-api/wsman/service.h"

struct connection;

struct server_counters {
	uint64_t accepted, refused, evicted, timed_out, requests, bad_requests, bad_passwords, bad_handshakes;
};

struct server {
	uv_loop_t *loop;
	const struct gateway_config *config;
	struct tls_context *tls;
	struct wsman *wsman;
	struct authenticator *authenticator;
	/** Text of /metrics, to be freed; NULL: out of memory. */
	char *(*metrics)(void *arg, size_t *size);
	void *arg;
	struct connection *connections;
	unsigned connection_count;
	struct server_counters counters;
	struct listener { uv_tcp_t tcp; struct server *server; bool plain; } listeners[GATEWAY_LISTEN_MAX];
	unsigned listener_count;
};

/** A bound socket per configured address, before privileges go. Returns 0, or -1 with why. *fds: as many as config->listen_count. */
int server_bind(const struct gateway_config *config, int *fds, char *why, size_t why_size);
/** Serves the sockets of server_bind. 0 or a negative libuv error. */
int server_listen(struct server *server, const int *fds);
/** Closes listeners and connections; the loop has to run once more. */
void server_stop(struct server *server);

/** connection.c: takes a connection from a listener. */
void connection_accept(struct server *server, uv_stream_t *listener, bool plain);
void connection_close_all(struct server *server);

#endif
