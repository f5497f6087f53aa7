/* SPDX-License-Identifier: BSD-2-Clause */
/* Dynamic memory of the machine: the balloon device between the guest and the driver. Loop only. */
#ifndef BULKHEAD_WORKER_DYNAMIC_MEMORY_H
#define BULKHEAD_WORKER_DYNAMIC_MEMORY_H

#include "machine.h"
#include "vsp/balloon/balloon.h"

struct dynamic_memory {
	struct machine *machine;
	struct balloon *balloon;     /* NULL: the memory is fixed */
	bool failure_logged;
};

/** Offers the device if the configuration says so, and goes on from a predecessor's state; before vmbus_server_start. Returns 0 or a negative errno, logged. */
int dynamic_memory_create(struct dynamic_memory *d, struct machine *machine, struct vmbus_server *server);
void dynamic_memory_tick(struct dynamic_memory *d, uint64_t now_ms);
/** After vmbus_server_reset: the guest begins with its memory at the start. */
void dynamic_memory_reset(struct dynamic_memory *d);
/** -EOPNOTSUPP: fixed. */
int dynamic_memory_set_target(struct dynamic_memory *d, uint64_t bytes);
/** All but the header. False: fixed. */
bool dynamic_memory_report(const struct dynamic_memory *d, struct worker_memory *ret);

#endif
