/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile host against the guest's network driver: offers, answers, ring indices, packets and what lies in the receive buffer are the fuzzer's, the
 * answers well formed often enough to get far. Nothing outside the driver's memory may be touched, a frame that is handed on lies where it must, and
 * everything must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/status.h"
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "vsc/netvsc/internal.h"

#define HALF          (4u * 4096)
#define RECEIVE_BYTES (4u * 4096)
#define SEND_BYTES    (4u * 4096)
#define PAGES_BYTES   (3u * 4096)
#define FRAME_BYTES   VSC_NETVSC_FRAME_MAX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint8_t rings[2 * HALF], receive[RECEIVE_BYTES], send[SEND_BYTES], scratch[VSC_NETVSC_SCRATCH_BYTES], pages[PAGES_BYTES];
} arena __attribute__((aligned(4096)));
static struct vsc_vmbus bus;
static struct vsc_netvsc n;
static struct input in;
static uint8_t *frame;           /* of its own allocation: what is beyond it is noticed */

static uint16_t post(void *context, uint32_t connection_id, const void *payload, uint32_t bytes)
{
	(void)context;
	(void)connection_id;
	(void)payload;
	if (bytes > VMBUS_MESSAGE_MAX)
		abort();
	return input_u8(&in) % 32 ? HV_STATUS_SUCCESS : HV_STATUS_INSUFFICIENT_BUFFERS;
}

static uint16_t signal_event(void *context, uint32_t connection_id)
{
	(void)context;
	(void)connection_id;
	return HV_STATUS_SUCCESS;
}

static uint64_t physical(void *context, const void *memory)
{
	(void)context;
	if ((uintptr_t)memory - (uintptr_t)&arena >= sizeof arena)
		abort();
	return (uintptr_t)memory - (uintptr_t)&arena;
}

static void answer_vmbus(void)
{
	uint8_t m[VMBUS_MESSAGE_MAX] = { 0 };

	memcpy(m, &bus.reply.type, 4);
	memcpy(m + 8, bus.reply.key, sizeof bus.reply.key);
	vsc_vmbus_message(&bus, m, sizeof m);
}

/* A packet into the ring that the host fills. */
static void put(uint16_t type, uint64_t id, const void *extension, uint32_t extension_bytes, const void *payload, uint32_t bytes)
{
	struct vmbus_ring_header *header = (void *)(arena.rings + HALF);
	uint32_t size = HALF - 4096, at = header->write_index % size & ~7u, whole = extension_bytes + ((bytes + 7) & ~7u);
	struct vmbus_descriptor d = { type, (uint16_t)(2 + extension_bytes / 8), (uint16_t)(2 + whole / 8), 1, id };
	uint8_t packet[16 + 512 + 64 + 8] = { 0 };

	memcpy(packet, &d, sizeof d);
	if (extension_bytes)
		memcpy(packet + 16, extension, extension_bytes);
	memcpy(packet + 16 + extension_bytes, payload, bytes);
	for (uint32_t i = 0; i < 16 + whole + 8; i++)
		(arena.rings + HALF + 4096)[(at + i) % size] = packet[i];
	header->write_index = (at + 16 + whole + 8) % size;
}

/* Now and then a word of it is something else. */
static void spoil(void *at, uint32_t bytes)
{
	uint8_t what = input_u8(&in);
	uint32_t word = input_u8(&in);

	if (what & 3)
		return;
	word = what & 4 ? word : input_u32(&in);
	memcpy((uint8_t *)at + what / 8 * 4 % (bytes & ~3u), &word, 4);
}

static void put_transfer(uint32_t offset, uint32_t bytes, uint32_t count)
{
	const struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { NVSP_CHANNEL_DATA, NVSP_NO_SECTION, 0 } };
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range[4];
	} e = { .pages = { NVSP_RECEIVE_BUFFER_ID, 0, 0, count } };

	for (uint32_t i = 0; i < count; i++)
		e.range[i] = (struct vmbus_transfer_range){ bytes, (offset + i * 1024) % RECEIVE_BYTES };
	spoil(&e, (uint32_t)(sizeof e.pages + count * sizeof e.range[0]));
	put(VMBUS_PACKET_TRANSFER_PAGES, input_u8(&in), &e, (uint32_t)(sizeof e.pages + count * sizeof e.range[0]), &m, sizeof m);
}

