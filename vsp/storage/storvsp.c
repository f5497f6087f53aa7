/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's life and its negotiation with storvsc. */
#include "vsp/storage/storvsp_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void storvsp_log(const struct storvsp *vsp, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!vsp->config.log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	vsp->config.log(vsp->config.log_context, text);
}

static uint32_t create_subchannels(struct storvsp *vsp, uint32_t count)
{
	if (count > vsp->max_subchannels)
		return STORVSP_STATUS_INVALID_PARAMETER;
	if (vsp->state->subchannels)
		return STORVSP_STATUS_INVALID_DEVICE_STATE;
	for (uint16_t i = 1; i <= count; i++) {
		if (storvsp_offer(vsp, i)) {
			storvsp_log(vsp, "no room for subchannel %u of %u", i, count);
			break;
		}
		vsp->state->subchannels = i;
	}
	return STORVSP_STATUS_SUCCESS;
}

static uint32_t query_version(struct storvsp *vsp, uint16_t version)
{
	static const uint16_t known[] = { STORVSP_VERSION_6_2, STORVSP_VERSION_6_0, STORVSP_VERSION_5_1 };

	for (uint32_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (version != known[i])
			continue;
		vsp->state->protocol = version;
		vsp->state->phase = STORVSP_PHASE_VERSION;
		return STORVSP_STATUS_SUCCESS;
	}
	return STORVSP_STATUS_REVISION_MISMATCH;
}

void storvsp_control(struct storvsp_channel *channel, struct storvsp_packet *packet)
{
	/* In which phase each step of the negotiation is taken, and where it leads. */
	static const struct {
		uint32_t operation;
		enum storvsp_phase from, to;
	} steps[] = {
		{ STORVSP_BEGIN_INITIALIZATION, STORVSP_PHASE_NONE, STORVSP_PHASE_BEGUN },
		{ STORVSP_QUERY_PROTOCOL_VERSION, STORVSP_PHASE_BEGUN, STORVSP_PHASE_BEGUN },
		{ STORVSP_QUERY_PROPERTIES, STORVSP_PHASE_VERSION, STORVSP_PHASE_PROPERTIES },
		{ STORVSP_END_INITIALIZATION, STORVSP_PHASE_PROPERTIES, STORVSP_PHASE_READY },
		{ STORVSP_CREATE_SUB_CHANNELS, STORVSP_PHASE_READY, STORVSP_PHASE_READY },
	};
	struct storvsp *vsp = channel->vsp;
	uint32_t i, operation = packet->operation;

	for (i = 0; i < sizeof steps / sizeof steps[0] && steps[i].operation != operation; i++)
		;
	if (i == sizeof steps / sizeof steps[0] || channel->index) {
		packet->status = STORVSP_STATUS_INVALID_DEVICE_REQUEST;
		return;
	}
	if (vsp->state->phase != steps[i].from) {
		packet->status = STORVSP_STATUS_INVALID_DEVICE_STATE;
		return;
	}
	vsp->state->phase = steps[i].to;
	packet->status = STORVSP_STATUS_SUCCESS;
	switch (operation) {
	case STORVSP_QUERY_PROTOCOL_VERSION:
		packet->status = query_version(vsp, packet->version.major_minor);
		break;
	case STORVSP_QUERY_PROPERTIES:
		packet->properties = (struct storvsp_properties){
			.max_subchannels = (uint16_t)vsp->max_subchannels, .max_transfer = STORVSP_MAX_TRANSFER,
			.flags = vsp->max_subchannels ? STORVSP_PROPERTY_MULTI_CHANNEL : 0,
		};
		break;
	case STORVSP_CREATE_SUB_CHANNELS:
		packet->status = create_subchannels(vsp, packet->subchannel_count);
		break;
	}
}

/* What a predecessor left, or a fresh start. */
static int check_state(struct storvsp_state *state, uint32_t max_subchannels)
{
	if (!state->magic) {
		state->version = STORVSP_STATE_VERSION;
		state->size = sizeof *state;
		state->magic = STORVSP_STATE_MAGIC;
		return 0;
	}
	if (state->magic != STORVSP_STATE_MAGIC)
		return -EINVAL;
	if (state->version != STORVSP_STATE_VERSION || state->size != sizeof *state)
		return -ENOTSUP;
	if (state->phase >= STORVSP_PHASE_COUNT || state->subchannels > max_subchannels || state->request_limit > STORVSP_MAX_REQUESTS)
		return -EINVAL;
	return 0;
}

