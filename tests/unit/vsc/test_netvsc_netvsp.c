/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ends of ours: the guest's network driver and vsp/network, wired together in one process. Then, without a host that is honest: what the driver
 * makes of a receive buffer that somebody has written who means it ill.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netvsc_pair.h"
#include "tests/unit/run_tests.h"
#include "vsc/netvsc/internal.h"
#include "vsp/network/netvsp_internal.h"

static struct netvsc_pair p;
static struct tap_frame out, in;
static uint8_t frame[VSC_NETVSC_FRAME_MAX];

static void plug(void)
{
	netvsc_pair_begin(&p);
	ck_assert_int_eq(netvsc_pair_open(&p), 0);
}

static void to_guest(uint32_t bytes, uint32_t seed)
{
	memset(&in.header, 0, sizeof in.header);
	netvsc_pair_frame(in.bytes, bytes, seed);
	memcpy(in.bytes, pair_mac, 6);
	ck_assert(netvsc_pair_tap_put(&p, &in, bytes));
}

START_TEST(what_the_interface_is_is_learnt)
{
	netvsc_pair_begin(&p);
	p.config.mtu = 20000;
	ck_assert_int_eq(netvsc_pair_open(&p), 0);
	ck_assert_uint_eq(p.guest.version, NVSP_VERSION_61);
	ck_assert_mem_eq(p.guest.mac, pair_mac, 6);
	ck_assert_uint_eq(p.guest.mtu, 9000);
	ck_assert(p.guest.link_up);
	ck_assert(p.guest.offers.tcp4 && p.guest.offers.udp4 && p.guest.offers.tcp6 && p.guest.offers.udp6 && p.guest.offers.coalesce);
	ck_assert_uint_eq(p.guest.offers.segment4, 62780);
	ck_assert_uint_eq(p.guest.offers.segment6, 62780);
	ck_assert_int_eq(vsc_netvsc_query(&p.guest, OID_802_3_CURRENT_ADDRESS, frame, 6), 6);
	ck_assert_mem_eq(frame, pair_mac, 6);
	ck_assert_int_eq(vsc_netvsc_query(&p.guest, OID_802_3_CURRENT_ADDRESS, frame, 5), -EMSGSIZE);
	ck_assert_int_eq(vsc_netvsc_query(&p.guest, 0x12345678, frame, 6), -EOPNOTSUPP);
	ck_assert_int_eq(vsc_netvsc_set(&p.guest, 0x12345678, frame, 6), -EOPNOTSUPP);
	ck_assert_int_eq(vsc_netvsc_set(&p.guest, OID_802_3_MULTICAST_LIST, frame, 5), -EIO);
	ck_assert_uint_eq(p.guest.refused, 0);
	ck_assert_int_eq(vsc_netvsc_close(&p.guest), 0);
	netvsc_pair_end(&p);
}
END_TEST

START_TEST(older_versions_and_no_room_to_coalesce)
{
	static const uint32_t versions[] = { NVSP_VERSION_5, NVSP_VERSION_6, NVSP_VERSION_61 };

	netvsc_pair_begin(&p);
	p.config.frame_bytes = 1514;
	for (int i = 0; i < 3; i++) {
		p.config.newest = versions[i];
		ck_assert_int_eq(netvsc_pair_open(&p), 0);
		ck_assert_uint_eq(p.guest.version, versions[i]);
		ck_assert(!p.guest.offers.coalesce);
		to_guest(1514, 1);
		netvsc_pair_settle(&p);
		ck_assert_uint_eq(p.received, (unsigned)i + 1);
		ck_assert_int_eq(vsc_netvsc_close(&p.guest), 0);
	}
	p.config.newest = NVSP_VERSION_4;
	ck_assert_int_eq(netvsc_pair_open(&p), -EPROTONOSUPPORT);
	p.config.frame_bytes = 1513;
	ck_assert_int_eq(netvsc_pair_open(&p), -EINVAL);
	netvsc_pair_end(&p);
}
END_TEST

