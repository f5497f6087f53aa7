/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host has written in the receive buffer: frames, whole or in parts, answers to control messages, changes of the link. It can write there
 * at any time: headers are copied once and checked, and a frame is copied out before anybody looks at it. See netvsc.h.
 */
#include <string.h>

#include "internal.h"

#define MAX_INFO 256u

/* Per-packet information that we know of. */
struct info {
	bool has_checksum, has_id, has_vlan, has_hash;
	uint32_t checksum, vlan, hash;
	struct rndis_packet_id id;
};

static void take_info(struct info *ret, uint32_t type, const uint8_t *value)
{
	switch (type) {
	case RNDIS_INFO_CHECKSUM:
		memcpy(&ret->checksum, value, sizeof ret->checksum);
		ret->has_checksum = true;
		break;
	case RNDIS_INFO_8021Q:
		memcpy(&ret->vlan, value, sizeof ret->vlan);
		ret->has_vlan = true;
		break;
	case RNDIS_INFO_HASH:
		memcpy(&ret->hash, value, sizeof ret->hash);
		ret->has_hash = true;
		break;
	case RNDIS_INFO_PACKET_ID:
		memcpy(&ret->id, value, sizeof ret->id);
		ret->has_id = true;
		break;
	}
}

/* All that we know of has 4 bytes; an entry that does not fit its frame spoils the packet. */
static bool parse_info(const uint8_t *at, uint32_t bytes, struct info *ret)
{
	struct rndis_packet_info entry;

	while (bytes >= sizeof entry) {
		memcpy(&entry, at, sizeof entry);
		if (entry.bytes < sizeof entry || entry.bytes > bytes || entry.offset > entry.bytes)
			return false;
		if (entry.offset >= sizeof entry && entry.bytes - entry.offset >= 4)
			take_info(ret, entry.type, at + entry.offset);
		at += entry.bytes;
		bytes -= entry.bytes;
	}
	return bytes == 0;
}

static bool copy_info(const uint8_t *message, uint32_t bytes, const struct rndis_packet *p, struct info *ret)
{
	uint8_t info[MAX_INFO];

	*ret = (struct info){ 0 };
	if (p->info_bytes == 0)
		return true;
	if (p->info_bytes > MAX_INFO || p->info_offset > bytes || p->info_bytes > bytes - p->info_offset)
		return false;
	copy_once(info, message + p->info_offset, p->info_bytes);
	return parse_info(info, p->info_bytes, ret);
}

/* What is true of a frame is said with its first part. */
static void begin_frame(struct vsc_netvsc *n, const struct info *info)
{
	n->incoming = (struct vsc_frame){
		.data = n->config.frame,
		.checksum_good = info->has_checksum && info->checksum & (RNDIS_CHECKSUM_TCP_GOOD | RNDIS_CHECKSUM_UDP_GOOD),
		.has_vlan = info->has_vlan,
		.vlan = (uint16_t)(RNDIS_VLAN_PRIORITY(info->vlan) << 13 | RNDIS_VLAN_CFI(info->vlan) << 12 | RNDIS_VLAN_ID(info->vlan)),
		.has_hash = info->has_hash,
		.hash = info->hash,
	};
}

static void deliver(struct vsc_netvsc *n)
{
	struct vsc_frame *frame = &n->incoming;

	if (n->filter && frame->bytes >= VSC_NETVSC_HEADER) {
		n->stats.received++;
		n->stats.coalesced += frame->parts > 1;
		if (n->config.ops && n->config.ops->received)
			n->config.ops->received(n->config.context, frame);
	}
	frame->parts = 0;
}