static void answer_nvsp(void)
{
	struct nvsp_message m = { .type = NVSP_INIT_COMPLETE, .init_complete.status = NVSP_STATUS_SUCCESS };

	if (n.send_gpadl) {
		m = (struct nvsp_message){ .type = NVSP_SEND_SEND_BUFFER_COMPLETE, .send_complete = { NVSP_STATUS_SUCCESS, 2048 } };
	} else if (n.receive_gpadl) {
		m = (struct nvsp_message){ .type = NVSP_SEND_RECEIVE_BUFFER_COMPLETE, .receive_complete = { NVSP_STATUS_SUCCESS, 1, { 0, 2048, 8, 0 } } };
	}
	spoil(&m, sizeof m);
	put(VMBUS_PACKET_COMPLETION, TRANSACTION_INIT, NULL, 0, &m, sizeof m);
}

static void answer_rndis(void)
{
	const struct rndis_request *asked = (void *)(arena.scratch + sizeof(struct rndis_header));
	const uint32_t bytes = asked->oid == OID_802_3_PERMANENT_ADDRESS ? 6 : asked->oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES ? 156 : 4;
	struct {
		struct rndis_header header;
		struct rndis_query_complete complete;
		uint32_t info[39];
	} m = { .header = { n.reply.type, 24 + bytes }, .complete = { n.reply.id, RNDIS_STATUS_SUCCESS, bytes, 16 } };

	for (uint32_t i = 0; i < 39; i++)
		m.info[i] = 0x5ff;
	spoil(&m, 48);
	memcpy(arena.receive, &m, sizeof m);
	put_transfer(0, m.header.bytes, 1);
}

/* Frames, or parts of one, whose headers are right but for what spoil makes of them. */
static void put_frames(void)
{
	uint32_t count = 1 + input_u8(&in) % 4, share = input_u8(&in) * 3u, offset = input_u8(&in) * 64u;

	for (uint32_t i = 0; i < count; i++) {
		struct {
			struct rndis_header header;
			struct rndis_packet packet;
			struct rndis_packet_info info;
			uint8_t id[4];
		} m = {
			{ RNDIS_PACKET, sizeof m + share },
			{ .data_offset = sizeof m - 8, .data_bytes = share, .info_offset = 36, .info_bytes = 16 },
			{ 16, input_u8(&in) % 4 ? RNDIS_INFO_PACKET_ID : input_u8(&in) % 10, 12 }, { 1, input_u8(&in), 0, 0 },
		};
		uint32_t at = (offset + i * 1024) % RECEIVE_BYTES;

		spoil(&m, sizeof m);
		if (at + sizeof m <= RECEIVE_BYTES)
			memcpy(arena.receive + at, &m, sizeof m);
	}
	put_transfer(offset % RECEIVE_BYTES, 60 + share, count);
}

static void put_indication(void)
{
	struct {
		struct rndis_header header;
		struct rndis_indicate indicate;
	} m = { { RNDIS_INDICATE, sizeof m }, { .status = RNDIS_STATUS_MEDIA_CONNECT + input_u8(&in) % 16 } };

	spoil(&m, sizeof m);
	memcpy(arena.receive, &m, sizeof m);
	put_transfer(0, sizeof m, 1);
}

static void put_completion(void)
{
	uint32_t done[2] = { NVSP_SEND_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS };
	uint8_t id = input_u8(&in);

	spoil(done, sizeof done);
	put(VMBUS_PACKET_COMPLETION, id == 255 ? TRANSACTION_CONTROL : id % 70, NULL, 0, done, sizeof done);
}

