/* SPDX-License-Identifier: BSD-2-Clause */
/* See vsock.h. Who may connect where, and the connecting; the copying is in vsock_peer.c. */
#include "vsock_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool allowed(const struct worker_port_range *ranges, uint32_t count, uint32_t port)
{
	for (uint32_t i = 0; i < count; i++)
		if (port >= ranges[i].first && port <= ranges[i].last)
			return true;
	return false;
}

/** The guest connects. A UNIX socket says at once how that goes. */
int vsock_connect_host(void *context, struct hvsock_stream *stream, uint32_t port, void **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vsock *v = context;
	struct vsock_peer *p;
	int fd, rc = 0;

	if (!allowed(v->config->listen, v->config->listen_count, port))
		return -EACCES;
	if (v->count >= VSOCK_MAX_PEERS)
		return -EMFILE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof address.sun_path, "listen/%u", port);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	p = peer_create(v, fd);
	if (p == NULL)
		return -ENOMEM;
	p->port = port;
	p->stream = stream;
	*ret = p;
	return 0;
}

/** The number of "CONNECT number", if it is one. */
static bool parse_line(const char *line, uint32_t *port)
{
	static const char verb[] = "CONNECT ";
	uint64_t value = 0;
	const char *at = line + sizeof verb - 1;

	if (strncmp(line, verb, sizeof verb - 1) != 0 || *at == '\0')
		return false;
	for (; *at != '\0'; at++) {
		if (*at < '0' || *at > '9' || value > UINT32_MAX)
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	*port = (uint32_t)value;
	return value <= UINT32_MAX;
}

void vsock_asked(struct vsock_peer *p, const char *line)
{
	struct vsock *v = p->vsock;
	int rc;

	if (!parse_line(line, &p->port)) {
		peer_say(p, "ERROR the line is not CONNECT and a port's number");
	} else if (!allowed(v->config->connect, v->config->connect_count, p->port)) {
		peer_say(p, "ERROR the definition does not let the host connect to port %u; see <vsock><connect ports=''>", p->port);
	} else {
		rc = hvsock_connect(v->hvsock, p->port, p, &p->stream);
		if (rc == 0)
			return;
		if (rc == -ENOTCONN)
			peer_say(p, "ERROR the guest has no VMBus connection: it is still starting, or has no Hyper-V drivers");
		else
			peer_say(p, "ERROR %s", rc == -EMFILE ? "too many connections" : strerror(-rc));
	}
	peer_drop(p);
}

static void listener_poll(uv_poll_t *poll, int status, int events)
{
	struct vsock *v = poll->data;
	struct vsock_peer *p;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(v->config->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	p = peer_create(v, fd);
	if (p == NULL)
		return;
	p->client = true;
	if (v->count > VSOCK_MAX_PEERS) {
		peer_say(p, "ERROR too many connections");
		peer_drop(p);
		return;
	}
	peer_watch(p);
}

void vsock_tick(struct vsock *v, uint64_t now_ms)
{
	struct vsock_peer *p, *next;

	if (v->hvsock == NULL)
		return;
	v->now = now_ms;
	for (p = v->peers; p != NULL; p = next) {
		bool silent = p->client && p->stream == NULL && now_ms - p->since >= VSOCK_LINE_MS;

		next = p->next;
		/* Nobody polls a socket that has ended for reading: whether it was closed since is looked up here. */
		if (silent || (p->read_ended && peer_gone(p)))
			peer_drop(p);
	}
	hvsock_tick(v->hvsock, now_ms);
}

int vsock_create(struct vsock *v, const struct worker_vsock *config, uv_loop_t *loop, struct vmbus_server *server)
{
	int rc;

	v->config = config;
	v->loop = loop;
	if (config->directory_fd < 0)
		return 0;
	v->now = uv_now(loop);
	rc = hvsock_create(server, &vsock_stream_ops, v, &v->hvsock);
	if (rc < 0)
		return rc;
	rc = uv_poll_init(loop, &v->listener, config->listen_fd);
	if (rc < 0)
		return rc;
	v->listener.data = v;
	return uv_poll_start(&v->listener, UV_READABLE, listener_poll);
}

void vsock_free(struct vsock *v)
{
	if (v->hvsock == NULL)
		return;
	while (v->peers != NULL)
		peer_drop(v->peers);
	hvsock_free(v->hvsock);
	v->hvsock = NULL;
	uv_close((uv_handle_t *)&v->listener, NULL);
}
