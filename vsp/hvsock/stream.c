/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a stream, both ways. A guest's packet is copied out of the ring once, then checked. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* Less room than this is not worth a packet while more may come. */
#define ROOM_WANTED 4096u

/* Both directions have ended and everything is delivered or in the guest's ring. */
static void end_if_done(struct hvsock_stream *s)
{
	if (!s->over && s->end_told && s->send_ended && !s->end_due)
		stream_end(s, true, 0);
}

void stream_send_end(struct hvsock_stream *s)
{
	const struct hvsock_header header = { .type = HVSOCK_DATA };

	if (!s->end_due)
		s->since = s->hvsock->clock;
	s->send_ended = true;
	s->end_due = vmbus_channel_send(s->channel, VMBUS_PACKET_INBAND, 0, 0, &header, sizeof header) == -EAGAIN;
}

void hvsock_send_end(struct hvsock_stream *s)
{
	if (s->over || s->send_ended)
		return;
	s->busy++;
	stream_send_end(s);
	end_if_done(s);
	s->busy--;
	stream_release(s);
}

uint32_t hvsock_room(struct hvsock_stream *s)
{
	uint32_t room = s->over || !s->open || s->send_ended ? 0 : vmbus_channel_room(s->channel, sizeof(struct hvsock_header) + ROOM_WANTED);

	if (room <= sizeof(struct hvsock_header)) {
		if (!s->want_room)
			s->since = s->hvsock->clock;
		s->want_room = true;
		return 0;
	}
	s->want_room = false;
	room -= (uint32_t)sizeof(struct hvsock_header);
	return room < HVSOCK_MTU ? room : HVSOCK_MTU;
}

int hvsock_send(struct hvsock_stream *s, const void *data, uint32_t bytes)
{
	struct hvsock_header header = { .type = HVSOCK_DATA, .bytes = bytes };
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof header }, { .iov_base = (void *)(uintptr_t)data, .iov_len = bytes },
	};

	/* Without bytes it would be the end of file. */
	if (s->over || s->send_ended || bytes > HVSOCK_MTU)
		return -EPIPE;
	if (bytes == 0)
		return 0;
	return vmbus_channel_sendv(s->channel, VMBUS_PACKET_INBAND, 0, 0, NULL, 0, parts, 2) ? -EPIPE : 0;
}

/* Gives the peer what is left of a packet. */
static void deliver_held(struct hvsock_stream *s)
{
	s->held_at += s->hvsock->ops->received(s->peer, s->held + s->held_at, s->held_bytes - s->held_at);
	if (s->over || s->held_at < s->held_bytes)
		return;
	free(s->held);
	s->held = NULL;
}

static void deliver(struct hvsock_stream *s, const uint8_t *data, uint32_t bytes)
{
	uint32_t taken = s->hvsock->ops->received(s->peer, data, bytes);

	if (s->over || taken >= bytes)
		return;
	s->held_bytes = bytes - taken;
	s->held_at = 0;
	s->held = malloc(s->held_bytes);
	if (!s->held)
		return stream_end(s, true, -ENOMEM);
	memcpy(s->held, data + taken, s->held_bytes);
}

/* One packet, from our copy of it. */
static void handle_packet(struct hvsock_stream *s, const struct vmbus_packet *packet)
{
	struct hvsock_header header;

	if (packet->type != VMBUS_PACKET_INBAND || packet->payload_bytes < sizeof header)
		return stream_end(s, true, -EPROTO);
	memcpy(&header, packet->payload, sizeof header);
	if (header.type != HVSOCK_DATA || header.bytes > packet->payload_bytes - sizeof header)
		return stream_end(s, true, -EPROTO);
	if (header.bytes)
		deliver(s, (const uint8_t *)packet->payload + sizeof header, header.bytes);
	else
		s->receive_ended = true;
}

static void take_packets(struct hvsock_stream *s)
{
	struct hvsock *h = s->hvsock;

	/* What a guest sends behind its end of file stays in its ring. */
	while (!s->over && !s->held && !s->receive_ended) {
		struct vmbus_packet packet = { .payload = h->packet, .payload_capacity = sizeof h->packet };
		int rc = vmbus_channel_next_packet(s->channel, &packet);

		if (rc == -EAGAIN || rc == -EIO)
			return;
		if (rc)
			return stream_end(s, true, -EPROTO);
		handle_packet(s, &packet);
	}
	if (s->over || s->held || s->end_told)
		return;
	s->end_told = true;
	s->since = h->clock;         /* what it did not read so far it may have had no reason to */
	h->ops->received_end(s->peer);
}

static void make_progress(struct hvsock_stream *s)
{
	if (s->end_due)
		stream_send_end(s);
	if (s->want_room && hvsock_room(s))
		s->hvsock->ops->writable(s->peer);
}

void stream_signal(struct hvsock_stream *s)
{
	s->busy++;
	make_progress(s);
	if (!s->over)
		take_packets(s);
	end_if_done(s);
	s->busy--;
	stream_release(s);
}

bool hvsock_receive(struct hvsock_stream *s)
{
	bool again = false;

	s->busy++;
	if (!s->over && s->held)
		deliver_held(s);
	if (!s->over && !s->held)
		again = vmbus_channel_poll(s->channel);
	again = again && !s->over;
	s->busy--;
	stream_release(s);
	return again;
}
