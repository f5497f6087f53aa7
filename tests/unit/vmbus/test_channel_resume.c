/* SPDX-License-Identifier: BSD-2-Clause */
/* A successor on its predecessor's state: the guest does not notice. And states that no successor may accept. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "tests/unit/run_tests.h"

static struct partition p;
static struct device device, other, after;
static struct guest_channel g;

static void set_up(void)
{
	memset(&device, 0, sizeof device);
	memset(&other, 0, sizeof other);
	memset(&after, 0, sizeof after);
	partition_init(&p);
	vmbus_server_start(p.server);
	offer_device(&p, &device, 1, 0);
	offer_device(&p, &other, 2, 0);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 1), 0);
	partition_forget(&p);
}

static void tear_down(void)
{
	partition_done(&p);
}

static void succeed(void)
{
	partition_succeed(&p);
	/* In another order than before: the relids stay. */
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &other, 2, 0)), 2);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &after, 1, 0)), 1);
	vmbus_server_start(p.server);
}

START_TEST(open_channel_goes_on)
{
	uint64_t value, id;
	uint16_t type;

	for (uint64_t i = 0; i < 10; i++)
		guest_put(&g, VMBUS_PACKET_INBAND, i, NULL, 0, &i, sizeof i);
	vmbus_server_signal(p.server, 1);
	vmbus_channel_send(device.channel, VMBUS_PACKET_INBAND, 0, 50, "before", 7);
	/* Puts more, and its signal is lost with the old worker. */
	for (uint64_t i = 10; i < 15; i++)
		guest_put(&g, VMBUS_PACKET_INBAND, i, NULL, 0, &i, sizeof i);
	succeed();
	ck_assert_uint_eq(p.message_count, 0);
	ck_assert_uint_eq(after.resumes, 1);
	ck_assert_uint_eq(after.opens, 0);
	ck_assert_uint_eq(other.resumes, 0);
	ck_assert_str_eq((char *)after.user, "hello");
	ck_assert(p.connected[1]);
	ck_assert_uint_eq(vmbus_channel_target_vp(after.channel), 1);
	ck_assert_uint_eq(vmbus_server_version(p.server), VMBUS_VERSION_5_3);
	ck_assert_uint_eq(device.taken_count, 10);
	ck_assert_uint_eq(after.taken_count, 5);
	ck_assert(after.taken[0] == 10 && after.taken[4] == 14);
	/* And the guest is told to look. */
	ck_assert_uint_ge(p.events[1], 1);
	vmbus_channel_send(after.channel, VMBUS_PACKET_INBAND, 0, 51, "after", 6);
	ck_assert_int_eq(guest_take(&g, &type, &id, &value, sizeof value), 8);
	ck_assert(id == 50);
	ck_assert_int_eq(guest_take(&g, &type, &id, &value, sizeof value), 8);
	ck_assert(id == 51);
	ck_assert(guest_put(&g, VMBUS_PACKET_INBAND, 60, NULL, 0, "x", 1));
	vmbus_server_signal(p.server, 1);
	ck_assert(after.taken[5] == 60);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(after.closes, 1);
	guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = g.gpadl }, 16);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_TORNDOWN), 1);
}
END_TEST

static uint64_t killed_at;
static jmp_buf killed;

static void answer_until_killed(struct device *d, struct vmbus_channel *c)
{
	while (vmbus_channel_next_packet(c, &d->packet) == 0) {
		if (d->packet.transaction_id == killed_at)
			longjmp(killed, 1);
		ck_assert_int_eq(vmbus_channel_complete(c, d->packet.transaction_id, "done", 5), 0);
	}
}

/*
 * Killed in the middle of a batch: what was completed and not yet published reaches the guest, the packet in hand is handled by
 * the successor; none is lost, none comes twice.
 */
START_TEST(killed_in_a_batch)
{
	uint64_t id;
	uint16_t type;
	char text[8];

	killed_at = (uint64_t)_i;
	device.on_signal = answer_until_killed;
	after.on_signal = answer_until_killed;
	for (uint64_t i = 0; i < 8; i++)
		guest_put(&g, VMBUS_PACKET_INBAND, i, NULL, 0, &i, sizeof i);
	if (setjmp(killed) == 0) {
		vmbus_server_signal(p.server, 1);
		ck_abort_msg("not killed");
	}
	ck_assert_int_eq(guest_take(&g, &type, &id, text, sizeof text), -1);
	killed_at = 99;
	succeed();
	for (uint64_t i = 0; i < 8; i++) {
		ck_assert_int_eq(guest_take(&g, &type, &id, text, sizeof text), 8);
		ck_assert(id == i);
	}
	ck_assert_int_eq(guest_take(&g, &type, &id, text, sizeof text), -1);
	ck_assert_uint_eq(g.out.header->interrupt_mask, 0);
	ck_assert(guest_put(&g, VMBUS_PACKET_INBAND, 60, NULL, 0, "x", 1));
}
END_TEST

