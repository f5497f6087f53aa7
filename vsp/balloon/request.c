/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of the guest, one transaction at a time towards the target. Which pages it has given is known by number: a guest cannot
 * give what it does not have, nor the same page twice. What a successor needs is kept in the order that balloon_state.h gives.
 */
#include "vsp/balloon/balloon_internal.h"

#include <string.h>

#define STEP_PAGES    65536u         /* 256 MiB: at most this much in one request, so that a new target is soon heeded */
#define ADD_MIB_MIN   128u           /* added at once at least; a memory block of Linux on x86 */
#define RETRY_MS      5000u          /* after the guest could not do what it was asked */

static bool is_memory(const struct balloon *b, uint64_t gfn, uint64_t pages)
{
	return balloon_within(gfn, pages, 0, b->config.low_pages) || balloon_within(gfn, pages, BALLOON_GFN_4G, b->config.high_pages) ||
	       balloon_within(gfn, pages, b->config.hot_add_gfn, b->state->added);
}

static void put_ranges(struct balloon *b, bool in)
{
	const struct balloon_state *s = b->state;
	uint64_t changed = 0;

	for (uint32_t i = 0; i < s->range_count; i++)
		changed += page_set_put(&b->given, DM_RANGE_PAGE(s->ranges[i]), DM_RANGE_COUNT(s->ranges[i]), in);
	b->ballooned += in ? changed : -changed;
}

/* What was not sent was never asked for. */
static void take_back(struct balloon *b)
{
	if (b->state->action == ACTION_UNBALLOON)
		put_ranges(b, true);
	balloon_keep(&b->state->action, ACTION_NONE);
}

/* From here on until it is finished or taken back a request is under way. */
static void begin(struct balloon *b, enum action action, uint64_t asked, uint64_t base)
{
	struct balloon_state *s = b->state;
	uint32_t received;

	s->asked = asked;
	s->base = base;
	vmbus_channel_positions(b->channel, &received, &s->sent_at);
	balloon_keep(&s->action, action);
}

/* A full ring: the guest's next signal or the next tick tries again. */
static void request(struct balloon *b, enum dm_message_type type, void *message, size_t bytes)
{
	if (balloon_send(b, type, message, bytes))
		take_back(b);
}

/* An action of which nothing came is not tried again at once. */
static void finish(struct balloon *b, bool fruitless)
{
	balloon_keep(&b->state->action, ACTION_NONE);
	if (fruitless)
		b->retry_at = b->now + RETRY_MS;
	balloon_changed(b);
}

static void ask_balloon(struct balloon *b, uint64_t pages)
{
	struct dm_balloon message = { .pages = (uint32_t)pages };

	begin(b, ACTION_BALLOON, pages, b->ballooned);
	request(b, DM_BALLOON_REQUEST, &message, sizeof message);
}

/* One message of ranges is one transaction; what does not fit goes with the next. */
static void ask_unballoon(struct balloon *b, uint64_t pages)
{
	struct dm_unballoon *message = (struct dm_unballoon *)b->buffer;
	struct balloon_state *s = b->state;
	uint64_t gfn = 0, count, total = 0;

	s->range_count = 0;
	while (total < pages && s->range_count < DM_RANGES_MAX) {
		uint64_t most = pages - total < DM_RANGE_COUNT_MAX ? pages - total : DM_RANGE_COUNT_MAX;

		count = page_set_run(&b->given, &gfn, most);
		if (!count)
			break;
		s->ranges[s->range_count++] = DM_RANGE(gfn, count);
		gfn += count;
		total += count;
	}
	begin(b, ACTION_UNBALLOON, total, b->ballooned);
	put_ranges(b, false);
	*message = (struct dm_unballoon){ .count = s->range_count };
	memcpy(message->ranges, s->ranges, s->range_count * sizeof s->ranges[0]);
	request(b, DM_UNBALLOON_REQUEST, message, sizeof *message + s->range_count * sizeof s->ranges[0]);
}

static uint64_t add_unit(const struct balloon *b)
{
	uint64_t mib = 1ull << DM_CAPABILITY_ALIGNMENT(b->state->capabilities);

	return (mib > ADD_MIB_MIN ? mib : ADD_MIB_MIN) * BALLOON_MIB_PAGES;
}

static bool can_add(const struct balloon *b)
{
	const struct balloon_state *s = b->state;
	uint64_t unit = add_unit(b);

	return s->capabilities & DM_CAPABILITY_HOT_ADD && !s->add_over && !((b->config.hot_add_gfn + s->added) % unit) &&
	       s->added + unit <= b->config.hot_add_pages;
}