START_TEST(frames_go_out_by_the_send_buffer)
{
	const struct vsc_frame_work tag = { .has_vlan = true, .vlan = 0x6000 | 42 };
	const struct vsc_frame_work udp = { .checksum = VSC_CHECKSUM_UDP, .transport = 34 };
	struct vsc_frame_work wrong = udp;

	plug();
	netvsc_pair_frame(frame, 1515, 0);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 1514, NULL), 0);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 1515, NULL), -EMSGSIZE);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 13, NULL), -EINVAL);
	ck_assert_int_eq(netvsc_pair_tap_take(&p, &out), 1514);
	ck_assert_mem_eq(out.bytes, frame, 1514);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 100, &tag), 0);
	ck_assert_int_eq(netvsc_pair_tap_take(&p, &out), 104);
	ck_assert_mem_eq(out.bytes + 12, ((const uint8_t[]){ 0x81, 0x00, 0x60, 42 }), 4);
	ck_assert_mem_eq(out.bytes + 16, frame + 12, 88);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 200, &udp), 0);
	ck_assert_int_eq(netvsc_pair_tap_take(&p, &out), 200);
	ck_assert_uint_eq(out.header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_uint_eq(out.header.csum_start, 34);
	ck_assert_uint_eq(out.header.csum_offset, 6);
	wrong.transport = 200;
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 200, &wrong), -EINVAL);
	wrong = (struct vsc_frame_work){ .checksum = VSC_CHECKSUM_UDP, .transport = 34, .segment = 1000 };
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 200, &wrong), -EINVAL);
	netvsc_pair_settle(&p);
	ck_assert_uint_eq(p.guest.stats.sent, 3);
	ck_assert_uint_eq(p.guest.in_flight, 0);
	ck_assert_int_eq(vsc_netvsc_set_filter(&p.guest, 0), 0);
	ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 100, NULL), -ENETDOWN);
	netvsc_pair_end(&p);
}
END_TEST

/* An IPv4 TCP segment that is to be cut, its length and sum as the guest leaves them. */
static uint32_t large_segment(uint8_t *f, uint32_t bytes)
{
	netvsc_pair_frame(f, bytes, 5);
	memcpy(f + 14, "\x45\0\0\0\0\0\x40\0\x40\x06\0\0\x0a\x63\0\x0b\x0a\x63\0\x01", 20);
	f[34 + 12] = 0x50;
	return bytes;
}

