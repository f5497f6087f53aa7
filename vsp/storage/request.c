/* SPDX-License-Identifier: BSD-2-Clause */
/* A SCSI command from its packet to its answer: what to do, the steps on the disk, the outcome. */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void finish(struct storvsp *vsp, struct request *r, uint8_t srb_status, uint32_t transferred)
{
	struct storvsp_srb *srb = &r->packet.srb;

	r->packet.status = STORVSP_STATUS_SUCCESS;
	srb->srb_status = srb_status;
	srb->scsi_status = SCSI_STATUS_GOOD;
	srb->transfer_length = transferred;
	srb->sense_length = 0;
	request_answer(vsp, r);
}

/* Linux takes an SRB that failed without sense data for a broken host, and looks at the SCSI status of others only. */
static void finish_with_conflict(struct storvsp *vsp, struct request *r)
{
	r->packet.status = STORVSP_STATUS_SUCCESS;
	r->packet.srb.srb_status = SRB_STATUS_SUCCESS;
	r->packet.srb.scsi_status = SCSI_STATUS_CONFLICT;
	r->packet.srb.transfer_length = 0;
	r->packet.srb.sense_length = 0;
	request_answer(vsp, r);
}

static void finish_with_sense(struct storvsp *vsp, struct request *r, uint32_t sense, uint64_t lba)
{
	struct storvsp_srb *srb = &r->packet.srb;
	uint8_t data[SCSI_SENSE_BYTES];
	uint32_t room = srb->sense_length;
	bool has_lba = sense == SCSI_UNRECOVERED_READ_ERROR || sense == SCSI_WRITE_ERROR || sense == SCSI_LBA_OUT_OF_RANGE;

	if (sense == SCSI_RESERVATION_CONFLICT)
		return finish_with_conflict(vsp, r);
	if (room > sizeof data)
		room = sizeof data;
	scsi_sense_data(sense, has_lba, lba, data);
	memset(srb->sense, 0, sizeof srb->sense);
	memcpy(srb->sense, data, room);
	r->packet.status = STORVSP_STATUS_SUCCESS;
	srb->srb_status = SRB_STATUS_ERROR | (room ? SRB_STATUS_AUTOSENSE_VALID : 0);
	srb->scsi_status = SCSI_STATUS_CHECK_CONDITION;
	srb->transfer_length = 0;
	srb->sense_length = (uint8_t)room;
	request_answer(vsp, r);
}

static uint64_t lba_of(const struct request *r, uint64_t offset)
{
	return offset / r->disk->scsi.block_size;
}

/* The disk said no: what the guest gets to hear. */
static void finish_with_errno(struct storvsp *vsp, struct request *r, int error)
{
	bool reading = r->op.kind == DISK_READ;
	uint32_t sense;

	r->disk->stats.errors++;
	switch (error) {
	case EIO:
	case EILSEQ:
	case ENODATA: /* block layer: medium error */
		sense = reading ? SCSI_UNRECOVERED_READ_ERROR : SCSI_WRITE_ERROR;
		break;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		sense = SCSI_SPACE_ALLOCATION_FAILED;
		break;
	case EROFS:
	case EBADF:
	case EPERM:
	case EACCES:
		sense = reading ? SCSI_INTERNAL_TARGET_FAILURE : SCSI_WRITE_PROTECTED;
		break;
	default:
		sense = SCSI_INTERNAL_TARGET_FAILURE;
		break;
	}
	finish_with_sense(vsp, r, sense, lba_of(r, r->op.offset));
}

/* A step's operation. The first one makes the request last longer than the batch that it came in. */
static void start(struct storvsp *vsp, struct request *r)
{
	if (!r->recorded)
		request_record(vsp, r);
	request_start(vsp, r);
}

