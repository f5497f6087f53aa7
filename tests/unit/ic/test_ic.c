/* SPDX-License-Identifier: BSD-2-Clause */
/* Shutdown, heartbeat and time synchronization against a guest that behaves like hv_utils, and against one that does not. */
#include "tests/unit/ic/guest.h"
#include "tests/unit/run_tests.h"

START_TEST(versions_are_offered_newest_first)
{
	struct ic_negotiate body;

	begin(IC_SHUTDOWN);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.framework_count, 2);
	ck_assert_uint_eq(body.message_count, 4);
	ck_assert_uint_eq(message.header.bytes, 8 + 6 * 4);
	ck_assert_uint_eq(body.versions[0].major, 3);
	ck_assert_uint_eq(body.versions[1].major, 1);
	ck_assert_uint_eq(body.versions[2].minor, 2);
	ck_assert_uint_eq(body.versions[5].major, 1);
	answer_negotiation(1, 1, 0);
	ck_assert(ic_ready(ic));
	end();
}
END_TEST

START_TEST(a_guest_that_knows_no_version_is_not_ready)
{
	begin(IC_SHUTDOWN);
	ck_assert(receive());
	memset(message.body, 0, 4);
	reply();
	ck_assert(!ic_ready(ic));
	ck_assert_uint_eq(seen.logs, 1);
	ck_assert_int_eq(ic_shutdown_request(ic, false, false, NULL), -ENOTCONN);
	end();
}
END_TEST

START_TEST(a_version_that_was_not_offered_is_not_agreed_on)
{
	begin(IC_TIMESYNC);
	ck_assert(receive());
	answer_negotiation(3, 3, 2);
	ck_assert(!ic_ready(ic));
	end();
}
END_TEST

START_TEST(shutdown_and_restart_are_asked_for_and_answered)
{
	struct ic_shutdown body;

	begin(IC_SHUTDOWN);
	ck_assert_int_eq(ic_shutdown_request(ic, false, true, "now"), -ENOTCONN);
	ck_assert(receive());
	answer_negotiation(3, 3, 2);
	ck_assert_int_eq(ic_shutdown_request(ic, false, true, "now"), 0);
	ck_assert_int_eq(ic_shutdown_request(ic, false, true, "now"), -EALREADY);
	ck_assert(receive());
	ck_assert_uint_eq(message.header.type, IC_MESSAGE_SHUTDOWN);
	ck_assert_uint_eq(message.header.bytes, 2060); /* hv_utils wants every byte */
	ck_assert_uint_eq(message.header.message.major << 16 | message.header.message.minor, 0x30002);
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.flags, IC_SHUTDOWN_FORCE);
	ck_assert_str_eq((const char *)body.text, "now");
	message.header.status = 0x80004005;
	reply();
	ck_assert_uint_eq(seen.answers, 1);
	ck_assert_uint_eq(seen.status, 0x80004005);
	/* The same again is not an answer to anything. */
	reply();
	ck_assert_uint_eq(seen.answers, 1);
	ck_assert_int_eq(ic_shutdown_request(ic, true, false, NULL), 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.flags, IC_SHUTDOWN_RESTART);
	reply();
	ck_assert_uint_eq(seen.answers, 2);
	ck_assert(seen.reboot && seen.status == 0);
	end();
}
END_TEST

static bool answer_heartbeat(void)
{
	uint64_t sequence;

	if (!receive())
		return false;
	ck_assert_uint_eq(message.header.type, IC_MESSAGE_HEARTBEAT);
	memcpy(&sequence, message.body, sizeof sequence);
	sequence++;
	memcpy(message.body, &sequence, sizeof sequence);
	reply();
	return true;
}

START_TEST(the_heart_beats_every_two_seconds_and_is_missed_after_ten)
{
	uint64_t now;
	unsigned int beats = 1;

	connect_ic(IC_HEARTBEAT, 3, 0);
	ck_assert(answer_heartbeat());
	ck_assert(ic_heartbeat_alive(ic));
	ck_assert_uint_eq(ic_heartbeat_sequence(ic), 1);
	for (now = 1000; now <= 21000; now += 1000) {
		ic_tick(ic, now);
		beats += answer_heartbeat();
	}
	ck_assert_uint_eq(beats, 12);
	ck_assert_uint_eq(ic_heartbeat_sequence(ic), beats);
	ck_assert_uint_eq(seen.began, 1);
	/* The guest hangs: it is found out, and its ring is not filled meanwhile. */
	for (; now <= 90000; now += 1000)
		ic_tick(ic, now);
	ck_assert(!ic_heartbeat_alive(ic));
	ck_assert_uint_eq(seen.stopped, 1);
	beats = 0;
	while (answer_heartbeat())
		beats++;
	ck_assert_uint_le(beats, 4);
	ck_assert(ic_heartbeat_alive(ic));
	ck_assert_uint_eq(seen.began, 2);
	end();
}
END_TEST

