/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic memory: who of the running partitions gets how much. Every two seconds each one's demand, as its guest reports it, and its
 * buffer on top become its target, between its minimum and its maximum; growth is limited by what the root has beyond its floor and
 * what others have been promised, and goes to the highest priority first.
 */
#ifndef BULKHEAD_DAEMON_MEMORY_H
#define BULKHEAD_DAEMON_MEMORY_H

#include "root-partition/daemon/partition.h"

/** A worker's report. */
void memory_on_report(struct partition *partition, const struct worker_memory *report);
/** The instance has begun, or ended: nothing is known of it. */
void memory_forget(struct partition *partition);
/** What the partition may take of the root's memory: its target, or all of its memory if that is fixed. */
uint64_t memory_committed(const struct partition *partition);
/** As Hyper-V names it: "", "no driver", "ok", "low" (a part of the buffer is missing), "warning" (less than the demand). */
const char *memory_status(const struct partition *partition);

/** Fixes a running partition's memory at that size; 0: the policy decides again. */
void partition_set_memory(struct partition *partition, uint64_t bytes, done_fn done, void *arg);

/** Begins and ends the policy's rounds. */
void memory_start(struct manager *manager);
void memory_stop(struct manager *manager);

#endif
