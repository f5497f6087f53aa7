/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile host against the guest's client: every control message, ring index and packet that the client reads is the fuzzer's. Nothing outside
 * the client's memory may be touched, and everything must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/status.h"
#include "vsc/storvsc/disk.h"

#define ARENA_PAGES 24u
#define RING_BYTES  (8u * 4096)

static uint8_t arena[ARENA_PAGES * 4096] __attribute__((aligned(4096)));
static const uint8_t *input;
static size_t left;
static struct vsc_vmbus bus;

static size_t take(void *to, size_t bytes)
{
	if (bytes > left)
		bytes = left;
	memcpy(to, input, bytes);
	input += bytes;
	left -= bytes;
	return bytes;
}

static uint8_t byte(void)
{
	uint8_t b = 0;

	take(&b, 1);
	return b;
}

static uint16_t post(void *context, uint32_t connection_id, const void *payload, uint32_t bytes)
{
	volatile uint8_t sum = 0;
	uint32_t i;

	(void)context;
	(void)connection_id;
	for (i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)payload)[i]);
	return byte() % 16 ? HV_STATUS_SUCCESS : byte() % 2 ? HV_STATUS_INSUFFICIENT_BUFFERS : HV_STATUS_INVALID_CONNECTION_ID;
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

/* Answers what the client waits for, often well. */
static void answer(void)
{
	uint8_t m[VMBUS_MESSAGE_MAX] = { 0 };

	memcpy(m, &bus.reply.type, 4);
	memcpy(m + 8, bus.reply.key, sizeof bus.reply.key);
	if (bus.reply.type == VMBUS_MSG_VERSION_RESPONSE)
		m[8] = 1;
	vsc_vmbus_message(&bus, m, sizeof m);
}

static void offer(void)
{
	struct vmbus_offer_message m = { .header.type = VMBUS_MSG_OFFER, .type = VMBUS_CLASS_SCSI, .relid = byte(), .connection_id = 9 };

	vsc_vmbus_message(&bus, &m, sizeof m);
}

/* Writes the fuzzer's bytes into the ring that the host fills, and an index that may be good. */
static void scribble(void)
{
	struct vmbus_ring_header *header = (void *)(arena + RING_BYTES / 2);
	uint32_t write = header->write_index, bytes = byte() * 8u;
	uint8_t *data = (uint8_t *)(header + 1);

	if (write < RING_BYTES / 2 - 4096 - 2048 && bytes >= 24) {
		struct vmbus_descriptor d = { VMBUS_PACKET_COMPLETION, 2, (uint16_t)(bytes / 8 - 1), 0, byte() % 8 ? byte() : ~0ull - 1 };

		take(data + write, bytes);
		if (byte() % 4)
			memcpy(data + write, &d, sizeof d);
		data[write + sizeof d] = VSTOR_COMPLETE_IO;
		header->write_index = write + bytes;
	} else {
		take(&header->write_index, 4);
	}
}

static bool wait(void *context)
{
	uint8_t message[VMBUS_MESSAGE_MAX + 16];

	(void)context;
	if (left == 0)
		return false;
	switch (byte() % 8) {
	case 0:
		vsc_vmbus_message(&bus, message, (uint32_t)take(message, byte()));
		break;
	case 1:
		offer();
		break;
	case 2:
		vsc_vmbus_message(&bus, (const uint32_t[]){ VMBUS_MSG_ALL_OFFERS_DELIVERED, 0 }, 8);
		break;
	case 3:
		scribble();
		break;
	case 4:
		vsc_vmbus_event(&bus, byte());
		break;
	case 5:
		arena[take(&message, 2) ? (message[0] | message[1] << 8) % (RING_BYTES) : 0] = byte();
		break;
	default:
		answer();
	}
	return true;
}

static const struct vsc_os os = { post, signal_event, physical, wait };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vmbus_guid class = VMBUS_CLASS_SCSI;
	struct vsc_storvsc storvsc = { 0 };
	struct vsc_channel *channel;
	struct vsc_disk disk;
	unsigned int i;

	input = data;
	left = size;
	memset(arena, 0, RING_BYTES);
	vsc_vmbus_init(&bus, &os, NULL, 0);
	vsc_vmbus_connect(&bus, 0);
	vsc_vmbus_request_offers(&bus);
	channel = vsc_vmbus_find(&bus, &class, 0);
	if (!channel)
		return 0;
	if (vsc_storvsc_open(&storvsc, channel, arena, RING_BYTES) == 0) {
		vsc_disk_probe(&disk, &storvsc, 0, 0, arena + RING_BYTES);
		disk.block_bytes = 512;
		for (i = 0; i < 4 && left; i++)
			vsc_disk_read(&disk, i, arena + RING_BYTES, 8192);
		vsc_storvsc_close(&storvsc);
	}
	if (channel->rescinded)
		vsc_channel_release(channel);
	vsc_vmbus_unload(&bus);
	return 0;
}
