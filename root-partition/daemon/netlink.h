/* SPDX-License-Identifier: BSD-2-Clause */
/* One rtnetlink request at a time: built in a buffer, sent, its acknowledgement waited for. */
#ifndef BULKHEAD_DAEMON_NETLINK_H
#define BULKHEAD_DAEMON_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct netlink_request {
	union {
		struct nlmsghdr header;
		char bytes[4096];
	};
};

/** A request of that type (RTM_*) and flags (NLM_F_*), with the family's own header. Returns where that header's copy is. */
void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body, size_t size);
/** Adds an attribute; the buffer must have room for what our requests hold. */
void netlink_put(struct netlink_request *request, uint16_t type, const void *data, size_t size);
void netlink_put_u32(struct netlink_request *request, uint16_t type, uint32_t value);
void netlink_put_text(struct netlink_request *request, uint16_t type, const char *text);
/** What is added between open and close is inside of an attribute. */
struct nlattr *netlink_open(struct netlink_request *request, uint16_t type);
void netlink_close(struct netlink_request *request, struct nlattr *outer);

/** A route socket, or a negative errno. */
int netlink_socket(void);
/** Sends and waits for the answer. Returns 0 or a negative errno: the kernel's. */
int netlink_call(int fd, struct netlink_request *request);

#endif
