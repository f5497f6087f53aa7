/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks that come, go and grow under a guest that uses the controller. */
#include "controller.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static const uint8_t test_unit_ready[6], read_capacity[10] = { 0x25 }, inquiry[6] = { 0x12, [4] = 36 }, mode_sense[6] = { 0x1a, [2] = 8, [4] = 64 },
	report_luns[12] = { 0xa0, [9] = 64 };

static struct controller c;
static int fd, other_fd;
static unsigned int released;

static void init(bool real)
{
	released = 0;
	controller_init(&c, real);
	fd = disk_file(1 << 20, O_RDWR);
	other_fd = disk_file(1 << 20, O_RDWR);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
	controller_connect(&c);
}

static void setup(void)
{
	init(false);
}

static void teardown(void)
{
	controller_done(&c);
	close(fd);
	close(other_fd);
}

static void on_released(void *context)
{
	ck_assert_ptr_eq(context, &c);
	released++;
}

static int take_away(uint8_t lun)
{
	return storvsp_remove_disk(c.vsp, 0, lun, on_released, &c);
}

/* Whether the guest was told to look again: once, and nothing else was sent. */
static bool told(void)
{
	struct storvsp_packet packet;
	uint16_t type;
	uint64_t id;
	int bytes = guest_take(&c.g, &type, &id, &packet, sizeof packet);

	if (bytes < 0)
		return false;
	ck_assert(bytes == sizeof packet && type == VMBUS_PACKET_INBAND && id == 0 && packet.operation == STORVSP_ENUMERATE_BUS);
	ck_assert_int_lt(guest_take(&c.g, &type, &id, &packet, sizeof packet), 0);
	return true;
}

static struct storvsp_srb ready(uint8_t lun)
{
	return command(&c, lun, test_unit_ready, 6, STORVSP_DATA_NONE, 0);
}

static uint64_t put_write(uint8_t lun)
{
	uint8_t cdb[10];

	rw_cdb(cdb, true, 0, 8);
	return put_command(&c, &c.g, 0, lun, cdb, 10, STORVSP_DATA_OUT, 0, 4096);
}

/* Linux cannot take the packet before it looks for disks by itself. */
START_TEST(a_new_disk_is_told_of_from_the_first_command_on)
{
	controller_add(&c, other_fd, 0, 1, 512, false);
	ck_assert(!told());
	ck_assert_uint_eq(ready(1).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_int_eq(take_away(1), 0);
	ck_assert(told());
	controller_add(&c, other_fd, 0, 63, 512, false);
	ck_assert(told());
	ck_assert_uint_eq(command(&c, 63, report_luns, 12, STORVSP_DATA_IN, 64).transfer_length, 24);
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
	ck_assert_int_eq(take_away(63), 0);
	ck_assert_uint_eq(released, 2);
}
END_TEST

/* What was sent before is carried out and answered; what comes after finds nobody; the file is let go of in between, once. */
START_TEST(a_disk_goes_when_what_it_was_sent_is_done)
{
	struct answer answer;
	uint64_t first, second;

	controller_add(&c, other_fd, 0, 1, 512, false);
	ready(1);
	memset(data_page(&c, 0), 0x5a, 4096);
	c.fake.hold = true;
	c.fake.room = 1;
	first = put_write(1);
	second = put_write(1);
	ck_assert_int_eq(take_away(1), 0);
	ck_assert_int_eq(take_away(1), -ENOENT);
	ck_assert(told());
	ck_assert_uint_eq(ready(1).srb_status, SRB_STATUS_INVALID_LUN);
	ck_assert_uint_eq(released, 0);
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &(struct storvsp_disk_config){ .fd = fd, .lun = 1, .block_size = 512 }), -EBUSY);
	c.fake.hold = false;
	wait_answer(&c, &c.g, &answer);
	ck_assert(answer.id == first && answer.packet.srb.srb_status == SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(released, 0);
	wait_answer(&c, &c.g, &answer);
	ck_assert(answer.id == second && answer.packet.srb.srb_status == SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(released, 1);
	ck_assert_int_eq(pread(other_fd, data_page(&c, 1), 4096, 0), 4096);
	ck_assert_int_eq(memcmp(data_page(&c, 0), data_page(&c, 1), 4096), 0);
}
END_TEST

/* A guest that has not heard yet would take the new disk for the old one. */
START_TEST(it_is_known_whether_the_guest_has_heard_of_the_absence)
{
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), UINT32_MAX);
	controller_add(&c, other_fd, 0, 1, 512, false);
	ready(1);
	ck_assert_int_eq(take_away(1), 0);
	ck_assert(told());
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), 0);
	ready(0);
	ready(2);
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), 0);
	ready(1);
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), 1);
	command(&c, 0, report_luns, 12, STORVSP_DATA_IN, 64);
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), 2);
	controller_add(&c, other_fd, 0, 1, 512, false);
	ck_assert_int_eq(take_away(1), 0);
	ck_assert_uint_eq(storvsp_absence_heard(c.vsp, 0, 1), 0);
}
END_TEST

