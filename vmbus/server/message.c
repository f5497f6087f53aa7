/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's messages: what it may send, in which state, and what each does. Handlers get a private copy, at least as long as the
 * row in messages[] says. */
#include "internal.h"

#include <errno.h>

static const uint32_t versions[] = {
	VMBUS_VERSION_4_0, VMBUS_VERSION_4_1, VMBUS_VERSION_5_0, VMBUS_VERSION_5_1, VMBUS_VERSION_5_2, VMBUS_VERSION_5_3,
};

bool vmbus_version_known(uint32_t version)
{
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		if (versions[i] == version)
			return true;
	return false;
}

static void handle_initiate_contact(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_version_response reply = { .header.type = VMBUS_MSG_VERSION_RESPONSE };
	struct vmbus_state *state = server->state;
	struct vmbus_initiate_contact contact;
	uint8_t sint = VMBUS_SINT;

	(void)size;
	memcpy(&contact, message, sizeof contact);
	/* In whatever state: a guest that crashed starts anew without a word, and takes no reply to its predecessor. */
	vmbus_server_reset(server);
	reply.supported = vmbus_version_known(contact.version);
	if (contact.version >= VMBUS_VERSION_5_0)
		sint = (uint8_t)contact.target;
	if (contact.target_vp >= server->vp_count || sint != VMBUS_SINT) {
		vmbus_log(server, "contact refused: it wants messages at VP %u, SINT %u", contact.target_vp, sint);
		reply.supported = 0;
		contact.target_vp = contact.target_vp < server->vp_count ? contact.target_vp : 0;
	}
	state->target_vp = contact.target_vp;
	if (reply.supported) {
		state->negotiated = contact.version;
		if (contact.version >= VMBUS_VERSION_5_0)
			reply.connection_id = VMBUS_CONNECTION_MESSAGE_V5;
		vmbus_log(server, "guest connected with version %u.%u", contact.version >> 16, contact.version & 0xffff);
	}
	vmbus_reply(server, &reply, sizeof reply);
}

static void handle_unload(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_message_header reply = { .type = VMBUS_MSG_UNLOAD_RESPONSE };

	(void)message;
	(void)size;
	vmbus_disconnect(server);
	vmbus_reply(server, &reply, sizeof reply);
}

static void handle_request_offers(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_state *state = server->state;

	(void)message;
	(void)size;
	for (uint32_t i = 0; i < state->channel_limit; i++) {
		uint32_t *flags = &state->channels[i].flags;

		if (*flags & VMBUS_CHANNEL_PRESENT && !(*flags & (VMBUS_CHANNEL_OFFERED | VMBUS_CHANNEL_RESCINDED)))
			*flags |= VMBUS_CHANNEL_OFFER_DUE;
	}
	state->offers_requested = 1;
	state->all_delivered_due = 1;
	server->due = true;
}

static void handle_open(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_open_message open;

	(void)size;
	memcpy(&open, message, sizeof open);
	vmbus_channel_open(server, &open);
}

static void handle_close(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_relid_message close;
	struct vmbus_channel *channel;

	(void)size;
	memcpy(&close, message, sizeof close);
	channel = vmbus_channel_find(server, close.relid);
	if (channel)
		vmbus_channel_close(channel);
}

static void handle_relid_released(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_relid_message released;
	struct vmbus_channel *channel;

	(void)size;
	memcpy(&released, message, sizeof released);
	channel = vmbus_channel_find(server, released.relid);
	/* Of a channel whose offer stands the guest only says that it has no use for it. */
	if (channel && channel->state->flags & VMBUS_CHANNEL_RESCINDED && !(channel->state->flags & VMBUS_CHANNEL_RESCIND_DUE)) {
		vmbus_channel_close(channel);
		vmbus_channel_free(channel);
	}
}

static void handle_gpadl_header(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_gpadl_header header;

	memcpy(&header, message, sizeof header);
	vmbus_gpadl_create(server, &header, message + sizeof header, size - sizeof header);
}

static void handle_gpadl_body(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_gpadl_body body;

	memcpy(&body, message, sizeof body);
	vmbus_gpadl_append(server, &body, message + sizeof body, size - sizeof body);
}

static void handle_gpadl_teardown(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_gpadl_teardown teardown;

	(void)size;
	memcpy(&teardown, message, sizeof teardown);
	vmbus_gpadl_teardown(server, &teardown);
}

