/* SPDX-License-Identifier: BSD-2-Clause */
/* storvsc against a controller that this test plays, so that it can also answer what none should. */
#include <errno.h>
#include <string.h>

#include "tests/unit/run_tests.h"
#include "vsc/storvsc/disk.h"
#include "wired.h"

#define RING_BYTES (16u * 4096)
#define DISK_BYTES (1u << 20)
#define BLOCK 512u

enum lie {
	TRUTH, SILENCE, WRONG_TAG, TWICE, SHORT, TOO_MUCH, WRONG_OPERATION, CHECK_CONDITION, LONG_SENSE, NO_LUN, WRONG_TYPE
};

struct controller {
	struct vmbus_channel *channel;
	uint16_t newest;             /* version */
	enum lie lie;
	unsigned int requests;
	uint64_t last_id;
	uint8_t disk[DISK_BYTES];
	struct vmbus_packet packet;
	uint8_t payload[256];
	struct iovec iov[300];
};

static int on_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	(void)device;
	(void)channel;
	(void)user;
	return 0;
}

static void on_close(void *device, struct vmbus_channel *channel)
{
	(void)device;
	(void)channel;
}

static uint64_t big_endian(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static uint32_t scatter(struct controller *c, const void *from, uint32_t bytes)
{
	uint32_t done = 0, i, run;

	for (i = 0; i < c->packet.iov_count && done < bytes; i++, done += run) {
		run = c->packet.iov[i].iov_len < bytes - done ? (uint32_t)c->packet.iov[i].iov_len : bytes - done;
		memcpy(c->packet.iov[i].iov_base, (const uint8_t *)from + done, run);
	}
	return done;
}

static uint32_t gather(struct controller *c, void *to)
{
	uint32_t done = 0, i;

	for (i = 0; i < c->packet.iov_count; done += (uint32_t)c->packet.iov[i].iov_len, i++)
		memcpy((uint8_t *)to + done, c->packet.iov[i].iov_base, c->packet.iov[i].iov_len);
	return done;
}

static void scsi(struct controller *c, struct vstor_scsi_request *r)
{
	uint8_t answer[36] = { 0 };
	uint64_t at;

	r->srb_status = VSTOR_SRB_SUCCESS;
	switch (r->u.cdb[0]) {
	case 0x12:
		memcpy(answer + 8, "Bulkhead" "a test's disk   ", 24);
		r->transfer_bytes = scatter(c, answer, 36);
		break;
	case 0x9e:
		answer[6] = (DISK_BYTES / BLOCK - 1) >> 8;
		answer[7] = (uint8_t)(DISK_BYTES / BLOCK - 1);
		answer[10] = BLOCK >> 8;
		r->transfer_bytes = scatter(c, answer, 32);
		break;
	case 0x88:
	case 0x8a:
		at = big_endian(r->u.cdb + 2, 8) * BLOCK;
		ck_assert_uint_eq(big_endian(r->u.cdb + 10, 4) * BLOCK, r->transfer_bytes);
		ck_assert_uint_eq(c->packet.iov_bytes, r->transfer_bytes);
		ck_assert_uint_le(at + r->transfer_bytes, DISK_BYTES);
		if (r->u.cdb[0] == 0x88)
			scatter(c, c->disk + at, r->transfer_bytes);
		else
			gather(c, c->disk + at);
		break;
	}
}

static void answer(struct controller *c, struct vstor_packet *p)
{
	uint64_t id = c->packet.transaction_id;
	uint32_t bytes = sizeof *p;
	uint16_t type = VMBUS_PACKET_COMPLETION;

	p->operation = VSTOR_COMPLETE_IO;
	switch (c->lie) {
	case TRUTH:
	case TWICE:
		break;
	case SILENCE:
		return;
	case WRONG_TAG:
		id ^= 0x40;
		break;
	case SHORT:
		bytes = 40;
		break;
	case TOO_MUCH:
		p->u.request.transfer_bytes += 1000000;
		break;
	case WRONG_OPERATION:
		p->operation = VSTOR_EXECUTE_SRB;
		break;
	case CHECK_CONDITION:
	case LONG_SENSE:
		p->u.request.srb_status = VSTOR_SRB_ERROR | VSTOR_SRB_AUTOSENSE;
		p->u.request.scsi_status = 2;
		p->u.request.sense_bytes = c->lie == LONG_SENSE ? 255 : 18;
		p->u.request.u.sense[2] = 5;
		p->u.request.transfer_bytes = 0;
		break;
	case NO_LUN:
		p->u.request.srb_status = VSTOR_SRB_INVALID_LUN;
		break;
	case WRONG_TYPE:
		type = VMBUS_PACKET_INBAND;
		break;
	}
	vmbus_channel_send(c->channel, type, 0, id, p, bytes);
	if (c->lie == TWICE)
		vmbus_channel_send(c->channel, type, 0, id, p, bytes);
}

static void on_signal(void *device, struct vmbus_channel *channel)
{
	struct controller *c = device;
	struct vstor_packet p;

	c->packet.payload = c->payload;
	c->packet.payload_capacity = sizeof c->payload;
	c->packet.iov = c->iov;
	c->packet.iov_capacity = 300;
	while (vmbus_channel_next_packet(channel, &c->packet) == 0) {
		ck_assert_uint_eq(c->packet.payload_bytes, sizeof p);
		ck_assert_uint_le(c->packet.range_count, 1);
		memcpy(&p, c->payload, sizeof p);
		if (p.operation == VSTOR_QUERY_PROTOCOL_VERSION) {
			p.status = p.u.version.version > c->newest;
		} else if (p.operation == VSTOR_QUERY_PROPERTIES) {
			p.u.properties.max_transfer_bytes = 1u << 20;
			p.u.properties.max_channels = 3;
		} else if (p.operation == VSTOR_EXECUTE_SRB) {
			c->requests++;
			c->last_id = c->packet.transaction_id;
			scsi(c, &p.u.request);
		}
		answer(c, &p);
	}
}

static const struct vmbus_channel_ops ops = { .open = on_open, .signal = on_signal, .close = on_close };

static struct wired w;
static struct controller controller;
static struct vsc_storvsc storvsc;
static struct vsc_disk disk;

static void plug(uint16_t newest)
{
	const struct vmbus_offer offer = { .type = VMBUS_CLASS_SCSI };

	wired_init(&w);
	memset(&controller, 0, sizeof controller);
	controller.newest = newest;
	controller.channel = vmbus_server_offer(w.server, &offer, &ops, &controller);
	wired_connect(&w);
}

static int open_controller(void)
{
	return vsc_storvsc_open(&storvsc, vsc_vmbus_find(&w.bus, &VMBUS_CLASS_SCSI, 0), wired_memory(&w, RING_BYTES), RING_BYTES);
}

static void open_disk(void)
{
	plug(VSTOR_VERSION(6, 2));
	ck_assert_int_eq(open_controller(), 0);
	ck_assert_int_eq(vsc_disk_probe(&disk, &storvsc, 0, 0, wired_memory(&w, 512)), 0);
}

START_TEST(shakes_hands_at_each_version)
{
	static const struct {
		uint16_t host, expected;
	} cases[] = {
		{ 0x0700, 0x0602 }, { 0x0602, 0x0602 }, { 0x0601, 0x0600 }, { 0x0600, 0x0600 }, { 0x0501, 0x0501 },
	};
	unsigned int i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		plug(cases[i].host);
		ck_assert_int_eq(open_controller(), 0);
		ck_assert_uint_eq(storvsc.version, cases[i].expected);
		ck_assert_uint_eq(storvsc.max_transfer_bytes, 1u << 20);
		ck_assert_int_eq(vsc_storvsc_close(&storvsc), 0);
		wired_done(&w);
	}
	plug(0x0402);
	ck_assert_int_eq(open_controller(), -EPROTONOSUPPORT);
	ck_assert(!storvsc.channel->open);
	wired_done(&w);
}
END_TEST