int storvsp_create(struct vmbus_server *server, struct storvsp_state *state, const struct storvsp_config *config, struct storvsp **ret)
{
	struct storvsp *vsp = calloc(1, sizeof *vsp);
	struct disk_queue *queue = config->queue;
	int rc = -ENOMEM;

	if (!vsp)
		goto fail;
	vsp->server = server;
	vsp->state = state;
	vsp->config = *config;
	vsp->max_subchannels = config->vp_count ? config->vp_count - 1 : 0; /* the primary channel serves one VP */
	if (vsp->max_subchannels > STORVSP_MAX_SUBCHANNELS)
		vsp->max_subchannels = STORVSP_MAX_SUBCHANNELS;
	vsp->requests = calloc(STORVSP_MAX_REQUESTS, sizeof *vsp->requests);
	if (!vsp->requests)
		goto fail;
	rc = check_state(state, vsp->max_subchannels);
	if (rc)
		goto fail;
	if (!queue) {
		rc = disk_uring_create(STORVSP_MAX_REQUESTS, &queue);
		if (rc)
			goto fail;
	}
	queue->done = request_done;
	queue->context = vsp;
	vsp->queue = queue;
	/* A request has the place that its predecessor has in the state: those wait for their channel. */
	vsp->request_limit = state->request_limit;
	for (uint32_t i = 0; i < vsp->request_limit; i++)
		if (!state->requests[i].sequence)
			request_push(&vsp->free, &vsp->requests[i]);
	*ret = vsp;
	return 0;
fail:
	if (queue)
		queue->ops->free(queue);
	if (vsp)
		free(vsp->requests);
	free(vsp);
	return rc;
}

int storvsp_add_disk(struct storvsp *vsp, const struct storvsp_disk_config *config)
{
	struct storvsp_disk **slot;
	int rc;

	if (config->target >= STORVSP_TARGETS || config->lun >= STORVSP_LUNS)
		return -EINVAL;
	slot = &vsp->disks[config->target][config->lun];
	if (*slot)
		return -EEXIST;
	/* What was sent to the one before must not be done again to this one by a successor. */
	for (uint32_t i = 0; i < vsp->disk_count; i++)
		if (vsp->disk_list[i]->scsi.target == config->target && vsp->disk_list[i]->scsi.lun == config->lun)
			return -EBUSY;
	if (vsp->disk_count == sizeof vsp->disk_list / sizeof vsp->disk_list[0])
		return -ENOSPC;
	rc = storvsp_disk_open(vsp, config, slot);
	if (rc)
		return rc;
	vsp->disk_list[vsp->disk_count++] = *slot;
	vsp->luns[config->target] |= 1ull << config->lun;
	if (vsp->offered)
		storvsp_announce(vsp);
	return 0;
}

int storvsp_start(struct storvsp *vsp)
{
	int rc = 0;

	vsp->offered = true;
	for (uint16_t i = 0; i <= vsp->state->subchannels && rc == 0; i++)
		rc = storvsp_offer(vsp, i);
	return rc;
}

static void drain(struct storvsp *vsp)
{
	while (vsp->in_queue)
		storvsp_reap(vsp, true);
}

void storvsp_drain(struct storvsp *vsp)
{
	drain(vsp);
	/* A guest that does not signal because something was in flight is looked after by nobody now. */
	for (uint32_t i = 0; i < STORVSP_CHANNELS; i++)
		if (vsp->channels[i].open && vsp->channels[i].polled) {
			vsp->queue->ops->nudge(vsp->queue);
			return;
		}
}

static void destroy(struct storvsp *vsp)
{
	while (vsp->disk_count)
		storvsp_disk_free(vsp, vsp->disk_list[0]);
	for (uint32_t i = 0; i < vsp->request_limit; i++) {
		free(vsp->requests[i].bounce);
		free(vsp->requests[i].extents);
	}
	vsp->queue->ops->free(vsp->queue);
	free(vsp->requests);
	free(vsp);
}

void storvsp_free(struct storvsp *vsp)
{
	if (!vsp)
		return;
	/* The primary's close takes the others back. */
	storvsp_take_back(&vsp->channels[0]);
	for (uint32_t i = 1; i < STORVSP_CHANNELS; i++)
		storvsp_take_back(&vsp->channels[i]);
	drain(vsp);
	destroy(vsp);
}

void storvsp_detach(struct storvsp *vsp)
{
	if (!vsp)
		return;
	vsp->server = NULL;
	for (uint32_t i = 0; i < STORVSP_CHANNELS; i++)
		vsp->channels[i].open = false;
	/* What is in the queue runs to its end; nobody is told, and the successor does it again. */
	for (uint32_t i = 0; i < vsp->disk_count; i++)
		vsp->disk_list[i]->waiting = (struct request_list){ 0 };
	vsp->resets = (struct request_list){ 0 };
	for (uint32_t i = 0; i < vsp->request_limit; i++) {
		struct request *r = &vsp->requests[i];

		r->recorded = false;
		if (r->queued && r->channel) {
			r->channel = NULL;
			vsp->orphans++;
		}
	}
	drain(vsp);
	destroy(vsp);
}

int storvsp_event_fd(const struct storvsp *vsp)
{
	return vsp->queue->event_fd;
}

bool storvsp_get_stats(const struct storvsp *vsp, uint32_t target, uint32_t lun, struct storvsp_disk_stats *stats)
{
	if (target >= STORVSP_TARGETS || lun >= STORVSP_LUNS || !vsp->disks[target][lun])
		return false;
	*stats = vsp->disks[target][lun]->stats;
	stats->size_bytes = vsp->disks[target][lun]->scsi.blocks * vsp->disks[target][lun]->scsi.block_size;
	return true;
}

uint16_t storvsp_version(const struct storvsp *vsp)
{
	return vsp->state->phase == STORVSP_PHASE_READY ? vsp->state->protocol : 0;
}
