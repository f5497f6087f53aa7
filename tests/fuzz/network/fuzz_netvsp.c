/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest before a network interface: NVSP and RNDIS of any content in any order, frames that come meanwhile, slots given back
 * that it does not have; now and then with a second channel, to which its own table sends frames, and with a successor on what is left of
 * the state. Whatever it does, nothing is read or written outside of its memory, and a new start finds a working interface.
 */
#undef NDEBUG
#include "interface.h"
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "vmbus/protocol/message.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct interface i;
static struct guest_channel sub; /* relid 0: not open */
static uint8_t message[16384];
static struct frame frame;

static void put(uint16_t type, uint64_t id, const void *extension, uint32_t extension_bytes, const void *payload, uint32_t bytes)
{
	struct vmbus_ring_part parts[2] = { { extension, extension_bytes }, { payload, bytes } };

	if (vmbus_ring_write(&i.g.out, type, id & 1, id, extension_bytes, parts, 2) == VMBUS_RING_OK)
		vmbus_ring_write_end(&i.g.out);
}

/* A data or control message whose frame is right, so that what is inside gets far: in a section, in named pages, or both. */
static void put_rndis(struct input *in, uint8_t shape)
{
	struct nvsp_message m = { .type = NVSP_SEND_RNDIS_PACKET, .rndis = { shape >> 7, shape & 1 ? input_u8(in) % 6 : NVSP_NO_SECTION, 0 } };
	uint8_t *section = i.p.low + RECEIVE_PAGES / 2 * 4096u + (m.rndis.section % 5) * 6144u, *page = i.p.low + REQUEST_PAGE * 4096u;
	uint32_t info[4], count = shape >> 1 & 3, bytes;
	uint64_t extension[4] = { 1ull << 32, 0, REQUEST_PAGE, REQUEST_PAGE + 1 };
	uint8_t inside[2048];

	if (count > 2)
		count = 2;
	for (uint32_t n = 0; n < 2 * count; n++)
		info[n] = n % 2 ? input_u32(in) : input_u8(in) % 9;
	memset(inside, 0, sizeof inside);
	memcpy(inside + 6, guest_mac, 6);
	bytes = 14 + input_u32(in) % 2000;
	input_bytes(in, inside + 12, 128);
	if (shape & 64) {
		memcpy(message, &(struct rndis_header){ 2 + (shape >> 3 & 7), 8 + 20 + bytes % 300 }, 8);
		input_bytes(in, message + 8, 64);
		bytes = 28 + bytes % 300;
	} else {
		bytes = wrap(message, inside, bytes, info, count);
	}
	if (shape & 8)
		message[8 + input_u8(in) % 36] = input_u8(in);
	if (m.rndis.section != NVSP_NO_SECTION) {
		m.rndis.section_bytes = shape & 16 ? 44 : bytes;
		memcpy(section, message, bytes);
		memcpy(page, message + 44, bytes > 44 ? bytes - 44 : 0);
		extension[1] = bytes > 44 ? bytes - 44 : 8;
	} else {
		memcpy(page, message, bytes);
		extension[1] = bytes;
	}
	if (m.rndis.section == NVSP_NO_SECTION || shape & 16)
		put(VMBUS_PACKET_GPA_DIRECT, input_u8(in), extension, extension[1] > 4096 ? 32 : 24, &m, sizeof m);
	else
		put(VMBUS_PACKET_INBAND, input_u8(in), NULL, 0, &m, sizeof m);
}

static void put_nvsp(struct input *in)
{
	static const uint8_t types[] = { 1, 100, 101, 103, 104, 106, 107, 125, 129, 133 };
	struct nvsp_message m;

	input_bytes(in, &m, sizeof m);
	if (m.type & 1)
		m.type = types[m.type / 2 % sizeof types];
	if (m.type == NVSP_SEND_RECEIVE_BUFFER || m.type == NVSP_SEND_SEND_BUFFER)
		m.buffer.gpadl = m.buffer.gpadl & 1 ? 0xaa : 0xbb;
	put(input_u8(in) % 4 ? VMBUS_PACKET_INBAND : input_u8(in) % 16, input_u8(in), NULL, 0, &m, 4 + input_u8(in) % 37);
}

