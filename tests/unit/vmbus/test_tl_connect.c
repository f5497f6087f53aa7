/* SPDX-License-Identifier: BSD-2-Clause */
/* Channels that a guest asks for: who answers, how many there may be, how relids are used again, and channels taken back at odd moments. */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "tests/unit/run_tests.h"

static struct partition p;
static struct device devices[VMBUS_MAX_TL_CHANNELS + 1];
static unsigned offered;
static uint32_t verdict;

static struct vmbus_channel *offer_stream(struct device *d, unsigned n)
{
	struct vmbus_offer offer = { .type = VMBUS_CLASS_KEYBOARD, .flags = VMBUS_OFFER_TLNPI_PROVIDER };

	memcpy(offer.instance.bytes, &n, sizeof n);
	d->packet.payload = d->payload;
	d->packet.payload_capacity = sizeof d->payload;
	return vmbus_server_offer(p.server, &offer, &harness_device_ops, d);
}

static uint32_t on_connect(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *service)
{
	ck_assert_ptr_eq(context, &p);
	ck_assert_uint_eq(endpoint->bytes[15], 1);
	ck_assert_uint_eq(service->bytes[15], 2);
	if (!verdict)
		ck_assert_ptr_nonnull(offer_stream(&devices[offered++], 1));
	return verdict;
}

static void set_up(void)
{
	memset(devices, 0, sizeof devices);
	offered = 0;
	verdict = 0;
	partition_init(&p);
	vmbus_server_start(p.server);
	vmbus_server_set_tl_connect(p.server, on_connect, &p);
	guest_connect(&p);
}

static void tear_down(void)
{
	partition_done(&p);
}

static void post_connect(void)
{
	struct vmbus_tl_connect m = { .header.type = VMBUS_MSG_TL_CONNECT };

	memset(&m.endpoint, 1, 16);
	memset(&m.service, 2, 16);
	guest_post(&p, &m, sizeof m);
}

START_TEST(granted_by_an_offer_refused_by_a_result)
{
	struct vmbus_tl_connect_result r;

	post_connect();
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_TL_CONNECT_RESULT), 0);
	verdict = VMBUS_STATUS_INSUFFICIENT_RESOURCES;
	post_connect();
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
	memcpy(&r, message_of(&p, VMBUS_MSG_TL_CONNECT_RESULT, 0)->bytes, sizeof r);
	ck_assert_uint_eq(r.status, VMBUS_STATUS_INSUFFICIENT_RESOURCES);
	vmbus_server_set_tl_connect(p.server, NULL, NULL);
	post_connect();
	memcpy(&r, message_of(&p, VMBUS_MSG_TL_CONNECT_RESULT, 1)->bytes, sizeof r);
	ck_assert_uint_eq(r.status, VMBUS_STATUS_CONNECTION_REFUSED);
}
END_TEST

/* A guest that keeps what it was told to give back uses up its sockets, not the devices' slots. */
START_TEST(devices_find_room_whatever_the_guest_keeps)
{
	static struct device disk;
	unsigned n;

	for (n = 0; n < VMBUS_MAX_TL_CHANNELS; n++)
		ck_assert_ptr_nonnull(offer_stream(&devices[n], n));
	ck_assert_ptr_null(offer_stream(&devices[n], n));
	vmbus_server_rescind(vmbus_server_offer(p.server, &(struct vmbus_offer){ .user = { 1 } }, &harness_device_ops, &disk));
	ck_assert_ptr_null(offer_stream(&devices[n], n));
	ck_assert_ptr_nonnull(offer_device(&p, &disk, 9, 0));
}
END_TEST

START_TEST(a_released_relid_is_the_last_to_be_used_again)
{
	struct vmbus_channel *c[3];
	unsigned i;

	for (i = 0; i < 3; i++)
		c[i] = offer_stream(&devices[i], i);
	/* Released 2, 1, 3: used again in this order. */
	for (i = 0; i < 3; i++)
		vmbus_server_rescind(c[i]);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 2);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 3);
	ck_assert_uint_eq(vmbus_channel_relid(offer_stream(&devices[0], 10)), 2);
	ck_assert_uint_eq(vmbus_channel_relid(offer_stream(&devices[1], 11)), 1);
	ck_assert_uint_eq(vmbus_channel_relid(offer_stream(&devices[2], 12)), 3);
}
END_TEST

