/* SPDX-License-Identifier: BSD-2-Clause */
/* Dynamic memory: the device, negotiation and reports. What is asked of the guest is in request.c. */
#include "vsp/balloon/balloon_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void balloon_log(const struct balloon *b, const char *format, ...)
{
	char text[192];
	va_list args;

	if (!b->ops->log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	b->ops->log(b->context, text);
}

void balloon_changed(const struct balloon *b)
{
	if (b->ops->changed)
		b->ops->changed(b->context);
}

int balloon_send(struct balloon *b, enum dm_message_type type, void *message, size_t bytes)
{
	struct dm_header *header = message;

	*header = (struct dm_header){ .type = (uint16_t)type, .bytes = (uint16_t)bytes, .transaction = ++b->state->transaction };
	return vmbus_channel_send(b->channel, VMBUS_PACKET_INBAND, 0, 0, message, (uint32_t)bytes);
}

/* A message that comes of one of the guest's. */
static int answer(struct balloon *b, enum dm_message_type type, void *message, size_t bytes)
{
	return vmbus_once_output(&b->once, b->channel) ? balloon_send(b, type, message, bytes) : 0;
}

static void version_asked(struct balloon *b, uint32_t bytes)
{
	struct dm_accepted response = { .accepted = 1 };
	struct dm_version_request request;
	struct balloon_state *s = b->state;

	if (bytes < sizeof request || (s->phase != PHASE_VERSION && s->phase != PHASE_CAPABILITIES))
		return;
	memcpy(&request, b->buffer, sizeof request);
	response.accepted = request.version == DM_VERSION_1_0 || request.version == DM_VERSION_2_0;
	if (answer(b, DM_VERSION_RESPONSE, &response, sizeof response))
		return;
	if (response.accepted) {
		s->guest_version = request.version;
		balloon_keep(&s->phase, PHASE_CAPABILITIES);
	} else if (request.last_attempt & 1) {
		balloon_keep(&s->phase, PHASE_REFUSED);
		balloon_log(b, "the guest knows no version of ours; its last was %u.%u", request.version >> 16, request.version & 0xffff);
	}
}

static void capabilities_told(struct balloon *b, uint32_t bytes)
{
	struct dm_accepted response = { .accepted = 1 };
	struct dm_info info = { .info_bytes = 16, .type = DM_INFO_MAXIMUM, .bytes = 8 };
	struct dm_capabilities caps;

	if (bytes < sizeof caps || b->state->phase != PHASE_CAPABILITIES)
		return;
	memcpy(&caps, b->buffer, sizeof caps);
	if (answer(b, DM_CAPABILITIES_RESPONSE, &response, sizeof response))
		return;
	info.pages = balloon_at_start(b) + b->config.hot_add_pages;
	answer(b, DM_INFO_MESSAGE, &info, sizeof info); /* for people in the guest; nothing depends on it */
	b->state->capabilities = caps.capabilities;
	balloon_keep(&b->state->phase, PHASE_READY);
	balloon_changed(b);
}

static void status_reported(struct balloon *b, uint32_t bytes)
{
	struct balloon_state *s = b->state;
	struct dm_status status;

	if (bytes < sizeof status || s->phase != PHASE_READY)
		return;
	memcpy(&status, b->buffer, sizeof status);
	/* Its balloon counts as committed, with the protocol as with Linux. */
	s->demand = status.committed > b->ballooned ? status.committed - b->ballooned : 0;
	s->available = status.available;
	s->reported = 1;
	balloon_changed(b);
}

static void received(struct balloon *b, uint32_t bytes)
{
	struct dm_header header;

	if (bytes < sizeof header)
		return;
	memcpy(&header, b->buffer, sizeof header);
	switch (header.type) {
	case DM_VERSION_REQUEST:
		return version_asked(b, bytes);
	case DM_CAPABILITIES_REPORT:
		return capabilities_told(b, bytes);
	case DM_STATUS_REPORT:
		return status_reported(b, bytes);
	case DM_BALLOON_RESPONSE:
		return balloon_given(b, bytes);
	case DM_UNBALLOON_RESPONSE:
		return balloon_taken_back(b);
	case DM_HOT_ADD_RESPONSE:
		return balloon_hot_added(b, bytes);
	}
}

static void on_signal(void *device, struct vmbus_channel *channel)
{
	struct balloon *b = device;
	int rc;

	do {
		struct vmbus_packet packet = { .payload = b->buffer, .payload_capacity = sizeof b->buffer };

		rc = vmbus_channel_next_packet(channel, &packet);
		if (rc != -EAGAIN && rc != -EIO)
			vmbus_once_begin(&b->once);
		if (rc == 0 && packet.type == VMBUS_PACKET_INBAND)
			received(b, packet.payload_bytes);
	} while (rc != -EAGAIN && rc != -EIO);
	if (rc == -EAGAIN)
		balloon_step(b);
}

/* The guest's driver or kernel is gone, and with it who knew what was in the balloon: it is the guest's memory again. */
static void forget_guest(struct balloon *b)
{
	struct balloon_state *s = b->state;

	balloon_keep(&s->action, ACTION_NONE);
	balloon_keep(&s->phase, PHASE_CLOSED);
	s->guest_version = 0;
	s->capabilities = s->demand = s->available = 0;
	s->reported = s->add_over = 0;
	b->retry_at = 0;
	if (b->ballooned)
		page_set_clear(&b->given);
	b->ballooned = 0;
}

static int on_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct balloon *b = device;

	(void)user;
	(void)channel;
	/* A predecessor may have been killed before it could. */
	forget_guest(b);
	vmbus_once_open(&b->once);
	balloon_keep(&b->state->phase, PHASE_VERSION);
	return 0;
}

