/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker ends in the middle of things, another one goes on from the state: no page that the guest gave is lost, none that it has is
 * released, nothing is asked or counted twice.
 */
#include <setjmp.h>

#include "tests/unit/balloon/guest.h"

#define UNIT (128 * MIB_PAGES)

/* The provider's numbers for what is under way. */
enum { NONE, BALLOON, UNBALLOON, ADD };

static struct vmbus_channel_state *kept(void)
{
	return &p.state->channels[g.relid - 1];
}

static void succeed(void)
{
	at_instant = NULL;
	partition_succeed(&p);
	balloon_detach(b);
	ck_assert_int_eq(balloon_create(p.server, state, &config, &ops, NULL, &b), 0);
	vmbus_server_start(p.server);
}

static void check_pages(uint64_t target, uint64_t ballooned, uint64_t added)
{
	ck_assert_uint_eq(now()->target_pages, target);
	ck_assert_uint_eq(status.ballooned_pages, ballooned);
	ck_assert_uint_eq(status.added_pages, added);
	ck_assert_uint_eq(status.assigned_pages, LOW + HIGH + added - ballooned);
}

static void respond(enum dm_message_type type)
{
	struct dm_header header;

	put(type, &header, sizeof header);
}

static void add_unit(void)
{
	struct dm_hot_added response = { .pages = UNIT, .result = 1 };

	put(DM_HOT_ADD_RESPONSE, &response, sizeof response);
}

/* Down and up once more: whoever serves it, it works. */
static void check_works(void)
{
	const uint64_t before = now()->target_pages, range = DM_RANGE(0, 512), total = seen.total;

	ck_assert(status.ready && !status.busy);
	expect_nothing();
	balloon_set_target(b, before - 512);
	expect(DM_BALLOON_REQUEST);
	give(false, 1, &range);
	ck_assert_uint_eq(seen.total, total + 512);
	balloon_set_target(b, before);
	expect(DM_UNBALLOON_REQUEST);
	respond(DM_UNBALLOON_RESPONSE);
	expect_nothing();
	ck_assert(!now()->busy);
	ck_assert_uint_eq(status.target_pages, status.assigned_pages);
}

START_TEST(idle)
{
	struct dm_status report = { .available = 1000, .committed = 5000 };

	connect_with(CAPS);
	balloon_pages(1024);
	put(DM_STATUS_REPORT, &report, sizeof report);
	succeed();
	expect_nothing();
	check_pages(LOW + HIGH - 1024, 1024, 0);
	ck_assert(status.ready && status.reported && status.can_add && !status.busy);
	ck_assert_uint_eq(status.version, DM_VERSION_2_0);
	ck_assert_uint_eq(status.demand_pages, 5000 - 1024);
	ck_assert_uint_eq(status.available_pages, 1000);
	ck_assert_uint_eq(seen.total, 1024);
	check_works();
	balloon_set_target(b, LOW + HIGH);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.ranges[0], DM_RANGE(0x1000, 1024));
	end();
}

/* Of each kind of request: sent, it is not sent again; not sent, it is, with what it was to say. */
START_TEST(request_and_end)
{
	const bool sent = _i % 2;
	uint32_t before;
	uint64_t range = DM_RANGE(0x1000, 1024);

	connect_with(CAPS);
	if (_i / 2 == 1)
		balloon_pages(1024);
	before = kept()->write_next;
	balloon_set_target(b, _i / 2 == 0 ? LOW + HIGH - 1024 : _i / 2 == 1 ? LOW + HIGH : LOW + HIGH + UNIT);
	ck_assert_uint_eq(state->action, BALLOON + (unsigned int)_i / 2);
	if (!sent)
		kept()->write_next = before;
	succeed();
	ck_assert(now()->busy);
	switch (_i / 2) {
	case 0:
		expect(DM_BALLOON_REQUEST);
		ck_assert_uint_eq(message.balloon.pages, 1024);
		expect_nothing();
		give(false, 1, &range);
		check_pages(LOW + HIGH - 1024, 1024, 0);
		ck_assert_uint_eq(seen.total, 1024);
		break;
	case 1:
		expect(DM_UNBALLOON_REQUEST);
		ck_assert_uint_eq(message.unballoon.count, 1);
		ck_assert_uint_eq(message.unballoon.ranges[0], range);
		expect_nothing();
		check_pages(LOW + HIGH, 0, 0);
		respond(DM_UNBALLOON_RESPONSE);
		ck_assert_uint_eq(seen.total, 1024);
		break;
	case 2:
		expect(DM_HOT_ADD_REQUEST);
		ck_assert_uint_eq(message.hot_add.range, DM_RANGE(HOT_GFN, UNIT));
		expect_nothing();
		add_unit();
		check_pages(LOW + HIGH + UNIT, 0, UNIT);
		break;
	}
	check_works();
	end();
}