static void send_and_leave(struct device *d, struct vmbus_channel *channel)
{
	ck_assert_int_eq(vmbus_channel_send(channel, VMBUS_PACKET_INBAND, 0, 7, "farewell", 8), 0);
	vmbus_server_rescind(channel);
	ck_assert_uint_eq(d->closes, 1);
	ck_assert_int_eq(vmbus_channel_send(channel, VMBUS_PACKET_INBAND, 0, 8, "too late", 8), -EIO);
	ck_assert_int_eq(vmbus_channel_next_packet(channel, &d->packet), -EIO);
}

/* A device ends its channel from its own signal: what it sent in there still reaches the guest, in front of the rescind. */
START_TEST(taken_back_from_inside_its_own_signal)
{
	struct guest_channel g;
	uint8_t text[16];
	uint16_t type;
	uint64_t id;

	devices[0].on_signal = send_and_leave;
	offer_stream(&devices[0], 1);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	guest_put(&g, VMBUS_PACKET_INBAND, 1, NULL, 0, "question", 8);
	ck_assert(!vmbus_server_signal(p.server, 1));
	ck_assert_uint_eq(devices[0].signals, 1);
	ck_assert_int_eq(guest_take(&g, &type, &id, text, sizeof text), 8);
	ck_assert_mem_eq(text, "farewell", 8);
	ck_assert_int_eq(guest_take(&g, &type, &id, text, sizeof text), -1);
	ck_assert_uint_ge(p.events[1], 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	/* The relid's next owner begins clean. */
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 1);
	ck_assert_uint_eq(vmbus_channel_relid(offer_stream(&devices[1], 2)), 1);
	ck_assert(!vmbus_server_signal(p.server, 1));
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	guest_put(&g, VMBUS_PACKET_INBAND, 1, NULL, 0, "question", 8);
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(devices[1].taken_count, 1);
}
END_TEST

/* room says what a send takes, to the byte, and a guest that makes as much as was wanted signals. */
START_TEST(room_is_what_a_send_takes)
{
	static uint8_t bytes[32768];
	struct vmbus_channel *c = offer_stream(&devices[0], 1);
	struct guest_channel g;
	uint32_t room;
	uint16_t type;
	uint64_t id;

	ck_assert_uint_eq(vmbus_channel_room(c, 1), 0);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	room = vmbus_channel_room(c, 100);
	ck_assert_uint_eq(room, 3 * 4096 - 8 - 24);
	ck_assert_int_eq(vmbus_channel_send(c, VMBUS_PACKET_INBAND, 0, 0, bytes, room + 1), -EMSGSIZE);
	ck_assert_int_eq(vmbus_channel_send(c, VMBUS_PACKET_INBAND, 0, 0, bytes, room - 4096), 0);
	room = vmbus_channel_room(c, 100);
	ck_assert_uint_eq(room, 4096 - 24);
	ck_assert_int_eq(vmbus_channel_send(c, VMBUS_PACKET_INBAND, 0, 0, bytes, room), 0);
	ck_assert_uint_eq(vmbus_channel_room(c, 100), 0);
	ck_assert_uint_gt(g.in.header->pending_send_size, 100);
	ck_assert_int_gt(guest_take(&g, &type, &id, bytes, sizeof bytes), 0);
	ck_assert_uint_gt(vmbus_channel_room(c, 100), 100);
	ck_assert_uint_eq(g.in.header->pending_send_size, 0);
	/* More than the ring has in all is cut down to something that can come. */
	ck_assert_uint_gt(vmbus_channel_room(c, 1u << 30), 100);
	g.in.header->read_index = 4;
	ck_assert_int_eq(vmbus_channel_send(c, VMBUS_PACKET_INBAND, 0, 0, bytes, 8000), 0);
	ck_assert_int_eq(vmbus_channel_send(c, VMBUS_PACKET_INBAND, 0, 0, bytes, 8000), -EIO);
	ck_assert_uint_eq(vmbus_channel_room(c, 100), 0);
}
END_TEST

RUN_TESTS_WITH("channels that come and go", set_up, tear_down, granted_by_an_offer_refused_by_a_result,
	devices_find_room_whatever_the_guest_keeps, a_released_relid_is_the_last_to_be_used_again, taken_back_from_inside_its_own_signal,
	room_is_what_a_send_takes)
