/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages: negotiation, offers, rescind, unload, refusals, delivery through one slot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "tests/unit/run_tests.h"

static struct partition p;

static void set_up(void)
{
	partition_init(&p);
	vmbus_server_start(p.server);
}

static void tear_down(void)
{
	partition_done(&p);
}

static struct vmbus_version_response last_version(void)
{
	const struct posted *m = &p.messages[p.message_count - 1];
	struct vmbus_version_response r;

	ck_assert_uint_eq(m->type, VMBUS_MSG_VERSION_RESPONSE);
	ck_assert_uint_eq(m->size, sizeof r);
	memcpy(&r, m->bytes, sizeof r);
	return r;
}

START_TEST(negotiates_4_0_to_5_3)
{
	static const struct { uint32_t version; bool supported; uint32_t connection; } cases[] = {
		{ VMBUS_VERSION(0, 13), false, 0 }, { VMBUS_VERSION(1, 1), false, 0 }, { VMBUS_VERSION(2, 4), false, 0 },
		{ VMBUS_VERSION(3, 0), false, 0 }, { VMBUS_VERSION_4_0, true, 0 }, { VMBUS_VERSION_4_1, true, 0 },
		{ VMBUS_VERSION(4, 2), false, 0 }, { VMBUS_VERSION_5_0, true, 4 }, { VMBUS_VERSION_5_1, true, 4 },
		{ VMBUS_VERSION_5_2, true, 4 }, { VMBUS_VERSION_5_3, true, 4 }, { VMBUS_VERSION(5, 4), false, 0 },
		{ VMBUS_VERSION(6, 0), false, 0 }, { 0xffffffffu, false, 0 }, { 0, false, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vmbus_version_response r;

		guest_contact(&p, cases[i].version);
		r = last_version();
		ck_assert_uint_eq(r.supported, cases[i].supported);
		ck_assert_uint_eq(r.connection_state, 0);
		ck_assert_uint_eq(r.connection_id, cases[i].connection);
		ck_assert_uint_eq(vmbus_server_version(p.server), cases[i].supported ? cases[i].version : 0);
	}
}
END_TEST

/* From 5.0 on the guest names the SINT; before, the same bytes are an address. Messages go to the VP that it names. */
START_TEST(contact_names_vp_and_sint)
{
	struct vmbus_initiate_contact m = { .header.type = VMBUS_MSG_INITIATE_CONTACT, .version = VMBUS_VERSION_5_2, .target_vp = 1, .target = 2 };

	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(last_version().supported, 1);
	ck_assert_uint_eq(p.messages[p.message_count - 1].vp, 1);
	m.target = 3;
	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(last_version().supported, 0);
	m.version = VMBUS_VERSION_4_1;
	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(last_version().supported, 1);
	m.target_vp = GUEST_VPS;
	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(last_version().supported, 0);
	ck_assert_uint_eq(p.messages[p.message_count - 1].vp, 0);
}
END_TEST

START_TEST(offers_are_complete_and_end_with_all_delivered)
{
	static struct device d[3];
	struct vmbus_offer_message offer;

	offer_device(&p, &d[0], 10, 0);
	offer_device(&p, &d[1], 11, 0);
	guest_connect(&p);
	ck_assert_uint_eq(p.message_count, 4);
	for (uint32_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(p.messages[1 + i].type, VMBUS_MSG_OFFER);
		ck_assert_uint_eq(p.messages[1 + i].size, 196);
		memcpy(&offer, p.messages[1 + i].bytes, sizeof offer);
		ck_assert(vmbus_guid_equal(&offer.type, &VMBUS_CLASS_SCSI));
		ck_assert_uint_eq(offer.instance.bytes[0], 10 + i);
		ck_assert_uint_eq(offer.relid, 1 + i);
		ck_assert_uint_eq(offer.monitor_allocated, 0);
		ck_assert_uint_eq(offer.dedicated_interrupt, 1);
		ck_assert_uint_eq(offer.flags, 1);
		ck_assert_uint_eq(offer.user[2], 3);
		ck_assert_uint_lt(offer.connection_id, 1u << 24);
		ck_assert_uint_gt(offer.connection_id, VMBUS_CONNECTION_MESSAGE_V5);
	}
	ck_assert_uint_eq(p.messages[3].type, VMBUS_MSG_ALL_OFFERS_DELIVERED);
	/* A hot one, then a subchannel, each at once and alone. */
	offer_device(&p, &d[2], 12, 0);
	ck_assert_uint_eq(p.message_count, 5);
	offer_device(&p, &d[2], 12, 1);
	memcpy(&offer, p.messages[5].bytes, sizeof offer);
	ck_assert_uint_eq(offer.subchannel_index, 1);
	ck_assert_uint_eq(offer.relid, 4);
	/* The same twice is a mistake. */
	ck_assert_ptr_null(offer_device(&p, &d[2], 12, 1));
}
END_TEST

START_TEST(at_most_256_channels)
{
	static struct device d;

	for (uint32_t i = 0; i < VMBUS_MAX_CHANNELS; i++)
		ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &d, 1, (uint16_t)i)), i + 1);
	ck_assert_ptr_null(offer_device(&p, &d, 1, 300));
	guest_connect(&p);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), VMBUS_MAX_CHANNELS);
	ck_assert_uint_eq(p.messages[p.message_count - 1].type, VMBUS_MSG_ALL_OFFERS_DELIVERED);
}
END_TEST

