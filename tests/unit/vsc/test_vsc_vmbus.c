/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's VMBus client against the project's own server, and against a host that lies. */
#include <errno.h>
#include <string.h>

#include "wired.h"
#include "tests/unit/run_tests.h"

#define RING_BYTES (8u * 4096)

static const struct vmbus_guid class_echo = { { 1, 2, 3, 4 } };

/* A device that sends every packet back, and keeps those that do not fit for later. */
struct echo {
	struct vmbus_channel *channel;
	unsigned int opens, closes, taken;
	bool stopped;                /* takes nothing */
	uint8_t kept[8192];
	struct vmbus_packet packet;
	bool keeping;
};

static int echo_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct echo *e = device;

	(void)channel;
	(void)user;
	e->opens++;
	return 0;
}

static bool echo_back(struct echo *e, struct vmbus_channel *channel)
{
	e->keeping = vmbus_channel_complete(channel, e->packet.transaction_id, e->kept, e->packet.payload_bytes) == -EAGAIN;
	return !e->keeping;
}

static void echo_signal(void *device, struct vmbus_channel *channel)
{
	struct echo *e = device;

	e->packet.payload = e->kept;
	e->packet.payload_capacity = sizeof e->kept;
	if (e->stopped || (e->keeping && !echo_back(e, channel)))
		return;
	while (vmbus_channel_next_packet(channel, &e->packet) == 0) {
		e->taken++;
		if (!echo_back(e, channel))
			return;
	}
}

static void echo_close(void *device, struct vmbus_channel *channel)
{
	struct echo *e = device;

	(void)channel;
	e->closes++;
}

static const struct vmbus_channel_ops echo_ops = { .open = echo_open, .signal = echo_signal, .close = echo_close };

static void offer_echo(struct wired *w, struct echo *e, uint8_t instance)
{
	struct vmbus_offer offer = { .type = class_echo };

	memset(e, 0, sizeof *e);
	offer.instance.bytes[0] = instance;
	e->channel = vmbus_server_offer(w->server, &offer, &echo_ops, e);
	ck_assert_ptr_nonnull(e->channel);
}

static struct vsc_channel *open_echo(struct wired *w, struct echo *e)
{
	struct vsc_channel *channel;

	offer_echo(w, e, 1);
	wired_connect(w);
	channel = vsc_vmbus_find(&w->bus, &class_echo, 0);
	ck_assert_ptr_nonnull(channel);
	ck_assert_int_eq(vsc_channel_open(channel, wired_memory(w, RING_BYTES), RING_BYTES, RING_BYTES / 2, NULL, 0), 0);
	return channel;
}

START_TEST(negotiates_the_newest_common_version)
{
	static const struct {
		uint32_t newest, refused, expected;
	} cases[] = {
		{ 0, 0, VMBUS_VERSION_5_3 },
		{ VMBUS_VERSION_5_1, 0, VMBUS_VERSION_5_1 },
		{ VMBUS_VERSION_4_0, 0, VMBUS_VERSION_4_0 },
		{ 0, VMBUS_VERSION_5_2, VMBUS_VERSION_5_1 },
		{ 0, VMBUS_VERSION_5_0, VMBUS_VERSION_4_1 },   /* connection 4 is not there */
		{ 0, VMBUS_VERSION_4_1, VMBUS_VERSION_4_0 },
	};
	struct wired w;
	unsigned int i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		wired_init(&w);
		w.oldest_refused = cases[i].refused;
		vmbus_server_start(w.server);
		ck_assert_int_eq(vsc_vmbus_connect(&w.bus, cases[i].newest), 0);
		ck_assert_uint_eq(w.bus.version, cases[i].expected);
		ck_assert_uint_eq(vmbus_server_version(w.server), cases[i].expected);
		ck_assert_int_eq(vsc_vmbus_connect(&w.bus, 0), -EISCONN);
		ck_assert_int_eq(vsc_vmbus_unload(&w.bus), 0);
		ck_assert_uint_eq(vmbus_server_version(w.server), 0);
		wired_done(&w);
	}
}
END_TEST