/* Killed while it cleared what it was about to give back. */
START_TEST(set_half_cleared)
{
	const bool sent = _i;
	uint32_t before;

	connect_with(CAPS);
	balloon_pages(1024);
	before = kept()->write_next;
	balloon_set_target(b, LOW + HIGH);
	for (uint64_t gfn = 0x1000 + 300; gfn < 0x1400; gfn++)
		state->given[gfn / 64] |= 1ull << gfn % 64;
	if (!sent)
		kept()->write_next = before;
	succeed();
	check_pages(LOW + HIGH, 0, 0);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.ranges[0], DM_RANGE(0x1000, 1024));
	respond(DM_UNBALLOON_RESPONSE);
	check_works();
	end();
}

static unsigned int instants_left;
static jmp_buf killed;

static void kill_at_instant(void)
{
	if (instants_left-- == 0)
		longjmp(killed, 1);
}

/* Gives in two messages, with the worker killed at the n-th instant. False: it was not. */
static bool give_until_killed(unsigned int n)
{
	static const uint64_t first[] = { DM_RANGE(512, 512), DM_RANGE(2048, 512), DM_RANGE(0x100000, 512) };
	static const uint64_t second[] = { DM_RANGE(4096, 256), DM_RANGE(8192, 256) };
	volatile bool first_given = false;

	instants_left = n;
	at_instant = kill_at_instant;
	if (setjmp(killed) == 0) {
		give(true, 3, first);
		first_given = true;
		give(false, 2, second);
		at_instant = NULL;
		return false;
	}
	succeed();
	if (!first_given)
		give(false, 2, second);
	return true;
}

/*
 * Before and after each release, and when the answer is complete: what was given is in the balloon once and has been released, whoever
 * did it; nothing else has.
 */
START_TEST(killed_while_it_takes)
{
	static const uint64_t ranges[] = { DM_RANGE(512, 512), DM_RANGE(2048, 512), DM_RANGE(0x100000, 512), DM_RANGE(4096, 256),
					   DM_RANGE(8192, 256) };
	bool was_killed;
	unsigned int pages = 0;

	connect_with(CAPS);
	balloon_set_target(b, LOW + HIGH - 2048);
	expect(DM_BALLOON_REQUEST);
	was_killed = give_until_killed((unsigned int)_i);
	ck_assert_int_eq(was_killed, _i < 11);
	check_pages(LOW + HIGH - 2048, 2048, 0);
	ck_assert(!status.busy);
	for (unsigned int i = 0; i < sizeof ranges / sizeof *ranges; i++)
		for (uint64_t gfn = DM_RANGE_PAGE(ranges[i]); gfn < DM_RANGE_PAGE(ranges[i]) + DM_RANGE_COUNT(ranges[i]); gfn++) {
			ck_assert_uint_ge(released[gfn], 1);
			ck_assert_uint_le(released[gfn], 2);
		}
	for (uint64_t gfn = 0; gfn < TRACKED; gfn++)
		pages += released[gfn] != 0;
	ck_assert_uint_eq(pages, 2048);
	check_works();
	balloon_set_target(b, LOW + HIGH);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.count, 5);
	ck_assert_mem_eq(&message.unballoon.ranges[0], &ranges[0], 8);
	end();
}

