/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface's life: its channels, offered, opened and closed, and what they carry, handed on. */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_LIMIT 8u              /* answers that wait for company at most */

void netvsp_log(const struct netvsp *vsp, const char *format, ...)
{
	char text[192];
	va_list args;

	if (!vsp->config.log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	vsp->config.log(vsp->config.context, text);
}

void netvsp_gather(struct netvsp_channel *channel)
{
	if (!channel->gathering) {
		channel->gathering = true;
		channel->gathered = 0;
		vmbus_channel_batch_begin(channel->channel);
		if (channel->vsp->config.defer)
			channel->vsp->config.defer(channel->vsp->config.context);
	}
	if (++channel->gathered >= GATHER_LIMIT)
		netvsp_deliver(channel);
}

void netvsp_deliver(struct netvsp_channel *channel)
{
	if (!channel->gathering)
		return;
	channel->gathering = false;
	vmbus_channel_batch_end(channel->channel);
}

void netvsp_flush(struct netvsp *vsp)
{
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		netvsp_deliver(&vsp->channels[i]);
}

/* The guest's driver has gone, or starts anew. */
static void forget_guest(struct netvsp *vsp)
{
	vsp->version = vsp->filter = vsp->group_count = 0;
	vsp->may_coalesce = vsp->coalesces = vsp->link_untold = vsp->rss.on = false;
	vsp->rss.entries = 0;
	netvsp_slots_free(vsp);
	netvsp_buffer_unmap(&vsp->receive);
	netvsp_buffer_unmap(&vsp->send);
	netvsp_update_offloads(vsp);
	netvsp_keep(vsp);
}

/* With its subchannels, which the guest had asked for. */
static void forget_connection(struct netvsp *vsp)
{
	for (uint32_t i = 1; i <= vsp->state->subchannels; i++) {
		struct netvsp_channel *sub = &vsp->channels[i];

		/* Its close, if it is open, still delivers what was gathered. */
		if (sub->channel && !vsp->gone)
			vmbus_server_rescind(sub->channel);
		sub->channel = NULL;
	}
	vsp->state->subchannels = 0;
	forget_guest(vsp);
}

static int on_open(void *device, struct vmbus_channel *vmbus, const uint8_t user[VMBUS_USER_BYTES])
{
	struct netvsp_channel *channel = device;

	(void)vmbus;
	(void)user;
	/* A predecessor may have ended while it closed. */
	if (!channel->index)
		forget_connection(channel->vsp);
	vmbus_once_open(&channel->once);
	channel->vsp->state->channels[channel->index].telling = 0;
	channel->open = true;
	return 0;
}

static int on_resume(void *device, struct vmbus_channel *vmbus, const uint8_t user[VMBUS_USER_BYTES])
{
	struct netvsp_channel *channel = device;
	int rc = channel->index ? 0 : netvsp_go_on(channel->vsp, vmbus);

	(void)user;
	if (rc)
		return rc;
	vmbus_once_resume(&channel->once, vmbus);
	channel->open = true;
	return 0;
}

/* There is room: on_signal has seen to it. */
static void answer(struct netvsp_channel *channel, const struct vmbus_packet *packet, uint32_t status)
{
	const struct { uint32_t type, status; } done = { NVSP_SEND_RNDIS_PACKET_COMPLETE, status };

	if (!(packet->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) || !vmbus_once_output(&channel->once, channel->channel))
		return;
	if (vmbus_channel_complete(channel->channel, packet->transaction_id, &done, sizeof done) == -EAGAIN)
		netvsp_log(channel->vsp, "the guest does not take its answers");
}

/* RNDIS in the send buffer, in memory that the guest names, or headers in the one and data in the other. */
static void on_rndis(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m)
{
	struct netvsp *vsp = channel->vsp;
	struct netvsp_view view = { .count = 0 };
	uint32_t status = NVSP_STATUS_INVALID_RNDIS_PACKET;

	if (m->rndis.section != NVSP_NO_SECTION &&
	    (m->rndis.section_bytes > NETVSP_SEND_SECTION ||
	     !netvsp_buffer_slice(&vsp->send, (uint64_t)m->rndis.section * NETVSP_SEND_SECTION, m->rndis.section_bytes, &view)))
		goto out;
	if (packet->iov_count > NETVSP_MAX_PIECES + 4 - view.count)
		goto out;
	memcpy(&view.iov[view.count], packet->iov, packet->iov_count * sizeof *packet->iov);
	view.count += packet->iov_count;
	view.bytes += packet->iov_bytes;
	status = NVSP_STATUS_SUCCESS;
	if (m->rndis.channel == NVSP_CHANNEL_DATA) {
		if (channel->once.skip)
			return;          /* sent and answered by the predecessor */
		status = netvsp_transmit(channel, &view);
		answer(channel, packet, status);
		if (!vsp->gone)
			netvsp_gather(channel);
		return;
	}
	answer(channel, packet, status);
	netvsp_control(channel, &view);
	netvsp_keep(vsp);
	return;
out:
	vsp->stats.tx_errors++;
	answer(channel, packet, status);
}

static void take_packet(struct netvsp_channel *channel, const struct vmbus_packet *packet)
{
	struct nvsp_message message = { 0 };
	uint32_t bytes = packet->payload_bytes;

	if (bytes > sizeof message)
		bytes = sizeof message;
	memcpy(&message, packet->payload, bytes);
	vmbus_once_begin(&channel->once);
	if (packet->type == VMBUS_PACKET_COMPLETION) {
		if (channel->once.skip)
			return;
		netvsp_slot_return(channel->vsp, packet->transaction_id - 1);
		vmbus_once_done(&channel->once, channel->channel);
		return;
	}
	if (message.type == NVSP_SEND_RNDIS_PACKET && bytes >= 16)
		on_rndis(channel, packet, &message);
	else
		netvsp_message(channel, packet, &message, bytes);
}

static void on_signal(void *device, struct vmbus_channel *vmbus)
{
	struct netvsp_channel *channel = device;
	uint64_t payload[32];
	struct iovec iov[NETVSP_MAX_PIECES];
	struct vmbus_packet packet = {
		.payload = payload, .payload_capacity = sizeof payload, .iov = iov, .iov_capacity = NETVSP_MAX_PIECES,
	};
	int rc;

	/* A guest that does not take its answers gets no more work done: none of them may be lost. */
	while (vmbus_channel_room(vmbus, NETVSP_ANSWER_ROOM)) {
		rc = vmbus_channel_next_packet(vmbus, &packet);
		if (rc == -EAGAIN || rc == -EIO)
			break;
		if (!rc) {
			take_packet(channel, &packet);
			continue;
		}
		channel->vsp->stats.tx_errors++;
		vmbus_once_begin(&channel->once);
		answer(channel, &packet, NVSP_STATUS_INVALID_RNDIS_PACKET);
	}
	netvsp_keep_stats(channel->vsp);
	if (channel->open)
		netvsp_feed(channel->vsp);
}

static void on_close(void *device, struct vmbus_channel *vmbus)
{
	struct netvsp_channel *channel = device;
	struct netvsp *vsp = channel->vsp;

	(void)vmbus;
	channel->open = false;
	if (channel->gathering) {
		channel->gathering = false;
		vmbus_channel_batch_end(channel->channel);
	}
	if (channel->index)
		return;
	forget_connection(vsp);
}

static void on_withdrawn(void *device)
{
	struct netvsp *vsp = ((struct netvsp_channel *)device)->vsp;

	if (--vsp->withdrawing == 0)
		vsp->gone(vsp->config.context);
}

static const struct vmbus_channel_ops channel_ops = {
	.open = on_open, .resume = on_resume, .signal = on_signal, .close = on_close, .withdrawn = on_withdrawn,
};

static struct vmbus_offer offer_of(const struct netvsp *vsp, uint32_t index)
{
	return (struct vmbus_offer){ .type = VMBUS_CLASS_NETWORK, .instance = vsp->config.instance, .subchannel_index = (uint16_t)index };
}

static struct netvsp_channel *init_channel(struct netvsp *vsp, uint32_t index)
{
	vsp->channels[index] = (struct netvsp_channel){ .vsp = vsp, .index = index, .once.state = &vsp->state->channels[index].once };
	return &vsp->channels[index];
}

int netvsp_offer(struct netvsp *vsp, uint32_t index)
{
	struct netvsp_channel *channel = init_channel(vsp, index);
	const struct vmbus_offer offer = offer_of(vsp, index);

	channel->channel = vmbus_server_offer(vsp->server, &offer, &channel_ops, channel);
	return channel->channel ? 0 : -ENOSPC;
}

/* Without channels. */
static int make(struct vmbus_server *server, struct netvsp_state *state, const struct netvsp_config *config, struct netvsp **ret)
{
	struct netvsp *vsp;
	int rc;

	if (!config->vp_count || !config->queue_count || config->queue_count > NETVSP_MAX_QUEUES)
		return -EINVAL;
	rc = netvsp_check_state(state, &config->instance);
	if (rc)
		return rc;
	vsp = calloc(1, sizeof *vsp);
	if (!vsp)
		return -ENOMEM;
	vsp->server = server;
	vsp->config = *config;
	vsp->state = state;
	vsp->stats = state->stats;
	vsp->stats.link_up = config->link_up;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		init_channel(vsp, i);
	*ret = vsp;
	return 0;
}

int netvsp_create(struct vmbus_server *server, struct netvsp_state *state, const struct netvsp_config *config, struct netvsp **ret)
{
	struct netvsp *vsp;
	int rc = make(server, state, config, &vsp);

	if (rc)
		return rc;
	netvsp_update_offloads(vsp);
	rc = netvsp_offer(vsp, 0);
	if (rc) {
		free(vsp);
		return rc;
	}
	for (uint32_t i = 1; i <= state->subchannels; i++)
		if (netvsp_offer(vsp, i))
			netvsp_log(vsp, "no room for subchannel %u", i);
	*ret = vsp;
	return 0;
}

static void leave(struct netvsp *vsp, void (*gone)(void *context))
{
	vsp->gone = gone;
	vsp->state->leaving = 1;
	vsp->config.want_input = NULL;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		vsp->config.fd[i] = -1;
}

int netvsp_remove_on(struct vmbus_server *server, struct netvsp_state *state, const struct netvsp_config *config, void (*gone)(void *context),
		     struct netvsp **ret)
{
	struct netvsp *vsp;
	int rc = make(server, state, config, &vsp);

	if (rc)
		return rc;
	leave(vsp, gone);
	vsp->stats.link_up = state->settings.link_up;   /* no news of it any more */
	for (uint32_t i = 0; i <= state->subchannels; i++) {
		const struct vmbus_offer offer = offer_of(vsp, i);

		vsp->channels[i].channel = vmbus_server_reclaim(server, &offer, &channel_ops, &vsp->channels[i]);
		vsp->withdrawing += vsp->channels[i].channel != NULL;
	}
	if (!vsp->withdrawing) {
		free(vsp);
		return -ENOENT;
	}
	*ret = vsp;
	return 0;
}

void netvsp_remove(struct netvsp *vsp, void (*gone)(void *context))
{
	leave(vsp, gone);
	vsp->withdrawing = 1;
	netvsp_flush(vsp);
	for (uint32_t i = vsp->state->subchannels; i > 0; i--) {
		if (!vsp->channels[i].channel)
			continue;
		vsp->withdrawing++;
		vmbus_server_withdraw(vsp->channels[i].channel);
	}
	vmbus_server_withdraw(vsp->channels[0].channel);
}

void netvsp_free(struct netvsp *vsp)
{
	if (!vsp)
		return;
	if (vsp->channels[0].channel && !vsp->gone)
		vmbus_server_rescind(vsp->channels[0].channel);   /* on_close takes the others */
	forget_guest(vsp);
	vsp->state->magic = 0;
	free(vsp);
}

void netvsp_detach(struct netvsp *vsp)
{
	free(vsp->slots);
	netvsp_buffer_unmap(&vsp->receive);
	netvsp_buffer_unmap(&vsp->send);
	free(vsp);
}

void netvsp_set_link(struct netvsp *vsp, bool up)
{
	if (vsp->stats.link_up == up)
		return;
	vsp->stats.link_up = up;
	netvsp_indicate_link(vsp);
	netvsp_keep(vsp);
}

void netvsp_get_stats(const struct netvsp *vsp, struct netvsp_stats *ret)
{
	*ret = vsp->stats;
	ret->ready = vsp->filter != 0;
	ret->queues = 0;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		ret->queues += vsp->channels[i].open;
}
