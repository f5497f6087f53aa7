/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams between a guest that speaks as Linux' hv_sock does, or worse, and a peer that takes as much as it is told to: both directions of
 * connecting, packets, ends of file, flow control, and ends that nobody announces.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run_tests.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/hvsock/hvsock.h"

#define MANY 200000u

static struct partition p;
static struct hvsock *hvsock;
static struct guest_channel g;

/* The host's end of a stream. */
static struct peer {
	struct hvsock_stream *stream;
	uint32_t port;
	unsigned opened, ended, writable, closed;
	int error;
	uint32_t appetite;           /* bytes that it takes still */
	bool close_at_receive, close_at_open;
	uint8_t bytes[MANY];
	uint32_t count;
} peer;
static int connect_result;

static int on_connect(void *context, struct hvsock_stream *stream, uint32_t port, void **ret)
{
	ck_assert_ptr_eq(context, &p);
	peer.stream = stream;
	peer.port = port;
	*ret = &peer;
	return connect_result;
}

static void on_opened(void *context)
{
	struct peer *w = context;

	w->opened++;
	if (w->close_at_open)
		hvsock_close(w->stream);
}

static uint32_t on_received(void *context, const uint8_t *data, uint32_t bytes)
{
	struct peer *w = context;
	uint32_t taken = bytes < w->appetite ? bytes : w->appetite;

	ck_assert_uint_gt(bytes, 0);
	ck_assert(w->opened && !w->ended && !w->closed);
	if (w->close_at_receive) {
		hvsock_close(w->stream);
		w->stream = NULL;
		return bytes;
	}
	memcpy(w->bytes + w->count, data, taken);
	w->count += taken;
	w->appetite -= taken;
	return taken;
}

static void on_received_end(void *context)
{
	((struct peer *)context)->ended++;
}

static void on_writable(void *context)
{
	((struct peer *)context)->writable++;
}

static void on_closed(void *context, int error)
{
	struct peer *w = context;

	w->closed++;
	w->error = error;
	w->stream = NULL;
}

static const struct hvsock_ops ops = {
	.connect = on_connect, .opened = on_opened, .received = on_received, .received_end = on_received_end, .writable = on_writable,
	.closed = on_closed,
};

static void set_up(void)
{
	memset(&peer, 0, sizeof peer);
	peer.appetite = MANY;
	connect_result = 0;
	partition_init(&p);
	ck_assert_int_eq(hvsock_create(p.server, &ops, &p, &hvsock), 0);
	vmbus_server_start(p.server);
	guest_connect(&p);
	hvsock_tick(hvsock, 1);
}

static void tear_down(void)
{
	hvsock_free(hvsock);
	partition_done(&p);
}

static void guest_asks(uint32_t local, const struct vmbus_guid *service)
{
	struct vmbus_tl_connect m = { .header.type = VMBUS_MSG_TL_CONNECT, .endpoint = hvsock_guid(local), .service = *service };

	guest_post(&p, &m, sizeof m);
}

static struct vmbus_offer_message last_offer(void)
{
	struct vmbus_offer_message offer;

	memcpy(&offer, message_of(&p, VMBUS_MSG_OFFER, count_of(&p, VMBUS_MSG_OFFER) - 1)->bytes, sizeof offer);
	return offer;
}

/* A stream that the guest began and has opened. */
static void open_stream(void)
{
	struct vmbus_guid service = hvsock_guid(7000);

	guest_asks(40000, &service);
	ck_assert_uint_eq(guest_open(&p, &g, last_offer().relid, 16, 0), 0);
	ck_assert_uint_eq(peer.opened, 1);
}

static void guest_sends_header(uint32_t type, uint32_t announced, const void *data, uint32_t bytes)
{
	static uint8_t packet[65536];
	struct hvsock_header header = { .type = type, .bytes = announced };

	memcpy(packet, &header, sizeof header);
	if (bytes)
		memcpy(packet + sizeof header, data, bytes);
	if (guest_put(&g, VMBUS_PACKET_INBAND, 0, NULL, 0, packet, (uint32_t)sizeof header + bytes))
		vmbus_server_signal(p.server, g.relid);
}

static void guest_sends(const void *data, uint32_t bytes)
{
	guest_sends_header(HVSOCK_DATA, bytes, data, bytes);
}

