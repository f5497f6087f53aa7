/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of ours: the guest's hvsock client and vsp/hvsock, wired together in one process; the peer behind the provider is an echo or a sink. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run_tests.h"
#include "vsc/hvsock/hvsock.h"
#include "vsp/hvsock/hvsock.h"
#include "wired.h"

#define RING_BYTES (12u * 4096)
#define DATA_BYTES 300000u

static struct wired w;
static struct hvsock *vsp;

static struct peer {
	struct hvsock_stream *stream;
	uint32_t port, appetite;
	unsigned opened, ended, closed, writable;
	int error;
	uint8_t data[DATA_BYTES];
	uint32_t count;
} peer;

static int on_connect(void *context, struct hvsock_stream *stream, uint32_t port, void **ret)
{
	(void)context;
	if (port >= 8000)
		return -EACCES;
	peer.stream = stream;
	peer.port = port;
	*ret = &peer;
	return 0;
}

static void on_opened(void *p)
{
	((struct peer *)p)->opened++;
}

static uint32_t on_received(void *p, const uint8_t *data, uint32_t bytes)
{
	uint32_t taken = bytes < peer.appetite ? bytes : peer.appetite;

	(void)p;
	ck_assert_uint_le(peer.count + taken, DATA_BYTES);
	memcpy(peer.data + peer.count, data, taken);
	peer.count += taken;
	peer.appetite -= taken;
	return taken;
}

static void on_received_end(void *p)
{
	((struct peer *)p)->ended++;
}

static void on_writable(void *p)
{
	((struct peer *)p)->writable++;
}

static void on_closed(void *p, int error)
{
	struct peer *closed = p;

	closed->stream = NULL;
	closed->closed++;
	closed->error = error;
}

static const struct hvsock_ops ops = { on_connect, on_opened, on_received, on_received_end, on_writable, on_closed };

static void plug(void)
{
	memset(&peer, 0, sizeof peer);
	peer.appetite = DATA_BYTES;
	wired_init(&w);
	ck_assert_int_eq(hvsock_create(w.server, &ops, NULL, &vsp), 0);
	wired_connect(&w);
}

static void unplug(void)
{
	hvsock_free(vsp);
	wired_done(&w);
}

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 11));
}

/* More than a ring holds, to a peer that takes it in its own time. */
START_TEST(the_guest_sends_and_ends)
{
	static struct vsc_hvsock s;
	static uint8_t data[DATA_BYTES];
	uint8_t answer[16];
	uint32_t sent = 0, i;

	plug();
	for (i = 0; i < DATA_BYTES; i++)
		data[i] = pattern(i);
	ck_assert_int_eq(vsc_hvsock_connect(&s, &w.bus, 40000, 7000, wired_memory(&w, RING_BYTES), RING_BYTES), 0);
	ck_assert_uint_eq(peer.port, 7000);
	ck_assert_uint_eq(peer.opened, 1);
	peer.appetite = 1000;
	while (sent < DATA_BYTES) {
		int n = vsc_hvsock_send(&s, data + sent, DATA_BYTES - sent);

		if (n == -EAGAIN) {
			ck_assert_uint_lt(sent - peer.count, 2 * RING_BYTES);
			peer.appetite = 20000;
			hvsock_receive(peer.stream);
			wired_pump(&w);
			continue;
		}
		ck_assert_int_gt(n, 0);
		sent += (uint32_t)n;
	}
	ck_assert_int_eq(vsc_hvsock_send_end(&s), 0);
	ck_assert_int_eq(vsc_hvsock_send(&s, "x", 1), -EPIPE);
	peer.appetite = DATA_BYTES;
	hvsock_receive(peer.stream);
	ck_assert_uint_eq(peer.count, DATA_BYTES);
	ck_assert_mem_eq(peer.data, data, DATA_BYTES);
	ck_assert_uint_eq(peer.ended, 1);
	/* The other half is open still. */
	ck_assert_int_eq(vsc_hvsock_receive(&s, answer, sizeof answer), -EAGAIN);
	ck_assert_uint_ge(hvsock_room(peer.stream), 6);
	ck_assert_int_eq(hvsock_send(peer.stream, "answer", 6), 0);
	hvsock_send_end(peer.stream);
	ck_assert_uint_eq(peer.closed, 1);
	wired_pump(&w);
	ck_assert_int_eq(vsc_hvsock_receive(&s, answer, 2), 2);
	ck_assert_int_eq(vsc_hvsock_receive(&s, answer + 2, sizeof answer - 2), 4);
	ck_assert_mem_eq(answer, "answer", 6);
	ck_assert_int_eq(vsc_hvsock_receive(&s, answer, sizeof answer), 0);
	ck_assert_int_eq(vsc_hvsock_close(&s), 0);
	ck_assert_uint_eq(w.bus.refused, 0);
	unplug();
}
END_TEST