START_TEST(no_common_version_is_an_error)
{
	struct wired w;

	wired_init(&w);
	w.oldest_refused = VMBUS_VERSION_4_0;
	ck_assert_int_eq(vsc_vmbus_connect(&w.bus, 0), -EPROTONOSUPPORT);
	ck_assert_uint_eq(w.bus.version, 0);
	wired_done(&w);
}
END_TEST

START_TEST(a_busy_host_is_asked_again_and_a_silent_one_given_up)
{
	struct wired w;

	wired_init(&w);
	w.busy = 5;
	vmbus_server_start(w.server);
	ck_assert_int_eq(vsc_vmbus_connect(&w.bus, 0), 0);
	ck_assert_uint_eq(w.posts, 6);
	w.silent = true;
	ck_assert_int_eq(vsc_vmbus_request_offers(&w.bus), -ETIMEDOUT);
	w.busy = ~0u;
	ck_assert_int_eq(vsc_vmbus_request_offers(&w.bus), -ETIMEDOUT);
	wired_done(&w);
}
END_TEST

START_TEST(offers_are_found_by_class_and_number)
{
	struct echo e[3];
	struct wired w;
	unsigned int i;

	wired_init(&w);
	for (i = 0; i < 3; i++)
		offer_echo(&w, &e[i], (uint8_t)(i + 1));
	wired_connect(&w);
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(vsc_vmbus_find(&w.bus, &class_echo, i)->offer.relid, vmbus_channel_relid(e[i].channel));
	ck_assert_ptr_null(vsc_vmbus_find(&w.bus, &class_echo, 3));
	ck_assert_ptr_null(vsc_vmbus_find(&w.bus, &VMBUS_CLASS_SCSI, 0));
	wired_done(&w);
}
END_TEST

START_TEST(a_gpadl_takes_as_many_bodies_as_it_needs)
{
	static const uint32_t pages[] = { 1, 26, 27, 54, 55, 200, 1000 };
	struct vsc_channel *channel;
	struct echo e;
	struct wired w;
	uint32_t gpadl;
	unsigned int i;
	void *memory;

	wired_init(&w);
	channel = open_echo(&w, &e);
	memory = wired_memory(&w, 1000 * 4096);
	for (i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		ck_assert_int_eq(vsc_gpadl_create(channel, memory, pages[i] * 4096, &gpadl), 0);
		ck_assert_int_eq(vsc_gpadl_teardown(channel, gpadl), 0);
	}
	ck_assert_int_eq(vsc_gpadl_create(channel, memory, 100, &gpadl), -EINVAL);
	ck_assert_int_eq(vsc_gpadl_create(channel, (uint8_t *)memory + 8, 4096, &gpadl), -EINVAL);
	ck_assert_int_eq(vsc_gpadl_create(channel, memory, 0, &gpadl), -EINVAL);
	wired_done(&w);
}
END_TEST

START_TEST(packets_of_all_sizes_come_back_round_the_ring)
{
	uint8_t sent[4000], got[4000];
	struct vsc_channel *channel;
	struct vsc_packet p;
	struct echo e;
	struct wired w;
	uint32_t bytes, i;
	uint64_t id = 0;

	wired_init(&w);
	channel = open_echo(&w, &e);
	for (bytes = 8; bytes <= sizeof sent; bytes += 56) {
		for (i = 0; i < bytes; i++)
			sent[i] = (uint8_t)(bytes + i * 7);
		ck_assert_int_eq(vsc_channel_send(channel, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, ++id, NULL, 0, sent,
						  bytes), 0);
		vsc_channel_flush(channel);
		ck_assert_int_eq(vsc_channel_receive(channel, &p, got, sizeof got), 0);
		ck_assert_uint_eq(p.type, VMBUS_PACKET_COMPLETION);
		ck_assert_uint_eq(p.transaction_id, id);
		ck_assert_uint_eq(p.bytes, bytes);
		ck_assert_mem_eq(got, sent, bytes);
		ck_assert_int_eq(vsc_channel_receive(channel, &p, got, sizeof got), -EAGAIN);
	}
	ck_assert_int_eq(vsc_channel_send(channel, VMBUS_PACKET_INBAND, 0, 1, NULL, 0, w.arena, RING_BYTES), -EMSGSIZE);
	ck_assert_int_eq(vsc_channel_close(channel), 0);
	ck_assert_uint_eq(e.closes, 1);
	ck_assert_int_eq(vsc_channel_send(channel, VMBUS_PACKET_INBAND, 0, 1, NULL, 0, sent, 8), -EIO);
	ck_assert_int_eq(vsc_channel_close(channel), -ENOTCONN);
	wired_done(&w);
}
END_TEST