/* The next packet's bytes; -1: none. */
static int guest_gets(uint8_t *data)
{
	static uint8_t packet[65536];
	struct hvsock_header header;
	uint16_t type;
	uint64_t id;
	int bytes = guest_take(&g, &type, &id, packet, sizeof packet);

	if (bytes < 0)
		return -1;
	memcpy(&header, packet, sizeof header);
	ck_assert_uint_eq(type, VMBUS_PACKET_INBAND);
	ck_assert_uint_eq(header.type, HVSOCK_DATA);
	ck_assert_int_ge(bytes, (int)(sizeof header + header.bytes));
	ck_assert_uint_le(header.bytes, HVSOCK_MTU);
	memcpy(data, packet + sizeof header, header.bytes);
	return (int)header.bytes;
}

START_TEST(the_guest_connects)
{
	struct vmbus_guid service = hvsock_guid(7000), endpoint = hvsock_guid(40000);
	struct vmbus_offer_message offer;

	guest_asks(40000, &service);
	ck_assert_uint_eq(peer.port, 7000);
	offer = last_offer();
	ck_assert(vmbus_guid_equal(&offer.type, &service) && vmbus_guid_equal(&offer.instance, &endpoint));
	ck_assert_uint_eq(offer.flags, VMBUS_OFFER_TLNPI_PROVIDER);
	ck_assert_uint_eq(offer.user[HVSOCK_USER_FROM_HOST], 0);
	/* The same endpoint again, while the first is there. */
	guest_asks(40000, &service);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_TL_CONNECT_RESULT), 1);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_uint_eq(hvsock_count(hvsock), 1);
}
END_TEST

START_TEST(refusals_leave_nothing)
{
	struct vmbus_guid service = hvsock_guid(7000), disk = VMBUS_CLASS_SCSI;

	connect_result = -ECONNREFUSED;
	guest_asks(40000, &service);
	connect_result = 0;
	/* Whatever is no port is nobody's, above all the class of a device. */
	guest_asks(40000, &disk);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_TL_CONNECT_RESULT), 2);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_OFFER), 0);
	ck_assert_uint_eq(peer.closed, 0);
	ck_assert_uint_eq(hvsock_count(hvsock), 0);
}
END_TEST

START_TEST(the_host_connects)
{
	struct vmbus_guid service = hvsock_guid(5000);
	struct vmbus_offer_message offer, second;
	struct hvsock_stream *other;
	uint8_t data[64];

	ck_assert_int_eq(hvsock_connect(hvsock, 5000, &peer, &peer.stream), 0);
	offer = last_offer();
	ck_assert(vmbus_guid_equal(&offer.type, &service));
	ck_assert_uint_eq(offer.user[HVSOCK_USER_FROM_HOST], 1);
	ck_assert_int_eq(hvsock_connect(hvsock, 5000, &peer, &other), 0);
	second = last_offer();
	ck_assert(!vmbus_guid_equal(&offer.instance, &second.instance));
	hvsock_close(other);
	ck_assert_uint_eq(hvsock_room(peer.stream), 0);
	ck_assert_uint_eq(guest_open(&p, &g, offer.relid, 16, 0), 0);
	ck_assert_uint_eq(peer.opened, 1);
	ck_assert_uint_ge(hvsock_room(peer.stream), 5);
	ck_assert_int_eq(hvsock_send(peer.stream, "hello", 5), 0);
	ck_assert_int_eq(guest_gets(data), 5);
	ck_assert_mem_eq(data, "hello", 5);
	guest_sends("world", 5);
	ck_assert_uint_eq(peer.count, 5);
	ck_assert_mem_eq(peer.bytes, "world", 5);
	vmbus_server_reset(p.server);
	ck_assert_int_eq(peer.error, -ECONNRESET);
	ck_assert_int_eq(hvsock_connect(hvsock, 5000, &peer, &peer.stream), -ENOTCONN);
}
END_TEST