/* Message lengths are the guest's word: one byte less than the layout and the message is ignored, not read beyond. */
START_TEST(messages_one_byte_short)
{
	static const struct { uint32_t type; size_t size; } cases[] = {
		{ VMBUS_MSG_REQUEST_OFFERS, 8 }, { VMBUS_MSG_OPEN, 148 }, { VMBUS_MSG_CLOSE, 12 }, { VMBUS_MSG_GPADL_HEADER, 20 },
		{ VMBUS_MSG_GPADL_BODY, 16 }, { VMBUS_MSG_GPADL_TEARDOWN, 16 }, { VMBUS_MSG_RELID_RELEASED, 12 },
		{ VMBUS_MSG_INITIATE_CONTACT, 40 }, { VMBUS_MSG_UNLOAD, 8 }, { VMBUS_MSG_TL_CONNECT, 40 }, { VMBUS_MSG_MODIFY_CHANNEL, 16 },
	};
	uint8_t message[VMBUS_MESSAGE_MAX] = { 0 };
	static struct device d;

	offer_device(&p, &d, 1, 0);
	guest_connect(&p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		partition_forget(&p);
		memcpy(message, &cases[i].type, 4);
		message[8] = 1;
		for (size_t size = 0; size < cases[i].size; size++)
			ck_assert_int_eq(guest_post(&p, message, size), 0);
		ck_assert_uint_eq(p.message_count, 0);
		ck_assert_uint_eq(vmbus_server_version(p.server), VMBUS_VERSION_5_3);
	}
}
END_TEST

START_TEST(odd_messages_are_logged_once_and_ignored)
{
	uint8_t message[VMBUS_MESSAGE_MAX + 8] = { 0 };

	guest_connect(&p);
	partition_forget(&p);
	for (int twice = 0; twice < 2; twice++) {
		guest_post_header(&p, 18);
		guest_post_header(&p, VMBUS_MSG_OFFER);
		guest_post_header(&p, 0xffffffffu);
		vmbus_server_handle_message(p.server, 4, 1, message, sizeof message);
		ck_assert_uint_eq(p.logs, 4);
	}
	message[0] = VMBUS_MSG_UNLOAD;
	vmbus_server_handle_message(p.server, 4, 2, message, 8);
	vmbus_server_handle_message(p.server, 5, 1, message, 8);
	ck_assert_uint_eq(p.message_count, 0);
	ck_assert_uint_ne(vmbus_server_version(p.server), 0);
}
END_TEST

START_TEST(not_connected_gets_no_service)
{
	static struct device d;

	offer_device(&p, &d, 1, 0);
	guest_post_header(&p, VMBUS_MSG_REQUEST_OFFERS);
	guest_contact(&p, VMBUS_VERSION(3, 0));
	guest_post_header(&p, VMBUS_MSG_REQUEST_OFFERS);
	ck_assert_uint_eq(p.message_count, 1);
}
END_TEST