START_TEST(reads_what_was_written)
{
	static const uint32_t sizes[] = { 512, 4096, 65536, 1u << 20 };
	uint8_t *data, *back;
	unsigned int i, j;

	open_disk();
	ck_assert_str_eq(disk.vendor, "Bulkhead");
	ck_assert_str_eq(disk.product, "a test's disk");
	ck_assert_uint_eq(disk.blocks, DISK_BYTES / BLOCK);
	ck_assert_uint_eq(disk.block_bytes, BLOCK);
	data = (uint8_t *)wired_memory(&w, 1u << 21) + 512; /* not at the start of a page: 257 pages at most */
	back = wired_memory(&w, 1u << 20);
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (j = 0; j < sizes[i]; j++)
			data[j] = (uint8_t)(j * 31 + i);
		memset(back, 0, sizes[i]);
		ck_assert_int_eq(vsc_disk_write(&disk, 0, data, sizes[i]), 0);
		ck_assert_int_eq(vsc_disk_read(&disk, 0, back, sizes[i]), 0);
		ck_assert_mem_eq(data, back, sizes[i]);
	}
	ck_assert_int_eq(vsc_disk_flush(&disk), 0);
	ck_assert_int_eq(vsc_disk_read(&disk, 0, back, 100), -EINVAL);
	ck_assert_int_eq(vsc_disk_read(&disk, 0, back, 0), -EINVAL);
	ck_assert_uint_eq(storvsc.in_flight, 0);
	wired_done(&w);
}
END_TEST

