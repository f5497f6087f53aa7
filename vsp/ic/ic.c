/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integration components: framing, negotiation and order, for all of them. The host begins every exchange; a guest's answer that
 * was not asked for, or is malformed, is dropped.
 */
#include "vsp/ic/ic_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ic_service *const services[IC_TYPES] = {
	[IC_SHUTDOWN] = &ic_shutdown_service, [IC_HEARTBEAT] = &ic_heartbeat_service, [IC_TIMESYNC] = &ic_timesync_service,
	[IC_KVP] = &ic_kvp_service, [IC_VSS] = &ic_vss_service, [IC_FCOPY] = &ic_fcopy_service,
};
static const uint32_t frameworks[] = { IC_VERSION(3, 0), IC_VERSION(1, 0) };
#define FRAMEWORKS (sizeof frameworks / sizeof frameworks[0])

void ic_log(const struct ic *ic, const char *format, ...)
{
	char text[192];
	va_list args;

	if (!ic->ops->log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ic->ops->log(ic->context, text);
}

static struct ic_version unpack(uint32_t version)
{
	return (struct ic_version){ .major = (uint16_t)(version >> 16), .minor = (uint16_t)version };
}

int ic_send(struct ic *ic, uint16_t type, const void *body, uint32_t bytes)
{
	struct ic_state *state = ic->state;
	uint32_t transaction = (state->transaction + 1) & 0xff;
	struct ic_header header = {
		.pipe_flags = IC_PIPE_DATA, .pipe_bytes = (uint32_t)(sizeof header - 8 + bytes), .framework = unpack(state->framework), .type = type,
		.message = unpack(state->message), .bytes = (uint16_t)bytes, .transaction = (uint8_t)transaction,
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof header }, { .iov_base = (void *)(uintptr_t)body, .iov_len = bytes },
	};
	int rc = vmbus_channel_sendv(ic->channel, VMBUS_PACKET_INBAND, 0, transaction, NULL, 0, parts, 2);

	if (rc == 0)
		state->transaction = transaction;
	return rc;
}

int ic_ask(struct ic *ic, const void *body, uint32_t bytes)
{
	int rc = ic_send(ic, ic->service->message_type, body, bytes);

	if (rc)
		return rc == -EIO ? -ENOTCONN : rc;
	ic->state->request = ic->state->transaction + 1;
	ic->asked_at = ic->now;
	return 0;
}

bool ic_answers(struct ic *ic, const struct ic_header *header)
{
	if (ic->state->request != header->transaction + 1u)
		return false;
	ic->state->request = 0;
	return true;
}

bool ic_overdue(const struct ic *ic, uint32_t milliseconds)
{
	return ic->state->request && ic->now - ic->asked_at >= milliseconds;
}

int ic_error_of(uint32_t status)
{
	return !status ? 0 : status == IC_STATUS_NO_MORE ? -ENOENT : -EIO;
}

static void negotiate(struct ic *ic)
{
	struct ic_negotiate body = { .framework_count = FRAMEWORKS, .message_count = (uint16_t)ic->service->version_count };
	uint32_t i, count = 0;

	for (i = 0; i < FRAMEWORKS; i++)
		body.versions[count++] = unpack(frameworks[i]);
	for (i = 0; i < ic->service->version_count; i++)
		body.versions[count++] = unpack(ic->service->versions[i]);
	ic->state->framework = frameworks[FRAMEWORKS - 1];
	ic->state->message = ic->service->versions[ic->service->version_count - 1];
	ic->negotiate_due = ic_send(ic, IC_MESSAGE_NEGOTIATE, &body,
		(uint32_t)(offsetof(struct ic_negotiate, versions) + count * sizeof body.versions[0])) == -EAGAIN;
}

static void tell_ready(struct ic *ic, bool ready)
{
	if (ic->ready_told == ready)
		return;
	ic->ready_told = ready;
	if (ic->ops->ready)
		ic->ops->ready(ic->context, ic->type, ready);
}

static bool version_offered(const struct ic_version *version, const uint32_t *offered, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (IC_VERSION(version->major, version->minor) == offered[i])
			return true;
	return false;
}

static void negotiated(struct ic *ic, const uint8_t *data, uint32_t bytes)
{
	const uint32_t needed = offsetof(struct ic_negotiate, versions) + 2 * sizeof(struct ic_version);
	struct ic_negotiate body = { 0 };

	if (ic->state->phase != IC_PHASE_NEGOTIATING || bytes < needed)
		return;
	memcpy(&body, data, needed);
	if (body.framework_count != 1 || body.message_count != 1 || !version_offered(&body.versions[0], frameworks, FRAMEWORKS) ||
	    !version_offered(&body.versions[1], ic->service->versions, ic->service->version_count)) {
		ic->state->phase = IC_PHASE_REFUSED;
		ic_log(ic, "%s: the guest's integration component accepts no version of ours", ic->service->name);
		return;
	}
	ic->state->framework = IC_VERSION(body.versions[0].major, body.versions[0].minor);
	ic->state->message = IC_VERSION(body.versions[1].major, body.versions[1].minor);
	ic->state->phase = IC_PHASE_READY;
	if (ic->service->ready)
		ic->service->ready(ic, false);
	tell_ready(ic, true);
}