START_TEST(frames_go_out_from_pages)
{
	const struct vsc_frame_work segment = { .checksum = VSC_CHECKSUM_TCP, .transport = 34, .segment = 1448 };
	const uint32_t bytes = large_segment(frame, 60000);
	struct vsc_segment s[3] = { { p.pages, 54 } };

	plug();
	/* Anywhere in pages. */
	s[0] = (struct vsc_segment){ p.pages + 100, 54 };
	s[1] = (struct vsc_segment){ p.pages + 4000, 30000 };
	s[2] = (struct vsc_segment){ p.pages + 40001, bytes - 30054 };
	memcpy(s[0].memory, frame, 54);
	memcpy(s[1].memory, frame + 54, 30000);
	memcpy(s[2].memory, frame + 30054, bytes - 30054);
	ck_assert_int_eq(vsc_netvsc_send_pages(&p.guest, s, 3, &segment, &p), 0);
	ck_assert_int_eq(netvsc_pair_tap_take(&p, &out), (int)bytes);
	ck_assert_mem_eq(out.bytes + 54, frame + 54, bytes - 54);
	ck_assert_uint_eq(out.header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_uint_eq(out.header.gso_size, 1448);
	ck_assert_uint_eq(p.sent, 0);
	netvsc_pair_settle(&p);
	ck_assert_uint_eq(p.sent, 1);
	ck_assert_int_eq(vsc_netvsc_send_pages(&p.guest, s, 3, NULL, &p), -EMSGSIZE);
	s[0].bytes = s[1].bytes = s[2].bytes = 40000;
	ck_assert_int_eq(vsc_netvsc_send_pages(&p.guest, s, 3, &segment, &p), -EMSGSIZE);
	ck_assert_uint_eq(p.failed, 0);
	netvsc_pair_end(&p);
}
END_TEST

START_TEST(no_more_than_there_are_tags_and_then_room)
{
	struct vsc_segment s;
	unsigned int copied = 0, listed = 0;

	plug();
	s = (struct vsc_segment){ p.pages, 200 };
	netvsc_pair_frame(frame, 200, 0);
	netvsc_pair_frame(s.memory, 200, 0);
	/* The provider answers eight at a time. */
	while (vsc_netvsc_send(&p.guest, frame, 200, NULL) == 0 && copied + listed < 1000) {
		copied++;
		listed += vsc_netvsc_send_pages(&p.guest, &s, 1, NULL, &p) == 0;
	}
	ck_assert_uint_le(copied + listed, VSC_NETVSC_SENDS);
	ck_assert_uint_gt(copied, 20);
	ck_assert_uint_eq(p.rooms, 0);
	netvsc_pair_settle(&p);
	ck_assert_uint_eq(p.rooms, 1);
	ck_assert_uint_eq(p.sent, listed);
	ck_assert_uint_eq(p.guest.in_flight, 0);
	ck_assert_uint_eq(p.guest.stats.sent, copied + listed);
	for (unsigned int i = 0; i < copied + listed; i++) {
		ck_assert_int_eq(netvsc_pair_tap_take(&p, &out), 200);
		ck_assert_mem_eq(out.bytes, frame, 200);
	}
	netvsc_pair_end(&p);
}
END_TEST

static uint32_t expected;

static void check_order(struct netvsc_pair *pair, const struct vsc_frame *f)
{
	(void)pair;
	netvsc_pair_frame(frame, f->bytes, expected);
	ck_assert_mem_eq(f->data + 6, frame + 6, f->bytes - 6);
	expected++;
}

START_TEST(frames_come_in_whole_and_coalesced)
{
	plug();
	p.received_one = check_order;
	expected = 0;
	for (uint32_t round = 0, next = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 50; i++, next++)
			to_guest(60 + next % 1455, next);
		netvsc_pair_settle(&p);
	}
	ck_assert_uint_eq(p.received, 5000);
	ck_assert_uint_eq(p.guest.stats.coalesced, 0);
	ck_assert(!p.last.checksum_good && !p.last.has_vlan && p.last.parts == 1);
	in.header = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	netvsc_pair_frame(in.bytes, 65000, expected);
	memcpy(in.bytes, pair_mac, 6);
	ck_assert(netvsc_pair_tap_put(&p, &in, 65000));
	netvsc_pair_settle(&p);
	ck_assert_uint_eq(p.received, 5001);
	ck_assert_uint_eq(p.last.bytes, 65000);
	ck_assert(p.last.checksum_good && p.last.parts == 4);
	ck_assert_uint_eq(p.guest.stats.coalesced, 1);
	ck_assert_uint_eq(p.guest.refused, 0);
	ck_assert_uint_eq(p.host->free_count, p.host->slot_count);
	netvsc_pair_end(&p);
}
END_TEST

/* The guest answers each frame from within: both rings fill, and neither end waits for the other. */
static unsigned int echoed, dropped;

static void echo(struct netvsc_pair *pair, const struct vsc_frame *f)
{
	static uint8_t answer[2048];

	memcpy(answer, f->data, f->bytes);
	memcpy(answer + 6, pair_mac, 6);
	vsc_netvsc_send(&pair->guest, answer, f->bytes, NULL) == 0 ? echoed++ : dropped++;
}

