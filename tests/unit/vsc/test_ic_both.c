/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of ours: the guest's answers of vsc/ic to what vsp/ic asks, and a host that asks what makes no sense. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ic_pair.h"
#include "tests/unit/run_tests.h"

static struct ic_pair p;

static struct end {
	unsigned int count;
	int error;
	uint32_t status;
	char key[64], value[64];
} end;

static void on_done(void *arg, int error, uint32_t status)
{
	(void)arg;
	end.count++;
	end.error = error;
	end.status = status;
}

static void on_pair(void *arg, int error, uint32_t status, const char *key, const char *value)
{
	on_done(arg, error, status);
	snprintf(end.key, sizeof end.key, "%s", key ? key : "");
	snprintf(end.value, sizeof end.value, "%s", value ? value : "");
}

static void begin(enum ic_type type)
{
	memset(&end, 0, sizeof end);
	ic_pair_begin(&p, type);
}

/* As hv_utils: the newest of each list that the guest knows. Of key-value pairs 5.0 is offered, which nobody has seen defined. */
START_TEST(each_agrees_on_the_newest_version)
{
	static const uint32_t newest[IC_TYPES] = {
		[IC_SHUTDOWN] = IC_VERSION(3, 2), [IC_HEARTBEAT] = IC_VERSION(3, 0), [IC_TIMESYNC] = IC_VERSION(4, 0),
		[IC_KVP] = IC_VERSION(4, 0), [IC_VSS] = IC_VERSION(5, 0), [IC_FCOPY] = IC_VERSION(1, 1),
	};

	begin((enum ic_type)_i);
	ck_assert(ic_ready(p.host));
	ck_assert_uint_eq(p.ready, 1);
	ck_assert_uint_eq(ic_message_version(p.host), newest[_i]);
	ck_assert_uint_eq(p.guest.message, newest[_i]);
	ck_assert_uint_eq(p.guest.framework, IC_VERSION(3, 0));
	ck_assert_int_eq(vsc_ic_close(&p.guest), 0);
	wired_pump(&p.w);
	ck_assert(!ic_ready(p.host));
	ck_assert_uint_eq(p.guest.refused, 0);
	ic_pair_end(&p);
}
END_TEST

START_TEST(shutdown_is_asked_for_and_answered)
{
	begin(IC_SHUTDOWN);
	ck_assert_int_eq(ic_shutdown_request(p.host, true, true, "maintenance"), 0);
	wired_pump(&p.w);
	ck_assert_uint_eq(p.shutdowns, 1);
	ck_assert_uint_eq(p.flags, IC_SHUTDOWN_RESTART | IC_SHUTDOWN_FORCE);
	ck_assert_str_eq(p.text, "maintenance");
	ck_assert_uint_eq(p.shutdown_answers, 1);
	ck_assert(p.reboot && p.shutdown_status == 0);
	p.answer = IC_STATUS_FAIL;
	ck_assert_int_eq(ic_shutdown_request(p.host, false, false, NULL), 0);
	wired_pump(&p.w);
	ck_assert_uint_eq(p.shutdown_answers, 2);
	ck_assert_uint_eq(p.shutdown_status, IC_STATUS_FAIL);
	ic_pair_end(&p);
}
END_TEST

START_TEST(the_heart_beats_until_the_guest_hangs)
{
	begin(IC_HEARTBEAT);
	for (uint64_t now = 1000; now <= 20000; now += 1000) {
		ic_tick(p.host, now);
		wired_pump(&p.w);
	}
	ck_assert(ic_heartbeat_alive(p.host));
	ck_assert_uint_ge(ic_heartbeat_sequence(p.host), 9);
	ck_assert_uint_eq(p.beats_began, 1);
	for (uint64_t now = 21000; now <= 40000; now += 1000)
		ic_tick(p.host, now);
	ck_assert(!ic_heartbeat_alive(p.host));
	ck_assert_uint_eq(p.beats_stopped, 1);
	/* It goes on: all that waited is answered. */
	wired_pump(&p.w);
	ck_assert(ic_heartbeat_alive(p.host));
	ic_pair_end(&p);
}
END_TEST

