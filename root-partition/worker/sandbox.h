/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives up what a worker does not need once it holds its descriptors. */
#ifndef BULKHEAD_WORKER_SANDBOX_H
#define BULKHEAD_WORKER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "root-partition/lib/worker_protocol.h"

/** Closes every descriptor that is neither 0..2, nor keep, nor named by config. */
void sandbox_close_others(const struct worker_config *config, const int *keep, unsigned int keep_count);
/**
 * Before threads exist: an empty network namespace (as root), uid and gid of the configuration, no capabilities,
 * no_new_privs, no core dump. The directory, if it is not -1, becomes the working directory and (as root) the root.
 * Returns 0 or a negative errno, logged.
 */
int sandbox_drop(uint32_t uid, uint32_t gid, int directory);
/**
 * For all threads: only the system calls that a running worker makes; any other kills the process. vsock: it also connects to UNIX
 * sockets.
 */
int sandbox_filter(bool vsock);

#endif
