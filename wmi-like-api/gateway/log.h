/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages for the administrator, and the audit log: who was refused what, who changed what. No call here opens anything. */
#ifndef BULKHEAD_GATEWAY_LOG_H
#define BULKHEAD_GATEWAY_LOG_H

#include <syslog.h>

/** To stderr, which is the journal's under systemd. */
void gateway_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The audit log's descriptor from now on; until then and for -1 it is stderr. */
void gateway_audit_open(int fd);
/**
 * One line: time, result ("refused", "done", "failed"), user, address, action, target, text. Whatever would break the line or forge another one is
 * escaped. Any string may be NULL or "".
 */
void gateway_audit(const char *result, const char *user, const char *address, const char *action, const char *target, const char *text);

#endif