START_TEST(the_time_is_told_and_set)
{
	begin(IC_TIMESYNC);
	ck_assert_uint_eq(p.times, 1);
	ck_assert_uint_eq(p.flags, IC_TIME_SYNC);
	ck_assert_uint_eq(p.guest_reference, 1234567);
	/* Between 2020 and 2120, in 100 ns since 1601. */
	ck_assert(p.time > 132223104000000000u && p.time < 163779840000000000u);
	p.reference = 7654321;
	for (uint64_t now = 1000; now <= 6000; now += 1000) {
		ic_tick(p.host, now);
		wired_pump(&p.w);
	}
	ck_assert_uint_eq(p.flags, IC_TIME_SAMPLE);
	ck_assert_uint_eq(p.guest_reference, 7654321);
	ic_pair_end(&p);
}
END_TEST

static void ask(enum ic_kvp_operation operation, enum ic_kvp_pool pool, uint32_t index, const char *key, const char *value)
{
	const struct ic_kvp_request request = { operation, pool, index, key, value };
	unsigned int count = end.count;

	ck_assert_int_eq(ic_kvp_request(p.host, &request, on_pair, NULL), 0);
	wired_pump(&p.w);
	ck_assert_uint_eq(end.count, count + 1);
}

START_TEST(pairs_are_written_read_listed_and_deleted)
{
	char text[16];

	begin(IC_KVP);
	ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, "colour", "grün");
	ck_assert_int_eq(end.error, 0);
	ask(IC_KVP_GET, IC_KVP_EXTERNAL, 0, "colour", NULL);
	ck_assert_str_eq(end.value, "grün");
	ck_assert_int_eq(vsc_kvp_get(&p.kvp, IC_KVP_EXTERNAL, "colour", text, sizeof text), 0);
	ck_assert_str_eq(text, "gr?n");
	ck_assert_int_eq(vsc_kvp_get(&p.kvp, IC_KVP_EXTERNAL, "colour", text, 3), -ENOSPC);
	ck_assert_str_eq(text, "gr");
	ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, "colour", "red");
	ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, "shape", "round");
	ask(IC_KVP_ENUMERATE, IC_KVP_EXTERNAL, 0, NULL, NULL);
	ck_assert_str_eq(end.key, "colour");
	ck_assert_str_eq(end.value, "red");
	ask(IC_KVP_DELETE, IC_KVP_EXTERNAL, 0, "colour", NULL);
	ck_assert_int_eq(end.error, 0);
	ask(IC_KVP_ENUMERATE, IC_KVP_EXTERNAL, 0, NULL, NULL);
	ck_assert_str_eq(end.key, "shape");
	ask(IC_KVP_ENUMERATE, IC_KVP_EXTERNAL, 1, NULL, NULL);
	ck_assert_int_eq(end.error, -ENOENT);
	ask(IC_KVP_GET, IC_KVP_EXTERNAL, 0, "colour", NULL);
	ck_assert_int_eq(end.error, -ENOENT);
	ask(IC_KVP_DELETE, IC_KVP_EXTERNAL, 0, "colour", NULL);
	ck_assert_int_eq(end.error, -ENOENT);
	ic_pair_end(&p);
}
END_TEST

START_TEST(pools_are_apart_and_the_guests_are_its_own)
{
	char long_value[IC_KVP_VALUE_BYTES];

	begin(IC_KVP);
	ck_assert_int_eq(vsc_kvp_set(&p.kvp, IC_KVP_AUTO, "OSName", "small"), 0);
	ck_assert_int_eq(vsc_kvp_set(&p.kvp, IC_KVP_GUEST, "", "x"), -EINVAL);
	memset(long_value, 'x', sizeof long_value - 1);
	long_value[sizeof long_value - 1] = 0;
	ck_assert_int_eq(vsc_kvp_set(&p.kvp, IC_KVP_GUEST, "k", long_value), -EINVAL);
	ask(IC_KVP_ENUMERATE, IC_KVP_AUTO, 0, NULL, NULL);
	ck_assert_str_eq(end.value, "small");
	ask(IC_KVP_ENUMERATE, IC_KVP_GUEST, 0, NULL, NULL);
	ck_assert_int_eq(end.error, -ENOENT);
	ask(IC_KVP_SET, IC_KVP_AUTO, 0, "OSName", "other");
	ck_assert_int_eq(end.error, -EIO);
	ask(IC_KVP_DELETE, IC_KVP_AUTO, 0, "OSName", NULL);
	ck_assert_int_eq(end.error, -EIO);
	/* Full: the host is told, and what there is can still be written over. */
	for (unsigned int i = 1; i < PAIR_ENTRIES; i++) {
		char key[4] = { 'k', (char)('0' + i) };

		ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, key, "v");
		ck_assert_int_eq(end.error, 0);
	}
	ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, "one more", "v");
	ck_assert_int_eq(end.error, -EIO);
	ask(IC_KVP_SET, IC_KVP_EXTERNAL, 0, "k1", "w");
	ck_assert_int_eq(end.error, 0);
	ck_assert_int_eq(vsc_kvp_set(&p.kvp, IC_KVP_GUEST, "k", "v"), -ENOSPC);
	ic_pair_end(&p);
}
END_TEST

