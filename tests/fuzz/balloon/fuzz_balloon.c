/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest behind dynamic memory: any message at any time, and workers that are replaced meanwhile, the last packet counted or not.
 * No page outside its memory is ever released. Then a successor on a state of which a part is anything: it refuses, or does no harm.
 */
#undef NDEBUG
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/balloon/balloon.h"
#include "vsp/balloon/balloon_protocol.h"
#include "vsp/balloon/balloon_state.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOW     4096u
#define HIGH    1024u
#define HOT_GFN 0x108000ull
#define HOT     65536u

static struct partition p;
static struct balloon *b;
static struct guest_channel g;
static struct balloon_state state;

static void on_release(void *context, uint64_t gfn, uint64_t pages)
{
	struct balloon_status s;

	(void)context;
	balloon_get_status(b, &s);
	assert(pages);
	assert(gfn + pages <= LOW || (gfn >= 0x100000 && gfn + pages <= 0x100000 + HIGH) ||
	       (gfn >= HOT_GFN && gfn + pages <= HOT_GFN + s.added_pages));
}

static void check(void)
{
	struct balloon_status s;

	balloon_get_status(b, &s);
	assert(s.ballooned_pages <= LOW + HIGH + s.added_pages);
	assert(s.assigned_pages == LOW + HIGH + s.added_pages - s.ballooned_pages);
	assert(s.added_pages <= HOT);
}

static const struct balloon_ops ops = { .release = on_release };
static const struct balloon_config config = { .instance = { { 1 } }, .low_pages = LOW, .high_pages = HIGH, .hot_add_gfn = HOT_GFN,
					      .hot_add_pages = HOT };

static void start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	partition_init(&p);
	assert(balloon_create(p.server, &state, &config, &ops, NULL, &b) == 0);
	vmbus_server_start(p.server);
}

static void put(struct input *in, uint8_t what)
{
	uint64_t message[16] = { 0 };
	struct dm_header *header = (struct dm_header *)message;
	struct vmbus_ring_part part = { message, what & 0x80 ? sizeof message : input_u8(in) % (sizeof message + 1) };

	input_bytes(in, message, sizeof message);
	if (what & 0x40) {
		header->type = header->type % 13;
		/* Plausible numbers: a version, small ranges. */
		if (header->type == DM_VERSION_REQUEST)
			message[1] = DM_VERSION_2_0;
		for (unsigned int i = 2; header->type == DM_BALLOON_RESPONSE && i < 16; i++)
			message[i] = DM_RANGE(message[i] & 0x10ffffull, message[i] >> 40 & 0x3ff);
		if (header->type == DM_BALLOON_RESPONSE)
			message[1] = (message[1] & 1) << 32 | 14ull << 33;
	}
	if (vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, 1, 0, &part, 1) == VMBUS_RING_OK)
		vmbus_ring_write_end(&g.out);
	vmbus_server_signal(p.server, g.relid);
}

static bool succeed(void)
{
	partition_succeed(&p);
	balloon_detach(b);
	b = NULL;
	if (balloon_create(p.server, &state, &config, &ops, NULL, &b))
		return false;
	vmbus_server_start(p.server);
	return true;
}

static void spoil(struct input *in)
{
	uint8_t *bytes = (uint8_t *)&state;

	for (unsigned int count = input_u8(in) % 8; count; count--) {
		size_t at = input_u32(in) % offsetof(struct balloon_state, given);

		bytes[at] = input_u8(in);
	}
}

static void forget_state(void)
{
	memset(&state, 0, offsetof(struct balloon_state, given));
	memset(state.given, 0, (HOT_GFN + HOT) / 8);
	assert(succeed());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t taken[4096];
	uint64_t now = 1, id;
	uint32_t read, last = 0;
	bool honest = true;
	uint16_t kind;

	start();
	partition_forget(&p);
	guest_connect(&p);
	assert(guest_open(&p, &g, 1, 6, 0) == 0);
	for (int steps = 0; in.size && steps < 60; steps++) {
		uint8_t what = input_u8(&in);

		read = p.state->channels[g.relid - 1].read_next;
		switch (what % 7) {
		case 0:
		case 1:
			put(&in, what);
			last = read;
			break;
		case 2:
			balloon_tick(b, now += what * 100u);
			break;
		case 3:
			balloon_set_target(b, input_u8(&in) * 512ull);
			break;
		case 4:
			while (guest_take(&g, &kind, &id, taken, sizeof taken) >= 0)
				;
			break;
		case 5:
			if (what & 0x40)
				p.state->channels[g.relid - 1].read_next = last;
			if (!succeed()) {
				assert(!honest);
				forget_state();
			}
			break;
		case 6:
			honest = false;
			spoil(&in);
			if (!succeed())
				forget_state();
			break;
		}
		if (honest)
			check();
	}
	vmbus_server_reset(p.server);
	balloon_reset(b);
	if (!honest)
		forget_state();
	check();
	return 0;
}