/* As many as there may be; one more is told so, and each that ends makes room once the guest has let go of it. */
START_TEST(connections_are_counted)
{
	struct hvsock_stream *s[VMBUS_MAX_TL_CHANNELS], *more;
	unsigned i;

	for (i = 0; i < VMBUS_MAX_TL_CHANNELS; i++)
		ck_assert_int_eq(hvsock_connect(hvsock, i, &peer, &s[i]), 0);
	ck_assert_int_eq(hvsock_connect(hvsock, i, &peer, &more), -EMFILE);
	hvsock_close(s[7]);
	ck_assert_int_eq(hvsock_connect(hvsock, i, &peer, &more), -EMFILE);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, 8);
	ck_assert_int_eq(hvsock_connect(hvsock, i, &peer, &more), 0);
	ck_assert_uint_eq(hvsock_count(hvsock), VMBUS_MAX_TL_CHANNELS);
}
END_TEST

/* The guest ends first, then has an answer; the other way round. The last end rescinds, behind everything that was sent. */
START_TEST(each_direction_ends_by_itself)
{
	uint8_t data[64];

	open_stream();
	guest_sends("question", 8);
	guest_sends(NULL, 0);
	ck_assert_uint_eq(peer.ended, 1);
	ck_assert_uint_eq(peer.closed, 0);
	ck_assert_uint_ge(hvsock_room(peer.stream), 6);
	ck_assert_int_eq(hvsock_send(peer.stream, "answer", 6), 0);
	hvsock_send_end(peer.stream);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	ck_assert_int_eq(guest_gets(data), 6);
	ck_assert_int_eq(guest_gets(data), 0);
	ck_assert_int_eq(guest_gets(data), -1);
}
END_TEST

START_TEST(the_host_ends_first)
{
	uint8_t data[64];

	open_stream();
	hvsock_send_end(peer.stream);
	hvsock_send_end(peer.stream);
	ck_assert_int_eq(guest_gets(data), 0);
	ck_assert_uint_eq(hvsock_room(peer.stream), 0);
	ck_assert_int_eq(hvsock_send(peer.stream, "late", 4), -EPIPE);
	guest_sends("still there", 11);
	ck_assert_uint_eq(peer.count, 11);
	ck_assert_uint_eq(peer.closed, 0);
	guest_sends(NULL, 0);
	ck_assert_uint_eq(peer.ended, 1);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, 0);
	ck_assert_int_eq(guest_gets(data), -1);
}
END_TEST

/*
 * A peer that takes nothing stops the guest: one packet is held, the others stay in the ring, whose mask says that no signal is wanted.
 * When the peer goes on everything comes, in order, and the guest, which waits for room, is signalled.
 */
START_TEST(a_peer_that_does_not_take)
{
	uint8_t chunk[1000];
	unsigned sent = 0, i;

	open_stream();
	peer.appetite = 300;
	/* Linux waits for a packet's worth of room, always. */
	g.out.header->pending_send_size = 4120;
	for (;;) {
		struct hvsock_header header = { .type = HVSOCK_DATA, .bytes = sizeof chunk };
		struct vmbus_ring_part parts[2] = { { &header, sizeof header }, { chunk, sizeof chunk } };

		memset(chunk, (int)sent, sizeof chunk);
		if (vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, 0, 0, parts, 2) != VMBUS_RING_OK)
			break;
		if (vmbus_ring_write_end(&g.out))
			vmbus_server_signal(p.server, g.relid);
		sent++;
		ck_assert_uint_lt(sent, 100);
	}
	ck_assert_uint_ge(sent, 27);
	ck_assert_uint_eq(peer.count, 300);
	partition_forget(&p);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.count, 300);
	peer.appetite = 500;
	ck_assert(!hvsock_receive(peer.stream));
	ck_assert_uint_eq(peer.count, 800);
	peer.appetite = MANY;
	hvsock_receive(peer.stream);
	ck_assert_uint_eq(peer.count, sent * 1000);
	ck_assert_uint_ge(p.events[g.relid], 1);
	for (i = 0; i < peer.count; i++)
		ck_assert_uint_eq(peer.bytes[i], (uint8_t)(i / 1000));
}
END_TEST

/* The end of file that comes behind bytes which the peer has not taken waits for them. */
START_TEST(the_end_waits_for_the_bytes)
{
	open_stream();
	peer.appetite = 0;
	guest_sends("tail", 4);
	guest_sends(NULL, 0);
	hvsock_send_end(peer.stream);
	ck_assert_uint_eq(peer.ended, 0);
	ck_assert_uint_eq(peer.closed, 0);
	peer.appetite = MANY;
	hvsock_receive(peer.stream);
	ck_assert_mem_eq(peer.bytes, "tail", 4);
	ck_assert_uint_eq(peer.ended, 1);
	ck_assert_uint_eq(peer.closed, 1);
}
END_TEST

