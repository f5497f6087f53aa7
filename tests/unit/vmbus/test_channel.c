/* SPDX-License-Identifier: BSD-2-Clause */
/* An open channel: open and its refusals, packets in both directions, GPA-direct ranges, signals, broken rings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "tests/unit/run_tests.h"

static struct partition p;
static struct device device;
static struct guest_channel g;
static struct vmbus_channel *channel;

static void set_up(void)
{
	memset(&device, 0, sizeof device);
	partition_init(&p);
	vmbus_server_start(p.server);
	channel = offer_device(&p, &device, 1, 0);
	offer_device(&p, &device, 2, 0);
	guest_connect(&p);
}

static void set_up_open(void)
{
	set_up();
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 1), 0);
	partition_forget(&p);
}

static void tear_down(void)
{
	partition_done(&p);
}

static uint32_t post_open(uint32_t relid, uint32_t gpadl, uint32_t downstream, uint32_t vp)
{
	struct vmbus_open_message m = {
		.header.type = VMBUS_MSG_OPEN, .relid = relid, .open_id = 9, .gpadl = gpadl, .target_vp = vp, .downstream_page = downstream,
	};
	unsigned before = count_of(&p, VMBUS_MSG_OPEN_RESULT);
	struct vmbus_open_result r;

	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OPEN_RESULT), before + 1);
	memcpy(&r, message_of(&p, VMBUS_MSG_OPEN_RESULT, before)->bytes, sizeof r);
	ck_assert_uint_eq(r.relid, relid);
	ck_assert_uint_eq(r.open_id, 9);
	return r.status;
}

START_TEST(open_is_checked_and_always_answered)
{
	uint64_t pfns[8] = { 10, 11, 12, 13, 14, 15, 16, 17 };
	struct { uint32_t relid, gpadl, downstream, vp; } bad[] = {
		{ 0, 1, 4, 0 }, { 3, 1, 4, 0 }, { 0xffffffffu, 1, 4, 0 }, { 1, 99, 4, 0 }, { 1, 1, 4, GUEST_VPS }, { 1, 1, 0, 0 }, { 1, 1, 1, 0 },
		{ 1, 1, 7, 0 }, { 1, 1, 8, 0 }, { 1, 1, 9, 0 }, { 1, 1, 0xffffffffu, 0 },
		{ 2, 1, 4, 0 },  /* another channel's GPADL */
		{ 1, 2, 4, 0 },  /* not whole pages */
		{ 1, 3, 4, 0 },  /* not complete */
	};

	ck_assert_uint_eq(guest_gpadl(&p, 1, 1, 8 * 4096, pfns, 8), 0);
	ck_assert_uint_eq(guest_gpadl(&p, 1, 2, 8 * 4096 - 8, pfns, 8), 0);
	for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_uint_ne(post_open(bad[i].relid, bad[i].gpadl, bad[i].downstream, bad[i].vp), 0);
	ck_assert_uint_eq(device.opens, 0);
	ck_assert_uint_eq(post_open(1, 1, 2, 0), 0);
	ck_assert_uint_ne(post_open(1, 1, 4, 0), 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(device.closes, 1);
	ck_assert_uint_eq(post_open(1, 1, 6, 1), 0);
	ck_assert_uint_eq(device.opens, 2);
}
END_TEST

