/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between storvsc and the storage provider, protocol 5.1 to 6.2 (Linux drivers/scsi/storvsc_drv.c, vstor_packet). */
#ifndef BULKHEAD_VSP_STORAGE_STORVSP_PROTOCOL_H
#define BULKHEAD_VSP_STORAGE_STORVSP_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define STORVSP_VERSION_6_2 0x0602u
#define STORVSP_VERSION_6_0 0x0600u
#define STORVSP_VERSION_5_1 0x0501u

enum storvsp_operation {
	STORVSP_COMPLETE_IO = 1,         /* every answer */
	STORVSP_REMOVE_DEVICE = 2,       /* host to guest, unsolicited */
	STORVSP_EXECUTE_SRB = 3,
	STORVSP_RESET_LUN = 4,
	STORVSP_RESET_ADAPTER = 5,
	STORVSP_RESET_BUS = 6,
	STORVSP_BEGIN_INITIALIZATION = 7,
	STORVSP_END_INITIALIZATION = 8,
	STORVSP_QUERY_PROTOCOL_VERSION = 9,
	STORVSP_QUERY_PROPERTIES = 10,
	STORVSP_ENUMERATE_BUS = 11,      /* host to guest, unsolicited: look for disks again */
	STORVSP_FCHBA_DATA = 12,
	STORVSP_CREATE_SUB_CHANNELS = 13,
};

/** NTSTATUS in storvsp_packet.status. */
#define STORVSP_STATUS_SUCCESS                0u
#define STORVSP_STATUS_INVALID_PARAMETER      0xc000000du
#define STORVSP_STATUS_INVALID_DEVICE_REQUEST 0xc0000010u
#define STORVSP_STATUS_REVISION_MISMATCH      0xc0000059u
#define STORVSP_STATUS_INVALID_DEVICE_STATE   0xc0000184u

#define SRB_STATUS_SUCCESS         0x01u
#define SRB_STATUS_ABORTED         0x02u
#define SRB_STATUS_ERROR           0x04u
#define SRB_STATUS_INVALID_REQUEST 0x06u
#define SRB_STATUS_DATA_OVERRUN    0x12u
#define SRB_STATUS_INVALID_LUN     0x20u
#define SRB_STATUS_AUTOSENSE_VALID 0x80u

#define STORVSP_DATA_OUT  0u         /* storvsp_srb.data_in */
#define STORVSP_DATA_IN   1u
#define STORVSP_DATA_NONE 2u

#define STORVSP_CDB_BYTES   16u
#define STORVSP_SENSE_BYTES 20u

struct storvsp_srb {
	uint16_t length;             /* 0: of this structure */
	uint8_t  srb_status;         /* 2 */
	uint8_t  scsi_status;        /* 3 */
	uint8_t  port;               /* 4 */
	uint8_t  path;               /* 5 */
	uint8_t  target;             /* 6 */
	uint8_t  lun;                /* 7 */
	uint8_t  cdb_length;         /* 8 */
	uint8_t  sense_length;       /* 9: room for sense, in answers its length */
	uint8_t  data_in;            /* 10: STORVSP_DATA_* */
	uint8_t  reserved;
	uint32_t transfer_length;    /* 12: of the buffer, in answers what was transferred */
	union {
		uint8_t cdb[STORVSP_CDB_BYTES];
		uint8_t sense[STORVSP_SENSE_BYTES];
	};                           /* 16 */
	uint16_t reserved2;          /* 36 */
	uint8_t  queue_tag;          /* 38 */
	uint8_t  queue_action;       /* 39 */
	uint32_t srb_flags;          /* 40 */
	uint32_t timeout;            /* 44: seconds */
	uint32_t queue_sort_key;     /* 48 */
};
_Static_assert(sizeof(struct storvsp_srb) == 52, "storvsc_drv.c, vmscsi_request");
_Static_assert(offsetof(struct storvsp_srb, cdb) == 16, "storvsc_drv.c, vmscsi_request");
_Static_assert(offsetof(struct storvsp_srb, timeout) == 44, "storvsc_drv.c, vmscsi_request");

#define STORVSP_PROPERTY_MULTI_CHANNEL 1u

struct storvsp_properties {
	uint32_t reserved1;
	uint16_t max_subchannels;    /* 4: that the guest may ask for */
	uint16_t reserved2;
	uint32_t flags;              /* 8: STORVSP_PROPERTY_* */
	uint32_t max_transfer;       /* 12: bytes of one request */
	uint32_t reserved3[2];
};
_Static_assert(sizeof(struct storvsp_properties) == 24, "storvsc_drv.c, vmstorage_channel_properties");

#define STORVSP_FLAG_REQUEST_COMPLETION 1u

struct storvsp_packet {
	uint32_t operation;          /* enum storvsp_operation */
	uint32_t flags;
	uint32_t status;             /* STORVSP_STATUS_* in answers */
	union {
		struct storvsp_srb srb;
		struct storvsp_properties properties;
		struct {
			uint16_t major_minor;
			uint16_t revision;
		} version;
		uint16_t subchannel_count;
		uint8_t  bytes[52];
	};                           /* 12 */
};
_Static_assert(sizeof(struct storvsp_packet) == 64, "storvsc_drv.c, vstor_packet");
_Static_assert(offsetof(struct storvsp_packet, srb) == 12, "storvsc_drv.c, vstor_packet");

#endif