static void received(struct ic *ic, uint32_t bytes)
{
	struct ic_header header;

	if (bytes < sizeof header)
		return;
	memcpy(&header, ic->buffer, sizeof header);
	bytes -= (uint32_t)sizeof header;
	if (!(header.flags & IC_FLAG_RESPONSE))
		return;
	if (header.type == IC_MESSAGE_NEGOTIATE)
		negotiated(ic, ic->buffer + sizeof header, bytes);
	else if (ic->state->phase == IC_PHASE_READY && header.type == ic->service->message_type)
		ic->service->answered(ic, &header, ic->buffer + sizeof header, bytes);
}

static void on_signal(void *device, struct vmbus_channel *channel)
{
	struct ic *ic = device;
	int rc;

	if (ic->negotiate_due)
		negotiate(ic);
	do {
		struct vmbus_packet packet = { .payload = ic->buffer, .payload_capacity = sizeof ic->buffer };

		rc = vmbus_channel_next_packet(channel, &packet);
		if (rc == 0 && packet.type == VMBUS_PACKET_INBAND)
			received(ic, packet.payload_bytes);
	} while (rc != -EAGAIN && rc != -EIO);
}

static int on_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct ic *ic = device;

	(void)user;
	ic->channel = channel;
	ic->open = true;
	ic->unanswered = 0;
	ic->sent_at = 0;
	ic->state->phase = IC_PHASE_NEGOTIATING;
	ic->state->sequence = ic->state->answered = 0;
	ic->state->request = ic->state->frozen = 0;
	negotiate(ic);
	return 0;
}

static int on_resume(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct ic *ic = device;

	(void)user;
	ic->channel = channel;
	ic->open = true;
	/* The predecessor may have been killed before it asked. A second answer is dropped. */
	if (ic->state->phase == IC_PHASE_NEGOTIATING) {
		negotiate(ic);
	} else if (ic->state->phase == IC_PHASE_READY) {
		if (ic->service->ready)
			ic->service->ready(ic, true);
		tell_ready(ic, true);
	}
	return 0;
}

static void on_close(void *device, struct vmbus_channel *channel)
{
	struct ic *ic = device;

	(void)channel;
	ic->open = ic->negotiate_due = false;
	ic->state->phase = IC_PHASE_CLOSED;
	ic->state->request = ic->state->frozen = 0;
	if (ic->service->closed)
		ic->service->closed(ic);
	tell_ready(ic, false);
}

static const struct vmbus_channel_ops channel_ops = {
	.open = on_open, .resume = on_resume, .signal = on_signal, .close = on_close,
};

int ic_create(struct vmbus_server *server, enum ic_type type, const struct vmbus_guid *instance, struct ic_state *state,
	const struct ic_ops *ops, void *context, struct ic **ret)
{
	struct vmbus_offer offer = { .instance = *instance, .flags = VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE };
	struct ic *ic;

	if (type >= IC_TYPES || (type == IC_TIMESYNC && !ops->reference_time) ||
	    (state->version && state->version != IC_STATE_VERSION) || state->phase >= IC_PHASE_COUNT)
		return -EINVAL;
	ic = calloc(1, services[type]->bytes);
	if (!ic)
		return -ENOMEM;
	state->version = IC_STATE_VERSION;
	ic->type = type;
	ic->service = services[type];
	ic->state = state;
	ic->ops = ops;
	ic->context = context;
	offer.type = ic->service->class;
	ic->channel = vmbus_server_offer(server, &offer, &channel_ops, ic);
	if (!ic->channel) {
		free(ic);
		return -ENOSPC;
	}
	*ret = ic;
	return 0;
}

void ic_free(struct ic *ic)
{
	if (!ic)
		return;
	vmbus_server_rescind(ic->channel);
	free(ic);
}

void ic_detach(struct ic *ic)
{
	free(ic);
}

bool ic_ready(const struct ic *ic)
{
	return ic->open && ic->state->phase == IC_PHASE_READY;
}

uint32_t ic_framework_version(const struct ic *ic)
{
	return ic_ready(ic) ? ic->state->framework : 0;
}

uint32_t ic_message_version(const struct ic *ic)
{
	return ic_ready(ic) ? ic->state->message : 0;
}

void ic_tick(struct ic *ic, uint64_t now_ms)
{
	ic->now = now_ms ? now_ms : 1;
	if (!ic->open)
		return;
	if (ic->negotiate_due)
		negotiate(ic);
	if (ic->state->phase == IC_PHASE_READY && ic->service->tick)
		ic->service->tick(ic);
}
