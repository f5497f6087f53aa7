/* SPDX-License-Identifier: BSD-2-Clause */
/* Dynamic memory against a guest that behaves like hv_balloon, and against one that does not. */
#include "tests/unit/balloon/guest.h"

/* 2.0 and 1.0 are spoken; a guest that knows neither is told so, each time that it asks. */
START_TEST(versions)
{
	begin();
	ck_assert(!ask_version(0x30000, false));
	ck_assert(!ask_version(3, true));
	ck_assert_uint_eq(seen.logs, 1);
	ck_assert(!now()->ready);
	end();
	begin();
	ck_assert(!ask_version(0x30000, false));
	ck_assert(ask_version(DM_VERSION_1_0, false));
	ck_assert_uint_eq(now()->version, DM_VERSION_1_0);
	ck_assert(!now()->ready);
	end();
}

/* What the guest has committed is its demand, without what is in its balloon. */
START_TEST(demand)
{
	struct dm_status report = { .available = 1000, .committed = 5000 };

	connect_with(CAPS);
	ck_assert(!now()->reported);
	put(DM_STATUS_REPORT, &report, sizeof report);
	ck_assert(now()->reported);
	ck_assert_uint_eq(status.demand_pages, 5000);
	ck_assert_uint_eq(status.available_pages, 1000);
	balloon_pages(1024);
	put(DM_STATUS_REPORT, &report, sizeof report);
	ck_assert_uint_eq(now()->demand_pages, 5000 - 1024);
	report.committed = 5;
	put(DM_STATUS_REPORT, &report, sizeof report);
	ck_assert_uint_eq(now()->demand_pages, 0);
	end();
}

/* Down in several messages; neighbours are released together; then up again with the very pages. */
START_TEST(balloon_and_back)
{
	const uint64_t first[] = { DM_RANGE(512, 512), DM_RANGE(1024, 512), DM_RANGE(0x100000, 512) }, second[] = { DM_RANGE(4096, 512) };

	connect_with(CAPS);
	balloon_set_target(b, LOW + HIGH - 2048);
	expect(DM_BALLOON_REQUEST);
	ck_assert_uint_eq(message.balloon.pages, 2048);
	give(true, 3, first);
	ck_assert(now()->busy);
	ck_assert_uint_eq(seen.releases, 2);
	ck_assert_uint_eq(seen.gfn, 0x100000);
	give(false, 1, second);
	ck_assert(!now()->busy);
	ck_assert_uint_eq(seen.total, 2048);
	ck_assert_uint_eq(status.assigned_pages, LOW + HIGH - 2048);
	expect_nothing();

	balloon_set_target(b, LOW + HIGH - 512);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.more, 0);
	ck_assert_uint_eq(message.unballoon.count, 2);
	ck_assert_uint_eq(message.unballoon.ranges[0], DM_RANGE(512, 1024));
	ck_assert_uint_eq(message.unballoon.ranges[1], DM_RANGE(4096, 512));
	put(DM_UNBALLOON_RESPONSE, &message.header, sizeof message.header);
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH - 512);
	expect_nothing();
	balloon_set_target(b, LOW + HIGH);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.ranges[0], DM_RANGE(0x100000, 512));
	put(DM_UNBALLOON_RESPONSE, &message.header, sizeof message.header);
	ck_assert_uint_eq(now()->ballooned_pages, 0);
	end();
}

/* A guest that cannot give all is asked again, but not at once. */
START_TEST(partly_given)
{
	const uint64_t some[] = { DM_RANGE(512, 512) };

	connect_with(CAPS);
	balloon_tick(b, 1000);
	balloon_set_target(b, LOW + HIGH - 2048);
	expect(DM_BALLOON_REQUEST);
	give(false, 1, some);
	balloon_tick(b, 2000);
	expect_nothing();
	balloon_tick(b, 20000);
	expect(DM_BALLOON_REQUEST);
	ck_assert_uint_eq(message.balloon.pages, 1536);
	give(false, 0, some);
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH - 512);
	end();
}

/*
 * A guest that is short of memory gives what it can spare to the page, and that leaves less than 2 MiB to go. Its target is reached
 * nonetheless: it is asked for 2 MiB more, the unit of requests, and gets back what it gave too much. It stayed above it for ever
 * when less than a unit was not asked for.
 */
