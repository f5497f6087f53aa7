/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storage provider: one synthetic SCSI controller of a partition, offered over VMBus to storvsc, with disks on file descriptors.
 * Knows the VMBus server, not the worker. Everything is called on one thread, the one that also calls the VMBus server.
 *
 * Start:      storvsp_create(); storvsp_add_disk() each; storvsp_start(), before vmbus_server_start(). Then poll storvsp_event_fd() for
 *             reading and call storvsp_process_completions(); nothing is to be read from that descriptor.
 * Successor:  the same with the predecessor's state: what was in flight when that ended is done again.
 * Later:      disks are added, removed and grow while the guest runs; it is told to look again.
 *
 * What a guest may rely on. Each packet that asks for a completion gets exactly one, unless its channel is closed. A write or a flush is
 * reported only after the system call has returned. SYNCHRONIZE CACHE is an fdatasync that starts after the request was taken: it
 * covers each write whose completion was sent before. A write with FUA is one with RWF_DSYNC. A flush that failed once fails ever
 * after: the kernel may have dropped the data that it could not write.
 */
#ifndef BULKHEAD_VSP_STORAGE_STORVSP_H
#define BULKHEAD_VSP_STORAGE_STORVSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus/server/server.h"
#include "vsp/storage/storvsp_state.h"

struct storvsp;
struct disk_queue;

struct storvsp_config {
	struct vmbus_guid instance;  /* names the controller; the same at each start of the partition */
	uint32_t vp_count;           /* bounds the subchannels */
	/** One line for people, without a newline. May be NULL. */
	void (*log)(void *context, const char *text);
	void *log_context;
	/** NULL: an io_uring of its own. Else what carries out the I/O, taken over and freed with the controller (on error too). */
	struct disk_queue *queue;
};

struct storvsp_disk_config {
	int      fd;                 /* the caller's; open until storvsp_free, or until a removed disk is released */
	uint8_t  target;             /* < STORVSP_TARGETS */
	uint8_t  lun;                /* < STORVSP_LUNS */
	bool     read_only;
	bool     zeroes;             /* a block device that zeroes by itself what is deallocated; of a file this is found out */
	bool     no_flush;           /* a flush completes at once and FUA means nothing: for disks that are thrown away after a crash */
	uint32_t block_size;         /* logical: 512 or 4096 */
	char     serial[36];         /* VPD page 80h; NUL padded; unique in the partition */
};

/** As struct worker_stats reports them. */
struct storvsp_disk_stats {
	uint64_t reads, writes, flushes, unmaps, read_bytes, written_bytes;
	uint64_t errors;             /* failed by the file or device, not by the request itself */
	uint64_t pending;            /* taken from a ring, not yet answered */
	uint64_t size_bytes;         /* of the disk */
};

/**
 * A controller without disks. state: zeroed or a predecessor's; server and state must outlive it. 0 or -errno: -EINVAL for a state
 * that is none, -ENOTSUP for one of another version, what io_uring_setup(2) says (-EPERM or -ENOSYS where it is disabled).
 */
int storvsp_create(struct vmbus_server *server, struct storvsp_state *state, const struct storvsp_config *config, struct storvsp **ret);
/**
 * 0, -EINVAL (address, block size, descriptor that is neither a file nor a block device, smaller than a block), -EEXIST, -EBUSY (one that was
 * removed there is not released), or what fstat and the like say. See storvsp_absence_heard. With O_DIRECT set on the descriptor, guest memory is used as it is where its alignment permits.
 */
int storvsp_add_disk(struct storvsp *vsp, const struct storvsp_disk_config *config);
/**
 * The guest finds no disk there from now on. What it has sent to it before is carried out and answered; then released is called, at the latest
 * by storvsp_free or storvsp_detach, perhaps from within this: the descriptor is used no more. -ENOENT: there is no such disk.
 */
int storvsp_remove_disk(struct storvsp *vsp, uint32_t target, uint32_t lun, void (*released)(void *context), void *context);
/**
 * How often a guest that uses the controller has heard since the removal that there is no disk at this address: 0, and it may still take a
 * new disk there for the old one. UINT32_MAX: no guest uses the controller.
 */
uint32_t storvsp_absence_heard(const struct storvsp *vsp, uint32_t target, uint32_t lun);
/**
 * The file or device is larger now, and so is the disk; the guest is told. *bytes: how large. -ENOENT; -ERANGE: it is smaller, nothing changes,
 * requests beyond its end will fail; or what fstat says.
 */
int storvsp_disk_grown(struct storvsp *vsp, uint32_t target, uint32_t lun, uint64_t *bytes);
/** Offers the controller. -ENOSPC if the server has no slot. */
int storvsp_start(struct storvsp *vsp);
/** Takes the offers back, waits until no I/O is in flight, frees. NULL is fine. */
void storvsp_free(struct storvsp *vsp);
/**
 * For a successor in the same machine: as storvsp_free, but the guest is told nothing and what is not answered stays in the state. Call
 * it after vmbus_server_free.
 */
void storvsp_detach(struct storvsp *vsp);

int storvsp_event_fd(const struct storvsp *vsp);
void storvsp_process_completions(struct storvsp *vsp);
/**
 * Waits until nothing is in flight into guest memory: before that memory is reloaded, moved or freed. After vmbus_server_reset() every
 * request's channel is closed, so nothing follows.
 */
void storvsp_drain(struct storvsp *vsp);

/** False: there is no such disk. */
bool storvsp_get_stats(const struct storvsp *vsp, uint32_t target, uint32_t lun, struct storvsp_disk_stats *stats);
/** What the guest negotiated, e.g. 0602h; 0 before. */
uint16_t storvsp_version(const struct storvsp *vsp);

#endif
