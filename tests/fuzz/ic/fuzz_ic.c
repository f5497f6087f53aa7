/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile guest behind the integration components: any answers at any time. */
#undef NDEBUG
#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/ic/ic.h"
#include "vmbus/protocol/ic.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct partition p;
static struct ic_state state[IC_TYPES];
static struct ic *ic[IC_TYPES];
static struct guest_channel g;
static bool ready[IC_TYPES];
static unsigned int pending[IC_TYPES];   /* requests whose end was not told */

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

static void on_done(void *arg, int error, uint32_t status)
{
	unsigned int *count = arg;

	(void)error, (void)status;
	assert(*count);
	--*count;
}

static void on_kvp(void *arg, int error, uint32_t status, const char *key, const char *value)
{
	if (key)
		assert(strlen(key) < IC_KVP_KEY_MAX && strlen(value) < IC_KVP_VALUE_MAX);
	on_done(arg, error, status);
}

static int64_t read_file(void *arg, uint64_t offset, void *to, uint32_t bytes)
{
	(void)arg;
	memset(to, (int)offset, bytes);
	return offset > 30000 ? 0 : bytes;
}

static void request(enum ic_type type, uint8_t what)
{
	struct ic_kvp_request kvp = { .operation = (what >> 4) % 6, .pool = what >> 5 & 3, .index = what, .key = "key", .value = "dhcp=0 address=1" };
	struct ic_fcopy_request file = { .path = "/p", .file = "f", .size = (uint64_t)what << 8, .read = read_file };
	unsigned int *count = &pending[type];
	int rc = -1;

	++*count;
	switch (type) {
	case IC_SHUTDOWN:
		ic_shutdown_request(ic[type], what & 64, what & 128, "text");
		break;
	case IC_TIMESYNC:
		ic_timesync_force(ic[type]);
		break;
	case IC_KVP:
		rc = ic_kvp_request(ic[type], &kvp, on_kvp, count);
		break;
	case IC_VSS:
		rc = what & 64 ? ic_vss_thaw(ic[type], on_done, count) : ic_vss_freeze(ic[type], 2000, on_done, count);
		break;
	case IC_FCOPY:
		rc = ic_fcopy_start(ic[type], &file, on_done, count);
		if (rc && what & 64)
			ic_fcopy_cancel(ic[type]);
		break;
	default:
		break;
	}
	if (rc)
		--*count;
}

static void start(void)
{
	static const struct ic_ops ops = { .ready = on_ready, .reference_time = reference_time };
	static bool started;

	if (started)
		return;
	started = true;
	partition_init(&p);
	for (uint8_t i = 0; i < IC_TYPES; i++)
		assert(ic_create(p.server, (enum ic_type)i, &(struct vmbus_guid){ { i } }, &state[i], &ops, NULL, &ic[i]) == 0);
	vmbus_server_start(p.server);
}

static void put(struct input *in, enum ic_type type, bool framed)
{
	static const uint16_t types[] = { IC_MESSAGE_SHUTDOWN, IC_MESSAGE_HEARTBEAT, IC_MESSAGE_TIMESYNC, IC_MESSAGE_KVP, IC_MESSAGE_VSS,
					  IC_MESSAGE_FCOPY };
	static const struct ic_version versions[] = { { 3, 0 }, { 3, 0 }, { 4, 0 }, { 4, 0 }, { 5, 0 }, { 1, 1 } };
	struct {
		struct ic_header header;
		uint8_t body[7500];
	} message;
	struct vmbus_ring_part part = { &message, input_u8(in) * 30u % (sizeof message + 1) };

	input_bytes(in, &message, sizeof message);
	if (framed) {
		part.bytes = sizeof message;
		message.header.flags = IC_FLAG_RESPONSE;
		message.header.type = message.header.type & 1 ? IC_MESSAGE_NEGOTIATE : types[type];
		message.header.transaction = (uint8_t)(state[type].transaction - (message.header.transaction >> 7));
		/* The lists that the host sent, cut down to an answer. */
		if (message.header.type == IC_MESSAGE_NEGOTIATE && message.header.status & 1) {
			struct ic_negotiate body = { .framework_count = 1, .message_count = 1, .versions = { { 3, 0 }, versions[type] } };

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
	static uint8_t taken[8192];
	uint64_t now = 1, id;
	enum ic_type type;
	uint16_t kind;

	start();
	partition_forget(&p);
	type = input_u8(&in) % IC_TYPES;
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
			request(type, what);
			break;
		case 5:
			while (guest_take(&g, &kind, &id, taken, sizeof taken) >= 0)
				;
			break;
		}
		assert(ready[type] == ic_ready(ic[type]));
	}
	vmbus_server_reset(p.server);
	for (int i = 0; i < IC_TYPES; i++)
		assert(!ready[i] && !pending[i]);
	return 0;
}