START_TEST(device_can_refuse)
{
	device.open_result = -EBUSY;
	ck_assert_uint_ne(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert(!p.connected[1]);
	ck_assert_uint_eq(device.closes, 0);
	ck_assert(!vmbus_channel_is_open(channel));
	ck_assert_int_eq(vmbus_channel_send(channel, 6, 0, 0, "x", 1), -EIO);
	device.open_result = 0;
	ck_assert_uint_eq(post_open(1, g.gpadl, 4, 0), 0);
	ck_assert(p.connected[1]);
	ck_assert_uint_eq(vmbus_channel_relid(device.channel), 1);
}
END_TEST

/* A ring whose indices are no indices is not opened. */
START_TEST(open_with_bad_indices)
{
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	g.out.header->read_index = 3 * 4096;
	ck_assert_uint_ne(post_open(1, g.gpadl, 4, 0), 0);
	g.out.header->read_index = 0;
	g.in.header->write_index = 12;
	ck_assert_uint_ne(post_open(1, g.gpadl, 4, 0), 0);
	g.in.header->write_index = 0;
	ck_assert_uint_eq(post_open(1, g.gpadl, 4, 0), 0);
}
END_TEST

static void echo(struct device *d, struct vmbus_channel *c)
{
	while (vmbus_channel_next_packet(c, &d->packet) == 0)
		ck_assert_int_eq(vmbus_channel_complete(c, d->packet.transaction_id, d->payload, d->packet.payload_bytes), 0);
}

/* Many requests in one go: each answered in order, with one interrupt for all. */
START_TEST(batch_is_answered_with_one_interrupt)
{
	uint64_t value, id;
	uint16_t type;

	ck_assert_str_eq((char *)device.user, "hello");
	ck_assert_uint_eq(g.in.header->features & 1, 1);
	device.on_signal = echo;
	for (uint64_t round = 0; round < 100; round++) {
		partition_forget(&p);
		for (uint64_t i = 0; i < 20; i++) {
			bool signal;

			value = round * 100 + i;
			signal = guest_put(&g, VMBUS_PACKET_INBAND, value, NULL, 0, &value, sizeof value);
			ck_assert_int_eq(signal, i == 0);
		}
		ck_assert(!vmbus_server_signal(p.server, 1));
		ck_assert_uint_eq(p.events[1], 1);
		ck_assert_uint_eq(p.event_vp, 1);
		ck_assert_uint_eq(g.out.header->interrupt_mask, 0);
		for (uint64_t i = 0; i < 20; i++) {
			ck_assert_int_eq(guest_take(&g, &type, &id, &value, sizeof value), 8);
			ck_assert_uint_eq(type, VMBUS_PACKET_COMPLETION);
			ck_assert(id == round * 100 + i && value == id);
		}
		ck_assert_int_eq(guest_take(&g, &type, &id, &value, sizeof value), -1);
	}
}
END_TEST

START_TEST(sends_outside_a_batch_are_seen_at_once)
{
	uint8_t buffer[64];
	struct iovec pieces[] = { { "abc", 3 }, { "defg", 4 } };
	struct vmbus_transfer_pages extension = { .set_id = 0xcafe, .range_count = 0 };
	uint64_t id;
	uint16_t type;

	ck_assert_int_eq(vmbus_channel_send(channel, VMBUS_PACKET_INBAND, 1, 5, "12345678", 8), 0);
	ck_assert_uint_eq(p.events[1], 1);
	ck_assert_int_eq(vmbus_channel_send(channel, VMBUS_PACKET_INBAND, 1, 6, "12345678", 8), 0);
	ck_assert_uint_eq(p.events[1], 1);
	ck_assert_int_eq(guest_take(&g, &type, &id, buffer, sizeof buffer), 8);
	ck_assert_int_eq(guest_take(&g, &type, &id, buffer, sizeof buffer), 8);
	vmbus_channel_batch_begin(channel);
	vmbus_channel_batch_begin(channel);
	ck_assert_int_eq(vmbus_channel_sendv(channel, VMBUS_PACKET_TRANSFER_PAGES, 1, 7, &extension, sizeof extension, pieces, 2), 0);
	vmbus_channel_batch_end(channel);
	ck_assert_int_eq(guest_take(&g, &type, &id, buffer, sizeof buffer), -1);
	vmbus_channel_batch_end(channel);
	ck_assert_uint_eq(p.events[1], 2);
	ck_assert_int_eq(guest_take(&g, &type, &id, buffer, sizeof buffer), 8);
	ck_assert_uint_eq(type, VMBUS_PACKET_TRANSFER_PAGES);
	ck_assert_int_eq(memcmp(buffer, "abcdefg", 8), 0);
	ck_assert_int_eq(vmbus_channel_send(channel, 6, 0, 0, p.low, 3 * 4096), -EMSGSIZE);
}
END_TEST

/* When the guest's ring is full the device hears so, and is called when the guest has made room and says so. */
START_TEST(full_ring_and_room_again)
{
	static uint8_t payload[1000], back[1000];
	struct vmbus_ring_packet packet;
	unsigned sent = 0;
	uint64_t id;
	uint16_t type;

	while (vmbus_channel_send(channel, 6, 0, sent, payload, 1000) == 0)
		sent++;
	ck_assert_uint_eq(sent, 11);
	ck_assert_uint_eq(p.events[1], 1);
	ck_assert_uint_ne(g.in.header->pending_send_size, 0);
	vmbus_ring_read_begin(&g.in);
	vmbus_ring_peek(&g.in, &packet);
	vmbus_ring_consume(&g.in, &packet);
	ck_assert(vmbus_ring_read_end(&g.in));
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(device.signals, 1);
	ck_assert_int_eq(vmbus_channel_send(channel, 6, 0, sent++, payload, 1000), 0);
	ck_assert_uint_eq(g.in.header->pending_send_size, 0);
	for (unsigned i = 1; i < sent; i++) {
		ck_assert_int_eq(guest_take(&g, &type, &id, back, sizeof back), 1000);
		ck_assert_uint_eq(id, i);
	}
}
END_TEST

/* A guest that waits for room in its ring is signalled once the server has freed enough, in the same interrupt as the answers. */
START_TEST(guest_waiting_for_room_is_signalled)
{
	static uint8_t payload[1000];
	struct vmbus_ring_part part = { payload, sizeof payload };

	while (vmbus_ring_write(&g.out, 6, 0, 1, 0, &part, 1) == VMBUS_RING_OK)
		;
	ck_assert(vmbus_ring_write_end(&g.out));
	ck_assert_uint_ne(g.out.header->pending_send_size, 0);
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(device.taken_count, 11);
	ck_assert_uint_eq(p.events[1], 1);
	ck_assert_int_eq(vmbus_ring_write(&g.out, 6, 0, 1, 0, &part, 1), VMBUS_RING_OK);
}
END_TEST

static void take_two(struct device *d, struct vmbus_channel *c)
{
	for (int i = 0; i < 2; i++)
		if (vmbus_channel_next_packet(c, &d->packet) == 0)
			d->taken[d->taken_count++ % 256] = d->packet.transaction_id;
}

/* A device with no capacity left leaves packets in the ring; they come when it polls. */
START_TEST(device_stops_early_and_polls)
{
	device.on_signal = take_two;
	for (uint64_t i = 0; i < 5; i++)
		guest_put(&g, VMBUS_PACKET_INBAND, i, NULL, 0, "x", 1);
	ck_assert(!vmbus_server_signal(p.server, 1));
	ck_assert_uint_eq(device.taken_count, 2);
	ck_assert_uint_eq(g.out.header->read_index, 2 * 32);
	ck_assert(!vmbus_channel_poll(channel));
	ck_assert_uint_eq(device.taken_count, 4);
	ck_assert(!vmbus_channel_poll(channel));
	ck_assert_uint_eq(device.taken_count, 5);
	ck_assert_uint_eq(g.out.header->interrupt_mask, 0);
	for (uint64_t i = 0; i < 5; i++)
		ck_assert(device.taken[i] == i);
}
END_TEST

static void take_and_refill(struct device *d, struct vmbus_channel *c)
{
	while (vmbus_channel_next_packet(c, &d->packet) == 0)
		d->taken_count++;
	guest_put(&g, VMBUS_PACKET_INBAND, 1, NULL, 0, "x", 1);
}

/* A guest that never stops producing gets its turns, not the whole thread. */
START_TEST(endless_guest_does_not_hold_the_loop)
{
	device.on_signal = take_and_refill;
	guest_put(&g, VMBUS_PACKET_INBAND, 1, NULL, 0, "x", 1);
	ck_assert(vmbus_server_signal(p.server, 1));
	ck_assert_uint_lt(device.taken_count, 100);
	device.on_signal = NULL;
	ck_assert(!vmbus_server_signal(p.server, 1));
}
END_TEST

struct direct {
	struct vmbus_gpa_direct head;
	uint64_t words[12];
};

static int direct_result;

static void take_direct(struct device *d, struct vmbus_channel *c)
{
	direct_result = vmbus_channel_next_packet(c, &d->packet);
}

static int put_direct(uint32_t ranges, const uint64_t *words, uint32_t count)
{
	struct direct e = { .head.range_count = ranges };

	memcpy(e.words, words, count * 8);
	device.on_signal = take_direct;
	guest_put(&g, VMBUS_PACKET_GPA_DIRECT, 77, &e, 8 + count * 8, "payload!", 8);
	vmbus_server_signal(p.server, 1);
	ck_assert(device.packet.transaction_id == 77);
	ck_assert_uint_eq(device.packet.type, VMBUS_PACKET_GPA_DIRECT);
	return direct_result;
}

static uint64_t range(uint32_t bytes, uint32_t offset)
{
	return bytes | (uint64_t)offset << 32;
}

START_TEST(ranges_become_pieces_of_guest_memory)
{
	const uint64_t high = GUEST_HIGH / 4096;

	/* Neighbours are joined, across pages and across ranges. */
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(8192, 512), 3, 4, 5 }, 4), 0);
	ck_assert_uint_eq(device.packet.iov_count, 1);
	ck_assert_ptr_eq(device.iov[0].iov_base, p.low + 3 * 4096 + 512);
	ck_assert_uint_eq(device.iov[0].iov_len, 8192);
	ck_assert_uint_eq(device.packet.payload_bytes, 8);
	ck_assert_int_eq(memcmp(device.payload, "payload!", 8), 0);
	ck_assert_int_eq(put_direct(2, (uint64_t[]){ range(4096, 0), 3, range(100, 0), 4 }, 4), 0);
	ck_assert_uint_eq(device.packet.iov_count, 1);
	ck_assert_uint_eq(device.packet.range_count, 2);
	ck_assert_uint_eq(device.packet.iov_bytes, 4196);
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(8193, 4095), 9, high + 7, 8 }, 4), 0);
	ck_assert_uint_eq(device.packet.iov_count, 3);
	ck_assert_ptr_eq(device.iov[0].iov_base, p.low + 9 * 4096 + 4095);
	ck_assert_uint_eq(device.iov[0].iov_len, 1);
	ck_assert_ptr_eq(device.iov[1].iov_base, p.high + 7 * 4096);
	ck_assert_uint_eq(device.iov[1].iov_len, 4096);
	ck_assert_uint_eq(device.iov[2].iov_len, 4096);
	/* Page numbers beyond what the length needs belong to nothing. */
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(1, 0), 9, ~0ull }, 3), 0);
	ck_assert_int_eq(put_direct(0, (uint64_t[]){ 0 }, 0), 0);
	ck_assert_uint_eq(device.packet.iov_count, 0);
}
END_TEST