START_TEST(a_disk_that_is_removed_is_released_whatever_becomes_of_the_channel)
{
	c.fake.hold = true;
	put_write(0);
	ck_assert_int_eq(take_away(0), 0);
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(released, 0);
	fake_finish(&c.fake, 0);
	ck_assert_uint_eq(released, 1);
	controller_add(&c, fd, 0, 0, 512, false);
	partition_forget(&c.p);
	c.fake.hold = false;
	guest_post_header(&c.p, VMBUS_MSG_UNLOAD);
	controller_connect(&c);
	c.fake.hold = true;
	put_write(0);
	ck_assert_int_eq(take_away(0), 0);
	ck_assert_uint_eq(released, 1);
	/* Freed with the controller: see teardown, which drains. */
}
END_TEST

/* Behind the answers that wait for room: a successor takes the ring's position for that of the answer sent last. */
START_TEST(the_news_wait_for_room)
{
	struct storvsp_packet packet;
	unsigned int sent = 0, got = 0;
	uint16_t type;
	uint64_t id;

	ready(0);
	for (; sent < 220; sent++)
		put_command(&c, &c.g, 0, 0, test_unit_ready, 6, STORVSP_DATA_NONE, 0, 0);
	controller_add(&c, other_fd, 0, 1, 512, false);
	ck_assert_uint_eq(c.state->announce, 1);
	for (;;) {
		vmbus_server_signal(c.p.server, 1);
		storvsp_process_completions(c.vsp);
		if (guest_take(&c.g, &type, &id, &packet, sizeof packet) < 0)
			break;
		ck_assert(type == VMBUS_PACKET_COMPLETION ? got < sent : packet.operation == STORVSP_ENUMERATE_BUS);
		got += type == VMBUS_PACKET_COMPLETION;
	}
	ck_assert_uint_eq(got, sent);
	ck_assert_int_eq(type, VMBUS_PACKET_INBAND);
	ck_assert_uint_eq(c.state->announce, 0);
}
END_TEST

static void grow(uint64_t bytes)
{
	uint64_t now;

	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	ck_assert_int_eq(storvsp_disk_grown(c.vsp, 0, 0, &now), 0);
	ck_assert_uint_eq(now, bytes);
}

static uint32_t last_block(void)
{
	uint32_t n;

	ck_assert_uint_eq(command(&c, 0, read_capacity, 10, STORVSP_DATA_IN, 8).srb_status, SRB_STATUS_SUCCESS);
	data_read(&c, 0, &n, 4);
	return __builtin_bswap32(n);
}

