/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker ends in the middle of things, another one goes on from the state: the guest's driver need not begin anew, each of its messages is
 * answered once, and no slot of its receive buffer is lost or told of twice.
 */
#include <errno.h>
#include <string.h>

#include "interface.h"
#include "tests/unit/run_tests.h"
#include "vmbus/protocol/message.h"

static struct interface i;
static struct frame out, in;
static uint8_t message[80000];
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 1 };

static struct vmbus_channel_state *kept(void)
{
	return &i.p.state->channels[i.g.relid - 1];
}

static void make_frame(uint8_t *f, const uint8_t *to, const uint8_t *from)
{
	memset(f, 0x5a, 100);
	memcpy(f, to, 6);
	memcpy(f + 6, from, 6);
}

static void put_section(uint64_t id)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, 0, 0 } };
	struct nvsp_message sized = m;
	uint8_t frame[100];

	make_frame(frame, other, guest_mac);
	sized.rndis.section_bytes = wrap(i.p.low + RECEIVE_PAGES / 2 * 4096u, frame, sizeof frame, NULL, 0);
	guest_put(&i.g, VMBUS_PACKET_INBAND, id, NULL, 0, &sized, sizeof sized);
}

static void put_query(uint64_t id)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_CONTROL, NVSP_NO_SECTION, 0 } };
	const struct rndis_request request = { 7, OID_GEN_LINK_SPEED, 0, sizeof request, 0 };
	const struct rndis_header header = { RNDIS_QUERY, sizeof header + sizeof request };
	const uint64_t extension[3] = { 1ull << 32, header.bytes, REQUEST_PAGE };
	uint8_t *page = i.p.low + REQUEST_PAGE * 4096u;

	memcpy(page, &header, sizeof header);
	memcpy(page + sizeof header, &request, sizeof request);
	guest_put(&i.g, VMBUS_PACKET_GPA_DIRECT, id, extension, sizeof extension, &m, sizeof m);
}

/* The n packets that the guest has from the host, and no more. */
static void check_taken(unsigned n, uint64_t id)
{
	uint8_t bytes[64];
	uint16_t type;
	uint64_t got;

	netvsp_flush(i.vsp);
	while (n--) {
		ck_assert_int_ge(guest_take(&i.g, &type, &got, bytes, sizeof bytes), 8);
		if (type == VMBUS_PACKET_COMPLETION)
			ck_assert_uint_eq(got, id);
		else
			receive_return(&i, got);
	}
	ck_assert_int_eq(guest_take(&i.g, &type, &got, bytes, sizeof bytes), -1);
}

/* Another frame each way. */
static void check_works(void)
{
	uint32_t parts;
	uint8_t frame[100];

	make_frame(frame, other, guest_mac);
	ck_assert_uint_eq(send_section(&i, 1, message, wrap(message, frame, sizeof frame, NULL, 0)), NVSP_STATUS_SUCCESS);
	ck_assert_int_eq(tap_take(&i, &out), 100);
	make_frame(in.bytes, guest_mac, other);
	tap_put(&i, &in, 100);
	netvsp_input(i.vsp, 0);
	ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 100);
	receive_return(&i, i.returned);
}

