/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How eagerly the loop's thread takes a processor from a VP. With one request at a time the guest waits for each: the loop must
 * run at once, so that the disk works while the guest goes idle. With many small ones in flight the guest has more to submit, and
 * every interruption costs a switch between guest and root: the loop then waits until the guest idles or its time is up
 * (SCHED_BATCH). It matters only where VPs and the loop share processors; an idle processor takes the loop at once in both cases.
 */
#ifndef BULKHEAD_WORKER_PACE_H
#define BULKHEAD_WORKER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	int score;
	bool patient;                /* the thread is SCHED_BATCH */
	uint64_t operations, bytes;  /* as of the last decision */
};

/**
 * After requests were taken from a ring or answered: pending are in flight now; operations and bytes are totals since the
 * start. Returns whether the calling thread's policy was changed.
 */
bool pace_sample(struct pace *pace, uint64_t pending, uint64_t operations, uint64_t bytes);

#endif
