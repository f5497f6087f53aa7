/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client's connection. connection.c moves bytes, with and without TLS, and keeps the clock; request.c decides about each request.
 * One request is at work at a time; while it is, what follows waits, a bounded amount of it here and the rest in the client.
 */
#ifndef BULKHEAD_GATEWAY_CONNECTION_H
#define BULKHEAD_GATEWAY_CONNECTION_H

#include "wmi-like-api/gateway/http.h"
#include "wmi-like-api/gateway/server.h"
#include "wmi-like-api/wsman/buffer.h"

enum connection_phase {
	PHASE_HANDSHAKE,   /**< TLS is not there yet */
	PHASE_IDLE,        /**< no byte of a request has come */
	PHASE_READING,     /**< a request has begun */
	PHASE_CHECKING,    /**< the helper looks at a password */
	PHASE_WORKING,     /**< the service is at work */
	PHASE_WRITING,     /**< the answer is on its way */
	PHASE_CLOSED,
};

struct connection {
	struct connection *next, **link;
	struct server *server;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_shutdown_t shutdown;
	unsigned open_handles;
	struct tls *tls;              /**< NULL: plain */
	struct buffer plain;          /**< plain: what came and was not read yet */
	size_t waiting;               /**< bytes that came while a request was at work */
	bool reading, close_after, ended, reported;
	bool lingers;                 /**< answered for the last time: what still comes is dropped */
	enum connection_phase phase;
	uint64_t phase_since;
	struct http http;
	char rest[4096];              /**< decrypted, not yet parsed */
	size_t rest_at, rest_size;
	char address[64], peer[80];   /**< the address, and with the port */
	/* request.c */
	const char *certificate_user;
	bool certificate_seen;
	char user[64];
	enum wsman_role role;
	bool authenticated;           /**< this request */
	bool known;                   /**< some request was: matters when there is no room */
	int refusal;                  /**< HTTP status for this request, or 0 */
	struct auth_check *check;
	struct wsman_call *call;
};

/** Goes on with what has come, until a request is at work or more is needed. */
void connection_go_on(struct connection *c);
void connection_phase(struct connection *c, enum connection_phase phase);
void connection_close(struct connection *c);
/** Sends an answer; the next request follows when it is out. type NULL: no body. */
void connection_answer(struct connection *c, int status, const char *type, const char *more_headers, const char *body, size_t size);
/** Sends bytes as they are, such as an interim answer. */
void connection_send(struct connection *c, const char *bytes, size_t size);

/** request.c: headers have come; asks who it is. */
void request_begin(struct connection *c);
/** The whole request is there. */
void request_run(struct connection *c);
/** What is under way for the connection's request ends. */
void request_abandon(struct connection *c);

#endif
