/* SPDX-License-Identifier: BSD-2-Clause */
/* GPADLs: every way in which the announced ranges, the bodies and the pages can disagree, and the bounds of the pool. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "tests/unit/run_tests.h"

#define LOW_PAGES (GUEST_LOW / 4096)

static struct partition p;
static struct device device;
static struct guest_channel g;

static void set_up(void)
{
	memset(&device, 0, sizeof device);
	partition_init(&p);
	vmbus_server_start(p.server);
	offer_device(&p, &device, 1, 0);
	offer_device(&p, &device, 2, 0);
	guest_connect(&p);
	partition_forget(&p);
}

static void tear_down(void)
{
	partition_done(&p);
}

/* A header with `bytes` of data behind it; the reply's status, ~0 without one. */
static uint32_t post_header(uint32_t relid, uint32_t id, uint16_t range_bytes, uint16_t ranges, const void *data, size_t bytes)
{
	struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER, .relid = relid, .gpadl = id, .range_bytes = range_bytes, .range_count = ranges,
	};
	struct vmbus_gpadl_created created;
	unsigned before = count_of(&p, VMBUS_MSG_GPADL_CREATED);
	uint8_t message[VMBUS_MESSAGE_MAX];

	memcpy(message, &header, sizeof header);
	memcpy(message + sizeof header, data, bytes);
	guest_post(&p, message, sizeof header + bytes);
	if (count_of(&p, VMBUS_MSG_GPADL_CREATED) == before)
		return ~0u;
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_CREATED), before + 1);
	memcpy(&created, message_of(&p, VMBUS_MSG_GPADL_CREATED, before)->bytes, sizeof created);
	ck_assert_uint_eq(created.gpadl, id);
	return created.status;
}

static uint32_t post_body(uint32_t id, const void *data, size_t bytes)
{
	struct vmbus_gpadl_body body = { .header.type = VMBUS_MSG_GPADL_BODY, .gpadl = id };
	struct vmbus_gpadl_created created;
	unsigned before = count_of(&p, VMBUS_MSG_GPADL_CREATED);
	uint8_t message[VMBUS_MESSAGE_MAX];

	memcpy(message, &body, sizeof body);
	memcpy(message + sizeof body, data, bytes);
	guest_post(&p, message, sizeof body + bytes);
	if (count_of(&p, VMBUS_MSG_GPADL_CREATED) == before)
		return ~0u;
	memcpy(&created, message_of(&p, VMBUS_MSG_GPADL_CREATED, before)->bytes, sizeof created);
	return created.status;
}

static uint64_t range(uint32_t bytes, uint32_t offset)
{
	return bytes | (uint64_t)offset << 32;
}

static bool torn_down(uint32_t relid, uint32_t id)
{
	struct vmbus_gpadl_teardown m = { .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = relid, .gpadl = id };
	unsigned before = count_of(&p, VMBUS_MSG_GPADL_TORNDOWN);

	guest_post(&p, &m, sizeof m);
	return count_of(&p, VMBUS_MSG_GPADL_TORNDOWN) == before + 1;
}

START_TEST(of_every_size_up_to_many_bodies)
{
	uint64_t pfns[600];

	for (uint32_t i = 0; i < 600; i++)
		pfns[i] = i % LOW_PAGES;
	for (uint32_t count = 1; count <= 600; count += count < 90 ? 1 : 51)
		ck_assert_uint_eq(guest_gpadl(&p, 1, 1000 + count, count * 4096, pfns, count), 0);
	for (uint32_t count = 1; count <= 600; count += count < 90 ? 1 : 51)
		ck_assert(torn_down(1, 1000 + count));
}
END_TEST

