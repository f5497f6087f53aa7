/* SPDX-License-Identifier: BSD-2-Clause */
/* See connection.h. */
#include "wmi-like-api/gateway/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/gateway/helper.h"
#include "wmi-like-api/gateway/log.h"

#define WAITING_MAX  (64u << 10)   /* of the next request while one is at work */
#define HEADER_ROOM  1024
#define LINGER_MAX   (16u << 20)   /* that is dropped behind a refusal */
#define LINGER_MS    1000u

struct outgoing {
	uv_write_t request;
	struct connection *connection;
	bool answer;   /* the connection's request is done when it is out */
	char *bytes;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	if (--c->open_handles)
		return;
	tls_free(c->tls);
	http_free(&c->http);
	buffer_free(&c->plain);
	free(c);
}

void connection_close(struct connection *c)
{
	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = PHASE_CLOSED;
	request_abandon(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->server->connection_count--;
	uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static uint64_t phase_limit_s(const struct connection *c)
{
	const struct gateway_config *config = c->server->config;

	switch (c->phase) {
	case PHASE_HANDSHAKE: return config->handshake_s;
	case PHASE_IDLE: return c->known ? config->idle_s : config->handshake_s;
	case PHASE_READING: return config->request_s;
	case PHASE_CHECKING: return HELPER_SECONDS + 5;
	case PHASE_WRITING: return config->request_s;
	default: return 0;   /* the service's calls end by themselves */
	}
}

static void on_timeout(uv_timer_t *timer)
{
	struct connection *c = timer->data;

	c->server->counters.timed_out++;
	if (c->phase == PHASE_READING || c->phase == PHASE_HANDSHAKE)
		gateway_audit("refused", c->user, c->peer, c->phase == PHASE_READING ? "HTTP" : "handshake", c->http.target, "took too long");
	connection_close(c);
}

static void on_alerted(uv_timer_t *timer)
{
	connection_close(timer->data);
}

void connection_phase(struct connection *c, enum connection_phase phase)
{
	uint64_t seconds;

	if (c->phase == PHASE_CLOSED)
		return;
	c->phase = phase;
	c->phase_since = uv_now(c->server->loop);
	seconds = phase_limit_s(c);
	if (seconds)
		uv_timer_start(&c->timer, on_timeout, seconds * 1000, 0);
	else
		uv_timer_stop(&c->timer);
}

static bool is_busy(const struct connection *c)
{
	return c->phase >= PHASE_CHECKING;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char room[16384];   /* one thread: used up before the next read */

	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct connection *c = stream->data;

	if (size < 0) {
		connection_close(c);
		return;
	}
	if (c->lingers) {
		c->waiting += (size_t)size;
		if (c->waiting > LINGER_MAX)
			connection_close(c);
		return;
	}
	if (c->tls ? tls_take(c->tls, buf->base, (size_t)size) : (buffer_put_bytes(&c->plain, buf->base, (size_t)size), c->plain.failed)) {
		connection_close(c);
		return;
	}
	if (!is_busy(c)) {
		connection_go_on(c);
		return;
	}
	c->waiting += (size_t)size;
	if (c->waiting >= WAITING_MAX) {
		uv_read_stop(stream);
		c->reading = false;
	}
}

static void read_on(struct connection *c)
{
	c->waiting = 0;
	if (!c->reading && !uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read))
		c->reading = true;
}

static void on_shut_down(uv_shutdown_t *request, int status)
{
	(void)request, (void)status;
}

/*
 * Closed while the client still sends, the kernel would reset the connection, and the answer might be lost with it: so the end is
 * announced, and what comes until the client has closed is dropped.
 */
static void linger(struct connection *c)
{
	c->lingers = true;
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut_down)) {
		connection_close(c);
		return;
	}
	read_on(c);
	uv_timer_start(&c->timer, on_alerted, LINGER_MS, 0);
}

