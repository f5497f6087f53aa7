/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integration components: framing, negotiation, and what each of the three says. The host begins every exchange; a guest's answer that
 * was not asked for, or is malformed, is dropped.
 */
#include "vsp/ic/ic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vsp/ic/ic_protocol.h"

enum ic_phase { IC_PHASE_CLOSED, IC_PHASE_NEGOTIATING, IC_PHASE_READY, IC_PHASE_REFUSED, IC_PHASE_COUNT };

#define VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
/* Of messages that come round by themselves: how many may be unanswered before the next is held back. */
#define MAX_UNANSWERED 4u
#define EPOCH_1601     116444736000000000ull /* 1970 in 100 ns since 1601 */

/* What tells the components apart. */
struct ic_kind {
	const char *name;
	struct vmbus_guid class;
	uint16_t message_type;
	uint32_t version_count;
	uint32_t versions[4];        /* newest first */
};

static const struct ic_kind kinds[] = {
	[IC_SHUTDOWN] = { "shutdown", VMBUS_CLASS_SHUTDOWN, IC_MESSAGE_SHUTDOWN, 4,
		{ VERSION(3, 2), VERSION(3, 1), VERSION(3, 0), VERSION(1, 0) } },
	[IC_HEARTBEAT] = { "heartbeat", VMBUS_CLASS_HEARTBEAT, IC_MESSAGE_HEARTBEAT, 2, { VERSION(3, 0), VERSION(1, 0) } },
	[IC_TIMESYNC] = { "time synchronization", VMBUS_CLASS_TIMESYNC, IC_MESSAGE_TIMESYNC, 3,
		{ VERSION(4, 0), VERSION(3, 0), VERSION(1, 0) } },
};
static const uint32_t frameworks[] = { VERSION(3, 0), VERSION(1, 0) };
#define FRAMEWORKS (sizeof frameworks / sizeof frameworks[0])

struct ic {
	enum ic_type type;
	const struct ic_kind *kind;
	struct ic_state *state;
	const struct ic_ops *ops;
	void *context;
	struct vmbus_channel *channel;
	bool open;
	bool negotiate_due;          /* the ring was full */
	bool ready_told;
	bool alive;
	bool force_sync;             /* the next time message sets the clock */
	bool progress;               /* something was answered since the last tick */
	uint32_t unanswered;
	uint64_t now, sent_at, answered_at; /* ms, of the last tick; 0: never */
	uint8_t buffer[4096];
};

