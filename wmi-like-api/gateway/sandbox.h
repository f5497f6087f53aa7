/* SPDX-License-Identifier: BSD-2-Clause */
/* What the gateway gives up before it reads its first byte from the network. */
#ifndef BULKHEAD_GATEWAY_SANDBOX_H
#define BULKHEAD_GATEWAY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/**
 * As root: the folder becomes the root, the user (with the groups that the system gives it) the process's. In any case: no new privileges,
 * no core dump, no ptrace.
 * *inside: whether the root has changed. Returns 0, or -1 with why.
 */
int gateway_sandbox_drop(const char *user, const char *folder, bool *inside, char *why, size_t why_size);
/** From here on only the system calls that a running gateway makes; any other kills it. 0 or -1 with why. */
int gateway_sandbox_filter(char *why, size_t why_size);

#endif
