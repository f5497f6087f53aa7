/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network provider between a guest's rings and a socket in the TAP's place: negotiation, what a frame looks like on either side,
 * offloads, the guard against forged addresses, flow control, and messages that make no sense.
 */
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "tests/unit/run_tests.h"
#include "vmbus/protocol/message.h"

#define HEADROOM   96u               /* of a frame in its part of the receive buffer, for what is said of it */
#define PART_FRAME (16384u - HEADROOM)

static struct interface i;
static struct frame out, in;
static uint8_t message[80000];

static void make_frame(uint8_t *f, const uint8_t *to, const uint8_t *from, uint16_t type, uint32_t bytes)
{
	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
	f[12] = (uint8_t)(type >> 8);
	f[13] = (uint8_t)type;
	for (uint32_t n = 14; n < bytes; n++)
		f[n] = (uint8_t)(n * 7);
}

static const uint8_t other[6] = { 2, 0, 0, 0, 0, 1 }, all[6] = { 255, 255, 255, 255, 255, 255 };

START_TEST(versions)
{
	static const uint32_t known[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5 };
	static const uint32_t old[] = { NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1 };
	struct nvsp_message m = { .type = NVSP_INIT, .init = { 0x70000, 0x70001 } };

	interface_init(&i, false);
	guest_connect(&i.p);
	ck_assert_uint_eq(guest_open(&i.p, &i.g, 1, 12, 0), 0);
	ck_assert_uint_eq(nvsp_ask(&i, &m).init_complete.status, NVSP_STATUS_FAIL);
	for (unsigned n = 0; n < 3; n++) {
		m.init.min_version = m.init.max_version = old[n];
		ck_assert_uint_eq(nvsp_ask(&i, &m).init_complete.status, NVSP_STATUS_FAIL);
		m.init.min_version = m.init.max_version = known[n];
		ck_assert_uint_eq(nvsp_ask(&i, &m).init_complete.version, known[n]);
	}
	/* buffers that are not there */
	m = (struct nvsp_message){ .type = NVSP_SEND_RECEIVE_BUFFER, .buffer = { 0x99, 0xcafe } };
	ck_assert_uint_eq(nvsp_ask(&i, &m).receive_complete.status, NVSP_STATUS_FAIL);
	m = (struct nvsp_message){ .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 7 } };
	ck_assert_uint_eq(nvsp_ask(&i, &m).subchannel_complete.status, NVSP_STATUS_FAIL);
	interface_done(&i);
}
END_TEST

