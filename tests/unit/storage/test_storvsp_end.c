/* SPDX-License-Identifier: BSD-2-Clause */
/* No request is lost and none outlives its channel: closing with I/O in flight, resets, a guest that does not read, crowds. */
#include "controller.h"
#include "run.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct controller c;
static int fd, other_fd;

static void setup(void)
{
	controller_init(&c, false);
	fd = disk_file(1 << 20, O_RDWR);
	other_fd = disk_file(1 << 20, O_RDWR);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_add(&c, other_fd, 0, 1, 512, false);
	controller_start(&c);
	controller_connect(&c);
}

static void teardown(void)
{
	controller_done(&c);
	close(fd);
	close(other_fd);
}

static uint64_t put_read(uint8_t lun)
{
	uint8_t cdb[10];

	rw_cdb(cdb, false, 0, 1);
	return put_command(&c, &c.g, 0, lun, cdb, 10, STORVSP_DATA_IN, 0, 512);
}

static uint64_t pending(uint8_t lun)
{
	struct storvsp_disk_stats stats;

	ck_assert(storvsp_get_stats(c.vsp, 0, lun, &stats));
	return stats.pending;
}

/*
 * The guest closes the channel and unloads while the disk still reads into its memory: UnloadResponse waits, because after it the next
 * kernel may use that memory for something else.
 */
START_TEST(unloading_waits_for_io_in_flight)
{
	c.fake.hold = true;
	put_read(0);
	put_read(0);
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
	guest_post_header(&c.p, VMBUS_MSG_UNLOAD);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_UNLOAD_RESPONSE), 0);
	fake_finish(&c.fake, 1);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_UNLOAD_RESPONSE), 0);
	fake_finish(&c.fake, 0);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_UNLOAD_RESPONSE), 1);
	ck_assert_uint_eq(pending(0), 0);
	/* The next kernel gets none of the old answers. */
	c.fake.hold = false;
	partition_forget(&c.p);
	controller_connect(&c);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

START_TEST(a_reset_partition_can_be_drained)
{
	c.fake.hold = true;
	put_read(0);
	put_read(1);
	vmbus_server_reset(c.p.server);
	ck_assert_uint_eq(c.fake.count, 2);
	storvsp_drain(c.vsp);
	ck_assert_uint_eq(c.fake.count, 0);
	ck_assert_uint_eq(pending(0) + pending(1), 0);
}
END_TEST

/* The guest breaks its ring with requests in flight: the channel ends, the disks go on. */
START_TEST(a_broken_ring_ends_the_channel_only)
{
	c.fake.hold = true;
	put_read(0);
	c.g.out.header->write_index = 12345679;
	vmbus_server_signal(c.p.server, 1);
	ck_assert_uint_eq(c.logs, 1);
	storvsp_drain(c.vsp);
	ck_assert_uint_eq(pending(0), 0);
	c.fake.hold = false;
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
	guest_post_header(&c.p, VMBUS_MSG_UNLOAD);
	partition_forget(&c.p);
	controller_connect(&c);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

START_TEST(a_bus_reset_is_answered_after_all_that_is_older)
{
	struct storvsp_packet reset = { .operation = STORVSP_RESET_BUS };
	struct answer answer;
	uint64_t first, second, later;

	c.fake.hold = true;
	first = put_read(0);
	second = put_read(1);
	put_packet(&c, &c.g, UINT64_MAX - 3, &reset);
	later = put_read(0);
	ck_assert(!take_answer(&c, &c.g, &answer));
	fake_finish(&c.fake, 2);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, later);
	fake_finish(&c.fake, 1);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, second);
	ck_assert(!take_answer(&c, &c.g, &answer));
	fake_finish(&c.fake, 0);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, first);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, UINT64_MAX - 3);
	ck_assert_uint_eq(answer.packet.status, 0);
}
END_TEST

START_TEST(a_lun_reset_waits_for_its_disk_only)
{
	struct storvsp_packet reset = { .operation = STORVSP_RESET_LUN, .srb.lun = 1 };
	struct answer answer;

	c.fake.hold = true;
	put_read(0);
	put_packet(&c, &c.g, 9, &reset);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, 9);
	reset.srb.lun = 9;
	put_packet(&c, &c.g, 10, &reset);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.packet.status, STORVSP_STATUS_INVALID_PARAMETER);
}
END_TEST

