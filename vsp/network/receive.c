/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames to the guest: read from the TAP straight into a slot of its receive buffer, behind room for the RNDIS header, and told of by a
 * transfer-page packet whose id is the slot's number and one.
 */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#define INPUT_BUDGET 64u             /* frames in a row before others get their turn */

/* The RNDIS header of a frame, or of a part of one, in its slot; what it is about begins at NETVSP_HEADROOM. */
struct part_header {
	struct rndis_header header;
	struct rndis_packet packet;
	struct {
		struct rndis_packet_info info;
		uint32_t value;
	} entry[3];
};
_Static_assert(sizeof(struct part_header) <= NETVSP_HEADROOM, "there is room");

/* Tells of `bytes` in the slot, in parts. 0 or what vmbus_channel_sendv says; then the slot is still ours. */
static int tell(struct netvsp_channel *channel, uint32_t slot, uint32_t kind, uint32_t bytes)
{
	struct netvsp *vsp = channel->vsp;
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[NETVSP_SLOT_PARTS];
	} extension = { .pages = { vsp->receive.id, 0, 0, 0 } };
	const struct nvsp_message message = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { kind, NVSP_NO_SECTION, 0 } };
	const struct iovec payload = { (void *)&message, sizeof message };
	struct netvsp_channel_state *kept = &vsp->state->channels[channel->index];
	uint32_t count = 0, received;
	int rc;

	for (; bytes; count++) {
		uint32_t share = bytes < NETVSP_PART_FRAME ? bytes : NETVSP_PART_FRAME;
		uint32_t offset = (slot * vsp->slot_parts + count) * NETVSP_PART_BYTES;

		extension.range[count] = (struct vmbus_transfer_range){ (kind == NVSP_CHANNEL_DATA ? NETVSP_HEADROOM : 0) + share, offset };
		bytes -= share;
	}
	extension.pages.range_count = count;
	/* A successor knows by these, and by the ring's end, whether the guest has the slot. */
	vmbus_channel_positions(channel->channel, &received, &kept->telling_at);
	__atomic_store_n(&kept->telling, slot + 1u, __ATOMIC_RELEASE);
	vsp->state->taken[slot] = 1;
	rc = vmbus_channel_sendv(channel->channel, VMBUS_PACKET_TRANSFER_PAGES, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, slot + 1u,
				 &extension, (uint32_t)(sizeof extension.pages + count * sizeof *extension.range), &payload, 1);
	if (rc)
		vsp->state->taken[slot] = 0;
	__atomic_store_n(&kept->telling, 0, __ATOMIC_RELEASE);
	return rc;
}

/* A slot, unless no more than `keep` are left. */
static bool take_slot(struct netvsp *vsp, uint32_t keep, uint32_t *ret)
{
	if (vsp->free_count <= keep)
		return false;
	*ret = vsp->free_slots[--vsp->free_count];
	vsp->slots[*ret].taken = true;
	return true;
}

bool netvsp_send_control(struct netvsp_channel *channel, const void *message, uint32_t bytes)
{
	struct netvsp *vsp = channel->vsp;
	uint32_t slot;

	if (!take_slot(vsp, 0, &slot)) {
		netvsp_log(vsp, "no room for a control message");
		return false;
	}
	/* At most some hundred bytes: they fit the first page. */
	memcpy(vsp->slots[slot].part[0], message, bytes);
	if (tell(channel, slot, NVSP_CHANNEL_CONTROL, bytes) == 0) {
		netvsp_deliver(channel);
		return true;
	}
	netvsp_slot_return(vsp, slot);
	netvsp_log(vsp, "no room in the ring for a control message");
	return false;
}

static bool in_groups(const struct netvsp *vsp, const uint8_t *address)
{
	for (uint32_t i = 0; i < vsp->group_count; i++)
		if (!memcmp(vsp->groups[i], address, sizeof vsp->groups[i]))
			return true;
	return false;
}

