/* SPDX-License-Identifier: BSD-2-Clause */
/* GPADLs, opening and closing, packets; see client.h. */
#include <errno.h>
#include <string.h>

#include "vsc/vmbus/client.h"

#define PAGE VMBUS_PAGE_SIZE
#define GPADL_MAX_PAGES ((0xffffu - (uint32_t)sizeof(struct vmbus_gpa_range)) / 8)

struct gpadl_header_message {
	struct vmbus_gpadl_header header;
	struct vmbus_gpa_range range;
	uint64_t pages[VMBUS_GPADL_HEADER_PFNS];
} __attribute__((packed));

struct gpadl_body_message {
	struct vmbus_gpadl_body body;
	uint64_t pages[VMBUS_GPADL_BODY_PFNS];
} __attribute__((packed));
_Static_assert(sizeof(struct gpadl_header_message) <= VMBUS_MESSAGE_MAX, "fits a message");
_Static_assert(sizeof(struct gpadl_body_message) <= VMBUS_MESSAGE_MAX, "fits a message");

static uint64_t page_number(const struct vsc_vmbus *bus, const void *memory, uint32_t index)
{
	return bus->os->physical(bus->context, (const uint8_t *)memory + (uint64_t)index * PAGE) / PAGE;
}

static int post_gpadl(struct vsc_channel *channel, uint32_t gpadl, const void *memory, uint32_t count)
{
	struct vsc_vmbus *bus = channel->bus;
	struct gpadl_header_message first = {
		.header = {
			.header.type = VMBUS_MSG_GPADL_HEADER,
			.relid = channel->offer.relid,
			.gpadl = gpadl,
			.range_bytes = (uint16_t)(sizeof first.range + count * 8),
			.range_count = 1,
		},
		.range = { .bytes = count * PAGE },
	};
	struct gpadl_body_message more = { .body = { .header.type = VMBUS_MSG_GPADL_BODY, .gpadl = gpadl } };
	uint32_t done, n;
	int rc;

	for (done = 0; done < count && done < VMBUS_GPADL_HEADER_PFNS; done++)
		first.pages[done] = page_number(bus, memory, done);
	rc = vsc_vmbus_post(bus, &first, (uint32_t)(offsetof(struct gpadl_header_message, pages) + done * 8));
	while (rc == 0 && done < count) {
		for (n = 0; n < VMBUS_GPADL_BODY_PFNS && done < count; n++, done++)
			more.pages[n] = page_number(bus, memory, done);
		rc = vsc_vmbus_post(bus, &more, (uint32_t)(offsetof(struct gpadl_body_message, pages) + n * 8));
		more.body.number++;
	}
	return rc;
}

int vsc_gpadl_create(struct vsc_channel *channel, const void *memory, uint32_t bytes, uint32_t *ret_gpadl)
{
	struct vsc_vmbus *bus = channel->bus;
	struct vmbus_gpadl_created created;
	uint32_t gpadl = bus->next_id;
	int rc;

	if (bytes == 0 || bytes % PAGE || bytes / PAGE > GPADL_MAX_PAGES || (uintptr_t)memory % PAGE)
		return -EINVAL;
	if (channel->rescinded)
		return -ENODEV;
	bus->next_id++;
	vsc_vmbus_expect(bus, VMBUS_MSG_GPADL_CREATED, 2, channel->offer.relid, gpadl);
	rc = post_gpadl(channel, gpadl, memory, bytes / PAGE);
	if (rc == 0)
		rc = vsc_vmbus_await(bus, channel);
	bus->reply.type = 0;
	if (rc < 0)
		return rc;
	memcpy(&created, bus->reply.payload, sizeof created);
	if (created.status != VMBUS_STATUS_SUCCESS)
		return -EIO;
	*ret_gpadl = gpadl;
	return 0;
}

