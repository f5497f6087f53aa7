/* SPDX-License-Identifier: BSD-2-Clause */
#undef NDEBUG
#include "interface.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING_PAGES 12u

const uint8_t guest_mac[6] = { 0x00, 0x15, 0x5d, 1, 2, 3 };

static uint8_t *receive_page(struct interface *i, uint32_t n)
{
	return (n % 2 ? i->p.high : i->p.low) + n / 2 * 4096u;
}

static void defer(void *context)
{
	((struct interface *)context)->deferred++;
}

static void want(void *context, uint32_t queue)
{
	(void)queue;
	((struct interface *)context)->wanted++;
}

void interface_init(struct interface *i, bool allow_spoofing)
{
	interface_init_queues(i, allow_spoofing, 1);
}

static void make(struct interface *i)
{
	struct netvsp_config config = {
		.instance = { { 9 } }, .mtu = 1500, .link_up = true, .allow_spoofing = i->allow_spoofing, .vp_count = GUEST_VPS,
		.queue_count = i->queues, .defer = defer, .want_input = want, .context = i,
	};

	for (uint32_t n = 0; n < i->queues; n++)
		config.fd[n] = i->worker;
	memcpy(config.mac, guest_mac, 6);
	assert(netvsp_create(i->p.server, &i->state, &config, &i->vsp) == 0);
	vmbus_server_start(i->p.server);
}

void interface_succeed(struct interface *i)
{
	struct netvsp *old = i->vsp;

	partition_succeed(&i->p);
	netvsp_detach(old);
	make(i);
}

void interface_init_queues(struct interface *i, bool allow_spoofing, uint32_t queues)
{
	int pair[2], size = 1 << 20;

	memset(i, 0, sizeof *i);
	partition_init(&i->p);
	free(i->p.low);
	free(i->p.high);
	i->p.low = aligned_alloc(4096, GUEST_LOW);
	i->p.high = aligned_alloc(4096, GUEST_LOW);
	memset(i->p.low, 0, GUEST_LOW);
	memset(i->p.high, 0, GUEST_LOW);
	i->p.map.regions[0].host = i->p.low;
	i->p.map.regions[1].host = i->p.high;
	assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	i->tap = pair[0];
	i->worker = pair[1];
	i->queues = queues;
	i->allow_spoofing = allow_spoofing;
	i->next_id = 1000;
	make(i);
}

void interface_done(struct interface *i)
{
	netvsp_free(i->vsp);
	close(i->tap);
	close(i->worker);
	partition_done(&i->p);
}

struct nvsp_message nvsp_ask(struct interface *i, const struct nvsp_message *message)
{
	struct nvsp_message answer = { 0 };
	uint64_t id = ++i->next_id, got;
	uint16_t type;

	guest_put(&i->g, VMBUS_PACKET_INBAND, id, NULL, 0, message, sizeof *message);
	vmbus_server_signal(i->p.server, i->g.relid);
	assert(guest_take(&i->g, &type, &got, &answer, sizeof answer) == sizeof answer);
	assert(type == VMBUS_PACKET_COMPLETION && got == id);
	return answer;
}

void interface_connect(struct interface *i, uint64_t capabilities)
{
	struct nvsp_message m = { .type = NVSP_INIT, .init = { NVSP_VERSION_61, NVSP_VERSION_61 } }, answer;
	uint64_t pfns[RECEIVE_PAGES];

	guest_connect(&i->p);
	assert(guest_open(&i->p, &i->g, 1, RING_PAGES, 0) == 0);
	answer = nvsp_ask(i, &m);
	assert(answer.type == NVSP_INIT_COMPLETE && answer.init_complete.status == NVSP_STATUS_SUCCESS && answer.init_complete.version == NVSP_VERSION_61);
	m = (struct nvsp_message){ .type = NVSP_SEND_NDIS_CONFIG, .config = { .mtu = 1514, .capabilities = capabilities } };
	guest_put(&i->g, VMBUS_PACKET_INBAND, 1, NULL, 0, &m, sizeof m);
	for (uint32_t n = 0; n < RECEIVE_PAGES; n++)
		pfns[n] = n / 2 + (n % 2 ? GUEST_HIGH / 4096 : 0);
	assert(guest_gpadl(&i->p, 1, 0xaa, RECEIVE_PAGES * 4096, pfns, RECEIVE_PAGES) == 0);
	m = (struct nvsp_message){ .type = NVSP_SEND_RECEIVE_BUFFER, .buffer = { 0xaa, 0xcafe } };
	answer = nvsp_ask(i, &m);
	assert(answer.type == NVSP_SEND_RECEIVE_BUFFER_COMPLETE && answer.receive_complete.status == NVSP_STATUS_SUCCESS);
	assert(answer.receive_complete.section_count == 1 && answer.receive_complete.section.offset == 0);
	for (uint32_t n = 0; n < SEND_PAGES; n++)
		pfns[n] = RECEIVE_PAGES / 2 + n;
	assert(guest_gpadl(&i->p, 1, 0xbb, SEND_PAGES * 4096, pfns, SEND_PAGES) == 0);
	m = (struct nvsp_message){ .type = NVSP_SEND_SEND_BUFFER, .buffer = { 0xbb, 0 } };
	answer = nvsp_ask(i, &m);
	assert(answer.type == NVSP_SEND_SEND_BUFFER_COMPLETE && answer.send_complete.status == NVSP_STATUS_SUCCESS);
	assert(answer.send_complete.section_size == 6144);
}