/* A guest that does not read stops the peer, which is woken once there is room worth while; the end of file waits as well. */
START_TEST(a_guest_that_does_not_read)
{
	static uint8_t chunk[HVSOCK_MTU], data[HVSOCK_MTU];
	uint32_t sent = 0, got = 0, room;
	int bytes;

	open_stream();
	while ((room = hvsock_room(peer.stream)) > 0) {
		ck_assert_uint_ge(room, 4096);
		ck_assert_uint_le(room, HVSOCK_MTU);
		memset(chunk, (int)(sent / 4096), 4096);
		ck_assert_int_eq(hvsock_send(peer.stream, chunk, 4096), 0);
		sent += 4096;
	}
	ck_assert_uint_eq(sent, 6 * 4096);
	ck_assert_uint_gt(g.in.header->pending_send_size, 4096);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.writable, 0);
	got += (uint32_t)guest_gets(data);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.writable, 1);
	/* Full to the last byte: not even an end of file fits. */
	ck_assert_int_eq(hvsock_send(peer.stream, chunk, hvsock_room(peer.stream)), 0);
	hvsock_send_end(peer.stream);
	guest_sends(NULL, 0);
	ck_assert_uint_eq(peer.closed, 0);
	while ((bytes = guest_gets(data)) > 0)
		got += (uint32_t)bytes;
	ck_assert_uint_gt(got, sent);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_int_eq(bytes, -1);
	ck_assert_int_eq(guest_gets(data), 0);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, 0);
}
END_TEST

START_TEST(nobody_opens)
{
	ck_assert_int_eq(hvsock_connect(hvsock, 5000, &peer, &peer.stream), 0);
	hvsock_tick(hvsock, 1001);
	/* A pause of the guest counts for no more than two seconds. */
	hvsock_tick(hvsock, 3600000);
	ck_assert_uint_eq(peer.closed, 0);
	for (uint64_t t = 3601000; t <= 3607000; t += 1000)
		hvsock_tick(hvsock, t);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -ETIMEDOUT);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
}
END_TEST

/* A guest that opens its offers one after the other, slowly, is not given up while it does; but not for ever. */
START_TEST(a_slow_guest_that_opens_others)
{
	static struct peer second;
	uint64_t t = 1;

	ck_assert_int_eq(hvsock_connect(hvsock, 5000, &peer, &peer.stream), 0);
	ck_assert_int_eq(hvsock_connect(hvsock, 5001, &second, &second.stream), 0);
	for (unsigned i = 0; i < 9; i++)
		hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(guest_open(&p, &g, last_offer().relid, 16, 0), 0);
	ck_assert_uint_eq(second.opened, 1);
	for (unsigned i = 0; i < 9; i++)
		hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(peer.closed, 0);
	hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -ETIMEDOUT);
	hvsock_close(second.stream);
}
END_TEST

/* The guest has ended, perhaps closed, and reads nothing for a minute, with the ring full. One that reads has all the time. */
START_TEST(nobody_reads)
{
	static uint8_t chunk[HVSOCK_MTU];
	uint64_t t = 1;

	open_stream();
	guest_sends(NULL, 0);
	for (unsigned i = 0; i < 120; i++)
		hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(peer.closed, 0);
	while (hvsock_room(peer.stream))
		ck_assert_int_eq(hvsock_send(peer.stream, chunk, 4096), 0);
	for (unsigned i = 0; i < 50; i++)
		hvsock_tick(hvsock, t += 1000);
	guest_gets(chunk);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.writable, 1);
	while (hvsock_room(peer.stream))
		ck_assert_int_eq(hvsock_send(peer.stream, chunk, 4096), 0);
	for (unsigned i = 0; i < 50; i++)
		hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(peer.closed, 0);
	for (unsigned i = 0; i < 11; i++)
		hvsock_tick(hvsock, t += 1000);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -ETIMEDOUT);
}
END_TEST

