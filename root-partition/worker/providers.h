/* SPDX-License-Identifier: BSD-2-Clause */
/* What a child's VMBus server offers: SCSI controllers with the configured disks, and integration components. Loop only. */
#ifndef BULKHEAD_WORKER_PROVIDERS_H
#define BULKHEAD_WORKER_PROVIDERS_H

#include "dynamic_memory.h"
#include "integration.h"
#include "machine.h"
#include "network.h"
#include "pace.h"
#include "vmbus/server/server.h"
#include "vsock.h"
#include "vsp/storage/storvsp.h"

struct providers {
	struct machine *machine;
	struct storvsp *controller[STATE_CONTROLLERS]; /* NULL: has no disks */
	struct integration integration;
	struct network network;
	struct vsock vsock;
	struct dynamic_memory memory;
	uv_timer_t tick;
	struct pace pace;
};

/** Offers everything; before vmbus_server_start. Returns 0 or a negative errno, logged. */
int providers_create(struct providers *providers, struct machine *machine, struct vmbus_server *server);
/** After a guest's signal was handled: adapts the loop's thread to the load. */
void providers_pace(struct providers *providers);
/** Waits until no disk request touches guest memory any more. After vmbus_server_reset. */
void providers_drain(struct providers *providers);
void providers_stats(const struct providers *providers, struct worker_stats *ret);

#endif