START_TEST(bad_ranges_are_reported_and_consumed)
{
	const struct { uint32_t ranges, count; uint64_t words[4]; int expected; } cases[] = {
		{ 1, 2, { range(4096, 0), GUEST_LOW / 4096 }, -EFAULT },
		{ 1, 3, { range(8192, 0), GUEST_LOW / 4096 - 1, GUEST_LOW / 4096 }, -EFAULT },
		{ 1, 2, { range(4096, 0), 1ull << 52 }, -EFAULT },
		{ 1, 2, { range(4097, 0), 1 }, -EFAULT },
		{ 1, 2, { range(4096, 1), 1 }, -EFAULT },
		{ 1, 2, { range(0xffffffffu, 0), 1 }, -EFAULT },
		{ 1, 2, { range(0xffffffffu, 0xffffffffu), 1 }, -EFAULT },
		{ 1, 2, { range(4096, 4096), 1 }, -EFAULT },
		{ 1, 2, { range(0, 0), 1 }, -EFAULT },
		{ 2, 2, { range(4096, 0), 1 }, -EFAULT },
		{ 1, 1, { range(4096, 0) }, -EFAULT },
		{ 1, 0, { 0 }, -EFAULT },
		{ 0xffffffffu, 4, { range(8, 0), 1, range(8, 0), 1 }, -EFAULT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int rc = put_direct(cases[i].ranges, cases[i].words, cases[i].count);

		ck_assert_msg(rc == cases[i].expected, "case %zu: %d", i, rc);
		ck_assert_uint_eq(device.packet.iov_count, 0);
		ck_assert_uint_eq(device.packet.payload_bytes, 0);
	}
	/* No extension at all. */
	guest_put(&g, VMBUS_PACKET_GPA_DIRECT, 77, NULL, 0, "x", 1);
	vmbus_server_signal(p.server, 1);
	ck_assert_int_eq(direct_result, -EFAULT);
	/* More pieces, more payload than the device takes. */
	device.packet.iov_capacity = 1;
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(8192, 0), 9, 7 }, 3), -EMSGSIZE);
	device.packet.payload_capacity = 7;
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(1, 0), 9 }, 2), -EMSGSIZE);
	device.packet.payload_capacity = 8;
	ck_assert_int_eq(put_direct(1, (uint64_t[]){ range(1, 0), 9 }, 2), 0);
	ck_assert(vmbus_channel_is_open(channel));
}
END_TEST