START_TEST(a_full_ring_is_told_and_empties)
{
	uint8_t data[1000] = { 0 };
	struct vsc_channel *channel;
	unsigned int sent = 0, got = 0, i;
	struct vsc_packet p;
	struct echo e;
	struct wired w;

	wired_init(&w);
	channel = open_echo(&w, &e);
	e.stopped = true;
	while (vsc_channel_send(channel, VMBUS_PACKET_INBAND, 1, sent, NULL, 0, data, sizeof data) == 0) {
		sent++;
		vsc_channel_flush(channel);
	}
	ck_assert_uint_gt(sent, 8);
	ck_assert_uint_eq(w.signals, 1); /* only the step from empty is signalled */
	e.stopped = false;
	vmbus_channel_poll(e.channel);
	ck_assert(w.events[channel->offer.relid]);
	for (i = 0; i < 1000 && got < sent; i++)
		got += vsc_channel_receive(channel, &p, data, sizeof data) == 0;
	ck_assert_uint_eq(got, sent);
	ck_assert_int_eq(vsc_channel_send(channel, VMBUS_PACKET_INBAND, 1, sent, NULL, 0, data, sizeof data), 0);
	wired_done(&w);
}
END_TEST

static void count_event(void *context, struct vsc_channel *channel)
{
	(void)channel;
	++*(unsigned int *)context;
}

START_TEST(a_rescinded_channel_is_given_back)
{
	struct vsc_channel *channel;
	unsigned int events = 0;
	struct echo e, again;
	struct wired w;

	wired_init(&w);
	channel = open_echo(&w, &e);
	channel->event = count_event;
	channel->context = &events;
	ck_assert_int_eq(vsc_channel_release(channel), -EINVAL);
	vmbus_server_rescind(e.channel);
	wired_pump(&w);
	ck_assert(channel->rescinded);
	ck_assert_uint_eq(events, 1);
	ck_assert_int_eq(vsc_channel_release(channel), 0);
	ck_assert_uint_eq(channel->offer.relid, 0);

	/* A hot-added device comes without being asked for, and works. */
	offer_echo(&w, &again, 9);
	wired_pump(&w);
	channel = vsc_vmbus_find(&w.bus, &class_echo, 0);
	ck_assert_ptr_nonnull(channel);
	ck_assert_int_eq(vsc_channel_open(channel, wired_memory(&w, RING_BYTES), RING_BYTES, RING_BYTES / 2, NULL, 0), 0);
	wired_done(&w);
}
END_TEST

START_TEST(events_can_be_moved_to_another_vp)
{
	struct vsc_channel *channel;
	struct echo e;
	struct wired w;

	wired_init(&w);
	channel = open_echo(&w, &e);
	ck_assert_int_eq(vsc_channel_modify(channel, 1), 0);
	ck_assert_uint_eq(vmbus_channel_target_vp(e.channel), 1);
	ck_assert_int_ne(vsc_channel_modify(channel, 77), 0);
	wired_done(&w);
}
END_TEST