/* A second channel, and a table that names both, and others. */
static void open_second(struct input *in)
{
	const struct nvsp_message ask = { .type = NVSP_SUBCHANNEL, .subchannel = { NVSP_SUBCHANNEL_ALLOCATE, 1 } };
	const unsigned offers = count_of(&i.p, VMBUS_MSG_OFFER);
	struct {
		struct rndis_request request;
		struct ndis_receive_scale_parameters p;
		uint32_t table[16];
		uint8_t key[NDIS_RSS_KEY_BYTES];
	} m = {
		{ 9, OID_GEN_RECEIVE_SCALE_PARAMETERS, sizeof m - sizeof m.request, sizeof m.request, 0 },
		{ .hash = 0x3f00 | NDIS_HASH_FUNCTION_TOEPLITZ, .table_bytes = sizeof m.table, .table_offset = sizeof m.p,
		  .key_bytes = sizeof m.key, .key_offset = sizeof m.p + sizeof m.table },
		{ 0 }, { 0 },
	};
	struct rndis_set_complete answer;
	struct vmbus_offer_message offer;

	assert(nvsp_ask(&i, &ask).subchannel_complete.count == 1);
	memcpy(&offer, message_of(&i.p, VMBUS_MSG_OFFER, offers)->bytes, sizeof offer);
	assert(guest_open(&i.p, &sub, offer.relid, 12, 1) == 0);
	for (uint32_t n = 0; n < 16; n++)
		m.table[n] = input_u8(in) % 3;
	input_bytes(in, m.key, sizeof m.key);
	rndis_ask(&i, RNDIS_SET, &m, sizeof m, &answer, sizeof answer);
	assert(answer.status == RNDIS_STATUS_SUCCESS);
}

static void drain(struct vmbus_ring *ring)
{
	struct vmbus_ring_packet packet;

	while (vmbus_ring_read_begin(ring) == VMBUS_RING_OK && vmbus_ring_peek(ring, &packet) == VMBUS_RING_OK) {
		vmbus_ring_consume(ring, &packet);
		vmbus_ring_read_end(ring);
	}
}

static void take_all(void)
{
	drain(&i.g.in);
	if (sub.relid)
		drain(&sub.in);
	while (read(i.tap, &frame, sizeof frame) > 0)
		;
}

/* A successor, maybe with a state that its predecessor's end has spoilt. */
static void succeed(struct input *in, uint8_t what)
{
	uint8_t *state = (uint8_t *)&i.state;
	uint32_t at = offsetof(struct netvsp_state, settings);

	for (uint32_t n = what >> 5; n > 1; n--)
		state[at + input_u32(in) % (sizeof i.state - at)] = input_u8(in);
	interface_succeed(&i);
}

static void step(struct input *in, uint8_t what)
{
	uint32_t bytes;

	switch (what % 9) {
	case 0:
		put_nvsp(in);
		break;
	case 1:
	case 2:
	case 3:
		put_rndis(in, input_u8(in));
		break;
	case 4:
		put(VMBUS_PACKET_COMPLETION, input_u8(in), NULL, 0, &what, 1);
		break;
	case 5:
		bytes = input_u32(in) % 65550;
		memcpy(frame.bytes, guest_mac, 6);
		input_bytes(in, frame.bytes + 12, 64);
		if (what & 64)
			memcpy(frame.bytes + 12, what & 128 ? "\x86\xdd\x60" : "\x08\0\x45", 3);
		frame.header.flags = what >> 3 & 3;
		if (write(i.tap, &frame, sizeof frame.header + bytes) > 0)
			netvsp_input(i.vsp, 0);
		break;
	case 6:
		netvsp_set_link(i.vsp, what & 8);
		netvsp_flush(i.vsp);
		break;
	case 7:
		take_all();
		break;
	case 8:
		succeed(in, what);
		break;
	}
	vmbus_server_signal(i.p.server, i.g.relid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct input in = { data, size };
	uint32_t mac[2];

	if (!started)
		interface_init_queues(&i, false, 2);
	started = true;
	partition_forget(&i.p);
	netvsp_set_link(i.vsp, true);
	interface_up(&i);
	sub.relid = 0;
	if (input_u8(&in) & 1)
		open_second(&in);
	for (int steps = 0; in.size && steps < 50; steps++)
		step(&in, input_u8(&in));
	take_all();
	vmbus_server_reset(i.p.server);
	/* The next guest is served. */
	partition_forget(&i.p);
	netvsp_set_link(i.vsp, true);
	interface_up(&i);
	assert(rndis_query(&i, OID_802_3_CURRENT_ADDRESS, 0, mac, sizeof mac) == RNDIS_STATUS_SUCCESS && !memcmp(mac, guest_mac, 6));
	vmbus_server_reset(i.p.server);
	return 0;
}