static bool wanted(const struct netvsp *vsp, const uint8_t *frame)
{
	if (!vsp->stats.link_up || !vsp->filter)
		return false;
	if (vsp->filter & RNDIS_FILTER_PROMISCUOUS)
		return true;
	if (!(frame[0] & 1))
		return vsp->filter & RNDIS_FILTER_DIRECTED && (vsp->config.allow_spoofing || !memcmp(frame, vsp->config.mac, 6));
	if (!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6))
		return vsp->filter & RNDIS_FILTER_BROADCAST;
	return vsp->filter & RNDIS_FILTER_ALL_MULTICAST || (vsp->filter & RNDIS_FILTER_MULTICAST && in_groups(vsp, frame));
}

static void add_info(struct part_header *h, uint32_t type, uint32_t value)
{
	const uint32_t bytes = sizeof h->entry[0], count = h->packet.info_bytes / bytes;

	h->entry[count].info = (struct rndis_packet_info){ bytes, type, sizeof h->entry[0].info };
	h->entry[count].value = value;
	h->packet.info_bytes += bytes;
}

/* Headers in front of each part. Frames from the root itself carry no checksum yet, and need none. hash: NULL if there is none. */
static void describe(const struct netvsp_slot *slot, uint32_t bytes, const struct virtio_net_hdr *header, const uint32_t *hash)
{
	bool whole = bytes <= NETVSP_PART_FRAME, good = header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);

	for (uint32_t i = 0; bytes; i++) {
		uint32_t share = bytes < NETVSP_PART_FRAME ? bytes : NETVSP_PART_FRAME;
		struct part_header h = {
			.header = { RNDIS_PACKET, NETVSP_HEADROOM + share },
			.packet = { .data_offset = NETVSP_HEADROOM - sizeof(struct rndis_header), .data_bytes = share,
				    .info_offset = sizeof(struct rndis_packet) },
		};

		bytes -= share;
		add_info(&h, RNDIS_INFO_CHECKSUM, good ? RNDIS_CHECKSUM_TCP_GOOD | RNDIS_CHECKSUM_UDP_GOOD : 0);
		if (!whole)
			add_info(&h, RNDIS_INFO_PACKET_ID, RNDIS_PACKET_ID_VALUE(RNDIS_PACKET_ID_PART | (i ? 0 : RNDIS_PACKET_ID_FIRST) |
										 (bytes ? 0 : RNDIS_PACKET_ID_LAST)));
		/* Of a coalesced frame it is the first part that says what is true of all. */
		if (hash && !i)
			add_info(&h, RNDIS_INFO_HASH, *hash);
		memcpy(slot->part[i], &h, offsetof(struct part_header, entry) + h.packet.info_bytes);
	}
}

/* One round of input of a queue. */
struct round {
	struct netvsp *vsp;
	struct netvsp_channel *own;          /* the queue's channel */
	uint32_t batches;                    /* channels that have a batch open */
};

/* The channel for the frame in the slot, with its batch. */
static struct netvsp_channel *choose(struct round *r, const struct netvsp_slot *slot, uint32_t bytes, uint32_t *hash, bool *hashed)
{
	struct netvsp *vsp = r->vsp;
	struct netvsp_channel *channel = r->own;
	uint8_t header[RSS_HEADER_BYTES];
	uint32_t to;

	if (vsp->state->subchannels && vsp->rss.on) {
		if (bytes > sizeof header)
			bytes = sizeof header;
		memcpy(header, slot->part[0] + NETVSP_HEADROOM, bytes);
		*hashed = rss_steer(&vsp->rss, header, bytes, hash, &to);
		if (*hashed)
			channel = &vsp->channels[to < NETVSP_MAX_QUEUES && vsp->channels[to].open ? to : 0];
	}
	if (!(r->batches >> channel->index & 1)) {
		vmbus_channel_batch_begin(channel->channel);
		r->batches |= 1u << channel->index;
	}
	return channel;
}

/* What was gathered goes along with the frames. */
static void end_batches(struct round *r)
{
	for (uint32_t i = 0; r->batches >> i; i++) {
		if (!(r->batches >> i & 1))
			continue;
		netvsp_deliver(&r->vsp->channels[i]);
		vmbus_channel_batch_end(r->vsp->channels[i].channel);
	}
}

