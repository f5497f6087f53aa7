/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile host against the guest's stream sockets: offers, results, rescinds, ring indices and packets are the fuzzer's. Nothing outside the
 * client's memory may be touched, and everything must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/status.h"
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "vsc/hvsock/hvsock.h"

#define RING_BYTES (6u * 4096)
#define HALF (RING_BYTES / 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t arena[2][RING_BYTES] __attribute__((aligned(4096)));
static struct vsc_vmbus bus;
static struct vsc_hvsock streams[2];
static struct input in;

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
	if ((uintptr_t)memory - (uintptr_t)arena >= sizeof arena)
		abort();
	return (uintptr_t)memory - (uintptr_t)arena;
}

static void answer(void)
{
	uint8_t m[VMBUS_MESSAGE_MAX] = { 0 };

	memcpy(m, &bus.reply.type, 4);
	memcpy(m + 8, bus.reply.key, sizeof bus.reply.key);
	if (bus.reply.type == VMBUS_MSG_VERSION_RESPONSE)
		m[8] = 1;
	vsc_vmbus_message(&bus, m, sizeof m);
}

static void offer(uint8_t what)
{
	struct vmbus_offer_message m = {
		.header.type = VMBUS_MSG_OFFER, .type = hvsock_guid(what & 1 ? 5000 : 7000), .instance = hvsock_guid(what & 2 ? 40000 : what),
		.flags = VMBUS_OFFER_TLNPI_PROVIDER, .relid = 1 + what / 8 % 4, .connection_id = 9,
	};

	m.user[HVSOCK_USER_FROM_HOST] = what & 1;
	vsc_vmbus_message(&bus, &m, sizeof m);
}

/* A packet into the ring that the host fills, well formed or not, or just an index. */
static void scribble(uint8_t *memory)
{
	struct vmbus_ring_header *header = (void *)(memory + HALF);
	uint32_t size = HALF - 4096, at = header->write_index % size & ~7u, bytes = input_u8(&in) * 8u + 8;
	struct vmbus_descriptor d = { VMBUS_PACKET_INBAND, 2, (uint16_t)(2 + bytes / 8), 0, 0 };
	struct hvsock_header h = { HVSOCK_DATA, bytes - 8 };
	uint8_t packet[16 + 2048 + 8] = { 0 };
	uint8_t what = input_u8(&in);

	if (what % 8 == 0) {
		header->write_index = input_u32(&in);
		return;
	}
	if (what % 8 == 1)
		h = (struct hvsock_header){ input_u8(&in), input_u32(&in) };
	if (what % 16 == 2)
		input_bytes(&in, &d, sizeof d);
	memcpy(packet, &d, sizeof d);
	memcpy(packet + 16, &h, sizeof h);
	for (uint32_t i = 0; i < 16 + bytes + 8; i++)
		(memory + HALF + 4096)[(at + i) % size] = packet[i];
	header->write_index = (at + 16 + bytes + 8) % size;
}

static bool wait(void *context)
{
	uint8_t message[VMBUS_MESSAGE_MAX + 16], what = input_u8(&in), *memory = arena[what >> 7];
	uint32_t bytes;

	(void)context;
	if (in.size == 0)
		return false;
	switch (what % 8) {
	case 0:
		bytes = input_u8(&in);
		input_bytes(&in, message, bytes);
		vsc_vmbus_message(&bus, message, bytes);
		break;
	case 1:
		offer(input_u8(&in));
		break;
	case 2:
		vsc_vmbus_message(&bus, (const uint32_t[]){ VMBUS_MSG_RESCIND, 0, 1 + input_u8(&in) % 4 }, 12);
		break;
	case 3:
		scribble(memory);
		break;
	case 4:
		vsc_vmbus_event(&bus, 1 + input_u8(&in) % 4);
		break;
	case 5:
		/* The ring that we write: how far it has been read. */
		((struct vmbus_ring_header *)(void *)memory)->read_index =
			input_u8(&in) % 4 ? ((struct vmbus_ring_header *)(void *)memory)->write_index : input_u32(&in);
		break;
	default:
		answer();
	}
	return true;
}

static const struct vsc_os os = { post, signal_event, physical, wait };

static void use(unsigned int n)
{
	struct vsc_hvsock *s = &streams[n];
	static uint8_t data[20000];
	uint8_t what = input_u8(&in);
	int rc;

	switch (what % 8) {
	case 0:
		vsc_hvsock_connect(s, &bus, 40000, 7000, arena[n], RING_BYTES);
		break;
	case 1:
		vsc_hvsock_accept(s, &bus, 5000, arena[n], RING_BYTES);
		break;
	case 2:
	case 3:
		rc = vsc_hvsock_send(s, data, input_u8(&in) * 70u);
		if (rc > (int)sizeof data)
			abort();
		break;
	case 4:
	case 5:
		rc = vsc_hvsock_receive(s, data, input_u8(&in) * 70u + 1);
		if (rc > 255 * 70 + 1)
			abort();
		break;
	case 6:
		vsc_hvsock_send_end(s);
		break;
	case 7:
		vsc_hvsock_close(s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = (struct input){ data, size };
	memset(arena, 0, sizeof arena);
	memset(streams, 0, sizeof streams);
	vsc_vmbus_init(&bus, &os, NULL, 0);
	bus.version = VMBUS_VERSION_5_3;
	for (unsigned int steps = 0; in.size && steps < 200; steps++) {
		use(input_u8(&in) & 1);
		wait(NULL);
	}
	vsc_vmbus_unload(&bus);
	return 0;
}