/* The host gets one range: pages in the middle must be whole. */
START_TEST(segments_must_make_one_range)
{
	struct vsc_segment s[3];
	struct vsc_scsi scsi;
	uint8_t *m;

	open_disk();
	m = wired_memory(&w, 16 * 4096);
	s[0] = (struct vsc_segment){ m + 2048, 2048 };
	s[1] = (struct vsc_segment){ m + 3 * 4096, 8192 };
	s[2] = (struct vsc_segment){ m + 8 * 4096, 512 };
	vsc_disk_prepare(&disk, &scsi, VSTOR_WRITE, 0, s, 3);
	ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), 0);
	ck_assert_uint_eq(scsi.transferred, 2048 + 8192 + 512);
	s[0].bytes = 1024;           /* a hole behind the first */
	ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), -EINVAL);
	s[0].bytes = 2048;
	s[1].memory = m + 3 * 4096 + 512;
	ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), -EINVAL);
	s[1] = (struct vsc_segment){ w.arena, 300 * 4096 };
	ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), -EINVAL);
	ck_assert_uint_eq(storvsc.in_flight, 0);
	wired_done(&w);
}
END_TEST

START_TEST(more_than_can_be_in_flight_waits)
{
	static struct vsc_scsi requests[VSC_STORVSC_REQUESTS + 1];
	struct vsc_segment segment;
	unsigned int i, started = 0, id;

	open_disk();
	segment = (struct vsc_segment){ wired_memory(&w, 4096), 512 };
	controller.lie = SILENCE;
	for (i = 0; i <= VSC_STORVSC_REQUESTS; i++) {
		vsc_disk_prepare(&disk, &requests[i], VSTOR_READ, i, &segment, 1);
		started += vsc_storvsc_submit(&storvsc, &requests[i]) == 0;
	}
	ck_assert_uint_eq(started, VSC_STORVSC_REQUESTS);
	ck_assert_uint_eq(storvsc.in_flight, VSC_STORVSC_REQUESTS);
	/* Answered in another order than they were sent. */
	controller.lie = TRUTH;
	for (id = VSC_STORVSC_REQUESTS; id > 0; id--) {
		struct vstor_packet p = { 0 };

		p.u.request.srb_status = VSTOR_SRB_SUCCESS;
		controller.packet.transaction_id = id;
		answer(&controller, &p);
	}
	ck_assert_uint_eq(vsc_storvsc_poll(&storvsc), VSC_STORVSC_REQUESTS);
	for (i = 0; i < VSC_STORVSC_REQUESTS; i++)
		ck_assert(requests[i].done && requests[i].error == 0);
	wired_done(&w);
}
END_TEST

