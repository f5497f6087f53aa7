/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VPs of a child: one thread each that runs it and completes its exits, and a gate that holds all of them outside
 * the guest while the machine is paused, reset or over. Or, for a single one, the loop's thread (guest_thread.h).
 */
#ifndef BULKHEAD_WORKER_VP_H
#define BULKHEAD_WORKER_VP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "devices.h"
#include "event_queue.h"
#include "guest_memory.h"
#include "root-partition/lib/mshv_partition.h"

struct vp_set;

struct vp {
	struct mshv_vp mshv;
	struct vp_set *set;
	pthread_t thread;
	bool inside;                 /* under set->lock: may be in the guest or completing an exit */
	bool started;
	bool inherited;              /* the next message may be one that a predecessor had */
};

struct vp_set {
	/* Set by the owner before vp_set_start. */
	struct devices *devices;
	struct event_queue *events;
	const struct guest_memory *memory;
	const struct mshv_partition *partition;
	void (*wake)(void *context); /* any thread: the event queue is no longer empty */
	void (*first_run)(void *context); /* once, just before the first VP runs for the first time */
	void *context;

	struct vp vp[HV_MAX_VPS];
	unsigned int count;
	bool by_loop;                /* the loop's thread runs the only VP */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool closed;          /* the gate; changes under lock */
	unsigned int generation;     /* under lock; events of an earlier one are not queued any more */
	atomic_bool ran;
};

/** Starts count threads behind a closed gate, or none when by_loop. The VPs themselves (vp[i].mshv) may come later. */
int vp_set_start(struct vp_set *set, unsigned int count);
void vp_set_open_gate(struct vp_set *set);
/** Closes the gate and waits until no VP is in the guest any more. Loop only. */
void vp_set_close_gate(struct vp_set *set);

/**
 * With by_loop, on the loop's thread, with room in the event queue: runs the VP and completes its exit. True: the VP is blocked or the gate
 * is closed. patient: as BULKHEAD_RUN_PATIENT.
 */
bool vp_set_run(struct vp_set *set, bool patient);
/** The loop has emptied the event queue: VPs that waited for room go on. */
void vp_set_drained(struct vp_set *set);
/** Drops all events, also those that VPs still wait to queue. With the gate closed. */
void vp_set_forget_events(struct vp_set *set);

/** What completing an exit came to. */
enum vp_verdict {
	VP_CONTINUE,
	VP_HALT,                     /* not back into the guest before the gate was looked at */
};
enum vp_verdict vp_complete_exit(struct vp *vp, const struct hv_message *message);
/** Queues an event as the last step of an exit; waits outside the guest while there is no room, and then VP_HALT. */
enum vp_verdict vp_post(struct vp *vp, const struct event *event);
/** Queues a request for a reset and closes the gate. */
enum vp_verdict vp_ask_reset(struct vp *vp);
/** Queues the end of the guest, with a reason for people, and closes the gate. */
__attribute__((format(printf, 4, 5))) enum vp_verdict vp_stop(struct vp *vp, enum worker_stop_cause cause,
							      uint32_t exit_code, const char *format, ...);

/** Copies from or to guest-virtual memory with the VP's page tables. */
int vp_read_virtual(struct vp *vp, uint64_t gva, void *buffer, size_t size, uint64_t access);
int vp_write_virtual(struct vp *vp, uint64_t gva, const void *buffer, size_t size);

/** INS and OUTS, with or without REP (vp_string_io.c). */
enum vp_verdict vp_string_io(struct vp *vp, const struct hv_x64_io_port_intercept_message *io);
/** The guest gives memory back for as long as it does not touch it (vp_discard.c). */
enum vp_verdict vp_discard(struct vp *vp, const struct bh_discard_message *m);
/** What follows a port write that was more than data. */
enum vp_verdict vp_device_action(struct vp *vp, enum device_action action);

#endif
