/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of an open channel: taking, sending, batches, signals. The fast path: no allocation, one copy. */
#include "internal.h"

#include <errno.h>

/* How often a drain looks again before others get their turn. */
#define DRAIN_ROUNDS 8u

static void signal_guest(struct vmbus_channel *channel)
{
	struct vmbus_server *server = channel->server;

	channel->stats.signals_out++;
	server->ops->signal_event(server->context, channel->state->target_vp, (uint16_t)channel->relid);
}

/* Everything in the batch becomes visible, with one signal at most. */
void vmbus_channel_flush(struct vmbus_channel *channel)
{
	if (channel->live && vmbus_ring_write_end(&channel->out))
		signal_guest(channel);
}

void vmbus_channel_batch_begin(struct vmbus_channel *channel)
{
	channel->batch++;
}

void vmbus_channel_batch_end(struct vmbus_channel *channel)
{
	if (--channel->batch == 0)
		vmbus_channel_flush(channel);
}

/* Appends guest memory to the packet's iovec, joined to its predecessor where they touch. */
static int add_piece(struct vmbus_packet *packet, uint8_t *base, uint32_t bytes)
{
	struct iovec *last = packet->iov_count ? &packet->iov[packet->iov_count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == base) {
		last->iov_len += bytes;
	} else {
		if (packet->iov_count == packet->iov_capacity)
			return -EMSGSIZE;
		packet->iov[packet->iov_count++] = (struct iovec){ .iov_base = base, .iov_len = bytes };
	}
	packet->iov_bytes += bytes;
	return 0;
}

/* The ranges of a GPA-direct packet, from our copy of its extension. */
static int resolve_ranges(const struct guest_map *map, const uint64_t *words, uint32_t count, struct vmbus_packet *packet)
{
	struct vmbus_gpa_direct direct;
	uint32_t at = 1;
	int rc;

	if (count < 1)
		return -EFAULT;
	memcpy(&direct, words, sizeof direct);
	for (uint32_t r = 0; r < direct.range_count; r++) {
		struct vmbus_gpa_range range;
		uint32_t offset, left;

		if (at >= count)
			return -EFAULT;
		memcpy(&range, &words[at++], sizeof range);
		if (range.bytes == 0 || range.offset >= VMBUS_PAGE_SIZE)
			return -EFAULT;
		offset = range.offset;
		for (left = range.bytes; left;) {
			uint32_t run = VMBUS_PAGE_SIZE - offset;
			uint8_t *base;

			if (at >= count || words[at] >> 52)
				return -EFAULT;
			if (run > left)
				run = left;
			base = guest_map_at(map, words[at++] * VMBUS_PAGE_SIZE + offset, run);
			if (!base)
				return -EFAULT;
			rc = add_piece(packet, base, run);
			if (rc)
				return rc;
			left -= run;
			offset = 0;
		}
	}
	packet->range_count = direct.range_count;
	return 0;
}

static int take(struct vmbus_channel *channel, const struct vmbus_ring_packet *found, struct vmbus_packet *packet)
{
	uint32_t extension = found->header_bytes - (uint32_t)sizeof(struct vmbus_descriptor);
	uint32_t payload = found->total_bytes - found->header_bytes;
	uint64_t *words = channel->server->extension;
	int rc;

	if (payload > packet->payload_capacity)
		return -EMSGSIZE;
	if (found->type == VMBUS_PACKET_GPA_DIRECT) {
		if (extension > sizeof channel->server->extension)
			return -EMSGSIZE;
		vmbus_ring_copy(&channel->in, found, sizeof(struct vmbus_descriptor), words, extension);
		rc = resolve_ranges(channel->server->map, words, extension / 8, packet);
		if (rc)
			return rc;
	}
	vmbus_ring_copy(&channel->in, found, found->header_bytes, packet->payload, payload);
	packet->payload_bytes = payload;
	return 0;
}

/* What was taken so far is handled: a successor goes on behind it. */
static void keep_read_position(struct vmbus_channel *channel)
{
	__atomic_store_n(&channel->state->read_next, channel->in.next, __ATOMIC_RELEASE);
}

int vmbus_channel_next_packet(struct vmbus_channel *channel, struct vmbus_packet *packet)
{
	struct vmbus_ring_packet found;
	int rc;

	if (!channel->live)
		return -EIO;
	keep_read_position(channel);
	rc = vmbus_ring_peek(&channel->in, &found);
	if (rc == VMBUS_RING_EMPTY)
		return -EAGAIN;
	if (rc) {
		vmbus_channel_fail(channel, "bad packet descriptor");
		return -EIO;
	}
	packet->type = found.type;
	packet->flags = found.flags;
	packet->transaction_id = found.transaction_id;
	packet->payload_bytes = packet->iov_count = packet->range_count = 0;
	packet->iov_bytes = 0;
	rc = take(channel, &found, packet);
	if (rc) {
		packet->iov_count = 0;
		packet->iov_bytes = 0;
	}
	vmbus_ring_consume(&channel->in, &found);
	channel->stats.packets_in++;
	return rc;
}

