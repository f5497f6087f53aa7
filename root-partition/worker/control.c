/* SPDX-License-Identifier: BSD-2-Clause */
/* See control.h. The daemon is trusted; a packet of the wrong size or type is refused all the same. */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "dynamic_memory.h"
#include "log.h"
#include "services.h"

/** Descriptors that came with a packet. */
struct received {
	unsigned int count;
	int fd[WORKER_MAX_QUEUES];
};

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

/** Gives the daemon what a successor will need, when it does not have it yet. */
static void send_hold(struct control *c)
{
	const struct machine *m = c->machine;
	const int fds[WORKER_HELD_COUNT] = {
		[WORKER_HELD_PARTITION] = m->partition.fd, [WORKER_HELD_MEMORY] = m->config.memory_fd,
		[WORKER_HELD_STATE] = m->config.state_fd, [WORKER_HELD_LIFE] = m->config.life_fd[0],
	};
	struct worker_hold hold = { .header = { .type = WORKER_HOLD, .size = sizeof hold }, .reset_count = m->state->reset_count };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = { 0 };
	struct iovec iov = { &hold, sizeof hold };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	if (machine_over(m) || m->config.life_fd[0] < 0 || m->partition.fd < 0 || c->held_resets == m->state->reset_count + 1)
		return;
	control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fds) };
	memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
	if (sendmsg(c->client_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		client_drop(c);
	else
		c->held_resets = m->state->reset_count + 1;
}

void control_send_status(struct control *c)
{
	struct worker_status status;

	if (c->client_fd < 0)
		return;
	send_hold(c);
	machine_status(c->machine, &status);
	client_send(c, &status, sizeof status);
}

void control_send_memory(struct control *c)
{
	struct dynamic_memory *memory;
	struct worker_memory report;

	/* A successor's guest may report before there is anybody to hear it. */
	if (c->client_fd < 0)
		return;
	memory = services_memory(c->machine->services);
	if (memory == NULL || !dynamic_memory_report(memory, &report))
		return;
	report.header = (struct worker_message){ .type = WORKER_MEMORY, .size = sizeof report };
	client_send(c, &report, sizeof report);
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

void control_answer(const struct control_ticket *ticket, struct worker_message *message)
{
	if (ticket->control == NULL || ticket->client != ticket->control->client_number)
		return;
	message->sequence = ticket->sequence;
	client_send(ticket->control, message, message->size);
}

void control_reply(const struct control_ticket *ticket, int error, const char *text)
{
	struct worker_reply r = { .header = { .type = WORKER_REPLY, .size = sizeof r }, .error = error };

	snprintf(r.text, sizeof r.text, "%s", text);
	control_answer(ticket, &r.header);
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

static void attach_interface(struct control *c, struct worker_attach *request, struct received *fds)
{
	char why[128] = "attach request of a wrong size";
	int rc = -EINVAL;
	unsigned int i;

	if (request->header.size == sizeof *request && request->interface.queue_count == fds->count) {
		for (i = 0; i < fds->count; i++)
			request->interface.fd[i] = fds->fd[i];
		rc = config_check_interface(&request->interface, why, sizeof why);
	}
	if (rc == 0) {
		fds->count = 0;      /* its own now, whatever comes of it */
		rc = services_attach_interface(c->machine->services, &request->interface);
		snprintf(why, sizeof why, "%s", rc == -EEXIST ? "there is one with this address already"
			 : rc == -ENOSPC ? "there can be no more" : rc < 0 ? strerror(-rc) : "");
	}
	reply(c, &request->header, rc, why);
}

/** Whoever asked may have gone: then the reply goes to nobody, or to his successor, who does not wait for it. */
static void detached(void *context, uint64_t sequence)
{
	reply(context, &(const struct worker_message){ .sequence = sequence }, 0, "");
}

static void change_interface(struct control *c, const struct worker_interface_request *request)
{
	int rc;

	if (request->header.size != sizeof *request) {
		reply(c, &request->header, -EINVAL, "interface request of a wrong size");
		return;
	}
	if (request->header.type == WORKER_SET_LINK)
		rc = services_set_link(c->machine->services, request->mac, request->up != 0);
	else
		rc = services_detach_interface(c->machine->services, request->mac, detached, c, request->header.sequence);
	if (rc == 0 && request->header.type == WORKER_DETACH_INTERFACE)
		return;
	reply(c, &request->header, rc, rc == -ENOENT ? "there is none with this address" : rc < 0 ? strerror(-rc) : "");
}

static void attach_disk(struct control *c, struct worker_attach_disk *request, struct received *fds)
{
	char why[160] = "attach request of a wrong size";
	int rc = -EINVAL;

	if (request->header.size == sizeof *request && fds->count == 1) {
		request->disk.fd = fds->fd[0];
		rc = config_check_disk(&request->disk, why, sizeof why);
	}
	if (rc == 0) {
		fds->count = 0;      /* its own now, whatever comes of it */
		rc = services_attach_disk(c->machine->services, &request->disk, why, sizeof why);
	}
	reply(c, &request->header, rc, rc < 0 ? why : "");
}

static void change_disk(struct control *c, const struct worker_disk_request *request)
{
	const struct control_ticket ticket = { .control = c, .client = c->client_number, .sequence = request->header.sequence };
	char text[160] = "disk request of a wrong size";
	uint64_t size = 0;
	int rc = -EINVAL;

	if (request->header.size == sizeof *request && request->header.type == WORKER_DETACH_DISK) {
		rc = services_detach_disk(c->machine->services, request, &ticket);
		if (rc == 0)
			return;
		snprintf(text, sizeof text, "there is none at this address");
	} else if (request->header.size == sizeof *request) {
		rc = services_resize_disk(c->machine->services, request, &size, text, sizeof text);
		if (rc == 0)
			snprintf(text, sizeof text, "%llu bytes", (unsigned long long)size);
	}
	reply(c, &request->header, rc, text);
}

static void set_memory(struct control *c, const struct worker_set_memory *request)
{
	struct dynamic_memory *memory = services_memory(c->machine->services);
	int rc = -EINVAL;

	if (request->header.size == sizeof *request && request->bytes <= c->machine->config.maximum_bytes && memory != NULL)
		rc = dynamic_memory_set_target(memory, request->bytes);
	reply(c, &request->header, rc, rc < 0 ? "its memory cannot be changed so" : "");
}

/* To a service of the guest, which answers when it likes. */
static void guest_request(struct control *c, struct worker_message *request, struct received *fds)
{
	const struct control_ticket ticket = { .control = c, .client = c->client_number, .sequence = request->sequence };
	const size_t size = request->type == WORKER_KVP ? sizeof(struct worker_kvp)
			    : request->type == WORKER_COPY ? sizeof(struct worker_copy) : sizeof(struct worker_freeze);

	if (request->size != size || fds->count != (request->type == WORKER_COPY)) {
		reply(c, request, -EINVAL, "request of a wrong size");
		return;
	}
	services_guest_request(c->machine->services, request, &ticket, fds->count > 0 ? fds->fd[0] : -1);
	fds->count = 0;              /* its own now */
}

static void handle_request(struct control *c, struct worker_message *request, struct received *fds)
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
	case WORKER_ATTACH_INTERFACE:
		attach_interface(c, (struct worker_attach *)request, fds);
		return;
	case WORKER_DETACH_INTERFACE:
	case WORKER_SET_LINK:
		change_interface(c, (const struct worker_interface_request *)request);
		return;
	case WORKER_ATTACH_DISK:
		attach_disk(c, (struct worker_attach_disk *)request, fds);
		return;
	case WORKER_DETACH_DISK:
	case WORKER_RESIZE_DISK:
		change_disk(c, (const struct worker_disk_request *)request);
		return;
	case WORKER_SET_MEMORY:
		set_memory(c, (const struct worker_set_memory *)request);
		return;
	case WORKER_KVP:
	case WORKER_FREEZE:
	case WORKER_COPY:
		guest_request(c, request, fds);
		return;
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

/** As recv; the descriptors that came along are the caller's. */
static ssize_t receive(int fd, void *packet, size_t size, struct received *ret)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(WORKER_MAX_QUEUES * sizeof(int))];
	} control;
	struct iovec iov = { packet, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		ret->count = (unsigned int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret->fd, CMSG_DATA(header), ret->count * sizeof(int));
	}
	return n;
}