/* The first command that can hear of it does, once; Linux reads the capacity again then. */
START_TEST(a_disk_that_grew_says_so)
{
	struct storvsp_srb srb;

	ck_assert_uint_eq(last_block(), 2047);
	grow(2 << 20);
	ck_assert(told());
	ck_assert_uint_eq(command(&c, 0, inquiry, 6, STORVSP_DATA_IN, 36).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(command(&c, 0, mode_sense, 6, STORVSP_DATA_IN, 64).srb_status, SRB_STATUS_SUCCESS);
	srb = ready(0);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID);
	ck_assert_uint_eq(sense_of(&srb), 0x062a09);
	ck_assert_uint_eq(ready(0).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(last_block(), 4095);
	ck_assert_uint_eq(transfer(&c, 0, true, 4088, 8, 512).srb_status, SRB_STATUS_SUCCESS);
	grow(2 << 20);
	ck_assert(!told());
	ck_assert_uint_eq(ready(0).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

START_TEST(a_disk_never_shrinks)
{
	uint64_t bytes;

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(storvsp_disk_grown(c.vsp, 0, 0, &bytes), -ERANGE);
	ck_assert_uint_eq(last_block(), 2047);
	ck_assert_int_eq(storvsp_disk_grown(c.vsp, 0, 9, &bytes), -ENOENT);
	ck_assert_int_eq(storvsp_disk_grown(c.vsp, 7, 0, &bytes), -ENOENT);
	ck_assert_int_eq(take_away(9), -ENOENT);
}
END_TEST

/* What the guest has not heard yet it hears from the successor. */
START_TEST(a_successor_goes_on_telling)
{
	struct storvsp_srb srb;

	ready(0);
	grow(2 << 20);
	ck_assert(told());
	c.state->announce = 1;
	controller_succeed(&c);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
	storvsp_process_completions(c.vsp);
	ck_assert(told());
	srb = ready(0);
	ck_assert_uint_eq(sense_of(&srb), 0x062a09);
	controller_add(&c, other_fd, 0, 1, 512, false);
	ck_assert(told());
}
END_TEST

/* Again and again under load, by io_uring: the numbers of files are used again. */
START_TEST(many_times_nothing_is_left)
{
	struct storvsp_packet packet;
	uint16_t type;
	uint64_t id;

	teardown();
	init(true);
	ready(0);
	for (unsigned int i = 0; i < 200; i++) {
		controller_add(&c, other_fd, 0, 1, 512, false);
		for (int n = 0; n < 4; n++)
			put_write(1);
		ck_assert_int_eq(take_away(1), 0);
		/* The news lie somewhere between the answers. */
		for (int left = 4; left;) {
			struct pollfd poll_fd = { .fd = storvsp_event_fd(c.vsp), .events = POLLIN };

			if (guest_take(&c.g, &type, &id, &packet, sizeof packet) < 0) {
				ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
				storvsp_process_completions(c.vsp);
			} else if (type == VMBUS_PACKET_COMPLETION) {
				ck_assert_uint_eq(packet.srb.srb_status, SRB_STATUS_SUCCESS);
				left--;
			}
		}
		ck_assert_uint_eq(released, i + 1);
		while (guest_take(&c.g, &type, &id, &packet, sizeof packet) >= 0)
			ck_assert_int_eq(type, VMBUS_PACKET_INBAND);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hotplug");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_new_disk_is_told_of_from_the_first_command_on);
	tcase_add_test(t, a_disk_goes_when_what_it_was_sent_is_done);
	tcase_add_test(t, it_is_known_whether_the_guest_has_heard_of_the_absence);
	tcase_add_test(t, a_disk_that_is_removed_is_released_whatever_becomes_of_the_channel);
	tcase_add_test(t, the_news_wait_for_room);
	tcase_add_test(t, a_disk_that_grew_says_so);
	tcase_add_test(t, a_disk_never_shrinks);
	tcase_add_test(t, a_successor_goes_on_telling);
	tcase_add_test(t, many_times_nothing_is_left);
	return run_cases("hotplug", t);
}
