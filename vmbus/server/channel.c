/* SPDX-License-Identifier: BSD-2-Clause */
/* Offers and the life of a channel: open, close, failure, resumption, rescind. Packets are in packet.c. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

struct vmbus_channel *vmbus_channel_find(struct vmbus_server *server, uint32_t relid)
{
	if (relid == 0 || relid > server->state->channel_limit || !(server->state->channels[relid - 1].flags & VMBUS_CHANNEL_PRESENT))
		return NULL;
	return &server->channels[relid - 1];
}

static bool same_offer(const struct vmbus_channel_state *c, const struct vmbus_offer *offer)
{
	return c->subchannel_index == offer->subchannel_index && vmbus_guid_equal(&c->type, &offer->type) &&
		vmbus_guid_equal(&c->instance, &offer->instance);
}

/* The slot that stands empty longest: a straggling signal to a relid's last owner then most likely finds nobody. */
static uint32_t find_empty(const struct vmbus_server *server)
{
	uint32_t empty = VMBUS_MAX_CHANNELS;

	for (uint32_t i = 0; i < server->state->channel_limit; i++)
		if (!(server->state->channels[i].flags & VMBUS_CHANNEL_PRESENT) &&
		    (empty == VMBUS_MAX_CHANNELS || server->channels[i].freed < server->channels[empty].freed))
			empty = i;
	return empty;
}

static bool too_many(const struct vmbus_state *state, const struct vmbus_offer *offer)
{
	uint32_t count = 0;

	if (!(offer->flags & VMBUS_OFFER_TLNPI_PROVIDER))
		return false;
	for (uint32_t i = 0; i < state->channel_limit; i++)
		count += state->channels[i].flags & VMBUS_CHANNEL_PRESENT && state->channels[i].offer_flags & VMBUS_OFFER_TLNPI_PROVIDER;
	return count >= VMBUS_MAX_TL_CHANNELS;
}

struct vmbus_channel *vmbus_server_offer(struct vmbus_server *server, const struct vmbus_offer *offer,
	const struct vmbus_channel_ops *ops, void *device)
{
	struct vmbus_state *state = server->state;
	struct vmbus_channel_state *c;
	uint32_t slot, empty;

	for (slot = 0; slot < state->channel_limit; slot++) {
		c = &state->channels[slot];
		if (c->flags & VMBUS_CHANNEL_PRESENT && !(c->flags & VMBUS_CHANNEL_RESCINDED) && same_offer(c, offer))
			break;
	}
	if (slot < state->channel_limit) {
		if (server->channels[slot].ops)
			return NULL;
		server->channels[slot].ops = ops;
		server->channels[slot].device = device;
		return &server->channels[slot];
	}
	if (too_many(state, offer))
		return NULL;
	empty = find_empty(server);
	if (empty == VMBUS_MAX_CHANNELS) {
		if (state->channel_limit == VMBUS_MAX_CHANNELS)
			return NULL;
		empty = state->channel_limit++;
	}
	c = &state->channels[empty];
	*c = (struct vmbus_channel_state){
		.subchannel_index = offer->subchannel_index, .offer_flags = offer->flags, .mmio_megabytes = offer->mmio_megabytes,
		.type = offer->type, .instance = offer->instance,
	};
	memcpy(c->offer_user, offer->user, sizeof c->offer_user);
	server->channels[empty].ops = ops;
	server->channels[empty].device = device;
	c->flags = VMBUS_CHANNEL_PRESENT;
	if (state->offers_requested) {
		c->flags |= VMBUS_CHANNEL_OFFER_DUE;
		server->due = true;
		vmbus_pump(server);
	}
	return &server->channels[empty];
}

struct vmbus_channel *vmbus_server_reclaim(struct vmbus_server *server, const struct vmbus_offer *offer,
	const struct vmbus_channel_ops *ops, void *device)
{
	const uint32_t flags = VMBUS_CHANNEL_PRESENT | VMBUS_CHANNEL_RESCINDED | VMBUS_CHANNEL_OPEN;

	for (uint32_t i = 0; i < server->state->channel_limit; i++) {
		struct vmbus_channel *channel = &server->channels[i];

		if ((channel->state->flags & (flags | VMBUS_CHANNEL_FAILED)) != flags || channel->ops || !same_offer(channel->state, offer))
			continue;
		channel->ops = ops;
		channel->device = device;
		return channel;
	}
	return NULL;
}

