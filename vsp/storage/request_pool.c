/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests' places: taking and returning them, waiting for the queue, waiting for the ring, resets, the end of a channel. */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <stdlib.h>

bool storvsp_has_request(const struct storvsp *vsp)
{
	return vsp->free.first || vsp->request_limit < STORVSP_MAX_REQUESTS;
}

struct request *request_get(struct storvsp *vsp)
{
	struct request *r = request_pop(&vsp->free);

	if (!r && vsp->request_limit < STORVSP_MAX_REQUESTS)
		r = &vsp->requests[vsp->request_limit++];
	return r;
}

/* The oldest reset is answered when nothing that it concerns is older. */
static void finish_resets(struct storvsp *vsp)
{
	vsp->resetting = true;
	while (vsp->resets.first) {
		struct request *reset = vsp->resets.first;

		for (uint32_t i = 0; i < vsp->request_limit; i++) {
			const struct request *r = &vsp->requests[i];

			if (r->sequence && r->sequence < reset->sequence && (!reset->disk || r->disk == reset->disk))
				goto out;
		}
		request_pop(&vsp->resets);
		reset->packet.status = STORVSP_STATUS_SUCCESS;
		request_answer(vsp, reset);
	}
out:
	vsp->resetting = false;
}

void request_put(struct storvsp *vsp, struct request *r)
{
	bool orphan = r->sequence && !r->channel;
	struct storvsp_disk *disk = r->disk;

	request_forget(vsp, r);
	free(r->bounce);
	free(r->extents);
	r->bounce = NULL;
	r->extents = NULL;
	r->disk = NULL;
	r->channel = NULL;
	r->sequence = 0;
	request_push_front(&vsp->free, r);
	if (disk && --disk->stats.pending == 0 && disk->removed)
		storvsp_disk_free(vsp, disk);
	if (orphan && --vsp->orphans == 0 && vsp->server)
		vmbus_server_release(vsp->server);
	if (vsp->resets.first && !vsp->resetting)
		finish_resets(vsp);
}

void request_reset(struct storvsp *vsp, struct request *r)
{
	const struct storvsp_srb *srb = &r->packet.srb;

	request_record(vsp, r);
	if (r->packet.operation == STORVSP_RESET_LUN) {
		if (srb->path || srb->target >= STORVSP_TARGETS || srb->lun >= STORVSP_LUNS || !vsp->disks[srb->target][srb->lun]) {
			r->packet.status = STORVSP_STATUS_INVALID_PARAMETER;
			return request_answer(vsp, r);
		}
		r->disk = vsp->disks[srb->target][srb->lun];
		r->disk->stats.pending++;
	}
	request_push(&vsp->resets, r);
	if (!vsp->resetting)
		finish_resets(vsp);
}

/* False: no room, nothing was sent. */
static bool send_answer(struct storvsp *vsp, struct request *r)
{
	request_record_sending(vsp, r, true);
	if (vmbus_channel_complete(r->channel->channel, r->transaction_id, &r->packet, sizeof r->packet) == -EAGAIN) {
		request_record_answer(vsp, r);
		return false;
	}
	/* It is sent, or the channel is broken and will close. */
	request_put(vsp, r);
	return true;
}

void request_answer(struct storvsp *vsp, struct request *r)
{
	struct storvsp_channel *channel = r->channel;

	r->packet.operation = STORVSP_COMPLETE_IO;
	r->packet.flags = 0;
	if (!r->wants_answer) {
		request_record_sending(vsp, r, false);
		return request_put(vsp, r);
	}
	if (channel->backlog.first) {
		request_record_answer(vsp, r);
		request_push(&channel->backlog, r);
	} else if (!send_answer(vsp, r)) {
		request_push(&channel->backlog, r);
	}
}

bool request_send_backlog(struct storvsp *vsp, struct storvsp_channel *channel)
{
	while (channel->backlog.first) {
		struct request *r = request_pop(&channel->backlog);

		if (!send_answer(vsp, r)) {
			request_push_front(&channel->backlog, r);
			return false;
		}
	}
	return true;
}

static void start_disk(struct storvsp *vsp, struct storvsp_disk *disk)
{
	while (disk->waiting.first && disk->in_flight < STORVSP_DISK_DEPTH) {
		struct request *r = disk->waiting.first;

		if (!vsp->queue->ops->start(vsp->queue, &r->op))
			return;
		request_pop(&disk->waiting);
		r->queued = true;
		disk->in_flight++;
		vsp->in_queue++;
		vsp->started = true;
	}
}

void request_start(struct storvsp *vsp, struct request *r)
{
	r->op.file = r->disk->file;
	request_push(&r->disk->waiting, r);
	start_disk(vsp, r->disk);
}

void request_start_waiting(struct storvsp *vsp)
{
	for (uint32_t i = 0; i < vsp->disk_count; i++)
		start_disk(vsp, vsp->disk_list[i]);
}

static void drop_channel(struct request_list *list, const struct storvsp_channel *channel)
{
	struct request_list kept = { 0 };
	struct request *r;

	while ((r = request_pop(list)) != NULL)
		if (r->channel != channel)
			request_push(&kept, r);
	*list = kept;
}

void request_abandon(struct storvsp *vsp, struct storvsp_channel *channel)
{
	for (uint32_t i = 0; i < vsp->disk_count; i++)
		drop_channel(&vsp->disk_list[i]->waiting, channel);
	drop_channel(&vsp->resets, channel);
	channel->backlog = (struct request_list){ 0 };
	for (uint32_t i = 0; i < vsp->request_limit; i++) {
		struct request *r = &vsp->requests[i];

		if (!r->sequence || r->channel != channel)
			continue;
		request_forget(vsp, r);
		if (!r->queued) {
			request_put(vsp, r);
			continue;
		}
		r->channel = NULL;
		if (vsp->orphans++ == 0)
			vmbus_server_hold(vsp->server);
	}
}
