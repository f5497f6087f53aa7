/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk queue that works when it is told to, on ordinary system calls, and fails as it is told to. */
#ifndef BULKHEAD_TEST_STORAGE_FAKE_QUEUE_H
#define BULKHEAD_TEST_STORAGE_FAKE_QUEUE_H

#include "vsp/storage/disk_queue.h"

#define FAKE_OPS 1024u

struct fake_queue {
	struct disk_queue queue;
	struct disk_op *ops[FAKE_OPS];   /* started, in order */
	unsigned int count;
	unsigned int room;               /* how many are taken at once */
	unsigned int submitted;          /* calls of submit */
	unsigned int nudges;
	unsigned int begun[5];           /* by kind */
	bool hold;                       /* nothing ends but by fake_finish */
	int error[5];                    /* by kind: what they end with instead of being done; 0: done */
	unsigned int short_bytes;        /* > 0: reads and writes do no more at a time */
	bool freed;
};

void fake_queue_init(struct fake_queue *fake);
/** Carries out (or fails) the n-th of those in flight and tells the user. */
void fake_finish(struct fake_queue *fake, unsigned int n);

#endif
