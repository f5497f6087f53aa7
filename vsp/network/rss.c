/* SPDX-License-Identifier: BSD-2-Clause */
/* See rss.h. */
#include "vsp/network/rss.h"

#include <string.h>

#define ETHERNET   14u
#define TAG        4u
#define IP4_MIN    20u
#define IP6        40u
#define PORTS      4u
#define EXTENSIONS 4u                /* of IPv6, that are walked to find TCP */

enum { PROTOCOL_HOP_BY_HOP = 0, PROTOCOL_TCP = 6, PROTOCOL_ROUTING = 43, PROTOCOL_DESTINATION = 60 };

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

/* 32 bits of the key from that bit on; zeros follow its end. */
static uint32_t window(const uint8_t key[RSS_KEY_BYTES], uint32_t bit)
{
	uint64_t bits = 0;

	for (uint32_t i = bit / 8; i < bit / 8 + 5; i++)
		bits = bits << 8 | (i < RSS_KEY_BYTES ? key[i] : 0);
	return (uint32_t)(bits >> (8 - bit % 8));
}

static void set_key(struct rss *rss, const uint8_t *key)
{
	memcpy(rss->key, key, RSS_KEY_BYTES);
	for (uint32_t at = 0; at < 2 * RSS_INPUT_BYTES; at++)
		for (uint32_t value = 0; value < 16; value++) {
			rss->nibble[at][value] = 0;
			for (uint32_t bit = 0; bit < 4; bit++)
				if (value & 8u >> bit)
					rss->nibble[at][value] ^= window(key, at * 4 + bit);
		}
}

/* Entries are 32 bits wide; a number that is no channel's stands for the first. */
static bool set_table(struct rss *rss, const uint8_t *table, uint32_t bytes)
{
	uint32_t entries = bytes / sizeof(uint32_t), entry;

	if (bytes % sizeof entry || !entries || entries > RSS_TABLE_ENTRIES || entries & (entries - 1))
		return false;
	rss->entries = entries;
	for (uint32_t i = 0; i < entries; i++) {
		memcpy(&entry, table + i * sizeof entry, sizeof entry);
		rss->table[i] = entry <= UINT8_MAX ? (uint8_t)entry : 0;
	}
	return true;
}

bool rss_restore(struct rss *rss, bool on, uint32_t types, const uint8_t *table, uint32_t entries, const uint8_t *key)
{
	if (entries > RSS_TABLE_ENTRIES || entries & (entries - 1) || (on && !entries))
		return false;
	set_key(rss, key);
	rss->on = on;
	rss->types = types;
	rss->entries = entries;
	memcpy(rss->table, table, RSS_TABLE_ENTRIES);
	return true;
}

static bool inside(uint32_t offset, uint32_t length, uint32_t bytes)
{
	return offset <= bytes && length <= bytes - offset;
}

uint32_t rss_set(struct rss *rss, const uint8_t *info, uint32_t bytes)
{
	struct ndis_receive_scale_parameters p = { 0 };
	struct rss next = *rss;

	if (bytes < NDIS_RSS_PARAMETERS_MIN)
		return RNDIS_STATUS_INVALID_DATA;
	memcpy(&p, info, bytes < sizeof p ? bytes : sizeof p);
	if (!(p.flags & NDIS_RSS_HASH_UNCHANGED))
		next.types = p.hash & ~NDIS_HASH_FUNCTION_MASK;
	if (p.flags & NDIS_RSS_DISABLE || (!(p.flags & NDIS_RSS_HASH_UNCHANGED) && !p.hash)) {
		rss->on = false;
		return RNDIS_STATUS_SUCCESS;
	}
	if (!(p.flags & NDIS_RSS_HASH_UNCHANGED) && (p.hash & NDIS_HASH_FUNCTION_MASK) != NDIS_HASH_FUNCTION_TOEPLITZ)
		return RNDIS_STATUS_INVALID_DATA;
	if (!(p.flags & NDIS_RSS_TABLE_UNCHANGED) &&
	    (!inside(p.table_offset, p.table_bytes, bytes) || !set_table(&next, info + p.table_offset, p.table_bytes)))
		return RNDIS_STATUS_INVALID_DATA;
	if (!(p.flags & NDIS_RSS_KEY_UNCHANGED)) {
		if (p.key_bytes != RSS_KEY_BYTES || !inside(p.key_offset, p.key_bytes, bytes))
			return RNDIS_STATUS_INVALID_DATA;
		set_key(&next, info + p.key_offset);
	}
	next.on = next.entries != 0;
	*rss = next;
	return RNDIS_STATUS_SUCCESS;
}