/* A broken ring ends the channel, with a reason in the log, and nothing else: the neighbour's channel works on. */
START_TEST(broken_ring_stops_the_channel_only)
{
	static struct device other;
	struct guest_channel g2;

	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &other, 3, 0)), 3);
	ck_assert_uint_eq(guest_open(&p, &g2, 3, 8, 0), 0);
	partition_forget(&p);
	switch (_i) {
	case 0:
		g.out.header->write_index = 3 * 4096;
		break;
	case 1:
		guest_put(&g, 6, 1, NULL, 0, "x", 1);
		g.pages[1][4] = 0xff;
		break;
	case 2:
		guest_put(&g, 6, 1, NULL, 0, "x", 1);
		g.pages[1][2] = 0;
		break;
	default:
		g.in.header->read_index = 3 * 4096;
		while (vmbus_channel_send(channel, 6, 0, 1, p.low, 1000) == 0)
			;
		ck_assert_int_eq(vmbus_channel_send(channel, 6, 0, 1, "x", 1), -EIO);
	}
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(p.logs, 1);
	ck_assert_ptr_nonnull(strstr(p.log, "channel 1 stopped"));
	ck_assert_uint_eq(device.failures, 1);
	ck_assert_uint_eq(device.closes, 1);
	ck_assert(!p.connected[1]);
	ck_assert(!vmbus_channel_is_open(channel));
	vmbus_server_signal(p.server, 1);
	ck_assert(!vmbus_channel_poll(channel));
	ck_assert_uint_eq(device.closes, 1);
	ck_assert(guest_put(&g2, 6, 1, NULL, 0, "x", 1));
	vmbus_server_signal(p.server, 3);
	ck_assert_uint_eq(other.taken_count, 1);
	/* The guest may close it, tear the GPADL down and begin again. */
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = g.gpadl }, 16);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_TORNDOWN), 1);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert_uint_eq(device.closes, 1);
}
END_TEST