void vmbus_channel_free(struct vmbus_channel *channel)
{
	vmbus_gpadl_free_all(channel->server, channel->relid);
	channel->state->flags = 0;
	channel->freed = ++channel->server->releases;
	channel->ops = NULL;
	channel->device = NULL;
}

static void tell_rescind(struct vmbus_channel *channel)
{
	channel->state->flags |= VMBUS_CHANNEL_RESCINDED | VMBUS_CHANNEL_RESCIND_DUE;
	channel->server->due = true;
	vmbus_pump(channel->server);
}

void vmbus_server_rescind(struct vmbus_channel *channel)
{
	struct vmbus_server *server = channel->server;

	vmbus_channel_flush(channel);
	vmbus_channel_close(channel);
	channel->ops = NULL;
	channel->device = NULL;
	if (server->state->negotiated && channel->state->flags & VMBUS_CHANNEL_OFFERED)
		tell_rescind(channel);
	else
		vmbus_channel_free(channel);
}

void vmbus_server_withdraw(struct vmbus_channel *channel)
{
	const struct vmbus_channel_ops *ops = channel->ops;
	void *device = channel->device;

	if (channel->live) {
		tell_rescind(channel);
	} else {
		vmbus_server_rescind(channel);
		ops->withdrawn(device);
	}
}

/* A channel that was withdrawn has come to its end: the device is free of it. */
static void end_withdrawal(struct vmbus_channel *channel)
{
	const struct vmbus_channel_ops *ops = channel->ops;
	void *device = channel->device;

	if (!ops || !(channel->state->flags & VMBUS_CHANNEL_RESCINDED))
		return;
	channel->ops = NULL;
	channel->device = NULL;
	ops->withdrawn(device);
}

/* Finds the ring's pages in this process. Error: NTSTATUS for the guest. */
static uint32_t map_rings(struct vmbus_channel *channel)
{
	struct vmbus_server *server = channel->server;
	const struct vmbus_channel_state *c = channel->state;
	uint32_t count, i;
	const uint64_t *pfns = vmbus_gpadl_pages(server, channel->relid, c->gpadl, &count);

	/* Each ring has a header page and data. */
	if (!pfns || c->downstream_page < 2 || c->downstream_page > count || count - c->downstream_page < 2)
		return VMBUS_STATUS_INVALID_PARAMETER;
	channel->pages = calloc(count, sizeof *channel->pages);
	if (!channel->pages)
		return VMBUS_STATUS_INSUFFICIENT_RESOURCES;
	for (i = 0; i < count; i++) {
		channel->pages[i] = guest_map_at(server->map, pfns[i] * VMBUS_PAGE_SIZE, VMBUS_PAGE_SIZE);
		if (!channel->pages[i])
			return VMBUS_STATUS_INVALID_PARAMETER;
	}
	if (!vmbus_ring_init_pages(&channel->in, channel->pages, c->downstream_page) ||
	    !vmbus_ring_init_pages(&channel->out, channel->pages + c->downstream_page, count - c->downstream_page))
		return VMBUS_STATUS_INVALID_PARAMETER;
	return VMBUS_STATUS_SUCCESS;
}

static void unmap_rings(struct vmbus_channel *channel)
{
	free(channel->pages);
	channel->pages = NULL;
}

static int connect_event(struct vmbus_channel *channel, bool connected)
{
	struct vmbus_server *server = channel->server;

	return server->ops->connect_event(server->context, VMBUS_EVENT_CONNECTION(channel->relid), channel->relid, connected);
}

static uint32_t open_channel(struct vmbus_channel *channel, const struct vmbus_open_message *message)
{
	struct vmbus_channel_state *c = channel->state;
	uint32_t status;

	if (!(c->flags & VMBUS_CHANNEL_OFFERED) || c->flags & (VMBUS_CHANNEL_RESCINDED | VMBUS_CHANNEL_OPEN) || !channel->ops ||
	    message->target_vp >= channel->server->vp_count)
		return VMBUS_STATUS_INVALID_PARAMETER;
	c->open_id = message->open_id;
	c->gpadl = message->gpadl;
	c->target_vp = message->target_vp;
	c->downstream_page = message->downstream_page;
	memcpy(c->open_user, message->user, sizeof c->open_user);
	status = map_rings(channel);
	if (status)
		goto out;
	status = VMBUS_STATUS_INVALID_PARAMETER;
	if (vmbus_ring_reader_start(&channel->in) || vmbus_ring_writer_start(&channel->out))
		goto out;
	status = VMBUS_STATUS_UNSUCCESSFUL;
	if (connect_event(channel, true))
		goto out;
	c->read_next = channel->in.next;
	c->write_next = channel->out.next;
	memset(&channel->stats, 0, sizeof channel->stats);
	c->flags |= VMBUS_CHANNEL_OPEN;
	channel->polled = false;
	channel->live = true;
	if (channel->ops->open(channel->device, channel, c->open_user)) {
		channel->live = false;
		channel->failure = NULL;
		c->flags &= ~(uint32_t)(VMBUS_CHANNEL_OPEN | VMBUS_CHANNEL_FAILED);
		connect_event(channel, false);
		goto out;
	}
	return VMBUS_STATUS_SUCCESS;
out:
	unmap_rings(channel);
	return status;
}

