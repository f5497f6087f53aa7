/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's stream sockets and vsp/hvsock in one process, both honest, in any order of sends, reads, ends and closes: bytes arrive as they were
 * sent and in order, an end of file comes behind the last of them, and nothing is left when both have closed.
 */
#undef NDEBUG
#include <assert.h>
#include <errno.h>

#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vsc/wired.h"
#include "vsc/hvsock/hvsock.h"
#include "vsp/hvsock/hvsock.h"

#define RING_BYTES (8u * 4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wired w;
static struct hvsock *vsp;
static struct vsc_hvsock guest;
static struct input in;

/* One direction: how much went in and came out. */
struct way {
	uint32_t sent, received;
	bool ended, end_seen;
};
static struct way up, down;      /* guest->host, host->guest */

static struct peer {
	struct hvsock_stream *stream;
	uint32_t appetite;
} peer;

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 11));
}

static void check(struct way *way, const uint8_t *data, uint32_t bytes)
{
	assert(!way->end_seen && way->received + bytes <= way->sent);
	for (uint32_t i = 0; i < bytes; i++)
		assert(data[i] == pattern(way->received + i));
	way->received += bytes;
}

static void check_end(struct way *way)
{
	assert(way->ended && !way->end_seen && way->received == way->sent);
	way->end_seen = true;
}

static int on_connect(void *context, struct hvsock_stream *stream, uint32_t port, void **ret)
{
	(void)context;
	assert(port == 7000 && !peer.stream);
	peer.stream = stream;
	*ret = &peer;
	return 0;
}

static void on_opened(void *context)
{
	assert(context == &peer);
}

static uint32_t on_received(void *context, const uint8_t *data, uint32_t bytes)
{
	uint32_t taken = bytes < peer.appetite ? bytes : peer.appetite;

	(void)context;
	check(&up, data, taken);
	peer.appetite -= taken;
	return taken;
}

static void on_received_end(void *context)
{
	(void)context;
	check_end(&up);
}

static void on_closed(void *context, int error)
{
	(void)context;
	assert(error == 0 && up.end_seen && down.ended);
	peer.stream = NULL;
}

static const struct hvsock_ops ops = { on_connect, on_opened, on_received, on_received_end, on_opened, on_closed };

static void begin(bool from_host, void *memory)
{
	up = down = (struct way){ 0 };
	peer.appetite = 0;
	if (from_host) {
		assert(hvsock_connect(vsp, 5000, &peer, &peer.stream) == 0);
		wired_pump(&w);
		assert(vsc_hvsock_accept(&guest, &w.bus, 5000, memory, RING_BYTES) == 0);
	} else {
		assert(vsc_hvsock_connect(&guest, &w.bus, 40000, 7000, memory, RING_BYTES) == 0);
	}
}

static void host_sends(uint32_t bytes)
{
	static uint8_t data[HVSOCK_MTU];
	uint32_t room = peer.stream ? hvsock_room(peer.stream) : 0;

	if (bytes > room)
		bytes = room;
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = pattern(down.sent + i);
	down.sent += bytes;
	assert(bytes == 0 || hvsock_send(peer.stream, data, bytes) == 0);
}

static void guest_sends(uint32_t bytes)
{
	static uint8_t data[1 << 16];
	int rc;

	for (uint32_t i = 0; i < bytes; i++)
		data[i] = pattern(up.sent + i);
	/* What the provider takes in the same breath counts as sent already. */
	up.sent += bytes;
	rc = vsc_hvsock_send(&guest, data, bytes);
	assert(rc >= 0 || rc == -EAGAIN || (rc == -EPIPE && up.ended));
	up.sent -= bytes - (rc > 0 ? (uint32_t)rc : 0);
}

static void guest_receives(uint32_t capacity)
{
	static uint8_t data[1 << 16];
	int rc = vsc_hvsock_receive(&guest, data, capacity);

	assert(rc >= 0 || rc == -EAGAIN);
	if (rc > 0)
		check(&down, data, (uint32_t)rc);
	else if (rc == 0 && !down.end_seen)
		check_end(&down);
}

static void act(uint8_t what)
{
	uint32_t amount = input_u8(&in) * 150u + 1;

	switch (what % 8) {
	case 0:
	case 1:
		host_sends(amount);
		break;
	case 2:
		guest_sends(amount);
		break;
	case 3:
		guest_receives(amount);
		break;
	case 4:
		peer.appetite += amount;
		if (peer.stream)
			hvsock_receive(peer.stream);
		break;
	case 5:
		wired_pump(&w);
		break;
	case 6:
		if (what / 8 % 4 == 0 && peer.stream) {
			down.ended = true;
			hvsock_send_end(peer.stream);
		}
		break;
	case 7:
		if (what / 8 % 4 == 0) {
			up.ended = true;
			assert(vsc_hvsock_send_end(&guest) == 0);
		}
		break;
	}
}

/* Both end and read on: everything must arrive. */
static void finish(void)
{
	up.ended = down.ended = true;
	assert(vsc_hvsock_send_end(&guest) == 0);
	peer.appetite = UINT32_MAX / 2;
	if (peer.stream)
		hvsock_send_end(peer.stream);
	for (unsigned int turns = 0; !up.end_seen || !down.end_seen; turns++) {
		assert(turns < 100);
		if (peer.stream)
			hvsock_receive(peer.stream);
		guest_receives(65536);
		wired_pump(&w);
	}
	assert(vsc_hvsock_close(&guest) == 0 && !peer.stream && hvsock_count(vsp) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *memory;

	in = (struct input){ data, size };
	if (!memory) {
		wired_init(&w);
		assert(hvsock_create(w.server, &ops, NULL, &vsp) == 0);
		wired_connect(&w);
		memory = wired_memory(&w, RING_BYTES);
	}
	begin(input_u8(&in) & 1, memory);
	for (int steps = 0; in.size && steps < 200; steps++)
		act(input_u8(&in));
	finish();
	return 0;
}
