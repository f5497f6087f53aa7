/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest before a controller with two disks: packets of any content in any order, disks that wait or fail, channels that
 * are closed in between, a third disk that comes, grows and goes. Whatever it does, every request has an end, and nothing stays in flight once
 * its channel is gone.
 */
#undef NDEBUG
#include "controller.h"
#include "tests/fuzz/vmbus/fuzz_input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DISK_BYTES (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct controller c;
static int plugged = -1;              /* the third disk's file */
static bool is_plugged, is_leaving;

static int memory_disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert(fd >= 0 && ftruncate(fd, DISK_BYTES) == 0);
	return fd;
}

static void start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	controller_init(&c, false);
	controller_add(&c, memory_disk(), 0, 0, 512, false);
	controller_add(&c, memory_disk(), 0, 5, 4096, true);
	controller_start(&c);
	plugged = memory_disk();
}

static void released(void *context)
{
	(void)context;
	is_leaving = false;
}

/* As a worker does: the same file is not added again before it was released. */
static void plug(struct input *in)
{
	uint64_t bytes = DISK_BYTES + 4096u * input_u8(in);

	if (is_leaving)
		return;
	if (!is_plugged) {
		assert(ftruncate(plugged, DISK_BYTES) == 0);
		controller_add(&c, plugged, 0, 1, 512, false);
		is_plugged = true;
	} else if (bytes & 4096) {
		assert(ftruncate(plugged, (off_t)bytes) == 0);
		storvsp_disk_grown(c.vsp, 0, 1, &bytes);
	} else {
		is_plugged = false;
		is_leaving = true;
		assert(storvsp_remove_disk(c.vsp, 0, 1, released, NULL) == 0);
	}
}

static void put(uint16_t type, uint16_t flags, uint64_t id, const void *extension, uint32_t extension_bytes, const void *payload, uint32_t bytes)
{
	struct vmbus_ring_part parts[2] = { { extension, extension_bytes }, { payload, bytes } };

	if (vmbus_ring_write(&c.g.out, type, flags, id, extension_bytes, parts, 2) == VMBUS_RING_OK)
		vmbus_ring_write_end(&c.g.out);
}

/* A command whose frame is right, so that what is inside gets far. */
static void put_srb(struct input *in)
{
	struct storvsp_packet packet = { .operation = STORVSP_EXECUTE_SRB };
	uint64_t extension[2 + 64] = { 1ull << 32 };
	uint8_t shape = input_u8(in);
	uint32_t pages = shape & 31, bytes;

	packet.srb.cdb_length = 16;
	packet.srb.sense_length = shape & 32 ? 20 : input_u8(in);
	packet.srb.lun = shape & 64 ? (shape & 3 ? 5 : 1) : 0;
	packet.srb.data_in = shape & 128 ? STORVSP_DATA_IN : STORVSP_DATA_OUT;
	input_bytes(in, packet.srb.cdb, 16);
	bytes = pages ? (pages - 1) * 4096 + (input_u32(in) % 4096 & ~7u) + 8 : 0;
	packet.srb.transfer_length = bytes;
	extension[1] = bytes;
	for (uint32_t i = 0; i < pages; i++)
		extension[2 + i] = DATA_PAGE + (i * 5 + shape) % DATA_PAGES;
	input_bytes(in, data_page(&c, shape % DATA_PAGES), 64);
	if (pages)
		put(VMBUS_PACKET_GPA_DIRECT, 1, ++c.next_id, extension, 16 + 8 * pages, &packet, sizeof packet);
	else
		put(VMBUS_PACKET_INBAND, 1, ++c.next_id, NULL, 0, &packet, sizeof packet);
}

static void put_anything(struct input *in)
{
	uint8_t extension[256], payload[128];
	uint16_t type = input_u8(in) % 16;
	uint32_t extension_bytes = input_u8(in) & 0xf8, bytes = input_u8(in) % (sizeof payload + 1);
	uint64_t id = input_u32(in);

	input_bytes(in, extension, extension_bytes);
	input_bytes(in, payload, bytes);
	put(type, input_u8(in), id, extension, extension_bytes, payload, bytes);
}

static void step(struct input *in)
{
	static const int errors[] = { 0, -EIO, -ENOSPC, -EOPNOTSUPP, -EINTR };
	uint8_t what = input_u8(in);
	struct answer answer;
	uint16_t type;

	switch (what % 10) {
	case 0:
	case 1:
	case 2:
		return put_srb(in);
	case 3:
		return put_anything(in);
	case 4:
		c.fake.hold = what & 128;
		return;
	case 5:
		/* An error that asks for the same again would never end: not that one. */
		c.fake.error[(what >> 4) % 5] = errors[input_u8(in) % 4];
		return;
	case 6:
		if (c.fake.count)
			fake_finish(&c.fake, input_u8(in) % c.fake.count);
		return;
	case 7:
		vmbus_server_signal(c.p.server, 1);
		return;
	case 8:
		storvsp_process_completions(c.vsp);
		while (guest_take(&c.g, &type, &answer.id, &answer.packet, sizeof answer.packet) >= 0)
			assert(type == VMBUS_PACKET_COMPLETION || answer.packet.operation == STORVSP_ENUMERATE_BUS);
		return;
	default:
		if (what & 64)
			guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
		else if (what & 128)
			c.g.out.header->write_index = input_u32(in);
		else if (what & 32)
			plug(in);
		else
			c.fake.short_bytes = input_u8(in);
		return;
	}
}

static void settle(void)
{
	struct storvsp_disk_stats stats;

	vmbus_server_reset(c.p.server);
	storvsp_drain(c.vsp);
	if (is_plugged)
		storvsp_remove_disk(c.vsp, 0, 1, NULL, NULL);
	is_plugged = false;
	assert(!is_leaving);
	for (uint32_t lun = 0; lun <= 5; lun += 5) {
		storvsp_get_stats(c.vsp, 0, lun, &stats);
		assert(stats.pending == 0);
	}
	for (uint32_t i = 0; i < STORVSP_MAX_REQUESTS; i++)
		assert(c.state->requests[i].sequence == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	start();
	partition_forget(&c.p);
	c.fake.hold = false;
	c.fake.short_bytes = 0;
	memset(c.fake.error, 0, sizeof c.fake.error);
	if (size && data[0] & 1) {
		controller_connect(&c);
	} else {
		guest_connect(&c.p);
		guest_open(&c.p, &c.g, 1, 10, 0);
	}
	input_u8(&in);
	for (int steps = 0; in.size && steps < 100; steps++)
		step(&in);
	settle();
	return 0;
}
