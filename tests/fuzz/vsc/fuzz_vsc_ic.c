/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile host behind the guest's integration components: any messages, framed or not, at any time. What is framed is answered, once. */
#undef NDEBUG
#include <assert.h>

#include "tests/fuzz/vmbus/fuzz_input.h"
#include "tests/unit/vsc/wired.h"
#include "vsc/ic/ic.h"

#define RING_BYTES (16u * 4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wired w;
static struct vsc_ic ic;
static struct vmbus_channel *channels[VSC_IC_TYPES];
static enum vsc_ic_type type;
static struct vsc_kvp_entry entries[5];
static struct vsc_kvp kvp = { entries, 5 };
static bool file_open;
static unsigned int answers;
static struct input in;

static int host_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	(void)device, (void)user;
	channels[type] = channel;
	return 0;
}

static void host_signal(void *device, struct vmbus_channel *channel)
{
	static struct {
		struct ic_header header;
		uint8_t body[8192];
	} got;
	struct vmbus_packet packet = { .payload = (uint8_t *)&got, .payload_capacity = sizeof got };

	(void)device;
	while (vmbus_channel_next_packet(channel, &packet) == 0) {
		assert(got.header.flags == (IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE));
		answers++;
		packet = (struct vmbus_packet){ .payload = (uint8_t *)&got, .payload_capacity = sizeof got };
	}
}

static void host_close(void *device, struct vmbus_channel *channel)
{
	(void)device, (void)channel;
	channels[type] = NULL;
}

static uint32_t on_shutdown(void *context, uint32_t flags, const char *text)
{
	(void)context, (void)flags;
	assert(strlen(text) < sizeof((struct ic_shutdown *)0)->text);
	return 0;
}

static uint32_t on_kvp(void *context, struct ic_kvp *message)
{
	uint32_t status = vsc_kvp_serve(context, message);

	for (unsigned int i = 0; i < kvp.count; i++)
		assert(!entries[i].used || (entries[i].pool < IC_KVP_POOLS && entries[i].pool != IC_KVP_GUEST &&
					    entries[i].pair.key_bytes <= IC_KVP_KEY_BYTES && entries[i].pair.value_bytes <= IC_KVP_VALUE_BYTES));
	return status;
}

static uint32_t on_file_start(void *context, const struct ic_fcopy_start *file)
{
	(void)context;
	assert(!file_open && !file->path[sizeof file->path - 1]);
	file_open = true;
	return 0;
}

static uint32_t on_file_write(void *context, uint64_t offset, const uint8_t *data, uint32_t bytes)
{
	static uint8_t to[IC_FCOPY_FRAGMENT];

	(void)context, (void)offset;
	assert(file_open && bytes <= sizeof to);
	memcpy(to, data, bytes);
	return 0;
}

static uint32_t on_file_end(void *context, bool complete)
{
	(void)context, (void)complete;
	assert(file_open);
	file_open = false;
	return 0;
}

static const struct vsc_ic_ops ops = {
	.shutdown = on_shutdown, .kvp = on_kvp, .file_start = on_file_start, .file_write = on_file_write, .file_end = on_file_end,
};

/* A frame that holds together but for the fuzzer's bytes in it; the body is mostly zeros, so that lengths in it can be small. */
static void put(bool framed)
{
	static const uint16_t types[] = { IC_MESSAGE_SHUTDOWN, IC_MESSAGE_HEARTBEAT, IC_MESSAGE_TIMESYNC, IC_MESSAGE_KVP, IC_MESSAGE_VSS,
					  IC_MESSAGE_FCOPY };
	static struct {
		struct ic_header header;
		uint8_t body[8200];
	} message;
	const unsigned int before = answers;
	struct iovec part = { &message, input_u8(&in) * 33u % (sizeof message + 1) };
	uint8_t given = input_u8(&in);
	int rc;

	memset(&message, 0, sizeof message);
	input_bytes(&in, &message, given);
	if (framed && part.iov_len >= sizeof message.header) {
		message.header.flags = IC_FLAG_REQUEST;
		message.header.type = message.header.type % 4 ? types[type] : IC_MESSAGE_NEGOTIATE;
		message.header.bytes = (uint16_t)(part.iov_len - sizeof message.header);
	}
	rc = vmbus_channel_sendv(channels[type], VMBUS_PACKET_INBAND, 0, given, NULL, 0, &part, 1);
	while (wired_pump(&w))
		;
	assert(answers <= before + 1);
	if (framed && rc == 0 && part.iov_len >= sizeof message.header && part.iov_len <= sizeof ic.packet)
		assert(answers == before + 1);
}

static void start(void)
{
	static const struct vmbus_channel_ops channel_ops = { .open = host_open, .signal = host_signal, .close = host_close };

	wired_init(&w);
	for (uint8_t i = 0; i < VSC_IC_TYPES; i++) {
		struct vmbus_offer offer = { .type = vsc_ic_class(i), .instance = { { (uint8_t)(i + 1) } } };

		assert(vmbus_server_offer(w.server, &offer, &channel_ops, NULL));
	}
	wired_connect(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *memory;
	struct vmbus_guid class;

	in = (struct input){ data, size };
	if (!memory) {
		start();
		memory = wired_memory(&w, RING_BYTES);
	}
	type = input_u8(&in) % VSC_IC_TYPES;
	class = vsc_ic_class(type);
	memset(entries, 0, sizeof entries);
	assert(vsc_ic_open(&ic, type, vsc_vmbus_find(&w.bus, &class, 0), &ops, &kvp, memory, RING_BYTES) == 0);
	for (int steps = 0; in.size && steps < 60; steps++)
		put(input_u8(&in) % 4);
	assert(vsc_ic_close(&ic) == 0 && !file_open);
	return 0;
}
