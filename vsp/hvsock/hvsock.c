/* SPDX-License-Identifier: BSD-2-Clause */
/* See hvsock.h. Offers, opening and the end of streams, and their list; bytes are in stream.c. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* Longest step of time that counts: while the guest is paused nothing of its can be late. */
#define TICK_MAX_MS 2000u

static struct hvsock_stream *stream_create(struct hvsock *h)
{
	struct hvsock_stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->hvsock = h;
	s->since = h->clock;
	s->next = h->streams;
	if (s->next)
		s->next->link = &s->next;
	s->link = &h->streams;
	h->streams = s;
	h->count++;
	return s;
}

void stream_release(struct hvsock_stream *s)
{
	if (s->busy || !s->over)
		return;
	free(s->held);
	free(s);
}

void stream_end(struct hvsock_stream *s, bool tell, int error)
{
	if (s->over)
		return;
	s->over = true;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->hvsock->count--;
	if (s->channel)
		vmbus_server_rescind(s->channel);
	if (tell)
		s->hvsock->ops->closed(s->peer, error);
	stream_release(s);
}

static int on_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct hvsock_stream *s = device;

	(void)channel;
	(void)user;
	/* A connection has one life. */
	if (s->open)
		return -EALREADY;
	s->open = true;
	s->hvsock->opened = s->hvsock->clock;
	s->busy++;
	s->hvsock->ops->opened(s->peer);
	s->busy--;
	/* If the peer has closed it, it is rescinded already: there is nothing left to refuse. */
	stream_release(s);
	return 0;
}

static void on_signal(void *device, struct vmbus_channel *channel)
{
	(void)channel;
	stream_signal(device);
}

static void on_failed(void *device, struct vmbus_channel *channel, const char *reason)
{
	struct hvsock_stream *s = device;

	(void)channel;
	(void)reason;
	s->failed = true;
}

static void on_close(void *device, struct vmbus_channel *channel)
{
	struct hvsock_stream *s = device;

	(void)channel;
	stream_end(s, true, s->failed ? -EPROTO : -ECONNRESET);
}

static const struct vmbus_channel_ops channel_ops = {
	.open = on_open, .signal = on_signal, .close = on_close, .failed = on_failed,
};

/* The guest's answer to an offer is to open it; to one that it has no use for it says nothing. */
static bool offer(struct hvsock_stream *s, const struct vmbus_guid *type, const struct vmbus_guid *instance, bool from_host)
{
	struct vmbus_offer o = { .type = *type, .instance = *instance, .flags = VMBUS_OFFER_TLNPI_PROVIDER };

	o.user[HVSOCK_USER_FROM_HOST] = from_host;
	s->channel = vmbus_server_offer(s->hvsock->server, &o, &channel_ops, s);
	return s->channel != NULL;
}

static uint32_t on_tl_connect(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *service)
{
	struct hvsock *h = context;
	struct hvsock_stream *s;
	uint32_t port;

	if (!hvsock_port(service, &port))
		return VMBUS_STATUS_CONNECTION_REFUSED;
	s = stream_create(h);
	if (!s)
		return VMBUS_STATUS_INSUFFICIENT_RESOURCES;
	s->busy++;
	if (h->ops->connect(h->context, s, port, &s->peer)) {
		stream_end(s, false, 0);
		s->busy--;
		stream_release(s);
		return VMBUS_STATUS_CONNECTION_REFUSED;
	}
	s->busy--;
	if (offer(s, service, endpoint, false))
		return VMBUS_STATUS_SUCCESS;
	stream_end(s, true, -EMFILE);
	return VMBUS_STATUS_INSUFFICIENT_RESOURCES;
}

int hvsock_connect(struct hvsock *h, uint32_t port, void *peer, struct hvsock_stream **ret)
{
	struct vmbus_guid service = hvsock_guid(port), endpoint;
	struct hvsock_stream *s;

	if (!vmbus_server_version(h->server))
		return -ENOTCONN;
	s = stream_create(h);
	if (!s)
		return -ENOMEM;
	s->peer = peer;
	/* The guest shows its first field as the remote port. It names the device in the guest, so no guest's endpoint may be equal. */
	endpoint = VMBUS_GUID(h->next_port++ | 0x80000000u, 0x5b1c, 0x4f0e, 0x9d, 0x27, 0x0b, 0x75, 0x1c, 0xe4, 0x62, 0x3a);
	if (!offer(s, &service, &endpoint, true)) {
		stream_end(s, false, 0);
		return -EMFILE;
	}
	*ret = s;
	return 0;
}

void hvsock_close(struct hvsock_stream *s)
{
	if (s->open && !s->send_ended && !s->over)
		stream_send_end(s);
	stream_end(s, false, 0);
}

static bool late(const struct hvsock_stream *s)
{
	uint64_t waited = s->hvsock->clock - s->since;

	if (!s->open)
		return waited >= HVSOCK_OPEN_MAX_MS ||
			(waited >= HVSOCK_OPEN_MS && s->hvsock->clock - s->hvsock->opened >= HVSOCK_OPEN_MS);
	return s->receive_ended && (s->want_room || s->end_due) && waited >= HVSOCK_STALL_MS;
}

void hvsock_tick(struct hvsock *h, uint64_t now_ms)
{
	uint64_t step = now_ms - h->now;
	struct hvsock_stream *s, *next;

	h->clock += h->now && step > TICK_MAX_MS ? TICK_MAX_MS : h->now ? step : 0;
	h->now = now_ms;
	for (s = h->streams; s; s = next) {
		bool broken = s->open && !vmbus_channel_is_open(s->channel);

		next = s->next;
		if (!broken && !late(s))
			continue;
		stream_end(s, true, broken ? -EPROTO : -ETIMEDOUT);
		/* `closed` may have closed others too. */
		next = h->streams;
	}
}

uint32_t hvsock_count(const struct hvsock *h)
{
	return h->count;
}

int hvsock_create(struct vmbus_server *server, const struct hvsock_ops *ops, void *context, struct hvsock **ret)
{
	struct hvsock *h = calloc(1, sizeof *h);

	if (!h)
		return -ENOMEM;
	h->server = server;
	h->ops = ops;
	h->context = context;
	vmbus_server_set_tl_connect(server, on_tl_connect, h);
	*ret = h;
	return 0;
}

void hvsock_free(struct hvsock *h)
{
	if (!h)
		return;
	vmbus_server_set_tl_connect(h->server, NULL, NULL);
	while (h->streams)
		stream_end(h->streams, false, 0);
	free(h);
}
