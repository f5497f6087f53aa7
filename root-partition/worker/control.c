/* SPDX-License-Identifier: BSD-2-Clause */
/* See control.h. The daemon is trusted; a packet of the wrong size or type is refused all the same. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "services.h"

static void listener_poll(uv_poll_t *poll, int status, int events);

static void client_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	close(c->client_fd);
	c->client_fd = -1;
	uv_poll_start(&c->listener, UV_READABLE, listener_poll);
}

static void client_drop(struct control *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->client))
		uv_close((uv_handle_t *)&c->client, client_closed);
}

/** A daemon that does not read its socket is dropped: it will connect again and get the status then. */
static void client_send(struct control *c, const void *packet, size_t size)
{
	if (c->client_fd >= 0 && send(c->client_fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		client_drop(c);
}

void control_send_status(struct control *c)
{
	struct worker_status status;

	if (c->client_fd < 0)
		return;
	machine_status(c->machine, &status);
	client_send(c, &status, sizeof status);
}

static void reply(struct control *c, const struct worker_message *request, int error, const char *text)
{
	struct worker_reply r = {
		.header = { .type = WORKER_REPLY, .size = sizeof r, .sequence = request->sequence },
		.error = error,
	};

	snprintf(r.text, sizeof r.text, "%s", text);
	client_send(c, &r, sizeof r);
}

static void reply_stats(struct control *c, const struct worker_message *request)
{
	struct worker_stats stats;

	machine_stats(c->machine, &stats);
	stats.header = (struct worker_message){ .type = WORKER_STATS, .size = sizeof stats, .sequence = request->sequence };
	client_send(c, &stats, sizeof stats);
}

static void shut_down(struct control *c, struct worker_shutdown *request)
{
	int rc;

	request->text[sizeof request->text - 1] = '\0';
	rc = services_shutdown(c->machine->services, request);
	reply(c, &request->header, rc,
	      rc == -ENOTCONN ? "the guest's shutdown component is not ready" : rc < 0 ? strerror(-rc) : "");
}

static void handle_request(struct control *c, struct worker_message *request)
{
	struct machine *m = c->machine;

	if (request->type == WORKER_SHUTDOWN) {
		if (request->size == sizeof(struct worker_shutdown))
			shut_down(c, (struct worker_shutdown *)request);
		else
			reply(c, request, -EINVAL, "shutdown request of a wrong size");
		return;
	}
	if (request->type == WORKER_GET_STATS) {
		reply_stats(c, request);
		return;
	}
	if (machine_over(m)) {
		reply(c, request, -ESHUTDOWN, "the guest is off");
		return;
	}
	switch (request->type) {
	case WORKER_PAUSE:
		machine_pause(m);
		break;
	case WORKER_RESUME:
		machine_resume(m);
		break;
	case WORKER_RESET:
		machine_reset(m);
		break;
	case WORKER_TURN_OFF:
		reply(c, request, 0, "");
		machine_stop(m, WORKER_STOP_TURNED_OFF, "turned off");
		return;
	default:
		reply(c, request, -EOPNOTSUPP, "unknown request");
		return;
	}
	reply(c, request, 0, "");
}

static void client_poll(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	union {
		struct worker_message header;
		struct worker_shutdown shutdown;
	} packet;
	ssize_t n;

	(void)events;
	n = status < 0 ? 0 : recv(c->client_fd, &packet, sizeof packet, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	if ((size_t)n < sizeof packet.header || packet.header.size != (size_t)n) {
		log_line("control: packet of %zd bytes refused", n);
		client_drop(c);
		return;
	}
	handle_request(c, &packet.header);
}

static void listener_poll(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;

	(void)status;
	(void)events;
	c->client_fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c->client_fd < 0)
		return;
	uv_poll_stop(&c->listener);
	uv_poll_init(c->machine->loop, &c->client, c->client_fd);
	c->client.data = c;
	uv_poll_start(&c->client, UV_READABLE | UV_DISCONNECT, client_poll);
	control_send_status(c);
}

int control_init(struct control *c, struct machine *machine, int listen_fd)
{
	int rc;

	c->machine = machine;
	c->listen_fd = listen_fd;
	c->client_fd = -1;
	rc = uv_poll_init(machine->loop, &c->listener, listen_fd);
	if (rc < 0)
		return rc;
	c->listener.data = c;
	return uv_poll_start(&c->listener, UV_READABLE, listener_poll);
}
