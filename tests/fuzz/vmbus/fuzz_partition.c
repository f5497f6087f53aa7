/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz_partition.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct fuzz_partition partition;
static uint8_t payload[2048];
static struct iovec iov[8];

static int post_message(void *context, uint32_t vp, uint32_t sint, uint32_t type, const void *message, size_t size)
{
	struct fuzz_partition *p = context;
	uint32_t kind;

	assert(vp < 2 && sint == 2 && type == 1 && size >= 8 && size <= VMBUS_MESSAGE_MAX);
	if (p->slot_taken)
		return -EAGAIN;
	memcpy(&kind, message, sizeof kind);
	assert(kind < VMBUS_MSG_COUNT);
	p->replies++;
	return 0;
}

static void signal_event(void *context, uint32_t vp, uint16_t flag)
{
	(void)context;
	assert(vp < 2 && flag > 0 && flag < 2048);
}

static int connect_event(void *context, uint32_t connection_id, uint32_t relid, bool connected)
{
	(void)context;
	(void)connected;
	assert(connection_id < 1u << 24 && relid > 0 && relid < 2048);
	return 0;
}

static void take_log(void *context, const char *text)
{
	(void)context;
	assert(strlen(text) < 192);
}

static const struct vmbus_server_ops ops = {
	.post_message = post_message, .signal_event = signal_event, .connect_event = connect_event, .log = take_log,
};

static int device_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	(void)device;
	assert(vmbus_channel_is_open(channel));
	return user[0] == 0xff ? -EBUSY : 0;
}

/* Touches every byte that it is told it may touch. */
static void device_signal(void *device, struct vmbus_channel *channel)
{
	struct vmbus_packet packet = { .payload = payload, .payload_capacity = sizeof payload, .iov = iov, .iov_capacity = 8 };
	int rc;

	(void)device;
	while ((rc = vmbus_channel_next_packet(channel, &packet)) != -EAGAIN && rc != -EIO) {
		uint64_t total = 0;

		for (uint32_t i = 0; i < packet.iov_count; i++) {
			memset(iov[i].iov_base, payload[0], iov[i].iov_len);
			total += iov[i].iov_len;
		}
		assert(total == packet.iov_bytes);
		vmbus_channel_complete(channel, packet.transaction_id, payload, packet.payload_bytes);
	}
}

static void device_close(void *device, struct vmbus_channel *channel)
{
	(void)device;
	assert(!vmbus_channel_is_open(channel));
}

static const struct vmbus_channel_ops device_ops = { .open = device_open, .signal = device_signal, .close = device_close };

void fuzz_partition_toggle(struct fuzz_partition *p, unsigned device)
{
	struct vmbus_offer offer = { .type = VMBUS_CLASS_SCSI, .instance.bytes = { (uint8_t)device } };

	if (p->channels[device]) {
		vmbus_server_rescind(p->channels[device]);
		p->channels[device] = NULL;
	} else {
		p->channels[device] = vmbus_server_offer(p->server, &offer, &device_ops, NULL);
	}
}

/* Ends itself, from inside its own signal, when the guest says so. */
static void stream_signal(void *device, struct vmbus_channel *channel)
{
	device_signal(device, channel);
	if (payload[0] & 1)
		vmbus_server_rescind(channel);
}

static const struct vmbus_channel_ops stream_ops = { .open = device_open, .signal = stream_signal, .close = device_close };

/* Grants whatever the guest asks for, under whatever name. */
static uint32_t tl_connect(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *service)
{
	struct fuzz_partition *p = context;
	struct vmbus_offer offer = { .type = *service, .instance = *endpoint, .flags = VMBUS_OFFER_TLNPI_PROVIDER };

	return vmbus_server_offer(p->server, &offer, &stream_ops, NULL) ? VMBUS_STATUS_SUCCESS : VMBUS_STATUS_INSUFFICIENT_RESOURCES;
}

static void start(struct fuzz_partition *p)
{
	p->server = vmbus_server_create(p->state, &p->map, 2, &ops, p);
	assert(p->server);
	vmbus_server_set_tl_connect(p->server, tl_connect, p);
	for (unsigned i = 0; i < 2; i++) {
		p->channels[i] = NULL;
		fuzz_partition_toggle(p, i);
	}
	vmbus_server_start(p->server);
}

/* The state is large, and only its beginning and what the limits cover is ever looked at. */
static void clear_state(struct vmbus_state *state)
{
	memset(state->gpadls, 0, sizeof state->gpadls);
	memset(state, 0, offsetof(struct vmbus_state, gpadls));
}

struct fuzz_partition *fuzz_partition_start(void)
{
	struct fuzz_partition *p = &partition;

	if (!p->state) {
		p->state = calloc(1, VMBUS_STATE_BYTES);
		for (unsigned i = 0; i < 2; i++) {
			p->memory[i] = malloc(FUZZ_PAGES * 4096);
			p->map.regions[i] = (struct guest_region){ i * FUZZ_HIGH * 4096, FUZZ_PAGES * 4096, p->memory[i] };
		}
		p->map.count = 2;
	}
	vmbus_server_free(p->server);
	clear_state(p->state);
	for (unsigned i = 0; i < 2; i++)
		memset(p->memory[i], 0, FUZZ_PAGES * 4096);
	p->slot_taken = false;
	p->replies = 0;
	start(p);
	return p;
}

void fuzz_partition_succeed(struct fuzz_partition *p)
{
	vmbus_server_free(p->server);
	start(p);
}

void fuzz_partition_post(struct fuzz_partition *p, const void *message, size_t size)
{
	/* As large as the message, so that ASan sees a look beyond. */
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, message, size);
	vmbus_server_handle_message(p->server, VMBUS_CONNECTION_MESSAGE_V5, VMBUS_MESSAGE_TYPE, copy, size);
	free(copy);
}

void fuzz_partition_connect(struct fuzz_partition *p)
{
	struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT, .version = VMBUS_VERSION_5_3, .target = VMBUS_SINT,
	};
	struct vmbus_message_header request = { .type = VMBUS_MSG_REQUEST_OFFERS };

	fuzz_partition_post(p, &contact, sizeof contact);
	fuzz_partition_post(p, &request, sizeof request);
}
