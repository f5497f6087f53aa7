/* SPDX-License-Identifier: BSD-2-Clause */
/* The data that describes a disk: INQUIRY, vital product data, capacity, LUNs. Mode pages are in scsi_mode.c. */
#include "vsp/storage/scsi.h"

#include <string.h>

/* SPC-4, table 142 and 4.3.2: qualifier 3 with type 1Fh says that the target can have no device at this LUN. */
#define NO_DEVICE 0x7fu
#define VENDOR    "Msft    "         /* Linux trusts WRITE SAME only from this one */
#define PRODUCT   "Virtual Disk    "
#define REVISION  "1.0 "

enum { NAA_LOCALLY_ASSIGNED = 3, PROVISIONING_THIN = 2, NON_ROTATING = 1 };

uint32_t scsi_inquiry(const struct scsi_disk *disk, uint8_t *reply)
{
	static const uint16_t versions[] = { 0x00a0 /* SAM-5 */, 0x0460 /* SPC-4 */, 0x04c0 /* SBC-3 */ };

	memset(reply, 0, 96);
	reply[0] = disk ? 0 : NO_DEVICE;
	reply[2] = 6;                /* SPC-4 */
	reply[3] = 2;                /* format of this */
	reply[4] = 96 - 5;
	reply[7] = 2;                /* CMDQUE: requests may be queued */
	memcpy(reply + 8, VENDOR, 8);
	memcpy(reply + 16, PRODUCT, 16);
	memcpy(reply + 32, REVISION, 4);
	for (uint32_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		scsi_put16(reply + 58 + 2 * i, versions[i]);
	return 96;
}

/* 60 bits that depend on the serial number and the address: the same at every start, different on every disk. */
static uint64_t local_name(const struct scsi_disk *disk)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	uint8_t address[2] = { disk->target, disk->lun };
	size_t i;

	for (i = 0; disk->serial[i]; i++)
		hash = (hash ^ (uint8_t)disk->serial[i]) * 0x100000001b3u;
	for (i = 0; i < sizeof address; i++)
		hash = (hash ^ address[i]) * 0x100000001b3u;
	return hash & 0x0fffffffffffffffu;
}

/* Two designators of the logical unit: T10 vendor identification, and NAA. */
static uint32_t identification(const struct scsi_disk *disk, uint8_t *page)
{
	uint32_t serial = (uint32_t)strlen(disk->serial);
	uint8_t *at = page;

	at[0] = 2;                   /* ASCII */
	at[1] = 1;                   /* T10 */
	at[2] = 0;
	at[3] = (uint8_t)(8 + serial);
	memcpy(at + 4, VENDOR, 8);
	memcpy(at + 12, disk->serial, serial);
	at += 12 + serial;
	at[0] = 1;                   /* binary */
	at[1] = 3;                   /* NAA */
	at[2] = 0;
	at[3] = 8;
	scsi_put64(at + 4, (uint64_t)NAA_LOCALLY_ASSIGNED << 60 | local_name(disk));
	return (uint32_t)(at + 12 - page);
}

static uint32_t block_limits(const struct scsi_disk *disk, uint8_t *page)
{
	memset(page, 0, 60);
	page[0] = 1;                 /* WSNZ: WRITE SAME of 0 blocks is refused */
	scsi_put16(page + 2, (uint16_t)(disk->granularity / disk->block_size));
	scsi_put32(page + 4, disk->max_transfer / disk->block_size);
	if (disk->unmap) {
		scsi_put32(page + 16, (uint32_t)(SCSI_MAX_RANGE / disk->block_size));
		scsi_put32(page + 20, SCSI_MAX_UNMAP_EXTENTS);
		scsi_put32(page + 24, disk->granularity / disk->block_size);
		scsi_put32(page + 28, 1u << 31); /* UGAVALID, alignment 0 */
	}
	scsi_put64(page + 32, SCSI_MAX_RANGE / disk->block_size);
	return 60;
}

uint32_t scsi_vital_page(const struct scsi_disk *disk, uint8_t page, uint8_t *reply)
{
	static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
	uint8_t *data = reply + 4;
	uint32_t size;

	switch (page) {
	case 0x00:
		memcpy(data, pages, sizeof pages);
		size = sizeof pages;
		break;
	case 0x80:
		size = (uint32_t)strlen(disk->serial);
		memcpy(data, disk->serial, size);
		break;
	case 0x83:
		size = identification(disk, data);
		break;
	case 0xb0:
		size = block_limits(disk, data);
		break;
	case 0xb1:
		size = 60;
		memset(data, 0, size);
		scsi_put16(data, NON_ROTATING);
		break;
	case 0xb2:
		size = 4;
		memset(data, 0, size);
		if (disk->unmap) {
			data[1] = 0xe4; /* LBPU, LBPWS, LBPWS10, LBPRZ = 1 */
			data[2] = PROVISIONING_THIN;
		}
		break;
	default:
		return 0;
	}
	reply[0] = 0;
	reply[1] = page;
	scsi_put16(reply + 2, (uint16_t)size);
	return 4 + size;
}

uint32_t scsi_read_capacity_10(const struct scsi_disk *disk, uint8_t *reply)
{
	uint64_t last = disk->blocks - 1;

	scsi_put32(reply, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	scsi_put32(reply + 4, disk->block_size);
	return 8;
}

uint32_t scsi_read_capacity_16(const struct scsi_disk *disk, uint8_t *reply)
{
	memset(reply, 0, 32);
	scsi_put64(reply, disk->blocks - 1);
	scsi_put32(reply + 8, disk->block_size);
	if (disk->block_size == 512)
		reply[13] = 3;       /* physical blocks of 4 KiB: what file systems allocate */
	if (disk->unmap)
		reply[14] = 0xc0;    /* LBPME, LBPRZ */
	return 32;
}

uint32_t scsi_report_luns(uint64_t lun_mask, bool well_known_only, uint8_t *reply)
{
	uint32_t size = 8;

	memset(reply, 0, 8);
	for (uint32_t lun = 0; lun < 64 && !well_known_only; lun++) {
		if (!(lun_mask >> lun & 1))
			continue;
		memset(reply + size, 0, 8);
		reply[size + 1] = (uint8_t)lun; /* peripheral device addressing */
		size += 8;
	}
	scsi_put32(reply, size - 8);
	return size;
}
