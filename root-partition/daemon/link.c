/* SPDX-License-Identifier: BSD-2-Clause */
/* See link.h. */
#include "root-partition/daemon/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/replace.h"
#include "root-partition/daemon/sockets.h"

struct request {
	struct request *next;
	struct link *link;
	uint64_t sequence, timeout_ms;
	struct timer *timer;
	reply_fn fn;
	void *arg;
};

struct link {
	struct partition *partition;
	int fd;
	bool lost;
	struct watch *watch;
	uint64_t sequence;
	struct request *requests;
};

static void answer(struct request *request, const struct worker_message *reply, int error, const char *text)
{
	struct request **at = &request->link->requests;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	timer_free(&request->timer);
	request->fn(request->arg, reply, error, text);
	free(request);
}

static void on_timeout(void *arg)
{
	struct request *request = arg;
	char text[128];

	snprintf(text, sizeof text, "worker %d has not answered for %llu s; it may be stopped or stuck",
		 (int)request->link->partition->worker_pid, (unsigned long long)request->timeout_ms / 1000);
	answer(request, NULL, ETIMEDOUT, text);
}

/* Descriptors that came with a packet. */
struct received {
	unsigned count;
	int fd[WORKER_HELD_COUNT];
};

static void on_packet(struct link *link, const struct worker_message *message, size_t size, struct received *fds)
{
	if (message->type == WORKER_STATUS && size == sizeof(struct worker_status)) {
		struct worker_status status;

		memcpy(&status, message, sizeof status);
		status.reason[sizeof status.reason - 1] = 0;
		instance_on_status(link->partition, &status);
		return;
	}
	if (message->type == WORKER_HOLD && size == sizeof(struct worker_hold)) {
		replace_on_hold(link->partition, (const struct worker_hold *)message, fds->fd, fds->count);
		fds->count = 0;
		return;
	}
	if (message->type == WORKER_MEMORY && size == sizeof(struct worker_memory)) {
		struct worker_memory report;

		memcpy(&report, message, sizeof report);
		memory_on_report(link->partition, &report);
		return;
	}
	if ((message->type == WORKER_REPLY && size == sizeof(struct worker_reply)) ||
	    (message->type == WORKER_STATS && size == sizeof(struct worker_stats)) ||
	    (message->type == WORKER_KVP_REPLY && size == sizeof(struct worker_kvp_reply)))
		for (struct request *r = link->requests; r; r = r->next)
			if (r->sequence == message->sequence) {
				answer(r, message, 0, NULL);
				return;
			}
}

/* As recv with MSG_TRUNC; the descriptors that came along are the caller's. */
static ssize_t receive_packet(int fd, void *packet, size_t size, struct received *ret)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(WORKER_HELD_COUNT * sizeof(int))];
	} control;
	struct iovec iov = { packet, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

	ret->count = 0;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		ret->count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret->fd, CMSG_DATA(header), ret->count * sizeof(int));
	}
	return n;
}

/* Returns false when the other side has closed. */
static bool receive(struct link *link)
{
	union {
		struct worker_message header;
		struct worker_status status;
		struct worker_reply reply;
		struct worker_stats stats;
		struct worker_memory memory;
		struct worker_kvp_reply kvp;
		struct worker_hold hold;
	} packet;
	struct received fds;

	for (;;) {
		ssize_t n = receive_packet(link->fd, &packet, sizeof packet, &fds);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		/* Else not of this protocol: the worker is less trusted than the daemon. */
		if ((size_t)n >= sizeof packet.header && (size_t)n <= sizeof packet && packet.header.size == (size_t)n)
			on_packet(link, &packet.header, (size_t)n, &fds);
		while (fds.count)
			close(fds.fd[--fds.count]);
	}
}

static void on_events(void *arg, int events)
{
	struct link *link = arg;

	(void)events;
	if (receive(link))
		return;
	link->lost = true;
	instance_on_link_lost(link->partition);
}

struct link *link_open(struct partition *partition)
{
	struct link *link = calloc(1, sizeof *link);

	if (!link)
		return NULL;
	link->partition = partition;
	link->fd = socket_connect_at(partition->run_fd, "control.sock", SOCK_SEQPACKET);
	if (link->fd >= 0)
		link->watch = watch_new(partition->manager->loop, link->fd, UV_READABLE | UV_DISCONNECT, on_events, link);
	if (!link->watch) {
		if (link->fd >= 0)
			close(link->fd);
		free(link);
		return NULL;
	}
	return link;
}

void link_drain(struct link *link)
{
	if (!link->lost)
		receive(link);
}

void link_free(struct link **ref)
{
	struct link *link = *ref;

	*ref = NULL;
	if (!link)
		return;
	while (link->requests)
		answer(link->requests, NULL, ECONNRESET, "the worker has ended");
	watch_free(&link->watch);
	close(link->fd);
	free(link);
}

static ssize_t send_with(int fd, struct worker_message *message, const int *fds, unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(WORKER_MAX_QUEUES * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { message, message->size };
	struct msghdr packet = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_count * sizeof *fds);
		memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof *fds);
		packet.msg_control = &control;
		packet.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
	}
	return sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void link_request(struct link *link, struct worker_message *message, uint64_t timeout_ms, reply_fn fn, void *arg)
{
	link_request_with(link, message, NULL, 0, timeout_ms, fn, arg);
}

void link_request_with(struct link *link, struct worker_message *message, const int *fds, unsigned fd_count, uint64_t timeout_ms, reply_fn fn,
		       void *arg)
{
	struct request *request;

	message->sequence = ++link->sequence;
	if (send_with(link->fd, message, fds, fd_count) < 0) {
		fn(arg, NULL, errno, errno == EAGAIN ? "the worker does not read its socket; it may be stopped or stuck" : strerror(errno));
		return;
	}
	request = calloc(1, sizeof *request);
	if (!request) {
		fn(arg, NULL, ENOMEM, "out of memory");
		return;
	}
	*request = (struct request){ .next = link->requests, .link = link, .sequence = message->sequence, .timeout_ms = timeout_ms,
				     .fn = fn, .arg = arg };
	request->timer = timer_new(link->partition->manager->loop, timeout_ms, on_timeout, request);
	link->requests = request;
}
