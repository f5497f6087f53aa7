/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk behind the controller: the few SCSI commands (SPC-4, SBC-3) that reading and writing needs, each waited for. */
#ifndef BULKHEAD_VSC_STORVSC_DISK_H
#define BULKHEAD_VSC_STORVSC_DISK_H

#include "vsc/storvsc/storvsc.h"

struct vsc_disk {
	struct vsc_storvsc *controller;
	uint8_t target, lun;
	uint8_t kind;                /* peripheral qualifier and type; 0 = a disk, 7Fh = nothing there */
	char vendor[9], product[17];
	uint64_t blocks;
	uint32_t block_bytes;
};

/** Looks what is there: INQUIRY, then TEST UNIT READY and READ CAPACITY if it is a disk. -ENODEV: nothing. scratch: 512 bytes, aligned to them. */
int vsc_disk_probe(struct vsc_disk *disk, struct vsc_storvsc *controller, uint8_t target, uint8_t lun, void *scratch);
/** Bytes must be whole blocks and within the controller's largest transfer. */
int vsc_disk_read(struct vsc_disk *disk, uint64_t block, void *memory, uint32_t bytes);
int vsc_disk_write(struct vsc_disk *disk, uint64_t block, void *memory, uint32_t bytes);
/** What was written before is on stable storage when it returns 0. */
int vsc_disk_flush(struct vsc_disk *disk);
/** The command for reading or writing, to be submitted by the caller. */
void vsc_disk_prepare(const struct vsc_disk *disk, struct vsc_scsi *scsi, enum vstor_direction direction, uint64_t block,
	const struct vsc_segment *segments, uint32_t count);

#endif
