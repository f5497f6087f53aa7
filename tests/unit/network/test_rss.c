/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive-side scaling: the hash against the values that Microsoft publishes for its verification ("Verifying the RSS hash calculation"), what of a
 * frame is hashed, what a guest may set, and the way of frames through an interface with two channels.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "tests/unit/run_tests.h"
#include "vsp/network/rss.h"

#define ALL (NDIS_HASH_FUNCTION_TOEPLITZ | NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6)
#define HEADROOM 96u

static const uint8_t key[RSS_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct row {
	int family;
	const char *to, *from;
	uint16_t to_port, from_port;
	uint32_t addresses, with_tcp;
} rows[] = {
	{ AF_INET, "161.142.100.80", "66.9.149.187", 1766, 2794, 0x323e8fc2, 0x51ccc178 },
	{ AF_INET, "65.69.140.83", "199.92.111.2", 4739, 14230, 0xd718262a, 0xc626b0ea },
	{ AF_INET, "12.22.207.184", "24.19.198.95", 38024, 12898, 0xd2d0a5de, 0x5c2b394a },
	{ AF_INET, "209.142.163.6", "38.27.205.30", 2217, 48228, 0x82989176, 0xafc7327f },
	{ AF_INET, "202.188.127.2", "153.39.163.191", 1303, 44251, 0x5d1809c5, 0x10e828a2 },
	{ AF_INET6, "3ffe:2501:200:3::1", "3ffe:2501:200:1fff::7", 1766, 2794, 0x2cc18cd5, 0x40207d3d },
	{ AF_INET6, "ff02::1", "3ffe:501:8::260:97ff:fe40:efab", 4739, 14230, 0x0f0c461c, 0xdde51bbf },
	{ AF_INET6, "fe80::200:f8ff:fe21:67cf", "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 38024, 44251, 0x4b61e985, 0x02d1feef },
};
#define ROWS (sizeof rows / sizeof rows[0])

static struct rss rss;
static struct {
	struct ndis_receive_scale_parameters p;
	uint32_t table[RSS_TABLE_ENTRIES];
	uint8_t key[RSS_KEY_BYTES];
} parameters;

/* As Linux sets them: entries one behind the other, then the key. */
static void fill_parameters(uint32_t hash)
{
	parameters.p = (struct ndis_receive_scale_parameters){
		.header = { NDIS_TYPE_RSS_PARAMETERS, 2, sizeof parameters.p }, .hash = hash,
		.table_bytes = sizeof parameters.table, .table_offset = sizeof parameters.p,
		.key_bytes = RSS_KEY_BYTES, .key_offset = sizeof parameters.p + sizeof parameters.table,
	};
	memcpy(parameters.key, key, sizeof key);
	for (uint32_t i = 0; i < RSS_TABLE_ENTRIES; i++)
		parameters.table[i] = i % 2;
}

static uint32_t set(void)
{
	return rss_set(&rss, (const uint8_t *)&parameters, sizeof parameters);
}

static void begin(uint32_t hash)
{
	memset(&rss, 0, sizeof rss);
	fill_parameters(hash);
	ck_assert_uint_eq(set(), RNDIS_STATUS_SUCCESS);
}

/* A frame of the row; behind its addresses a header of `extension` bytes where IPv6 has one. */
static uint32_t make(uint8_t *f, const struct row *row, uint8_t protocol, uint32_t extension)
{
	uint8_t *ip = f + 14, *ports;
	bool ip6 = row->family == AF_INET6;

	memset(f, 0, 200);
	memcpy(f, guest_mac, 6);
	f[12] = ip6 ? 0x86 : 0x08;
	f[13] = ip6 ? 0xdd : 0x00;
	ip[0] = ip6 ? 0x60 : 0x45;
	ip[ip6 ? 6 : 9] = protocol;
	inet_pton(row->family, row->from, ip + (ip6 ? 8 : 12));
	inet_pton(row->family, row->to, ip + (ip6 ? 24 : 16));
	ports = ip + (ip6 ? 40 : 20);
	if (extension) {
		ports[0] = protocol;
		ports[1] = (uint8_t)(extension / 8 - 1);
		ip[6] = 0;
		ports += extension;
	}
	ports[0] = (uint8_t)(row->from_port >> 8);
	ports[1] = (uint8_t)row->from_port;
	ports[2] = (uint8_t)(row->to_port >> 8);
	ports[3] = (uint8_t)row->to_port;
	return (uint32_t)(ports - f) + 20;
}

static uint32_t hash_of(const uint8_t *f, uint32_t bytes)
{
	uint32_t hash = 0, channel = 99;

	if (!rss_steer(&rss, f, bytes, &hash, &channel))
		return 0;
	ck_assert_uint_eq(channel, hash % 2);
	return hash;
}

START_TEST(the_published_values)
{
	uint8_t f[200];

	for (uint32_t i = 0; i < ROWS; i++) {
		begin(ALL);
		ck_assert_uint_eq(hash_of(f, make(f, &rows[i], 6, 0)), rows[i].with_tcp);
		ck_assert_uint_eq(hash_of(f, make(f, &rows[i], 17, 0)), rows[i].addresses);
		begin(NDIS_HASH_FUNCTION_TOEPLITZ | NDIS_HASH_IP4 | NDIS_HASH_IP6);
		ck_assert_uint_eq(hash_of(f, make(f, &rows[i], 6, 0)), rows[i].addresses);
		begin(NDIS_HASH_FUNCTION_TOEPLITZ | NDIS_HASH_TCP_IP4 | NDIS_HASH_TCP_IP6);
		ck_assert_uint_eq(hash_of(f, make(f, &rows[i], 6, 0)), rows[i].with_tcp);
		ck_assert_uint_eq(hash_of(f, make(f, &rows[i], 17, 0)), 0);
	}
}
END_TEST

START_TEST(fragments_tags_extensions_and_stumps)
{
	uint8_t f[204];
	uint32_t bytes;

	begin(ALL);
	bytes = make(f, &rows[0], 6, 0);
	f[14 + 6] = 0x20;            /* more fragments */
	ck_assert_uint_eq(hash_of(f, bytes), rows[0].addresses);
	f[14 + 6] = 0;
	f[14 + 7] = 1;               /* not the first */
	ck_assert_uint_eq(hash_of(f, bytes), rows[0].addresses);
	f[14 + 6] = 0x40;            /* not to be cut */
	f[14 + 7] = 0;
	ck_assert_uint_eq(hash_of(f, bytes), rows[0].with_tcp);
	memmove(f + 16, f + 12, bytes - 12);
	f[12] = 0x81;
	f[13] = 0;
	ck_assert_uint_eq(hash_of(f, bytes + 4), rows[0].with_tcp);
	bytes = make(f, &rows[5], 6, 8);
	ck_assert_uint_eq(hash_of(f, bytes), rows[5].with_tcp);
	bytes = make(f, &rows[5], 6, 24);
	ck_assert_uint_eq(hash_of(f, bytes), rows[5].with_tcp);
	/* Without its end: addresses while they are there, then nothing. */
	for (uint32_t cut = 0; cut <= bytes; cut++)
		ck_assert_uint_eq(hash_of(f, cut), cut < 54 ? 0 : cut < bytes - 16 ? rows[5].addresses : rows[5].with_tcp);
	make(f, &rows[0], 6, 0);
	for (uint32_t cut = 0; cut <= 54; cut++)
		ck_assert_uint_eq(hash_of(f, cut), cut < 34 ? 0 : cut < 38 ? rows[0].addresses : rows[0].with_tcp);
	f[13] = 6;                   /* ARP */
	ck_assert_uint_eq(hash_of(f, 54), 0);
}
END_TEST

START_TEST(only_what_is_sound_is_set)
{
	const uint32_t lengths[] = { 0, 3, 6, 12, 4 * 129 };

	begin(ALL);
	parameters.key[0] ^= 1;
	/* Nothing of it is taken unless all of it is good. */
	parameters.p.table_offset = sizeof parameters - sizeof parameters.table + 1;
	ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	parameters.p.table_offset = ~0u;
	ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	fill_parameters(ALL);
	for (uint32_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		parameters.p.table_bytes = (uint16_t)lengths[i];
		ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	}
	fill_parameters(ALL);
	parameters.p.key_offset++;
	ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	fill_parameters(ALL);
	parameters.p.key_bytes = 39;
	ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	fill_parameters(NDIS_HASH_IP4 | 2);
	ck_assert_uint_eq(set(), RNDIS_STATUS_INVALID_DATA);
	ck_assert_uint_eq(rss_set(&rss, (const uint8_t *)&parameters, 27), RNDIS_STATUS_INVALID_DATA);
	ck_assert(rss.on && rss.entries == RSS_TABLE_ENTRIES && rss.types == (ALL & ~1u));
	ck_assert_mem_eq(rss.key, key, sizeof key);
	/* A smaller table, with the rest as it was, and numbers that are none. */
	fill_parameters(0);
	parameters.p.flags = NDIS_RSS_HASH_UNCHANGED | NDIS_RSS_KEY_UNCHANGED;
	parameters.p.table_bytes = 16;
	parameters.table[3] = 0x10003;
	ck_assert_uint_eq(set(), RNDIS_STATUS_SUCCESS);
	ck_assert(rss.on && rss.entries == 4 && rss.table[1] == 1 && rss.table[3] == 0 && rss.types == (ALL & ~1u));
	/* Off by flag, and by no hash. */
	parameters.p.flags |= NDIS_RSS_DISABLE;
	ck_assert_uint_eq(set(), RNDIS_STATUS_SUCCESS);
	ck_assert(!rss.on);
	begin(ALL);
	fill_parameters(0);
	ck_assert_uint_eq(set(), RNDIS_STATUS_SUCCESS);
	ck_assert(!rss.on);
	/* A table that was never there. */
	memset(&rss, 0, sizeof rss);
	fill_parameters(ALL);
	parameters.p.flags = NDIS_RSS_TABLE_UNCHANGED;
	ck_assert_uint_eq(set(), RNDIS_STATUS_SUCCESS);
	ck_assert(!rss.on);
}
END_TEST

static struct interface i;
static struct guest_channel sub;
static struct frame in;
static uint8_t message[70000];

static uint32_t set_in_guest(void)
{
	struct {
		struct rndis_request request;
		__typeof__(parameters) info;
	} m = { { 9, OID_GEN_RECEIVE_SCALE_PARAMETERS, sizeof m.info, sizeof m.request, 0 }, parameters };
	struct rndis_set_complete answer;

	ck_assert_uint_eq(rndis_ask(&i, RNDIS_SET, &m, sizeof m, &answer, sizeof answer), RNDIS_SET | RNDIS_COMPLETION);
	return answer.status;
}

static void two_channels(void)
{
	const struct nvsp_message ask = { .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 1 } };

	interface_init_queues(&i, false, 2);
	interface_up(&i);
	ck_assert_uint_eq(nvsp_ask(&i, &ask).subchannel_complete.count, 1);
	ck_assert_uint_eq(guest_open(&i.p, &sub, 2, 12, 1), 0);
}

static int take(uint32_t *parts)
{
	int n = receive_take(&i, parts, message, sizeof message);

	if (n >= 0)
		receive_return(&i, i.returned);
	return n;
}

static int take_from_sub(uint32_t *parts)
{
	struct guest_channel primary = i.g;
	int n;

	i.g = sub;
	n = take(parts);
	sub = i.g;
	i.g = primary;
	return n;
}

/* The channel that a frame of the row takes, and the hash that is said of it; 0: none. `pad` makes it longer. */
static uint32_t way(const struct row *row, uint32_t pad, uint32_t *hash)
{
	uint32_t bytes = make(in.bytes, row, 6, 0) + pad, parts, channel = 0;
	struct rndis_packet p;
	int n;

	memset(&in.header, 0, sizeof in.header);
	tap_put(&i, &in, bytes);
	netvsp_input(i.vsp, 0);
	n = take(&parts);
	if (n < 0) {
		channel = 1;
		n = take_from_sub(&parts);
	}
	ck_assert_int_eq(n, (int)(parts * HEADROOM + bytes));
	memcpy(&p, message + 8, sizeof p);
	ck_assert_uint_le(8 + p.info_offset + p.info_bytes, HEADROOM);
	*hash = 0;
	for (uint32_t at = 8 + p.info_offset; at < 8 + p.info_offset + p.info_bytes; at += 16) {
		struct rndis_packet_info info;

		memcpy(&info, message + at, sizeof info);
		ck_assert(info.bytes == 16 && info.offset == 12);
		if (info.type == RNDIS_INFO_HASH)
			memcpy(hash, message + at + 12, 4);
	}
	return channel;
}

START_TEST(frames_take_the_channel_of_the_table)
{
	uint32_t hash;

	two_channels();
	/* Before anything is set: no hash. */
	ck_assert_uint_eq(way(&rows[0], 0, &hash), 0);
	ck_assert_uint_eq(hash, 0);
	fill_parameters(ALL);
	ck_assert_uint_eq(set_in_guest(), RNDIS_STATUS_SUCCESS);
	for (uint32_t n = 0; n < ROWS; n++) {
		if (rows[n].to[0] == 'f' && rows[n].to[1] == 'f')
			continue;
		ck_assert_uint_eq(way(&rows[n], 0, &hash), rows[n].with_tcp % 2);
		ck_assert_uint_eq(hash, rows[n].with_tcp);
		/* In several parts, it is said with the first. */
		ck_assert_uint_eq(way(&rows[n], 40000, &hash), rows[n].with_tcp % 2);
		ck_assert_uint_eq(hash, rows[n].with_tcp);
	}
	for (uint32_t to = 0; to < 4; to++) {
		for (uint32_t e = 0; e < RSS_TABLE_ENTRIES; e++)
			parameters.table[e] = to;
		ck_assert_uint_eq(set_in_guest(), RNDIS_STATUS_SUCCESS);
		/* A channel that is not there: the first. */
		ck_assert_uint_eq(way(&rows[0], 0, &hash), to == 1);
		ck_assert_uint_eq(way(&rows[1], 0, &hash), to == 1);
	}
	parameters.p.flags = NDIS_RSS_DISABLE;
	ck_assert_uint_eq(set_in_guest(), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(way(&rows[0], 0, &hash), 0);
	ck_assert_uint_eq(hash, 0);
	interface_done(&i);
}
END_TEST

START_TEST(one_channel_has_no_hash)
{
	uint32_t hash;

	interface_init(&i, false);
	interface_up(&i);
	fill_parameters(ALL);
	ck_assert_uint_eq(set_in_guest(), RNDIS_STATUS_SUCCESS);
	ck_assert_uint_eq(way(&rows[0], 0, &hash), 0);
	ck_assert_uint_eq(hash, 0);
	interface_done(&i);
}
END_TEST

RUN_TESTS("rss", the_published_values, fragments_tags_extensions_and_stumps, only_what_is_sound_is_set, frames_take_the_channel_of_the_table,
	one_channel_has_no_hash)