START_TEST(ranges_must_be_exactly_what_is_announced)
{
	const struct { uint64_t words[6]; uint16_t range_bytes, ranges; uint32_t sent; bool good; } cases[] = {
		{ { range(4096, 0), 1 }, 16, 1, 16, true },
		{ { range(1, 4095), 1 }, 16, 1, 16, true },
		{ { range(2, 4095), 1, 2 }, 24, 1, 24, true },
		{ { range(4096, 0), 1, range(4096, 8), 2, 3 }, 40, 2, 40, true },
		/* Last page of each region, and the one behind it. */
		{ { range(4096, 0), LOW_PAGES - 1 }, 16, 1, 16, true },
		{ { range(4096, 0), LOW_PAGES }, 16, 1, 16, false },
		{ { range(4096, 0), GUEST_HIGH / 4096 + LOW_PAGES - 1 }, 16, 1, 16, true },
		{ { range(4096, 0), GUEST_HIGH / 4096 + LOW_PAGES }, 16, 1, 16, false },
		{ { range(4096, 0), GUEST_HIGH / 4096 - 1 }, 16, 1, 16, false },
		{ { range(8192, 0), 1, LOW_PAGES + 5 }, 24, 1, 24, false },
		/* Page numbers whose address wraps. */
		{ { range(4096, 0), 1ull << 52 }, 16, 1, 16, false },
		{ { range(4096, 0), (1ull << 52) + 1 }, 16, 1, 16, false },
		{ { range(4096, 0), ~0ull }, 16, 1, 16, false },
		/* Lengths that do not match the number of pages, or overflow when counted in 32 bits. */
		{ { range(4097, 0), 1 }, 16, 1, 16, false },
		{ { range(4096, 1), 1 }, 16, 1, 16, false },
		{ { range(4096, 0), 1, 2 }, 24, 1, 24, false },
		{ { range(0, 0), 1 }, 16, 1, 16, false },
		{ { range(0xffffffffu, 4095), 1 }, 16, 1, 16, false },
		{ { range(0xfffff001u, 4095), 1 }, 16, 1, 16, false },
		{ { range(4096, 4096), 1, 2 }, 24, 1, 24, false },
		{ { range(16, 0xfffffff8u), 1 }, 16, 1, 16, false },
		/* Counts. */
		{ { range(4096, 0), 1 }, 16, 0, 16, false },
		{ { range(4096, 0), 1 }, 16, 2, 16, false },
		{ { range(4096, 0), 1 }, 0, 1, 16, false },
		{ { range(4096, 0), 1 }, 8, 1, 8, false },
		{ { range(4096, 0), 1 }, 15, 1, 15, false },
		{ { range(4096, 0), 1 }, 17, 1, 16, false },
		{ { range(4096, 0), 1 }, 16, 0xffff, 16, false },
		{ { range(4096, 0), 1, range(4096, 0), 2 }, 32, 1, 32, false },
		{ { range(8192, 0), 1, 2, range(8, 0) }, 32, 2, 32, false },
		/* More in the message than announced, or half a word. */
		{ { range(4096, 0), 1, 2 }, 16, 1, 24, false },
		{ { range(4096, 0), 1 }, 16, 1, 12, false },
		{ { range(4096, 0), 1 }, 16, 1, 15, false },
	};

	for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t status = post_header(1, 100 + i, cases[i].range_bytes, cases[i].ranges, cases[i].words, cases[i].sent);

		ck_assert_msg((status == 0) == cases[i].good && status != ~0u, "case %u: status %x", i, status);
	}
	/* None that was refused is left behind. */
	for (uint32_t i = 0; i < p.state->gpadl_limit; i++)
		ck_assert_uint_ne(p.state->gpadls[i].status, VMBUS_GPADL_PARTIAL);
}
END_TEST