int vsc_gpadl_teardown(struct vsc_channel *channel, uint32_t gpadl)
{
	struct vsc_vmbus *bus = channel->bus;
	const struct vmbus_gpadl_teardown teardown = {
		.header.type = VMBUS_MSG_GPADL_TEARDOWN,
		.relid = channel->offer.relid,
		.gpadl = gpadl,
	};
	int rc;

	/* Answered even when the channel is rescinded: only then is the memory ours again. */
	vsc_vmbus_expect(bus, VMBUS_MSG_GPADL_TORNDOWN, 1, gpadl, 0);
	rc = vsc_vmbus_post(bus, &teardown, sizeof teardown);
	if (rc == 0)
		rc = vsc_vmbus_await(bus, NULL);
	bus->reply.type = 0;
	return rc;
}

static int post_open(struct vsc_channel *channel, uint32_t out_pages, const void *user, uint32_t user_bytes)
{
	struct vsc_vmbus *bus = channel->bus;
	struct vmbus_open_message open = {
		.header.type = VMBUS_MSG_OPEN,
		.relid = channel->offer.relid,
		.open_id = bus->next_id++,
		.gpadl = channel->gpadl,
		.target_vp = bus->target_vp,
		.downstream_page = out_pages,
	};
	struct vmbus_open_result result;
	int rc;

	if (user_bytes)
		memcpy(open.user, user, user_bytes);
	vsc_vmbus_expect(bus, VMBUS_MSG_OPEN_RESULT, 2, open.relid, open.open_id);
	rc = vsc_vmbus_post(bus, &open, sizeof open);
	if (rc == 0)
		rc = vsc_vmbus_await(bus, channel);
	bus->reply.type = 0;
	if (rc < 0)
		return rc;
	memcpy(&result, bus->reply.payload, sizeof result);
	return result.status == VMBUS_STATUS_SUCCESS ? 0 : -EIO;
}

int vsc_channel_open(struct vsc_channel *channel, void *memory, uint32_t bytes, uint32_t out_bytes, const void *user, uint32_t user_bytes)
{
	int rc;

	if (channel->open)
		return -EISCONN;
	if (out_bytes >= bytes || user_bytes > VMBUS_USER_BYTES || (uintptr_t)memory % PAGE ||
	    !vmbus_ring_init(&channel->out, memory, out_bytes) ||
	    !vmbus_ring_init(&channel->in, (uint8_t *)memory + out_bytes, bytes - out_bytes))
		return -EINVAL;
	memset(memory, 0, bytes);
	rc = vsc_gpadl_create(channel, memory, bytes, &channel->gpadl);
	if (rc < 0)
		return rc;
	vmbus_ring_writer_start(&channel->out);
	vmbus_ring_reader_start(&channel->in);
	channel->failed = false;
	channel->open = true;        /* the host may signal before its answer is here */
	rc = post_open(channel, out_bytes / PAGE, user, user_bytes);
	if (rc < 0) {
		channel->open = false;
		vsc_gpadl_teardown(channel, channel->gpadl);
	}
	return rc;
}

int vsc_channel_close(struct vsc_channel *channel)
{
	const struct vmbus_relid_message close = { .header.type = VMBUS_MSG_CLOSE, .relid = channel->offer.relid };
	int rc;

	if (!channel->open)
		return -ENOTCONN;
	rc = vsc_vmbus_post(channel->bus, &close, sizeof close);
	if (rc < 0)
		return rc;
	channel->open = false;
	return vsc_gpadl_teardown(channel, channel->gpadl);
}

int vsc_channel_release(struct vsc_channel *channel)
{
	const struct vmbus_relid_message released = { .header.type = VMBUS_MSG_RELID_RELEASED, .relid = channel->offer.relid };
	int rc = 0;

	if (!channel->rescinded)
		return -EINVAL;
	if (channel->open)
		rc = vsc_channel_close(channel);
	if (rc == 0)
		rc = vsc_vmbus_post(channel->bus, &released, sizeof released);
	if (rc == 0)
		memset(channel, 0, sizeof *channel);
	return rc;
}