static void start_transfer(struct storvsp *vsp, struct request *r)
{
	struct disk_op *op = &r->op;
	bool write = r->plan.action == SCSI_DO_WRITE;

	*op = (struct disk_op){
		.kind = write ? DISK_WRITE : DISK_READ, .durable = write && (r->plan.fua || r->disk->scsi.write_through) && !r->disk->no_flush,
		.offset = r->plan.lba * r->disk->scsi.block_size, .length = r->plan.bytes, .iov = r->iov, .iov_count = r->iov_count,
	};
	if (!request_is_aligned(r, r->disk->memory_align)) {
		if (!request_get_bounce(r, r->plan.bytes))
			return finish_with_errno(vsp, r, ENOMEM);
		if (write)
			request_from_guest(r, r->bounce, r->plan.bytes);
		r->chunk = (struct iovec){ .iov_base = r->bounce, .iov_len = r->plan.bytes };
		op->iov = &r->chunk;
		op->iov_count = 1;
	}
	start(vsp, r);
}

/* The next piece of a range that is verified or written with what lies in the bounce buffer. */
static void start_chunk(struct storvsp *vsp, struct request *r, enum disk_op_kind kind)
{
	uint64_t bytes = r->end - r->at;

	if (bytes > STORVSP_CHUNK)
		bytes = STORVSP_CHUNK;
	if (!r->bounce) {
		if (!request_get_bounce(r, (uint32_t)bytes))
			return finish_with_errno(vsp, r, ENOMEM);
		memset(r->bounce, 0, bytes);
	}
	r->chunk = (struct iovec){ .iov_base = r->bounce, .iov_len = bytes };
	r->op = (struct disk_op){ .kind = kind, .offset = r->at, .length = bytes, .iov = &r->chunk, .iov_count = 1 };
	start(vsp, r);
}

/* The medium is changed: without a cache the guest may take that for lasting. */
static void finish_durably(struct storvsp *vsp, struct request *r)
{
	if (!r->disk->scsi.write_through)
		return finish(vsp, r, SRB_STATUS_SUCCESS, r->plan.bytes);
	if (r->disk->flush_failed)
		return finish_with_sense(vsp, r, SCSI_WRITE_ERROR, 0);
	r->op = (struct disk_op){ .kind = DISK_FLUSH };
	start(vsp, r);
}

static void start_extent(struct storvsp *vsp, struct request *r)
{
	const struct scsi_extent *extent;

	if (r->extent == r->extent_count) {
		r->disk->stats.unmaps++;
		return finish_durably(vsp, r);
	}
	extent = &r->extents[r->extent++];
	r->op = (struct disk_op){
		.kind = DISK_PUNCH, .offset = extent->lba * r->disk->scsi.block_size, .length = extent->blocks * r->disk->scsi.block_size,
	};
	start(vsp, r);
}

static void start_unmap(struct storvsp *vsp, struct request *r)
{
	uint8_t *list = malloc(SCSI_UNMAP_LIST_BYTES);
	uint32_t bytes = r->plan.bytes < SCSI_UNMAP_LIST_BYTES ? r->plan.bytes : SCSI_UNMAP_LIST_BYTES, sense;

	r->extents = malloc(SCSI_MAX_UNMAP_EXTENTS * sizeof *r->extents);
	if (!list || !r->extents) {
		free(list);
		return finish_with_errno(vsp, r, ENOMEM);
	}
	r->extent = 0;
	/* One copy of the guest's memory is judged and used. */
	request_from_guest(r, list, bytes);
	sense = scsi_parse_unmap(&r->disk->scsi, list, bytes, r->extents, &r->extent_count);
	free(list);
	if (sense)
		return finish_with_sense(vsp, r, sense, 0);
	start_extent(vsp, r);
}

