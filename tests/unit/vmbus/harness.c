/* SPDX-License-Identifier: BSD-2-Clause */
/* The assertions are the test; an optimized build keeps them. */
#undef NDEBUG
#include "harness.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int post_message(void *context, uint32_t vp, uint32_t sint, uint32_t type, const void *payload, size_t size)
{
	struct partition *p = context;
	struct posted *m = &p->messages[p->message_count % MESSAGES];

	assert(sint == VMBUS_SINT && type == VMBUS_MESSAGE_TYPE && size <= VMBUS_MESSAGE_MAX && vp < GUEST_VPS);
	if (p->slots_free == 0)
		return -EAGAIN;
	p->slots_free--;
	m->vp = vp;
	m->size = size;
	memcpy(m->bytes, payload, size);
	memcpy(&m->type, payload, sizeof m->type);
	p->message_count++;
	return 0;
}

static void signal_event(void *context, uint32_t vp, uint16_t flag)
{
	struct partition *p = context;

	assert(vp < GUEST_VPS && flag < 2048);
	p->events[flag]++;
	p->event_vp = vp;
}

static int connect_event(void *context, uint32_t connection_id, uint32_t relid, bool connected)
{
	struct partition *p = context;

	assert(connection_id < 1u << 24 && p->connected[relid] != connected);
	p->connected[relid] = connected;
	return 0;
}

static void take_log(void *context, const char *text)
{
	struct partition *p = context;

	p->logs++;
	snprintf(p->log, sizeof p->log, "%s", text);
}

const struct vmbus_server_ops harness_ops = {
	.post_message = post_message, .signal_event = signal_event, .connect_event = connect_event, .log = take_log,
};

static int device_open(void *context, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct device *d = context;

	d->opens++;
	d->channel = channel;
	memcpy(d->user, user, sizeof d->user);
	d->open = d->open_result == 0;
	return d->open_result;
}

static int device_resume(void *context, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct device *d = context;

	d->resumes++;
	d->channel = channel;
	memcpy(d->user, user, sizeof d->user);
	d->open = d->open_result == 0;
	return d->open_result;
}

static void device_signal(void *context, struct vmbus_channel *channel)
{
	struct device *d = context;

	assert(d->open);
	d->signals++;
	if (d->on_signal) {
		d->on_signal(d, channel);
		return;
	}
	for (;;) {
		d->last_result = vmbus_channel_next_packet(channel, &d->packet);
		if (d->last_result == -EAGAIN || d->last_result == -EIO)
			return;
		d->taken[d->taken_count++ % 256] = d->packet.transaction_id;
	}
}

static void device_close(void *context, struct vmbus_channel *channel)
{
	struct device *d = context;

	assert(d->open && !vmbus_channel_is_open(channel));
	d->open = false;
	d->closes++;
	if (d->on_close)
		d->on_close(d, channel);
}

static void device_failed(void *context, struct vmbus_channel *channel, const char *reason)
{
	struct device *d = context;

	(void)channel;
	assert(d->open && reason);
	d->failures++;
}

static void device_withdrawn(void *context)
{
	((struct device *)context)->withdrawals++;
}

const struct vmbus_channel_ops harness_device_ops = {
	.open = device_open, .resume = device_resume, .signal = device_signal, .close = device_close, .failed = device_failed,
	.withdrawn = device_withdrawn,
};

static void make_server(struct partition *p)
{
	p->server = vmbus_server_create(p->state, &p->map, GUEST_VPS, &harness_ops, p);
	assert(p->server);
}

void partition_init(struct partition *p)
{
	memset(p, 0, sizeof *p);
	p->state = calloc(1, VMBUS_STATE_BYTES);
	p->low = calloc(1, GUEST_LOW);
	p->high = calloc(1, GUEST_LOW);
	p->map = (struct guest_map){ .count = 2, .regions = { { 0, GUEST_LOW, p->low }, { GUEST_HIGH, GUEST_LOW, p->high } } };
	p->slots_free = ~0u;
	make_server(p);
}