void vmbus_channel_open(struct vmbus_server *server, const struct vmbus_open_message *message)
{
	struct vmbus_channel *channel = vmbus_channel_find(server, message->relid);
	struct vmbus_open_result reply = {
		.header.type = VMBUS_MSG_OPEN_RESULT, .relid = message->relid, .open_id = message->open_id,
		.status = VMBUS_STATUS_INVALID_PARAMETER,
	};

	if (channel)
		reply.status = open_channel(channel, message);
	if (reply.status)
		vmbus_log(server, "opening channel %u refused with status %08x", message->relid, reply.status);
	vmbus_reply(server, &reply, sizeof reply);
}

void vmbus_channel_fail(struct vmbus_channel *channel, const char *reason)
{
	if (!channel->live)
		return;
	channel->live = false;
	channel->failure = reason;
	channel->state->flags |= VMBUS_CHANNEL_FAILED;
	vmbus_log(channel->server, "channel %u stopped, the guest broke the ring protocol: %s", channel->relid, reason);
}

/* Tells the device that an open channel ended. */
static void end_use(struct vmbus_channel *channel)
{
	connect_event(channel, false);
	if (channel->ops)
		channel->ops->close(channel->device, channel);
	unmap_rings(channel);
	end_withdrawal(channel);
}

void vmbus_channel_settle(struct vmbus_channel *channel)
{
	const char *reason = channel->failure;

	if (!reason)
		return;
	channel->failure = NULL;
	if (channel->ops && channel->ops->failed)
		channel->ops->failed(channel->device, channel, reason);
	end_use(channel);
}

void vmbus_channel_close(struct vmbus_channel *channel)
{
	struct vmbus_channel_state *c = channel->state;

	vmbus_channel_settle(channel);
	if (!(c->flags & VMBUS_CHANNEL_OPEN))
		return;
	c->flags &= ~(uint32_t)(VMBUS_CHANNEL_OPEN | VMBUS_CHANNEL_FAILED);
	if (channel->live) {
		channel->live = false;
		end_use(channel);
	}
	vmbus_gpadl_channel_closed(channel->server, channel->relid);
}

void vmbus_channel_resume(struct vmbus_channel *channel)
{
	struct vmbus_channel_state *c = channel->state;
	const char *reason = "its rings are not there any more";
	int rc;

	if (map_rings(channel) || c->target_vp >= channel->server->vp_count ||
	    vmbus_ring_reader_resume(&channel->in, c->read_next) || vmbus_ring_writer_resume(&channel->out, c->write_next))
		goto fail;
	reason = "its signals cannot be connected";
	if (connect_event(channel, true))
		goto fail;
	channel->polled = false;
	channel->live = true;
	rc = (channel->ops->resume ? channel->ops->resume : channel->ops->open)(channel->device, channel, c->open_user);
	reason = "its device refuses";
	if (rc) {
		channel->live = false;
		connect_event(channel, false);
		goto fail;
	}
	return;
fail:
	c->flags |= VMBUS_CHANNEL_FAILED;
	unmap_rings(channel);
	vmbus_log(channel->server, "channel %u cannot be resumed: %s", channel->relid, reason);
}

uint32_t vmbus_channel_relid(const struct vmbus_channel *channel)
{
	return channel->relid;
}

bool vmbus_channel_is_open(const struct vmbus_channel *channel)
{
	return channel->live;
}

uint32_t vmbus_channel_target_vp(const struct vmbus_channel *channel)
{
	return channel->state->target_vp;
}

struct vmbus_server *vmbus_channel_server(const struct vmbus_channel *channel)
{
	return channel->server;
}

const struct guest_map *vmbus_channel_memory(const struct vmbus_channel *channel)
{
	return channel->server->map;
}

void vmbus_channel_get_stats(const struct vmbus_channel *channel, struct vmbus_channel_stats *stats)
{
	*stats = channel->stats;
}
