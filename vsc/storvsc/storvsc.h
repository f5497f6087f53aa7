/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A synthetic SCSI controller's driver: hand-shake, requests by tag, completions. The caller owns every request and its buffers
 * until the request's `done` is set; nothing is allocated.
 */
#ifndef BULKHEAD_VSC_STORVSC_STORVSC_H
#define BULKHEAD_VSC_STORVSC_STORVSC_H

#include <stdbool.h>
#include <stdint.h>

#include "vsc/storvsc/protocol.h"
#include "vsc/vmbus/client.h"

#define VSC_STORVSC_REQUESTS 64u     /* in flight */
#define VSC_STORVSC_PAGES    257u    /* of one request: 1 MiB that begins anywhere in a page */

_Static_assert(VSC_STORVSC_REQUESTS <= 64, "one bit each in `abandoned`");

/** A SCSI command. Input until `done`; then the result. */
struct vsc_scsi {
	uint8_t target, lun;
	uint8_t cdb_bytes;
	uint8_t cdb[VSTOR_CDB_BYTES];
	enum vstor_direction direction;
	/** Data. One range to the host: only the first may begin, only the last may end inside a page. */
	const struct vsc_segment *segments;
	uint32_t segment_count;
	uint32_t timeout;            /* s; 0: 60 */
	/** Called when `done` has become true. May be NULL. */
	void (*complete)(struct vsc_scsi *scsi);
	void *context;

	bool done;
	int error;                   /* 0: the command was carried out well; -EIO, -ENODEV, -EPROTO (an answer that makes no sense) */
	uint8_t srb_status, scsi_status;
	uint8_t sense_bytes;
	uint8_t sense[VSTOR_SENSE_BYTES];
	uint32_t transferred;
};

struct vsc_storvsc {
	struct vsc_channel *channel;
	uint16_t version;
	uint16_t max_channels;
	uint32_t max_transfer_bytes;
	uint32_t in_flight;
	bool bus_changed;            /* the host asks to look again for disks; cleared by the caller */
	uint64_t refused;            /* packets that made no sense */
	struct vsc_scsi *requests[VSC_STORVSC_REQUESTS];
	uint64_t abandoned;          /* tags whose caller has given up; not free until they are answered */
	bool init_arrived;
	struct vstor_packet init_reply;
};

/** Opens the channel on `bytes` of page-aligned memory, half of it for each direction, and does the hand-shake. */
int vsc_storvsc_open(struct vsc_storvsc *s, struct vsc_channel *channel, void *rings, uint32_t bytes);
/** Requests in flight end with -ENODEV. */
int vsc_storvsc_close(struct vsc_storvsc *s);
/** Starts a command. -EAGAIN: too many in flight, or no room in the ring; -EINVAL: segments that are no one range. */
int vsc_storvsc_submit(struct vsc_storvsc *s, struct vsc_scsi *scsi);
/** Takes completions; how many. Also called on the channel's events. */
unsigned int vsc_storvsc_poll(struct vsc_storvsc *s);
/** Submits, waits for `done`; scsi->error, or -ETIMEDOUT: then scsi is the caller's again, but the buffers are still the host's. */
int vsc_storvsc_execute(struct vsc_storvsc *s, struct vsc_scsi *scsi);

#endif