START_TEST(the_host_connects_and_sends)
{
	static struct vsc_hvsock s, other;
	static uint8_t chunk[HVSOCK_MTU], data[HVSOCK_MTU];
	void *memory;
	uint32_t sent = 0, got = 0;
	int n;

	plug();
	memory = wired_memory(&w, RING_BYTES);
	ck_assert_int_eq(vsc_hvsock_accept(&s, &w.bus, 5000, memory, RING_BYTES), -EAGAIN);
	ck_assert_int_eq(hvsock_connect(vsp, 5000, &peer, &peer.stream), 0);
	wired_pump(&w);
	ck_assert_int_eq(vsc_hvsock_accept(&s, &w.bus, 5001, memory, RING_BYTES), -EAGAIN);
	ck_assert_int_eq(vsc_hvsock_accept(&s, &w.bus, 5000, memory, RING_BYTES), 0);
	ck_assert_int_eq(vsc_hvsock_accept(&other, &w.bus, 5000, memory, RING_BYTES), -EAGAIN);
	ck_assert_uint_eq(peer.opened, 1);
	while (got < DATA_BYTES) {
		uint32_t room;

		while (sent < DATA_BYTES && (room = hvsock_room(peer.stream)) > 0) {
			if (room > DATA_BYTES - sent)
				room = DATA_BYTES - sent;
			for (uint32_t i = 0; i < room; i++)
				chunk[i] = pattern(sent + i);
			ck_assert_int_eq(hvsock_send(peer.stream, chunk, room), 0);
			sent += room;
		}
		wired_pump(&w);
		n = vsc_hvsock_receive(&s, data, 5000);
		ck_assert_int_gt(n, 0);
		for (int i = 0; i < n; i++)
			ck_assert_uint_eq(data[i], pattern(got + (uint32_t)i));
		got += (uint32_t)n;
	}
	/* The reader's signals woke the writer. */
	ck_assert_uint_gt(peer.writable, 5);
	/* The guest closes: an end of file for the peer, which then ends too. */
	ck_assert_int_eq(vsc_hvsock_close(&s), -ETIMEDOUT);
	ck_assert_uint_eq(peer.ended, 1);
	hvsock_send_end(peer.stream);
	ck_assert_int_eq(vsc_hvsock_close(&s), 0);
	ck_assert_uint_eq(peer.closed, 1);
	ck_assert_int_eq(peer.error, 0);
	unplug();
}
END_TEST

START_TEST(refusals_and_offers_that_went_away)
{
	static struct vsc_hvsock s;
	void *memory;

	plug();
	memory = wired_memory(&w, RING_BYTES);
	ck_assert_int_eq(vsc_hvsock_connect(&s, &w.bus, 40000, 9000, memory, RING_BYTES), -ECONNREFUSED);
	ck_assert_int_eq(vsc_hvsock_connect(&s, &w.bus, 40000, 7000, memory, 4096), -EINVAL);
	ck_assert_int_eq(vsc_hvsock_send(&s, "x", 1), -ENOTCONN);
	ck_assert_int_eq(hvsock_connect(vsp, 5000, &peer, &peer.stream), 0);
	hvsock_close(peer.stream);
	wired_pump(&w);
	ck_assert_int_eq(vsc_hvsock_accept(&s, &w.bus, 5000, memory, RING_BYTES), -EAGAIN);
	/* Nothing is kept of it: the relid is free again. */
	for (unsigned i = 0; i < VSC_MAX_CHANNELS; i++)
		ck_assert_uint_eq(w.bus.channels[i].offer.relid, 0);
	unplug();
}
END_TEST

START_TEST(the_host_goes_away)
{
	static struct vsc_hvsock s;
	uint8_t data[16];

	plug();
	ck_assert_int_eq(vsc_hvsock_connect(&s, &w.bus, 40000, 7000, wired_memory(&w, RING_BYTES), RING_BYTES), 0);
	ck_assert_uint_ge(hvsock_room(peer.stream), 4);
	hvsock_send(peer.stream, "last", 4);
	hvsock_close(peer.stream);
	wired_pump(&w);
	ck_assert_int_eq(vsc_hvsock_send(&s, "x", 1), -EPIPE);
	ck_assert_int_eq(vsc_hvsock_receive(&s, data, sizeof data), 4);
	ck_assert_int_eq(vsc_hvsock_receive(&s, data, sizeof data), 0);
	ck_assert_int_eq(vsc_hvsock_close(&s), 0);
	unplug();
}
END_TEST

/* Thousands of connections through a few channels and the same rings. */
START_TEST(one_after_the_other)
{
	static struct vsc_hvsock s;
	uint8_t data[16];
	void *memory;

	plug();
	memory = wired_memory(&w, RING_BYTES);
	for (uint32_t i = 0; i < 3000; i++) {
		if (i & 1) {
			ck_assert_int_eq(hvsock_connect(vsp, 5000, &peer, &peer.stream), 0);
			wired_pump(&w);
			ck_assert_int_eq(vsc_hvsock_accept(&s, &w.bus, 5000, memory, RING_BYTES), 0);
		} else {
			ck_assert_int_eq(vsc_hvsock_connect(&s, &w.bus, 40000 + i, 7000, memory, RING_BYTES), 0);
		}
		ck_assert_int_eq(vsc_hvsock_send(&s, "ping", 4), 4);
		ck_assert_uint_eq(peer.count, 4);
		ck_assert_uint_ge(hvsock_room(peer.stream), 4);
		hvsock_send(peer.stream, "pong", 4);
		hvsock_send_end(peer.stream);
		wired_pump(&w);
		ck_assert_int_eq(vsc_hvsock_receive(&s, data, sizeof data), 4);
		ck_assert_int_eq(vsc_hvsock_receive(&s, data, sizeof data), 0);
		ck_assert_int_eq(vsc_hvsock_close(&s), 0);
		peer.count = 0;
	}
	ck_assert_uint_eq(hvsock_count(vsp), 0);
	ck_assert_uint_eq(peer.closed, 3000);
	ck_assert_uint_le(w.state->channel_limit, 2);
	unplug();
}
END_TEST

RUN_TESTS("hvsock, both ends", the_guest_sends_and_ends, the_host_connects_and_sends, refusals_and_offers_that_went_away, the_host_goes_away,
	one_after_the_other)