START_TEST(file_systems_freeze_and_thaw)
{
	begin(IC_VSS);
	ck_assert_int_eq(ic_vss_freeze(p.host, 5000, on_done, NULL), 0);
	wired_pump(&p.w);
	wired_pump(&p.w);
	ck_assert_uint_eq(end.count, 1);
	ck_assert_int_eq(end.error, 0);
	ck_assert_uint_eq(ic_vss_flags(p.host), 5);
	ck_assert_uint_eq(p.freezes, 1);
	ck_assert_int_eq(ic_vss_thaw(p.host, on_done, NULL), 0);
	wired_pump(&p.w);
	ck_assert_uint_eq(p.thaws, 1);
	ck_assert_uint_eq(end.count, 2);
	/* One that cannot freeze is thawed all the same. */
	p.answer = IC_STATUS_FAIL;
	ck_assert_int_eq(ic_vss_freeze(p.host, 5000, on_done, NULL), 0);
	for (int i = 0; i < 4; i++)
		wired_pump(&p.w);
	ck_assert_int_eq(end.error, -EIO);
	ck_assert_uint_eq(p.freezes, 2);
	ck_assert_uint_eq(p.thaws, 2);
	ic_pair_end(&p);
}
END_TEST

static int64_t read_file(void *arg, uint64_t offset, void *to, uint32_t bytes)
{
	(void)arg;
	for (uint32_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = (uint8_t)((offset + i) * 7);
	return bytes;
}

static void copy(uint64_t size)
{
	const struct ic_fcopy_request request = { .path = "/tmp", .file = "f", .flags = IC_FCOPY_OVERWRITE, .size = size, .read = read_file };

	ck_assert_int_eq(ic_fcopy_start(p.host, &request, on_done, NULL), 0);
	while (wired_pump(&p.w))
		;
}

START_TEST(a_file_arrives)
{
	begin(IC_FCOPY);
	copy(PAIR_FILE_BYTES);
	ck_assert_int_eq(end.error, 0);
	ck_assert_uint_eq(p.files, 1);
	ck_assert_uint_eq(p.bytes, PAIR_FILE_BYTES);
	ck_assert_mem_eq(p.file.path, "/\0t\0m\0p\0\0", 10);
	ck_assert_mem_eq(p.file.file, "f\0\0", 4);
	ck_assert_uint_eq(p.file.flags, IC_FCOPY_OVERWRITE);
	for (uint32_t i = 0; i < PAIR_FILE_BYTES; i++)
		ck_assert_uint_eq(p.data[i], (uint8_t)(i * 7));
	/* The guest's disk is full in the middle of it. */
	copy(PAIR_FILE_BYTES + 1);
	ck_assert_int_eq(end.error, -EIO);
	ck_assert_uint_eq(end.status, IC_STATUS_DISK_FULL);
	ck_assert_uint_eq(p.removed, 1);
	copy(100);
	ck_assert_int_eq(end.error, 0);
	ck_assert_uint_eq(p.files, 2);
	ic_pair_end(&p);
}
END_TEST

/* A host of its own kind behind a channel: what it sent last and what came back. */
static struct raw {
	struct vmbus_channel *channel;
	struct {
		struct ic_header header;
		uint8_t body[6400];
	} got;
	unsigned int count;
} raw;

static int raw_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	(void)device, (void)user;
	raw.channel = channel;
	return 0;
}

