/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SCSI block device that a disk looks like: from a command block to what is to be done, or to the data and sense that answer it. Pure
 * functions on copies; nobody's memory, no I/O. SPC-4, SBC-3.
 */
#ifndef BULKHEAD_VSP_STORAGE_SCSI_H
#define BULKHEAD_VSP_STORAGE_SCSI_H

#include <stdbool.h>
#include <stdint.h>

#define SCSI_STATUS_GOOD            0x00u
#define SCSI_STATUS_CHECK_CONDITION 0x02u
#define SCSI_STATUS_CONFLICT        0x18u

enum scsi_opcode {
	SCSI_TEST_UNIT_READY      = 0x00,
	SCSI_REQUEST_SENSE        = 0x03,
	SCSI_READ_6               = 0x08,
	SCSI_WRITE_6              = 0x0a,
	SCSI_INQUIRY              = 0x12,
	SCSI_MODE_SELECT_6        = 0x15,
	SCSI_RESERVE_6            = 0x16,
	SCSI_RELEASE_6            = 0x17,
	SCSI_MODE_SENSE_6         = 0x1a,
	SCSI_START_STOP_UNIT      = 0x1b,
	SCSI_READ_CAPACITY_10     = 0x25,
	SCSI_READ_10              = 0x28,
	SCSI_WRITE_10             = 0x2a,
	SCSI_VERIFY_10            = 0x2f,
	SCSI_SYNCHRONIZE_CACHE_10 = 0x35,
	SCSI_WRITE_SAME_10        = 0x41,
	SCSI_UNMAP                = 0x42,
	SCSI_MODE_SELECT_10       = 0x55,
	SCSI_MODE_SENSE_10        = 0x5a,
	SCSI_PERSISTENT_RESERVE_IN  = 0x5e,
	SCSI_PERSISTENT_RESERVE_OUT = 0x5f,
	SCSI_READ_16              = 0x88,
	SCSI_WRITE_16             = 0x8a,
	SCSI_VERIFY_16            = 0x8f,
	SCSI_SYNCHRONIZE_CACHE_16 = 0x91,
	SCSI_WRITE_SAME_16        = 0x93,
	SCSI_SERVICE_ACTION_IN_16 = 0x9e,
	SCSI_REPORT_LUNS          = 0xa0,
	SCSI_READ_12              = 0xa8,
	SCSI_WRITE_12             = 0xaa,
	SCSI_VERIFY_12            = 0xaf,
};

/** Sense key, additional sense code and its qualifier in one number. */
enum scsi_sense_code {
	SCSI_NO_SENSE                    = 0,
	SCSI_UNRECOVERED_READ_ERROR      = 0x031100,
	SCSI_WRITE_ERROR                 = 0x030c00,
	SCSI_INTERNAL_TARGET_FAILURE     = 0x044400,
	SCSI_PARAMETER_LIST_LENGTH_ERROR = 0x051a00,
	SCSI_INVALID_OPCODE              = 0x052000,
	SCSI_LBA_OUT_OF_RANGE            = 0x052100,
	SCSI_INVALID_FIELD_IN_CDB        = 0x052400,
	SCSI_INVALID_FIELD_IN_PARAMETERS = 0x052600,
	SCSI_INVALID_RELEASE             = 0x052604,
	SCSI_CAPACITY_CHANGED            = 0x062a09,
	SCSI_SAVING_NOT_SUPPORTED        = 0x053900,
	SCSI_WRITE_PROTECTED             = 0x072700,
	SCSI_SPACE_ALLOCATION_FAILED     = 0x072707,
	SCSI_MISCOMPARE                  = 0x0e1d00,
	SCSI_RESERVATION_CONFLICT        = 0x1000000, /* no sense: the status says it */
};

/** Of one disk, for the one initiator that it has. */
struct scsi_reservation {
	uint64_t key;                /* that the guest has registered */
	uint32_t generation;
	uint8_t  registered;
	uint8_t  type;               /* of the reservation that it holds, SPC-4 table 55; 0: none */
	uint8_t  reserved[2];
};

/** What the commands need to know of a disk. */
struct scsi_disk {
	uint64_t blocks;             /* > 0 */
	uint32_t block_size;         /* 512 or 4096 */
	uint32_t max_transfer;       /* bytes, of a read or write */
	uint32_t granularity;        /* bytes that are unmapped together; a multiple of block_size */
	bool     read_only;
	bool     unmap;              /* unmapped blocks read as zeros */
	bool     write_through;      /* the guest has turned the cache off: what is written is durable when it is answered */
	bool     cache_fixed;        /* and cannot: nothing is written, or nothing is ever made durable */
	struct scsi_reservation reservation;
	uint8_t  target, lun;
	char     serial[37];         /* NUL terminated */
};

#define SCSI_MAX_UNMAP_EXTENTS 256u
#define SCSI_UNMAP_LIST_BYTES  (8u + 16u * SCSI_MAX_UNMAP_EXTENTS)
/** Bytes that one UNMAP or WRITE SAME may cover. */
#define SCSI_MAX_RANGE         (1ull << 31)

struct scsi_extent {
	uint64_t lba;
	uint64_t blocks;
};