void partition_done(struct partition *p)
{
	vmbus_server_free(p->server);
	free(p->state);
	free(p->low);
	free(p->high);
}

void partition_succeed(struct partition *p)
{
	vmbus_server_free(p->server);
	memset(p->connected, 0, sizeof p->connected);
	make_server(p);
}

int guest_post(struct partition *p, const void *message, size_t size)
{
	/* Exactly as large as the message, so that ASan sees a look beyond. */
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	memcpy(copy, message, size);
	rc = vmbus_server_handle_message(p->server, VMBUS_CONNECTION_MESSAGE_V5, VMBUS_MESSAGE_TYPE, copy, size);
	free(copy);
	return rc;
}

int guest_post_header(struct partition *p, uint32_t type)
{
	struct vmbus_message_header m = { .type = type };

	return guest_post(p, &m, sizeof m);
}

int guest_post_relid(struct partition *p, uint32_t type, uint32_t relid)
{
	struct vmbus_relid_message m = { .header.type = type, .relid = relid };

	return guest_post(p, &m, sizeof m);
}

void guest_contact(struct partition *p, uint32_t version)
{
	struct vmbus_initiate_contact m = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT, .version = version,
		.target = version >= VMBUS_VERSION_5_0 ? VMBUS_SINT : 0x12345000,
	};

	guest_post(p, &m, sizeof m);
}

void guest_connect(struct partition *p)
{
	guest_contact(p, VMBUS_VERSION_5_3);
	guest_post_header(p, VMBUS_MSG_REQUEST_OFFERS);
}

const struct posted *message_of(const struct partition *p, uint32_t type, unsigned n)
{
	for (unsigned i = 0; i < p->message_count; i++)
		if (p->messages[i].type == type && n-- == 0)
			return &p->messages[i];
	return NULL;
}

unsigned count_of(const struct partition *p, uint32_t type)
{
	unsigned n = 0;

	while (message_of(p, type, n))
		n++;
	return n;
}

void partition_forget(struct partition *p)
{
	p->message_count = 0;
	memset(p->events, 0, sizeof p->events);
	p->logs = 0;
}

struct vmbus_channel *offer_device(struct partition *p, struct device *d, uint8_t instance, uint16_t subchannel)
{
	struct vmbus_offer offer = { .type = VMBUS_CLASS_SCSI, .subchannel_index = subchannel, .flags = 1, .user = { 1, 2, 3 } };

	offer.instance.bytes[0] = instance;
	d->packet.payload = d->payload;
	d->packet.payload_capacity = sizeof d->payload;
	d->packet.iov = d->iov;
	d->packet.iov_capacity = sizeof d->iov / sizeof *d->iov;
	return vmbus_server_offer(p->server, &offer, &harness_device_ops, d);
}

uint32_t guest_gpadl(struct partition *p, uint32_t relid, uint32_t id, uint32_t bytes, const uint64_t *pfns, uint32_t count)
{
	struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER, .relid = relid, .gpadl = id, .range_bytes = (uint16_t)(8 + 8 * count), .range_count = 1,
	};
	struct vmbus_gpadl_body body = { .header.type = VMBUS_MSG_GPADL_BODY, .gpadl = id };
	struct vmbus_gpa_range range = { .bytes = bytes };
	uint32_t n = count < VMBUS_GPADL_HEADER_PFNS ? count : VMBUS_GPADL_HEADER_PFNS, before = count_of(p, VMBUS_MSG_GPADL_CREATED);
	const struct posted *reply;
	struct vmbus_gpadl_created created;
	uint8_t message[VMBUS_MESSAGE_MAX];

	memcpy(message, &header, sizeof header);
	memcpy(message + sizeof header, &range, sizeof range);
	memcpy(message + sizeof header + sizeof range, pfns, n * sizeof *pfns);
	guest_post(p, message, sizeof header + sizeof range + n * sizeof *pfns);
	while (n < count) {
		uint32_t more = count - n < VMBUS_GPADL_BODY_PFNS ? count - n : VMBUS_GPADL_BODY_PFNS;

		memcpy(message, &body, sizeof body);
		memcpy(message + sizeof body, pfns + n, more * sizeof *pfns);
		guest_post(p, message, sizeof body + more * sizeof *pfns);
		n += more;
	}
	reply = message_of(p, VMBUS_MSG_GPADL_CREATED, before);
	if (!reply)
		return ~0u;
	memcpy(&created, reply->bytes, sizeof created);
	assert(created.relid == relid && created.gpadl == id);
	return created.status;
}

