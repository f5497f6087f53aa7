/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames on their way out, each by a tag that the host gives back: whole in the tag's section of the send buffer (low tags), or as a list of the
 * caller's pages behind a header in the tag's place in the scratch pages (high tags). See netvsc.h.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define TRANSPORT_MAX 0x3ffu         /* there are 10 bits for it */

/* What one frame is sent with. */
struct header {
	uint8_t bytes[HEADER_BYTES];
	uint32_t used;
};

struct gpa_list {
	struct vmbus_gpa_direct direct;
	struct {
		struct vmbus_gpa_range range;
		uint64_t page;
	} part[VSC_NETVSC_PAGES + 1];
};

static int check_work(const struct vsc_netvsc *n, uint32_t bytes, const struct vsc_frame_work *w)
{
	uint32_t largest = n->mtu + VSC_NETVSC_HEADER;

	if (w->segment) {
		if (w->checksum != VSC_CHECKSUM_TCP)
			return -EINVAL;
		largest = w->ip6 ? n->offers.segment6 : n->offers.segment4;
		if (!largest)
			return -EOPNOTSUPP;
	} else if ((w->checksum == VSC_CHECKSUM_TCP && !(w->ip6 ? n->offers.tcp6 : n->offers.tcp4)) ||
		   (w->checksum == VSC_CHECKSUM_UDP && !(w->ip6 ? n->offers.udp6 : n->offers.udp4))) {
		return -EOPNOTSUPP;
	}
	if (w->checksum && (w->transport < VSC_NETVSC_HEADER + 20u || w->transport >= bytes || w->transport > TRANSPORT_MAX))
		return -EINVAL;
	return bytes > largest ? -EMSGSIZE : 0;
}

static void add_info(struct header *h, struct rndis_packet *p, uint32_t type, uint32_t value)
{
	const struct rndis_packet_info info = { sizeof info + sizeof value, type, sizeof info };

	memcpy(h->bytes + h->used, &info, sizeof info);
	memcpy(h->bytes + h->used + sizeof info, &value, sizeof value);
	h->used += info.bytes;
	p->info_bytes += info.bytes;
}

/* The message up to the frame. */
static void make_header(struct header *h, uint32_t bytes, const struct vsc_frame_work *w)
{
	struct rndis_packet p = { .data_bytes = bytes, .info_offset = sizeof p };
	struct rndis_header outer = { .type = RNDIS_PACKET };

	h->used = sizeof outer + sizeof p;
	if (w->has_vlan)
		add_info(h, &p, RNDIS_INFO_8021Q, (w->vlan & 0xfffu) << 4 | (w->vlan >> 12 & 1u) << 3 | w->vlan >> 13);
	if (w->segment)
		add_info(h, &p, RNDIS_INFO_LARGE_SEND, w->segment | (uint32_t)w->transport << 20 | RNDIS_LSO_V2 | (uint32_t)w->ip6 << 31);
	else if (w->checksum)
		add_info(h, &p, RNDIS_INFO_CHECKSUM, (w->ip6 ? RNDIS_CHECKSUM_IPV6 : RNDIS_CHECKSUM_IPV4) | (uint32_t)w->transport << 16 |
			 (w->checksum == VSC_CHECKSUM_TCP ? RNDIS_CHECKSUM_TCP : RNDIS_CHECKSUM_UDP));
	if (!p.info_bytes)
		p.info_offset = 0;
	p.data_offset = h->used - (uint32_t)sizeof outer;
	outer.bytes = h->used + bytes;
	memcpy(h->bytes, &outer, sizeof outer);
	memcpy(h->bytes + sizeof outer, &p, sizeof p);
}
_Static_assert(sizeof(struct rndis_header) + sizeof(struct rndis_packet) + 3 * 16 <= HEADER_BYTES, "all information at once");

/* Checks what both ways have in common and makes the header. */
static int begin(struct vsc_netvsc *n, struct header *h, uint32_t bytes, const struct vsc_frame_work *work)
{
	static const struct vsc_frame_work none;
	int rc;

	if (!n->filter)
		return -ENETDOWN;
	if (bytes < VSC_NETVSC_HEADER)
		return -EINVAL;
	if (!work)
		work = &none;
	rc = check_work(n, bytes, work);
	if (rc == 0)
		make_header(h, bytes, work);
	return rc;
}

static int again(struct vsc_netvsc *n)
{
	n->starved = true;
	return -EAGAIN;
}