enum scsi_action {
	SCSI_DO_NOTHING,             /* status alone answers it */
	SCSI_DO_REPLY,               /* `bytes` bytes of the reply answer it */
	SCSI_DO_READ,
	SCSI_DO_WRITE,
	SCSI_DO_VERIFY,              /* read, transfer nothing */
	SCSI_DO_COMPARE,             /* read, compare with `bytes` bytes: of all blocks, or of one that each must be like */
	SCSI_DO_MODE_SELECT,         /* `bytes` bytes of parameters: scsi_mode_select; `ten`: of the long form */
	SCSI_DO_FLUSH,
	SCSI_DO_UNMAP,               /* `bytes` bytes of parameters: scsi_parse_unmap */
	SCSI_DO_WRITE_SAME,          /* `bytes` bytes of pattern, 0: zeros */
	SCSI_DO_RESERVE,             /* SCSI_RESERVATION_LIST_BYTES of parameters: scsi_reservation_out */
	SCSI_DO_REJECT_LUN,          /* there is no such disk */
};

struct scsi_plan {
	enum scsi_action action;
	uint32_t sense;              /* enum scsi_sense_code; not 0: CHECK CONDITION, and action is SCSI_DO_NOTHING */
	uint64_t lba;
	uint64_t blocks;
	uint32_t bytes;              /* to transfer, as the command has it */
	bool     data_in, data_out;  /* that is to or from the guest */
	bool     fua;
	bool     unmap;              /* WRITE SAME: may unmap */
	bool     ten;
	uint8_t  service, scope_type; /* of PERSISTENT RESERVE OUT */
};

/** The longest list that MODE SELECT takes: header, block descriptor, all pages. */
#define SCSI_MODE_LIST_BYTES 64u
#define SCSI_RESERVATION_LIST_BYTES 24u
#define SCSI_REPLY_BYTES 1024u
#define SCSI_SENSE_BYTES 18u

/**
 * Understands a command. disk NULL: absent; lun_mask: which LUNs its target has, for REPORT LUNS. The reply is never longer than
 * what the command allows.
 */
void scsi_plan_command(const struct scsi_disk *disk, uint64_t lun_mask, const uint8_t cdb[16], uint32_t cdb_length,
	uint8_t reply[SCSI_REPLY_BYTES], struct scsi_plan *plan);
/** Extents of an UNMAP parameter list, empty ones left out. Returns enum scsi_sense_code, 0 = fine. */
uint32_t scsi_parse_unmap(const struct scsi_disk *disk, const uint8_t *list, uint32_t bytes,
	struct scsi_extent extents[SCSI_MAX_UNMAP_EXTENTS], uint32_t *count);
/** Fixed-format sense data; lba goes into its information field if it fits and has_lba. */
void scsi_sense_data(uint32_t sense, bool has_lba, uint64_t lba, uint8_t data[SCSI_SENSE_BYTES]);

/* scsi_mode.c */
/** What a MODE SELECT asks for, if that is all that can be changed. Returns enum scsi_sense_code, 0 = fine. */
uint32_t scsi_mode_select(const struct scsi_disk *disk, bool ten, const uint8_t *list, uint32_t bytes, bool *write_through);
/** ten: MODE SENSE (10). 0: there is no such page. */
uint32_t scsi_mode_sense(const struct scsi_disk *disk, bool ten, bool with_descriptor, uint8_t control, uint8_t page, uint8_t subpage,
	uint8_t *reply);

/* scsi_reserve.c */
/** The reply to PERSISTENT RESERVE IN; 0: there is no such service. */
uint32_t scsi_reservation_in(const struct scsi_disk *disk, uint8_t service, uint8_t *reply);
/** Whether PERSISTENT RESERVE OUT has such a service, with such a scope and type where those count. */
bool scsi_reservation_is_known(uint8_t service, uint8_t scope_type);
/** What holds after PERSISTENT RESERVE OUT. Returns enum scsi_sense_code, 0 = fine. */
uint32_t scsi_reservation_out(const struct scsi_disk *disk, const struct scsi_plan *plan, const uint8_t list[SCSI_RESERVATION_LIST_BYTES],
	struct scsi_reservation *ret);

/* scsi_data.c: replies in full; each returns its length. */
uint32_t scsi_inquiry(const struct scsi_disk *disk, uint8_t *reply);
/** 0: there is no such page. */
uint32_t scsi_vital_page(const struct scsi_disk *disk, uint8_t page, uint8_t *reply);
uint32_t scsi_read_capacity_10(const struct scsi_disk *disk, uint8_t *reply);
uint32_t scsi_read_capacity_16(const struct scsi_disk *disk, uint8_t *reply);
uint32_t scsi_report_luns(uint64_t lun_mask, bool well_known_only, uint8_t *reply);

static inline uint16_t scsi_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t scsi_get32(const uint8_t *p)
{
	return (uint32_t)scsi_get16(p) << 16 | scsi_get16(p + 2);
}

static inline uint64_t scsi_get64(const uint8_t *p)
{
	return (uint64_t)scsi_get32(p) << 32 | scsi_get32(p + 4);
}

static inline void scsi_put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void scsi_put32(uint8_t *p, uint32_t value)
{
	scsi_put16(p, (uint16_t)(value >> 16));
	scsi_put16(p + 2, (uint16_t)value);
}

static inline void scsi_put64(uint8_t *p, uint64_t value)
{
	scsi_put32(p, (uint32_t)(value >> 32));
	scsi_put32(p + 4, (uint32_t)value);
}

#endif