START_TEST(questions)
{
	struct ndis_offload offload;
	uint8_t mac[6];
	uint32_t value;

	interface_init(&i, false);
	interface_up(&i);
	ck_assert_uint_eq(rndis_query(&i, OID_802_3_PERMANENT_ADDRESS, 0, mac, 6), RNDIS_STATUS_SUCCESS);
	ck_assert_mem_eq(mac, guest_mac, 6);
	ck_assert_uint_eq(rndis_query(&i, OID_GEN_MAXIMUM_FRAME_SIZE, 0, &value, 4), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(value, 1500);
	ck_assert_uint_eq(rndis_query(&i, OID_GEN_MEDIA_CONNECT_STATUS, 0, &value, 4), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(value, 0);
	ck_assert_uint_eq(rndis_query(&i, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, sizeof offload, &offload, sizeof offload), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(offload.header.bytes, sizeof offload);
	ck_assert_uint_eq(offload.rsc_ip4, 1);
	ck_assert_uint_eq(rndis_query(&i, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, 112, &offload, 112), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(offload.header.bytes, 112);
	ck_assert_uint_eq(rndis_query(&i, 0x12345678, 0, &value, 4), RNDIS_STATUS_NOT_SUPPORTED);
	ck_assert_uint_eq(rndis_set(&i, 0x12345678, &value, 4), RNDIS_STATUS_NOT_SUPPORTED);
	ck_assert_uint_eq(rndis_set(&i, OID_GEN_CURRENT_PACKET_FILTER, &value, 2), RNDIS_STATUS_INVALID_DATA);
	interface_done(&i);
}
END_TEST

START_TEST(frames_out)
{
	static const uint32_t vlan[] = { RNDIS_INFO_8021Q, 42u << 4 | 3u };
	static const uint32_t checksum[] = { RNDIS_INFO_CHECKSUM, RNDIS_CHECKSUM_IPV4 | RNDIS_CHECKSUM_UDP | 34u << 16 };
	uint8_t frame[1514];
	struct netvsp_stats stats;
	uint32_t first;

	interface_init(&i, false);
	interface_up(&i);
	make_frame(frame, other, guest_mac, 0x0800, sizeof frame);
	ck_assert_uint_eq(send_section(&i, 1, message, wrap(message, frame, 60, NULL, 0)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 60);
	ck_assert_mem_eq(out.bytes, frame, 60);
	ck_assert_uint_eq(out.header.flags, 0);
	/* two in one message */
	first = wrap(message, frame, 64, NULL, 0);
	ck_assert_uint_eq(send_section(&i, 0, message, first + wrap(message + first, frame, 1514, checksum, 1)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 64);
	ck_assert_int_eq(tap_take(&i, &out), 1514);
	ck_assert_mem_eq(out.bytes, frame, 1514);
	ck_assert_uint_eq(out.header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_uint_eq(out.header.csum_start, 34);
	ck_assert_uint_eq(out.header.csum_offset, 6);
	/* the tag goes in behind the addresses */
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 100, vlan, 1)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 104);
	ck_assert_mem_eq(out.bytes, frame, 12);
	ck_assert_mem_eq(out.bytes + 12, ((const uint8_t[]){ 0x81, 0x00, 0x60, 42 }), 4);
	ck_assert_mem_eq(out.bytes + 16, frame + 12, 88);
	/* a forged source address, and one that may */
	make_frame(frame, other, other, 0x0800, 60);
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 60, NULL, 0)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.spoofed, 1);
	ck_assert_uint_eq(stats.tx_packets, 4);
	interface_done(&i);
	interface_init(&i, true);
	interface_up(&i);
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 60, NULL, 0)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 60);
	interface_done(&i);
}
END_TEST

static uint32_t sum16(const uint8_t *b, uint32_t bytes)
{
	uint32_t sum = 0;

	for (uint32_t n = 0; n < bytes; n += 2)
		sum += (uint32_t)(b[n] << 8 | b[n + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A large segment leaves with what the guest left blank filled in: IP's length and checksum, TCP's length in the pseudo header. */
START_TEST(large_segment_out)
{
	static const uint32_t lso[] = { RNDIS_INFO_LARGE_SEND, 1448u | 34u << 20 | 1u << 30 };
	uint8_t frame[4000];

	interface_init(&i, false);
	interface_up(&i);
	make_frame(frame, other, guest_mac, 0x0800, sizeof frame);
	memset(frame + 14, 0, 40);
	frame[14] = 0x45;
	frame[22] = 64;
	frame[23] = 6;
	frame[46] = 0x50;
	frame[50] = 0x12;
	frame[51] = 0x34;
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, sizeof frame, lso, 1)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), sizeof frame);
	ck_assert_uint_eq(out.header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_uint_eq(out.header.gso_size, 1448);
	ck_assert_uint_eq(out.header.hdr_len, 54);
	ck_assert_uint_eq((unsigned)(out.bytes[16] << 8 | out.bytes[17]), sizeof frame - 14);
	ck_assert_uint_eq(sum16(out.bytes + 14, 20), 0xffff);
	ck_assert_uint_eq((unsigned)(out.bytes[50] << 8 | out.bytes[51]), 0x1234 + sizeof frame - 34);
	ck_assert_mem_eq(out.bytes + 54, frame + 54, sizeof frame - 54);
	/* a TCP header that is not inside, an IP header that does not reach it */
	frame[46] = 0xf0;
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 60, lso, 1)), NVSP_STATUS_INVALID_RNDIS_PACKET);
	frame[46] = 0x50;
	frame[14] = 0x46;
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 2000, lso, 1)), NVSP_STATUS_INVALID_RNDIS_PACKET);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	interface_done(&i);
}
END_TEST

