/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integration components of a partition: guest shutdown, heartbeat, time synchronization. One struct ic each, over VMBus to the guest's
 * hv_utils. Knows the VMBus server, not the worker; one thread, the one that also calls the VMBus server.
 *
 * Start: ic_create() before vmbus_server_start(); ic_tick() about once a second. A successor gives the predecessor's state.
 */
#ifndef BULKHEAD_VSP_IC_IC_H
#define BULKHEAD_VSP_IC_IC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/server/server.h"

struct ic;

enum ic_type { IC_SHUTDOWN, IC_HEARTBEAT, IC_TIMESYNC };

/** For a successor. Zeroed or a predecessor's. */
struct ic_state {
	uint32_t version;            /* IC_STATE_VERSION once used */
	uint32_t phase;              /* enum ic_phase */
	uint32_t framework, message; /* negotiated: major << 16 | minor */
	uint64_t sequence;           /* heartbeat: last sent */
	uint64_t answered;           /* heartbeat: last that came back */
	uint32_t transaction;        /* last used */
	uint32_t request;            /* shutdown: transaction that waits for its answer, plus 1; 0 none */
	uint32_t request_reboot;
	uint32_t reserved;
};
#define IC_STATE_VERSION 1u

/** Any may be NULL except reference_time for IC_TIMESYNC. context is the one given to ic_create. */
struct ic_ops {
	/** The guest's component finished its negotiation, or is gone. */
	void (*ready)(void *context, enum ic_type type, bool ready);
	/** The guest answered the shutdown request: 0 = it is going down, else its error (HRESULT). */
	void (*shutdown_answer)(void *context, bool reboot, uint32_t status);
	/** The heartbeat began (alive) or stopped: nothing came back for IC_HEARTBEAT_LOST_MS. */
	void (*heartbeat)(void *context, bool alive);
	/** The partition's reference counter now, 100 ns units: what the guest's reference TSC page or MSR 40000020h shows. */
	uint64_t (*reference_time)(void *context);
	/** One line for people, without a newline. */
	void (*log)(void *context, const char *text);
};

#define IC_HEARTBEAT_MS      2000u
#define IC_HEARTBEAT_LOST_MS 10000u
#define IC_TIMESYNC_MS       5000u

/** Offers the component. 0, -EINVAL (state of another version), -ENOMEM, -ENOSPC (no VMBus slot). state, ops outlive it. */
int ic_create(struct vmbus_server *server, enum ic_type type, const struct vmbus_guid *instance, struct ic_state *state,
	const struct ic_ops *ops, void *context, struct ic **ret);
/** Takes the offer back. NULL is fine. */
void ic_free(struct ic *ic);
/** Frees without telling the guest anything, for a successor; after vmbus_server_free. */
void ic_detach(struct ic *ic);

/** The guest's component is there and agreed on a version. */
bool ic_ready(const struct ic *ic);
/** Sends what is due. now_ms: monotonic. */
void ic_tick(struct ic *ic, uint64_t now_ms);

/**
 * IC_SHUTDOWN: asks the guest to turn itself off or restart; shutdown_answer follows. text (may be NULL) is shown to its users.
 * 0, -ENOTCONN (not ready), -EALREADY (asked and not answered), -EAGAIN (the guest does not read its ring).
 */
int ic_shutdown_request(struct ic *ic, bool reboot, bool force, const char *text);
/** IC_HEARTBEAT: last sequence number that the guest answered, 0 if none. */
uint64_t ic_heartbeat_sequence(const struct ic *ic);
/** IC_HEARTBEAT: answers come. */
bool ic_heartbeat_alive(const struct ic *ic);
/** IC_TIMESYNC: the guest's clock is wrong (it was paused or restored): the next tick sets it rather than sending a sample. */
void ic_timesync_force(struct ic *ic);

#endif