/* The last message was taken, the packet does not count as handled: it is nobody's response any more. */
START_TEST(response_taken_and_not_counted)
{
	const uint64_t more = DM_RANGE(0x3000, 512);
	uint32_t read;

	connect_with(CAPS);
	balloon_pages(1024);
	balloon_set_target(b, LOW + HIGH);
	expect(DM_UNBALLOON_REQUEST);
	read = kept()->read_next;
	respond(DM_UNBALLOON_RESPONSE);
	kept()->read_next = read;
	succeed();
	check_pages(LOW + HIGH, 0, 0);
	check_works();
	/* More than was asked for is not taken, whoever looks. */
	balloon_set_target(b, LOW + HIGH - 512);
	expect(DM_BALLOON_REQUEST);
	read = kept()->read_next;
	give(false, 1, &more);
	kept()->read_next = read;
	for (unsigned int n = 0; n < 2; n++) {
		state->action = BALLOON;
		kept()->read_next = read;
		succeed();
		check_pages(LOW + HIGH - 512, 512, 0);
	}
	end();
}

START_TEST(added_once)
{
	uint32_t read;

	connect_with(CAPS);
	balloon_set_target(b, LOW + HIGH + UNIT);
	expect(DM_HOT_ADD_REQUEST);
	add_unit();
	balloon_set_target(b, LOW + HIGH + 2 * UNIT);
	expect(DM_HOT_ADD_REQUEST);
	ck_assert_uint_eq(message.hot_add.range, DM_RANGE(HOT_GFN + UNIT, UNIT));
	read = kept()->read_next;
	add_unit();
	/* Added and not finished; finished and not counted. */
	for (unsigned int n = 0; n < 2; n++) {
		if (n == 0)
			state->action = ADD;
		kept()->read_next = read;
		succeed();
		check_pages(LOW + HIGH + 2 * UNIT, 0, 2 * UNIT);
		ck_assert(!status.busy);
		expect_nothing();
	}
	/* What was added can be given and is released at the partition's reset. */
	balloon_set_target(b, LOW + HIGH + 2 * UNIT - 512);
	expect(DM_BALLOON_REQUEST);
	give(false, 1, &(uint64_t){ DM_RANGE(HOT_GFN + UNIT, 512) });
	ck_assert_uint_eq(seen.gfn, HOT_GFN + UNIT);
	vmbus_server_reset(p.server);
	balloon_reset(b);
	ck_assert_uint_eq(seen.total, 512 + 2 * UNIT);
	check_pages(LOW + HIGH + 2 * UNIT - 512, 0, 0);
	end();
}

START_TEST(version_answered_once)
{
	struct dm_version_request request = { .version = DM_VERSION_2_0 };
	struct dm_capabilities caps = { .capabilities = CAPS };
	uint32_t read;

	begin();
	read = kept()->read_next;
	put(DM_VERSION_REQUEST, &request, sizeof request);
	for (unsigned int n = 0; n < 2; n++) {
		kept()->read_next = read;
		succeed();
	}
	expect(DM_VERSION_RESPONSE);
	expect_nothing();
	put(DM_CAPABILITIES_REPORT, &caps, sizeof caps);
	expect(DM_CAPABILITIES_RESPONSE);
	expect(DM_INFO_MESSAGE);
	check_works();
	end();
}

/* Killed before the first message, between the two, and before the packet counted. */
START_TEST(capabilities_answered_by_half)
{
	struct dm_capabilities caps = { .capabilities = CAPS };
	uint32_t read, ends[3], done = (uint32_t)_i;

	begin();
	ck_assert(ask_version(DM_VERSION_2_0, false));
	read = kept()->read_next;
	ends[0] = kept()->write_next;
	put(DM_CAPABILITIES_REPORT, &caps, sizeof caps);
	ends[1] = ends[0] + 40;      /* 16 bytes descriptor, 16 payload, 8 trailer */
	ends[2] = kept()->write_next;
	kept()->read_next = read;
	kept()->write_next = ends[done];
	if (done < 2) {
		state->once.mark = (uint64_t)(done + 1) << 32 | ends[done];
		state->phase = 2;
		state->capabilities = 0;
	}
	succeed();
	expect(DM_CAPABILITIES_RESPONSE);
	expect(DM_INFO_MESSAGE);
	check_works();
	end();
}

