/* SPDX-License-Identifier: BSD-2-Clause */
/* A partition with dynamic memory, and the guest's half of the protocol as far as the tests need it. */
#ifndef BULKHEAD_TEST_BALLOON_GUEST_H
#define BULKHEAD_TEST_BALLOON_GUEST_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run_tests.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/balloon/balloon.h"
#include "vsp/balloon/balloon_protocol.h"
#include "vsp/balloon/balloon_state.h"

#define MIB_PAGES 256ull
#define LOW  (256 * MIB_PAGES)
#define HIGH (64 * MIB_PAGES)
#define HOT_GFN (0x100000 + 128 * MIB_PAGES)
#define HOT  (512 * MIB_PAGES)
#define CAPS (DM_CAPABILITY_BALLOON | DM_CAPABILITY_HOT_ADD | 7u << 2) /* 128 MiB, as Linux */
#define TRACKED 0x200000u

static struct partition p;
static struct guest_channel g;
static struct balloon *b;
static struct balloon_state *state;
static struct balloon_status status;
static struct {
	unsigned int releases, changes, logs;
	uint64_t gfn, pages, total;
} seen;
/* Called before and after each release, and at each change: it need not return. */
static void (*at_instant)(void);
static union {
	struct dm_header header;
	struct dm_accepted accepted;
	struct dm_balloon balloon;
	struct dm_unballoon unballoon;
	struct dm_hot_add hot_add;
	struct dm_info info;
	uint8_t bytes[DM_MESSAGE_MAX];
} message;

static unsigned int released[TRACKED]; /* how often, by page */

static void instant(void)
{
	if (at_instant)
		at_instant();
}

static void on_release(void *context, uint64_t gfn, uint64_t pages)
{
	(void)context;
	instant();
	seen.releases++;
	seen.gfn = gfn;
	seen.pages = pages;
	seen.total += pages;
	for (; pages; pages--)
		released[gfn++ % TRACKED]++;
	instant();
}

static void on_changed(void *context)
{
	(void)context;
	seen.changes++;
	instant();
}

static void on_log(void *context, const char *text)
{
	(void)context;
	(void)text;
	seen.logs++;
}

static const struct balloon_ops ops = { on_release, on_changed, on_log };

static inline const struct balloon_status *now(void)
{
	balloon_get_status(b, &status);
	return &status;
}

static const struct balloon_config config = { .instance = { { 7 } }, .low_pages = LOW, .high_pages = HIGH, .hot_add_gfn = HOT_GFN,
					      .hot_add_pages = HOT };

static inline void begin(void)
{
	memset(&seen, 0, sizeof seen);
	memset(released, 0, sizeof released);
	at_instant = NULL;
	partition_init(&p);
	state = calloc(1, sizeof *state);
	ck_assert_int_eq(balloon_create(p.server, state, &config, &ops, NULL, &b), 0);
	vmbus_server_start(p.server);
	guest_connect(&p);
	ck_assert_uint_eq(guest_open(&p, &g, 1, 16, 0), 0);
}

static inline void end(void)
{
	balloon_free(b);
	partition_done(&p);
	free(state);
}

static inline void put(enum dm_message_type type, void *bytes, size_t size)
{
	struct vmbus_ring_part part = { bytes, (uint32_t)size };

	*(struct dm_header *)bytes = (struct dm_header){ .type = (uint16_t)type, .bytes = (uint16_t)size };
	ck_assert_int_eq(vmbus_ring_write(&g.out, VMBUS_PACKET_INBAND, 0, 0, 0, &part, 1), VMBUS_RING_OK);
	vmbus_ring_write_end(&g.out);
	vmbus_server_signal(p.server, 1);
}

/* The next message of the host is of that type. */
static inline void expect(enum dm_message_type type)
{
	uint16_t packet;
	uint64_t id;
	int bytes = guest_take(&g, &packet, &id, &message, sizeof message);

	ck_assert_int_ge(bytes, (int)sizeof message.header);
	ck_assert_uint_eq(packet, VMBUS_PACKET_INBAND);
	ck_assert_uint_eq(message.header.type, type);
	ck_assert_uint_eq(message.header.bytes, (unsigned int)bytes);
}

static inline void expect_nothing(void)
{
	uint16_t packet;
	uint64_t id;

	ck_assert_int_lt(guest_take(&g, &packet, &id, &message, sizeof message), 0);
}

static inline bool ask_version(uint32_t version, bool last)
{
	struct dm_version_request request = { .version = version, .last_attempt = last };

	put(DM_VERSION_REQUEST, &request, sizeof request);
	expect(DM_VERSION_RESPONSE);
	return message.accepted.accepted;
}

static inline void connect_with(uint64_t caps)
{
	struct dm_capabilities request = { .capabilities = caps };

	begin();
	ck_assert(ask_version(DM_VERSION_2_0, false));
	put(DM_CAPABILITIES_REPORT, &request, sizeof request);
	expect(DM_CAPABILITIES_RESPONSE);
	ck_assert(message.accepted.accepted);
	expect(DM_INFO_MESSAGE);
	ck_assert_uint_eq(message.info.pages, LOW + HIGH + HOT);
	ck_assert(now()->ready);
}

static inline void give(bool more, uint32_t count, const uint64_t *ranges)
{
	uint64_t bytes[64] = { 0 };
	struct dm_ballooned *response = (struct dm_ballooned *)bytes;

	response->more_and_count = more | count << 1;
	memcpy(response->ranges, ranges, count * sizeof *ranges);
	put(DM_BALLOON_RESPONSE, bytes, sizeof *response + count * sizeof *ranges);
}

/* The guest gives [1000h, 1000h + pages). */
static inline void balloon_pages(uint32_t pages)
{
	uint64_t range = DM_RANGE(0x1000, pages);

	balloon_set_target(b, LOW + HIGH - pages);
	expect(DM_BALLOON_REQUEST);
	ck_assert_uint_eq(message.balloon.pages, pages);
	give(false, 1, &range);
	ck_assert_uint_eq(now()->ballooned_pages, pages);
}

#endif
