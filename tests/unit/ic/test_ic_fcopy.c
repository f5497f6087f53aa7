/* SPDX-License-Identifier: BSD-2-Clause */
/* Files for the guest, against Linux' daemon in the kernel's service, its successor in user space, and ones that fail. */
#include "tests/unit/ic/guest.h"
#include "tests/unit/run_tests.h"
#include "vsp/ic/ic_internal.h"

static const uint64_t file_size = 2 * IC_FCOPY_FRAGMENT + 100;
static uint64_t file_end;

static int64_t read_file(void *arg, uint64_t offset, void *to, uint32_t bytes)
{
	uint64_t left = file_end > offset ? file_end - offset : 0;
	uint32_t n = left < bytes ? (uint32_t)left : bytes;

	(void)arg;
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)((offset + i) * 7 >> 3);
	return n;
}

static void start_copy(uint64_t end_of_file)
{
	struct ic_fcopy_request request = { .path = "/tmp", .file = "name", .flags = IC_FCOPY_MAKE_PATH, .size = file_size, .read = read_file };
	struct ic_fcopy_start body;
	char text[32];

	file_end = end_of_file;
	ck_assert_int_eq(ic_fcopy_start(ic, &request, on_done, NULL), 0);
	ck_assert_int_eq(ic_fcopy_start(ic, &request, on_done, NULL), -EBUSY);
	ck_assert(receive());
	ck_assert_uint_eq(message.header.bytes, sizeof body);
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.header.operation, IC_FCOPY_START);
	ck_assert_uint_eq(body.flags, 2);
	ck_assert_uint_eq(body.size[0], file_size);
	ic_text_decode(body.path, sizeof body.path, text, sizeof text);
	ck_assert_str_eq(text, "/tmp");
	ic_text_decode(body.file, sizeof body.file, text, sizeof text);
	ck_assert_str_eq(text, "name");
}

START_TEST(a_file_goes_over_in_fragments)
{
	struct ic_fcopy_write body;
	uint64_t at = 0;

	setup(IC_FCOPY);
	start_copy(file_size);
	reply();
	while (receive() && message.header.bytes == sizeof body) {
		memcpy(&body, message.body, sizeof body);
		ck_assert_uint_eq(body.header.operation, IC_FCOPY_WRITE);
		ck_assert_uint_eq(body.offset[0], at);
		for (uint32_t i = 0; i < body.bytes; i++)
			ck_assert_uint_eq(body.data[i], (uint8_t)((at + i) * 7 >> 3));
		at += body.bytes;
		ck_assert_uint_eq(result.count, 0);
		reply();
	}
	ck_assert_uint_eq(at, file_size);
	ck_assert_uint_eq(message.body[0], IC_FCOPY_COMPLETE);
	reply();
	expect(1, 0);
	end();
}
END_TEST

START_TEST(a_copy_fails_with_the_guest_or_with_the_file)
{
	setup(IC_FCOPY);
	start_copy(file_size);
	message.header.status = IC_STATUS_EXISTS;
	reply();
	expect(1, -EIO);
	ck_assert_uint_eq(result.status, IC_STATUS_EXISTS);
	/* It has become shorter meanwhile. */
	start_copy(IC_FCOPY_FRAGMENT);
	reply();
	ck_assert(receive());
	reply();
	expect(2, -ESTALE);
	ck_assert(receive());
	ck_assert_uint_eq(message.body[0], IC_FCOPY_CANCEL);
	reply();
	start_copy(file_size);
	ic_fcopy_cancel(ic);
	expect(3, -ECANCELED);
	ck_assert(receive());
	ck_assert_uint_eq(message.body[0], IC_FCOPY_CANCEL);
	reply();
	start_copy(file_size);
	ic_tick(ic, 41000);
	expect(4, -ETIMEDOUT);
	/* In the middle of it: the guest may go on later, and then removes what it has. */
	start_copy(file_size);
	reply();
	ck_assert(receive());
	ic_tick(ic, 90000);
	expect(5, -ETIMEDOUT);
	ck_assert(receive());
	ck_assert_uint_eq(message.body[0], IC_FCOPY_CANCEL);
	reply();
	start_copy(file_size);
	reply();
	ck_assert(receive());
	message.header.status = IC_STATUS_DISK_FULL;
	reply();
	expect(6, -EIO);
	ck_assert_uint_eq(result.status, IC_STATUS_DISK_FULL);
	ck_assert(receive());
	ck_assert_uint_eq(message.body[0], IC_FCOPY_CANCEL);
	end();
}
END_TEST

/* Answers as Linux' hv_fcopy_uio_daemon: into the space that it was sent, by a packet without a transaction. */
static void uio_reply(uint32_t status)
{
	struct vmbus_ring_part part = { &message, (uint32_t)message_bytes };

	message.header.status = status;
	message.header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	ck_assert_int_eq(vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, UINT64_MAX, 0, &part, 1), VMBUS_RING_OK);
	vmbus_ring_write_end(&g.out);
	vmbus_server_signal(p.server, 1);
}

/*
 * From Linux 6.10 on the guest's side is a program on uio_hv_generic: 16 KiB a ring, framework 3.0 and messages 1.1 only, one packet for each
 * interrupt, and no cancelling.
 */
START_TEST(linux_user_space_driver_is_served)
{
	struct ic_negotiate body;

	memset(&result, 0, sizeof result);
	memset(&state, 0, sizeof state);
	partition_init(&p);
	offer(IC_FCOPY);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.versions[0].major, 3);
	ck_assert_uint_eq(body.versions[body.framework_count].major << 16 | body.versions[body.framework_count].minor, 0x10001);
	body.versions[1] = body.versions[body.framework_count];
	body.framework_count = body.message_count = 1;
	memcpy(message.body, &body, 16);
	message.header.bytes = 16;
	uio_reply(0);
	ck_assert(ic_ready(ic));
	ck_assert(!receive());
	start_copy(file_size);
	for (int step = 0; step < 4; step++) {
		uio_reply(0);
		ck_assert(receive());
		/* Never a second packet before the answer. */
		ck_assert_int_lt(guest_take(&g, &(uint16_t){ 0 }, &(uint64_t){ 0 }, &message.body, 0), 0);
	}
	ck_assert_uint_eq(message.body[0], IC_FCOPY_COMPLETE);
	uio_reply(0);
	expect(1, 0);
	/* Its disk is full; it does not know how to remove the file, and takes the next. */
	start_copy(file_size);
	uio_reply(0);
	ck_assert(receive());
	uio_reply(IC_STATUS_DISK_FULL);
	expect(2, -EIO);
	ck_assert(receive());
	ck_assert_uint_eq(message.body[0], IC_FCOPY_CANCEL);
	uio_reply(IC_STATUS_FAIL);
	start_copy(file_size);
	end();
}
END_TEST

START_TEST(names_that_do_not_fit_are_refused)
{
	char large[400];
	struct ic_fcopy_request request = { .path = large, .file = "f", .read = read_file };

	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = 0;
	setup(IC_FCOPY);
	ck_assert_int_eq(ic_fcopy_start(ic, &request, on_done, NULL), -ENAMETOOLONG);
	request.path = "/";
	request.file = "";
	ck_assert_int_eq(ic_fcopy_start(ic, &request, on_done, NULL), -EINVAL);
	ck_assert(!receive());
	end();
}
END_TEST

RUN_TESTS("ic fcopy", a_file_goes_over_in_fragments, a_copy_fails_with_the_guest_or_with_the_file, linux_user_space_driver_is_served,
	names_that_do_not_fit_are_refused)
