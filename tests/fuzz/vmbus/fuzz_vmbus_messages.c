/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of control messages from a hostile guest, between them signals, a message slot that is taken or free, and workers that
 * die. Small numbers are likely, so that messages meet the channels and GPADLs of earlier ones.
 */
#include "fuzz_partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t kinds[] = {
	VMBUS_MSG_REQUEST_OFFERS, VMBUS_MSG_OPEN, VMBUS_MSG_CLOSE, VMBUS_MSG_GPADL_HEADER, VMBUS_MSG_GPADL_BODY, VMBUS_MSG_GPADL_TEARDOWN,
	VMBUS_MSG_RELID_RELEASED, VMBUS_MSG_INITIATE_CONTACT, VMBUS_MSG_UNLOAD, VMBUS_MSG_TL_CONNECT, VMBUS_MSG_MODIFY_CHANNEL,
};

/* Type by one byte, size by one, then 32-bit fields of one byte each, one in eight of them whole. */
static void post_any(struct fuzz_partition *p, struct input *in)
{
	uint8_t message[VMBUS_MESSAGE_MAX] = { kinds[input_u8(in) % sizeof kinds] };
	size_t size = input_u8(in) % (VMBUS_MESSAGE_MAX + 1);
	uint8_t whole = input_u8(in);

	for (size_t at = 8; at + 4 <= size && in->size; at += 4) {
		uint32_t value = whole >> (at / 4 % 8) & 1 ? input_u32(in) : input_u8(in);

		memcpy(message + at, &value, sizeof value);
	}
	fuzz_partition_post(p, message, size);
}

/* A good GPADL of rings on channel 1 or 2, so that opens succeed. */
static void post_rings(struct fuzz_partition *p, struct input *in)
{
	struct {
		struct vmbus_gpadl_header header;
		struct vmbus_gpa_range range;
		uint8_t pfns[8 * 8];
	} m = {
		.header = { .header.type = VMBUS_MSG_GPADL_HEADER, .range_bytes = 72, .range_count = 1 }, .range = { .bytes = 8 * 4096 },
	};

	m.header.relid = 1 + (input_u8(in) & 1);
	m.header.gpadl = input_u8(in) & 3;
	for (unsigned i = 0; i < 8; i++)
		m.pfns[i * 8] = (uint8_t)(input_u8(in) % (FUZZ_PAGES + 1));
	fuzz_partition_post(p, &m, 20 + 8 + 64);
}

static void post_open(struct fuzz_partition *p, struct input *in)
{
	struct vmbus_open_message m = { .header.type = VMBUS_MSG_OPEN };
	uint8_t what = input_u8(in);

	m.relid = 1 + (what & 3);
	m.gpadl = what >> 2 & 3;
	m.downstream_page = what >> 4 & 7;
	m.target_vp = what >> 7;
	m.user[0] = input_u8(in);
	fuzz_partition_post(p, &m, sizeof m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fuzz_partition *p = fuzz_partition_start();

	fuzz_partition_connect(p);
	while (in.size) {
		uint8_t what = input_u8(&in);

		switch (what % 16) {
		case 0:
			p->slot_taken = true;
			break;
		case 1:
			p->slot_taken = false;
			vmbus_server_message_slot_free(p->server);
			break;
		case 2:
			/* A byte of the ring first, so that there may be something to take. */
			p->memory[0][input_u8(&in) * 16] = input_u8(&in);
			vmbus_server_signal(p->server, what >> 4);
			break;
		case 3:
			fuzz_partition_succeed(p);
			break;
		case 4:
			fuzz_partition_connect(p);
			break;
		case 5:
			vmbus_server_hold(p->server);
			break;
		case 6:
			vmbus_server_release(p->server);
			break;
		case 7:
		case 8:
			post_rings(p, &in);
			break;
		case 9:
		case 10:
			post_open(p, &in);
			break;
		case 11:
			fuzz_partition_toggle(p, what >> 7);
			break;
		default:
			post_any(p, &in);
		}
	}
	return 0;
}