START_TEST(the_clock_is_set_first_and_sampled_then)
{
	struct ic_time_4 body;
	unsigned int samples = 0;

	connect_ic(IC_TIMESYNC, 4, 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.flags, IC_TIME_SYNC);
	ck_assert_uint_eq(body.reference_time, 1234567);
	/* Between 2020 and 2120, in 100 ns since 1601. */
	ck_assert(body.parent_time > 132223104000000000u && body.parent_time < 163779840000000000u);
	reply();
	for (uint64_t now = 1000; now <= 21000; now += 1000) {
		ic_tick(ic, now);
		while (receive()) {
			memcpy(&body, message.body, sizeof body);
			ck_assert_uint_eq(body.flags, IC_TIME_SAMPLE);
			samples++;
			reply();
		}
	}
	ck_assert_uint_eq(samples, 5);
	ic_timesync_force(ic);
	ic_tick(ic, 21500);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.flags, IC_TIME_SYNC);
	end();
}
END_TEST

START_TEST(old_guests_get_the_time_as_they_know_it)
{
	struct ic_time body;

	connect_ic(IC_TIMESYNC, 3, 0);
	ck_assert(receive());
	ck_assert_uint_eq(message.header.bytes, sizeof body);
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.flags, IC_TIME_SYNC);
	end();
}
END_TEST

/* Whatever comes at whatever time: no answer is taken for one that it is not. */
START_TEST(nonsense_is_dropped)
{
	struct ic_header header = { .type = IC_MESSAGE_HEARTBEAT, .flags = IC_FLAG_RESPONSE };
	uint8_t large[6000] = { 0 };

	begin(IC_HEARTBEAT);
	send_bytes(&header, sizeof header);
	send_bytes(&header, 8);
	send_bytes(large, 0);
	send_bytes(large, sizeof large);
	header.type = IC_MESSAGE_NEGOTIATE;
	send_bytes(&header, sizeof header);
	ck_assert(!ic_ready(ic));
	ck_assert(receive());
	answer_negotiation(3, 3, 0);
	ck_assert(ic_ready(ic));
	answer_negotiation(1, 1, 0);
	ck_assert_uint_eq(state.message, 0x30000);
	/* A sequence that was never sent. */
	header.type = IC_MESSAGE_HEARTBEAT;
	memcpy(&message, &header, sizeof header);
	memset(message.body, 0xff, 8);
	send_bytes(&message, sizeof header + 8);
	ck_assert(!ic_heartbeat_alive(ic));
	end();
}
END_TEST

START_TEST(closing_ends_readiness_and_a_new_guest_begins_anew)
{
	connect_ic(IC_SHUTDOWN, 3, 2);
	ck_assert_int_eq(ic_shutdown_request(ic, true, false, NULL), 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert(!ic_ready(ic));
	ck_assert_uint_eq(seen.gone, 1);
	ck_assert_int_eq(ic_shutdown_request(ic, true, false, NULL), -ENOTCONN);
	guest_post_header(&p, VMBUS_MSG_UNLOAD);
	partition_forget(&p);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, PAGES, 0), 0);
	ck_assert(receive());
	answer_negotiation(3, 3, 0);
	ck_assert(ic_ready(ic));
	ck_assert_int_eq(ic_shutdown_request(ic, false, false, NULL), 0);
	end();
}
END_TEST

START_TEST(a_successor_goes_on)
{
	connect_ic(IC_SHUTDOWN, 3, 2);
	ck_assert_int_eq(ic_shutdown_request(ic, true, false, NULL), 0);
	partition_succeed(&p);
	ic_detach(ic);
	offer(IC_SHUTDOWN);
	ck_assert(ic_ready(ic));
	ck_assert(receive());
	reply();
	ck_assert_uint_eq(seen.answers, 1);
	ck_assert(seen.reboot);
	end();
}
END_TEST

RUN_TESTS("ic", versions_are_offered_newest_first, a_guest_that_knows_no_version_is_not_ready,
	a_version_that_was_not_offered_is_not_agreed_on, shutdown_and_restart_are_asked_for_and_answered,
	the_heart_beats_every_two_seconds_and_is_missed_after_ten, the_clock_is_set_first_and_sampled_then,
	old_guests_get_the_time_as_they_know_it, nonsense_is_dropped, closing_ends_readiness_and_a_new_guest_begins_anew,
	a_successor_goes_on)
