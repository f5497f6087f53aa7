/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker ends in the middle of things, another one goes on from the state: nothing lost, nothing answered twice. */
#include "controller.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct controller c;
static int fd;

static void setup(void)
{
	controller_init(&c, false);
	fd = disk_file(1 << 20, O_RDWR);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
	controller_connect(&c);
}

static void teardown(void)
{
	controller_done(&c);
	close(fd);
}

static void succeed(void)
{
	controller_succeed(&c);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
	ck_assert_uint_eq(storvsp_version(c.vsp), 0x0602);
}

static uint64_t put(bool write, uint32_t lba, uint32_t page)
{
	uint8_t cdb[10];

	rw_cdb(cdb, write, lba, 8);
	return put_command(&c, &c.g, 0, 0, cdb, 10, write ? STORVSP_DATA_OUT : STORVSP_DATA_IN, page * 4096, 4096);
}

START_TEST(requests_in_flight_are_done_again)
{
	static uint8_t old[4096], new[4096], back[4096];
	uint64_t write, read;
	struct answer answer;

	memset(old, 0x11, sizeof old);
	memset(new, 0x22, sizeof new);
	ck_assert_int_eq(pwrite(fd, old, sizeof old, 40960), sizeof old);
	memcpy(data_page(&c, 1), new, sizeof new);
	c.fake.hold = true;
	write = put(true, 0, 1);
	read = put(false, 80, DATA_PAGES + 2);
	ck_assert_uint_eq(c.fake.count, 2);
	succeed();
	/* In the order in which they came. */
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, write);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, read);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_mem_eq(data_page(&c, DATA_PAGES + 2), old, 4096);
	ck_assert_int_eq(pread(fd, back, 4096, 0), 4096);
	ck_assert_mem_eq(back, new, 4096);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* Killed after a packet was written down but before the ring's position was: the packet is there a second time. */
START_TEST(the_packet_taken_last_is_not_done_twice)
{
	uint32_t position = c.p.state->channels[0].read_next;
	struct answer answer;
	uint64_t id;

	c.fake.hold = true;
	id = put(false, 0, 0);
	c.p.state->channels[0].read_next = position;
	succeed();
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, id);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(c.fake.begun[DISK_READ], 1);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* Killed after the answer was put into the ring but before the request was struck out. */
START_TEST(an_answer_that_was_sent_is_not_sent_twice)
{
	struct answer answer;
	uint64_t id, sequence = 0;
	uint32_t index = 0;

	c.fake.hold = true;
	id = put(false, 0, 0);
	while (!c.state->requests[index].sequence)
		index++;
	sequence = c.state->requests[index].sequence;
	fake_finish(&c.fake, 0);
	ck_assert_uint_eq(c.state->requests[index].sequence, 0);
	c.state->requests[index].sequence = sequence;
	succeed();
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, id);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(c.fake.begun[DISK_READ], 0);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* Killed after it was noted that the answer is sent next, but before it was. */
START_TEST(an_answer_that_was_not_sent_is_made_again)
{
	struct answer answer;
	uint64_t id;

	c.fake.hold = true;
	id = put(false, 0, 0);
	c.state->channels[0].sending = c.state->sequence;
	c.state->channels[0].send_position = c.p.state->channels[0].write_next;
	succeed();
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(c.fake.begun[DISK_READ], 1);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
}
END_TEST

/* A command that needs no disk leaves nothing in flight: killed before (_i 0) or after its answer was sent. */
START_TEST(a_command_answered_at_once_is_answered_once)
{
	static const uint8_t test_unit_ready[6];
	uint32_t read = c.p.state->channels[0].read_next, write = c.p.state->channels[0].write_next;
	struct answer answer;
	uint64_t id = put_command(&c, &c.g, 0, 0, test_unit_ready, 6, STORVSP_DATA_NONE, 0, 0);

	c.p.state->channels[0].read_next = read;
	if (_i == 0) {
		c.p.state->channels[0].write_next = write;
		ck_assert_uint_eq(c.state->channels[0].send_position, write);
	}
	succeed();
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* Answers that had found no room are kept too, and the commands are not done again. */
START_TEST(answers_that_waited_for_room_are_sent)
{
	static uint8_t seen[1024];
	uint64_t first = c.next_id + 1;
	unsigned int sent = 0, got = 0;
	struct answer answer;
	uint8_t cdb[6] = { 0 };

	memset(seen, 0, sizeof seen);
	/* Until the ring of answers is full and some are kept. */
	while (c.p.state->channels[0].flags && sent < 300) {
		put_command(&c, &c.g, 0, 0, cdb, 6, STORVSP_DATA_NONE, 0, 0);
		sent++;
		if (c.g.in.header->pending_send_size)
			break;
	}
	ck_assert_uint_gt(c.g.in.header->pending_send_size, 0);
	succeed();
	while (got < sent) {
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
		ck_assert_uint_eq(seen[answer.id - first], 0);
		seen[answer.id - first] = 1;
		got++;
	}
	ck_assert(!take_answer(&c, &c.g, &answer));
}
END_TEST

/* A request whose pages are no guest memory any more is answered, not followed. */
START_TEST(a_state_that_does_not_fit_is_not_followed)
{
	struct answer answer;
	uint64_t id;

	c.fake.hold = true;
	id = put(false, 0, 0);
	for (uint32_t i = 0; i < STORVSP_MAX_REQUESTS; i++)
		if (c.state->requests[i].sequence)
			c.state->requests[i].segments[0].gpa = 0x7fffffff000;
	succeed();
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_ABORTED);
}
END_TEST

START_TEST(states_of_others_are_refused)
{
	struct storvsp_config config = { .vp_count = 1 };
	struct storvsp *other;

	c.state->version++;
	config.queue = NULL;
	ck_assert_int_eq(storvsp_create(c.p.server, c.state, &config, &other), -ENOTSUP);
	c.state->version--;
	c.state->magic++;
	ck_assert_int_eq(storvsp_create(c.p.server, c.state, &config, &other), -EINVAL);
	c.state->magic--;
	c.state->phase = 99;
	ck_assert_int_eq(storvsp_create(c.p.server, c.state, &config, &other), -EINVAL);
	c.state->phase = 4;
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("successor");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, requests_in_flight_are_done_again);
	tcase_add_test(t, the_packet_taken_last_is_not_done_twice);
	tcase_add_test(t, an_answer_that_was_sent_is_not_sent_twice);
	tcase_add_test(t, an_answer_that_was_not_sent_is_made_again);
	tcase_add_loop_test(t, a_command_answered_at_once_is_answered_once, 0, 2);
	tcase_add_test(t, answers_that_waited_for_room_are_sent);
	tcase_add_test(t, a_state_that_does_not_fit_is_not_followed);
	tcase_add_test(t, states_of_others_are_refused);
	return run_cases("storvsp successor", t);
}