static struct vmbus_channel *subchannel;

static void rescind_subchannel(struct device *d, struct vmbus_channel *c)
{
	(void)d;
	(void)c;
	vmbus_server_rescind(subchannel);
}

static void offer_subchannel(struct device *d, struct vmbus_channel *c)
{
	static struct device sub;

	while (vmbus_channel_next_packet(c, &d->packet) == 0)
		subchannel = offer_device(&p, &sub, 1, 1);
}

/* storvsc asks on its channel for subchannels and gets offers; when the primary closes, the device takes them back. */
START_TEST(subchannels_come_and_go_with_their_primary)
{
	struct vmbus_offer_message offer;

	device.on_signal = offer_subchannel;
	device.on_close = rescind_subchannel;
	for (int i = 0; i < 3; i++) {
		partition_forget(&p);
		guest_put(&g, 6, 13, NULL, 0, "x", 1);
		vmbus_server_signal(p.server, 1);
		memcpy(&offer, message_of(&p, VMBUS_MSG_OFFER, 0)->bytes, sizeof offer);
		ck_assert_uint_eq(offer.subchannel_index, 1);
		ck_assert_uint_eq(offer.instance.bytes[0], 1);
		ck_assert_uint_eq(offer.relid, 3);
		if (i == 0) {
			guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
			ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
			guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 3);
		} else {
			guest_connect(&p);
			ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 0);
		}
		if (i == 0)
			guest_connect(&p);
		ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	}
}
END_TEST