/* Nothing leaves above the MTU of 1500, be it as a frame or as a segment of one; one byte less and it does. */
START_TEST(mtu)
{
	uint32_t lso[] = { RNDIS_INFO_LARGE_SEND, (1500u + 18 - 54) | 34u << 20 | 1u << 30 };
	uint8_t frame[4000];
	struct netvsp_stats stats;

	interface_init(&i, false);
	interface_up(&i);
	make_frame(frame, other, guest_mac, 0x0800, sizeof frame);
	memset(frame + 14, 0, 40);
	frame[14] = 0x45;
	frame[46] = 0x50;
	for (uint32_t over = 0; over < 2; over++) {
		ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 1518 + over, NULL, 0)), NVSP_STATUS_SUCCESS);
		ck_assert_int_eq(tap_take(&i, &out), over ? -1 : 1518);
		ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, sizeof frame, lso, 1)), NVSP_STATUS_SUCCESS);
		ck_assert_int_eq(tap_take(&i, &out), over ? -1 : (int)sizeof frame);
		lso[1]++;
	}
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.tx_dropped, 2);
	interface_done(&i);
}
END_TEST

START_TEST(frames_in)
{
	struct netvsp_stats stats;
	struct rndis_packet p;
	uint32_t parts;

	interface_init(&i, false);
	interface_up(&i);
	memset(&in, 0, sizeof in);
	make_frame(in.bytes, guest_mac, other, 0x0800, 1514);
	in.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	tap_put(&i, &in, 1514);
	make_frame(in.bytes, other, other, 0x0800, 1514);       /* for somebody else */
	tap_put(&i, &in, 1514);
	make_frame(in.bytes, all, other, 0x0806, 60);
	tap_put(&i, &in, 60);
	ck_assert(!netvsp_input(i.vsp, 0));
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), HEADROOM + 1514);
	ck_assert_uint_eq(parts, 1);
	memcpy(&p, message + 8, sizeof p);
	ck_assert_uint_eq(p.data_bytes, 1514);
	ck_assert_uint_eq(p.data_offset, HEADROOM - 8);
	ck_assert_mem_eq(message + HEADROOM, guest_mac, 6);
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), HEADROOM + 60);
	ck_assert_mem_eq(message + HEADROOM, all, 6);
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), -1);
	/* 50,000 bytes in one frame: four parts of it, one packet */
	make_frame(in.bytes, guest_mac, other, 0x0800, 50000);
	tap_put(&i, &in, 50000);
	ck_assert(!netvsp_input(i.vsp, 0));
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), 4 * HEADROOM + 50000);
	ck_assert_uint_eq(parts, 4);
	for (uint32_t n = 0, at = 0, of = 0; n < 4; n++) {
		uint32_t share = n < 3 ? PART_FRAME : 50000 - 3 * PART_FRAME;

		ck_assert_uint_eq(message[at + 8 + 36 + 16 + 12 + 1], 1u | (n == 0 ? 2u : 0) | (n == 3 ? 4u : 0));
		ck_assert_mem_eq(message + at + HEADROOM, in.bytes + of, share);
		at += HEADROOM + share;
		of += share;
	}
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.rx_packets, 3);
	ck_assert(stats.ready && stats.queues == 1);
	interface_done(&i);
}
END_TEST

/* A guest that keeps what it got gets no more; when it gives something back, the rest follows. */
START_TEST(flow_control)
{
	uint64_t ids[64];
	uint32_t parts, state, taken = 0;

	interface_init(&i, false);
	interface_up(&i);
	memset(&in.header, 0, sizeof in.header);
	make_frame(in.bytes, guest_mac, other, 0x0800, 60);
	for (unsigned n = 0; n < 10; n++)
		tap_put(&i, &in, 60);
	for (unsigned n = 0; n < 4; n++) {
		ck_assert(!netvsp_input(i.vsp, 0));
		while (receive_take(&i, &parts, message, sizeof message) > 0)
			ids[taken++] = i.returned;
		for (unsigned more = 0; more < 2; more++)
			tap_put(&i, &in, 60);
	}
	ck_assert_uint_eq(taken, 14);    /* 320 pages in slots of 20, less two for control messages */
	ck_assert_uint_eq(rndis_query(&i, OID_GEN_MEDIA_CONNECT_STATUS, 0, &state, 4), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(i.wanted, 0);
	receive_return(&i, 999);         /* none of them */
	ck_assert_uint_eq(i.wanted, 0);
	receive_return(&i, ids[3]);
	receive_return(&i, ids[3]);      /* a second time */
	ck_assert_uint_eq(i.wanted, 1);
	netvsp_input(i.vsp, 0);
	ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 0);
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), -1);
	interface_done(&i);
}
END_TEST

