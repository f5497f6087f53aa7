/* SPDX-License-Identifier: BSD-2-Clause */
/* See http.h. */
#include "wmi-like-api/gateway/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int refuse(struct http *h, int status)
{
	h->event = HTTP_BAD;
	h->status = status;
	return -1;
}

static int on_begin(http_parser *parser)
{
	struct http *h = parser->data;

	h->started = true;
	return 0;
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
	struct http *h = parser->data;

	if (size >= HTTP_TARGET_MAX - h->target_size)
		return refuse(h, 414);
	memcpy(h->target + h->target_size, at, size);
	h->target_size += size;
	return 0;
}

static int on_field(http_parser *parser, const char *at, size_t size)
{
	struct http *h = parser->data;
	size_t have;

	if (h->in_value || !h->headers) {
		h->in_value = false;
		h->name[0] = 0;
		if (++h->headers > HTTP_HEADERS_MAX)
			return refuse(h, 431);
	}
	have = strlen(h->name);
	if (size >= sizeof h->name - have)   /* none of those that matter */
		strcpy(h->name, "?");
	else if (strcmp(h->name, "?")) {
		memcpy(h->name + have, at, size);
		h->name[have + size] = 0;
	}
	return 0;
}

static void choose_value(struct http *h)
{
	h->value = NULL;
	if (!strcasecmp(h->name, "Authorization")) {
		h->value = h->authorization;
		h->value_room = sizeof h->authorization;
	}
	if (h->value)
		h->value[0] = 0;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
	struct http *h = parser->data;
	size_t have;

	if (!h->in_value) {
		h->in_value = true;
		choose_value(h);
		if (!strcasecmp(h->name, "Expect"))
			h->expects_continue = true;
	}
	if (!h->value)
		return 0;
	have = strlen(h->value);
	if (size >= h->value_room - have)
		return refuse(h, 431);
	memcpy(h->value + have, at, size);
	h->value[have + size] = 0;
	return 0;
}

static int on_headers(http_parser *parser)
{
	struct http *h = parser->data;

	h->post = parser->method == HTTP_POST;
	h->get = parser->method == HTTP_GET;
	h->keep_alive = http_should_keep_alive(parser);
	if (parser->content_length != UINT64_MAX && parser->content_length > h->body_max)
		return refuse(h, 413);
	h->event = HTTP_GOT_HEADERS;
	http_parser_pause(parser, 1);
	return 0;
}

static int on_body(http_parser *parser, const char *at, size_t size)
{
	struct http *h = parser->data;
	size_t room = h->body_room ? h->body_room : 4096;
	char *body;

	if (size > h->body_max - h->body_size)
		return refuse(h, 413);
	if (!h->keeps_body) {
		h->body_size += size;
		return 0;
	}
	while (room <= h->body_size + size)
		room *= 2;
	if (room != h->body_room) {
		body = realloc(h->body, room);
		if (!body)
			return refuse(h, 503);
		h->body = body;
		h->body_room = room;
	}
	memcpy(h->body + h->body_size, at, size);
	h->body_size += size;
	h->body[h->body_size] = 0;
	return 0;
}

static int on_complete(http_parser *parser)
{
	struct http *h = parser->data;

	h->event = HTTP_GOT_REQUEST;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

void http_init(struct http *h, size_t body_max)
{
	*h = (struct http){ .body_max = body_max };
	http_parser_set_max_header_size(HTTP_HEADER_BYTES);
	http_parser_init(&h->parser, HTTP_REQUEST);
	h->parser.data = h;
}

void http_next(struct http *h)
{
	size_t body_max = h->body_max;

	free(h->body);
	http_init(h, body_max);
}

void http_free(struct http *h)
{
	free(h->body);
	h->body = NULL;
}

void http_keep_body(struct http *h, bool keep)
{
	h->keeps_body = keep;
}

enum http_event http_feed(struct http *h, const char *bytes, size_t size, size_t *used)
{
	if (h->event == HTTP_BAD || h->event == HTTP_GOT_REQUEST) {
		*used = 0;
		return h->event;
	}
	h->event = HTTP_MORE;
	http_parser_pause(&h->parser, 0);
	*used = http_parser_execute(&h->parser, &settings, bytes, size);
	if (h->event != HTTP_MORE)
		return h->event;
	if (HTTP_PARSER_ERRNO(&h->parser) == HPE_OK && !h->parser.upgrade)
		return HTTP_MORE;
	refuse(h, HTTP_PARSER_ERRNO(&h->parser) == HPE_HEADER_OVERFLOW ? 431 : 400);
	return HTTP_BAD;
}

const char *http_reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 413: return "Payload Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	default: return "Internal Server Error";
	}
}
