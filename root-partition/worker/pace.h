/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How eagerly the loop's thread takes a processor from a VP. A guest that waits for each request goes idle after it: the loop must
 * run at once, so that the disk works meanwhile. A guest that goes on has more to submit, and every interruption costs a switch
 * between guest and root: the loop then waits until the guest idles or its time is up (SCHED_BATCH). The number in flight does
 * not tell the two apart: behind a fast disk it is one in both cases. How often the guest halts does: one that halts for each
 * request waits. One that does not halt may still wait, for to an eager loop the answer can come before the halt. So an eager loop tries
 * patience then, for a few operations.
 * It matters only where VPs and the loop share processors; an idle processor takes the loop at once in both cases. Where the loop's
 * thread runs the guest itself (guest_thread.h), it is how long it lets the guest run.
 */
#ifndef BULKHEAD_WORKER_PACE_H
#define BULKHEAD_WORKER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	bool patient;                /* the thread is SCHED_BATCH */
	bool confirmed;              /* by a first decision: it is no trial any more */
	bool in_vain;                /* the last trial: the next one comes later */
	uint64_t operations, halts;  /* totals as of the last decision */
};

/** Whether enough operations have ended since the last decision for another one. */
bool pace_due(const struct pace *pace, uint64_t operations);
/**
 * Decides from totals since the start: operations of disks and networks, halts of all VPs. Returns whether the calling thread's policy
 * was changed.
 */
bool pace_decide(struct pace *pace, uint64_t operations, uint64_t halts);

#endif
