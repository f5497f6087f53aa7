/* SPDX-License-Identifier: BSD-2-Clause */
/* A SCSI controller's disk operations in the ring of the worker's loop (vsp/storage/disk_queue.h). */
#ifndef BULKHEAD_WORKER_RING_QUEUE_H
#define BULKHEAD_WORKER_RING_QUEUE_H

#include "host_loop.h"
#include "vsp/storage/disk_queue.h"

/** process is called when operations have ended: reap then. 0 or -errno. */
int ring_queue_create(struct host_loop *loop, void (*process)(void *context), void *context, struct disk_queue **ret);

#endif