START_TEST(signals_for_nobody_are_harmless)
{
	vmbus_server_signal(p.server, 0);
	vmbus_server_signal(p.server, 2);
	vmbus_server_signal(p.server, 3);
	vmbus_server_signal(p.server, 0xffffffffu);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	vmbus_server_signal(p.server, 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 2);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 0xffffffffu);
	ck_assert_uint_eq(device.signals, 0);
}
END_TEST

START_TEST(copies_may_cross_touching_regions)
{
	uint8_t a[16], b[16], out[24];
	struct guest_map map = { .count = 2, .regions = { { 16, 16, b }, { 0, 16, a } } };

	memset(out, 7, sizeof out);
	ck_assert(guest_map_write(&map, 4, out, 24));
	ck_assert_uint_eq(a[4], 7);
	ck_assert_uint_eq(b[11], 7);
	memset(out, 0, sizeof out);
	ck_assert(guest_map_read(&map, 4, out, 24));
	ck_assert_uint_eq(out[23], 7);
	ck_assert(!guest_map_read(&map, 20, out, 13));
	ck_assert(!guest_map_write(&map, ~0ull, out, 2));
	ck_assert_ptr_null(guest_map_at(&map, 8, 9));
	ck_assert_ptr_null(guest_map_at(&map, 8, ~0ull));
	ck_assert_ptr_null(guest_map_at(&map, 32, 0));
	ck_assert_ptr_eq(guest_map_at(&map, 8, 8), a + 8);
}
END_TEST

int main(void)
{
	TCase *offered = tcase_create("offered"), *open = tcase_create("open");

	tcase_add_checked_fixture(offered, set_up, tear_down);
	tcase_add_test(offered, open_is_checked_and_always_answered);
	tcase_add_test(offered, device_can_refuse);
	tcase_add_test(offered, open_with_bad_indices);
	tcase_add_checked_fixture(open, set_up_open, tear_down);
	tcase_add_test(open, batch_is_answered_with_one_interrupt);
	tcase_add_test(open, sends_outside_a_batch_are_seen_at_once);
	tcase_add_test(open, full_ring_and_room_again);
	tcase_add_test(open, guest_waiting_for_room_is_signalled);
	tcase_add_test(open, device_stops_early_and_polls);
	tcase_add_test(open, endless_guest_does_not_hold_the_loop);
	tcase_add_test(open, ranges_become_pieces_of_guest_memory);
	tcase_add_test(open, bad_ranges_are_reported_and_consumed);
	tcase_add_loop_test(open, broken_ring_stops_the_channel_only, 0, 4);
	tcase_add_test(open, subchannels_come_and_go_with_their_primary);
	tcase_add_test(open, signals_for_nobody_are_harmless);
	tcase_add_test(open, copies_may_cross_touching_regions);
	return run_cases("channel", (TCase *const[]){ offered, open }, 2);
}
