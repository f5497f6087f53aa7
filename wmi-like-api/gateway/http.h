/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1 requests out of a stream of bytes, by libhttp-parser, without sockets. It stops where its owner has to decide: after the
 * headers (is there a body worth keeping?) and after the request.
 */
#ifndef BULKHEAD_GATEWAY_HTTP_H
#define BULKHEAD_GATEWAY_HTTP_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADER_BYTES   16384u   /**< request line and headers */
#define HTTP_HEADERS_MAX    64u
#define HTTP_VALUE_MAX      4096u
#define HTTP_TARGET_MAX     256u

enum http_event {
	HTTP_MORE,      /**< all was taken, more is needed */
	HTTP_GOT_HEADERS,   /**< the fields below are there; say what becomes of the body by http_keep_body */
	HTTP_GOT_REQUEST,   /**< a whole request; http_next before anything else is fed */
	HTTP_BAD,       /**< status says why; the connection cannot go on */
};

struct http {
	http_parser parser;
	enum http_event event;
	int status;                           /**< with HTTP_BAD: 400, 413, 431 */
	char target[HTTP_TARGET_MAX];
	char authorization[HTTP_VALUE_MAX];   /**< "" for none */
	bool post, get, keep_alive, expects_continue, started;
	char *body;                           /**< the parser's; NUL-terminated; NULL when none came or it is not kept */
	size_t body_size, body_room, body_max;
	bool keeps_body;
	/* private */
	char name[32];
	char *value;
	size_t target_size, value_room;
	unsigned headers;
	bool in_value;
};

/** body_max: bytes of a body beyond which the request is refused. */
void http_init(struct http *http, size_t body_max);
/** Takes bytes up to the next event; *used says how many. */
enum http_event http_feed(struct http *http, const char *bytes, size_t size, size_t *used);
/** After HTTP_GOT_HEADERS: the body is kept, or read and forgotten. */
void http_keep_body(struct http *http, bool keep);
/** Forgets the request and is ready for the next one. */
void http_next(struct http *http);
void http_free(struct http *http);

const char *http_reason(int status);

#endif