static void handle_modify_channel(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_modify_channel_response reply = { .header.type = VMBUS_MSG_MODIFY_CHANNEL_RESPONSE };
	struct vmbus_modify_channel modify;
	struct vmbus_channel *channel;

	(void)size;
	memcpy(&modify, message, sizeof modify);
	reply.relid = modify.relid;
	channel = vmbus_channel_find(server, modify.relid);
	if (channel && channel->state->flags & VMBUS_CHANNEL_OPEN && modify.target_vp < server->vp_count)
		channel->state->target_vp = modify.target_vp;
	else
		reply.status = VMBUS_STATUS_INVALID_PARAMETER;
	/* Older guests do not expect an answer. */
	if (server->state->negotiated >= VMBUS_VERSION_5_3)
		vmbus_reply(server, &reply, sizeof reply);
}

static void handle_tl_connect(struct vmbus_server *server, const uint8_t *message, size_t size)
{
	struct vmbus_tl_connect_result reply = { .header.type = VMBUS_MSG_TL_CONNECT_RESULT };
	struct vmbus_tl_connect connect;

	(void)size;
	memcpy(&connect, message, sizeof connect);
	reply.endpoint = connect.endpoint;
	reply.service = connect.service;
	reply.status = server->tl_connect ? server->tl_connect(server->tl_context, &connect.endpoint, &connect.service) :
					    VMBUS_STATUS_CONNECTION_REFUSED;
	/* The offer is the answer to a request that is granted. */
	if (reply.status)
		vmbus_reply(server, &reply, sizeof reply);
}

/* What a guest may send. The version is 0 where it need not be connected. */
static const struct {
	uint32_t size;
	uint32_t version;
	void (*handle)(struct vmbus_server *server, const uint8_t *message, size_t size);
} messages[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_REQUEST_OFFERS]   = { sizeof(struct vmbus_message_header), VMBUS_VERSION_4_0, handle_request_offers },
	[VMBUS_MSG_OPEN]             = { sizeof(struct vmbus_open_message), VMBUS_VERSION_4_0, handle_open },
	[VMBUS_MSG_CLOSE]            = { sizeof(struct vmbus_relid_message), VMBUS_VERSION_4_0, handle_close },
	[VMBUS_MSG_GPADL_HEADER]     = { sizeof(struct vmbus_gpadl_header), VMBUS_VERSION_4_0, handle_gpadl_header },
	[VMBUS_MSG_GPADL_BODY]       = { sizeof(struct vmbus_gpadl_body), VMBUS_VERSION_4_0, handle_gpadl_body },
	[VMBUS_MSG_GPADL_TEARDOWN]   = { sizeof(struct vmbus_gpadl_teardown), VMBUS_VERSION_4_0, handle_gpadl_teardown },
	[VMBUS_MSG_RELID_RELEASED]   = { sizeof(struct vmbus_relid_message), VMBUS_VERSION_4_0, handle_relid_released },
	[VMBUS_MSG_INITIATE_CONTACT] = { sizeof(struct vmbus_initiate_contact), 0, handle_initiate_contact },
	[VMBUS_MSG_UNLOAD]           = { sizeof(struct vmbus_message_header), 0, handle_unload },
	[VMBUS_MSG_TL_CONNECT]       = { sizeof(struct vmbus_tl_connect), VMBUS_VERSION_4_0, handle_tl_connect },
	[VMBUS_MSG_MODIFY_CHANNEL]   = { sizeof(struct vmbus_modify_channel), VMBUS_VERSION_4_1, handle_modify_channel },
};

static int refuse_message(struct vmbus_server *server, uint32_t type, size_t size, const char *reason)
{
	uint32_t bit = 1u << (type < 31 ? type : 31);

	if (!(server->state->logged & bit)) {
		server->state->logged |= bit;
		vmbus_log(server, "message of type %u and %zu bytes ignored: %s", type, size, reason);
	}
	return 0;
}

int vmbus_server_handle_message(struct vmbus_server *server, uint32_t connection_id, uint32_t message_type, const void *payload,
	size_t size)
{
	struct vmbus_message_header header = { 0 };
	uint8_t message[VMBUS_MESSAGE_MAX];

	if (message_type != VMBUS_MESSAGE_TYPE || size < sizeof header || size > sizeof message ||
	    (connection_id != VMBUS_CONNECTION_MESSAGE && connection_id != VMBUS_CONNECTION_MESSAGE_V5))
		return refuse_message(server, 0, size, "no VMBus message");
	memcpy(message, payload, size);
	memcpy(&header, message, sizeof header);
	if (header.type >= VMBUS_MSG_COUNT || !messages[header.type].handle)
		return refuse_message(server, header.type, size, "unknown type");
	if (size < messages[header.type].size)
		return refuse_message(server, header.type, size, "too short");
	if (server->state->negotiated < messages[header.type].version)
		return refuse_message(server, header.type, size, "not in the negotiated version");
	if (server->state->reply_count == VMBUS_MAX_REPLIES && header.type != VMBUS_MSG_INITIATE_CONTACT)
		return -EAGAIN;
	messages[header.type].handle(server, message, size);
	vmbus_pump(server);
	return 0;
}
