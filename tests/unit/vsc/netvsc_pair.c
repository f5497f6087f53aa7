/* SPDX-License-Identifier: BSD-2-Clause */
/* See netvsc_pair.h. Plain assertions: fuzz targets run it without a test runner. */
#undef NDEBUG
#include "netvsc_pair.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const uint8_t pair_mac[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };

static bool host_work(void *device)
{
	struct netvsc_pair *p = device;
	struct pollfd tap = { .fd = p->worker, .events = POLLIN };
	bool worked = p->deferred;

	if (!p->host)
		return false;
	p->deferred = false;
	netvsp_flush(p->host);
	if (poll(&tap, 1, 0) > 0) {
		struct netvsp_stats before, after;

		netvsp_get_stats(p->host, &before);
		netvsp_input(p->host, 0);
		netvsp_get_stats(p->host, &after);
		worked |= after.rx_packets != before.rx_packets;
	}
	return worked;
}

static void defer(void *context)
{
	((struct netvsc_pair *)context)->deferred = true;
}

static void on_received(void *context, const struct vsc_frame *frame)
{
	struct netvsc_pair *p = context;

	assert(frame->data == p->frame && frame->bytes <= sizeof p->frame);
	p->received++;
	p->last = *frame;
	if (p->received_one)
		p->received_one(p, frame);
}

static void on_sent(void *context, void *cookie, int error)
{
	struct netvsc_pair *p = context;

	assert(cookie == p);
	error ? p->failed++ : p->sent++;
}

static void on_room(void *context)
{
	((struct netvsc_pair *)context)->rooms++;
}

static void on_link(void *context, bool up)
{
	struct netvsc_pair *p = context;

	p->links++;
	p->link = up;
}

static const struct vsc_netvsc_ops guest_ops = { on_received, on_sent, on_room, on_link };

void netvsc_pair_begin(struct netvsc_pair *p)
{
	struct netvsp_config config = {
		.instance = { { 9 } }, .mtu = 9000, .link_up = true, .vp_count = 2, .queue_count = 1, .defer = defer, .context = p,
	};
	int pair[2], size = 1 << 20;

	memset(p, 0, sizeof *p);
	wired_init(&p->w);
	assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	p->tap = pair[0];
	p->worker = config.fd[0] = pair[1];
	memcpy(config.mac, pair_mac, sizeof config.mac);
	assert(netvsp_create(p->w.server, &p->host_state, &config, &p->host) == 0);
	p->w.host_work = host_work;
	p->w.device = p;
	wired_connect(&p->w);
	p->channel = vsc_vmbus_find(&p->w.bus, &VMBUS_CLASS_NETWORK, 0);
	assert(p->channel);
	p->pages = wired_memory(&p->w, PAIR_PAGES_BYTES);
	p->config = (struct vsc_netvsc_config){
		.rings = wired_memory(&p->w, PAIR_RING_BYTES), .ring_bytes = PAIR_RING_BYTES,
		.receive = wired_memory(&p->w, PAIR_RECEIVE_BYTES), .receive_bytes = PAIR_RECEIVE_BYTES,
		.send = wired_memory(&p->w, PAIR_SEND_BYTES), .send_bytes = PAIR_SEND_BYTES,
		.scratch = wired_memory(&p->w, VSC_NETVSC_SCRATCH_BYTES),
		.frame = p->frame, .frame_bytes = sizeof p->frame, .ops = &guest_ops, .context = p,
	};
}

void netvsc_pair_end(struct netvsc_pair *p)
{
	netvsp_free(p->host);
	close(p->tap);
	close(p->worker);
	wired_done(&p->w);
}

int netvsc_pair_open(struct netvsc_pair *p)
{
	int rc = vsc_netvsc_open(&p->guest, p->channel, &p->config);

	if (rc == 0)
		rc = vsc_netvsc_set_filter(&p->guest, RNDIS_FILTER_DIRECTED | RNDIS_FILTER_BROADCAST);
	return rc;
}

void netvsc_pair_frame(uint8_t *frame, uint32_t bytes, uint32_t seed)
{
	const uint8_t header[14] = { 2, 0, 0, 0, 0, 1, pair_mac[0], pair_mac[1], pair_mac[2], pair_mac[3], pair_mac[4], pair_mac[5], 8, 0 };

	memcpy(frame, header, sizeof header);
	for (uint32_t i = sizeof header; i < bytes; i++)
		frame[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

int netvsc_pair_tap_take(struct netvsc_pair *p, struct tap_frame *frame)
{
	ssize_t n = read(p->tap, frame, sizeof *frame);

	return n < 0 ? -1 : (int)(n - (ssize_t)sizeof frame->header);
}

bool netvsc_pair_tap_put(struct netvsc_pair *p, const struct tap_frame *frame, uint32_t bytes)
{
	return write(p->tap, frame, sizeof frame->header + bytes) >= 0;
}

void netvsc_pair_settle(struct netvsc_pair *p)
{
	while (wired_pump(&p->w))
		;
}