int vsc_channel_modify(struct vsc_channel *channel, uint32_t target_vp)
{
	struct vsc_vmbus *bus = channel->bus;
	const struct vmbus_modify_channel modify = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.relid = channel->offer.relid,
		.target_vp = target_vp,
	};
	struct vmbus_modify_channel_response response;
	int rc;

	if (bus->version < VMBUS_VERSION_4_1)
		return -EOPNOTSUPP;
	vsc_vmbus_expect(bus, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, 1, modify.relid, 0);
	rc = vsc_vmbus_post(bus, &modify, sizeof modify);
	if (rc == 0 && bus->version >= VMBUS_VERSION_5_3) {
		rc = vsc_vmbus_await(bus, channel);
		memcpy(&response, bus->reply.payload, sizeof response);
		if (rc == 0 && response.status != VMBUS_STATUS_SUCCESS)
			rc = -EIO;
	}
	bus->reply.type = 0;
	return rc;
}

static void signal_host(struct vsc_channel *channel)
{
	channel->signals_out++;
	channel->bus->os->signal_event(channel->bus->context, channel->offer.connection_id);
}

static int ring_error(struct vsc_channel *channel, int rc)
{
	switch (rc) {
	case VMBUS_RING_OK:
		return 0;
	case VMBUS_RING_EMPTY:
	case VMBUS_RING_FULL:
		return -EAGAIN;
	case VMBUS_RING_TOO_BIG:
		return -EMSGSIZE;
	default:
		channel->failed = true;
		return -EIO;
	}
}

int vsc_channel_send(struct vsc_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *extension,
	uint32_t extension_bytes, const void *payload, uint32_t payload_bytes)
{
	const struct vmbus_ring_part parts[2] = { { extension, extension_bytes }, { payload, payload_bytes } };
	int rc;

	if (!channel->open || channel->failed)
		return -EIO;
	rc = ring_error(channel, vmbus_ring_write(&channel->out, type, flags, transaction_id, extension_bytes, parts, 2));
	if (rc == 0)
		channel->packets_out++;
	return rc;
}

void vsc_channel_flush(struct vsc_channel *channel)
{
	if (channel->open && vmbus_ring_write_end(&channel->out))
		signal_host(channel);
}

static int next_packet(struct vsc_channel *channel, struct vmbus_ring_packet *packet)
{
	int rc = vmbus_ring_peek(&channel->in, packet);

	if (rc != VMBUS_RING_EMPTY)
		return rc;
	if (vmbus_ring_read_end(&channel->in))
		signal_host(channel);
	rc = vmbus_ring_read_begin(&channel->in);
	return rc == VMBUS_RING_OK ? vmbus_ring_peek(&channel->in, packet) : rc;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int vsc_channel_receive_extended(struct vsc_channel *channel, struct vsc_packet *packet, void *extension, uint32_t extension_capacity,
	void *payload, uint32_t capacity)
{
	const uint32_t descriptor = sizeof(struct vmbus_descriptor);
	struct vmbus_ring_packet p;
	int rc;

	if (!channel->open || channel->failed)
		return -EIO;
	rc = ring_error(channel, next_packet(channel, &p));
	if (rc < 0)
		return rc;
	packet->type = p.type;
	packet->flags = p.flags;
	packet->transaction_id = p.transaction_id;
	packet->bytes = p.total_bytes - p.header_bytes;
	packet->extension_bytes = p.header_bytes - descriptor;
	vmbus_ring_copy(&channel->in, &p, descriptor, extension, least(packet->extension_bytes, extension_capacity));
	vmbus_ring_copy(&channel->in, &p, p.header_bytes, payload, least(packet->bytes, capacity));
	vmbus_ring_consume(&channel->in, &p);
	channel->packets_in++;
	return 0;
}

int vsc_channel_receive(struct vsc_channel *channel, struct vsc_packet *packet, void *payload, uint32_t capacity)
{
	return vsc_channel_receive_extended(channel, packet, NULL, 0, payload, capacity);
}

void vsc_channel_mask(struct vsc_channel *channel)
{
	vmbus_ring_mask(&channel->in);
}

bool vsc_channel_unmask(struct vsc_channel *channel)
{
	return vmbus_ring_unmask(&channel->in);
}