static void raw_signal(void *device, struct vmbus_channel *channel)
{
	struct vmbus_packet packet = { .payload = (uint8_t *)&raw.got, .payload_capacity = sizeof raw.got };

	(void)device;
	while (vmbus_channel_next_packet(channel, &packet) == 0)
		raw.count++;
}

static void raw_close(void *device, struct vmbus_channel *channel)
{
	(void)device, (void)channel;
}

static void raw_begin(struct wired *w, struct vsc_ic *ic, const struct vsc_ic_ops *ops, enum vsc_ic_type type)
{
	static const struct vmbus_channel_ops channel_ops = { .open = raw_open, .signal = raw_signal, .close = raw_close };
	struct vmbus_offer offer = { .type = vsc_ic_class(type), .instance = { { 9 } } };

	memset(&raw, 0, sizeof raw);
	memset(ic, 0, sizeof *ic);
	wired_init(w);
	ck_assert_ptr_nonnull(vmbus_server_offer(w->server, &offer, &channel_ops, NULL));
	wired_connect(w);
	ck_assert_int_eq(vsc_ic_open(ic, type, vsc_vmbus_find(&w->bus, &offer.type, 0), ops, NULL, wired_memory(w, 32768), 32768), 0);
}

/* Sends a message whose header says `says` bytes; whether it was answered. */
static bool raw_ask(struct wired *w, uint16_t type, uint8_t flags, uint16_t says, const void *body, uint32_t bytes)
{
	struct ic_header header = { .pipe_flags = IC_PIPE_DATA, .type = type, .bytes = says, .transaction = 3, .flags = flags };
	struct iovec parts[2] = { { &header, sizeof header }, { (void *)(uintptr_t)body, bytes } };
	unsigned int count = raw.count;

	ck_assert_int_eq(vmbus_channel_sendv(raw.channel, VMBUS_PACKET_INBAND, 0, 1, NULL, 0, parts, 2), 0);
	wired_pump(w);
	return raw.count != count;
}

START_TEST(a_host_that_makes_no_sense)
{
	static const struct vsc_ic_ops none;
	static struct wired w;
	static struct vsc_ic ic;
	struct ic_negotiate versions = { .framework_count = 1, .message_count = 1, .versions = { { 3, 0 }, { 9, 9 } } };
	uint8_t body[6400] = { 0 };

	raw_begin(&w, &ic, &none, VSC_IC_SHUTDOWN);
	/* Longer than its packet; an answer; shorter than a header. */
	ck_assert(!raw_ask(&w, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 5000, body, 100));
	ck_assert(!raw_ask(&w, IC_MESSAGE_SHUTDOWN, IC_FLAG_RESPONSE, 100, body, 100));
	ck_assert_uint_eq(ic.refused, 2);
	/* Before the negotiation, another service, lists longer than the message. */
	ck_assert(raw_ask(&w, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 2060, body, 2060));
	ck_assert_uint_eq(raw.got.header.status, IC_STATUS_FAIL);
	ck_assert(raw_ask(&w, IC_MESSAGE_KVP, IC_FLAG_REQUEST, 100, body, 100));
	ck_assert_uint_eq(raw.got.header.status, IC_STATUS_FAIL);
	versions.message_count = 7;
	ck_assert(raw_ask(&w, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, 16, &versions, sizeof versions));
	ck_assert_uint_eq(ic.message, 0);
	ck_assert_mem_eq(raw.got.body, "\0\0\0\0", 4);
	versions.framework_count = 0xffff;
	ck_assert(raw_ask(&w, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, sizeof versions, &versions, sizeof versions));
	ck_assert_mem_eq(raw.got.body, "\0\0\0\0", 4);
	/* Nothing in common: 9.9 is nobody's. */
	versions.framework_count = versions.message_count = 1;
	ck_assert(raw_ask(&w, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, 16, &versions, 16));
	ck_assert_uint_eq(ic.message, 0);
	ck_assert_mem_eq(raw.got.body, "\0\0\0\0", 4);
	versions.versions[1] = (struct ic_version){ 3, 1 };
	ck_assert(raw_ask(&w, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, 16, &versions, 16));
	ck_assert_uint_eq(ic.message, IC_VERSION(3, 1));
	ck_assert_uint_eq(raw.got.header.flags, IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE);
	ck_assert_uint_eq(raw.got.header.transaction, 3);
	/* One that the guest does not do, and one that is too short. */
	ck_assert(raw_ask(&w, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 2060, body, 2060));
	ck_assert_uint_eq(raw.got.header.status, IC_STATUS_FAIL);
	ck_assert(raw_ask(&w, IC_MESSAGE_SHUTDOWN, IC_FLAG_REQUEST, 12, body, 12));
	ck_assert_uint_eq(raw.got.header.status, IC_STATUS_FAIL);
	wired_done(&w);
}
END_TEST

