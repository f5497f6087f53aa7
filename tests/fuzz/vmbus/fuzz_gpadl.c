/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GPADL messages with the fuzzer's ranges and page numbers. After each sequence the state must be sound: no two GPADLs share words
 * of the pool, and the pages of every complete one are guest memory.
 */
#include <assert.h>

#include "fuzz_partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t word(struct input *in)
{
	uint64_t value;

	switch (input_u8(in) % 4) {
	case 0:
		input_bytes(in, &value, sizeof value);
		return value;
	case 1:
		return (uint64_t)input_u8(in) * 4096;              /* a range of pages */
	case 2:
		return FUZZ_HIGH + input_u8(in) % (FUZZ_PAGES + 1);
	default:
		return input_u8(in) % (FUZZ_PAGES + 1);
	}
}

static void post(struct fuzz_partition *p, struct input *in)
{
	struct vmbus_gpadl_header header = { .header.type = VMBUS_MSG_GPADL_HEADER };
	struct vmbus_gpadl_body body = { .header.type = VMBUS_MSG_GPADL_BODY };
	struct vmbus_gpadl_teardown teardown = { .header.type = VMBUS_MSG_GPADL_TEARDOWN };
	uint8_t message[VMBUS_MESSAGE_MAX], what = input_u8(in);
	uint32_t words = input_u8(in) % 28, start = sizeof body;

	switch (what % 8) {
	case 0:
		teardown.relid = 1 + (what >> 7);
		teardown.gpadl = what >> 4;
		fuzz_partition_post(p, &teardown, sizeof teardown);
		return;
	case 1:
	case 2:
	case 3:
		body.gpadl = what >> 4;
		memcpy(message, &body, sizeof body);
		break;
	default:
		header.relid = 1 + (what >> 7);
		header.gpadl = what >> 4;
		header.range_count = input_u8(in) % 8;
		header.range_bytes = (uint16_t)(what % 8 == 4 ? words * 8 : input_u32(in) & 0xfff8);
		memcpy(message, &header, sizeof header);
		start = sizeof header;
	}
	for (uint32_t i = 0; i < words && start + i * 8 + 8 <= sizeof message; i++) {
		uint64_t value = word(in);

		memcpy(message + start + i * 8, &value, sizeof value);
	}
	words = start + words * 8 > sizeof message ? (uint32_t)(sizeof message - start) / 8 : words;
	fuzz_partition_post(p, message, start + words * 8);
}

static void check(const struct fuzz_partition *p)
{
	const struct vmbus_state *s = p->state;

	for (uint32_t i = 0; i < s->gpadl_limit; i++) {
		const struct vmbus_gpadl_state *g = &s->gpadls[i];
		uint32_t at = 0;

		if (g->status == VMBUS_GPADL_FREE)
			continue;
		assert(g->first + g->count <= VMBUS_MAX_GPADL_WORDS && g->filled <= g->count);
		for (uint32_t k = 0; k < i; k++)
			assert(s->gpadls[k].status == VMBUS_GPADL_FREE || s->gpadls[k].first + s->gpadls[k].count <= g->first ||
			       g->first + g->count <= s->gpadls[k].first);
		if (g->status != VMBUS_GPADL_READY)
			continue;
		for (uint32_t r = 0; r < g->ranges; r++) {
			struct vmbus_gpa_range range;
			uint64_t pages;

			assert(at < g->count);
			memcpy(&range, &s->words[g->first + at++], sizeof range);
			pages = ((uint64_t)range.offset + range.bytes + 4095) / 4096;
			assert(pages && range.offset < 4096);
			for (; pages; pages--, at++)
				assert(at < g->count && s->words[g->first + at] < FUZZ_HIGH + FUZZ_PAGES &&
				       s->words[g->first + at] % FUZZ_HIGH < FUZZ_PAGES);
		}
		assert(at == g->count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fuzz_partition *p = fuzz_partition_start();

	fuzz_partition_connect(p);
	while (in.size)
		post(p, &in);
	check(p);
	return 0;
}