START_TEST(modify_channel_is_acknowledged_from_5_3)
{
	struct vmbus_modify_channel m = { .header.type = VMBUS_MSG_MODIFY_CHANNEL, .relid = 1, .target_vp = 1 };
	struct vmbus_modify_channel_response r;
	struct guest_channel g;
	static struct device d;

	offer_device(&p, &d, 1, 0);
	for (int i = 0; i < 2; i++) {
		guest_contact(&p, i ? VMBUS_VERSION_5_3 : VMBUS_VERSION_5_2);
		guest_post_header(&p, VMBUS_MSG_REQUEST_OFFERS);
		ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
		partition_forget(&p);
		m.target_vp = 1;
		guest_post(&p, &m, sizeof m);
		ck_assert_uint_eq(vmbus_channel_target_vp(d.channel), 1);
		ck_assert_uint_eq(count_of(&p, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE), i);
		vmbus_channel_send(d.channel, VMBUS_PACKET_INBAND, 0, 1, "x", 1);
		ck_assert_uint_eq(p.event_vp, 1);
	}
	memcpy(&r, message_of(&p, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, 0)->bytes, sizeof r);
	ck_assert_uint_eq(r.status, 0);
	ck_assert_uint_eq(r.relid, 1);
	/* Refused, but never left without an answer. */
	m.target_vp = GUEST_VPS;
	guest_post(&p, &m, sizeof m);
	m.relid = 77;
	guest_post(&p, &m, sizeof m);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE), 3);
	memcpy(&r, message_of(&p, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, 2)->bytes, sizeof r);
	ck_assert_uint_ne(r.status, 0);
	ck_assert_uint_eq(vmbus_channel_target_vp(d.channel), 1);
}
END_TEST

START_TEST(socket_connections_are_refused)
{
	struct vmbus_tl_connect m = { .header.type = VMBUS_MSG_TL_CONNECT };
	struct vmbus_tl_connect_result r;

	memset(&m.endpoint, 1, 16);
	memset(&m.service, 2, 16);
	guest_connect(&p);
	guest_post(&p, &m, sizeof m);
	memcpy(&r, message_of(&p, VMBUS_MSG_TL_CONNECT_RESULT, 0)->bytes, sizeof r);
	ck_assert_uint_eq(r.status, VMBUS_STATUS_CONNECTION_REFUSED);
	ck_assert(vmbus_guid_equal(&r.endpoint, &m.endpoint) && vmbus_guid_equal(&r.service, &m.service));
}
END_TEST

/* A rescinded relid stays taken until the guest lets go of it; only then it may name something else. */
START_TEST(rescind_keeps_the_relid_until_released)
{
	struct vmbus_channel *channel;
	struct guest_channel g;
	static struct device d, e;

	channel = offer_device(&p, &d, 1, 0);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	partition_forget(&p);
	vmbus_server_rescind(channel);
	ck_assert_uint_eq(d.closes, 1);
	ck_assert(!p.connected[1]);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &e, 1, 0)), 2);
	/* Linux closes what it had open before it releases; the device hears nothing any more. */
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_ne(guest_open(&p, &g, 1, 8, 0), 0);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	ck_assert_uint_eq(d.closes, 1);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &d, 3, 0)), 1);
	/* Its GPADL went with it: the id is free. */
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	/* A release without a rescind frees nothing. */
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 2);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &e, 4, 0)), 3);
}
END_TEST

static void withdrawn_in_use(struct device *d, struct guest_channel *g)
{
	struct vmbus_channel *channel = offer_device(&p, d, 1, 0);

	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, g, 1, 8, 0), 0);
	partition_forget(&p);
	vmbus_server_withdraw(channel);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	ck_assert_uint_eq(d->closes, 0);
	ck_assert_uint_eq(d->withdrawals, 0);
}

/*
 * A channel that was withdrawn is served until the guest closes it, lets go of its relid, unloads, or is reset: Linux's network driver
 * waits without end for answers to what it had sent when the offer went.
 */