/* The guest has closed the channel, the worker was killed before it heard: who opens it next has all of its memory. */
START_TEST(close_that_was_not_heard)
{
	struct balloon_state *before = malloc(sizeof *before);
	struct vmbus_gpadl_teardown teardown = { .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1 };
	struct dm_capabilities caps = { .capabilities = CAPS };

	connect_with(CAPS);
	balloon_pages(1024);
	*before = *state;
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	*state = *before;
	free(before);
	succeed();
	ck_assert(!now()->ready);
	if (_i) {
		balloon_tick(b, 1000);
		ck_assert_uint_eq(now()->ballooned_pages, 0);
	}
	balloon_set_target(b, LOW);
	teardown.gpadl = g.gpadl;
	guest_post(&p, &teardown, sizeof teardown);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 16, 0), 0);
	check_pages(LOW, 0, 0);
	balloon_set_target(b, LOW + HIGH);
	ck_assert(ask_version(DM_VERSION_2_0, false));
	put(DM_CAPABILITIES_REPORT, &caps, sizeof caps);
	expect(DM_CAPABILITIES_RESPONSE);
	expect(DM_INFO_MESSAGE);
	check_works();
	end();
}

static int create_with(const struct balloon_config *c)
{
	struct partition other;
	struct balloon *created = NULL;
	int rc;

	partition_init(&other);
	rc = balloon_create(other.server, state, c, &ops, NULL, &created);
	balloon_free(created);
	partition_done(&other);
	return rc;
}

START_TEST(states_that_are_none)
{
	struct balloon_config different = config;

	begin();
	ck_assert_int_eq(create_with(&config), 0);
#define REFUSED(field, value, error) do { \
		__typeof__(state->field) good = state->field; \
		state->field = (value); \
		ck_assert_int_eq(create_with(&config), error); \
		state->field = good; \
	} while (0)
	REFUSED(magic, 5, -EINVAL);
	REFUSED(version, BALLOON_STATE_VERSION + 1, -ENOTSUP);
	REFUSED(size, sizeof *state - 8, -ENOTSUP);
	REFUSED(added, HOT + 1, -EINVAL);
	REFUSED(phase, 5, -EINVAL);
	REFUSED(action, 4, -EINVAL);
	REFUSED(range_count, DM_RANGES_MAX + 1, -EINVAL);
	state->range_count = DM_RANGES_MAX;
	REFUSED(ranges[DM_RANGES_MAX - 1], DM_RANGE(HOT_GFN + HOT - 1, 2), -EINVAL);
	REFUSED(ranges[0], DM_RANGE(0xffffffffffull, 1), -EINVAL);
	state->action = ADD;
	REFUSED(asked, HOT + 1, -EINVAL);
	REFUSED(base, HOT + 1, -EINVAL);
	REFUSED(base, UINT64_MAX, -EINVAL);
	ck_assert_int_eq(create_with(&config), 0);
	different.hot_add_pages -= UNIT;
	ck_assert_int_eq(create_with(&different), -EINVAL);
	state->magic = 0;
	different.hot_add_gfn = BALLOON_GFN_LIMIT - HOT;
	different.hot_add_pages = HOT + 1;
	ck_assert_int_eq(create_with(&different), -EINVAL);
	end();
}

int main(void)
{
	TCase *tcase = tcase_create("successor");

	tcase_add_test(tcase, idle);
	tcase_add_loop_test(tcase, request_and_end, 0, 6);
	tcase_add_loop_test(tcase, set_half_cleared, 0, 2);
	tcase_add_loop_test(tcase, killed_while_it_takes, 0, 12);
	tcase_add_test(tcase, response_taken_and_not_counted);
	tcase_add_test(tcase, added_once);
	tcase_add_test(tcase, version_answered_once);
	tcase_add_loop_test(tcase, capabilities_answered_by_half, 0, 3);
	tcase_add_loop_test(tcase, close_that_was_not_heard, 0, 2);
	tcase_add_test(tcase, states_that_are_none);
	return run_cases("balloon successor", &tcase, 1);
}