/* Replies, offers, half a GPADL and a teardown that were under way are under way still. */
START_TEST(what_was_under_way_goes_on)
{
	uint64_t pfns[2] = { 3, 4 };
	struct vmbus_gpa_range range = { .bytes = 8192 };
	struct { struct vmbus_gpadl_header header; uint8_t data[16]; } __attribute__((packed)) half = {
		.header = { .header.type = VMBUS_MSG_GPADL_HEADER, .relid = 1, .gpadl = 5, .range_bytes = 24, .range_count = 1 },
	};
	struct { struct vmbus_gpadl_body body; uint64_t pfn; } rest = { { .header.type = VMBUS_MSG_GPADL_BODY, .gpadl = 5 }, pfns[1] };
	static struct device hot;

	memcpy(half.data, &range, 8);
	memcpy(half.data + 8, pfns, 8);
	guest_post(&p, &half, 36);
	guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = g.gpadl }, 16);
	p.slots_free = 0;
	guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = 77 }, 16);
	offer_device(&p, &hot, 9, 0);
	partition_succeed(&p);
	offer_device(&p, &after, 1, 0);
	offer_device(&p, &other, 2, 0);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &hot, 9, 0)), 3);
	vmbus_server_start(p.server);
	ck_assert_uint_eq(after.resumes, 1);
	ck_assert_uint_eq(p.message_count, 0);
	p.slots_free = 100;
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(p.message_count, 2);
	ck_assert_uint_eq(p.messages[0].type, VMBUS_MSG_GPADL_TORNDOWN);
	ck_assert_uint_eq(p.messages[1].type, VMBUS_MSG_OFFER);
	guest_post(&p, &rest, 24);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_CREATED), 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_TORNDOWN), 2);
}
END_TEST

/* A device that the successor does not have is taken from the guest; one that the guest broke stays broken until it closes. */
START_TEST(devices_that_do_not_come_back)
{
	p.state->logged = 0;
	g.out.header->write_index = 1;
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(device.closes, 1);
	partition_forget(&p);
	partition_succeed(&p);
	offer_device(&p, &after, 1, 0);
	vmbus_server_start(p.server);
	ck_assert_uint_eq(after.resumes, 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(after.closes, 0);
	guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = g.gpadl }, 16);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert_uint_eq(after.opens, 1);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 2);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &other, 2, 0)), 2);
}
END_TEST

START_TEST(successor_with_a_device_that_refuses)
{
	after.open_result = -EIO;
	succeed();
	ck_assert_uint_eq(after.resumes, 1);
	ck_assert(!p.connected[1]);
	ck_assert(!vmbus_channel_is_open(after.channel));
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(after.signals, 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(after.closes, 0);
}
END_TEST

/* A state whose numbers would lead outside, or whose layout is not ours, is refused; it is never read on trust. */
START_TEST(broken_states_are_refused)
{
	struct vmbus_state *s = p.state;
	struct { uint32_t *field; uint32_t value; int expected; } cases[] = {
		{ &s->magic, 1, EINVAL }, { &s->version, VMBUS_STATE_VERSION + 1, ENOTSUP }, { &s->size, s->size - 8, EINVAL },
		{ &s->negotiated, 77, EINVAL }, { &s->target_vp, GUEST_VPS, EINVAL }, { &s->channel_limit, VMBUS_MAX_CHANNELS + 1, EINVAL },
		{ &s->gpadl_limit, VMBUS_MAX_GPADLS + 1, EINVAL }, { &s->reply_first, VMBUS_MAX_REPLIES, EINVAL },
		{ &s->reply_count, VMBUS_MAX_REPLIES + 1, EINVAL }, { &s->replies[5].size, VMBUS_REPLY_BYTES + 1, EINVAL },
		{ &s->gpadls[0].status, VMBUS_GPADL_STATUS_COUNT, EINVAL }, { &s->gpadls[0].first, VMBUS_MAX_GPADL_WORDS, EINVAL },
		{ &s->gpadls[0].first, 0xffffffffu, EINVAL },
	};

	vmbus_server_free(p.server);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t good = *cases[i].field;

		*cases[i].field = cases[i].value;
		errno = 0;
		ck_assert_ptr_null(vmbus_server_create(s, &p.map, GUEST_VPS, &harness_ops, &p));
		ck_assert_int_eq(errno, cases[i].expected);
		*cases[i].field = good;
	}
	p.server = vmbus_server_create(s, &p.map, GUEST_VPS, &harness_ops, &p);
	ck_assert_ptr_nonnull(p.server);
}
END_TEST

/* Numbers that only an open channel uses: it does not come back, the rest does. */
START_TEST(broken_channel_states_are_not_resumed)
{
	struct vmbus_channel_state *c = &p.state->channels[0];
	struct { uint32_t *field; uint32_t value; } cases[] = {
		{ &c->read_next, 3 * 4096 }, { &c->write_next, 4 }, { &c->target_vp, GUEST_VPS }, { &c->downstream_page, 8 }, { &c->gpadl, 1 },
	};
	struct vmbus_gpa_range range = { .bytes = 64 * 4096 };

	if ((size_t)_i < sizeof cases / sizeof *cases)
		*cases[_i].field = cases[_i].value;
	else if (_i == 5)
		memcpy(&p.state->words[p.state->gpadls[0].first], &range, sizeof range);
	else
		p.state->words[p.state->gpadls[0].first + 3] = 1ull << 51;
	succeed();
	ck_assert_uint_eq(after.resumes, 0);
	ck_assert(!p.connected[1]);
	guest_connect(&p);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 2);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("resume");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, open_channel_goes_on);
	tcase_add_loop_test(tcase, killed_in_a_batch, 0, 8);
	tcase_add_test(tcase, what_was_under_way_goes_on);
	tcase_add_test(tcase, devices_that_do_not_come_back);
	tcase_add_test(tcase, successor_with_a_device_that_refuses);
	tcase_add_test(tcase, broken_states_are_refused);
	tcase_add_loop_test(tcase, broken_channel_states_are_not_resumed, 0, 7);
	return run_cases("channel resume", &tcase, 1);
}