START_TEST(cable)
{
	struct rndis_indicate indicate;
	uint8_t frame[60];
	uint32_t parts;

	interface_init(&i, false);
	interface_up(&i);
	for (unsigned n = 0; n < 2; n++) {
		netvsp_set_link(i.vsp, n);
		ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), 20);
		memcpy(&indicate, message + 8, sizeof indicate);
		ck_assert_uint_eq(indicate.status, n ? RNDIS_STATUS_MEDIA_CONNECT : RNDIS_STATUS_MEDIA_DISCONNECT);
		receive_return(&i, i.returned);
		make_frame(frame, other, guest_mac, 0x0800, 60);
		ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, 60, NULL, 0)), NVSP_STATUS_SUCCESS);
		ck_assert_int_eq(tap_take(&i, &out), n ? 60 : -1);
	}
	/* the answers that wait for company are told in the end */
	ck_assert_uint_gt(i.deferred, 0);
	interface_done(&i);
}
END_TEST

/* A link that changes while the guest has every slot: it is told as soon as it gives one back. */
START_TEST(cable_without_room)
{
	struct rndis_indicate indicate;
	uint32_t parts, count = 0;

	interface_init(&i, false);
	interface_up(&i);
	for (unsigned n = 0; n < 17; n++)
		netvsp_set_link(i.vsp, n % 2);
	while (receive_take(&i, &parts, message, sizeof message) > 0)
		count++;
	ck_assert_uint_eq(count, 16);
	receive_return(&i, i.returned);
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), 20);
	memcpy(&indicate, message + 8, sizeof indicate);
	ck_assert_uint_eq(indicate.status, RNDIS_STATUS_MEDIA_DISCONNECT);
	receive_return(&i, i.returned);
	ck_assert_int_eq(receive_take(&i, &parts, message, sizeof message), -1);
	interface_done(&i);
}
END_TEST

/* Whether a frame to that address comes through. */
static bool arrives(const uint8_t *to)
{
	uint32_t parts;
	int n;

	make_frame(out.bytes, to, other, 0x0800, 60);
	memset(&out.header, 0, sizeof out.header);
	tap_put(&i, &out, 60);
	netvsp_input(i.vsp, 0);
	n = receive_take(&i, &parts, message, sizeof message);
	if (n >= 0)
		receive_return(&i, i.returned);
	return n >= 0;
}

