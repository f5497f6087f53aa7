/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine: what the hypervisor says of itself, and whether the root has the memory for one partition more. */
#ifndef BULKHEAD_DAEMON_HOST_H
#define BULKHEAD_DAEMON_HOST_H

#include <stddef.h>
#include <stdint.h>
#include "root-partition/include/mshv.h"

struct manager;
struct partition;

/** Asks for huge pages behind shared memory that wants them (guest memory is a memfd). Says what was set before. */
void host_enable_huge_pages(void);

/** What a partition's memory takes of the root now, and what it may still take; its memory comes when it is first touched. */
uint64_t host_memory_used(const struct partition *partition);
uint64_t host_promised(const struct partition *partition);

/** 0, or -1 with the reason: the root keeps a floor, and running partitions get what they have been promised. */
int host_check_memory(const struct manager *manager, uint64_t bytes, char *why, size_t size);

/** Returns 0 or -1 with the reason and its remedy. */
int host_info(const struct manager *manager, struct bulkhead_host_info *ret, char *why, size_t size);

struct host_memory {
	uint64_t total, available, floor;
};
void host_memory(const struct manager *manager, struct host_memory *ret);

#endif
