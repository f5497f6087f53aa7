/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's own log: lines with a time, to the descriptor that the daemon gave and to stderr. Any thread. A guest can
 * cause lines, so their number in a time is bounded; how many were left out is said.
 */
#ifndef BULKHEAD_WORKER_LOG_H
#define BULKHEAD_WORKER_LOG_H

#include <stddef.h>
#include <stdint.h>

/** fd -1: stderr only. name goes before each line on stderr. */
void log_open(int fd, const char *name);
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/** Guest-controlled text: control characters become '.', each line of it a line of its own after prefix. */
void log_guest_text(const char *prefix, const char *text, size_t size);
/** Microseconds since the process was started by exec. */
uint64_t log_elapsed_us(void);

#endif