/* One frame. 0; -EAGAIN: there is none; -ENODEV: no device any more; -ENOSPC: the guest has no room; other: it was lost. */
static int receive_frame(struct round *r, int fd, uint32_t slot)
{
	struct netvsp *vsp = r->vsp;
	const struct netvsp_slot *s = &vsp->slots[slot];
	struct iovec iov[NETVSP_SLOT_PARTS * NETVSP_PART_PAGES + 1];
	struct netvsp_channel *channel;
	struct virtio_net_hdr header;
	uint32_t bytes, hash = 0;
	bool hashed = false;
	ssize_t n;
	int rc;

	iov[0] = (struct iovec){ &header, sizeof header };
	memcpy(iov + 1, s->iov, s->iov_count * sizeof *iov);
	n = readv(fd, iov, (int)s->iov_count + 1);
	if (n < 0) {
		vsp->stats.rx_errors += errno != EAGAIN && errno != EINTR;
		return errno == EBADFD ? -ENODEV : -EAGAIN;
	}
	if ((size_t)n < sizeof header + 14)
		return n == 0 ? -EAGAIN : -EBADMSG;
	bytes = (uint32_t)n - (uint32_t)sizeof header;
	if (!wanted(vsp, s->part[0] + NETVSP_HEADROOM))
		return -EBADMSG;
	channel = choose(r, s, bytes, &hash, &hashed);
	describe(s, bytes, &header, hashed ? &hash : NULL);
	rc = tell(channel, slot, NVSP_CHANNEL_DATA, bytes);
	if (rc) {
		vsp->stats.rx_dropped++;
		return rc == -EAGAIN ? -ENOSPC : -EBADMSG;
	}
	vsp->stats.rx_packets++;
	vsp->stats.rx_bytes += bytes;
	return 0;
}

/* Nobody is there to take frames: what waits is stale by the time that somebody is. 0; -EAGAIN, -ENODEV: as receive_frame. */
static int discard(int fd)
{
	uint8_t byte[2048];

	for (uint32_t i = 0; i < INPUT_BUDGET; i++)
		if (read(fd, byte, sizeof byte) < 0 && errno != EINTR)
			return errno == EBADFD ? -ENODEV : -EAGAIN;
	return 0;
}

/* A TAP that somebody deleted is always "ready": whoever watches it has to stop. The guest sees the cable out. */
static void lose(struct netvsp *vsp, uint32_t queue)
{
	if (vsp->lost[queue])
		return;
	vsp->lost[queue] = true;
	netvsp_log(vsp, "the TAP device has gone; detach and attach the interface for a new one");
	netvsp_set_link(vsp, false);
	if (vsp->config.lost)
		vsp->config.lost(vsp->config.context, queue);
}

static bool more_input(struct netvsp *vsp, uint32_t queue, int rc)
{
	if (rc == -ENODEV)
		lose(vsp, queue);
	return rc != -EAGAIN && rc != -ENOSPC && rc != -ENODEV;
}

bool netvsp_input(struct netvsp *vsp, uint32_t queue)
{
	/* A queue without a channel of its own goes to the first. */
	struct round r = { vsp, &vsp->channels[vsp->channels[queue].open ? queue : 0], 0 };
	int fd = vsp->config.fd[queue], rc = 0;
	uint32_t slot, taken = 0;

	if (!r.own->open || !vsp->slots || !vsp->filter)
		return more_input(vsp, queue, discard(fd));
	while (taken < INPUT_BUDGET && rc != -EAGAIN && rc != -ENOSPC && rc != -ENODEV) {
		rc = -ENOSPC;
		if (!take_slot(vsp, vsp->reserved_slots, &slot))
			break;
		rc = receive_frame(&r, fd, slot);
		if (rc)
			netvsp_slot_return(vsp, slot);
		taken++;
	}
	vsp->starved[queue] = rc == -ENOSPC;
	end_batches(&r);
	return more_input(vsp, queue, rc);
}

void netvsp_feed(struct netvsp *vsp)
{
	if (vsp->link_untold && vsp->free_count && vmbus_channel_room(vsp->channels[0].channel, NETVSP_ANSWER_ROOM))
		netvsp_indicate_link(vsp);
	for (uint32_t i = 0; i < vsp->config.queue_count; i++) {
		if (!vsp->starved[i] || vsp->free_count <= vsp->reserved_slots)
			continue;
		vsp->starved[i] = false;
		if (vsp->config.want_input)
			vsp->config.want_input(vsp->config.context, i);
	}
}
