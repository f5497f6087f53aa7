/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One child: its partition, memory, VPs, devices and services, and its states. Everything here is for the loop's thread
 * unless it says otherwise.
 */
#ifndef BULKHEAD_WORKER_MACHINE_H
#define BULKHEAD_WORKER_MACHINE_H

#include <uv.h>

#include "console.h"
#include "devices.h"
#include "event_queue.h"
#include "guest_memory.h"
#include "host_loop.h"
#include "state.h"
#include "vp.h"
#include "root-partition/lib/mshv_partition.h"
#include "root-partition/lib/worker_protocol.h"

struct services;

struct machine {
	struct worker_config config;
	uv_loop_t *loop;
	struct host_loop *host;      /* runs it */
	struct worker_state_region *state;
	struct guest_memory memory;
	struct mshv_partition partition;
	struct devices devices;
	struct console console;
	struct event_queue events;
	struct vp_set vps;
	struct services *services;
	uv_async_t wake;
	struct host_source *guest_watch; /* see guest_thread.c */

	enum worker_state run_state;
	enum worker_stop_cause stop_cause;
	uint32_t exit_code;          /* of the debug exit port */
	struct {
		uint64_t begun, mapped, loaded, ready; /* us since exec, of the first start */
	} timing;
	char reason[256];
	void (*on_change)(void *context); /* run_state, or what machine_status reports, changed */
	void (*on_memory)(void *context); /* what dynamic_memory_report reports changed */
	void *context;
};

/** Whether it goes on with a guest that a predecessor has started. */
static inline bool machine_is_successor(const struct machine *machine)
{
	return machine->config.partition_fd >= 0;
}

/**
 * Builds everything up to a child that does not run yet. machine->config, ->loop and ->host are set. Returns 0 or a negative
 * errno, logged.
 */
int machine_create(struct machine *machine);
/** Lets the VPs run. */
void machine_resume(struct machine *machine);
void machine_pause(struct machine *machine);
/** Hard reset: a new partition with the memory loaded afresh. An error ends the machine. */
void machine_reset(struct machine *machine);
/** Ends the guest. run_state says how; VPs no longer run when this returns. */
__attribute__((format(printf, 3, 4))) void machine_stop(struct machine *machine, enum worker_stop_cause cause,
							 const char *format, ...);
/** What machine_status reports has changed. */
void machine_changed(struct machine *machine);
bool machine_over(const struct machine *machine);

/** Acts on what the VPs have queued. */
void machine_take_events(struct machine *machine);

void machine_status(const struct machine *machine, struct worker_status *ret);
void machine_stats(struct machine *machine, struct worker_stats *ret);

#endif