/* Each bit of the filter lets through its own kind; groups are those of the list, unless all are wanted. */
START_TEST(filters)
{
	static const uint8_t groups[2][6] = { { 1, 0, 0x5e, 0, 0, 1 }, { 0x33, 0x33, 0, 0, 0, 1 } }, third[6] = { 1, 0, 0x5e, 0, 0, 2 };
	static const struct { uint32_t filter; bool own, broadcast, listed, unlisted, others; } rows[] = {
		{ RNDIS_FILTER_DIRECTED, true, false, false, false, false },
		{ RNDIS_FILTER_BROADCAST, false, true, false, false, false },
		{ RNDIS_FILTER_MULTICAST, false, false, true, false, false },
		{ RNDIS_FILTER_ALL_MULTICAST, false, false, true, true, false },
		{ RNDIS_FILTER_PROMISCUOUS, true, true, true, true, true },
	};
	uint8_t list[33 * 6] = { 0 };

	interface_init(&i, false);
	interface_up(&i);
	ck_assert_uint_eq(rndis_set(&i, OID_802_3_MULTICAST_LIST, list, 33 * 6), RNDIS_STATUS_INVALID_DATA);
	ck_assert_uint_eq(rndis_set(&i, OID_802_3_MULTICAST_LIST, list, 5), RNDIS_STATUS_INVALID_DATA);
	ck_assert_uint_eq(rndis_set(&i, OID_802_3_MULTICAST_LIST, groups, sizeof groups), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(rndis_query(&i, OID_802_3_MULTICAST_LIST, 0, list, sizeof list), RNDIS_STATUS_SUCCESS);
	ck_assert_mem_eq(list, groups, sizeof groups);
	for (unsigned n = 0; n < sizeof rows / sizeof *rows; n++) {
		ck_assert_uint_eq(rndis_set(&i, OID_GEN_CURRENT_PACKET_FILTER, &rows[n].filter, 4), RNDIS_STATUS_SUCCESS);
		ck_assert_int_eq(arrives(guest_mac), rows[n].own);
		ck_assert_int_eq(arrives(all), rows[n].broadcast);
		ck_assert_int_eq(arrives(groups[0]), rows[n].listed);
		ck_assert_int_eq(arrives(groups[1]), rows[n].listed);
		ck_assert_int_eq(arrives(third), rows[n].unlisted);
		ck_assert_int_eq(arrives(other), rows[n].others);
	}
	/* an empty list is one, too */
	ck_assert_uint_eq(rndis_set(&i, OID_802_3_MULTICAST_LIST, groups, 0), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(rndis_set(&i, OID_GEN_CURRENT_PACKET_FILTER, &rows[2].filter, 4), RNDIS_STATUS_SUCCESS);
	ck_assert(!arrives(groups[0]));
	interface_done(&i);
}
END_TEST

/* A guest that says that it takes large frames after its receive buffer was cut for small ones gets none. */
START_TEST(coalescing_comes_too_late)
{
	const struct nvsp_message m = { .type = NVSP_SEND_NDIS_CONFIG, .config = { .mtu = 1514, .capabilities = NVSP_CAPABILITY_RSC } };
	struct ndis_offload offload;

	interface_init(&i, false);
	interface_connect(&i, 0);
	guest_put(&i.g, VMBUS_PACKET_INBAND, 1, NULL, 0, &m, sizeof m);
	ck_assert_uint_eq(rndis_query(&i, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, sizeof offload, &offload, sizeof offload), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(offload.rsc_ip4, 0);
	ck_assert_uint_eq(offload.rsc_ip6, 0);
	interface_done(&i);
}
END_TEST

/* A guest that sends and sends without taking an answer: it waits, and in the end has each of them. */
START_TEST(answers_are_not_lost)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, 5, 8 } };
	struct vmbus_ring_part part = { &m, sizeof m };
	uint32_t sent = 0, answered = 0, done[2];
	uint64_t id;
	uint16_t type;

	interface_init(&i, false);
	interface_up(&i);
	for (unsigned n = 0; n < 2000; n++) {
		if (vmbus_ring_write(&i.g.out, VMBUS_PACKET_INBAND, 1, 5000 + sent, 0, &part, 1) == VMBUS_RING_OK)
			sent++;
		vmbus_ring_write_end(&i.g.out);
		vmbus_server_signal(i.p.server, i.g.relid);
	}
	netvsp_flush(i.vsp);
	ck_assert_uint_lt(sent, 2000);
	while (guest_take(&i.g, &type, &id, done, sizeof done) == 8) {
		ck_assert_uint_eq(id, 5000 + answered);
		answered++;
		vmbus_server_signal(i.p.server, i.g.relid);
		netvsp_flush(i.vsp);
	}
	ck_assert_uint_eq(answered, sent);
	interface_done(&i);
}
END_TEST

/* The primary channel is closed while answers of a subchannel still wait for company. */
START_TEST(subchannel_goes_with_its_primary)
{
	const struct nvsp_message ask = { .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 7 } };
	const struct nvsp_message data = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, 0, 104 } };
	static struct guest_channel sub;
	struct nvsp_message answer;
	struct netvsp_stats stats;
	uint8_t frame[60];

	interface_init_queues(&i, false, 2);
	interface_up(&i);
	answer = nvsp_ask(&i, &ask);
	ck_assert_uint_eq(answer.subchannel_complete.status, NVSP_STATUS_SUCCESS);
	ck_assert_uint_eq(answer.subchannel_complete.count, 1);
	ck_assert_uint_eq(guest_open(&i.p, &sub, 2, 12, 1), 0);
	make_frame(frame, other, guest_mac, 0x0800, sizeof frame);
	ck_assert_uint_eq(wrap(i.p.low + RECEIVE_PAGES / 2 * 4096u, frame, sizeof frame, NULL, 0), 104);
	guest_put(&sub, VMBUS_PACKET_INBAND, 9, NULL, 0, &data, sizeof data);
	vmbus_server_signal(i.p.server, sub.relid);
	ck_assert_int_eq(tap_take(&i, &out), 60);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.queues, 2);
	ck_assert_int_eq(guest_post_relid(&i.p, VMBUS_MSG_CLOSE, 1), 0);
	netvsp_flush(i.vsp);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.queues, 0);
	interface_done(&i);
}
END_TEST

