/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's SCSI controllers with their disks: those of the configuration, and what the daemon attaches, detaches and resizes later. A
 * controller is offered from its first disk on, and stays. Loop only.
 */
#ifndef BULKHEAD_WORKER_STORAGE_H
#define BULKHEAD_WORKER_STORAGE_H

#include "control.h"
#include "machine.h"
#include "vmbus/server/server.h"
#include "vsp/storage/storvsp.h"

struct storage_disk;

struct storage {
	struct machine *machine;
	struct vmbus_server *server;
	struct storvsp *controller[STATE_CONTROLLERS]; /* NULL: had no disk yet */
	struct storage_disk *disk[WORKER_MAX_DISKS];
	uint64_t past_operations;    /* of disks that were detached */
	uv_timer_t leave;
	void (*ended)(void *context);
	void *context;
};

/** Offers the configured disks. ended is called after some operations have ended. Returns 0 or a negative errno, logged. */
int storage_create(struct storage *storage, struct machine *machine, struct vmbus_server *server, void (*ended)(void *context), void *context);
/** Takes the descriptor over. Returns 0, or a negative errno with one line for people in why. */
int storage_attach(struct storage *storage, const struct worker_disk *disk, char *why, size_t why_size);
/**
 * The guest loses it at once. Answered when the descriptor is closed and the guest has taken note, or after a few seconds, with a text that says
 * what is still to come. Returns 0 or -ENOENT, and then nothing is answered.
 */
int storage_detach(struct storage *storage, const struct worker_disk_request *request, const struct control_ticket *ticket);
/** bytes 0: as its file is. A file is made larger, never smaller. *size: bytes that it has now. Returns 0 or a negative errno with why. */
int storage_resize(struct storage *storage, const struct worker_disk_request *request, uint64_t *size, char *why, size_t why_size);
/** Waits until no request touches guest memory any more. After vmbus_server_reset. */
void storage_drain(struct storage *storage);
/** Reads and writes so far. */
uint64_t storage_operations(const struct storage *storage);
void storage_stats(const struct storage *storage, struct worker_stats *ret);

#endif