static void echo_frames(uint32_t ring_bytes, uint32_t frame_bytes)
{
	struct netvsp_stats stats;
	unsigned int back = 0;

	netvsc_pair_begin(&p);
	p.config.ring_bytes = ring_bytes;
	p.config.frame_bytes = frame_bytes;
	ck_assert_int_eq(netvsc_pair_open(&p), 0);
	p.received_one = echo;
	echoed = dropped = 0;
	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 100; i++)
			to_guest(300, i);
		netvsc_pair_settle(&p);
		while (netvsc_pair_tap_take(&p, &out) == 300)
			back++;
	}
	netvsp_get_stats(p.host, &stats);
	ck_assert_uint_eq(p.received + stats.rx_dropped, 10000);
	ck_assert_uint_eq(echoed + dropped, p.received);
	ck_assert_uint_eq(back, echoed);
	ck_assert_uint_gt(echoed, 1000);
	ck_assert(p.guest.in_flight == 0 && p.guest.owed_count == 0);
	ck_assert_uint_eq(p.host->free_count, p.host->slot_count);
	netvsc_pair_end(&p);
}

START_TEST(answers_from_within_do_not_lock_up)
{
	echo_frames(PAIR_RING_BYTES, VSC_NETVSC_FRAME_MAX);
	/* The smallest rings, and more slots than fit them: what is to be given back waits for room, too. */
	echo_frames(4 * 4096, 1514);
}
END_TEST

START_TEST(the_cable_is_seen)
{
	plug();
	netvsp_set_link(p.host, false);
	netvsc_pair_settle(&p);
	ck_assert(p.links == 1 && !p.link && !p.guest.link_up);
	netvsp_set_link(p.host, true);
	netvsc_pair_settle(&p);
	ck_assert(p.links == 2 && p.link && p.guest.link_up);
	netvsp_set_link(p.host, false);
	ck_assert_int_eq(vsc_netvsc_close(&p.guest), 0);
	ck_assert_int_eq(netvsc_pair_open(&p), 0);
	ck_assert(!p.guest.link_up);
	netvsc_pair_end(&p);
}
END_TEST

START_TEST(closed_and_opened_again_under_load)
{
	struct netvsp_stats stats;
	struct vsc_segment s;

	netvsc_pair_begin(&p);
	s = (struct vsc_segment){ p.pages, 200 };
	netvsc_pair_frame(s.memory, 200, 0);
	netvsc_pair_frame(frame, 200, 0);
	for (unsigned int round = 0; round < 20; round++) {
		ck_assert_int_eq(netvsc_pair_open(&p), 0);
		for (uint32_t i = 0; i < 20; i++) {
			to_guest(1000, i);
			ck_assert_int_eq(vsc_netvsc_send(&p.guest, frame, 200, NULL), 0);
			ck_assert_int_eq(vsc_netvsc_send_pages(&p.guest, &s, 1, NULL, &p), 0);
		}
		ck_assert_int_eq(vsc_netvsc_close(&p.guest), 0);
		ck_assert_uint_eq(p.guest.in_flight, 0);
		/* An orderly end waits for what is on its way, and the host has heard of it. */
		ck_assert_uint_eq(p.sent, 20 * (round + 1));
		netvsp_get_stats(p.host, &stats);
		ck_assert(!stats.ready && stats.tx_errors == 0);
		while (netvsc_pair_tap_take(&p, &out) > 0)
			;
	}
	netvsc_pair_end(&p);
}
END_TEST

static void gone(void *context)
{
	((struct netvsc_pair *)context)->gone = true;
}

