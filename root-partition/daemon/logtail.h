/* SPDX-License-Identifier: BSD-2-Clause */
/* The last lines of a worker's log: what it had to say when it could say nothing else. */
#ifndef BULKHEAD_DAEMON_LOGTAIL_H
#define BULKHEAD_DAEMON_LOGTAIL_H

#include <stddef.h>
#include <stdint.h>

/** Up to three lines written after `offset`, joined by " | ", without the worker's name before each; "" when there are none. */
void log_tail(int log_dir_fd, const char *partition, int64_t offset, char *ret, size_t size);

#endif
