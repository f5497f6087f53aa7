/* SPDX-License-Identifier: BSD-2-Clause */
/* Any command block and parameter list: what is planned stays within the disk and the limits. */
#undef NDEBUG
#include "vsp/storage/scsi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct scsi_disk *disk, const struct scsi_plan *plan)
{
	if (plan->sense)
		assert(plan->action == SCSI_DO_NOTHING && plan->bytes == 0);
	assert(!(plan->data_in && plan->data_out));
	switch (plan->action) {
	case SCSI_DO_REPLY:
		assert(plan->bytes <= SCSI_REPLY_BYTES);
		break;
	case SCSI_DO_READ:
	case SCSI_DO_WRITE:
		assert(plan->bytes == plan->blocks * disk->block_size && plan->bytes <= disk->max_transfer);
		/* fall through */
	case SCSI_DO_VERIFY:
	case SCSI_DO_COMPARE:
	case SCSI_DO_WRITE_SAME:
		assert(plan->blocks && plan->lba < disk->blocks && plan->blocks <= disk->blocks - plan->lba);
		assert(plan->action != SCSI_DO_WRITE_SAME || plan->bytes <= disk->block_size);
		assert(plan->bytes <= disk->max_transfer);
		break;
	case SCSI_DO_MODE_SELECT:
		assert(plan->bytes && plan->bytes <= SCSI_MODE_LIST_BYTES);
		break;
	default:
		break;
	}
	if (disk && disk->read_only)
		assert(plan->action != SCSI_DO_WRITE && plan->action != SCSI_DO_WRITE_SAME && plan->action != SCSI_DO_UNMAP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scsi_disk disk = { .max_transfer = 1u << 20, .granularity = 4096, .serial = "0123456789abcdefghijklmnopqrstuvwxyz" };
	struct scsi_extent extents[SCSI_MAX_UNMAP_EXTENTS];
	uint8_t reply[SCSI_REPLY_BYTES], cdb[16], *list;
	struct scsi_plan plan;
	struct scsi_reservation reservation;
	bool write_through;
	uint32_t count;

	if (size < 18)
		return 0;
	disk.block_size = data[0] & 1 ? 4096 : 512;
	disk.read_only = data[0] & 2;
	disk.unmap = data[0] & 4 && !disk.read_only;
	disk.cache_fixed = disk.read_only || data[1] & 32;
	disk.write_through = data[1] & 64 && !disk.cache_fixed;
	disk.blocks = data[0] & 8 ? 1ull << 50 : 5000;
	memcpy(cdb, data + 2, sizeof cdb);
	scsi_plan_command(data[0] & 16 ? NULL : &disk, 0x8000000000000001u, cdb, data[1] % 17, reply, &plan);
	check(&disk, &plan);
	list = malloc(size - 18 + 1);
	memcpy(list, data + 18, size - 18);
	if (scsi_parse_unmap(&disk, list, (uint32_t)(size - 18), extents, &count) == 0) {
		assert(count <= SCSI_MAX_UNMAP_EXTENTS);
		for (uint32_t i = 0; i < count; i++)
			assert(extents[i].lba < disk.blocks && extents[i].blocks <= disk.blocks - extents[i].lba);
	}
	if (scsi_mode_select(&disk, data[0] & 64, list, (uint32_t)(size - 18), &write_through) == 0)
		assert(!disk.cache_fixed || write_through == disk.write_through);
	/* Only plans of it get there. */
	if (plan.action == SCSI_DO_RESERVE && size - 18 >= SCSI_RESERVATION_LIST_BYTES) {
		disk.reservation = (struct scsi_reservation){ .key = data[0] & 1, .registered = data[0] & 1, .type = data[0] & 1 ? 7 : 0 };
		scsi_reservation_out(&disk, &plan, list, &reservation);
		assert(reservation.registered ? reservation.key != 0 : !reservation.type);
	}
	free(list);
	return 0;
}
