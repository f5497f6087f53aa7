/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile guest behind the three integration components: any answers at any time. */
#undef NDEBUG
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/ic/ic.h"
#include "vsp/ic/ic_protocol.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct partition p;
static struct ic_state state[3];
static struct ic *ic[3];
static struct guest_channel g;
static bool ready[3];

static void on_ready(void *context, enum ic_type type, bool is_ready)
{
	(void)context;
	assert(ready[type] != is_ready);
	ready[type] = is_ready;
}

static uint64_t reference_time(void *context)
{
	(void)context;
	return 1;
}

static void start(void)
{
	static const struct ic_ops ops = { .ready = on_ready, .reference_time = reference_time };
	static bool started;

	if (started)
		return;
	started = true;
	partition_init(&p);
	for (uint8_t i = 0; i < 3; i++)
		assert(ic_create(p.server, (enum ic_type)i, &(struct vmbus_guid){ { i } }, &state[i], &ops, NULL, &ic[i]) == 0);
	vmbus_server_start(p.server);
}

static void put(struct input *in, enum ic_type type, bool framed)
{
	static const uint16_t types[] = { IC_MESSAGE_SHUTDOWN, IC_MESSAGE_HEARTBEAT, IC_MESSAGE_TIMESYNC, IC_MESSAGE_NEGOTIATE };
	struct {
		struct ic_header header;
		uint8_t body[64];
	} message;
	struct vmbus_ring_part part = { &message, input_u8(in) % (sizeof message + 1) };

	input_bytes(in, &message, sizeof message);
	if (framed) {
		part.bytes = sizeof message;
		message.header.flags = IC_FLAG_RESPONSE;
		message.header.type = types[message.header.type & 1 ? 3 : type];
		/* The lists that the host sent, cut down to an answer. */
		if (message.header.type == IC_MESSAGE_NEGOTIATE && message.header.status & 1) {
			struct ic_negotiate body = { .framework_count = 1, .message_count = 1, .versions = { { 3, 0 }, { type == IC_TIMESYNC ? 4 : 3, 0 } } };

			memcpy(message.body, &body, 16);
		}
	}
	if (vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, 1, 0, &part, 1) == VMBUS_RING_OK)
		vmbus_ring_write_end(&g.out);
	vmbus_server_signal(p.server, g.relid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t taken[4096];
	uint64_t now = 1, id;
	enum ic_type type;
	uint16_t kind;

	start();
	partition_forget(&p);
	type = input_u8(&in) % 3;
	guest_connect(&p);
	assert(guest_open(&p, &g, type + 1u, 6, 0) == 0);
	for (int steps = 0; in.size && steps < 60; steps++) {
		uint8_t what = input_u8(&in);

		switch (what % 6) {
		case 0:
			put(&in, type, false);
			break;
		case 1:
		case 2:
			put(&in, type, true);
			break;
		case 3:
			ic_tick(ic[type], now += what * 100u);
			break;
		case 4:
			if (type == IC_SHUTDOWN)
				ic_shutdown_request(ic[type], what & 64, what & 128, "text");
			break;
		case 5:
			while (guest_take(&g, &kind, &id, taken, sizeof taken) >= 0)
				;
			break;
		}
		assert(ready[type] == ic_ready(ic[type]));
	}
	vmbus_server_reset(p.server);
	for (int i = 0; i < 3; i++)
		assert(!ready[i]);
	return 0;
}