/* One disk does not answer; the other, behind 200 requests for it, does. */
START_TEST(a_slow_disk_does_not_hold_up_a_fast_one)
{
	struct answer answer;
	unsigned int slow = 0;
	uint64_t id;

	c.fake.hold = true;
	for (int i = 0; i < 200; i++)
		put_read(0);
	ck_assert_uint_lt(c.fake.count, 200);
	id = put_read(1);
	fake_finish(&c.fake, c.fake.count - 1);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(pending(0), 200);
	c.fake.hold = false;
	while (slow < 200) {
		wait_answer(&c, &c.g, &answer);
		slow++;
	}
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(pending(0), 0);
}
END_TEST

/* More requests than there is room for, here and in the ring of answers: every one is answered once. */
START_TEST(a_guest_that_does_not_read_its_answers_gets_them_all_later)
{
	static uint8_t seen[4096];
	uint64_t first = c.next_id + 1;
	unsigned int sent = 0, got = 0;
	struct answer answer;
	uint8_t cdb[10];

	memset(seen, 0, sizeof seen);
	rw_cdb(cdb, false, 0, 1);
	while (got < 2000) {
		/* Fill the ring until it takes no more. */
		while (sent < 2000 && c.g.out.size - (c.g.out.header->write_index - c.g.out.header->read_index + c.g.out.size) % c.g.out.size > 256) {
			put_command(&c, &c.g, 0, (uint8_t)(sent % 2), cdb, 10, STORVSP_DATA_IN, 0, 512);
			sent++;
		}
		storvsp_process_completions(c.vsp);
		for (int burst = 0; burst < 37 && take_answer(&c, &c.g, &answer); burst++) {
			ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
			ck_assert_uint_eq(seen[answer.id - first], 0);
			seen[answer.id - first] = 1;
			got++;
		}
	}
	ck_assert_uint_eq(sent, 2000);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(pending(0) + pending(1), 0);
}
END_TEST

START_TEST(a_queue_without_room_delays_but_loses_nothing)
{
	struct answer answer;

	c.fake.room = 3;
	c.fake.hold = true;
	for (int i = 0; i < 20; i++)
		put_read((uint8_t)(i % 2));
	ck_assert_uint_eq(c.fake.count, 3);
	c.fake.hold = false;
	for (int i = 0; i < 20; i++)
		wait_answer(&c, &c.g, &answer);
	ck_assert(!take_answer(&c, &c.g, &answer));
}
END_TEST

/* One submission for all packets of a batch, one signal for all its answers. */
START_TEST(a_batch_costs_one_submission_and_one_signal)
{
	uint8_t cdb[10];
	uint32_t extension[6] = { 0, 1, 512, 0, DATA_PAGE, 0 };
	struct storvsp_packet packet = {
		.operation = STORVSP_EXECUTE_SRB, .srb = { .cdb_length = 10, .data_in = STORVSP_DATA_IN, .transfer_length = 512 },
	};
	unsigned int submitted, signals;
	struct answer answer;

	rw_cdb(cdb, false, 0, 1);
	memcpy(packet.srb.cdb, cdb, 10);
	c.fake.hold = true;
	submitted = c.fake.submitted;
	for (uint64_t id = 1; id <= 32; id++)
		guest_put(&c.g, VMBUS_PACKET_GPA_DIRECT, id, extension, 24, &packet, sizeof packet);
	vmbus_server_signal(c.p.server, 1);
	ck_assert_uint_eq(c.fake.count, 32);
	ck_assert_uint_eq(c.fake.submitted, submitted + 1);
	signals = c.p.events[1];
	c.fake.hold = false;
	storvsp_process_completions(c.vsp);
	ck_assert_uint_eq(c.p.events[1], signals + 1);
	for (int i = 0; i < 32; i++)
		ck_assert(take_answer(&c, &c.g, &answer));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("end");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, unloading_waits_for_io_in_flight);
	tcase_add_test(t, a_reset_partition_can_be_drained);
	tcase_add_test(t, a_broken_ring_ends_the_channel_only);
	tcase_add_test(t, a_bus_reset_is_answered_after_all_that_is_older);
	tcase_add_test(t, a_lun_reset_waits_for_its_disk_only);
	tcase_add_test(t, a_slow_disk_does_not_hold_up_a_fast_one);
	tcase_add_test(t, a_guest_that_does_not_read_its_answers_gets_them_all_later);
	tcase_add_test(t, a_queue_without_room_delays_but_loses_nothing);
	tcase_add_test(t, a_batch_costs_one_submission_and_one_signal);
	return run_cases("storvsp end", t);
}
