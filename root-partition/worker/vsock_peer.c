/* SPDX-License-Identifier: BSD-2-Clause */
/* One UNIX socket: its place in the loop, its line, and the copying between it and its stream. */
#include "vsock_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads of a socket before others get their turn. */
#define READS_AT_ONCE 8u

static void peer_closed(uv_handle_t *handle)
{
	struct vsock_peer *p = handle->data;

	close(p->fd);
	free(p);
}

void peer_drop(struct vsock_peer *p)
{
	struct hvsock_stream *stream = p->stream;

	if (p->closing)
		return;
	p->closing = true;
	p->stream = NULL;
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->vsock->count--;
	if (stream != NULL)
		hvsock_close(stream);
	uv_close((uv_handle_t *)&p->poll, peer_closed);
}

void peer_say(struct vsock_peer *p, const char *format, ...)
{
	char text[192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text - 1, format, args);
	va_end(args);
	strcat(text, "\n");
	/* The first bytes in a new socket's buffer: there is room. */
	if (send(p->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		p->read_ended = true;
}

bool peer_gone(const struct vsock_peer *p)
{
	return send(p->fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

static void read_line(struct vsock_peer *p)
{
	char *at = p->line + p->line_bytes, *end;
	ssize_t n = recv(p->fd, at, sizeof p->line - p->line_bytes, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_drop(p);
		return;
	}
	/* What follows the line belongs to the guest. */
	end = memchr(at, '\n', (size_t)n);
	if (end != NULL)
		n = end + 1 - at;
	recv(p->fd, at, (size_t)n, 0);
	p->line_bytes += (unsigned int)n;
	if (end != NULL) {
		*end = '\0';
		vsock_asked(p, p->line);
	} else if (p->line_bytes == sizeof p->line) {
		vsock_asked(p, "");
	}
}

/** The socket's bytes go into the guest's ring, as many as there is room for. */
static void read_stream(struct vsock_peer *p)
{
	uint8_t *buffer = p->vsock->buffer;

	for (unsigned int i = 0; i < READS_AT_ONCE && p->stream != NULL; i++) {
		uint32_t room = hvsock_room(p->stream);
		ssize_t n;

		p->no_room = room == 0;
		if (p->no_room)
			return;
		n = recv(p->fd, buffer, room < sizeof p->vsock->buffer ? room : sizeof p->vsock->buffer, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			peer_drop(p);
			return;
		}
		if (n > 0) {
			hvsock_send(p->stream, buffer, (uint32_t)n);
			continue;
		}
		p->read_ended = true;
		if (peer_gone(p))
			peer_drop(p);
		else
			hvsock_send_end(p->stream);
		return;
	}
}

static void peer_poll(uv_poll_t *poll, int status, int events)
{
	struct vsock_peer *p = poll->data;

	if (status < 0) {
		peer_drop(p);
		return;
	}
	if (!p->client || p->open) {
		if (events & UV_WRITABLE && p->stream != NULL) {
			p->blocked = false;
			/* More to come: the socket is writable still, so the loop calls again. */
			if (hvsock_receive(p->stream))
				p->blocked = true;
		}
		if (events & UV_READABLE && p->stream != NULL && !p->read_ended && p->open)
			read_stream(p);
	} else if (events & UV_READABLE && p->stream == NULL) {
		read_line(p);
	}
	peer_watch(p);
}

void peer_watch(struct vsock_peer *p)
{
	bool line = p->client && p->stream == NULL;
	int events = 0;

	if (p->closing)
		return;
	if (line || (p->open && !p->read_ended && !p->no_room))
		events |= UV_READABLE;
	if (p->blocked)
		events |= UV_WRITABLE;
	if (events == 0)
		uv_poll_stop(&p->poll);
	else
		uv_poll_start(&p->poll, events, peer_poll);
}

struct vsock_peer *peer_create(struct vsock *v, int fd)
{
	struct vsock_peer *p = calloc(1, sizeof *p);

	if (p == NULL || uv_poll_init(v->loop, &p->poll, fd) < 0) {
		close(fd);
		free(p);
		return NULL;
	}
	p->poll.data = p;
	p->vsock = v;
	p->fd = fd;
	p->since = v->now;
	p->next = v->peers;
	if (p->next)
		p->next->link = &p->next;
	p->link = &v->peers;
	v->peers = p;
	v->count++;
	return p;
}

/* The stream's side. Called inside the VMBus server's work: the peer is dropped through its own stream only. */

static void stream_opened(void *peer)
{
	struct vsock_peer *p = peer;

	p->open = true;
	if (p->client)
		peer_say(p, "OK");
	peer_watch(p);
}

static uint32_t stream_received(void *peer, const uint8_t *data, uint32_t bytes)
{
	struct vsock_peer *p = peer;
	uint32_t taken = 0;

	while (taken < bytes) {
		ssize_t n = send(p->fd, data + taken, bytes - taken, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			p->blocked = true;
			peer_watch(p);
			return taken;
		}
		/* Nobody will ever read it: the guest has an error, as from any closed connection. */
		if (n < 0) {
			peer_drop(p);
			return bytes;
		}
		taken += (uint32_t)n;
	}
	return taken;
}

static void stream_received_end(void *peer)
{
	struct vsock_peer *p = peer;

	shutdown(p->fd, SHUT_WR);
}

static void stream_writable(void *peer)
{
	struct vsock_peer *p = peer;

	p->no_room = false;
	peer_watch(p);
}

static void stream_closed(void *peer, int error)
{
	struct vsock_peer *p = peer;

	p->stream = NULL;
	if (p->client && !p->open) {
		if (error == -ETIMEDOUT)
			peer_say(p, "ERROR nobody in the guest listens on port %u, or its hv_sock module is not loaded", p->port);
		else
			peer_say(p, "ERROR the guest ended the connection: %s", strerror(-error));
	}
	peer_drop(p);
}

const struct hvsock_ops vsock_stream_ops = {
	.connect = vsock_connect_host, .opened = stream_opened, .received = stream_received, .received_end = stream_received_end,
	.writable = stream_writable, .closed = stream_closed,
};
