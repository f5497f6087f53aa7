/* SPDX-License-Identifier: BSD-2-Clause */
/* Command blocks: see scsi.h. The data that describes a disk is in scsi_data.c, what the guest sets in scsi_mode.c and scsi_reserve.c. */
#include "vsp/storage/scsi.h"

#include <string.h>

/* Length that the operation code's group prescribes, SPC-4 4.2.5.1; 0: reserved, vendor's, variable. */
static uint32_t group_length(uint8_t opcode)
{
	static const uint8_t lengths[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	return lengths[opcode >> 5];
}

static void refuse(struct scsi_plan *plan, uint32_t sense)
{
	*plan = (struct scsi_plan){ .action = SCSI_DO_NOTHING, .sense = sense, .lba = plan->lba };
}

/* The reply, no longer than the command's allocation length. */
static void answer(struct scsi_plan *plan, uint32_t size, uint32_t allocation)
{
	plan->action = SCSI_DO_REPLY;
	plan->data_in = true;
	plan->bytes = size < allocation ? size : allocation;
}

static void answer_or_refuse(struct scsi_plan *plan, uint32_t size, uint32_t allocation)
{
	if (size)
		answer(plan, size, allocation);
	else
		refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
}

static bool in_range(const struct scsi_disk *disk, uint64_t lba, uint64_t blocks)
{
	return lba <= disk->blocks && blocks <= disk->blocks - lba;
}

/* LBA and length of the 10, 12 and 16 byte forms; 6 bytes have their own. */
static void get_range(const uint8_t *cdb, struct scsi_plan *plan)
{
	switch (group_length(cdb[0])) {
	case 6:
		plan->lba = scsi_get32(cdb) & 0x1fffff;
		plan->blocks = cdb[4] ? cdb[4] : 256;
		break;
	case 10:
		plan->lba = scsi_get32(cdb + 2);
		plan->blocks = scsi_get16(cdb + 7);
		break;
	case 12:
		plan->lba = scsi_get32(cdb + 2);
		plan->blocks = scsi_get32(cdb + 6);
		break;
	default:
		plan->lba = scsi_get64(cdb + 2);
		plan->blocks = scsi_get32(cdb + 10);
		break;
	}
}

static void plan_transfer(const struct scsi_disk *disk, const uint8_t *cdb, bool write, struct scsi_plan *plan)
{
	bool six = group_length(cdb[0]) == 6;

	get_range(cdb, plan);
	if (write && disk->read_only)
		return refuse(plan, SCSI_WRITE_PROTECTED);
	if (!six && cdb[1] & 0xe0)   /* protection information: there is none */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (!in_range(disk, plan->lba, plan->blocks))
		return refuse(plan, SCSI_LBA_OUT_OF_RANGE);
	if (plan->blocks > disk->max_transfer / disk->block_size)
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	plan->fua = !six && cdb[1] & 0x08;
	plan->bytes = (uint32_t)plan->blocks * disk->block_size;
	if (!plan->bytes)
		return;
	plan->action = write ? SCSI_DO_WRITE : SCSI_DO_READ;
	plan->data_in = !write;
	plan->data_out = write;
}

static void plan_verify(const struct scsi_disk *disk, const uint8_t *cdb, struct scsi_plan *plan)
{
	uint8_t compare = cdb[1] >> 1 & 3; /* BYTCHK: 1 with all blocks, 3 with one */

	get_range(cdb, plan);
	if (cdb[1] & 0xe0 || compare == 2) /* protection information: there is none */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (!in_range(disk, plan->lba, plan->blocks))
		return refuse(plan, SCSI_LBA_OUT_OF_RANGE);
	if (compare == 1 && plan->blocks > disk->max_transfer / disk->block_size)
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (!plan->blocks)
		return;
	plan->action = compare ? SCSI_DO_COMPARE : SCSI_DO_VERIFY;
	plan->data_out = compare;
	plan->bytes = !compare ? 0 : (compare == 1 ? (uint32_t)plan->blocks : 1u) * disk->block_size;
}

static void plan_flush(const struct scsi_disk *disk, const uint8_t *cdb, struct scsi_plan *plan)
{
	get_range(cdb, plan);
	if (!in_range(disk, plan->lba, plan->blocks))
		return refuse(plan, SCSI_LBA_OUT_OF_RANGE);
	plan->action = SCSI_DO_FLUSH;
}

static void plan_unmap(const struct scsi_disk *disk, const uint8_t *cdb, struct scsi_plan *plan)
{
	if (!disk->unmap && !disk->read_only)
		return refuse(plan, SCSI_INVALID_OPCODE);
	if (disk->read_only)
		return refuse(plan, SCSI_WRITE_PROTECTED);
	if (cdb[1] & 0x01)           /* ANCHOR */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	plan->bytes = scsi_get16(cdb + 7);
	if (!plan->bytes)
		return;
	if (plan->bytes < 8)
		return refuse(plan, SCSI_PARAMETER_LIST_LENGTH_ERROR);
	plan->action = SCSI_DO_UNMAP;
	plan->data_out = true;
}

static void plan_write_same(const struct scsi_disk *disk, const uint8_t *cdb, struct scsi_plan *plan)
{
	bool no_data = cdb[0] == SCSI_WRITE_SAME_16 && cdb[1] & 0x01;

	get_range(cdb, plan);
	if (disk->read_only)
		return refuse(plan, SCSI_WRITE_PROTECTED);
	plan->unmap = cdb[1] & 0x08;
	if (cdb[1] & 0xf6 || (plan->unmap && !disk->unmap) || !plan->blocks || plan->blocks > SCSI_MAX_RANGE / disk->block_size)
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (!in_range(disk, plan->lba, plan->blocks))
		return refuse(plan, SCSI_LBA_OUT_OF_RANGE);
	plan->action = SCSI_DO_WRITE_SAME;
	plan->bytes = no_data ? 0 : disk->block_size;
	plan->data_out = !no_data;
}

static void plan_inquiry(const struct scsi_disk *disk, const uint8_t *cdb, uint8_t *reply, struct scsi_plan *plan)
{
	uint32_t allocation = scsi_get16(cdb + 3);

	if (cdb[1] & ~0x01u || (!(cdb[1] & 1) && cdb[2]))
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (!(cdb[1] & 1) || !disk)  /* an absent one has no pages: whichever is asked for, the first byte says so */
		return answer(plan, scsi_inquiry(disk, reply), allocation);
	answer_or_refuse(plan, scsi_vital_page(disk, cdb[2], reply), allocation);
}

static void plan_mode_sense(const struct scsi_disk *disk, const uint8_t *cdb, uint8_t *reply, struct scsi_plan *plan)
{
	bool ten = cdb[0] == SCSI_MODE_SENSE_10;
	uint8_t control = cdb[2] >> 6;

	if (control == 3)
		return refuse(plan, SCSI_SAVING_NOT_SUPPORTED);
	answer_or_refuse(plan, scsi_mode_sense(disk, ten, !(cdb[1] & 0x08), control, cdb[2] & 0x3f, cdb[3], reply),
		ten ? scsi_get16(cdb + 7) : cdb[4]);
}

static void plan_mode_select(const uint8_t *cdb, struct scsi_plan *plan)
{
	plan->ten = cdb[0] == SCSI_MODE_SELECT_10;
	plan->bytes = plan->ten ? scsi_get16(cdb + 7) : cdb[4];
	if (!(cdb[1] & 0x10) || cdb[1] & 0x01) /* PF: pages as the standard has them; SP: none is saved */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (plan->bytes > SCSI_MODE_LIST_BYTES)
		return refuse(plan, SCSI_PARAMETER_LIST_LENGTH_ERROR);
	if (!plan->bytes)
		return;
	plan->action = SCSI_DO_MODE_SELECT;
	plan->data_out = true;
}

static void plan_reserve_out(const uint8_t *cdb, struct scsi_plan *plan)
{
	plan->service = cdb[1] & 0x1f;
	plan->scope_type = cdb[2];
	if (!scsi_reservation_is_known(plan->service, plan->scope_type))
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (scsi_get32(cdb + 5) != SCSI_RESERVATION_LIST_BYTES)
		return refuse(plan, SCSI_PARAMETER_LIST_LENGTH_ERROR);
	plan->action = SCSI_DO_RESERVE;
	plan->bytes = SCSI_RESERVATION_LIST_BYTES;
	plan->data_out = true;
}

/* RESERVE and RELEASE of SPC-2, for the one initiator: nothing to be done, but not beside persistent reservations. */
static void plan_reserve_6(const struct scsi_disk *disk, const uint8_t *cdb, struct scsi_plan *plan)
{
	if (cdb[1] & 0x1f)           /* a third party's; extents */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	if (disk->reservation.registered)
		refuse(plan, SCSI_RESERVATION_CONFLICT);
}

static void plan_report_luns(uint64_t lun_mask, const uint8_t *cdb, uint8_t *reply, struct scsi_plan *plan)
{
	uint32_t allocation = scsi_get32(cdb + 6);

	if (cdb[2] > 2 || allocation < 16)
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	answer(plan, scsi_report_luns(lun_mask, cdb[2] == 1, reply), allocation);
}

static void plan_request_sense(const uint8_t *cdb, uint8_t *reply, struct scsi_plan *plan)
{
	/* Sense always comes with the failing command: there is never any left. */
	if (cdb[1] & 1) {
		memset(reply, 0, 8);
		reply[0] = 0x72;
		return answer(plan, 8, cdb[4]);
	}
	scsi_sense_data(SCSI_NO_SENSE, false, 0, reply);
	answer(plan, SCSI_SENSE_BYTES, cdb[4]);
}

static void plan_start_stop(const uint8_t *cdb, struct scsi_plan *plan)
{
	/* Power conditions, load and eject: not of this disk. Stopping it is a matter of its own spindle, which it has not. */
	if (cdb[4] & 0xf2)
		refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
}

void scsi_plan_command(const struct scsi_disk *disk, uint64_t lun_mask, const uint8_t cdb[16], uint32_t cdb_length,
	uint8_t reply[SCSI_REPLY_BYTES], struct scsi_plan *plan)
{
	uint32_t length = group_length(cdb[0]);

	memset(plan, 0, sizeof *plan);
	if (!disk && cdb[0] != SCSI_INQUIRY && cdb[0] != SCSI_REPORT_LUNS) {
		plan->action = SCSI_DO_REJECT_LUN;
		return;
	}
	if (!length)
		return refuse(plan, SCSI_INVALID_OPCODE);
	if (cdb_length < length || cdb[length - 1] & 0x04) /* NACA */
		return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
	switch (cdb[0]) {
	case SCSI_TEST_UNIT_READY:
		return;
	case SCSI_REQUEST_SENSE:
		return plan_request_sense(cdb, reply, plan);
	case SCSI_INQUIRY:
		return plan_inquiry(disk, cdb, reply, plan);
	case SCSI_REPORT_LUNS:
		return plan_report_luns(lun_mask, cdb, reply, plan);
	case SCSI_MODE_SENSE_6:
	case SCSI_MODE_SENSE_10:
		return plan_mode_sense(disk, cdb, reply, plan);
	case SCSI_MODE_SELECT_6:
	case SCSI_MODE_SELECT_10:
		return plan_mode_select(cdb, plan);
	case SCSI_RESERVE_6:
	case SCSI_RELEASE_6:
		return plan_reserve_6(disk, cdb, plan);
	case SCSI_PERSISTENT_RESERVE_IN:
		return answer_or_refuse(plan, scsi_reservation_in(disk, cdb[1] & 0x1f, reply), scsi_get16(cdb + 7));
	case SCSI_PERSISTENT_RESERVE_OUT:
		return plan_reserve_out(cdb, plan);
	case SCSI_READ_CAPACITY_10:
		return answer(plan, scsi_read_capacity_10(disk, reply), 8);
	case SCSI_SERVICE_ACTION_IN_16:
		if ((cdb[1] & 0x1f) != 0x10)
			return refuse(plan, SCSI_INVALID_FIELD_IN_CDB);
		return answer(plan, scsi_read_capacity_16(disk, reply), scsi_get32(cdb + 10));
	case SCSI_START_STOP_UNIT:
		return plan_start_stop(cdb, plan);
	case SCSI_READ_6:
	case SCSI_READ_10:
	case SCSI_READ_12:
	case SCSI_READ_16:
		return plan_transfer(disk, cdb, false, plan);
	case SCSI_WRITE_6:
	case SCSI_WRITE_10:
	case SCSI_WRITE_12:
	case SCSI_WRITE_16:
		return plan_transfer(disk, cdb, true, plan);
	case SCSI_VERIFY_10:
	case SCSI_VERIFY_12:
	case SCSI_VERIFY_16:
		return plan_verify(disk, cdb, plan);
	case SCSI_SYNCHRONIZE_CACHE_10:
	case SCSI_SYNCHRONIZE_CACHE_16:
		return plan_flush(disk, cdb, plan);
	case SCSI_UNMAP:
		return plan_unmap(disk, cdb, plan);
	case SCSI_WRITE_SAME_10:
	case SCSI_WRITE_SAME_16:
		return plan_write_same(disk, cdb, plan);
	default:
		return refuse(plan, SCSI_INVALID_OPCODE);
	}
}

uint32_t scsi_parse_unmap(const struct scsi_disk *disk, const uint8_t *list, uint32_t bytes,
	struct scsi_extent extents[SCSI_MAX_UNMAP_EXTENTS], uint32_t *count)
{
	uint32_t descriptors, used = 0;
	uint64_t total = 0;

	*count = 0;
	if (bytes < 8 || scsi_get16(list + 2) > bytes - 8)
		return SCSI_PARAMETER_LIST_LENGTH_ERROR;
	descriptors = scsi_get16(list + 2) / 16; /* a last one that is cut off is none, SBC-3 5.28.2 */
	if (descriptors > SCSI_MAX_UNMAP_EXTENTS)
		return SCSI_INVALID_FIELD_IN_PARAMETERS;
	for (uint32_t i = 0; i < descriptors; i++) {
		const uint8_t *d = list + 8 + 16 * i;
		struct scsi_extent extent = { .lba = scsi_get64(d), .blocks = scsi_get32(d + 8) };

		if (!in_range(disk, extent.lba, extent.blocks))
			return SCSI_LBA_OUT_OF_RANGE;
		total += extent.blocks;
		if (extent.blocks)
			extents[used++] = extent;
	}
	if (total > SCSI_MAX_RANGE / disk->block_size)
		return SCSI_INVALID_FIELD_IN_PARAMETERS;
	*count = used;
	return 0;
}

void scsi_sense_data(uint32_t sense, bool has_lba, uint64_t lba, uint8_t data[SCSI_SENSE_BYTES])
{
	memset(data, 0, SCSI_SENSE_BYTES);
	data[0] = 0x70;              /* current, fixed format */
	data[2] = (uint8_t)(sense >> 16);
	data[7] = SCSI_SENSE_BYTES - 8;
	data[12] = (uint8_t)(sense >> 8);
	data[13] = (uint8_t)sense;
	if (has_lba && lba <= UINT32_MAX) {
		data[0] |= 0x80;     /* the information field is valid */
		scsi_put32(data + 3, (uint32_t)lba);
	}
}
