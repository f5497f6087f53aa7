/* SPDX-License-Identifier: BSD-2-Clause */
/* Connection and offers; see client.h. Channels and GPADLs are in channel.c. */
#include "vsc/vmbus/client.h"

#include <errno.h>
#include <string.h>

#include "abi/status.h"

static const uint32_t versions[] = {
	VMBUS_VERSION_5_3, VMBUS_VERSION_5_2, VMBUS_VERSION_5_1, VMBUS_VERSION_5_0, VMBUS_VERSION_4_1, VMBUS_VERSION_4_0,
};

/* How long each message that a host sends is at least; 0: hosts do not send it. */
static const uint8_t message_bytes[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_OFFER] = sizeof(struct vmbus_offer_message),
	[VMBUS_MSG_RESCIND] = sizeof(struct vmbus_relid_message),
	[VMBUS_MSG_ALL_OFFERS_DELIVERED] = sizeof(struct vmbus_message_header),
	[VMBUS_MSG_OPEN_RESULT] = sizeof(struct vmbus_open_result),
	[VMBUS_MSG_GPADL_CREATED] = sizeof(struct vmbus_gpadl_created),
	[VMBUS_MSG_GPADL_TORNDOWN] = sizeof(struct vmbus_gpadl_torndown),
	[VMBUS_MSG_VERSION_RESPONSE] = sizeof(struct vmbus_version_response),
	[VMBUS_MSG_UNLOAD_RESPONSE] = sizeof(struct vmbus_message_header),
	[VMBUS_MSG_TL_CONNECT_RESULT] = sizeof(struct vmbus_tl_connect_result),
	[VMBUS_MSG_MODIFY_CHANNEL_RESPONSE] = sizeof(struct vmbus_modify_channel_response),
};

void vsc_vmbus_init(struct vsc_vmbus *bus, const struct vsc_os *os, void *context, uint32_t target_vp)
{
	memset(bus, 0, sizeof *bus);
	bus->os = os;
	bus->context = context;
	bus->target_vp = target_vp;
	bus->next_id = 1;
}

static int post_status(uint16_t status)
{
	switch (status) {
	case HV_STATUS_SUCCESS:
		return 0;
	case HV_STATUS_INSUFFICIENT_BUFFERS:
	case HV_STATUS_INSUFFICIENT_MEMORY:
		return -EAGAIN;
	case HV_STATUS_INVALID_CONNECTION_ID:
		return -ENOTCONN;
	default:
		return -EIO;
	}
}

int vsc_vmbus_post(struct vsc_vmbus *bus, const void *message, uint32_t bytes)
{
	int rc;

	while ((rc = post_status(bus->os->post_message(bus->context, bus->connection_id, message, bytes))) == -EAGAIN)
		if (!bus->os->wait(bus->context))
			return -ETIMEDOUT;
	return rc;
}

void vsc_vmbus_expect(struct vsc_vmbus *bus, uint32_t type, uint32_t keys, uint32_t key0, uint32_t key1)
{
	bus->reply.type = type;
	bus->reply.keys = keys;
	bus->reply.key[0] = key0;
	bus->reply.key[1] = key1;
	bus->reply.arrived = false;
}

int vsc_vmbus_await(struct vsc_vmbus *bus, const struct vsc_channel *channel)
{
	bool patient = true;

	while (!bus->reply.arrived && patient && !(channel && channel->rescinded))
		patient = bus->os->wait(bus->context);
	bus->reply.type = 0;
	if (bus->reply.arrived)
		return 0;
	return channel && channel->rescinded ? -ENODEV : -ETIMEDOUT;
}

static int initiate_contact(struct vsc_vmbus *bus, uint32_t version)
{
	struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = version,
		.target_vp = bus->target_vp,
	};
	struct vmbus_version_response response;
	int rc;

	bus->connection_id = version >= VMBUS_VERSION_5_0 ? VMBUS_CONNECTION_MESSAGE_V5 : VMBUS_CONNECTION_MESSAGE;
	if (version >= VMBUS_VERSION_5_0)
		contact.target = VMBUS_SINT;
	vsc_vmbus_expect(bus, VMBUS_MSG_VERSION_RESPONSE, 0, 0, 0);
	rc = vsc_vmbus_post(bus, &contact, sizeof contact);
	if (rc == 0)
		rc = vsc_vmbus_await(bus, NULL);
	bus->reply.type = 0;
	if (rc < 0)
		return rc;
	memcpy(&response, bus->reply.payload, sizeof response);
	if (!response.supported || response.connection_state != 0)
		return -EPROTONOSUPPORT;
	if (version >= VMBUS_VERSION_5_0)
		bus->connection_id = response.connection_id;
	bus->version = version;
	return 0;
}

int vsc_vmbus_connect(struct vsc_vmbus *bus, uint32_t newest)
{
	unsigned int i;
	int rc;

	if (bus->version != 0)
		return -EISCONN;
	for (i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		if (newest != 0 && versions[i] > newest)
			continue;
		rc = initiate_contact(bus, versions[i]);
		if (rc != -EPROTONOSUPPORT && rc != -ENOTCONN)
			return rc;
	}
	return -EPROTONOSUPPORT;
}