START_TEST(withdrawn_channel_is_served_until_closed)
{
	static struct device d, never, e;
	struct guest_channel g;

	withdrawn_in_use(&d, &g);
	guest_put(&g, 6, 13, NULL, 0, "x", 1);
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(d.signals, 1);
	/* The same device may be offered anew meanwhile. */
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &e, 1, 0)), 2);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(d.closes, 1);
	ck_assert_uint_eq(d.withdrawals, 1);
	ck_assert_uint_ne(guest_open(&p, &g, 1, 8, 0), 0);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	ck_assert_uint_eq(d.withdrawals, 1);

	/* One that is not open goes at once. */
	vmbus_server_withdraw(offer_device(&p, &never, 7, 0));
	ck_assert_uint_eq(never.withdrawals, 1);
	ck_assert_uint_eq(never.closes, 0);
}
END_TEST

START_TEST(withdrawn_channel_ends_with_its_guest)
{
	static struct device d[3];
	struct guest_channel g;

	withdrawn_in_use(&d[0], &g);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	ck_assert_uint_eq(d[0].closes, 1);
	ck_assert_uint_eq(d[0].withdrawals, 1);

	withdrawn_in_use(&d[1], &g);
	guest_connect(&p);
	ck_assert_uint_eq(d[1].withdrawals, 1);

	withdrawn_in_use(&d[2], &g);
	vmbus_server_reset(p.server);
	ck_assert_uint_eq(d[2].closes, 1);
	ck_assert_uint_eq(d[2].withdrawals, 1);
}
END_TEST

/* What was offered and rescinded before the guest asked, or before the slot was free, the guest never hears of. */
START_TEST(rescind_before_the_offer_went_out)
{
	static struct device d, e;

	vmbus_server_rescind(offer_device(&p, &d, 1, 0));
	guest_connect(&p);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 0);
	p.slots_free = 0;
	vmbus_server_rescind(offer_device(&p, &d, 2, 0));
	offer_device(&p, &e, 3, 0);
	p.slots_free = 10;
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 0);
	/* Rescinded with the slot taken: the release cannot overtake it. */
	p.slots_free = 0;
	vmbus_server_rescind(vmbus_server_offer(p.server, &(struct vmbus_offer){ .user = { 9 } }, &harness_device_ops, &d));
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	p.slots_free = 10;
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
}
END_TEST

START_TEST(unload_forgets_and_is_answered)
{
	struct guest_channel g;
	static struct device d;

	offer_device(&p, &d, 1, 0);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	partition_forget(&p);
	guest_post_header(&p, VMBUS_MSG_UNLOAD);
	ck_assert_uint_eq(d.closes, 1);
	ck_assert_uint_eq(p.message_count, 1);
	ck_assert_uint_eq(p.messages[0].type, VMBUS_MSG_UNLOAD_RESPONSE);
	/* Twice, or without a connection: answered all the same. */
	guest_post_header(&p, VMBUS_MSG_UNLOAD);
	ck_assert_uint_eq(p.message_count, 2);
	ck_assert_uint_eq(d.closes, 1);
	/* The next kernel finds all as new, under the same relid. */
	guest_connect(&p);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert_uint_eq(d.opens, 2);
}
END_TEST

/* A kernel that crashed says nothing: the next one's InitiateContact must find nothing of the old, and get none of its replies. */
START_TEST(contact_in_any_state_starts_anew)
{
	static struct device d, e;
	struct vmbus_channel *sub;
	struct guest_channel g;

	offer_device(&p, &d, 1, 0);
	sub = offer_device(&p, &e, 2, 0);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 40, 0), 0);
	vmbus_server_rescind(sub);
	partition_forget(&p);
	p.slots_free = 0;
	for (int i = 0; i < 5; i++)
		guest_post(&p, &(struct vmbus_gpadl_teardown){ .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = 99 }, 16);
	guest_connect(&p);
	ck_assert_uint_eq(d.closes, 1);
	p.slots_free = 100;
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(p.message_count, 3);
	ck_assert_uint_eq(p.messages[0].type, VMBUS_MSG_VERSION_RESPONSE);
	ck_assert_uint_eq(p.messages[1].type, VMBUS_MSG_OFFER);
	ck_assert_uint_eq(p.messages[2].type, VMBUS_MSG_ALL_OFFERS_DELIVERED);
	/* The same GPADL number is free, and the rescinded relid too. */
	ck_assert_uint_eq(guest_open(&p, &g, 1, 40, 0), 0);
	ck_assert_uint_eq(vmbus_channel_relid(offer_device(&p, &e, 2, 0)), 2);
}
END_TEST

