/* SPDX-License-Identifier: BSD-2-Clause */
/* What a child's VMBus server offers: SCSI controllers with disks, network interfaces, and integration components. Loop only. */
#ifndef BULKHEAD_WORKER_PROVIDERS_H
#define BULKHEAD_WORKER_PROVIDERS_H

#include "dynamic_memory.h"
#include "integration.h"
#include "machine.h"
#include "network.h"
#include "pace.h"
#include "storage.h"
#include "vmbus/server/server.h"
#include "vsock.h"

struct providers {
	struct machine *machine;
	struct storage storage;
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
void providers_stats(const struct providers *providers, struct worker_stats *ret);

#endif
