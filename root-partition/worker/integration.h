/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's integration services: which it is offered, what is told of them, and the daemon's requests to them. Loop only. */
#ifndef BULKHEAD_WORKER_INTEGRATION_H
#define BULKHEAD_WORKER_INTEGRATION_H

#include "control.h"
#include "machine.h"
#include "vmbus/server/server.h"
#include "vsp/ic/ic.h"

struct integration_job;

struct integration {
	struct machine *machine;
	struct ic *ic[STATE_ICS];            /* by enum ic_type; NULL: not wanted */
	struct integration_job *kvp_jobs;    /* the first is with the guest */
	unsigned int kvp_count;
};

/** Offers what the configuration names; before vmbus_server_start. Returns 0 or a negative errno, logged. */
int integration_create(struct integration *integration, struct machine *machine, struct vmbus_server *server);
/** About once a second while the guest runs; now_ms: monotonic. */
void integration_tick(struct integration *integration, uint64_t now_ms);
/** The guest goes on after a pause: its clock is late. */
void integration_resumed(struct integration *integration);
int integration_shutdown(struct integration *integration, const struct worker_shutdown *request);
/** WORKER_KVP, WORKER_FREEZE or WORKER_COPY of the right size; answers the ticket, now or later. fd: the copy's, its own now; else -1. */
void integration_request(struct integration *integration, struct worker_message *request, const struct control_ticket *ticket, int fd);
/** The pairs of the partition's key-value service came to life: tells the guest the names it goes by here. */
void integration_introduce(struct integration *integration);
void integration_status(const struct integration *integration, struct worker_status *ret);

#endif