static int on_resume(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct balloon *b = device;

	if (b->state->phase == PHASE_CLOSED)
		return on_open(device, channel, user);
	vmbus_once_resume(&b->once, channel);
	balloon_resume_request(b);
	return 0;
}

static void on_close(void *device, struct vmbus_channel *channel)
{
	struct balloon *b = device;

	(void)channel;
	forget_guest(b);
	balloon_changed(b);
}

static const struct vmbus_channel_ops channel_ops = { .open = on_open, .resume = on_resume, .signal = on_signal, .close = on_close };

int balloon_create(struct vmbus_server *server, struct balloon_state *state, const struct balloon_config *config,
	const struct balloon_ops *ops, void *context, struct balloon **ret)
{
	struct vmbus_offer offer = { .type = VMBUS_CLASS_BALLOON, .instance = config->instance };
	uint64_t high_end = config->high_pages ? BALLOON_GFN_4G + config->high_pages : 0;
	uint64_t limit = config->low_pages > high_end ? config->low_pages : high_end;
	bool fresh = !state->magic;
	struct balloon *b;
	int rc;

	if (!ops->release || config->low_pages > BALLOON_GFN_4G || config->high_pages > BALLOON_GFN_LIMIT - BALLOON_GFN_4G ||
	    config->hot_add_gfn > BALLOON_GFN_LIMIT || config->hot_add_pages > BALLOON_GFN_LIMIT - config->hot_add_gfn ||
	    (config->hot_add_pages && config->hot_add_gfn < high_end))
		return -EINVAL;
	if (config->hot_add_pages)
		limit = config->hot_add_gfn + config->hot_add_pages;
	rc = balloon_take_state(state, config, limit);
	if (rc)
		return rc;
	b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->config = *config;
	b->ops = ops;
	b->context = context;
	b->state = state;
	b->once.state = &state->once;
	b->given = (struct page_set){ state->given, (limit + PAGE_SET_BITS - 1) / PAGE_SET_BITS * PAGE_SET_BITS };
	b->ballooned = fresh ? 0 : page_set_count(&b->given);
	b->channel = vmbus_server_offer(server, &offer, &channel_ops, b);
	if (!b->channel) {
		free(b);
		return -ENOSPC;
	}
	*ret = b;
	return 0;
}

void balloon_free(struct balloon *b)
{
	if (!b)
		return;
	vmbus_server_rescind(b->channel);
	free(b);
}

void balloon_detach(struct balloon *b)
{
	free(b);
}

void balloon_reset(struct balloon *b)
{
	forget_guest(b);
	if (b->state->added)
		b->ops->release(b->context, b->config.hot_add_gfn, b->state->added);
	b->state->added = 0;
	balloon_changed(b);
}

void balloon_set_target(struct balloon *b, uint64_t pages)
{
	b->state->target = pages / BALLOON_LARGE * BALLOON_LARGE;
	b->retry_at = 0;
	balloon_step(b);
}

void balloon_tick(struct balloon *b, uint64_t now_ms)
{
	b->now = now_ms;
	/* A predecessor was killed before it heard of the close, or the channel could not be resumed. */
	if (b->state->phase != PHASE_CLOSED && !vmbus_channel_is_open(b->channel))
		on_close(b, b->channel);
	balloon_step(b);
}

void balloon_get_status(const struct balloon *b, struct balloon_status *ret)
{
	const struct balloon_state *s = b->state;

	*ret = (struct balloon_status){
		.ready = balloon_is_ready(b),
		.can_balloon = s->capabilities & DM_CAPABILITY_BALLOON,
		.can_add = s->capabilities & DM_CAPABILITY_HOT_ADD && !s->add_over,
		.busy = s->action != ACTION_NONE,
		.version = s->guest_version,
		.target_pages = s->target,
		.assigned_pages = balloon_assigned(b),
		.ballooned_pages = b->ballooned,
		.added_pages = s->added,
		.reported = s->reported,
		.demand_pages = s->demand,
		.available_pages = s->available,
	};
}
