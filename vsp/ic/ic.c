/* SPDX-License-Identifier: BSD-2-Clause */
/* See ic.h. Negotiation and framing are the same for all components; what each says is in the functions named after it. */
#include "vsp/ic/ic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmbus/protocol/guid.h"
#include "vsp/ic/protocol.h"

#define MESSAGE_MAX (sizeof(struct ic_pipe_header) + sizeof(struct ic_header) + sizeof(struct ic_shutdown))
#define PAYLOAD_MAX 4096u
#define SHUTDOWN_TIMEOUT_S 60u

enum ic_phase { IC_CLOSED, IC_OPENED, IC_NEGOTIATING, IC_NEGOTIATED, IC_REFUSED };

struct ic {
	enum ic_type type;
	struct vmbus_server *server;
	struct vmbus_channel *channel;
	struct ic_state *state;
	const struct ic_ops *ops;
	void *context;
	uint64_t next_ms, answer_ms;
	bool alive, force_sync;
};

/* Newest first; the guest takes the first that it knows. */
static const struct ic_version frameworks[] = { { 3, 0 }, { 1, 0 } };
static const struct ic_version shutdown_versions[] = { { 3, 2 }, { 3, 1 }, { 3, 0 }, { 1, 0 } };
static const struct ic_version heartbeat_versions[] = { { 3, 0 }, { 1, 0 } };
static const struct ic_version timesync_versions[] = { { 4, 0 }, { 3, 0 }, { 1, 0 } };

static const struct component {
	const char *name;
	uint16_t message;
	const struct ic_version *versions;
	unsigned int version_count;
} components[] = {
	[IC_SHUTDOWN] = { "shutdown", IC_MESSAGE_SHUTDOWN, shutdown_versions, 4 },
	[IC_HEARTBEAT] = { "heartbeat", IC_MESSAGE_HEARTBEAT, heartbeat_versions, 2 },
	[IC_TIMESYNC] = { "timesync", IC_MESSAGE_TIMESYNC, timesync_versions, 3 },
};

static void log_ic(const struct ic *ic, const char *text)
{
	char line[160];

	if (ic->ops->log == NULL)
		return;
	snprintf(line, sizeof line, "ic %s: %s", components[ic->type].name, text);
	ic->ops->log(ic->context, line);
}

static struct ic_version unpack(uint32_t version)
{
	return (struct ic_version){ (uint16_t)(version >> 16), (uint16_t)version };
}

static int send(struct ic *ic, uint16_t type, const void *body, size_t size)
{
	uint8_t packet[MESSAGE_MAX] = { 0 };
	struct ic_pipe_header pipe = { IC_PIPE_DATA, (uint32_t)(sizeof(struct ic_header) + size) };
	struct ic_header header = { .type = type, .size = (uint16_t)size, .flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST };

	header.transaction = (uint8_t)++ic->state->transaction;
	header.framework = type == IC_MESSAGE_NEGOTIATE ? frameworks[0] : unpack(ic->state->framework);
	header.message = type == IC_MESSAGE_NEGOTIATE ? components[ic->type].versions[0] : unpack(ic->state->message);
	memcpy(packet, &pipe, sizeof pipe);
	memcpy(packet + sizeof pipe, &header, sizeof header);
	memcpy(packet + sizeof pipe + sizeof header, body, size);
	return vmbus_channel_send(ic->channel, VMBUS_PACKET_INBAND, 0, ic->state->transaction, packet,
				  (uint32_t)(sizeof pipe + sizeof header + size));
}

/* Tried again by the next tick when the ring is full. */
static void negotiate(struct ic *ic)
{
	const struct component *c = &components[ic->type];
	uint8_t body[sizeof(struct ic_negotiate) + 8 * sizeof(struct ic_version)];
	struct ic_negotiate head = { 2, (uint16_t)c->version_count, 0 };
	size_t size = sizeof head;

	memcpy(body, &head, sizeof head);
	memcpy(body + size, frameworks, sizeof frameworks);
	size += sizeof frameworks;
	memcpy(body + size, c->versions, c->version_count * sizeof *c->versions);
	size += c->version_count * sizeof *c->versions;
	if (send(ic, IC_MESSAGE_NEGOTIATE, body, size) == 0)
		ic->state->phase = IC_NEGOTIATING;
}

static void set_alive(struct ic *ic, bool alive)
{
	if (ic->type != IC_HEARTBEAT || ic->alive == alive)
		return;
	ic->alive = alive;
	if (ic->ops->heartbeat != NULL)
		ic->ops->heartbeat(ic->context, alive);
}

static void set_ready(struct ic *ic, enum ic_phase phase)
{
	bool was = ic_ready(ic);

	ic->state->phase = phase;
	if (was != ic_ready(ic) && ic->ops->ready != NULL)
		ic->ops->ready(ic->context, ic->type, ic_ready(ic));
}