static void ic_log(const struct ic *ic, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void ic_log(const struct ic *ic, const char *format, ...)
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

static int send_message(struct ic *ic, uint16_t type, const void *body, uint32_t bytes)
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

static void negotiate(struct ic *ic)
{
	struct ic_negotiate body = { .framework_count = FRAMEWORKS, .message_count = (uint16_t)ic->kind->version_count };
	uint32_t i, count = 0;

	for (i = 0; i < FRAMEWORKS; i++)
		body.versions[count++] = unpack(frameworks[i]);
	for (i = 0; i < ic->kind->version_count; i++)
		body.versions[count++] = unpack(ic->kind->versions[i]);
	ic->state->framework = frameworks[FRAMEWORKS - 1];
	ic->state->message = ic->kind->versions[ic->kind->version_count - 1];
	ic->negotiate_due = send_message(ic, IC_MESSAGE_NEGOTIATE, &body,
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

static void tell_alive(struct ic *ic, bool alive)
{
	if (ic->alive == alive)
		return;
	ic->alive = alive;
	if (ic->ops->heartbeat)
		ic->ops->heartbeat(ic->context, alive);
}

static int send_time(struct ic *ic)
{
	uint8_t flags = ic->force_sync ? IC_TIME_SYNC : IC_TIME_SAMPLE;
	uint64_t reference = ic->ops->reference_time(ic->context), time;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	time = EPOCH_1601 + (uint64_t)now.tv_sec * 10000000u + (uint64_t)now.tv_nsec / 100;
	if (ic->state->message >= VERSION(4, 0)) {
		struct ic_time_4 body = { .parent_time = time, .reference_time = reference, .flags = flags };

		return send_message(ic, IC_MESSAGE_TIMESYNC, &body, sizeof body);
	}
	return send_message(ic, IC_MESSAGE_TIMESYNC, &(struct ic_time){ .parent_time = time, .flags = flags }, sizeof(struct ic_time));
}

/* Heartbeat or time, when it is due. */
static void send_regular(struct ic *ic)
{
	uint64_t period = ic->type == IC_HEARTBEAT ? IC_HEARTBEAT_MS : IC_TIMESYNC_MS;
	bool due = !ic->sent_at || ic->now - ic->sent_at >= period || ic->force_sync;
	int rc;

	if (ic->type == IC_SHUTDOWN || !due || ic->unanswered >= MAX_UNANSWERED)
		return;
	if (ic->type == IC_HEARTBEAT) {
		struct ic_heartbeat body = { .sequence = ic->state->sequence + 1 };

		rc = send_message(ic, IC_MESSAGE_HEARTBEAT, &body, sizeof body);
		if (rc == 0)
			ic->state->sequence++;
	} else {
		rc = send_time(ic);
		if (rc == 0)
			ic->force_sync = false;
	}
	if (rc)
		return;
	ic->sent_at = ic->now;
	ic->unanswered++;
}

static bool version_offered(const struct ic_version *version, const uint32_t *offered, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (VERSION(version->major, version->minor) == offered[i])
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
	    !version_offered(&body.versions[1], ic->kind->versions, ic->kind->version_count)) {
		ic->state->phase = IC_PHASE_REFUSED;
		ic_log(ic, "%s: the guest's integration component accepts no version of ours", ic->kind->name);
		return;
	}
	ic->state->framework = VERSION(body.versions[0].major, body.versions[0].minor);
	ic->state->message = VERSION(body.versions[1].major, body.versions[1].minor);
	ic->state->phase = IC_PHASE_READY;
	ic->force_sync = ic->type == IC_TIMESYNC;
	ic->answered_at = ic->now;
	tell_ready(ic, true);
	send_regular(ic);
}

static void heartbeat_answered(struct ic *ic, const uint8_t *data, uint32_t bytes)
{
	uint64_t sequence;

	if (bytes < sizeof sequence)
		return;
	memcpy(&sequence, data, sizeof sequence);
	/* One more than was sent, and newer than what came last. */
	if (sequence == 0 || sequence - 1 > ic->state->sequence || sequence - 1 <= ic->state->answered)
		return;
	ic->state->answered = sequence - 1;
	ic->unanswered = 0;
	ic->progress = true;
	tell_alive(ic, true);
}

static void shutdown_answered(struct ic *ic, const struct ic_header *header)
{
	bool reboot = ic->state->request_reboot;

	if (ic->state->request != header->transaction + 1u)
		return;
	ic->state->request = 0;
	if (ic->ops->shutdown_answer)
		ic->ops->shutdown_answer(ic->context, reboot, header->status);
}

static void received(struct ic *ic, uint32_t bytes)
{
	struct ic_header header;
	const uint8_t *body = ic->buffer + sizeof header;

	if (bytes < sizeof header)
		return;
	memcpy(&header, ic->buffer, sizeof header);
	bytes -= (uint32_t)sizeof header;
	if (!(header.flags & IC_FLAG_RESPONSE))
		return;
	if (header.type == IC_MESSAGE_NEGOTIATE)
		return negotiated(ic, body, bytes);
	if (ic->state->phase != IC_PHASE_READY || header.type != ic->kind->message_type)
		return;
	switch (ic->type) {
	case IC_SHUTDOWN:
		return shutdown_answered(ic, &header);
	case IC_HEARTBEAT:
		return heartbeat_answered(ic, body, bytes);
	case IC_TIMESYNC:
		ic->unanswered = 0;
		return;
	}
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
	ic->state->request = 0;
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
	if (ic->state->phase == IC_PHASE_NEGOTIATING)
		negotiate(ic);
	else if (ic->state->phase == IC_PHASE_READY)
		tell_ready(ic, true);
	return 0;
}

static void on_close(void *device, struct vmbus_channel *channel)
{
	struct ic *ic = device;

	(void)channel;
	ic->open = ic->negotiate_due = ic->force_sync = false;
	ic->state->phase = IC_PHASE_CLOSED;
	ic->state->request = 0;
	tell_alive(ic, false);
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

	if (type > IC_TIMESYNC || (type == IC_TIMESYNC && !ops->reference_time) ||
	    (state->version && state->version != IC_STATE_VERSION) || state->phase >= IC_PHASE_COUNT)
		return -EINVAL;
	ic = calloc(1, sizeof *ic);
	if (!ic)
		return -ENOMEM;
	state->version = IC_STATE_VERSION;
	ic->type = type;
	ic->kind = &kinds[type];
	ic->state = state;
	ic->ops = ops;
	ic->context = context;
	offer.type = ic->kind->class;
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

void ic_tick(struct ic *ic, uint64_t now_ms)
{
	ic->now = now_ms ? now_ms : 1;
	if (!ic->open)
		return;
	if (ic->negotiate_due)
		negotiate(ic);
	if (ic->state->phase != IC_PHASE_READY)
		return;
	if (ic->progress || !ic->answered_at)
		ic->answered_at = ic->now;
	ic->progress = false;
	if (ic->type == IC_HEARTBEAT && ic->now - ic->answered_at >= IC_HEARTBEAT_LOST_MS)
		tell_alive(ic, false);
	send_regular(ic);
}

int ic_shutdown_request(struct ic *ic, bool reboot, bool force, const char *text)
{
	struct ic_shutdown body = {
		.reason = IC_SHUTDOWN_PLANNED, .flags = (reboot ? IC_SHUTDOWN_RESTART : 0) | (force ? IC_SHUTDOWN_FORCE : 0),
	};
	int rc;

	if (!ic_ready(ic) || ic->type != IC_SHUTDOWN)
		return -ENOTCONN;
	if (ic->state->request)
		return -EALREADY;
	if (text)
		memcpy(body.text, text, strnlen(text, sizeof body.text - 1));
	rc = send_message(ic, IC_MESSAGE_SHUTDOWN, &body, sizeof body);
	if (rc)
		return rc == -EIO ? -ENOTCONN : rc;
	ic->state->request_reboot = reboot;
	ic->state->request = ic->state->transaction + 1;
	return 0;
}

uint64_t ic_heartbeat_sequence(const struct ic *ic)
{
	return ic->state->answered;
}

bool ic_heartbeat_alive(const struct ic *ic)
{
	return ic->alive;
}

void ic_timesync_force(struct ic *ic)
{
	ic->force_sync = true;
}
