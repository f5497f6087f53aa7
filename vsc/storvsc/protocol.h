/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between storvsc and storvsp (Linux drivers/scsi/storvsc_drv.c: struct vstor_packet, vmscsi_request). */
#ifndef BULKHEAD_VSC_STORVSC_PROTOCOL_H
#define BULKHEAD_VSC_STORVSC_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum vstor_operation {
	VSTOR_COMPLETE_IO = 1,
	VSTOR_REMOVE_DEVICE = 2,     /* from the host: look again which disks there are */
	VSTOR_EXECUTE_SRB = 3,
	VSTOR_RESET_BUS = 6,
	VSTOR_BEGIN_INITIALIZATION = 7,
	VSTOR_END_INITIALIZATION = 8,
	VSTOR_QUERY_PROTOCOL_VERSION = 9,
	VSTOR_QUERY_PROPERTIES = 10,
	VSTOR_ENUMERATE_BUS = 11,    /* likewise */
	VSTOR_CREATE_SUB_CHANNELS = 13,
};

#define VSTOR_FLAG_REQUEST_COMPLETION 1u
#define VSTOR_VERSION(major, minor) ((uint16_t)((major) << 8 | (minor)))

#define VSTOR_CDB_BYTES   16u
#define VSTOR_SENSE_BYTES 20u

enum vstor_direction {
	VSTOR_WRITE = 0,
	VSTOR_READ = 1,
	VSTOR_NO_DATA = 2
};

struct vstor_scsi_request {
	uint16_t length;             /* 0: of this structure */
	uint8_t  srb_status;         /* 2: VSTOR_SRB_* */
	uint8_t  scsi_status;        /* 3 */
	uint8_t  port, path, target, lun; /* 4 */
	uint8_t  cdb_bytes;          /* 8 */
	uint8_t  sense_bytes;        /* 9 */
	uint8_t  data_in;            /* 10: enum vstor_direction */
	uint8_t  reserved;
	uint32_t transfer_bytes;     /* 12 */
	union {
		uint8_t cdb[VSTOR_CDB_BYTES];
		uint8_t sense[VSTOR_SENSE_BYTES];
	} u;                         /* 16 */
	uint16_t reserved2;          /* 36 */
	uint8_t  queue_tag;          /* 38 */
	uint8_t  queue_action;       /* 39 */
	uint32_t srb_flags;          /* 40 */
	uint32_t timeout;            /* 44: seconds */
	uint32_t queue_sort;         /* 48 */
};
_Static_assert(sizeof(struct vstor_scsi_request) == 52, "storvsc_drv.c");
_Static_assert(offsetof(struct vstor_scsi_request, srb_flags) == 40, "storvsc_drv.c");

struct vstor_version {
	uint16_t version;
	uint16_t revision;
};

struct vstor_properties {
	uint32_t reserved;
	uint16_t max_channels;
	uint16_t reserved2;
	uint32_t flags;              /* bit 0: several channels */
	uint32_t max_transfer_bytes;
	uint64_t reserved3;
};
_Static_assert(offsetof(struct vstor_properties, max_transfer_bytes) == 12, "storvsc_drv.c");

struct vstor_packet {
	uint32_t operation;          /* 0 */
	uint32_t flags;              /* 4 */
	uint32_t status;             /* 8: 0 = success */
	union {
		struct vstor_scsi_request request;
		struct vstor_version version;
		struct vstor_properties properties;
		uint16_t sub_channels;
		uint8_t bytes[52];
	} __attribute__((packed, aligned(4))) u;
};
_Static_assert(sizeof(struct vstor_packet) == 64, "storvsc_drv.c");

#define VSTOR_SRB_SUCCESS     0x01u
#define VSTOR_SRB_ABORTED     0x02u
#define VSTOR_SRB_ERROR       0x04u
#define VSTOR_SRB_INVALID_LUN 0x20u
#define VSTOR_SRB_STATUS_MASK 0x3fu
#define VSTOR_SRB_AUTOSENSE   0x80u

#define VSTOR_SRB_FLAG_DATA_IN  0x40u
#define VSTOR_SRB_FLAG_DATA_OUT 0x80u

#endif
