/* SPDX-License-Identifier: BSD-2-Clause */
/* Life of the server, and delivery of its messages through the one message slot. The guest's messages are in message.c. */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How often a resumed channel is drained before its guest counts as hostile. */
#define RESUME_TURNS 64u

void vmbus_log(struct vmbus_server *server, const char *format, ...)
{
	char text[192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	server->ops->log(server->context, text);
}

/* Delivery. */

void vmbus_reply(struct vmbus_server *server, const void *message, size_t size)
{
	struct vmbus_state *state = server->state;
	struct vmbus_reply *reply = &state->replies[(state->reply_first + state->reply_count) % VMBUS_MAX_REPLIES];

	reply->size = (uint32_t)size;
	memcpy(reply->bytes, message, size);
	state->reply_count++;
}

static bool post(struct vmbus_server *server, const void *message, size_t size)
{
	int rc = server->ops->post_message(server->context, server->state->target_vp, VMBUS_SINT, VMBUS_MESSAGE_TYPE, message, size);

	if (rc == -EAGAIN)
		return false;
	if (rc)
		vmbus_log(server, "a message could not be delivered to VP %u: %s", server->state->target_vp, strerror(-rc));
	return true;
}

/* A guest may begin or end a connection only when no I/O of the last one can reach its memory any more. */
static bool must_wait(const struct vmbus_server *server, const struct vmbus_reply *reply)
{
	struct vmbus_message_header header;

	memcpy(&header, reply->bytes, sizeof header);
	return server->holds && (header.type == VMBUS_MSG_UNLOAD_RESPONSE || header.type == VMBUS_MSG_VERSION_RESPONSE);
}

static bool post_replies(struct vmbus_server *server)
{
	struct vmbus_state *state = server->state;

	while (state->reply_count) {
		const struct vmbus_reply *reply = &state->replies[state->reply_first];

		if (must_wait(server, reply) || !post(server, reply->bytes, reply->size))
			return false;
		state->reply_first = (state->reply_first + 1) % VMBUS_MAX_REPLIES;
		state->reply_count--;
	}
	return true;
}

static bool post_offer(struct vmbus_server *server, const struct vmbus_channel *channel)
{
	const struct vmbus_channel_state *c = channel->state;
	struct vmbus_offer_message offer = {
		.header.type = VMBUS_MSG_OFFER, .type = c->type, .instance = c->instance, .flags = c->offer_flags,
		.mmio_megabytes = c->mmio_megabytes, .subchannel_index = c->subchannel_index, .relid = channel->relid,
		.dedicated_interrupt = 1, .connection_id = VMBUS_EVENT_CONNECTION(channel->relid),
	};

	memcpy(offer.user, c->offer_user, sizeof offer.user);
	return post(server, &offer, sizeof offer);
}

static bool post_relid(struct vmbus_server *server, uint32_t type, uint32_t relid)
{
	struct vmbus_relid_message message = { .header.type = type, .relid = relid };

	return post(server, &message, sizeof message);
}

static bool post_due_offers(struct vmbus_server *server)
{
	for (uint32_t i = 0; i < server->state->channel_limit; i++) {
		struct vmbus_channel *channel = &server->channels[i];

		if (!(channel->state->flags & VMBUS_CHANNEL_OFFER_DUE))
			continue;
		if (!post_offer(server, channel))
			return false;
		channel->state->flags = (channel->state->flags & ~(uint32_t)VMBUS_CHANNEL_OFFER_DUE) | VMBUS_CHANNEL_OFFERED;
	}
	return true;
}

static bool post_due_rescinds(struct vmbus_server *server, bool of_subchannels)
{
	for (uint32_t i = 0; i < server->state->channel_limit; i++) {
		struct vmbus_channel_state *c = &server->state->channels[i];

		if (!(c->flags & VMBUS_CHANNEL_RESCIND_DUE) || (c->subchannel_index != 0) != of_subchannels)
			continue;
		if (!post_relid(server, VMBUS_MSG_RESCIND, i + 1))
			return false;
		c->flags &= ~(uint32_t)VMBUS_CHANNEL_RESCIND_DUE;
	}
	return true;
}

/* Linux takes a device away when it is told of the primary channel, and then wants to have heard of the others. */
static bool post_due_channels(struct vmbus_server *server)
{
	return post_due_offers(server) && post_due_rescinds(server, true) && post_due_rescinds(server, false);
}

static bool post_due_teardowns(struct vmbus_server *server)
{
	for (uint32_t i = 0; i < server->state->gpadl_limit; i++) {
		struct vmbus_gpadl_state *g = &server->state->gpadls[i];
		struct vmbus_gpadl_torndown message = { .header.type = VMBUS_MSG_GPADL_TORNDOWN, .gpadl = g->id };

		if (g->status != VMBUS_GPADL_TORNDOWN_DUE)
			continue;
		if (!post(server, &message, sizeof message))
			return false;
		g->status = VMBUS_GPADL_FREE;
	}
	return true;
}

void vmbus_pump(struct vmbus_server *server)
{
	struct vmbus_message_header delivered = { .type = VMBUS_MSG_ALL_OFFERS_DELIVERED };
	struct vmbus_state *state = server->state;

	if (!server->started || !post_replies(server) || !state->negotiated || !server->due)
		return;
	if (!post_due_teardowns(server) || !post_due_channels(server))
		return;
	if (state->all_delivered_due) {
		if (!post(server, &delivered, sizeof delivered))
			return;
		state->all_delivered_due = 0;
	}
	server->due = false;
}

void vmbus_server_message_slot_free(struct vmbus_server *server)
{
	vmbus_pump(server);
}

void vmbus_server_hold(struct vmbus_server *server)
{
	server->holds++;
}

void vmbus_server_release(struct vmbus_server *server)
{
	if (server->holds && --server->holds == 0)
		vmbus_pump(server);
}

/* Life. */

void vmbus_disconnect(struct vmbus_server *server)
{
	struct vmbus_state *state = server->state;

	state->negotiated = 0;
	state->offers_requested = 0;
	state->all_delivered_due = 0;
	for (uint32_t i = 0; i < state->channel_limit; i++)
		vmbus_channel_close(&server->channels[i]);
	for (uint32_t i = 0; i < state->channel_limit; i++) {
		if (state->channels[i].flags & VMBUS_CHANNEL_RESCINDED)
			vmbus_channel_free(&server->channels[i]);
		else
			state->channels[i].flags &= VMBUS_CHANNEL_PRESENT;
	}
	for (uint32_t i = 0; i < state->gpadl_limit; i++)
		state->gpadls[i].status = VMBUS_GPADL_FREE;
	state->gpadl_limit = 0;
	server->due = false;
}

void vmbus_server_reset(struct vmbus_server *server)
{
	vmbus_disconnect(server);
	server->state->reply_count = 0;
}

void vmbus_server_set_tl_connect(struct vmbus_server *server, vmbus_tl_connect_fn *connect, void *context)
{
	server->tl_connect = connect;
	server->tl_context = context;
}

uint32_t vmbus_server_version(const struct vmbus_server *server)
{
	return server->state->negotiated;
}

/* A predecessor's state is trusted to be honest, not to be whole: no index in it may lead outside. */
static bool state_valid(const struct vmbus_state *state, uint32_t vp_count)
{
	if (state->size != sizeof *state || state->target_vp >= vp_count || state->channel_limit > VMBUS_MAX_CHANNELS ||
	    state->gpadl_limit > VMBUS_MAX_GPADLS || state->reply_first >= VMBUS_MAX_REPLIES || state->reply_count > VMBUS_MAX_REPLIES ||
	    (state->negotiated && !vmbus_version_known(state->negotiated)))
		return false;
	for (uint32_t i = 0; i < VMBUS_MAX_REPLIES; i++)
		if (state->replies[i].size > VMBUS_REPLY_BYTES)
			return false;
	for (uint32_t i = 0; i < state->gpadl_limit; i++) {
		const struct vmbus_gpadl_state *g = &state->gpadls[i];

		if (g->status >= VMBUS_GPADL_STATUS_COUNT || g->filled > g->count || g->first > VMBUS_MAX_GPADL_WORDS ||
		    g->count > VMBUS_MAX_GPADL_WORDS - g->first)
			return false;
	}
	return true;
}

struct vmbus_server *vmbus_server_create(struct vmbus_state *state, const struct guest_map *map, uint32_t vp_count,
	const struct vmbus_server_ops *ops, void *context)
{
	struct vmbus_server *server;

	if (state->magic == 0) {
		state->version = VMBUS_STATE_VERSION;
		state->size = sizeof *state;
		state->magic = VMBUS_STATE_MAGIC;
	}
	if (state->magic != VMBUS_STATE_MAGIC) {
		errno = EINVAL;
		return NULL;
	}
	if (state->version != VMBUS_STATE_VERSION) {
		errno = ENOTSUP;
		return NULL;
	}
	if (!state_valid(state, vp_count)) {
		errno = EINVAL;
		return NULL;
	}
	server = calloc(1, sizeof *server);
	if (!server)
		return NULL;
	server->state = state;
	server->map = map;
	server->vp_count = vp_count;
	server->ops = ops;
	server->context = context;
	for (uint32_t i = 0; i < VMBUS_MAX_CHANNELS; i++) {
		server->channels[i].server = server;
		server->channels[i].state = &state->channels[i];
		server->channels[i].relid = i + 1;
	}
	return server;
}

void vmbus_server_start(struct vmbus_server *server)
{
	struct vmbus_state *state = server->state;

	server->due = true;
	for (uint32_t i = 0; i < state->channel_limit; i++) {
		struct vmbus_channel *channel = &server->channels[i];
		uint32_t flags = channel->state->flags;

		if (!(flags & VMBUS_CHANNEL_PRESENT) || (flags & VMBUS_CHANNEL_RESCINDED && !channel->ops))
			continue;
		if (!channel->ops)
			vmbus_server_rescind(channel);
		else if (flags & VMBUS_CHANNEL_OPEN && !(flags & VMBUS_CHANNEL_FAILED))
			vmbus_channel_resume(channel);
	}
	server->started = true;
	vmbus_pump(server);
	/* Signals in either direction may have been lost with the predecessor. */
	for (uint32_t i = 0; i < state->channel_limit; i++) {
		struct vmbus_channel *channel = &server->channels[i];

		if (!channel->live)
			continue;
		server->ops->signal_event(server->context, channel->state->target_vp, (uint16_t)channel->relid);
		for (uint32_t turns = 0; vmbus_channel_poll(channel);)
			if (++turns == RESUME_TURNS)
				vmbus_channel_fail(channel, "never lets the ring run empty");
	}
}

void vmbus_server_free(struct vmbus_server *server)
{
	if (!server)
		return;
	for (uint32_t i = 0; i < VMBUS_MAX_CHANNELS; i++)
		free(server->channels[i].pages);
	free(server);
}