START_TEST(the_peer_closes)
{
	uint8_t data[64];

	open_stream();
	ck_assert_uint_ge(hvsock_room(peer.stream), 4);
	ck_assert_int_eq(hvsock_send(peer.stream, "last", 4), 0);
	hvsock_close(peer.stream);
	ck_assert_uint_eq(peer.closed, 0);
	ck_assert_uint_eq(hvsock_count(hvsock), 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	ck_assert_int_eq(guest_gets(data), 4);
	ck_assert_int_eq(guest_gets(data), 0);
}
END_TEST

/* From inside callbacks, where the stream is still in use further up the stack. */
START_TEST(the_peer_closes_while_it_is_called)
{
	struct vmbus_guid service = hvsock_guid(7000);

	peer.close_at_receive = true;
	open_stream();
	guest_sends("x", 1);
	ck_assert_uint_eq(hvsock_count(hvsock), 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, g.relid);
	guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, g.relid);
	peer.close_at_receive = false;
	peer.close_at_open = true;
	guest_asks(40001, &service);
	guest_open(&p, &g, last_offer().relid, 16, 0);
	ck_assert_uint_eq(hvsock_count(hvsock), 0);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 2);
	ck_assert_uint_eq(peer.closed, 0);
}
END_TEST

START_TEST(broken_packets_and_rings_end_the_stream)
{
	static const struct { uint32_t type, announced, bytes; } bad[] = {
		{ 0, 4, 4 }, { 2, 4, 4 }, { HVSOCK_DATA, 9, 1 }, { HVSOCK_DATA, 0xffffffffu, 8 }, { HVSOCK_DATA, 17000, 17000 },
	};
	static uint8_t data[20000];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memset(&peer, 0, sizeof peer);
		open_stream();
		guest_sends_header(bad[i].type, bad[i].announced, data, bad[i].bytes);
		ck_assert_uint_eq(peer.closed, 1);
		ck_assert_int_eq(peer.error, -EPROTO);
		ck_assert_uint_eq(peer.count, 0);
		guest_post_relid(&p, VMBUS_MSG_CLOSE, g.relid);
		guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, g.relid);
	}
	/* A packet of another kind, and one too short for a header. */
	memset(&peer, 0, sizeof peer);
	open_stream();
	guest_put(&g, VMBUS_PACKET_COMPLETION, 0, NULL, 0, data, 16);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_int_eq(peer.error, -EPROTO);
	/* A broken ring. */
	memset(&peer, 0, sizeof peer);
	open_stream();
	g.out.header->write_index = 3;
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -EPROTO);
	ck_assert_uint_eq(hvsock_count(hvsock), 0);
}
END_TEST

/* A ring found broken while the host writes: the next tick ends it, without any word of the guest's. */
START_TEST(a_broken_ring_is_found_when_writing)
{
	static uint8_t chunk[HVSOCK_MTU];

	open_stream();
	g.in.header->read_index = 5;
	while (hvsock_room(peer.stream) && hvsock_send(peer.stream, chunk, 4096) == 0) {}
	hvsock_tick(hvsock, 1000);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -EPROTO);
}
END_TEST

START_TEST(what_comes_behind_the_end_is_not_taken)
{
	open_stream();
	guest_sends(NULL, 0);
	guest_sends("ghost", 5);
	guest_sends(NULL, 0);
	vmbus_server_signal(p.server, g.relid);
	ck_assert_uint_eq(peer.ended, 1);
	ck_assert_uint_eq(peer.count, 0);
	/* A guest that closes without waiting for the host. */
	guest_post_relid(&p, VMBUS_MSG_CLOSE, g.relid);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, -ECONNRESET);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_RESCIND), 1);
}
END_TEST

RUN_TESTS_WITH("hvsock", set_up, tear_down, the_guest_connects, refusals_leave_nothing, the_host_connects, connections_are_counted,
	each_direction_ends_by_itself, the_host_ends_first, a_peer_that_does_not_take, the_end_waits_for_the_bytes,
	a_guest_that_does_not_read, nobody_opens, a_slow_guest_that_opens_others, nobody_reads, the_peer_closes,
	the_peer_closes_while_it_is_called, broken_packets_and_rings_end_the_stream, a_broken_ring_is_found_when_writing,
	what_comes_behind_the_end_is_not_taken)