/* What makes no sense is counted and changes nothing: short, unknown, not awaited, with an offer's number used twice or out of range. */
START_TEST(messages_that_lie_are_dropped)
{
	struct vmbus_offer_message offer = { .header.type = VMBUS_MSG_OFFER, .type = class_echo };
	struct vmbus_gpadl_created created = { .header.type = VMBUS_MSG_GPADL_CREATED, .relid = 1, .gpadl = 1 };
	struct vmbus_relid_message rescind = { .header.type = VMBUS_MSG_RESCIND, .relid = 500 };
	struct vsc_channel before[VSC_MAX_CHANNELS];
	uint8_t bytes[300] = { 0 };
	struct echo e;
	struct wired w;
	uint64_t refused;
	uint32_t i;

	wired_init(&w);
	offer_echo(&w, &e, 1);
	wired_connect(&w);
	memcpy(before, w.bus.channels, sizeof before);
	refused = w.bus.refused;
	for (i = 0; i < 8; i++)
		vsc_vmbus_message(&w.bus, bytes, i);
	vsc_vmbus_message(&w.bus, bytes, 241);
	for (i = 0; i < 40; i++) {
		if (i == VMBUS_MSG_ALL_OFFERS_DELIVERED)
			continue;
		memcpy(bytes, &i, sizeof i);
		vsc_vmbus_message(&w.bus, bytes, 8);
	}
	vsc_vmbus_message(&w.bus, &created, sizeof created);
	vsc_vmbus_message(&w.bus, &rescind, sizeof rescind);
	offer.relid = 0;
	vsc_vmbus_message(&w.bus, &offer, sizeof offer);
	offer.relid = VMBUS_MAX_RELID + 1;
	vsc_vmbus_message(&w.bus, &offer, sizeof offer);
	offer.relid = before[0].offer.relid;
	vsc_vmbus_message(&w.bus, &offer, sizeof offer);
	ck_assert_uint_eq(w.bus.refused, refused + 8 + 1 + 39 + 5);
	ck_assert_mem_eq(before, w.bus.channels, sizeof before);
	for (i = 0; i < 3000; i++)
		vsc_vmbus_event(&w.bus, i);
	ck_assert_mem_eq(before, w.bus.channels, sizeof before);

	/* More offers than there is room for. */
	for (i = 0; i < 100; i++) {
		offer.relid = 1000 + i;
		vsc_vmbus_message(&w.bus, &offer, sizeof offer);
	}
	ck_assert_uint_eq(w.bus.refused, refused + 53 + 100 - (VSC_MAX_CHANNELS - 1));
	wired_done(&w);
}
END_TEST

START_TEST(a_host_that_breaks_its_ring_is_not_followed)
{
	static const uint32_t bad[] = { 4, 7, RING_BYTES, 0x80000000, 0xfffffff8, RING_BYTES / 2 - 4096 };
	struct vsc_channel *channel;
	struct vsc_packet p;
	struct echo e;
	struct wired w;
	uint8_t got[64];
	unsigned int i;

	wired_init(&w);
	channel = open_echo(&w, &e);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		channel->failed = false;
		channel->in.header->write_index = bad[i];
		ck_assert_int_eq(vsc_channel_receive(channel, &p, got, sizeof got), -EIO);
		ck_assert(channel->failed);
		ck_assert_int_eq(vsc_channel_receive(channel, &p, got, sizeof got), -EIO);
	}
	ck_assert_int_eq(vsc_channel_close(channel), 0);
	wired_done(&w);
}
END_TEST

RUN_TESTS("vsc vmbus", negotiates_the_newest_common_version, no_common_version_is_an_error,
	a_busy_host_is_asked_again_and_a_silent_one_given_up, offers_are_found_by_class_and_number, a_gpadl_takes_as_many_bodies_as_it_needs,
	packets_of_all_sizes_come_back_round_the_ring, a_full_ring_is_told_and_empties, a_rescinded_channel_is_given_back,
	events_can_be_moved_to_another_vp, messages_that_lie_are_dropped, a_host_that_breaks_its_ring_is_not_followed)
