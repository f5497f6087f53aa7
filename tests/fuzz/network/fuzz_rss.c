/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive-side scaling as a guest sets it, then frames of any content: nothing outside of either is read, no more is hashed than there is room for,
 * what is hashed is the same for all that follows in the flow, and the hash is that of the bit by bit definition.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/vmbus/fuzz_input.h"
#include "vsp/network/rss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own size: what is beyond it is noticed. */
static uint8_t *exact(struct input *in, uint32_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);

	input_bytes(in, copy, bytes);
	return copy;
}

static uint32_t by_definition(const uint8_t *key, const uint8_t *input, uint32_t bytes)
{
	uint32_t hash = 0;

	for (uint32_t bit = 0; bit < bytes * 8; bit++) {
		if (!(input[bit / 8] & 0x80u >> bit % 8))
			continue;
		for (uint32_t i = 0; i < 32; i++)
			hash ^= (uint32_t)(bit + i < RSS_KEY_BYTES * 8 && key[(bit + i) / 8] & 0x80u >> (bit + i) % 8) << (31 - i);
	}
	return hash;
}

static void try_frame(const struct rss *rss, struct input *in)
{
	uint32_t bytes = input_u8(in) % (RSS_HEADER_BYTES + 1), hash, channel, count;
	uint8_t input[RSS_INPUT_BYTES], *frame = exact(in, bytes), kind = input_u8(in);

	if (kind & 1 && bytes >= 15) {
		memcpy(frame + 12, kind & 2 ? "\x08\0" : "\x86\xdd", 2);
		frame[14] = kind & 2 ? 0x45 : 0x60;
	}
	count = rss_input(rss, frame, bytes, input);
	if (count > sizeof input)
		abort();
	if (rss_steer(rss, frame, bytes, &hash, &channel) && (hash != by_definition(rss->key, input, count) || hash != rss_hash(rss, input, count)))
		abort();
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rss rss = { 0 };
	struct input in = { data, size };

	for (int rounds = 0; in.size && rounds < 4; rounds++) {
		struct ndis_receive_scale_parameters p;
		uint32_t bytes = input_u8(&in) * 3u, status;
		struct rss before = rss;
		uint8_t *info = exact(&in, bytes);

		/* Often enough right in its form. */
		if (bytes >= sizeof p && input_u8(&in) & 1) {
			memcpy(&p, info, sizeof p);
			p.hash = (p.hash & 0x3f00) | NDIS_HASH_FUNCTION_TOEPLITZ;
			p.table_bytes = (uint16_t)(4u << (p.table_bytes & 7));
			p.table_offset %= bytes;
			p.key_bytes = RSS_KEY_BYTES;
			p.key_offset %= bytes;
			memcpy(info, &p, sizeof p);
		}
		status = rss_set(&rss, info, bytes);
		if (status != RNDIS_STATUS_SUCCESS && memcmp(&before, &rss, sizeof rss) != 0)
			abort();
		free(info);
		for (int frames = 0; frames < 4; frames++)
			try_frame(&rss, &in);
	}
	return 0;
}