uint32_t guest_open(struct partition *p, struct guest_channel *g, uint32_t relid, uint32_t pages, uint32_t vp)
{
	struct vmbus_open_message open = { .header.type = VMBUS_MSG_OPEN, .relid = relid, .open_id = relid, .target_vp = vp, .user = "hello" };
	uint32_t before = count_of(p, VMBUS_MSG_OPEN_RESULT), status;
	const struct posted *reply;
	struct vmbus_open_result result;

	memset(g, 0, sizeof *g);
	g->relid = relid;
	g->gpadl = 0xe1e10 + relid;
	g->page_count = pages;
	g->downstream = pages / 2;
	/* Backwards and in turn from both regions: neighbours nowhere. */
	for (uint32_t i = 0; i < pages; i++) {
		uint32_t page = GUEST_LOW / 4096 - 1 - i - relid % 3 * 64;

		g->pfns[i] = page + (i % 2 ? GUEST_HIGH / 4096 : 0);
		g->pages[i] = (i % 2 ? p->high : p->low) + page * 4096u;
		memset(g->pages[i], 0, 4096);
	}
	status = guest_gpadl(p, relid, g->gpadl, pages * 4096, g->pfns, pages);
	if (status)
		return status;
	vmbus_ring_init_pages(&g->out, g->pages, g->downstream);
	vmbus_ring_init_pages(&g->in, g->pages + g->downstream, pages - g->downstream);
	vmbus_ring_writer_start(&g->out);
	vmbus_ring_reader_start(&g->in);
	open.gpadl = g->gpadl;
	open.downstream_page = g->downstream;
	guest_post(p, &open, sizeof open);
	reply = message_of(p, VMBUS_MSG_OPEN_RESULT, before);
	if (!reply)
		return ~0u;
	memcpy(&result, reply->bytes, sizeof result);
	assert(result.relid == relid && result.open_id == relid);
	return result.status;
}

bool guest_put(struct guest_channel *g, uint16_t type, uint64_t id, const void *extension, uint32_t extension_bytes,
	const void *payload, uint32_t bytes)
{
	struct vmbus_ring_part parts[2] = { { extension, extension_bytes }, { payload, bytes } };
	int rc = vmbus_ring_write(&g->out, type, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, id, extension_bytes, parts, 2);

	assert(rc == VMBUS_RING_OK);
	return vmbus_ring_write_end(&g->out);
}

int guest_take(struct guest_channel *g, uint16_t *type, uint64_t *id, void *payload, uint32_t capacity)
{
	struct vmbus_ring_packet packet;
	uint32_t bytes;

	if (vmbus_ring_read_begin(&g->in) != VMBUS_RING_OK || vmbus_ring_peek(&g->in, &packet) != VMBUS_RING_OK)
		return -1;
	bytes = packet.total_bytes - packet.header_bytes;
	assert(bytes <= capacity);
	vmbus_ring_copy(&g->in, &packet, packet.header_bytes, payload, bytes);
	*type = packet.type;
	*id = packet.transaction_id;
	vmbus_ring_consume(&g->in, &packet);
	vmbus_ring_read_end(&g->in);
	return (int)bytes;
}
