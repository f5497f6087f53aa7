/* SPDX-License-Identifier: BSD-2-Clause */
/* See server.h. */
#include "wmi-like-api/gateway/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wmi-like-api/gateway/log.h"

#define BACKLOG 512

static int bind_to(const struct sockaddr *address, socklen_t size, bool both)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0, rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? &off : &on, sizeof on);
	if (bind(fd, address, size) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* Every address: on a kernel without IPv6, every one of IPv4. */
static int bind_one(const struct gateway_listen *listen)
{
	bool everywhere = listen->text[0] == '*';
	int fd = bind_to((const struct sockaddr *)&listen->address, listen->size, everywhere);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = ((const struct sockaddr_in6 *)&listen->address)->sin6_port };

	if (fd == -EAFNOSUPPORT && everywhere)
		fd = bind_to((const struct sockaddr *)&in, sizeof in, false);
	return fd;
}

int server_bind(const struct gateway_config *config, int *fds, char *why, size_t why_size)
{
	for (unsigned i = 0; i < config->listen_count; i++) {
		fds[i] = bind_one(&config->listen[i]);
		if (fds[i] < 0) {
			snprintf(why, why_size, "%s: %s", config->listen[i].text, strerror(-fds[i]));
			while (i > 0)
				close(fds[--i]);
			return -1;
		}
	}
	return 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *listener = stream->data;

	if (status < 0)
		return;   /* libuv has dropped it where descriptors ran out */
	connection_accept(listener->server, stream, listener->plain);
}

int server_listen(struct server *server, const int *fds)
{
	int rc = 0;

	for (unsigned i = 0; i < server->config->listen_count && !rc; i++) {
		struct listener *listener = &server->listeners[i];

		listener->server = server;
		listener->plain = server->config->listen[i].plain;
		uv_tcp_init(server->loop, &listener->tcp);
		listener->tcp.data = listener;
		server->listener_count = i + 1;
		rc = uv_tcp_open(&listener->tcp, fds[i]);
		if (!rc)
			rc = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
		if (!rc)
			gateway_log(LOG_INFO, "serves http%s://%s/wsman", listener->plain ? "" : "s", server->config->listen[i].text);
	}
	return rc;
}

void server_stop(struct server *server)
{
	for (unsigned i = 0; i < server->listener_count; i++)
		uv_close((uv_handle_t *)&server->listeners[i].tcp, NULL);
	server->listener_count = 0;
	connection_close_all(server);
}