static unsigned gone;

static void on_gone(void *context)
{
	struct interface *interface = context;

	gone++;
	netvsp_free(interface->vsp);
	interface->vsp = NULL;
}

/*
 * An interface is taken away while the guest sends. Linux waits without end for an answer to each frame, also to those that it sends before it
 * has heard of it: all are answered, none goes out, and the provider is free once both channels are closed.
 */
START_TEST(removal_in_use)
{
	uint8_t frame[100], message[400];
	struct nvsp_message ask = { .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 1 } };
	static struct guest_channel sub;
	uint32_t bytes;

	gone = 0;
	interface_init_queues(&i, false, 2);
	interface_up(&i);
	ck_assert_uint_eq(nvsp_ask(&i, &ask).subchannel_complete.count, 1);
	ck_assert_uint_eq(guest_open(&i.p, &sub, 2, 12, 1), 0);
	make_frame(frame, other, guest_mac, 0x0800, 60);
	bytes = wrap(message, frame, 60, NULL, 0);
	ck_assert_uint_eq(send_section(&i, 0, message, bytes), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 60);

	partition_forget(&i.p);
	netvsp_remove(i.vsp, on_gone);
	ck_assert_uint_eq(count_of(&i.p, VMBUS_MSG_RESCIND), 2);
	ck_assert_uint_eq(send_section(&i, 0, message, bytes), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	ck_assert_uint_ne(nvsp_ask(&i, &ask).subchannel_complete.status, NVSP_STATUS_SUCCESS);
	guest_post_relid(&i.p, VMBUS_MSG_CLOSE, 2);
	ck_assert_uint_eq(gone, 0);
	ck_assert_uint_eq(send_section(&i, 0, message, bytes), NVSP_STATUS_SUCCESS);
	guest_post_relid(&i.p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(gone, 1);
	ck_assert_ptr_null(i.vsp);
	interface_done(&i);
}
END_TEST

START_TEST(nonsense)
{
	uint8_t frame[100];
	uint32_t bytes;
	struct netvsp_stats stats;

	interface_init(&i, false);
	interface_up(&i);
	make_frame(frame, other, guest_mac, 0x0800, sizeof frame);
	bytes = wrap(message, frame, sizeof frame, NULL, 0);
	ck_assert_uint_eq(send_section(&i, 5, message, 6144), NVSP_STATUS_INVALID_RNDIS_PACKET);    /* beyond the buffer */
	ck_assert_uint_eq(send_section(&i, 0xfffffffe, message, 8), NVSP_STATUS_INVALID_RNDIS_PACKET);
	ck_assert_uint_eq(send_section(&i, 0, message, bytes - 1), NVSP_STATUS_INVALID_RNDIS_PACKET);
	message[8] = 0xff;               /* data beyond the message */
	ck_assert_uint_eq(send_section(&i, 0, message, bytes), NVSP_STATUS_INVALID_RNDIS_PACKET);
	memset(message, 0xff, 64);
	ck_assert_uint_eq(send_section(&i, 0, message, 64), NVSP_STATUS_INVALID_RNDIS_PACKET);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.tx_errors, 5);
	/* and it still works; so it does after a reset of the whole */
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, sizeof frame, NULL, 0)), NVSP_STATUS_SUCCESS);
	vmbus_server_reset(i.p.server);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert(!stats.ready && stats.queues == 0);
	partition_forget(&i.p);
	interface_up(&i);
	ck_assert_uint_eq(send_section(&i, 0, message, wrap(message, frame, sizeof frame, NULL, 0)), NVSP_STATUS_SUCCESS);
	interface_done(&i);
}
END_TEST

RUN_TESTS("netvsp", versions, questions, frames_out, large_segment_out, mtu, frames_in, flow_control, cable, cable_without_room,
	answers_are_not_lost, filters, coalescing_comes_too_late, subchannel_goes_with_its_primary, removal_in_use, nonsense)
