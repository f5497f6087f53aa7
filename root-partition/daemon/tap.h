/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root's end of a partition's network interface: a TAP device on a bridge, with its VLAN and its limits. It is not persistent:
 * it is gone when the last of its descriptors is closed, and those are the worker's. Calls wait for the kernel: not on the loop.
 */
#ifndef BULKHEAD_DAEMON_TAP_H
#define BULKHEAD_DAEMON_TAP_H

#include <net/if.h>
#include "root-partition/config/config.h"

struct tap {
	char name[IFNAMSIZ];
	uint32_t queue_count;
	int fds[CONFIG_MAX_QUEUES];
};

/**
 * Makes the device and connects it. queue_count: of the interface, settled. Returns 0 with descriptors that the caller closes, or an errno
 * value with one line for people that names the remedy.
 */
int tap_open(const char *partition, const struct config_interface *interface, uint32_t queue_count, struct tap *ret, char *why, size_t size);
void tap_close(struct tap *tap);

/** The queues that an interface gets: its own number, but no more than there are VPs. */
uint32_t tap_queues(const struct config_interface *interface, uint32_t vp_count);

/** "bh-NAME-%d", NAME cut so that two digits fit: the kernel puts in the lowest free number. Exposed for the tests. */
void tap_name_pattern(const char *partition, char pattern[IFNAMSIZ]);

/* tap_limits.c */
/** <bandwidth>: what the guest receives is shaped, what it sends is policed. Returns 0 or a negative errno. */
int tap_limit(int netlink, uint32_t index, const struct config_interface *interface);

#endif
