/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <on_worker_failure>replace: the guest of a worker that has died goes on with another one. The daemon holds the partition by its
 * descriptor, beside memory and state; it is freed with the last of its descriptors, so what is held is let go of before a worker is to end.
 */
#ifndef BULKHEAD_DAEMON_REPLACE_H
#define BULKHEAD_DAEMON_REPLACE_H

#include "root-partition/daemon/partition.h"

struct spawn;

#define HELD_NONE ((struct held){ .fd = { -1, -1, -1, -1 } })

/** A worker was started: takes over what says that nothing of it is left. */
void replace_watch(struct partition *partition, struct spawn *spawn);
/** What the worker gave; fds are taken over. */
void replace_on_hold(struct partition *partition, const struct worker_hold *hold, const int *fds, unsigned count);
/** The guest ends with its worker. */
void replace_forget(struct partition *partition);
/**
 * The worker has ended as reason says. True: another one is being started, and reason is told. False: not so; when it could have been,
 * the limit is added to reason.
 */
bool replace_begin(struct partition *partition, char *reason, size_t size);
/** Ends the worker so that it is replaced: by another version of the program, say. Answered when the next one runs the guest. */
void partition_replace_worker(struct partition *partition, done_fn done, void *arg);
/** Answers whoever asked. */
void replace_answer(struct partition *partition, int error, const char *text);

/** On a thread: waits until nothing of the predecessor touches the guest or its disks. 0 or -1 with the spawn's error. */
int replace_wait(struct spawn *spawn);

#endif
