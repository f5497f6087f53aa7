/* SPDX-License-Identifier: BSD-2-Clause */
/* How a program of the root connects to an AF_VSOCK port of a partition's guest. The other way round needs no help: see bulkhead-partition(5). */
#ifndef BULKHEAD_LIB_VSOCK_CLIENT_H
#define BULKHEAD_LIB_VSOCK_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/**
 * directory: RUN_DIR/NAME/vsock, which the daemon's method Vsock tells; who may use it is the definition's matter. Waits until the guest has
 * accepted or the worker has given up, some ten seconds, during which the guest runs.
 *
 * Returns a blocking, close-on-exec stream socket, which is the caller's, or -errno: -ENOENT (no such partition runs, or its
 * definition switches vsock off), -EACCES, -ECONNREFUSED (the worker or the guest refuses: `why`, of `size` bytes, says it in a
 * line without a newline), -ECONNRESET (the worker has ended), or what connecting to a UNIX socket returns.
 */
int vsock_client_connect(const char *directory, uint32_t port, char *why, size_t size);

#endif
