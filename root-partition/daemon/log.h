/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's own messages: to the journal with BULKHEAD_PARTITION= where there is one, else to stderr. Any thread. */
#ifndef BULKHEAD_DAEMON_LOG_H
#define BULKHEAD_DAEMON_LOG_H

#include <syslog.h>

/** partition NULL: about the daemon itself. priority: LOG_INFO, ... */
void log_message(int priority, const char *partition, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