START_TEST(answers_that_lie_are_told_apart)
{
	static const struct {
		enum lie lie;
		int error;
	} cases[] = {
		{ WRONG_TAG, -ETIMEDOUT }, { SHORT, -ETIMEDOUT }, { WRONG_TYPE, -ETIMEDOUT }, { TOO_MUCH, -EPROTO },
		{ WRONG_OPERATION, -EPROTO }, { CHECK_CONDITION, -EIO }, { LONG_SENSE, -EIO }, { NO_LUN, -ENODEV }, { TWICE, 0 },
	};
	struct vsc_segment segment;
	struct vsc_scsi scsi;
	unsigned int i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		open_disk();
		segment = (struct vsc_segment){ wired_memory(&w, 4096), 512 };
		controller.lie = cases[i].lie;
		vsc_disk_prepare(&disk, &scsi, VSTOR_READ, 0, &segment, 1);
		ck_assert_msg(vsc_storvsc_execute(&storvsc, &scsi) == cases[i].error, "lie %d", cases[i].lie);
		ck_assert_uint_eq(scsi.sense_bytes, cases[i].lie == CHECK_CONDITION ? 18 : 0);
		/* A tag given up stays the host's until it is answered. */
		ck_assert_uint_eq(storvsc.abandoned, cases[i].error == -ETIMEDOUT);
		controller.lie = TRUTH;
		ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), 0);
		ck_assert_uint_eq(storvsc.refused, cases[i].error == -ETIMEDOUT || cases[i].lie == TWICE);
		ck_assert_int_eq(vsc_storvsc_close(&storvsc), 0);
		wired_done(&w);
	}
}
END_TEST

START_TEST(a_late_answer_frees_an_abandoned_tag)
{
	struct vstor_packet late = { 0 };
	struct vsc_segment segment;
	struct vsc_scsi scsi;

	open_disk();
	segment = (struct vsc_segment){ wired_memory(&w, 4096), 512 };
	controller.lie = SILENCE;
	vsc_disk_prepare(&disk, &scsi, VSTOR_READ, 0, &segment, 1);
	ck_assert_int_eq(vsc_storvsc_execute(&storvsc, &scsi), -ETIMEDOUT);
	memset(&scsi, 0xaa, sizeof scsi); /* nobody may touch it any more */
	controller.lie = TRUTH;
	controller.packet.transaction_id = controller.last_id;
	answer(&controller, &late);
	ck_assert_uint_eq(vsc_storvsc_poll(&storvsc), 0);
	ck_assert_uint_eq(storvsc.abandoned, 0);
	ck_assert_uint_eq(scsi.timeout, 0xaaaaaaaa);
	ck_assert(!storvsc.refused);
	wired_done(&w);
}
END_TEST

START_TEST(closing_ends_what_is_in_flight)
{
	struct vstor_packet news = { .operation = VSTOR_ENUMERATE_BUS };
	struct vsc_segment segment;
	struct vsc_scsi scsi;

	open_disk();
	segment = (struct vsc_segment){ wired_memory(&w, 4096), 512 };
	vmbus_channel_send(controller.channel, VMBUS_PACKET_INBAND, 0, 0, &news, sizeof news);
	vsc_storvsc_poll(&storvsc);
	ck_assert(storvsc.bus_changed);
	controller.lie = SILENCE;
	vsc_disk_prepare(&disk, &scsi, VSTOR_READ, 0, &segment, 1);
	ck_assert_int_eq(vsc_storvsc_submit(&storvsc, &scsi), 0);
	ck_assert_int_eq(vsc_storvsc_close(&storvsc), 0);
	ck_assert(scsi.done);
	ck_assert_int_eq(scsi.error, -ENODEV);
	ck_assert_int_eq(open_controller(), -ETIMEDOUT); /* it still says nothing */
	controller.lie = TRUTH;
	ck_assert_int_eq(open_controller(), 0);
	wired_done(&w);
}
END_TEST

RUN_TESTS("storvsc", shakes_hands_at_each_version, reads_what_was_written, segments_must_make_one_range, more_than_can_be_in_flight_waits,
	answers_that_lie_are_told_apart, a_late_answer_frees_an_abandoned_tag, closing_ends_what_is_in_flight)