static uint32_t input4(const struct rss *rss, const uint8_t *ip, uint32_t bytes, uint8_t input[RSS_INPUT_BYTES])
{
	uint32_t header;

	if (bytes < IP4_MIN || ip[0] >> 4 != 4)
		return 0;
	header = (ip[0] & 15u) * 4;
	/* Only a whole packet has its ports here, and all of its fragments have to go one way. */
	if (rss->types & NDIS_HASH_TCP_IP4 && ip[9] == PROTOCOL_TCP && !(get16(ip + 6) & 0x3fff) && header >= IP4_MIN && header + PORTS <= bytes) {
		memcpy(input, ip + 12, 8);
		memcpy(input + 8, ip + header, PORTS);
		return 8 + PORTS;
	}
	if (!(rss->types & NDIS_HASH_IP4))
		return 0;
	memcpy(input, ip + 12, 8);
	return 8;
}

/* Where TCP begins behind an IPv6 header and its extensions; 0: not found. */
static uint32_t find_tcp6(const uint8_t *ip, uint32_t bytes)
{
	uint32_t at = IP6, next = ip[6];

	for (uint32_t i = 0; i < EXTENSIONS && (next == PROTOCOL_HOP_BY_HOP || next == PROTOCOL_ROUTING || next == PROTOCOL_DESTINATION); i++) {
		if (at + 2 > bytes)
			return 0;
		next = ip[at];
		at += (ip[at + 1] + 1u) * 8;
	}
	return next == PROTOCOL_TCP && at + PORTS <= bytes ? at : 0;
}

static uint32_t input6(const struct rss *rss, const uint8_t *ip, uint32_t bytes, uint8_t input[RSS_INPUT_BYTES])
{
	uint32_t tcp;

	if (bytes < IP6 || ip[0] >> 4 != 6)
		return 0;
	memcpy(input, ip + 8, 32);
	tcp = rss->types & NDIS_HASH_TCP_IP6 ? find_tcp6(ip, bytes) : 0;
	if (tcp)
		memcpy(input + 32, ip + tcp, PORTS);
	return tcp ? 32 + PORTS : rss->types & NDIS_HASH_IP6 ? 32 : 0;
}

uint32_t rss_input(const struct rss *rss, const uint8_t *frame, uint32_t bytes, uint8_t input[RSS_INPUT_BYTES])
{
	uint32_t ip = ETHERNET;

	if (bytes >= ETHERNET + TAG && get16(frame + 12) == 0x8100)
		ip += TAG;
	if (bytes < ip)
		return 0;
	switch (get16(frame + ip - 2)) {
	case 0x0800:
		return input4(rss, frame + ip, bytes - ip, input);
	case 0x86dd:
		return input6(rss, frame + ip, bytes - ip, input);
	default:
		return 0;
	}
}

uint32_t rss_hash(const struct rss *rss, const uint8_t *input, uint32_t bytes)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < bytes; i++)
		hash ^= rss->nibble[2 * i][input[i] >> 4] ^ rss->nibble[2 * i + 1][input[i] & 15];
	return hash;
}

bool rss_steer(const struct rss *rss, const uint8_t *frame, uint32_t bytes, uint32_t *ret_hash, uint32_t *ret_channel)
{
	uint8_t input[RSS_INPUT_BYTES];
	uint32_t count = rss->on ? rss_input(rss, frame, bytes, input) : 0;

	if (!count)
		return false;
	*ret_hash = rss_hash(rss, input, count);
	*ret_channel = rss->table[*ret_hash & (rss->entries - 1)];
	return true;
}
