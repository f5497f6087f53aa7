/* SPDX-License-Identifier: BSD-2-Clause */
/* NVSP: version, buffers, subchannels. A step out of order is answered with a failure and changes nothing. */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>

static void complete(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *answer)
{
	netvsp_keep(channel->vsp);
	if (!(packet->flags & VMBUS_PACKET_FLAG_COMPLETION_REQUESTED) || !vmbus_once_output(&channel->once, channel->channel))
		return;
	if (vmbus_channel_complete(channel->channel, packet->transaction_id, answer, sizeof *answer) == -EAGAIN)
		netvsp_log(channel->vsp, "the guest does not take its answers");
	netvsp_deliver(channel);
}

static uint32_t negotiate(struct netvsp *vsp, const struct nvsp_message *m)
{
	static const uint32_t known[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5 };

	if (vsp->receive.pages || vsp->send.pages)
		return 0;
	for (uint32_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i] >= m->init.min_version && known[i] <= m->init.max_version)
			return vsp->version = known[i];
	return 0;
}

static void init(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m)
{
	uint32_t version = negotiate(channel->vsp, m);

	complete(channel, packet, &(struct nvsp_message){
		.type = NVSP_INIT_COMPLETE,
		.init_complete = { .version = version, .status = version ? NVSP_STATUS_SUCCESS : NVSP_STATUS_FAIL, .max_mdl_chain = 34 },
	});
}

static void configure(struct netvsp *vsp, const struct nvsp_message *m)
{
	/* Slots that were cut for frames of the MTU stay so: a larger frame would lose its end. */
	vsp->may_coalesce = vsp->version >= NVSP_VERSION_61 && m->config.capabilities & NVSP_CAPABILITY_RSC &&
			    (!vsp->slots || vsp->slot_parts == NETVSP_SLOT_PARTS);
	netvsp_update_offloads(vsp);
}

/* Frames of 64 KiB, if there are slots for a good number of them. */
static int cut_receive_buffer(struct netvsp *vsp)
{
	if (vsp->receive.page_count / NETVSP_PART_PAGES / NETVSP_SLOT_PARTS < 16)
		vsp->may_coalesce = false;
	return netvsp_slots_create(vsp, vsp->may_coalesce ? NETVSP_SLOT_PARTS : 1);
}

/* 0 as well if that is what a predecessor did and had no time to say. */
static int map_buffer(struct netvsp_channel *channel, struct netvsp_buffer *buffer, const struct nvsp_message *m)
{
	if (channel->once.again && buffer->pages && buffer->gpadl == m->buffer.gpadl && buffer->id == m->buffer.id)
		return 0;
	return channel->vsp->version ? netvsp_buffer_map(buffer, channel->channel, m->buffer.gpadl, m->buffer.id) : -EINVAL;
}

static void receive_buffer(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m)
{
	struct netvsp *vsp = channel->vsp;
	struct nvsp_message reply = { .type = NVSP_SEND_RECEIVE_BUFFER_COMPLETE, .receive_complete.status = NVSP_STATUS_FAIL };
	int rc = map_buffer(channel, &vsp->receive, m);
	uint32_t count;

	if (!rc && !vsp->slots) {
		rc = cut_receive_buffer(vsp);
		if (rc)
			netvsp_buffer_unmap(&vsp->receive);
		netvsp_update_offloads(vsp);
	}
	if (!rc) {
		count = vsp->receive.page_count / NETVSP_PART_PAGES;
		reply.receive_complete.status = NVSP_STATUS_SUCCESS;
		reply.receive_complete.section_count = 1;
		reply.receive_complete.section.size = NETVSP_PART_BYTES;
		reply.receive_complete.section.count = count;
		reply.receive_complete.section.end = count * NETVSP_PART_BYTES;
	} else {
		netvsp_log(vsp, "receive buffer refused");
	}
	complete(channel, packet, &reply);
}

static void send_buffer(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m)
{
	struct netvsp *vsp = channel->vsp;
	struct nvsp_message reply = { .type = NVSP_SEND_SEND_BUFFER_COMPLETE, .send_complete.status = NVSP_STATUS_FAIL };
	int rc = map_buffer(channel, &vsp->send, m);

	if (rc) {
		netvsp_log(vsp, "send buffer refused");
	} else {
		reply.send_complete.status = NVSP_STATUS_SUCCESS;
		reply.send_complete.section_size = NETVSP_SEND_SECTION;
	}
	complete(channel, packet, &reply);
}

/* Counted first: a successor offers those that are. */
static int offer_subchannel(struct netvsp *vsp)
{
	int rc = netvsp_offer(vsp, ++vsp->state->subchannels);

	if (rc)
		vsp->state->subchannels--;
	return rc;
}

/* At most as many as there are VPs and queues beyond the first; the guest opens exactly those that it is told of. */
static void subchannels(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m)
{
	struct netvsp *vsp = channel->vsp;
	struct nvsp_message reply = { .type = NVSP_SUBCHANNEL, .subchannel_complete.status = NVSP_STATUS_FAIL };
	uint32_t most = vsp->config.queue_count < vsp->config.vp_count ? vsp->config.queue_count : vsp->config.vp_count;
	uint32_t count = m->subchannel.count;

	if (m->subchannel.operation == NVSP_SUBCHANNEL_ALLOCATE && vsp->version >= NVSP_VERSION_5 && vsp->slots && !vsp->gone &&
	    (!vsp->state->subchannels || channel->once.again)) {
		if (count > most - 1)
			count = most - 1;
		while (vsp->state->subchannels < count && offer_subchannel(vsp) == 0)
			;
		reply.subchannel_complete.status = NVSP_STATUS_SUCCESS;
		reply.subchannel_complete.count = vsp->state->subchannels;
	}
	complete(channel, packet, &reply);
}

void netvsp_message(struct netvsp_channel *channel, const struct vmbus_packet *packet, const struct nvsp_message *m, uint32_t bytes)
{
	struct netvsp *vsp = channel->vsp;

	if (packet->type != VMBUS_PACKET_INBAND || bytes < 12 || channel->index) {
		vsp->stats.tx_errors++;
		complete(channel, packet, &(struct nvsp_message){ .type = NVSP_SEND_RNDIS_PACKET_COMPLETE, .rndis_complete.status = NVSP_STATUS_FAIL });
		return;
	}
	switch (m->type) {
	case NVSP_INIT:
		init(channel, packet, m);
		break;
	case NVSP_SEND_NDIS_VERSION:
		break;
	case NVSP_SEND_NDIS_CONFIG:
		configure(vsp, m);
		break;
	case NVSP_SEND_RECEIVE_BUFFER:
		receive_buffer(channel, packet, m);
		break;
	case NVSP_SEND_SEND_BUFFER:
		send_buffer(channel, packet, m);
		break;
	case NVSP_REVOKE_RECEIVE_BUFFER:
		netvsp_slots_free(vsp);
		netvsp_buffer_unmap(&vsp->receive);
		break;
	case NVSP_REVOKE_SEND_BUFFER:
		netvsp_buffer_unmap(&vsp->send);
		break;
	case NVSP_SUBCHANNEL:
		subchannels(channel, packet, m);
		break;
	default:
		/* Whoever waits for an answer gets one: there is nothing to switch to and no direct access. */
		complete(channel, packet, &(struct nvsp_message){ .type = m->type, .rndis_complete.status = NVSP_STATUS_FAIL });
		break;
	}
	netvsp_keep(vsp);
}