static bool wait(void *context)
{
	struct vmbus_ring_header *ours = (void *)arena.rings, *theirs = (void *)(arena.rings + HALF);
	uint8_t message[VMBUS_MESSAGE_MAX + 16], what = input_u8(&in);
	uint32_t bytes;

	(void)context;
	if (in.size == 0)
		return false;
	switch (what % 16) {
	case 0:
		bytes = input_u8(&in);
		input_bytes(&in, message, bytes);
		vsc_vmbus_message(&bus, message, bytes);
		break;
	case 1:
		if (what >> 4 == 0)
			vsc_vmbus_message(&bus, (const uint32_t[]){ VMBUS_MSG_RESCIND, 0, 1 }, 12);
		break;
	case 2:
		theirs->write_index = input_u32(&in);
		break;
	case 3:
		ours->read_index = input_u8(&in) % 4 ? ours->write_index : input_u32(&in);
		break;
	case 4:
		input_bytes(&in, arena.receive + input_u8(&in) * 64u % (RECEIVE_BYTES - 64), 64);
		break;
	case 5:
		put_indication();
		break;
	case 6:
	case 7:
		put_frames();
		break;
	case 8:
		put_completion();
		break;
	default:
		/* What is waited for. */
		ours->read_index = ours->write_index;
		if (bus.reply.type)
			answer_vmbus();
		else if (n.reply.type)
			answer_rndis();
		else if (n.sections)
			put(VMBUS_PACKET_COMPLETION, TRANSACTION_CONTROL, NULL, 0, (const uint32_t[]){ NVSP_SEND_RNDIS_PACKET_COMPLETE, 1 }, 8);
		else
			answer_nvsp();
	}
	vsc_vmbus_event(&bus, 1);
	return true;
}

static const struct vsc_os os = { post, signal_event, physical, wait };

static void on_received(void *context, const struct vsc_frame *f)
{
	volatile uint8_t sum = 0;

	(void)context;
	if (f->data != frame || f->bytes < VSC_NETVSC_HEADER || f->bytes > FRAME_BYTES || f->parts == 0)
		abort();
	for (uint32_t i = 0; i < f->bytes; i++)
		sum = (uint8_t)(sum + f->data[i]);
	if (f->has_hash)
		vsc_netvsc_send(&n, f->data, f->bytes, NULL);
}

static void on_sent(void *context, void *cookie, int error)
{
	(void)error;
	if (context != &n || cookie != &in)
		abort();
}

static const struct vsc_netvsc_ops ops = { .received = on_received, .sent = on_sent };

static void use(uint8_t what)
{
	const struct vsc_frame_work work = { .checksum = what >> 4 & 1 ? VSC_CHECKSUM_TCP : VSC_CHECKSUM_NONE, .transport = 34, .segment = what >> 5 & 1 };
	const struct vsc_segment segments[2] = { { arena.pages + input_u8(&in), input_u8(&in) }, { arena.pages + 4000, input_u8(&in) * 32u } };

	switch (what % 8) {
	case 0:
	case 1:
		vsc_netvsc_send(&n, arena.pages, input_u8(&in) * 8u, &work);
		break;
	case 2:
	case 3:
		vsc_netvsc_send_pages(&n, segments, 2, &work, &in);
		break;
	case 4:
		vsc_netvsc_set_filter(&n, what >> 4);
		break;
	case 5:
		vsc_netvsc_query(&n, OID_GEN_LINK_SPEED, arena.pages, 4);
		break;
	default:
		wait(NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vmbus_offer_message offer = { .header.type = VMBUS_MSG_OFFER, .type = VMBUS_CLASS_NETWORK, .relid = 1, .connection_id = 9 };
	const struct vsc_netvsc_config config = {
		.rings = arena.rings, .ring_bytes = sizeof arena.rings, .receive = arena.receive, .receive_bytes = RECEIVE_BYTES,
		.send = arena.send, .send_bytes = SEND_BYTES, .scratch = arena.scratch, .ops = &ops, .context = &n,
		.frame = frame ? frame : (frame = malloc(FRAME_BYTES)), .frame_bytes = FRAME_BYTES,
	};

	in = (struct input){ data, size };
	memset(&arena, 0, sizeof arena);
	vsc_vmbus_init(&bus, &os, NULL, 0);
	bus.version = VMBUS_VERSION_5_3;
	vsc_vmbus_message(&bus, &offer, sizeof offer);
	if (vsc_netvsc_open(&n, &bus.channels[0], &config) == 0) {
		vsc_netvsc_set_filter(&n, RNDIS_FILTER_DIRECTED);
		for (unsigned int steps = 0; in.size && steps < 200; steps++)
			use(input_u8(&in));
		vsc_netvsc_close(&n);
	}
	vsc_vmbus_unload(&bus);
	return 0;
}
