/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's network driver and vsp/network in one process, both honest, in any order of frames in both directions, changes of the cable, ends and
 * new beginnings: frames arrive whole, in order and at most once, none is lost while there is room, and neither end finds the other at fault.
 */
#undef NDEBUG
#include <assert.h>

#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vsc/netvsc_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct netvsc_pair p;
static struct input in;
static uint32_t next_up, next_down, seen_up, seen_down; /* frames carry their number */
static bool answers;

static void number(uint8_t *frame, uint32_t bytes, uint32_t n)
{
	netvsc_pair_frame(frame, bytes, n);
	memcpy(frame + 14, &n, sizeof n);
}

static uint32_t check(const uint8_t *got, uint32_t bytes)
{
	static uint8_t frame[VSC_NETVSC_FRAME_MAX];
	uint32_t n;

	assert(bytes >= 18);
	memcpy(&n, got + 14, sizeof n);
	number(frame, bytes, n);
	assert(memcmp(got + 6, frame + 6, bytes - 6) == 0);
	return n;
}

static void send_one(uint32_t bytes, bool pages)
{
	const struct vsc_segment s = { p.pages + bytes % 4096, bytes };
	static uint8_t frame[VSC_NETVSC_FRAME_MAX];
	uint8_t *at = pages ? s.memory : frame;

	/* Pages that are on their way are not to be touched. */
	if (pages && p.guest.from_pages)
		return;
	number(at, bytes, next_up);
	next_up += (pages ? vsc_netvsc_send_pages(&p.guest, &s, 1, NULL, &p) : vsc_netvsc_send(&p.guest, at, bytes, NULL)) == 0;
}

static void on_received(struct netvsc_pair *pair, const struct vsc_frame *f)
{
	uint32_t n = check(f->data, f->bytes);

	assert(pair == &p && n >= seen_down && n < next_down);
	seen_down = n + 1;
	if (answers)
		send_one(18 + n % 1400, n & 1);
}

static void take_up(void)
{
	static struct tap_frame frame;

	for (int bytes; (bytes = netvsc_pair_tap_take(&p, &frame)) >= 0;) {
		uint32_t n = check(frame.bytes, (uint32_t)bytes);

		assert(n == seen_up && n < next_up);
		seen_up++;
	}
}

static void put_down(uint32_t bytes)
{
	static struct tap_frame frame;

	number(frame.bytes, bytes, next_down);
	memcpy(frame.bytes, pair_mac, 6);
	next_down += netvsc_pair_tap_put(&p, &frame, bytes);
}

static void settle(void)
{
	netvsc_pair_settle(&p);
	take_up();
	assert(p.guest.refused == 0 && p.guest.in_flight == 0 && p.guest.owed_count == 0);
	assert(seen_up == next_up || !p.guest.link_up);
	assert(seen_down == next_down || !p.guest.link_up);
	seen_up = next_up;
	seen_down = next_down;
}

static void act(uint8_t what)
{
	uint32_t amount = input_u8(&in);

	switch (what % 8) {
	case 0:
	case 1:
		for (uint32_t i = 0; i < (what >> 4) + 1u; i++)
			send_one(18 + amount * 5, what & 1);
		break;
	case 2:
	case 3:
		for (uint32_t i = 0; i < (what >> 4) + 1u; i++)
			put_down(18 + amount * (what & 1 ? 5 : 255));
		break;
	case 4:
		wired_pump(&p.w);
		break;
	case 5:
		settle();
		break;
	case 6:
		settle();
		netvsp_set_link(p.host, what & 8);
		netvsc_pair_settle(&p);
		assert(p.guest.link_up == !!(what & 8));
		break;
	case 7:
		if (what < 192) {
			answers = what & 8;
			break;
		}
		settle();
		assert(vsc_netvsc_close(&p.guest) == 0);
		p.config.newest = amount & 1 ? NVSP_VERSION_61 : NVSP_VERSION_6;
		assert(netvsc_pair_open(&p) == 0);
		break;
	}
	take_up();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	struct netvsp_stats stats;

	in = (struct input){ data, size };
	if (!begun)
		netvsc_pair_begin(&p);
	begun = true;
	p.received_one = on_received;
	netvsp_set_link(p.host, true);
	next_up = next_down = seen_up = seen_down = 0;
	answers = false;
	assert(netvsc_pair_open(&p) == 0);
	for (int steps = 0; in.size && steps < 100; steps++)
		act(input_u8(&in));
	settle();
	assert(vsc_netvsc_close(&p.guest) == 0);
	netvsp_get_stats(p.host, &stats);
	assert(stats.tx_errors == 0 && stats.rx_errors == 0 && p.failed == 0);
	return 0;
}