static void on_written(uv_write_t *request, int status)
{
	struct outgoing *out = (struct outgoing *)request;
	struct connection *c = out->connection;
	bool answer = out->answer;

	free(out->bytes);
	free(out);
	if (c->phase == PHASE_CLOSED)
		return;
	if (status < 0 || c->ended) {
		connection_close(c);
		return;
	}
	if (answer && c->close_after && !c->lingers)
		linger(c);
	if (!answer || c->lingers)
		return;
	http_next(&c->http);
	connection_phase(c, PHASE_IDLE);
	connection_go_on(c);
}

/* Takes bytes, which are freed. */
static void write_out(struct connection *c, char *bytes, size_t size, bool answer)
{
	struct outgoing *out = bytes ? calloc(1, sizeof *out) : NULL;
	uv_buf_t buf = uv_buf_init(bytes, (unsigned)size);

	if (!out) {
		free(bytes);
		connection_close(c);
		return;
	}
	out->connection = c;
	out->answer = answer;
	out->bytes = bytes;
	if (!uv_write(&out->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written))
		return;
	free(bytes);
	free(out);
	connection_close(c);
}

static void flush(struct connection *c, bool answer)
{
	size_t size;
	char *bytes;

	size = tls_output(c->tls, &bytes);
	if (size)
		write_out(c, bytes, size, answer);
}

static void send_two(struct connection *c, const char *head, size_t head_size, const char *body, size_t size, bool answer)
{
	char *bytes;

	if (c->phase == PHASE_CLOSED)
		return;
	if (c->tls) {
		if (tls_write(c->tls, head, head_size) || tls_write(c->tls, body, size)) {
			connection_close(c);
			return;
		}
		if (answer && c->close_after)
			tls_close(c->tls);
		flush(c, answer);
		return;
	}
	bytes = malloc(head_size + size + 1);
	if (bytes) {
		memcpy(bytes, head, head_size);
		if (size)
			memcpy(bytes + head_size, body, size);
	}
	write_out(c, bytes, head_size + size, answer);
}

void connection_send(struct connection *c, const char *bytes, size_t size)
{
	send_two(c, bytes, size, NULL, 0, false);
}

void connection_answer(struct connection *c, int status, const char *type, const char *more, const char *body, size_t size)
{
	char head[HEADER_ROOM];
	int n;

	if (c->phase == PHASE_CLOSED)
		return;
	if (!c->http.keep_alive)
		c->close_after = true;
	n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nServer: bulkhead-wsmand/%s\r\n%s%s%s%sContent-Length: %zu\r\nConnection: %s\r\n\r\n", status,
		     http_reason(status), BULKHEAD_VERSION, more ? more : "", type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
		     size, c->close_after ? "close" : "keep-alive");
	connection_phase(c, PHASE_WRITING);
	send_two(c, head, (size_t)n, body, size, true);
}

/* The next decrypted bytes. Returns false when there are none, or the connection is closed. */
static bool refill(struct connection *c)
{
	char why[160] = "";
	int n;

	c->rest_at = c->rest_size = 0;
	if (!c->tls) {
		c->rest_size = c->plain.size < sizeof c->rest ? c->plain.size : sizeof c->rest;
		if (!c->rest_size)
			return false;
		memcpy(c->rest, c->plain.text, c->rest_size);
		memmove(c->plain.text, c->plain.text + c->rest_size, c->plain.size - c->rest_size);
		c->plain.size -= c->rest_size;
		return true;
	}
	n = tls_read(c->tls, c->rest, sizeof c->rest, why, sizeof why);
	if (c->phase == PHASE_HANDSHAKE && tls_established(c->tls))
		connection_phase(c, PHASE_IDLE);
	flush(c, false);
	if (c->phase == PHASE_CLOSED)
		return false;
	if (n < 0) {
		if (!tls_established(c->tls)) {
			c->server->counters.bad_handshakes++;
			gateway_audit("refused", "", c->peer, "handshake", "", why);
		}
		c->ended = true;
		uv_read_stop((uv_stream_t *)&c->tcp);
		if (!uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp))
			connection_close(c);
		else   /* the alert first */
			uv_timer_start(&c->timer, on_alerted, 1000, 0);
		return false;
	}
	c->rest_size = (size_t)n;
	return n > 0;
}