static void client_poll(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	union {
		struct worker_message header;
		struct worker_shutdown shutdown;
		struct worker_attach attach;
		struct worker_interface_request interface;
		struct worker_attach_disk attach_disk;
		struct worker_disk_request disk;
		struct worker_set_memory memory;
		struct worker_kvp kvp;
		struct worker_freeze freeze;
		struct worker_copy copy;
	} packet;
	struct received fds = { 0 };
	ssize_t n;

	(void)events;
	n = status < 0 ? 0 : receive(c->client_fd, &packet, sizeof packet, &fds);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	if ((size_t)n < sizeof packet.header || packet.header.size != (size_t)n) {
		log_line("control: packet of %zd bytes refused", n);
		client_drop(c);
	} else {
		handle_request(c, &packet.header, &fds);
	}
	while (fds.count > 0)
		close(fds.fd[--fds.count]);
}

static void listener_poll(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;

	(void)status;
	(void)events;
	c->client_fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c->client_fd < 0)
		return;
	c->client_number++;
	c->held_resets = 0;
	uv_poll_stop(&c->listener);
	uv_poll_init(c->machine->loop, &c->client, c->client_fd);
	c->client.data = c;
	uv_poll_start(&c->client, UV_READABLE | UV_DISCONNECT, client_poll);
	control_send_status(c);
	control_send_memory(c);
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
