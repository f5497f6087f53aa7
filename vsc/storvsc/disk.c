/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk.h. */
#include "vsc/storvsc/disk.h"

#include <errno.h>
#include <string.h>

#define TEST_UNIT_READY       0x00u
#define INQUIRY               0x12u
#define SYNCHRONIZE_CACHE_10  0x35u
#define READ_16               0x88u
#define WRITE_16              0x8au
#define SERVICE_ACTION_IN_16  0x9eu
#define READ_CAPACITY_16      0x10u

#define INQUIRY_BYTES  36u
#define CAPACITY_BYTES 32u
#define NOTHING_THERE  0x7fu
#define READY_TRIES    4u            /* unit attentions are reported once each */

static uint64_t big_endian(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static void put_big_endian(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static void command(const struct vsc_disk *disk, struct vsc_scsi *scsi, uint8_t operation, uint8_t cdb_bytes)
{
	memset(scsi, 0, sizeof *scsi);
	scsi->target = disk->target;
	scsi->lun = disk->lun;
	scsi->cdb[0] = operation;
	scsi->cdb_bytes = cdb_bytes;
	scsi->direction = VSTOR_NO_DATA;
}

static void text(char *to, const uint8_t *from, unsigned int bytes)
{
	memcpy(to, from, bytes);
	while (bytes && to[bytes - 1] == ' ')
		bytes--;
	to[bytes] = 0;
}

static int inquiry(struct vsc_disk *disk, uint8_t *scratch)
{
	const struct vsc_segment segment = { scratch, INQUIRY_BYTES };
	struct vsc_scsi scsi;
	int rc;

	command(disk, &scsi, INQUIRY, 6);
	scsi.cdb[4] = INQUIRY_BYTES;
	scsi.direction = VSTOR_READ;
	scsi.segments = &segment;
	scsi.segment_count = 1;
	rc = vsc_storvsc_execute(disk->controller, &scsi);
	if (rc < 0)
		return rc;
	if (scsi.transferred < INQUIRY_BYTES)
		return -EPROTO;
	disk->kind = scratch[0];
	text(disk->vendor, scratch + 8, sizeof disk->vendor - 1);
	text(disk->product, scratch + 16, sizeof disk->product - 1);
	return disk->kind == NOTHING_THERE ? -ENODEV : 0;
}

static int wait_ready(struct vsc_disk *disk)
{
	struct vsc_scsi scsi;
	unsigned int i;
	int rc = -EIO;

	for (i = 0; rc < 0 && i < READY_TRIES; i++) {
		command(disk, &scsi, TEST_UNIT_READY, 6);
		rc = vsc_storvsc_execute(disk->controller, &scsi);
		if (rc == -ETIMEDOUT || rc == -ENODEV)
			break;
	}
	return rc;
}

static int read_capacity(struct vsc_disk *disk, uint8_t *scratch)
{
	const struct vsc_segment segment = { scratch, CAPACITY_BYTES };
	struct vsc_scsi scsi;
	int rc;

	command(disk, &scsi, SERVICE_ACTION_IN_16, 16);
	scsi.cdb[1] = READ_CAPACITY_16;
	scsi.cdb[13] = CAPACITY_BYTES;
	scsi.direction = VSTOR_READ;
	scsi.segments = &segment;
	scsi.segment_count = 1;
	rc = vsc_storvsc_execute(disk->controller, &scsi);
	if (rc < 0)
		return rc;
	disk->blocks = big_endian(scratch, 8) + 1;
	disk->block_bytes = (uint32_t)big_endian(scratch + 8, 4);
	return scsi.transferred >= 12 && disk->block_bytes >= 512 && disk->block_bytes <= VMBUS_PAGE_SIZE ? 0 : -EPROTO;
}

int vsc_disk_probe(struct vsc_disk *disk, struct vsc_storvsc *controller, uint8_t target, uint8_t lun, void *scratch)
{
	int rc;

	memset(disk, 0, sizeof *disk);
	disk->controller = controller;
	disk->target = target;
	disk->lun = lun;
	rc = inquiry(disk, scratch);
	if (rc < 0 || disk->kind != 0)
		return rc;
	rc = wait_ready(disk);
	return rc < 0 ? rc : read_capacity(disk, scratch);
}

void vsc_disk_prepare(const struct vsc_disk *disk, struct vsc_scsi *scsi, enum vstor_direction direction, uint64_t block,
	const struct vsc_segment *segments, uint32_t count)
{
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < count; i++)
		bytes += segments[i].bytes;
	command(disk, scsi, direction == VSTOR_READ ? READ_16 : WRITE_16, 16);
	put_big_endian(scsi->cdb + 2, block, 8);
	put_big_endian(scsi->cdb + 10, bytes / disk->block_bytes, 4);
	scsi->direction = direction;
	scsi->segments = segments;
	scsi->segment_count = count;
}

static int transfer(struct vsc_disk *disk, enum vstor_direction direction, uint64_t block, void *memory, uint32_t bytes)
{
	const struct vsc_segment segment = { memory, bytes };
	struct vsc_scsi scsi;
	int rc;

	if (disk->block_bytes == 0 || bytes == 0 || bytes % disk->block_bytes || bytes > disk->controller->max_transfer_bytes)
		return -EINVAL;
	vsc_disk_prepare(disk, &scsi, direction, block, &segment, 1);
	rc = vsc_storvsc_execute(disk->controller, &scsi);
	return rc == 0 && scsi.transferred != bytes ? -EIO : rc;
}

int vsc_disk_read(struct vsc_disk *disk, uint64_t block, void *memory, uint32_t bytes)
{
	return transfer(disk, VSTOR_READ, block, memory, bytes);
}

int vsc_disk_write(struct vsc_disk *disk, uint64_t block, void *memory, uint32_t bytes)
{
	return transfer(disk, VSTOR_WRITE, block, memory, bytes);
}

int vsc_disk_flush(struct vsc_disk *disk)
{
	struct vsc_scsi scsi;

	command(disk, &scsi, SYNCHRONIZE_CACHE_10, 10);
	return vsc_storvsc_execute(disk->controller, &scsi);
}
