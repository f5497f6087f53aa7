/* SPDX-License-Identifier: BSD-2-Clause */
/* See netlink.h. */
#include "root-partition/daemon/netlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void *append(struct netlink_request *r, size_t size)
{
	size_t at = NLMSG_ALIGN(r->header.nlmsg_len), padded = NLA_ALIGN(size);

	assert(at + padded <= sizeof r->bytes);
	memset(r->bytes + at, 0, padded);
	r->header.nlmsg_len = (uint32_t)(at + size);
	return r->bytes + at;
}

void *netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *body, size_t size)
{
	memset(&r->header, 0, sizeof r->header);
	r->header.nlmsg_len = NLMSG_HDRLEN;
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return memcpy(append(r, size), body, size);
}

void netlink_put(struct netlink_request *r, uint16_t type, const void *data, size_t size)
{
	struct nlattr *attribute = append(r, NLA_HDRLEN + size);

	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy((char *)attribute + NLA_HDRLEN, data, size);
}

void netlink_put_u32(struct netlink_request *r, uint16_t type, uint32_t value)
{
	netlink_put(r, type, &value, sizeof value);
}

void netlink_put_text(struct netlink_request *r, uint16_t type, const char *text)
{
	netlink_put(r, type, text, strlen(text) + 1);
}

struct nlattr *netlink_open(struct netlink_request *r, uint16_t type)
{
	struct nlattr *outer = append(r, NLA_HDRLEN);

	outer->nla_type = type;
	return outer;
}

void netlink_close(struct netlink_request *r, struct nlattr *outer)
{
	outer->nla_len = (uint16_t)(r->bytes + r->header.nlmsg_len - (char *)outer);
}

int netlink_socket(void)
{
	const struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return fd;
}

int netlink_call(int fd, struct netlink_request *r)
{
	static uint32_t sequence;
	union {
		struct nlmsghdr header;
		char bytes[8192];
	} answer;
	const struct nlmsgerr *result = NLMSG_DATA(&answer.header);
	ssize_t n;

	r->header.nlmsg_seq = __atomic_add_fetch(&sequence, 1, __ATOMIC_RELAXED);
	if (send(fd, r, r->header.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		n = recv(fd, &answer, sizeof answer, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if ((size_t)n >= NLMSG_LENGTH(sizeof *result) && answer.header.nlmsg_type == NLMSG_ERROR &&
		    answer.header.nlmsg_seq == r->header.nlmsg_seq)
			return result->error;
	}
}