START_TEST(taken_away_while_frames_are_on_their_way)
{
	struct vsc_segment s;

	plug();
	s = (struct vsc_segment){ p.pages, 200 };
	netvsc_pair_frame(s.memory, 200, 0);
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_int_eq(vsc_netvsc_send_pages(&p.guest, &s, 1, NULL, &p), 0);
	netvsp_remove(p.host, gone);
	netvsc_pair_settle(&p);
	ck_assert(p.channel->rescinded);
	ck_assert_int_eq(vsc_netvsc_close(&p.guest), 0);
	ck_assert_int_eq(vsc_channel_release(p.channel), 0);
	ck_assert_uint_eq(p.sent + p.failed, 5);
	netvsc_pair_settle(&p);
	ck_assert(p.gone);
	netvsc_pair_end(&p);
}
END_TEST

/* Below: the receive buffer as a hostile host writes it. */

#define BUFFER 65536u
static uint8_t buffer[BUFFER] __attribute__((aligned(4096)));
static struct vsc_netvsc n;
static unsigned int got;

static void count_frame(void *context, const struct vsc_frame *f)
{
	(void)context;
	got++;
	p.last = *f;
}

static const struct vsc_netvsc_ops counting = { .received = count_frame };

static void alone(void)
{
	memset(&n, 0, sizeof n);
	n.config = (struct vsc_netvsc_config){ .receive = buffer, .receive_bytes = BUFFER, .frame = frame, .frame_bytes = 4000, .ops = &counting };
	n.receive_gpadl = 1;
	n.filter = RNDIS_FILTER_DIRECTED;
	n.ranges.pages.set_id = NVSP_RECEIVE_BUFFER_ID;
	got = 0;
}

/* A message with a share of a frame and, unless flags is negative, the word that says which. */
static void put_part(uint32_t at, uint32_t share, int flags)
{
	const struct {
		struct rndis_header header;
		struct rndis_packet packet;
		struct rndis_packet_info info;
		struct rndis_packet_id id;
	} m = {
		{ RNDIS_PACKET, sizeof m + share },
		{ .data_offset = sizeof m - 8, .data_bytes = share, .info_offset = 36, .info_bytes = flags < 0 ? 0 : 16 },
		{ 16, RNDIS_INFO_PACKET_ID, 12 }, { 1, (uint8_t)flags, 0 },
	};

	memcpy(buffer + at, &m, sizeof m);
	n.ranges.range[n.ranges.pages.range_count++] = (struct vmbus_transfer_range){ sizeof m + share, at };
}

static void receive(void)
{
	const struct vsc_packet packet = { .extension_bytes = 8 + n.ranges.pages.range_count * 8 };

	vsc_netvsc_receive(&n, &packet);
	n.ranges.pages.range_count = 0;
}

enum { PART = RNDIS_PACKET_ID_PART, FIRST = RNDIS_PACKET_ID_FIRST, LAST = RNDIS_PACKET_ID_LAST };

START_TEST(a_frame_that_lacks_a_part_is_none)
{
	alone();
	put_part(0, 1000, PART | FIRST);
	put_part(2000, 1000, PART);
	put_part(4000, 1000, PART | LAST);
	receive();
	ck_assert(got == 1 && p.last.bytes == 3000 && p.last.parts == 3 && n.refused == 0);
	/* Without a beginning; without an end; another begins between; the end in another packet. */
	put_part(0, 1000, PART | LAST);
	receive();
	put_part(0, 1000, PART | FIRST);
	put_part(2000, 1000, PART);
	receive();
	put_part(4000, 1000, PART | LAST);
	receive();
	ck_assert(got == 1 && n.refused == 2);
	put_part(0, 1000, PART | FIRST);
	put_part(2000, 500, PART | FIRST);
	put_part(4000, 500, PART | LAST);
	receive();
	ck_assert(got == 2 && p.last.bytes == 1000);
	/* More than there is room for: nothing of it, to the end. */
	put_part(0, 3000, PART | FIRST);
	put_part(4000, 1001, PART);
	put_part(6000, 10, PART | LAST);
	receive();
	ck_assert_uint_eq(got, 2);
	put_part(0, 4000, -1);
	put_part(5000, 4001, -1);
	put_part(12000, 13, -1);
	receive();
	ck_assert_uint_eq(got, 3);
}
END_TEST