static int post(struct vsc_netvsc *n, uint32_t tag, const struct nvsp_message *message, const struct gpa_list *list, uint32_t list_bytes)
{
	int rc = vsc_channel_send(n->channel, list ? VMBUS_PACKET_GPA_DIRECT : VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
				  tag + 1ull, list, list_bytes, message, sizeof *message);

	if (rc < 0)
		return rc == -EAGAIN ? again(n) : rc;
	n->in_flight |= 1ull << tag;
	vsc_channel_flush(n->channel);
	return 0;
}

int vsc_netvsc_send(struct vsc_netvsc *n, const void *frame, uint32_t bytes, const struct vsc_frame_work *work)
{
	struct nvsp_message message = { .type = NVSP_SEND_RNDIS_PACKET, .rndis.channel = NVSP_CHANNEL_DATA };
	struct header h;
	uint8_t *section;
	uint32_t tag = 0;
	int rc = begin(n, &h, bytes, work);

	if (rc < 0)
		return rc;
	if (bytes > n->section_bytes || h.used > n->section_bytes - bytes)
		return -EMSGSIZE;
	while (tag < n->sections && n->in_flight >> tag & 1)
		tag++;
	if (tag == n->sections)
		return again(n);
	section = (uint8_t *)n->config.send + tag * n->section_bytes;
	memcpy(section, h.bytes, h.used);
	memcpy(section + h.used, frame, bytes);
	message.rndis.section = tag;
	message.rndis.section_bytes = h.used + bytes;
	return post(n, tag, &message, NULL, 0);
}

/* Page by page, as Linux does it: hosts need not take more than one of a range. */
static int add_pages(const struct vsc_vmbus *bus, struct gpa_list *list, const uint8_t *at, uint32_t bytes)
{
	for (uint32_t run; bytes; bytes -= run, at += run) {
		uint32_t offset = (uint32_t)((uintptr_t)at % VMBUS_PAGE_SIZE);

		if (list->direct.range_count == VSC_NETVSC_PAGES + 1)
			return -EMSGSIZE;
		run = VMBUS_PAGE_SIZE - offset < bytes ? VMBUS_PAGE_SIZE - offset : bytes;
		list->part[list->direct.range_count].range = (struct vmbus_gpa_range){ .bytes = run, .offset = offset };
		list->part[list->direct.range_count++].page = bus->os->physical(bus->context, at) / VMBUS_PAGE_SIZE;
	}
	return 0;
}

int vsc_netvsc_send_pages(struct vsc_netvsc *n, const struct vsc_segment *segments, uint32_t count, const struct vsc_frame_work *work, void *cookie)
{
	const struct nvsp_message message = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, NVSP_NO_SECTION, 0 } };
	const struct vsc_vmbus *bus = n->channel->bus;
	struct gpa_list list = { 0 };
	uint32_t tag = VSC_NETVSC_SENDS, bytes = 0;
	struct header h;
	uint8_t *place;
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		if (segments[i].bytes > VSC_NETVSC_FRAME_MAX - bytes)
			return -EMSGSIZE;
		bytes += segments[i].bytes;
	}
	rc = begin(n, &h, bytes, work);
	while (tag && n->in_flight >> (tag - 1) & 1)
		tag--;
	if (rc < 0 || tag-- == 0)
		return rc < 0 ? rc : again(n);
	place = (uint8_t *)n->config.scratch + CONTROL_BYTES + tag * HEADER_BYTES;
	rc = add_pages(bus, &list, place, h.used);
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = add_pages(bus, &list, segments[i].memory, segments[i].bytes);
	if (rc < 0)
		return rc;
	memcpy(place, h.bytes, h.used);
	rc = post(n, tag, &message, &list, (uint32_t)(offsetof(struct gpa_list, part) + list.direct.range_count * sizeof list.part[0]));
	if (rc < 0)
		return rc;
	n->from_pages |= 1ull << tag;
	n->cookie[tag] = cookie;
	return 0;
}

bool vsc_netvsc_complete(struct vsc_netvsc *n, uint64_t tag, int error)
{
	uint64_t bit = tag < VSC_NETVSC_SENDS ? 1ull << tag : 0;
	bool theirs = n->from_pages & bit;

	if (!(n->in_flight & bit))
		return false;
	n->in_flight &= ~bit;
	n->from_pages &= ~bit;
	n->stats.sent += error == 0;
	n->stats.failed += error != 0;
	if (theirs && n->config.ops && n->config.ops->sent)
		n->config.ops->sent(n->config.context, n->cookie[tag], error);
	return true;
}