/* One call of the device's signal function, on one snapshot of the ring. False: the channel has failed. */
static bool run_device(struct vmbus_channel *channel)
{
	bool wake;

	channel->running = true;
	channel->batch++;
	channel->ops->signal(channel->device, channel);
	channel->batch--;
	channel->running = false;
	if (!channel->live)
		return false;
	keep_read_position(channel);
	wake = vmbus_ring_read_end(&channel->in);
	if (channel->batch == 0)
		wake |= vmbus_ring_write_end(&channel->out);
	if (wake)
		signal_guest(channel);
	return true;
}

/*
 * Empties the ring. Masked meanwhile, so that a busy guest need not signal. A device that stops early leaves it masked: the ring
 * is not empty, so the guest would not signal anyway. So does one that polls.
 */
static bool drain(struct vmbus_channel *channel)
{
	vmbus_ring_mask(&channel->in);
	for (uint32_t round = 0; round < DRAIN_ROUNDS; round++) {
		if (vmbus_ring_read_begin(&channel->in) == VMBUS_RING_BAD) {
			vmbus_channel_fail(channel, "write index outside the ring");
			return false;
		}
		if (!run_device(channel))
			return false;
		if (channel->in.next != channel->in.other || channel->polled)
			return false;
		if (!vmbus_ring_unmask(&channel->in))
			return false;
		vmbus_ring_mask(&channel->in);
	}
	return true;
}

void vmbus_channel_set_polled(struct vmbus_channel *channel, bool polled)
{
	channel->polled = polled;
}

bool vmbus_channel_poll(struct vmbus_channel *channel)
{
	bool again;

	if (channel->running)
		return false;
	again = channel->live && drain(channel);
	if (channel->batch == 0)
		vmbus_channel_settle(channel);
	return again;
}

bool vmbus_server_signal(struct vmbus_server *server, uint32_t relid)
{
	struct vmbus_channel *channel = vmbus_channel_find(server, relid);

	if (!channel)
		return false;
	channel->stats.signals_in++;
	return vmbus_channel_poll(channel);
}

static int send_parts(struct vmbus_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id, uint32_t extension,
	const struct vmbus_ring_part *parts, uint32_t count)
{
	int rc;

	if (!channel->live)
		return -EIO;
	rc = vmbus_ring_write(&channel->out, type, flags, transaction_id, extension, parts, count);
	switch (rc) {
	case VMBUS_RING_OK:
		/* Before it is published: a successor publishes what is whole. */
		__atomic_store_n(&channel->state->write_next, channel->out.next, __ATOMIC_RELEASE);
		channel->stats.packets_out++;
		rc = 0;
		break;
	case VMBUS_RING_FULL:
		channel->stats.full++;
		rc = -EAGAIN;
		break;
	case VMBUS_RING_BAD:
		vmbus_channel_fail(channel, "read index outside what was written");
		return -EIO;
	default:
		return -EMSGSIZE;
	}
	if (channel->batch == 0)
		vmbus_channel_flush(channel);
	return rc;
}

int vmbus_channel_send(struct vmbus_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *payload,
	uint32_t size)
{
	struct vmbus_ring_part part = { .data = payload, .bytes = size };

	return send_parts(channel, type, flags, transaction_id, 0, &part, 1);
}

int vmbus_channel_sendv(struct vmbus_channel *channel, uint16_t type, uint16_t flags, uint64_t transaction_id,
	const void *extension, uint32_t extension_size, const struct iovec *payload, uint32_t count)
{
	struct vmbus_ring_part parts[9] = { { .data = extension, .bytes = extension_size } };

	if (count > 8)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < count; i++)
		parts[i + 1] = (struct vmbus_ring_part){ .data = payload[i].iov_base, .bytes = payload[i].iov_len };
	return send_parts(channel, type, flags, transaction_id, extension_size, parts, count + 1);
}

uint32_t vmbus_channel_room(struct vmbus_channel *channel, uint32_t least)
{
	uint32_t bytes = 0;

	if (!channel->live)
		return 0;
	if (least > channel->out.size / 4)
		least = channel->out.size / 4;
	switch (vmbus_ring_room(&channel->out, least, &bytes)) {
	case VMBUS_RING_OK:
		return bytes;
	case VMBUS_RING_FULL:
		channel->stats.full++;
		return 0;
	default:
		vmbus_channel_fail(channel, "read index outside what was written");
		return 0;
	}
}

int vmbus_channel_complete(struct vmbus_channel *channel, uint64_t transaction_id, const void *payload, uint32_t size)
{
	struct vmbus_ring_part part = { .data = payload, .bytes = size };

	return send_parts(channel, VMBUS_PACKET_COMPLETION, 0, transaction_id, 0, &part, 1);
}

void vmbus_channel_positions(const struct vmbus_channel *channel, uint32_t *received, uint32_t *sent)
{
	*received = channel->state->read_next;
	*sent = channel->state->write_next;
}