int receive_take(struct interface *i, uint32_t *parts, uint8_t *to, uint32_t capacity)
{
	struct vmbus_ring_packet packet;
	struct vmbus_transfer_pages pages;
	uint32_t total = 0;

	if (vmbus_ring_read_begin(&i->g.in) != VMBUS_RING_OK || vmbus_ring_peek(&i->g.in, &packet) != VMBUS_RING_OK)
		return -1;
	assert(packet.type == VMBUS_PACKET_TRANSFER_PAGES);
	vmbus_ring_copy(&i->g.in, &packet, sizeof(struct vmbus_descriptor), &pages, sizeof pages);
	assert(pages.set_id == 0xcafe);
	*parts = pages.range_count;
	for (uint32_t n = 0; n < pages.range_count; n++) {
		struct vmbus_transfer_range range;

		vmbus_ring_copy(&i->g.in, &packet, (uint32_t)(sizeof(struct vmbus_descriptor) + sizeof pages + n * sizeof range), &range, sizeof range);
		assert(range.bytes <= 16384 && range.offset + range.bytes <= RECEIVE_PAGES * 4096u && total + range.bytes <= capacity);
		for (uint32_t b = 0; b < range.bytes; b++)
			to[total++] = receive_page(i, (range.offset + b) / 4096)[(range.offset + b) % 4096];
	}
	i->returned = packet.transaction_id;
	vmbus_ring_consume(&i->g.in, &packet);
	vmbus_ring_read_end(&i->g.in);
	return (int)total;
}

void receive_return(struct interface *i, uint64_t id)
{
	const uint32_t done[2] = { NVSP_SEND_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS };
	struct vmbus_ring_part part = { done, sizeof done };

	assert(vmbus_ring_write(&i->g.out, VMBUS_PACKET_COMPLETION, 0, id, 0, &part, 1) == VMBUS_RING_OK);
	vmbus_ring_write_end(&i->g.out);
	vmbus_server_signal(i->p.server, i->g.relid);
}

uint32_t rndis_ask(struct interface *i, uint32_t type, const void *body, uint32_t bytes, void *answer, uint32_t capacity)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_CONTROL, NVSP_NO_SECTION, 0 } };
	struct rndis_header header = { type, 8 + bytes };
	uint64_t extension[3] = { 1ull << 32, 8 + bytes, REQUEST_PAGE }, id = ++i->next_id, got;
	uint8_t *page = i->p.low + REQUEST_PAGE * 4096u, message[2048];
	uint32_t done[2], parts;
	uint16_t kind;
	int n;

	memcpy(page, &header, 8);
	memcpy(page + 8, body, bytes);
	guest_put(&i->g, VMBUS_PACKET_GPA_DIRECT, id, extension, sizeof extension, &m, sizeof m);
	vmbus_server_signal(i->p.server, i->g.relid);
	assert(guest_take(&i->g, &kind, &got, done, sizeof done) == 8 && kind == VMBUS_PACKET_COMPLETION && got == id);
	assert(done[0] == NVSP_SEND_RNDIS_PACKET_COMPLETE && done[1] == NVSP_STATUS_SUCCESS);
	n = receive_take(i, &parts, message, sizeof message);
	assert(n >= 8 && parts == 1 && (uint32_t)n - 8 <= capacity);
	memcpy(&header, message, 8);
	assert(header.bytes == (uint32_t)n);
	memcpy(answer, message + 8, (uint32_t)n - 8);
	receive_return(i, i->returned);
	return header.type;
}

