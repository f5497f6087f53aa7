/* SPDX-License-Identifier: BSD-2-Clause */
/* See guest.h. */
#include "tests/unit/ic/guest.h"

struct partition p;
struct guest_channel g;
struct ic_state state;
struct ic *ic;
struct seen seen;
struct result result;
struct message message;
int message_bytes;
static uint64_t message_id;

static void on_ready(void *context, enum ic_type type, bool ready)
{
	(void)context;
	(void)type;
	ready ? seen.ready++ : seen.gone++;
}

static void on_answer(void *context, bool reboot, uint32_t status)
{
	(void)context;
	seen.answers++;
	seen.reboot = reboot;
	seen.status = status;
}

static void on_heartbeat(void *context, bool alive)
{
	(void)context;
	alive ? seen.began++ : seen.stopped++;
}

static uint64_t reference_time(void *context)
{
	(void)context;
	return 1234567;
}

static void on_log(void *context, const char *text)
{
	(void)context;
	(void)text;
	seen.logs++;
}

static const struct ic_ops ops = {
	.ready = on_ready, .shutdown_answer = on_answer, .heartbeat = on_heartbeat, .reference_time = reference_time, .log = on_log,
};

void offer(enum ic_type type)
{
	struct vmbus_guid instance = { { 9 } };

	ck_assert_int_eq(ic_create(p.server, type, &instance, &state, &ops, NULL, &ic), 0);
	vmbus_server_start(p.server);
}

void begin(enum ic_type type)
{
	memset(&seen, 0, sizeof seen);
	memset(&state, 0, sizeof state);
	partition_init(&p);
	offer(type);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, PAGES, 0), 0);
}

void end(void)
{
	ic_free(ic);
	partition_done(&p);
}

bool receive(void)
{
	uint16_t type;

	message_bytes = guest_take(&g, &type, &message_id, &message, sizeof message);
	if (message_bytes < 0)
		return false;
	ck_assert_uint_eq(type, VMBUS_PACKET_INBAND);
	ck_assert_int_ge(message_bytes, sizeof message.header + message.header.bytes);
	ck_assert_uint_eq(message.header.pipe_bytes, 20u + message.header.bytes);
	ck_assert_uint_eq(message.header.flags, IC_FLAG_TRANSACTION | IC_FLAG_REQUEST);
	return true;
}

void send_bytes(const void *bytes, uint32_t size)
{
	struct vmbus_ring_part part = { bytes, size };

	ck_assert_int_eq(vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, message_id, 0, &part, 1), VMBUS_RING_OK);
	vmbus_ring_write_end(&g.out);
	vmbus_server_signal(p.server, 1);
}

void reply(void)
{
	message.header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	send_bytes(&message, (uint32_t)message_bytes);
}

void answer_negotiation(uint16_t framework_major, uint16_t major, uint16_t minor)
{
	struct ic_negotiate body = { .framework_count = 1, .message_count = 1, .versions = { { framework_major, 0 }, { major, minor } } };

	ck_assert_uint_eq(message.header.type, IC_MESSAGE_NEGOTIATE);
	memcpy(message.body, &body, 16);
	reply();
}

void connect_ic(enum ic_type type, uint16_t major, uint16_t minor)
{
	begin(type);
	ck_assert(receive());
	answer_negotiation(3, major, minor);
	ck_assert(ic_ready(ic));
	ck_assert_uint_eq(seen.ready, 1);
}

void on_done(void *arg, int error, uint32_t status)
{
	(void)arg;
	result.count++;
	result.error = error;
	result.status = status;
}

void setup(enum ic_type type)
{
	static const uint16_t versions[IC_TYPES] = { [IC_KVP] = 4, [IC_VSS] = 5, [IC_FCOPY] = 1 };

	memset(&result, 0, sizeof result);
	connect_ic(type, versions[type], type == IC_FCOPY ? 1 : 0);
	ic_tick(ic, 1000);
}

void expect(unsigned int count, int error)
{
	ck_assert_uint_eq(result.count, count);
	ck_assert_int_eq(result.error, error);
}
