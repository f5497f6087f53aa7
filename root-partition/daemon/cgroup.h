/* SPDX-License-Identifier: BSD-2-Clause */
/* A control group for each worker, below the daemon's own, where the machine has version 2 and the daemon's is delegated. */
#ifndef BULKHEAD_DAEMON_CGROUP_H
#define BULKHEAD_DAEMON_CGROUP_H

#include <sys/types.h>

/** Best effort: without it the worker stays in the daemon's group. */
void cgroup_enter(const char *partition, pid_t pid);
/** Removes the empty group. */
void cgroup_remove(const char *partition);

#endif
