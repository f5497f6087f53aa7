/* SPDX-License-Identifier: BSD-2-Clause */
/* See hvsock.h. */
#include "vsc/hvsock/hvsock.h"

#include <errno.h>
#include <string.h>

/* Bytes of one packet of ours: with its header a page, so that the host works on one while we write the next. */
#define CHUNK    (4096u - (uint32_t)sizeof(struct hvsock_header))
/* What an end of file takes in the ring; kept free, so that it can always be sent. */
#define END_ROOM ((uint32_t)(sizeof(struct vmbus_descriptor) + sizeof(struct hvsock_header)) + VMBUS_TRAILER_BYTES)

static void on_event(void *context, struct vsc_channel *channel)
{
	struct vsc_hvsock *s = context;

	(void)channel;
	if (s->event)
		s->event(s->context, s);
}

/* An offer of that kind that nobody has taken up. Ones that were taken back meanwhile are released on the way. */
static struct vsc_channel *find(struct vsc_vmbus *bus, const struct vmbus_guid *service, const struct vmbus_guid *endpoint)
{
	for (unsigned int i = 0; i < VSC_MAX_CHANNELS; i++) {
		struct vsc_channel *c = &bus->channels[i];
		bool from_host = c->offer.user[HVSOCK_USER_FROM_HOST] == 1;

		if (c->offer.relid == 0 || !(c->offer.flags & VMBUS_OFFER_TLNPI_PROVIDER) || c->open || c->event ||
		    !vmbus_guid_equal(&c->offer.type, service) || from_host != !endpoint)
			continue;
		if (c->rescinded)
			vsc_channel_release(c);
		else if (!endpoint || vmbus_guid_equal(&c->offer.instance, endpoint))
			return c;
	}
	return NULL;
}

static int open_stream(struct vsc_hvsock *s, struct vsc_channel *channel, void *memory, uint32_t bytes)
{
	int rc;

	s->send_ended = s->receive_ended = s->broken = false;
	s->at = s->bytes = 0;
	/* Before it is open: the host may send at once. */
	channel->event = on_event;
	channel->context = s;
	s->channel = channel;
	rc = vsc_channel_open(channel, memory, bytes, bytes / 2, NULL, 0);
	if (rc == 0)
		return 0;
	s->channel = NULL;
	channel->event = NULL;
	if (channel->rescinded)
		vsc_channel_release(channel);
	return rc;
}

static bool memory_fits(uint32_t bytes)
{
	return bytes >= VSC_HVSOCK_RING_MIN && bytes % (2 * VMBUS_PAGE_SIZE) == 0;
}

int vsc_hvsock_connect(struct vsc_hvsock *s, struct vsc_vmbus *bus, uint32_t local_port, uint32_t port, void *memory, uint32_t bytes)
{
	const struct vmbus_tl_connect request = {
		.header.type = VMBUS_MSG_TL_CONNECT, .endpoint = hvsock_guid(local_port), .service = hvsock_guid(port),
	};
	struct vsc_channel *channel = NULL;
	int rc;

	if (s->channel)
		return -EISCONN;
	if (!memory_fits(bytes))
		return -EINVAL;
	/* The answer is an offer, or a result that says no. */
	vsc_vmbus_expect(bus, VMBUS_MSG_TL_CONNECT_RESULT, 1, local_port, 0);
	rc = vsc_vmbus_post(bus, &request, sizeof request);
	while (rc == 0 && !bus->reply.arrived && !(channel = find(bus, &request.service, &request.endpoint)))
		if (!bus->os->wait(bus->context))
			rc = -ETIMEDOUT;
	bus->reply.type = 0;
	if (rc == 0 && !channel)
		rc = -ECONNREFUSED;
	return rc < 0 ? rc : open_stream(s, channel, memory, bytes);
}

int vsc_hvsock_accept(struct vsc_hvsock *s, struct vsc_vmbus *bus, uint32_t port, void *memory, uint32_t bytes)
{
	const struct vmbus_guid service = hvsock_guid(port);
	struct vsc_channel *channel;

	if (s->channel)
		return -EISCONN;
	if (!memory_fits(bytes))
		return -EINVAL;
	channel = find(bus, &service, NULL);
	return channel ? open_stream(s, channel, memory, bytes) : -EAGAIN;
}

static int break_off(struct vsc_hvsock *s)
{
	s->broken = true;
	return -EPROTO;
}