static bool known(struct ic_version v, const struct ic_version *list, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (list[i].major == v.major && list[i].minor == v.minor)
			return true;
	return false;
}

static void negotiated(struct ic *ic, const uint8_t *body, size_t size)
{
	const struct component *c = &components[ic->type];
	struct ic_version chosen[2];
	struct ic_negotiate head;

	if (ic->state->phase != IC_NEGOTIATING || size < sizeof head)
		return;
	memcpy(&head, body, sizeof head);
	if (head.framework_count != 1 || head.message_count != 1 || size < sizeof head + sizeof chosen) {
		log_ic(ic, "the guest knows none of our versions");
		set_ready(ic, IC_REFUSED);
		return;
	}
	memcpy(chosen, body + sizeof head, sizeof chosen);
	if (!known(chosen[0], frameworks, 2) || !known(chosen[1], c->versions, c->version_count)) {
		log_ic(ic, "the guest chose a version that was not offered");
		set_ready(ic, IC_REFUSED);
		return;
	}
	ic->state->framework = (uint32_t)chosen[0].major << 16 | chosen[0].minor;
	ic->state->message = (uint32_t)chosen[1].major << 16 | chosen[1].minor;
	ic->next_ms = 0;
	ic->answer_ms = 0;
	ic->force_sync = true;
	set_ready(ic, IC_NEGOTIATED);
}

static void heartbeat_answered(struct ic *ic, const uint8_t *body, size_t size)
{
	struct ic_heartbeat beat;

	if (size < sizeof beat.sequence)
		return;
	memcpy(&beat.sequence, body, sizeof beat.sequence);
	/* An answer to something that was never sent proves nothing. */
	if (beat.sequence == 0 || beat.sequence > ic->state->sequence + 1)
		return;
	ic->state->answered = beat.sequence;
	ic->answer_ms = 0;
	set_alive(ic, true);
}

static void shutdown_answered(struct ic *ic, const struct ic_header *header)
{
	if (!ic->state->request || (uint8_t)(ic->state->request - 1) != header->transaction)
		return;
	ic->state->request = 0;
	if (ic->ops->shutdown_answer != NULL)
		ic->ops->shutdown_answer(ic->context, ic->state->request_reboot, header->status);
}

/* The packet is our own copy; sizes inside it count for no more than what arrived. */
static void received(struct ic *ic, const uint8_t *packet, size_t size)
{
	struct ic_header header;
	size_t offset = sizeof(struct ic_pipe_header) + sizeof header, body_size;

	if (size < offset)
		return;
	memcpy(&header, packet + sizeof(struct ic_pipe_header), sizeof header);
	if (!(header.flags & IC_FLAG_RESPONSE))
		return;
	body_size = header.size < size - offset ? header.size : size - offset;
	if (header.type == IC_MESSAGE_NEGOTIATE)
		negotiated(ic, packet + offset, body_size);
	else if (!ic_ready(ic) || header.type != components[ic->type].message)
		return;
	else if (ic->type == IC_HEARTBEAT)
		heartbeat_answered(ic, packet + offset, body_size);
	else if (ic->type == IC_SHUTDOWN)
		shutdown_answered(ic, &header);
}

static int channel_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct ic *ic = device;

	(void)channel;
	(void)user;
	ic->state->phase = IC_OPENED;
	ic->state->request = 0;
	negotiate(ic);
	return 0;
}

static int channel_resume(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	(void)device;
	(void)channel;
	(void)user;
	return 0;
}

static void channel_signal(void *device, struct vmbus_channel *channel)
{
	struct ic *ic = device;
	uint8_t payload[PAYLOAD_MAX];
	struct vmbus_packet packet = { .payload = payload, .payload_capacity = sizeof payload };
	int rc;

	for (;;) {
		rc = vmbus_channel_next_packet(channel, &packet);
		if (rc == -EAGAIN || rc == -EIO)
			break;
		/* One that is too long or no plain message is nothing that a component says. */
		if (rc == 0 && packet.type == VMBUS_PACKET_INBAND)
			received(ic, payload, packet.payload_bytes);
	}
	if (ic->state->phase == IC_OPENED)
		negotiate(ic);
}

static void channel_close(void *device, struct vmbus_channel *channel)
{
	struct ic *ic = device;

	(void)channel;
	set_ready(ic, IC_CLOSED);
	set_alive(ic, false);
	if (ic->state->request && ic->ops->shutdown_answer != NULL) {
		/* The guest took its component down while it went down itself. */
		ic->state->request = 0;
		ic->ops->shutdown_answer(ic->context, ic->state->request_reboot, 0);
	}
}

