/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that come, go and grow under a running guest. It is told by ENUMERATE_BUS, upon which storvsc asks each disk that it knows whether it
 * is ready (INVALID_LUN makes it forget one) and then looks for others.
 */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Not before the guest's first command: Linux has no work queue for this packet until it begins to look for disks, and then it finds all of
 * them. Behind all answers that wait for room: a successor takes the position in the ring for that of the answer sent last.
 */
void storvsp_announce_again(struct storvsp *vsp)
{
	const struct storvsp_packet packet = { .operation = STORVSP_ENUMERATE_BUS };
	struct storvsp_channel *primary = &vsp->channels[0];

	if (!vsp->state->announce || !primary->open || primary->backlog.first)
		return;
	if (vmbus_channel_send(primary->channel, VMBUS_PACKET_INBAND, 0, 0, &packet, sizeof packet) != -EAGAIN)
		vsp->state->announce = 0;
}

void storvsp_announce(struct storvsp *vsp)
{
	if (!vsp->state->in_use)
		return;
	vsp->state->announce = 1;
	storvsp_announce_again(vsp);
}

void storvsp_forget_guest(struct storvsp *vsp)
{
	struct storvsp_state *state = vsp->state;

	state->phase = STORVSP_PHASE_NONE;
	state->protocol = 0;
	state->in_use = state->announce = 0;
	memset(state->grown, 0, sizeof state->grown);
	memset(state->write_through, 0, sizeof state->write_through);
	for (uint32_t i = 0; i < vsp->disk_count; i++)
		vsp->disk_list[i]->scsi.write_through = false;
}

void storvsp_note_absence(struct storvsp *vsp, const struct storvsp_srb *srb)
{
	uint32_t *heard;

	if (srb->path || srb->target >= STORVSP_TARGETS)
		return;
	heard = vsp->absence_heard[srb->target];
	if (srb->cdb[0] == SCSI_REPORT_LUNS)
		for (uint32_t lun = 0; lun < STORVSP_LUNS; lun++)
			heard[lun]++;
	else if (srb->lun < STORVSP_LUNS)
		heard[srb->lun]++;
}

uint32_t storvsp_absence_heard(const struct storvsp *vsp, uint32_t target, uint32_t lun)
{
	return vsp->state->in_use ? vsp->absence_heard[target][lun] : UINT32_MAX;
}

void storvsp_disk_free(struct storvsp *vsp, struct storvsp_disk *disk)
{
	void (*released)(void *context) = disk->released;
	void *context = disk->released_context;

	for (uint32_t i = 0; i < vsp->disk_count; i++)
		if (vsp->disk_list[i] == disk)
			vsp->disk_list[i] = vsp->disk_list[--vsp->disk_count];
	vsp->queue->ops->remove_file(vsp->queue, disk->file);
	free(disk);
	if (released)
		released(context);
}

static struct storvsp_disk **find(struct storvsp *vsp, uint32_t target, uint32_t lun)
{
	return target < STORVSP_TARGETS && lun < STORVSP_LUNS && vsp->disks[target][lun] ? &vsp->disks[target][lun] : NULL;
}

int storvsp_remove_disk(struct storvsp *vsp, uint32_t target, uint32_t lun, void (*released)(void *context), void *context)
{
	struct storvsp_disk **slot = find(vsp, target, lun), *disk;

	if (!slot)
		return -ENOENT;
	disk = *slot;
	*slot = NULL;
	vsp->luns[target] &= ~(1ull << lun);
	vsp->state->grown[target] &= ~(1ull << lun);
	vsp->state->write_through[target] &= ~(1ull << lun);
	memset(&vsp->state->reservations[target][lun], 0, sizeof vsp->state->reservations[target][lun]);
	vsp->absence_heard[target][lun] = 0;
	disk->removed = true;
	disk->released = released;
	disk->released_context = context;
	if (!disk->stats.pending)
		storvsp_disk_free(vsp, disk);
	storvsp_announce(vsp);
	return 0;
}

int storvsp_disk_grown(struct storvsp *vsp, uint32_t target, uint32_t lun, uint64_t *bytes)
{
	struct storvsp_disk **slot = find(vsp, target, lun);
	struct scsi_disk *scsi;
	int rc;

	if (!slot)
		return -ENOENT;
	scsi = &(*slot)->scsi;
	rc = storvsp_disk_size((*slot)->fd, bytes);
	if (rc)
		return rc;
	if (*bytes / scsi->block_size < scsi->blocks || *bytes > INT64_MAX)
		return -ERANGE;
	if (*bytes / scsi->block_size == scsi->blocks)
		return 0;
	scsi->blocks = *bytes / scsi->block_size;
	if (vsp->state->in_use)
		vsp->state->grown[target] |= 1ull << lun;
	storvsp_announce(vsp);
	return 0;
}