static int send_packet(struct vsc_hvsock *s, const uint8_t *data, uint32_t bytes)
{
	struct {
		struct hvsock_header header;
		uint8_t data[CHUNK];
	} packet = { .header = { .type = HVSOCK_DATA, .bytes = bytes } };

	if (bytes)
		memcpy(packet.data, data, bytes);
	return vsc_channel_send(s->channel, VMBUS_PACKET_INBAND, 0, 0, NULL, 0, &packet, (uint32_t)sizeof packet.header + bytes);
}

int vsc_hvsock_send(struct vsc_hvsock *s, const void *data, uint32_t bytes)
{
	uint32_t done = 0, room, wanted;
	int rc = 0;

	if (!s->channel)
		return -ENOTCONN;
	if (s->broken || s->channel->failed)
		return -EPROTO;
	if (s->send_ended || s->channel->rescinded)
		return -EPIPE;
	while (rc == 0 && done < bytes) {
		uint32_t n = bytes - done < CHUNK ? bytes - done : CHUNK;

		/* Not for less than a quarter of the ring, unless that is all there is to send. */
		wanted = n < s->channel->out.size / 4 ? n : s->channel->out.size / 4;
		rc = vmbus_ring_room(&s->channel->out, (uint32_t)sizeof(struct hvsock_header) + wanted + END_ROOM, &room);
		if (rc == VMBUS_RING_OK) {
			room -= (uint32_t)sizeof(struct hvsock_header) + END_ROOM;
			n = n < room ? n : room;
			rc = send_packet(s, (const uint8_t *)data + done, n);
			done += rc == 0 ? n : 0;
		} else {
			rc = rc == VMBUS_RING_FULL ? -EAGAIN : break_off(s);
		}
	}
	vsc_channel_flush(s->channel);
	return done ? (int)done : rc;
}

int vsc_hvsock_send_end(struct vsc_hvsock *s)
{
	int rc;

	if (!s->channel)
		return -ENOTCONN;
	if (s->send_ended || s->channel->rescinded)
		return 0;
	rc = send_packet(s, NULL, 0);
	/* Room was kept for it: only a host that moves indices backwards can have taken it. */
	if (rc < 0)
		return break_off(s);
	s->send_ended = true;
	vsc_channel_flush(s->channel);
	return 0;
}

/* The next packet that has bytes, or the end of file. */
static int next_packet(struct vsc_hvsock *s)
{
	struct hvsock_header header;
	struct vsc_packet packet;
	int rc = vsc_channel_receive(s->channel, &packet, s->packet, sizeof s->packet);

	if (rc == -EAGAIN)
		return s->channel->rescinded ? -ECONNRESET : -EAGAIN;
	if (rc < 0 || packet.type != VMBUS_PACKET_INBAND || packet.bytes < sizeof header || packet.bytes > sizeof s->packet)
		return break_off(s);
	memcpy(&header, s->packet, sizeof header);
	if (header.type != HVSOCK_DATA || header.bytes > packet.bytes - sizeof header)
		return break_off(s);
	s->at = 0;
	s->bytes = header.bytes;
	s->receive_ended = header.bytes == 0;
	return 0;
}

int vsc_hvsock_receive(struct vsc_hvsock *s, void *data, uint32_t capacity)
{
	uint32_t done = 0;
	int rc = 0;

	if (!s->channel)
		return -ENOTCONN;
	while (!s->broken && !s->receive_ended && done < capacity) {
		uint32_t n = s->bytes - s->at < capacity - done ? s->bytes - s->at : capacity - done;

		memcpy((uint8_t *)data + done, s->packet + sizeof(struct hvsock_header) + s->at, n);
		s->at += n;
		done += n;
		/* Looking for a next packet also tells the host of the room that the last one has left. */
		if (s->at == s->bytes) {
			rc = next_packet(s);
			if (rc < 0)
				break;
		}
	}
	if (done)
		return (int)done;
	return s->broken ? -EPROTO : s->receive_ended ? 0 : rc;
}

int vsc_hvsock_close(struct vsc_hvsock *s)
{
	uint8_t rest[256];
	int rc;

	if (!s->channel)
		return -ENOTCONN;
	vsc_hvsock_send_end(s);
	/* The host ends when it has ours and its own end has gone through: what is before that is not wanted any more. */
	while (!s->channel->rescinded) {
		while (vsc_hvsock_receive(s, rest, sizeof rest) > 0)
			;
		if (!s->channel->rescinded && !s->channel->bus->os->wait(s->channel->bus->context))
			return -ETIMEDOUT;
	}
	rc = vsc_channel_release(s->channel);
	if (rc == 0)
		s->channel = NULL;
	return rc;
}