/* A device's I/O may still be on its way into the old kernel's memory: nobody goes on before it is drained. */
START_TEST(unload_waits_for_io_in_flight)
{
	guest_connect(&p);
	partition_forget(&p);
	vmbus_server_hold(p.server);
	vmbus_server_hold(p.server);
	guest_post_header(&p, VMBUS_MSG_UNLOAD);
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(p.message_count, 0);
	guest_connect(&p);
	vmbus_server_release(p.server);
	ck_assert_uint_eq(p.message_count, 0);
	vmbus_server_release(p.server);
	ck_assert_uint_eq(p.message_count, 2);
	ck_assert_uint_eq(p.messages[0].type, VMBUS_MSG_VERSION_RESPONSE);
	ck_assert_uint_eq(p.messages[1].type, VMBUS_MSG_ALL_OFFERS_DELIVERED);
}
END_TEST

/* One message slot: what does not fit waits in order; nothing is dropped. */
START_TEST(replies_wait_for_the_slot_in_order)
{
	static struct device d[20];
	unsigned n = 0;

	for (uint8_t i = 0; i < 20; i++)
		offer_device(&p, &d[i], i, 0);
	p.slots_free = 0;
	guest_connect(&p);
	ck_assert_uint_eq(p.message_count, 0);
	while (p.message_count == n) {
		p.slots_free = 1;
		vmbus_server_message_slot_free(p.server);
		if (p.message_count == n)
			break;
		n++;
	}
	ck_assert_uint_eq(n, 22);
	ck_assert_uint_eq(p.messages[0].type, VMBUS_MSG_VERSION_RESPONSE);
	ck_assert_uint_eq(p.messages[21].type, VMBUS_MSG_ALL_OFFERS_DELIVERED);
}
END_TEST

/* A guest that posts and never takes replies is told to wait before any reply is lost. */
START_TEST(full_reply_queue_refuses_messages)
{
	struct vmbus_gpadl_teardown m = { .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1 };
	unsigned taken = 0;

	guest_connect(&p);
	partition_forget(&p);
	p.slots_free = 0;
	for (m.gpadl = 0; m.gpadl < 1000; m.gpadl++)
		taken += guest_post(&p, &m, sizeof m) == 0;
	ck_assert_uint_eq(taken, VMBUS_MAX_REPLIES);
	p.slots_free = 1000;
	vmbus_server_message_slot_free(p.server);
	ck_assert_uint_eq(p.message_count, VMBUS_MAX_REPLIES);
	for (uint32_t i = 0; i < VMBUS_MAX_REPLIES; i++) {
		struct vmbus_gpadl_torndown r;

		memcpy(&r, p.messages[i].bytes, sizeof r);
		ck_assert_uint_eq(r.gpadl, i);
	}
	ck_assert_int_eq(guest_post(&p, &m, sizeof m), 0);
}
END_TEST

RUN_TESTS_WITH("vmbus messages", set_up, tear_down, negotiates_4_0_to_5_3, contact_names_vp_and_sint,
	offers_are_complete_and_end_with_all_delivered, at_most_256_channels, messages_one_byte_short,
	odd_messages_are_logged_once_and_ignored, not_connected_gets_no_service, modify_channel_is_acknowledged_from_5_3,
	socket_connections_are_refused, rescind_keeps_the_relid_until_released, withdrawn_channel_is_served_until_closed,
	withdrawn_channel_ends_with_its_guest, rescind_before_the_offer_went_out, unload_forgets_and_is_answered,
	contact_in_any_state_starts_anew, unload_waits_for_io_in_flight, replies_wait_for_the_slot_in_order,
	full_reply_queue_refuses_messages)
