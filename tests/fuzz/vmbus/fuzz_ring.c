/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes rings whose other end is the fuzzer: it sets header fields and data between any two steps. Each page is an
 * allocation of its own, so that ASan sees a byte outside; what the ring promises about packets is asserted.
 */
#include <assert.h>
#include <stdlib.h>

#include "fuzz_input.h"
#include "vmbus/ring/ring.h"

#define PAGE 4096u
#define PAGES 3u
#define SIZE ((PAGES - 1) * PAGE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *pages[2][PAGES];

static void scribble(struct input *in)
{
	unsigned which = input_u8(in) & 1;
	struct vmbus_ring_header *header = (struct vmbus_ring_header *)pages[which][0];
	uint32_t value = input_u32(in), at;

	switch (input_u8(in) % 6) {
	case 0:
		header->write_index = value % (SIZE + 16);
		break;
	case 1:
		header->read_index = value % (SIZE + 16);
		break;
	case 2:
		header->write_index = value;
		header->read_index = input_u32(in);
		break;
	case 3:
		header->pending_send_size = value;
		header->features = value >> 31;
		break;
	default:
		at = value % SIZE & ~7u;
		input_bytes(in, pages[which][1 + at / PAGE] + at % PAGE, 8);
	}
}

static void read_some(struct vmbus_ring *ring, struct input *in)
{
	static uint8_t copy[SIZE];
	struct vmbus_ring_packet packet;
	unsigned packets = input_u8(in) % 16;

	if (vmbus_ring_read_begin(ring) == VMBUS_RING_BAD)
		return;
	while (packets-- && vmbus_ring_peek(ring, &packet) == VMBUS_RING_OK) {
		if (packets & 1)
			scribble(in);
		assert(packet.header_bytes >= 16 && packet.header_bytes <= packet.total_bytes && packet.total_bytes + 8 < SIZE);
		assert(vmbus_ring_copy(ring, &packet, 0, copy, packet.total_bytes));
		vmbus_ring_copy(ring, &packet, input_u32(in), copy, input_u8(in));
		vmbus_ring_consume(ring, &packet);
		assert(ring->next < SIZE && ring->next % 8 == 0);
	}
	vmbus_ring_read_end(ring);
	vmbus_ring_unmask(ring);
}

static void write_some(struct vmbus_ring *ring, struct input *in)
{
	static const uint8_t payload[SIZE + 64];
	uint32_t value = input_u32(in);
	struct vmbus_ring_part parts[2] = { { payload, (value & 15) * 8 }, { payload, (value >> 4) % sizeof payload } };

	vmbus_ring_write(ring, 6, 0, value, (value & 15) * 8, parts, 2);
	assert(ring->next < SIZE && ring->next % 8 == 0);
	if (value >> 31)
		vmbus_ring_write_end(ring);
	vmbus_ring_has_room(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct vmbus_ring reader, writer;

	for (unsigned r = 0; r < 2; r++)
		for (unsigned i = 0; i < PAGES; i++) {
			if (!pages[r][i])
				pages[r][i] = malloc(PAGE);
			memset(pages[r][i], 0, PAGE);
		}
	vmbus_ring_init_pages(&reader, pages[0], PAGES);
	vmbus_ring_init_pages(&writer, pages[1], PAGES);
	scribble(&in);
	scribble(&in);
	if (vmbus_ring_reader_start(&reader) || vmbus_ring_writer_start(&writer))
		return 0;
	while (in.size) {
		switch (input_u8(&in) % 4) {
		case 0:
			read_some(&reader, &in);
			break;
		case 1:
			write_some(&writer, &in);
			break;
		default:
			scribble(&in);
		}
	}
	return 0;
}
