/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest and a moody peer at the two ends of streams: connections from both sides, any packets, closes, releases and resets at any
 * time, a peer that takes, refuses, ends or closes as it likes, from inside callbacks too. Checked: who is told what, once, and that
 * nothing is left at the end.
 */
#undef NDEBUG
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/hvsock/hvsock.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 4u
#define LAST  3u                 /* rings of that many streams do not overlap in the harness's memory */

static struct partition p;
static struct hvsock *hvsock;
static struct guest_channel g[LAST + 1];
static struct input in;
static struct peer {
	struct hvsock_stream *stream;
	bool opened, ended;
} peers[PEERS];

static struct peer *free_peer(void)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (!peers[i].stream)
			return &peers[i];
	return NULL;
}

static void drop(struct peer *w)
{
	struct hvsock_stream *stream = w->stream;

	*w = (struct peer){ 0 };
	if (stream)
		hvsock_close(stream);
}

static int on_connect(void *context, struct hvsock_stream *stream, uint32_t port, void **ret)
{
	struct peer *w = free_peer();

	(void)context;
	if (!w || port & 1)
		return -1;
	w->stream = stream;
	*ret = w;
	return 0;
}

static void on_opened(void *peer)
{
	struct peer *w = peer;

	assert(w->stream && !w->opened);
	w->opened = true;
	if (input_u8(&in) % 8 == 0)
		drop(w);
}

static uint32_t on_received(void *peer, const uint8_t *data, uint32_t bytes)
{
	struct peer *w = peer;
	uint8_t mood = input_u8(&in), sum = 0;

	assert(w->stream && w->opened && !w->ended && bytes > 0 && bytes <= HVSOCK_MTU);
	for (uint32_t i = 0; i < bytes; i++)
		sum ^= data[i];
	if (mood == 255)
		drop(w);
	return mood < 128 ? bytes : (mood + sum) % (bytes + 1);
}

static void on_received_end(void *peer)
{
	struct peer *w = peer;

	assert(w->stream && w->opened && !w->ended);
	w->ended = true;
	if (input_u8(&in) % 4 == 0)
		hvsock_send_end(w->stream);
}

static void write_some(struct peer *w, uint32_t bytes)
{
	static const uint8_t data[HVSOCK_MTU];
	uint32_t room = hvsock_room(w->stream);

	assert(room <= HVSOCK_MTU);
	if (room)
		hvsock_send(w->stream, data, bytes < room ? bytes : room);
}

static void on_writable(void *peer)
{
	struct peer *w = peer;

	assert(w->stream && w->opened);
	write_some(w, input_u8(&in) * 64u);
}

static void on_closed(void *peer, int error)
{
	struct peer *w = peer;

	assert(w->stream && error <= 0 && (error < 0 || w->ended));
	*w = (struct peer){ 0 };
}

static const struct hvsock_ops ops = { on_connect, on_opened, on_received, on_received_end, on_writable, on_closed };

static void put(struct guest_channel *ring, uint8_t what)
{
	struct {
		struct hvsock_header header;
		uint8_t data[2040];
	} packet = { .header = { .type = HVSOCK_DATA, .bytes = what & 64 ? 0 : input_u8(&in) * 8u } };
	struct vmbus_ring_part part = { &packet, sizeof packet.header + packet.header.bytes };

	if (!ring->relid || part.bytes > sizeof packet)
		return;
	if (what & 128)
		input_bytes(&in, &packet.header, sizeof packet.header);
	if (vmbus_ring_write(&ring->out, what & 32 ? input_u8(&in) : VMBUS_PACKET_INBAND, 0, 0, 0, &part, 1) == VMBUS_RING_OK)
		vmbus_ring_write_end(&ring->out);
	vmbus_server_signal(p.server, ring->relid);
}

static void read_some(struct guest_channel *ring)
{
	uint8_t packet[32768];
	uint16_t type;
	uint64_t id;

	if (ring->relid && guest_take(ring, &type, &id, packet, sizeof packet) >= 0)
		vmbus_server_signal(p.server, ring->relid);
}

static void peer_acts(uint8_t what)
{
	struct peer *w = &peers[what / 8 % PEERS];

	if (!w->stream) {
		if (hvsock_connect(hvsock, what, w, &w->stream))
			*w = (struct peer){ 0 };
		return;
	}
	switch (what / 32) {
	case 0:
	case 1:
	case 2:
		write_some(w, input_u8(&in) * 80u);
		break;
	case 3:
	case 4:
		hvsock_receive(w->stream);
		break;
	case 5:
		hvsock_send_end(w->stream);
		break;
	case 6:
		drop(w);
		break;
	}
}

static void guest_asks(uint8_t what)
{
	struct vmbus_tl_connect m = { .header.type = VMBUS_MSG_TL_CONNECT, .endpoint = hvsock_guid(what), .service = hvsock_guid(what / 16) };

	if (what == 255)
		input_bytes(&in, &m.service, sizeof m.service);
	guest_post(&p, &m, sizeof m);
}

static void guest_acts(uint8_t what)
{
	uint32_t relid = 1 + what / 64 % LAST;
	struct guest_channel *ring = &g[relid];

	switch (what % 12) {
	case 0:
		guest_asks(input_u8(&in));
		break;
	case 1:
	case 2:
		/* The harness checks the replies; rings that are in use are not wiped. */
		if (!ring->relid && guest_open(&p, ring, relid, 8, 0))
			ring->relid = 0;
		break;
	case 3:
		guest_post_relid(&p, VMBUS_MSG_CLOSE, relid);
		guest_post_relid(&p, VMBUS_MSG_RELID_RELEASED, relid);
		ring->relid = 0;
		break;
	case 4:
		read_some(ring);
		break;
	case 5:
		if (ring->relid)
			ring->out.header->write_index = input_u32(&in);
		vmbus_server_signal(p.server, relid);
		break;
	case 6:
		vmbus_server_signal(p.server, relid);
		break;
	default:
		put(ring, input_u8(&in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now = 1;

	in = (struct input){ data, size };
	memset(peers, 0, sizeof peers);
	memset(g, 0, sizeof g);
	if (!p.state)
		partition_init(&p);
	else
		partition_forget(&p);
	assert(hvsock_create(p.server, &ops, NULL, &hvsock) == 0);
	vmbus_server_start(p.server);
	guest_connect(&p);
	for (int steps = 0; in.size && steps < 300; steps++) {
		uint8_t what = input_u8(&in);

		if (what == 250)
			hvsock_tick(hvsock, now += 2000);
		else if (what == 251)
			vmbus_server_reset(p.server), guest_connect(&p), memset(g, 0, sizeof g);
		else if (what % 3 == 0)
			peer_acts(input_u8(&in));
		else
			guest_acts(input_u8(&in));
		if (p.message_count > MESSAGES / 2)
			partition_forget(&p);
	}
	for (unsigned i = 0; i < PEERS; i++)
		drop(&peers[i]);
	assert(hvsock_count(hvsock) == 0);
	vmbus_server_reset(p.server);
	hvsock_free(hvsock);
	return 0;
}