static unsigned int file_starts, file_writes, file_ends;

static uint32_t count_start(void *context, const struct ic_fcopy_start *file)
{
	(void)context, (void)file;
	file_starts++;
	return 0;
}

static uint32_t count_write(void *context, uint64_t offset, const uint8_t *data, uint32_t bytes)
{
	(void)context, (void)offset, (void)data, (void)bytes;
	file_writes++;
	return 0;
}

static uint32_t count_end(void *context, bool complete)
{
	(void)context, (void)complete;
	file_ends++;
	return 0;
}

/* A fragment that claims more than it has, one before the file is named, an end twice; a file is ended by the next, or by the end of the channel. */
START_TEST(files_in_the_wrong_order)
{
	static const struct vsc_ic_ops files = { .file_start = count_start, .file_write = count_write, .file_end = count_end };
	static struct wired w;
	static struct vsc_ic ic;
	static const struct ic_fcopy_start start = { .header.operation = IC_FCOPY_START };
	static struct ic_fcopy_write write = { .header.operation = IC_FCOPY_WRITE, .bytes = 8 };
	const struct ic_fcopy_header complete = { .operation = IC_FCOPY_COMPLETE };
	const struct ic_negotiate versions = { .framework_count = 1, .message_count = 1, .versions = { { 3, 0 }, { 1, 1 } } };
	const struct {
		const void *body;
		uint16_t bytes;
		uint32_t status;
	} steps[] = {
		{ &write, sizeof write, IC_STATUS_FAIL }, { &complete, sizeof complete, IC_STATUS_FAIL }, { &start, sizeof start, 0 },
		{ &start, sizeof start, 0 }, { &write, sizeof write, 0 }, { &write, 52, IC_STATUS_FAIL }, { &complete, 8, IC_STATUS_FAIL },
		{ &complete, sizeof complete, 0 }, { &complete, sizeof complete, IC_STATUS_FAIL }, { &start, sizeof start, 0 },
	};

	raw_begin(&w, &ic, &files, VSC_IC_FCOPY);
	ck_assert(raw_ask(&w, IC_MESSAGE_NEGOTIATE, IC_FLAG_REQUEST, 16, &versions, 16));
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		ck_assert(raw_ask(&w, IC_MESSAGE_FCOPY, IC_FLAG_REQUEST, steps[i].bytes, steps[i].body, steps[i].bytes));
		ck_assert_msg(raw.got.header.status == steps[i].status, "step %zu: %#x", i, raw.got.header.status);
	}
	ck_assert_uint_eq(file_starts, 3);
	ck_assert_uint_eq(file_writes, 1);
	ck_assert_uint_eq(file_ends, 2);
	ck_assert_int_eq(vsc_ic_close(&ic), 0);
	ck_assert_uint_eq(file_ends, 3);
	wired_done(&w);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		shutdown_is_asked_for_and_answered, the_heart_beats_until_the_guest_hangs, the_time_is_told_and_set,
		pairs_are_written_read_listed_and_deleted, pools_are_apart_and_the_guests_are_its_own, file_systems_freeze_and_thaw, a_file_arrives,
		a_host_that_makes_no_sense, files_in_the_wrong_order,
	};
	TCase *tcase = tcase_create("services");

	tcase_add_loop_test(tcase, each_agrees_on_the_newest_version, 0, IC_TYPES);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(tcase, tests[i]);
	return run_cases("integration components, both ends", &tcase, 1);
}