START_TEST(nothing_outside_of_the_buffer_is_read)
{
	struct vmbus_transfer_range *r = n.ranges.range;
	struct rndis_packet packet;

	alone();
	put_part(BUFFER - 60 - 1000, 1000, -1);
	receive();
	ck_assert_uint_eq(got, 1);
	/* Its header is inside, its end is not. */
	put_part(BUFFER - 600, 1000, -1);
	receive();
	for (uint32_t i = 0; i < 4; i++) {
		put_part(0, 1000, -1);
		r[0] = (struct vmbus_transfer_range[]){ { ~0u, 8 }, { 8, ~0u }, { 1059, 0 }, { 7, 0 } }[i];
		receive();
	}
	/* Words of the header, one at a time, that point outside of the message. */
	for (uint32_t i = 0; i < 4; i++) {
		put_part(0, 1000, PART | FIRST | LAST);
		memcpy(&packet, buffer + 8, sizeof packet);
		*(uint32_t *[]){ &packet.data_offset, &packet.data_bytes, &packet.info_offset, &packet.info_bytes }[i] = i % 2 ? 1070 : ~0u - 3;
		memcpy(buffer + 8, &packet, sizeof packet);
		receive();
	}
	ck_assert_uint_eq(got, 1);
	ck_assert_uint_eq(n.refused, 9);
	/* More ranges than the packet has, another set, a packet without any. */
	put_part(0, 1000, -1);
	n.ranges.pages.range_count = 2;
	vsc_netvsc_receive(&n, &(struct vsc_packet){ .extension_bytes = 16 });
	n.ranges.pages.range_count = 0x20000001;
	vsc_netvsc_receive(&n, &(struct vsc_packet){ .extension_bytes = 16 });
	n.ranges.pages.range_count = 1;
	vsc_netvsc_receive(&n, &(struct vsc_packet){ .extension_bytes = 0 });
	n.ranges.pages.set_id = 1;
	vsc_netvsc_receive(&n, &(struct vsc_packet){ .extension_bytes = 16 });
	ck_assert_uint_eq(got, 1);
	ck_assert_uint_eq(n.refused, 13);
}
END_TEST

START_TEST(an_answer_that_nobody_asked_for_is_dropped)
{
	const uint32_t answer[] = { RNDIS_QUERY | RNDIS_COMPLETION, 24, 7, 0, 0, 16 };

	alone();
	memcpy(buffer, answer, sizeof answer);
	for (int i = 0; i < 4; i++) {
		n.ranges.range[n.ranges.pages.range_count++] = (struct vmbus_transfer_range){ sizeof answer, 0 };
		n.reply.type = i == 0 ? 0 : i == 1 ? RNDIS_SET | RNDIS_COMPLETION : answer[0];
		n.reply.id = i == 2 ? 8 : 7;
		receive();
		ck_assert(n.reply.arrived == (i == 3));
	}
	ck_assert_uint_eq(n.refused, 3);
	/* Once. */
	n.ranges.range[n.ranges.pages.range_count++] = (struct vmbus_transfer_range){ sizeof answer, 0 };
	receive();
	ck_assert_uint_eq(n.refused, 4);
}
END_TEST

RUN_TESTS("netvsc and netvsp", what_the_interface_is_is_learnt, older_versions_and_no_room_to_coalesce, frames_go_out_by_the_send_buffer,
	frames_go_out_from_pages, no_more_than_there_are_tags_and_then_room, frames_come_in_whole_and_coalesced,
	answers_from_within_do_not_lock_up, the_cable_is_seen, closed_and_opened_again_under_load, taken_away_while_frames_are_on_their_way,
	a_frame_that_lacks_a_part_is_none, nothing_outside_of_the_buffer_is_read, an_answer_that_nobody_asked_for_is_dropped)