/* A frame or a part of one; `message` is what is behind its header. */
static bool take_frame(struct vsc_netvsc *n, const uint8_t *message, uint32_t bytes)
{
	struct vsc_frame *frame = &n->incoming;
	struct rndis_packet p;
	struct info info;
	bool part;

	if (bytes < sizeof p)
		return false;
	copy_once(&p, message, sizeof p);
	if (p.data_offset > bytes || p.data_bytes > bytes - p.data_offset || !copy_info(message, bytes, &p, &info))
		return false;
	part = info.has_id && info.id.flags & RNDIS_PACKET_ID_PART;
	if (!part || info.id.flags & RNDIS_PACKET_ID_FIRST)
		begin_frame(n, &info);
	else if (frame->parts == 0)
		return false;
	if (p.data_bytes > n->config.frame_bytes - frame->bytes)
		return false;
	copy_once(n->config.frame + frame->bytes, message + p.data_offset, p.data_bytes);
	frame->bytes += p.data_bytes;
	frame->parts++;
	if (!part || info.id.flags & RNDIS_PACKET_ID_LAST)
		deliver(n);
	return true;
}

static bool take_answer(struct vsc_netvsc *n, uint32_t type, const uint8_t *message, uint32_t bytes)
{
	uint32_t id;

	if (bytes < sizeof id || bytes > sizeof n->reply.payload || type != n->reply.type || n->reply.arrived)
		return false;
	copy_once(n->reply.payload, message, bytes);
	memcpy(&id, n->reply.payload, sizeof id);
	if (id != n->reply.id)
		return false;
	n->reply.bytes = bytes;
	n->reply.arrived = true;
	return true;
}

static void set_link(struct vsc_netvsc *n, bool up)
{
	n->link_up = up;
	if (n->config.ops && n->config.ops->link)
		n->config.ops->link(n->config.context, up);
}

static bool take_indication(struct vsc_netvsc *n, const uint8_t *message, uint32_t bytes)
{
	struct rndis_indicate indicate;

	if (bytes < sizeof indicate)
		return false;
	copy_once(&indicate, message, sizeof indicate);
	switch (indicate.status) {
	case RNDIS_STATUS_MEDIA_CONNECT:
		set_link(n, true);
		return true;
	case RNDIS_STATUS_MEDIA_DISCONNECT:
		set_link(n, false);
		return true;
	case RNDIS_STATUS_NETWORK_CHANGE:    /* the cable is in another wall now */
		set_link(n, false);
		set_link(n, true);
		return true;
	}
	return false;
}

static bool take_message(struct vsc_netvsc *n, const struct vmbus_transfer_range *range)
{
	struct rndis_header header;
	const uint8_t *at;
	bool good;

	if (range->offset > n->config.receive_bytes || range->bytes > n->config.receive_bytes - range->offset || range->bytes < sizeof header)
		return false;
	at = (const uint8_t *)n->config.receive + range->offset;
	copy_once(&header, at, sizeof header);
	if (header.bytes < sizeof header || header.bytes > range->bytes)
		return false;
	at += sizeof header;
	header.bytes -= (uint32_t)sizeof header;
	switch (header.type) {
	case RNDIS_PACKET:
		good = take_frame(n, at, header.bytes);
		/* Without one of its parts a frame is none. */
		if (!good)
			n->incoming.parts = 0;
		return good;
	case RNDIS_INDICATE:
		return take_indication(n, at, header.bytes);
	default:
		return take_answer(n, header.type, at, header.bytes);
	}
}

void vsc_netvsc_receive(struct vsc_netvsc *n, const struct vsc_packet *packet)
{
	const struct vmbus_transfer_pages *pages = &n->ranges.pages;
	uint32_t count = pages->range_count;

	if (!n->receive_gpadl || packet->extension_bytes < sizeof *pages || pages->set_id != NVSP_RECEIVE_BUFFER_ID ||
	    count > VSC_NETVSC_RANGES || count > (packet->extension_bytes - sizeof *pages) / sizeof n->ranges.range[0]) {
		n->refused++;
		return;
	}
	/* Parts of a frame come in one packet. */
	n->incoming.parts = 0;
	for (uint32_t i = 0; i < count; i++)
		n->refused += !take_message(n, &n->ranges.range[i]);
}