/* Linux leaves the number of a body 0, so bodies count as they come; too much is an error, one after the end is ignored. */
START_TEST(bodies_that_do_not_fit)
{
	uint64_t words[29] = { range(3 * 4096, 0), 1, 2, 3, 4 };

	ck_assert_uint_eq(post_body(7, words, 8), ~0u);
	ck_assert_uint_eq(post_header(1, 7, 32, 1, words, 16), ~0u);
	ck_assert_uint_eq(post_body(8, words, 8), ~0u);
	ck_assert_uint_eq(post_body(7, words + 2, 8), ~0u);
	ck_assert_uint_eq(post_body(7, words, 0), ~0u);
	ck_assert_uint_eq(post_body(7, words + 3, 8), 0);
	ck_assert_uint_eq(post_body(7, words + 3, 8), ~0u);
	/* One word too many: refused, and what still comes finds nothing. */
	ck_assert_uint_eq(post_header(1, 9, 32, 1, words, 16), ~0u);
	ck_assert_uint_eq(post_body(9, words + 2, 24), VMBUS_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(post_body(9, words + 2, 16), ~0u);
	/* Not whole words. */
	ck_assert_uint_eq(post_header(1, 10, 32, 1, words, 16), ~0u);
	ck_assert_uint_eq(post_body(10, words + 2, 12), VMBUS_STATUS_INVALID_PARAMETER);
	/* Nothing in the header yet. */
	ck_assert_uint_eq(post_header(1, 11, 32, 1, words, 0), ~0u);
	ck_assert_uint_eq(post_body(11, words, 32), 0);
	/* A page that is checked only when the last is there. */
	words[2] = 1ull << 40;
	ck_assert_uint_eq(post_header(1, 12, 32, 1, words, 16), ~0u);
	ck_assert_uint_eq(post_body(12, words + 2, 16), VMBUS_STATUS_INVALID_PARAMETER);
}
END_TEST

START_TEST(numbers_are_unique)
{
	uint64_t words[] = { range(4096, 0), 1 };

	ck_assert_uint_eq(post_header(1, 5, 16, 1, words, 16), 0);
	ck_assert_uint_eq(post_header(1, 5, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(post_header(2, 5, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(post_header(1, 6, 16, 1, words, 8), ~0u);
	ck_assert_uint_eq(post_header(1, 6, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	/* The first of that number goes on undisturbed. */
	ck_assert_uint_eq(post_body(6, words + 1, 8), 0);
	ck_assert(torn_down(1, 5));
	ck_assert_uint_eq(post_header(2, 5, 16, 1, words, 16), 0);
	ck_assert_uint_eq(post_header(0, 20, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(post_header(3, 20, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(post_header(0xffffffffu, 20, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
}
END_TEST

/* A partition has so many GPADLs and so many pages in them; what is torn down comes back. */
START_TEST(count_and_pages_are_bounded)
{
	uint64_t words[] = { range(4096, 0), 1 };
	uint32_t made = 0, big;

	while (post_header(1, 1 + made, 16, 1, words, 16) == 0)
		made++;
	ck_assert_uint_eq(made, VMBUS_MAX_GPADLS);
	ck_assert_uint_eq(post_header(1, 5000, 16, 1, words, 16), VMBUS_STATUS_INSUFFICIENT_RESOURCES);
	partition_forget(&p);
	ck_assert(torn_down(1, 77));
	ck_assert_uint_eq(post_header(1, 5000, 16, 1, words, 16), 0);
	guest_connect(&p);
	partition_forget(&p);
	/* Headers that claim the longest list and never deliver. */
	for (big = 0; post_header(1, 1 + big, 0xfff8, 1, words, 16) == ~0u; big++)
		ck_assert_uint_lt(big, 100);
	ck_assert_uint_eq(big, VMBUS_MAX_GPADL_WORDS / (0xfff8 / 8));
	ck_assert(torn_down(1, 2));
	ck_assert_uint_eq(post_header(1, 1 + big, 0xfff8, 1, words, 16), ~0u);
	ck_assert_uint_eq(post_header(1, 500, 16, 1, words, 16), 0);
}
END_TEST

/* The rings lie in a channel's GPADL: while it is open, a teardown waits; then it is answered without asking again. */
START_TEST(teardown_waits_for_the_channel)
{
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
	ck_assert(!torn_down(1, g.gpadl));
	/* Again: still one answer. */
	ck_assert(!torn_down(1, g.gpadl));
	ck_assert(guest_put(&g, VMBUS_PACKET_INBAND, 5, NULL, 0, "x", 1));
	vmbus_server_signal(p.server, 1);
	ck_assert_uint_eq(device.taken_count, 1);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(count_of(&p, VMBUS_MSG_GPADL_TORNDOWN), 1);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 8, 0), 0);
}
END_TEST

/* A guest waits without end for this answer: also for a number that never was. Another channel's is not taken down by it. */
START_TEST(teardown_of_what_is_not_there)
{
	uint64_t words[] = { range(4096, 0), 1 };

	ck_assert(torn_down(1, 12345));
	ck_assert_uint_eq(post_header(1, 5, 16, 1, words, 16), 0);
	ck_assert(torn_down(2, 5));
	ck_assert_uint_eq(post_header(1, 5, 16, 1, words, 16), VMBUS_STATUS_INVALID_PARAMETER);
	/* Half done. */
	ck_assert_uint_eq(post_header(1, 6, 16, 1, words, 8), ~0u);
	ck_assert(torn_down(1, 6));
	ck_assert_uint_eq(post_body(6, words + 1, 8), ~0u);
}
END_TEST

RUN_TESTS_WITH("gpadl", set_up, tear_down, of_every_size_up_to_many_bodies, ranges_must_be_exactly_what_is_announced,
	bodies_that_do_not_fit, numbers_are_unique, count_and_pages_are_bounded, teardown_waits_for_the_channel,
	teardown_of_what_is_not_there)