int vsc_vmbus_request_offers(struct vsc_vmbus *bus)
{
	const struct vmbus_message_header request = { .type = VMBUS_MSG_REQUEST_OFFERS };
	int rc;

	bus->all_offers = false;
	rc = vsc_vmbus_post(bus, &request, sizeof request);
	while (rc == 0 && !bus->all_offers)
		if (!bus->os->wait(bus->context))
			rc = -ETIMEDOUT;
	return rc;
}

int vsc_vmbus_unload(struct vsc_vmbus *bus)
{
	const struct vmbus_message_header request = { .type = VMBUS_MSG_UNLOAD };
	int rc;

	vsc_vmbus_expect(bus, VMBUS_MSG_UNLOAD_RESPONSE, 0, 0, 0);
	rc = vsc_vmbus_post(bus, &request, sizeof request);
	if (rc == 0)
		rc = vsc_vmbus_await(bus, NULL);
	bus->reply.type = 0;
	if (rc < 0)
		return rc;
	memset(bus->channels, 0, sizeof bus->channels);
	bus->version = 0;
	return 0;
}

static struct vsc_channel *by_relid(struct vsc_vmbus *bus, uint32_t relid)
{
	unsigned int i;

	for (i = 0; relid != 0 && i < VSC_MAX_CHANNELS; i++)
		if (bus->channels[i].offer.relid == relid)
			return &bus->channels[i];
	return NULL;
}

static struct vsc_channel *free_entry(struct vsc_vmbus *bus)
{
	unsigned int i;

	for (i = 0; i < VSC_MAX_CHANNELS; i++)
		if (bus->channels[i].offer.relid == 0)
			return &bus->channels[i];
	return NULL;
}

struct vsc_channel *vsc_vmbus_find(struct vsc_vmbus *bus, const struct vmbus_guid *type, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < VSC_MAX_CHANNELS; i++) {
		const struct vmbus_offer_message *offer = &bus->channels[i].offer;

		if (offer->relid != 0 && offer->subchannel_index == 0 && vmbus_guid_equal(&offer->type, type) && n-- == 0)
			return &bus->channels[i];
	}
	return NULL;
}

static void on_offer(struct vsc_vmbus *bus, const uint8_t *payload)
{
	struct vmbus_offer_message offer;
	struct vsc_channel *channel = free_entry(bus);

	memcpy(&offer, payload, sizeof offer);
	if (offer.relid == 0 || offer.relid > VMBUS_MAX_RELID || by_relid(bus, offer.relid) || !channel) {
		bus->refused++;
		return;
	}
	memset(channel, 0, sizeof *channel);
	channel->bus = bus;
	channel->offer = offer;
}

static void on_rescind(struct vsc_vmbus *bus, const uint8_t *payload)
{
	struct vmbus_relid_message rescind;
	struct vsc_channel *channel;

	memcpy(&rescind, payload, sizeof rescind);
	channel = by_relid(bus, rescind.relid);
	if (!channel || channel->rescinded) {
		bus->refused++;
		return;
	}
	channel->rescinded = true;
	if (channel->event)
		channel->event(channel->context, channel);
}

static void on_reply(struct vsc_vmbus *bus, uint32_t type, const uint8_t *payload, uint32_t bytes)
{
	if (type != bus->reply.type || bus->reply.arrived ||
	    memcmp(payload + sizeof(struct vmbus_message_header), bus->reply.key, bus->reply.keys * sizeof bus->reply.key[0]) != 0) {
		bus->refused++;
		return;
	}
	memset(bus->reply.payload, 0, sizeof bus->reply.payload);
	memcpy(bus->reply.payload, payload, bytes);
	bus->reply.arrived = true;
}

void vsc_vmbus_message(struct vsc_vmbus *bus, const void *payload, uint32_t bytes)
{
	uint8_t copy[VMBUS_MESSAGE_MAX];
	struct vmbus_message_header header;

	if (bytes < sizeof header || bytes > sizeof copy) {
		bus->refused++;
		return;
	}
	memcpy(copy, payload, bytes);
	memcpy(&header, copy, sizeof header);
	if (header.type >= VMBUS_MSG_COUNT || message_bytes[header.type] == 0 || bytes < message_bytes[header.type]) {
		bus->refused++;
		return;
	}
	switch (header.type) {
	case VMBUS_MSG_OFFER:
		on_offer(bus, copy);
		break;
	case VMBUS_MSG_RESCIND:
		on_rescind(bus, copy);
		break;
	case VMBUS_MSG_ALL_OFFERS_DELIVERED:
		bus->all_offers = true;
		break;
	default:
		on_reply(bus, header.type, copy, bytes);
	}
}

void vsc_vmbus_event(struct vsc_vmbus *bus, uint32_t relid)
{
	struct vsc_channel *channel = by_relid(bus, relid);

	if (!channel || !channel->open)
		return;
	channel->signals_in++;
	if (channel->event)
		channel->event(channel->context, channel);
}