START_TEST(a_remainder_below_the_unit_is_taken)
{
	const uint64_t most[] = { DM_RANGE(512, 512), DM_RANGE(4096, 312) }, rest[] = { DM_RANGE(8192, 512) };

	connect_with(CAPS);
	balloon_tick(b, 1000);
	balloon_set_target(b, LOW + HIGH - 1024);
	expect(DM_BALLOON_REQUEST);
	give(false, 2, most);
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH - 824);
	balloon_tick(b, 20000);
	expect(DM_BALLOON_REQUEST);
	ck_assert_uint_eq(message.balloon.pages, 512);
	give(false, 1, rest);
	expect(DM_UNBALLOON_REQUEST);
	ck_assert_uint_eq(message.unballoon.count, 1);
	ck_assert_uint_eq(DM_RANGE_COUNT(message.unballoon.ranges[0]), 312);
	put(DM_UNBALLOON_RESPONSE, &message.header, sizeof message.header);
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH - 1024);
	expect_nothing();
	end();
}

/* Memory is added in the guest's own alignment, behind what is there, up to the maximum; the last word is the guest's. */
START_TEST(hot_add)
{
	const uint64_t unit = 128 * MIB_PAGES;
	struct dm_hot_added response = { .pages = (uint32_t)unit, .result = 1 };

	connect_with(CAPS);
	balloon_set_target(b, LOW + HIGH + 2 * unit);
	for (unsigned int i = 0; i < 2; i++) {
		expect(DM_HOT_ADD_REQUEST);
		ck_assert_uint_eq(message.hot_add.range, DM_RANGE(HOT_GFN + i * unit, unit));
		put(DM_HOT_ADD_RESPONSE, &response, sizeof response);
	}
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH + 2 * unit);
	expect_nothing();
	/* More than there can ever be: as much as there is. */
	balloon_set_target(b, 10 * (LOW + HIGH + HOT));
	expect(DM_HOT_ADD_REQUEST);
	put(DM_HOT_ADD_RESPONSE, &response, sizeof response);
	expect(DM_HOT_ADD_REQUEST);
	response.pages /= 2;
	put(DM_HOT_ADD_RESPONSE, &response, sizeof response);
	ck_assert(!now()->can_add);
	ck_assert_uint_eq(seen.logs, 1);
	balloon_tick(b, 100000);
	expect_nothing();
	/* The partition begins anew without what was added. */
	ck_assert_uint_eq(seen.total, 0);
	vmbus_server_reset(p.server);
	balloon_reset(b);
	ck_assert_uint_eq(seen.gfn, HOT_GFN);
	ck_assert_uint_eq(seen.total, 3 * unit + unit / 2);
	ck_assert_uint_eq(now()->assigned_pages, LOW + HIGH);
	end();
}

/* Pages that are not the guest's, that it has given already, or that nobody asked for are not released. */
START_TEST(ranges_are_checked)
{
	const uint64_t bad[] = { DM_RANGE(LOW - 1, 2), DM_RANGE(LOW, 1), DM_RANGE(0xffffffffffull, 0xffffff), DM_RANGE(HOT_GFN, 512),
				 DM_RANGE(0x100000 + HIGH, 1), DM_RANGE(5, 0) };
	const uint64_t twice[] = { DM_RANGE(0, 256), DM_RANGE(0, 512) }, too_many[] = { DM_RANGE(0x2000, 4096) };
	uint64_t short_count[3] = { 0, 7ull << 33, DM_RANGE(0x3000, 1) };

	connect_with(CAPS);
	give(false, 2, twice);
	ck_assert_uint_eq(seen.releases, 0);
	balloon_set_target(b, LOW + HIGH - 1024);
	expect(DM_BALLOON_REQUEST);
	give(true, 6, bad);
	ck_assert_uint_eq(seen.releases, 0);
	give(true, 2, twice);
	ck_assert_uint_eq(seen.total, 512);
	give(true, 1, too_many);
	ck_assert_uint_eq(seen.total, 1024);
	/* A count that its message does not hold ends the transaction. */
	put(DM_BALLOON_RESPONSE, short_count, sizeof short_count);
	ck_assert(!now()->busy);
	ck_assert_uint_eq(status.ballooned_pages, 1024);
	end();
}

/* The next kernel knows nothing of a balloon: all of it is its memory again. */
START_TEST(close_empties_the_balloon)
{
	connect_with(CAPS);
	balloon_pages(1024);
	vmbus_server_reset(p.server);
	ck_assert(!now()->ready);
	ck_assert_uint_eq(status.ballooned_pages, 0);
	ck_assert_uint_eq(status.assigned_pages, LOW + HIGH);
	end();
}

/* A guest without a balloon is left alone. */
START_TEST(no_capabilities)
{
	connect_with(0);
	balloon_set_target(b, 1024);
	balloon_tick(b, 100000);
	expect_nothing();
	balloon_set_target(b, LOW + HIGH + HOT);
	expect_nothing();
	end();
}

RUN_TESTS("balloon", versions, demand, balloon_and_back, partly_given, a_remainder_below_the_unit_is_taken, hot_add,
	ranges_are_checked, close_empties_the_balloon, no_capabilities)