static void step(struct connection *c)
{
	enum http_event event;
	size_t used;

	event = http_feed(&c->http, c->rest + c->rest_at, c->rest_size - c->rest_at, &used);
	c->rest_at += used;
	if (c->phase == PHASE_IDLE && c->http.started)
		connection_phase(c, PHASE_READING);
	switch (event) {
	case HTTP_MORE:
		break;
	case HTTP_GOT_HEADERS:
		request_begin(c);
		break;
	case HTTP_GOT_REQUEST:
		c->server->counters.requests++;
		request_run(c);
		break;
	case HTTP_BAD:
		c->server->counters.bad_requests++;
		gateway_audit("refused", c->user, c->peer, "HTTP", c->http.target, http_reason(c->http.status));
		c->close_after = true;
		connection_answer(c, c->http.status, NULL, NULL, NULL, 0);
		break;
	}
}

void connection_go_on(struct connection *c)
{
	while (!is_busy(c) && !c->ended && (c->rest_at < c->rest_size || refill(c)))
		step(c);
	if (!is_busy(c) && !c->ended)
		read_on(c);
}

static void name_peer(struct connection *c)
{
	struct sockaddr_storage peer = { 0 };
	int size = sizeof peer, port = 0;

	uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &size);
	if (peer.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&peer;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		port = ntohs(in6->sin6_port);
		inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? (const void *)&in6->sin6_addr.s6_addr[12] : &in6->sin6_addr, c->address,
			  sizeof c->address);
	} else if (peer.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&peer;

		port = ntohs(in->sin_port);
		inet_ntop(AF_INET, &in->sin_addr, c->address, sizeof c->address);
	}
	snprintf(c->peer, sizeof c->peer, strchr(c->address, ':') ? "[%s]:%d" : "%s:%d", c->address, port);
}

/* How dear a connection is when there is no room; -1: it is at work. */
static int worth(const struct connection *c)
{
	if (c->lingers)
		return 0;
	if (!c->known)
		return c->phase == PHASE_CHECKING || c->phase == PHASE_WRITING ? -1 : 0;
	return c->phase == PHASE_IDLE ? 1 : c->phase == PHASE_READING ? 2 : -1;
}

/*
 * Makes room for one that has just come: one that has shown no credentials goes, else an idle one, else one whose request comes slowly; of
 * several the oldest. False: all are at work.
 */
static bool evict(struct server *server, const struct connection *newest)
{
	struct connection *victim = NULL;

	for (struct connection *c = server->connections; c; c = c->next) {
		if (c == newest || worth(c) < 0)
			continue;
		if (!victim || worth(c) < worth(victim) || (worth(c) == worth(victim) && c->phase_since <= victim->phase_since))
			victim = c;
	}
	if (!victim)
		return false;
	server->counters.evicted++;
	connection_close(victim);
	return true;
}

void connection_accept(struct server *server, uv_stream_t *listener, bool plain)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c)
		return;
	c->server = server;
	uv_tcp_init(server->loop, &c->tcp);
	uv_timer_init(server->loop, &c->timer);
	c->tcp.data = c->timer.data = c;
	c->open_handles = 2;
	c->next = server->connections;
	c->link = &server->connections;
	if (c->next)
		c->next->link = &c->next;
	server->connections = c;
	server->connection_count++;
	server->counters.accepted++;
	http_init(&c->http, server->config->max_body);
	if (uv_accept(listener, (uv_stream_t *)&c->tcp)) {
		connection_close(c);
		return;
	}
	name_peer(c);
	if (!plain)
		c->tls = tls_new(server->tls);
	connection_phase(c, plain ? PHASE_IDLE : PHASE_HANDSHAKE);
	if ((!plain && !c->tls) || (server->connection_count > server->config->max_connections && !evict(server, c))) {
		server->counters.refused++;
		gateway_audit("refused", "", c->peer, "connection", "", "all others are at work");
		connection_close(c);
		return;
	}
	uv_tcp_nodelay(&c->tcp, 1);
	read_on(c);
}

void connection_close_all(struct server *server)
{
	while (server->connections)
		connection_close(server->connections);
}
