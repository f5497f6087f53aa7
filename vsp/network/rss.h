/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive-side scaling: which channel a frame to the guest takes, by a hash over its addresses and, for TCP, ports, and the table that the guest has
 * set. The hash is Toeplitz's as NDIS has it, so the guest can check it. Knows frames and RNDIS's layouts, nothing of channels.
 */
#ifndef BULKHEAD_VSP_NETWORK_RSS_H
#define BULKHEAD_VSP_NETWORK_RSS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/protocol/rndis.h"

#define RSS_KEY_BYTES     NDIS_RSS_KEY_BYTES
#define RSS_INPUT_BYTES   36u        /* two IPv6 addresses, two ports */
#define RSS_TABLE_ENTRIES 128u
#define RSS_HEADER_BYTES  128u       /* of a frame: what is looked at */

struct rss {
	bool     on;
	uint32_t types;              /* NDIS_HASH_* that are hashed */
	uint32_t entries;            /* of the table; a power of two */
	uint8_t  table[RSS_TABLE_ENTRIES]; /* channels, as the guest numbers them */
	uint8_t  key[RSS_KEY_BYTES];
	uint32_t nibble[2 * RSS_INPUT_BYTES][16]; /* what each value of each half byte of the input adds to the hash */
};

/**
 * OID_GEN_RECEIVE_SCALE_PARAMETERS: `info` is the guest's, copied. An RNDIS status; unless it is success nothing has changed.
 */
uint32_t rss_set(struct rss *rss, const uint8_t *info, uint32_t bytes);
/** As a predecessor had it. False: not a state that rss_set leads to; nothing has changed. */
bool rss_restore(struct rss *rss, bool on, uint32_t types, const uint8_t *table, uint32_t entries, const uint8_t *key);

/**
 * What of a frame is hashed, in the order in which it is. The frame's first bytes, RSS_HEADER_BYTES or all there are, are the caller's copy. Returns
 * how many bytes went into `input`; 0: frames of this kind are not hashed.
 */
uint32_t rss_input(const struct rss *rss, const uint8_t *frame, uint32_t bytes, uint8_t input[RSS_INPUT_BYTES]);
uint32_t rss_hash(const struct rss *rss, const uint8_t *input, uint32_t bytes);
/** Hash and channel of a frame. False: it is not hashed. */
bool rss_steer(const struct rss *rss, const uint8_t *frame, uint32_t bytes, uint32_t *ret_hash, uint32_t *ret_channel);

#endif