static void channel_failed(void *device, struct vmbus_channel *channel, const char *reason)
{
	(void)channel;
	log_ic(device, reason);
}

static const struct vmbus_channel_ops channel_ops = {
	.open = channel_open, .resume = channel_resume, .signal = channel_signal, .close = channel_close, .failed = channel_failed,
};

int ic_create(struct vmbus_server *server, enum ic_type type, const struct vmbus_guid *instance, struct ic_state *state,
	const struct ic_ops *ops, void *context, struct ic **ret)
{
	static const struct vmbus_guid classes[] = {
		[IC_SHUTDOWN] = VMBUS_CLASS_SHUTDOWN, [IC_HEARTBEAT] = VMBUS_CLASS_HEARTBEAT, [IC_TIMESYNC] = VMBUS_CLASS_TIMESYNC,
	};
	struct vmbus_offer offer = { .type = classes[type], .instance = *instance, .flags = VMBUS_OFFER_NAMED_PIPE_MODE };
	struct ic *ic;

	if (state->version != 0 && state->version != IC_STATE_VERSION)
		return -EINVAL;
	ic = calloc(1, sizeof *ic);
	if (ic == NULL)
		return -ENOMEM;
	*ic = (struct ic){ .type = type, .server = server, .state = state, .ops = ops, .context = context };
	state->version = IC_STATE_VERSION;
	ic->channel = vmbus_server_offer(server, &offer, &channel_ops, ic);
	if (ic->channel == NULL) {
		free(ic);
		return -ENOSPC;
	}
	*ret = ic;
	return 0;
}

void ic_free(struct ic *ic)
{
	if (ic == NULL)
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
	return ic->state->phase == IC_NEGOTIATED;
}

static void heartbeat_tick(struct ic *ic, uint64_t now_ms)
{
	struct ic_heartbeat beat = { .sequence = ic->state->sequence + 1 };

	if (ic->answer_ms == 0)
		ic->answer_ms = now_ms;
	else if (now_ms - ic->answer_ms >= IC_HEARTBEAT_LOST_MS)
		set_alive(ic, false);
	if (now_ms < ic->next_ms || send(ic, IC_MESSAGE_HEARTBEAT, &beat, sizeof beat) < 0)
		return;
	ic->state->sequence = beat.sequence;
	ic->next_ms = now_ms + IC_HEARTBEAT_MS;
}

static uint64_t parent_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return IC_UNIX_EPOCH + (uint64_t)now.tv_sec * 10000000u + (uint64_t)now.tv_nsec / 100;
}

static void timesync_tick(struct ic *ic, uint64_t now_ms)
{
	uint8_t flags = ic->force_sync ? IC_TIMESYNC_SYNC : IC_TIMESYNC_SAMPLE;
	struct ic_timesync_reference reference = { .reference_time = ic->ops->reference_time(ic->context), .flags = flags };
	struct ic_timesync plain = { .flags = flags };
	int rc;

	if (now_ms < ic->next_ms && !ic->force_sync)
		return;
	reference.parent_time = plain.parent_time = parent_time();
	if (ic->state->message >> 16 >= 4)
		rc = send(ic, IC_MESSAGE_TIMESYNC, &reference, sizeof reference);
	else
		rc = send(ic, IC_MESSAGE_TIMESYNC, &plain, sizeof plain);
	if (rc < 0)
		return;
	ic->force_sync = false;
	ic->next_ms = now_ms + IC_TIMESYNC_MS;
}

void ic_tick(struct ic *ic, uint64_t now_ms)
{
	if (ic->state->phase == IC_OPENED)
		negotiate(ic);
	if (!ic_ready(ic))
		return;
	if (ic->type == IC_HEARTBEAT)
		heartbeat_tick(ic, now_ms);
	else if (ic->type == IC_TIMESYNC)
		timesync_tick(ic, now_ms);
}

int ic_shutdown_request(struct ic *ic, bool reboot, bool force, const char *text)
{
	struct ic_shutdown request = { .reason = IC_SHUTDOWN_REASON_PLANNED, .timeout_seconds = SHUTDOWN_TIMEOUT_S };
	int rc;

	if (!ic_ready(ic))
		return -ENOTCONN;
	if (ic->state->request)
		return -EALREADY;
	request.flags = (force ? IC_SHUTDOWN_FORCE : 0) | (reboot ? IC_SHUTDOWN_RESTART : 0);
	if (text != NULL)
		strncpy((char *)request.text, text, sizeof request.text - 1);
	rc = send(ic, IC_MESSAGE_SHUTDOWN, &request, sizeof request);
	if (rc < 0)
		return rc == -EAGAIN ? -EAGAIN : -ENOTCONN;
	ic->state->request = (ic->state->transaction & 0xff) + 1;
	ic->state->request_reboot = reboot;
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