static bool is_zero(const uint8_t *data, uint32_t bytes)
{
	return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

static void start_write_same(struct storvsp *vsp, struct request *r)
{
	uint32_t size = r->disk->scsi.block_size, chunk;
	uint8_t pattern[4096] = { 0 };

	request_from_guest(r, pattern, r->plan.bytes);
	r->at = r->plan.lba * size;
	r->end = r->at + r->plan.blocks * size;
	if (is_zero(pattern, size)) {
		r->op = (struct disk_op){ .kind = r->plan.unmap ? DISK_PUNCH : DISK_ZERO, .offset = r->at, .length = r->end - r->at };
		return start(vsp, r);
	}
	chunk = r->end - r->at < STORVSP_CHUNK ? (uint32_t)(r->end - r->at) : STORVSP_CHUNK;
	if (!request_get_bounce(r, chunk))
		return finish_with_errno(vsp, r, ENOMEM);
	for (uint32_t i = 0; i < chunk; i += size)
		memcpy(r->bounce + i, pattern, size);
	start_chunk(vsp, r, DISK_WRITE);
}

/* One copy of the guest's memory is judged and used. Turning the cache off leaves nothing in it. */
static void start_mode_select(struct storvsp *vsp, struct request *r)
{
	struct scsi_disk *disk = &r->disk->scsi;
	uint8_t list[SCSI_MODE_LIST_BYTES];
	bool write_through = false;
	uint32_t sense;

	request_from_guest(r, list, r->plan.bytes);
	sense = scsi_mode_select(disk, r->plan.ten, list, r->plan.bytes, &write_through);
	if (sense)
		return finish_with_sense(vsp, r, sense, 0);
	disk->write_through = write_through;
	vsp->state->write_through[disk->target] &= ~(1ull << disk->lun);
	vsp->state->write_through[disk->target] |= (uint64_t)write_through << disk->lun;
	finish_durably(vsp, r);
}

static void start_reserve(struct storvsp *vsp, struct request *r)
{
	struct scsi_disk *disk = &r->disk->scsi;
	uint8_t list[SCSI_RESERVATION_LIST_BYTES];
	struct scsi_reservation now;
	uint32_t sense;

	request_from_guest(r, list, sizeof list);
	sense = scsi_reservation_out(disk, &r->plan, list, &now);
	if (sense)
		return finish_with_sense(vsp, r, sense, 0);
	disk->reservation = vsp->state->reservations[disk->target][disk->lun] = now;
	finish(vsp, r, SRB_STATUS_SUCCESS, sizeof list);
}

/* Whether what was read at an offset of the range is what the guest has. */
static bool is_like(const struct request *r, uint64_t offset, uint32_t bytes)
{
	uint32_t size = r->disk->scsi.block_size;

	if (r->plan.bytes == r->plan.blocks * size)
		return request_equals(r, offset, r->bounce, bytes);
	for (uint32_t i = 0; i < bytes; i += size)
		if (!request_equals(r, 0, r->bounce + i, size))
			return false;
	return true;
}

static void start_flush(struct storvsp *vsp, struct request *r)
{
	if (r->disk->no_flush) {
		r->disk->stats.flushes++;
		return finish(vsp, r, SRB_STATUS_SUCCESS, 0);
	}
	if (r->disk->flush_failed)
		return finish_with_sense(vsp, r, SCSI_WRITE_ERROR, 0);
	r->op = (struct disk_op){ .kind = DISK_FLUSH };
	start(vsp, r);
}

/* An operation ended well: the next one, or the end. */
static void step_done(struct storvsp *vsp, struct request *r)
{
	struct storvsp_disk_stats *stats = &r->disk->stats;
	uint64_t done;

	if (r->op.kind == DISK_FLUSH && r->plan.action != SCSI_DO_FLUSH)
		return finish(vsp, r, SRB_STATUS_SUCCESS, r->plan.bytes);
	switch (r->plan.action) {
	case SCSI_DO_READ:
		if (r->bounce)
			request_to_guest(r, r->bounce, r->plan.bytes);
		stats->reads++;
		stats->read_bytes += r->plan.bytes;
		break;
	case SCSI_DO_WRITE:
		stats->writes++;
		stats->written_bytes += r->plan.bytes;
		/* It may have begun before the cache was turned off. */
		if (!r->op.durable)
			return finish_durably(vsp, r);
		break;
	case SCSI_DO_FLUSH:
		stats->flushes++;
		break;
	case SCSI_DO_UNMAP:
		return start_extent(vsp, r);
	case SCSI_DO_VERIFY:
	case SCSI_DO_COMPARE:
	case SCSI_DO_WRITE_SAME:
		done = r->op.offset + r->op.length;
		if (r->plan.action == SCSI_DO_COMPARE && !is_like(r, r->at - r->plan.lba * r->disk->scsi.block_size, (uint32_t)(done - r->at)))
			return finish_with_sense(vsp, r, SCSI_MISCOMPARE, 0);
		if (r->op.kind == DISK_WRITE)
			stats->written_bytes += done - r->at;
		r->at = done;
		if (r->at < r->end)
			return start_chunk(vsp, r, r->op.kind);
		if (r->plan.action != SCSI_DO_WRITE_SAME)
			break;
		stats->writes++;
		return finish_durably(vsp, r);
	default:
		break;
	}
	finish(vsp, r, SRB_STATUS_SUCCESS, r->plan.bytes);
}

static void step_failed(struct storvsp *vsp, struct request *r, int error)
{
	if (error == EOPNOTSUPP && (r->op.kind == DISK_PUNCH || r->op.kind == DISK_ZERO)) {
		/* A file that cannot deallocate may keep what UNMAP names; WRITE SAME promised zeros. */
		if (r->plan.action == SCSI_DO_UNMAP)
			return start_extent(vsp, r);
		return start_chunk(vsp, r, DISK_WRITE);
	}
	if (r->op.kind == DISK_FLUSH) {
		if (!r->disk->flush_failed)
			storvsp_log(vsp, "disk %u:%u: fdatasync: %s; flushes fail from here on", r->disk->scsi.target, r->disk->scsi.lun, strerror(error));
		r->disk->flush_failed = true;
	}
	finish_with_errno(vsp, r, error);
}

void request_done(void *context, struct disk_op *op, int result)
{
	struct request *r = (struct request *)op;
	struct storvsp *vsp = context;

	r->queued = false;
	r->disk->in_flight--;
	vsp->in_queue--;
	if (!r->channel)
		return request_put(vsp, r);
	if (result == -EINTR || result == -EAGAIN)
		return start(vsp, r);
	if (result < 0)
		return step_failed(vsp, r, -result);
	if (op->kind == DISK_READ || op->kind == DISK_WRITE) {
		if ((uint64_t)result < op->length) {
			/* Nothing more where there should be: the file was cut. */
			if (result == 0)
				return step_failed(vsp, r, EIO);
			request_advance(r, (uint64_t)result);
			return start(vsp, r);
		}
	}
	step_done(vsp, r);
}

static struct storvsp_disk *find_disk(struct storvsp *vsp, const struct storvsp_srb *srb, uint64_t *lun_mask)
{
	*lun_mask = 0;
	if (srb->path || srb->target >= STORVSP_TARGETS)
		return NULL;
	*lun_mask = vsp->luns[srb->target];
	return srb->lun < STORVSP_LUNS ? vsp->disks[srb->target][srb->lun] : NULL;
}

/* Data that is made here. What the guest's buffer is too small for is an overrun. */
static void finish_with_reply(struct storvsp *vsp, struct request *r, const uint8_t *reply)
{
	uint32_t bytes = request_to_guest(r, reply, r->plan.bytes);

	finish(vsp, r, bytes < r->plan.bytes ? SRB_STATUS_DATA_OVERRUN : SRB_STATUS_SUCCESS, bytes);
}

static void start_plan(struct storvsp *vsp, struct request *r, const uint8_t *reply)
{
	const struct scsi_plan *plan = &r->plan;

	switch (plan->action) {
	case SCSI_DO_NOTHING:
		if (plan->sense)
			return finish_with_sense(vsp, r, plan->sense, plan->lba);
		return finish(vsp, r, SRB_STATUS_SUCCESS, 0);
	case SCSI_DO_REPLY:
		return finish_with_reply(vsp, r, reply);
	case SCSI_DO_REJECT_LUN:
		return finish(vsp, r, SRB_STATUS_INVALID_LUN, 0);
	case SCSI_DO_READ:
	case SCSI_DO_WRITE:
		return start_transfer(vsp, r);
	case SCSI_DO_RESERVE:
		return start_reserve(vsp, r);
	case SCSI_DO_MODE_SELECT:
		return start_mode_select(vsp, r);
	case SCSI_DO_VERIFY:
	case SCSI_DO_COMPARE:
		r->at = plan->lba * r->disk->scsi.block_size;
		r->end = r->at + plan->blocks * r->disk->scsi.block_size;
		return start_chunk(vsp, r, DISK_READ);
	case SCSI_DO_FLUSH:
		return start_flush(vsp, r);
	case SCSI_DO_UNMAP:
		return start_unmap(vsp, r);
	case SCSI_DO_WRITE_SAME:
		return start_write_same(vsp, r);
	}
}

/*
 * Whether the command is to hear first that the capacity has changed. Not those that SPC-4 5.14 excepts, and not MODE SENSE: Linux's driver
 * takes each of its answers for a good one.
 */
static bool has_attention(struct storvsp *vsp, const struct request *r)
{
	const struct scsi_disk *disk = &r->disk->scsi;
	uint64_t *grown = &vsp->state->grown[disk->target];

	if (!(*grown >> disk->lun & 1) || r->packet.srb.sense_length < SCSI_SENSE_BYTES)
		return false;
	switch (r->packet.srb.cdb[0]) {
	case SCSI_INQUIRY:
	case SCSI_REPORT_LUNS:
	case SCSI_REQUEST_SENSE:
	case SCSI_MODE_SENSE_6:
	case SCSI_MODE_SENSE_10:
		return false;
	}
	*grown &= ~(1ull << disk->lun);
	return true;
}

void request_execute(struct storvsp *vsp, struct request *r)
{
	const struct storvsp_srb *srb = &r->packet.srb;
	uint8_t reply[SCSI_REPLY_BYTES];
	uint64_t lun_mask;

	r->op = (struct disk_op){ 0 };
	r->disk = find_disk(vsp, srb, &lun_mask);
	if (r->disk)
		r->disk->stats.pending++;
	if (srb->cdb_length > STORVSP_CDB_BYTES)
		return finish(vsp, r, SRB_STATUS_INVALID_REQUEST, 0);
	if (r->disk && has_attention(vsp, r))
		return finish_with_sense(vsp, r, SCSI_CAPACITY_CHANGED, 0);
	if (!r->disk || srb->cdb[0] == SCSI_REPORT_LUNS)
		storvsp_note_absence(vsp, srb);
	scsi_plan_command(r->disk ? &r->disk->scsi : NULL, lun_mask, srb->cdb, srb->cdb_length, reply, &r->plan);
	request_trim(r, srb->transfer_length);
	if (r->plan.bytes) {
		if ((r->plan.data_in && srb->data_in != STORVSP_DATA_IN) || (r->plan.data_out && srb->data_in != STORVSP_DATA_OUT))
			return finish(vsp, r, SRB_STATUS_INVALID_REQUEST, 0);
		/* A command is carried out whole or not at all. */
		if (r->plan.action != SCSI_DO_REPLY && r->iov_bytes < r->plan.bytes)
			return finish(vsp, r, SRB_STATUS_DATA_OVERRUN, 0);
		request_trim(r, r->plan.bytes);
	}
	start_plan(vsp, r, reply);
}