START_TEST(goes_on)
{
	struct netvsp_stats before, after;
	const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	uint64_t held;
	uint32_t parts;

	interface_init(&i, false);
	interface_up(&i);
	check_works();
	ck_assert_uint_eq(rndis_set(&i, OID_802_3_MULTICAST_LIST, group, sizeof group), RNDIS_STATUS_SUCCESS);
	tap_put(&i, &in, 100);
	netvsp_input(i.vsp, 0);
	ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 100);
	held = i.returned;
	vmbus_server_signal(i.p.server, i.g.relid);
	netvsp_get_stats(i.vsp, &before);
	interface_succeed(&i);
	netvsp_get_stats(i.vsp, &after);
	ck_assert_uint_eq(after.tx_packets, before.tx_packets);
	ck_assert_uint_eq(after.rx_packets, before.rx_packets);
	ck_assert(after.ready && after.link_up && after.queues == 1);
	ck_assert_uint_eq(rndis_query(&i, OID_802_3_MULTICAST_LIST, 0, message, sizeof message), RNDIS_STATUS_SUCCESS);
	ck_assert_mem_eq(message, group, sizeof group);
	/* The guest's slot is the guest's until it gives it back. */
	for (unsigned n = 0; n < 100; n++) {
		tap_put(&i, &in, 100);
		netvsp_input(i.vsp, 0);
		ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 100);
		ck_assert_uint_ne(i.returned, held);
		receive_return(&i, i.returned);
	}
	receive_return(&i, held);
	ck_assert_uint_eq(i.state.taken[held - 1], 0);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(sent_and_not_answered)
{
	uint32_t read, write;

	interface_init(&i, false);
	interface_up(&i);
	read = kept()->read_next;
	write = kept()->write_next;
	put_section(55);
	vmbus_server_signal(i.p.server, i.g.relid);
	kept()->read_next = read;
	kept()->write_next = write;
	ck_assert_int_eq(tap_take(&i, &out), 100);
	interface_succeed(&i);
	check_taken(1, 55);
	/* The frame may come twice: networks do that. */
	ck_assert_int_eq(tap_take(&i, &out), 100);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(answered_and_not_counted)
{
	uint32_t read;

	interface_init(&i, false);
	interface_up(&i);
	read = kept()->read_next;
	put_section(56);
	vmbus_server_signal(i.p.server, i.g.relid);
	ck_assert_int_eq(tap_take(&i, &out), 100);
	/* The successor, too, is killed before the packet counts. */
	for (unsigned n = 0; n < 3; n++) {
		kept()->read_next = read;
		interface_succeed(&i);
	}
	check_taken(1, 56);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(control_message_answered_by_half)
{
	uint32_t read, write, ends[3];

	interface_init(&i, false);
	interface_up(&i);
	for (unsigned done = 0; done < 3; done++) {
		read = kept()->read_next;
		write = kept()->write_next;
		/* Completion: 16 bytes descriptor, 8 payload, 8 trailer. */
		put_query(60 + done);
		vmbus_server_signal(i.p.server, i.g.relid);
		ends[0] = write;
		ends[1] = (write + 32) % (5 * 4096);
		ends[2] = kept()->write_next;
		kept()->read_next = read;
		kept()->write_next = ends[done];
		if (done < 2)
			i.state.channels[0].once.mark = (uint64_t)(done + 1) << 32 | ends[done];
		i.state.channels[0].once.packet = read;
		interface_succeed(&i);
		check_taken(2, 60 + done);
	}
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(buffer_that_was_taken_and_not_said)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RECEIVE_BUFFER, .buffer = { 0xaa, 0xcafe } };
	struct nvsp_message answer;

	interface_init(&i, false);
	interface_up(&i);
	/* Twice is wrong from a guest; */
	ck_assert_uint_eq(nvsp_ask(&i, &m).receive_complete.status, NVSP_STATUS_FAIL);
	/* not if it is the first message that the successor takes, which its predecessor has begun. */
	guest_put(&i.g, VMBUS_PACKET_INBAND, 70, NULL, 0, &m, sizeof m);
	interface_succeed(&i);
	ck_assert_int_eq(guest_take(&i.g, &(uint16_t){ 0 }, &(uint64_t){ 0 }, &answer, sizeof answer), sizeof answer);
	ck_assert_uint_eq(answer.receive_complete.status, NVSP_STATUS_SUCCESS);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(slot_that_was_being_told_of)
{
	interface_init(&i, false);
	interface_up(&i);
	i.state.taken[7] = 1;
	i.state.channels[0].telling = 8;
	i.state.channels[0].telling_at = kept()->write_next;
	interface_succeed(&i);
	ck_assert_uint_eq(i.state.taken[7], 0);
	i.state.taken[7] = 1;
	i.state.channels[0].telling = 8;
	i.state.channels[0].telling_at = kept()->write_next - 32;
	interface_succeed(&i);
	ck_assert_uint_eq(i.state.taken[7], 1);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(cable_in_while_nobody_served)
{
	uint32_t parts;

	interface_init(&i, false);
	interface_up(&i);
	netvsp_set_link(i.vsp, false);
	ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 0);
	receive_return(&i, i.returned);
	/* The definition says up. */
	interface_succeed(&i);
	ck_assert_int_gt(receive_take(&i, &parts, message, sizeof message), 0);
	ck_assert_uint_eq(((struct rndis_indicate *)(message + 8))->status, RNDIS_STATUS_MEDIA_CONNECT);
	receive_return(&i, i.returned);
	check_works();
	interface_done(&i);
}
END_TEST

START_TEST(subchannels)
{
	const struct nvsp_message ask = { .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 1 } };
	struct vmbus_offer_message offer;
	struct guest_channel sub;
	struct netvsp_stats stats;
	unsigned offers;

	interface_init_queues(&i, false, 2);
	interface_up(&i);
	offers = count_of(&i.p, VMBUS_MSG_OFFER);
	ck_assert_uint_eq(nvsp_ask(&i, &ask).subchannel_complete.count, 1);
	memcpy(&offer, message_of(&i.p, VMBUS_MSG_OFFER, offers)->bytes, sizeof offer);
	ck_assert_uint_eq(guest_open(&i.p, &sub, offer.relid, 12, 1), 0);
	interface_succeed(&i);
	netvsp_get_stats(i.vsp, &stats);
	ck_assert_uint_eq(stats.queues, 2);
	ck_assert_uint_eq(count_of(&i.p, VMBUS_MSG_RESCIND), 0);
	check_works();
	interface_done(&i);
}
END_TEST

static unsigned gone;

static void on_gone(void *context)
{
	netvsp_free(((struct interface *)context)->vsp);
	((struct interface *)context)->vsp = NULL;
	gone++;
}

/* The guest waits for answers before it lets go: it gets them from whoever is there. */
START_TEST(removal_in_use)
{
	const struct netvsp_config config = { .instance = { { 9 } }, .vp_count = GUEST_VPS, .queue_count = 1, .context = &i };
	struct netvsp *old;

	gone = 0;
	interface_init(&i, false);
	interface_up(&i);
	netvsp_remove(i.vsp, on_gone);
	put_section(80);
	old = i.vsp;
	partition_succeed(&i.p);
	netvsp_detach(old);
	ck_assert_int_eq(netvsp_remove_on(i.p.server, &i.state, &config, on_gone, &i.vsp), 0);
	vmbus_server_start(i.p.server);
	check_taken(1, 80);
	put_query(81);
	vmbus_server_signal(i.p.server, i.g.relid);
	check_taken(2, 81);
	ck_assert_int_eq(tap_take(&i, &out), -1);
	guest_post_relid(&i.p, VMBUS_MSG_CLOSE, i.g.relid);
	ck_assert_uint_eq(gone, 1);
	ck_assert_uint_eq(i.state.magic, 0);
	interface_done(&i);
}
END_TEST

/* A guest that has let go of it is not waited for. */
START_TEST(removal_that_is_over)
{
	const struct netvsp_config config = { .instance = { { 9 } }, .vp_count = GUEST_VPS, .queue_count = 1, .context = &i };
	struct netvsp *none = NULL;

	interface_init(&i, false);
	interface_up(&i);
	guest_post_relid(&i.p, VMBUS_MSG_CLOSE, i.g.relid);
	partition_succeed(&i.p);
	netvsp_detach(i.vsp);
	i.vsp = NULL;
	ck_assert_int_eq(netvsp_remove_on(i.p.server, &i.state, &config, on_gone, &none), -ENOENT);
	vmbus_server_start(i.p.server);
	ck_assert_uint_eq(count_of(&i.p, VMBUS_MSG_RESCIND), 1);
	interface_done(&i);
}
END_TEST

/* The guest finds a channel that answers nothing, until it opens it again; nothing worse happens. */
START_TEST(settings_that_cannot_be)
{
	struct netvsp_stats stats;

	for (unsigned n = 0; n < 7; n++) {
		interface_init(&i, false);
		interface_up(&i);
		switch (n) {
		case 0:
			i.state.settings.version = 3;
			break;
		case 1:
			i.state.settings.group_count = NETVSP_MAX_GROUPS + 1;
			break;
		case 2:
			i.state.settings.slot_parts = 0;
			break;
		case 3:
			i.state.settings.rss_entries = 96;
			break;
		case 4:
			i.state.settings.rss_on = 1;
			i.state.settings.rss_entries = 0;
			break;
		case 5:
			i.state.settings.receive_gpadl = 0x1234;
			break;
		case 6:
			i.state.settings.send_gpadl = 0x1234;
			break;
		}
		interface_succeed(&i);
		netvsp_get_stats(i.vsp, &stats);
		ck_assert_uint_eq(stats.queues, 0);
		vmbus_server_reset(i.p.server);
		partition_forget(&i.p);
		interface_up(&i);
		check_works();
		interface_done(&i);
	}
}
END_TEST

START_TEST(states_that_are_none)
{
	struct netvsp_config config = { .instance = { { 9 } }, .vp_count = 1, .queue_count = 1, .fd = { -1 } };
	struct netvsp_state s = { .magic = 5 };
	struct netvsp *vsp;

	interface_init(&i, false);
	ck_assert_int_eq(netvsp_create(i.p.server, &s, &config, &vsp), -EINVAL);
	s = i.state;
	s.version++;
	ck_assert_int_eq(netvsp_create(i.p.server, &s, &config, &vsp), -ENOTSUP);
	s = i.state;
	s.subchannels = NETVSP_MAX_QUEUES;
	ck_assert_int_eq(netvsp_create(i.p.server, &s, &config, &vsp), -EINVAL);
	s = i.state;
	config.instance.bytes[0] = 8;
	ck_assert_int_eq(netvsp_create(i.p.server, &s, &config, &vsp), -EINVAL);
	interface_done(&i);
}
END_TEST

RUN_TESTS("netvsp successor", goes_on, sent_and_not_answered, answered_and_not_counted, control_message_answered_by_half,
	buffer_that_was_taken_and_not_said, slot_that_was_being_told_of, cable_in_while_nobody_served, subchannels, removal_in_use, removal_that_is_over, settings_that_cannot_be,
	states_that_are_none)