uint32_t rndis_query(struct interface *i, uint32_t oid, uint32_t wanted, void *info, uint32_t capacity)
{
	const struct rndis_request request = { 77, oid, wanted, sizeof request, 0 };
	struct {
		struct rndis_query_complete complete;
		uint8_t info[256];
	} answer;

	assert(rndis_ask(i, RNDIS_QUERY, &request, sizeof request, &answer, sizeof answer) == (RNDIS_QUERY | RNDIS_COMPLETION));
	assert(answer.complete.request_id == 77 && answer.complete.info_bytes <= capacity && answer.complete.info_offset == sizeof answer.complete);
	memcpy(info, answer.info, answer.complete.info_bytes);
	return answer.complete.status;
}

uint32_t rndis_set(struct interface *i, uint32_t oid, const void *info, uint32_t bytes)
{
	struct {
		struct rndis_request request;
		uint8_t info[256];
	} message = { .request = { 78, oid, bytes, sizeof message.request, 0 } };
	struct rndis_set_complete answer;

	memcpy(message.info, info, bytes);
	assert(rndis_ask(i, RNDIS_SET, &message, sizeof message.request + bytes, &answer, sizeof answer) == (RNDIS_SET | RNDIS_COMPLETION));
	assert(answer.request_id == 78);
	return answer.status;
}

void interface_up(struct interface *i)
{
	const struct rndis_init init = { 1, 1, 0, 0x4000 };
	const uint32_t filter = RNDIS_FILTER_DIRECTED | RNDIS_FILTER_BROADCAST | RNDIS_FILTER_ALL_MULTICAST;
	struct ndis_offload_parameters offloads = { .header = { 0x80, 3, sizeof offloads } };
	struct rndis_init_complete answer;

	interface_connect(i, NVSP_CAPABILITY_RSC);
	assert(rndis_ask(i, RNDIS_INIT, &init, sizeof init, &answer, sizeof answer) == (RNDIS_INIT | RNDIS_COMPLETION));
	assert(answer.status == RNDIS_STATUS_SUCCESS && answer.max_packets >= 1);
	assert(rndis_set(i, OID_TCP_OFFLOAD_PARAMETERS, &offloads, sizeof offloads) == RNDIS_STATUS_SUCCESS);
	assert(rndis_set(i, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter) == RNDIS_STATUS_SUCCESS);
}

uint32_t wrap(uint8_t *to, const void *frame, uint32_t bytes, const uint32_t *info, uint32_t info_count)
{
	struct rndis_packet p = { .data_offset = 36 + info_count * 16, .data_bytes = bytes, .info_offset = info_count ? 36 : 0, .info_bytes = info_count * 16 };
	struct rndis_header header = { RNDIS_PACKET, 8 + p.data_offset + bytes };

	memcpy(to, &header, 8);
	memcpy(to + 8, &p, sizeof p);
	for (uint32_t n = 0; n < info_count; n++) {
		const uint32_t entry[4] = { 16, info[2 * n], 12, info[2 * n + 1] };

		memcpy(to + 44 + 16 * n, entry, 16);
	}
	memcpy(to + 8 + p.data_offset, frame, bytes);
	return header.bytes;
}

uint32_t send_section(struct interface *i, uint32_t section, const void *message, uint32_t bytes)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, section, bytes } };
	uint8_t *buffer = i->p.low + RECEIVE_PAGES / 2 * 4096u;
	uint64_t id = ++i->next_id, got;
	uint32_t done[2];
	uint16_t kind;

	if ((uint64_t)section * 6144 + bytes <= SEND_PAGES * 4096u)
		memcpy(buffer + section * 6144, message, bytes);
	guest_put(&i->g, VMBUS_PACKET_INBAND, id, NULL, 0, &m, sizeof m);
	vmbus_server_signal(i->p.server, i->g.relid);
	netvsp_flush(i->vsp);
	assert(guest_take(&i->g, &kind, &got, done, sizeof done) == 8 && kind == VMBUS_PACKET_COMPLETION && got == id);
	assert(done[0] == NVSP_SEND_RNDIS_PACKET_COMPLETE);
	return done[1];
}

int tap_take(struct interface *i, struct frame *frame)
{
	ssize_t n = read(i->tap, frame, sizeof *frame);

	return n < 0 ? -1 : (int)(n - (ssize_t)sizeof frame->header);
}

void tap_put(struct interface *i, const struct frame *frame, uint32_t bytes)
{
	assert(write(i->tap, frame, sizeof frame->header + bytes) == (ssize_t)(sizeof frame->header + bytes));
}
