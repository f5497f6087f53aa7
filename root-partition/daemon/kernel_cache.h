/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels that were unpacked once, so that starts need not: a partition's first start takes the kernel as it is, while
 * bulkhead-unpack-kernel makes its unpacked form; later starts take that. A kernel is known by its file's identity, size and times.
 * Everything here may fail: then a start takes longer.
 */
#ifndef BULKHEAD_DAEMON_KERNEL_CACHE_H
#define BULKHEAD_DAEMON_KERNEL_CACHE_H

#include <stdbool.h>
#include <uv.h>

struct manager;

struct kernel_cache {
	struct manager *manager;
	int dir_fd;                  /* -1: there is none */
	bool busy;                   /* one at a time */
	uv_process_t process;
	char name[128];              /* of the kernel that is being unpacked */
};

void kernel_cache_init(struct kernel_cache *cache, struct manager *manager);
/** Ends what is being unpacked; the loop has to run once more. */
void kernel_cache_close(struct kernel_cache *cache);

/**
 * The unpacked form of the kernel that kernel_fd is open on: a descriptor of the caller's, or -1. *ret_wanted: it is worth
 * unpacking. Any thread may call.
 */
int kernel_cache_open(int dir_fd, int kernel_fd, bool *ret_wanted);
/** Unpacks it in the background, unless another one is being unpacked. Does not take kernel_fd over. */
void kernel_cache_fill(struct kernel_cache *cache, int kernel_fd);

#endif