static void ask_add(struct balloon *b)
{
	struct dm_hot_add message = { .range = DM_RANGE(b->config.hot_add_gfn + b->state->added, add_unit(b)) };

	begin(b, ACTION_ADD, add_unit(b), b->state->added);
	request(b, DM_HOT_ADD_REQUEST, &message, sizeof message);
}

void balloon_step(struct balloon *b)
{
	const struct balloon_state *s = b->state;
	uint64_t now = balloon_assigned(b);

	if (!balloon_is_ready(b) || s->action != ACTION_NONE || b->now < b->retry_at)
		return;
	if (s->target < now && s->capabilities & DM_CAPABILITY_BALLOON) {
		/* A guest that is short gives what it can to the page. What is left then is rounded up, and the surplus given back. */
		uint64_t pages = (now - s->target + BALLOON_LARGE - 1) / BALLOON_LARGE * BALLOON_LARGE;

		ask_balloon(b, pages < STEP_PAGES ? pages : STEP_PAGES);
	} else if (now < s->target && b->ballooned) {
		ask_unballoon(b, s->target - now < STEP_PAGES ? s->target - now : STEP_PAGES);
	} else if (now + BALLOON_LARGE <= s->target && can_add(b)) {
		ask_add(b);
	}
}

void balloon_resume_request(struct balloon *b)
{
	struct balloon_state *s = b->state;
	uint32_t received, sent;

	vmbus_channel_positions(b->channel, &received, &sent);
	/* Nothing is sent while a request is under way: the ring cannot have come round. */
	if (s->action != ACTION_NONE && sent == s->sent_at)
		take_back(b);
	else if (s->action == ACTION_UNBALLOON)
		put_ranges(b, false);
}

/* Pages that the guest was asked for and has not given. */
static uint64_t missing(const struct balloon *b)
{
	uint64_t got = b->ballooned - b->state->base;

	return got < b->state->asked ? b->state->asked - got : 0;
}

/*
 * Takes what is new of [gfn, gfn + pages), as far as was asked for. Of a message that a predecessor may have had, what is not new may not
 * have been released.
 */
static void take_range(struct balloon *b, uint64_t gfn, uint64_t pages)
{
	uint64_t run, left = missing(b);

	if (!pages || !is_memory(b, gfn, pages))
		return;
	for (; pages && (left || b->once.again); gfn += run, pages -= run, left = missing(b)) {
		bool given = page_set_has(&b->given, gfn);
		uint64_t most = given || pages < left ? pages : left;

		for (run = 1; run < most && page_set_has(&b->given, gfn + run) == given; run++)
			;
		if (!given && !left)
			continue;
		if (!given)
			b->ballooned += page_set_put(&b->given, gfn, run, true);
		if (!given || b->once.again)
			b->ops->release(b->context, gfn, run);
	}
}

void balloon_given(struct balloon *b, uint32_t bytes)
{
	const struct dm_ballooned *message = (const struct dm_ballooned *)b->buffer;
	uint64_t gfn = 0, pages = 0;
	uint32_t i, count;

	if (bytes < sizeof *message || b->state->action != ACTION_BALLOON)
		return;
	count = message->more_and_count >> 1;
	if (count > (bytes - sizeof *message) / sizeof message->ranges[0])
		return finish(b, true);
	/* Neighbours together: each release passes every CPU through the hypervisor. */
	for (i = 0; i < count; i++) {
		uint64_t range = message->ranges[i];

		if (pages && DM_RANGE_PAGE(range) == gfn + pages) {
			pages += DM_RANGE_COUNT(range);
			continue;
		}
		take_range(b, gfn, pages);
		gfn = DM_RANGE_PAGE(range);
		pages = DM_RANGE_COUNT(range);
	}
	take_range(b, gfn, pages);
	if (!(message->more_and_count & 1))
		finish(b, missing(b));
}

void balloon_taken_back(struct balloon *b)
{
	if (b->state->action == ACTION_UNBALLOON)
		finish(b, false);
}

void balloon_hot_added(struct balloon *b, uint32_t bytes)
{
	struct balloon_state *s = b->state;
	struct dm_hot_added response;

	if (bytes < sizeof response || s->action != ACTION_ADD)
		return;
	memcpy(&response, b->buffer, sizeof response);
	if (response.pages > s->asked)
		response.pages = 0;
	s->added = s->base + response.pages;
	if (response.pages < s->asked && response.result == 1) {
		s->add_over = 1;
		balloon_log(b, "the guest takes no more memory than %llu MiB", (unsigned long long)(balloon_at_start(b) + s->added) / BALLOON_MIB_PAGES);
	}
	finish(b, response.pages < s->asked);
}
