/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open channel whose rings and GPA-direct packets the fuzzer writes. The device touches all memory that a packet resolves to, so
 * ASan sees any byte outside the guest.
 */
#include "fuzz_partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_PAGES 3u            /* each: header and 8 KiB, at guest page 0 and at page 3 */
#define DATA_BYTES ((RING_PAGES - 1) * 4096)

static void open_channel(struct fuzz_partition *p)
{
	struct {
		struct vmbus_gpadl_header header;
		struct vmbus_gpa_range range;
		uint8_t pfns[6 * 8];
	} gpadl = {
		.header = { .header.type = VMBUS_MSG_GPADL_HEADER, .relid = 1, .gpadl = 1, .range_bytes = 56, .range_count = 1 },
		.range = { .bytes = 6 * 4096 },
	};
	struct vmbus_open_message open = { .header.type = VMBUS_MSG_OPEN, .relid = 1, .gpadl = 1, .downstream_page = RING_PAGES };

	for (uint8_t i = 0; i < 6; i++)
		gpadl.pfns[i * 8] = i;
	fuzz_partition_post(p, &gpadl, 20 + 8 + 48);
	fuzz_partition_post(p, &open, sizeof open);
}

/* A well-formed descriptor of a fuzzed type with fuzzed words behind it. */
static void put(struct fuzz_partition *p, struct input *in)
{
	struct vmbus_ring_header *header = (struct vmbus_ring_header *)p->memory[0];
	uint32_t words = input_u8(in) % 40, extension = input_u8(in) % 41, at = header->write_index % DATA_BYTES & ~7u;
	struct vmbus_descriptor d = {
		.type = input_u8(in) & 1 ? VMBUS_PACKET_GPA_DIRECT : VMBUS_PACKET_INBAND, .length8 = (uint16_t)(2 + words),
		.offset8 = (uint16_t)(2 + (extension < words ? extension : words)),
	};
	uint64_t packet[43];

	memcpy(packet, &d, sizeof d);
	for (uint32_t i = 0; i < words; i++) {
		uint8_t kind = input_u8(in);

		packet[2 + i] = kind >> 4;
		if (i == 0)
			packet[2 + i] = (uint64_t)(kind & 3) << 32;
		else if (kind & 8)
			input_bytes(in, &packet[2 + i], 8);
		else if (kind & 4)
			packet[2 + i] = (uint64_t)(input_u8(in) * 64u) | (uint64_t)(kind >> 4) << 40;
	}
	packet[2 + words] = 0;
	for (uint32_t i = 0; i < 3 + words; i++, at = (at + 8) % DATA_BYTES)
		memcpy(p->memory[0] + 4096 + at, &packet[i], 8);
	header->write_index = at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fuzz_partition *p = fuzz_partition_start();
	struct vmbus_ring_header *header = (struct vmbus_ring_header *)p->memory[0];
	struct vmbus_ring_header *other = (struct vmbus_ring_header *)(p->memory[0] + RING_PAGES * 4096);
	struct vmbus_relid_message close = { .header.type = VMBUS_MSG_CLOSE, .relid = 1 };

	fuzz_partition_connect(p);
	open_channel(p);
	while (in.size) {
		uint32_t at;

		switch (input_u8(&in) % 12) {
		case 0:
			header->write_index = input_u32(&in);
			break;
		case 1:
			other->read_index = input_u8(&in) & 1 ? input_u32(&in) : other->write_index;
			break;
		case 2:
			header->pending_send_size = input_u8(&in);
			header->features = input_u8(&in);
			break;
		case 3:
			at = input_u32(&in) % (6 * 4096 - 8);
			input_bytes(&in, p->memory[0] + at, 8);
			break;
		case 4:
			fuzz_partition_post(p, &close, sizeof close);
			memset(p->memory[0], 0, 6 * 4096);
			open_channel(p);
			break;
		case 5:
			fuzz_partition_succeed(p);
			break;
		case 6:
		case 7:
			vmbus_server_signal(p->server, 1);
			break;
		default:
			put(p, &in);
		}
	}
	vmbus_server_signal(p->server, 1);
	return 0;
}
