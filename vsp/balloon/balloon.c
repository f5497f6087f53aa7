/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic memory: negotiation, reports, and one transaction at a time towards the target. Which pages the guest has given is known by
 * number in a bitmap: a guest cannot give what it does not have, nor the same page twice.
 */
#include "vsp/balloon/balloon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsp/balloon/balloon_protocol.h"

#define GFN_4G        0x100000ull
#define LARGE_PAGES   512u           /* 2 MiB: targets and requests are whole multiples */
#define STEP_PAGES    65536u         /* 256 MiB: at most this much in one request, so that a new target is soon heeded */
#define MIB_PAGES     256u
#define ADD_MIB_MIN   128u           /* added at once at least; a memory block of Linux on x86 */
#define RETRY_MS      5000u          /* after the guest could not do what it was asked */
#define BITS          64u

enum phase { PHASE_CLOSED, PHASE_VERSION, PHASE_CAPABILITIES, PHASE_READY, PHASE_REFUSED };
enum action { ACTION_NONE, ACTION_BALLOON, ACTION_UNBALLOON, ACTION_ADD };

struct balloon {
	struct balloon_config config;
	const struct balloon_ops *ops;
	void *context;
	struct vmbus_channel *channel;
	enum phase phase;
	enum action action;          /* under way */
	uint32_t transaction, version;
	uint64_t capabilities;
	uint64_t target, ballooned, added;
	uint64_t asked, got;         /* pages of the action */
	bool add_over;               /* the guest can have no more memory added */
	uint64_t now, retry_at;      /* ms */
	uint64_t demand, available, reports;
	uint64_t limit;              /* the bitmap's bits */
	uint64_t *given;             /* bit gfn: in the balloon */
	uint64_t buffer[DM_MESSAGE_MAX / 8];
};

static void balloon_log(const struct balloon *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void balloon_log(const struct balloon *b, const char *format, ...)
{
	char text[192];
	va_list args;

	if (!b->ops->log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	b->ops->log(b->context, text);
}

static void changed(const struct balloon *b)
{
	if (b->ops->changed)
		b->ops->changed(b->context);
}

static uint64_t at_start(const struct balloon *b)
{
	return b->config.low_pages + b->config.high_pages;
}

static uint64_t assigned(const struct balloon *b)
{
	return at_start(b) + b->added - b->ballooned;
}

static bool within(uint64_t gfn, uint64_t pages, uint64_t start, uint64_t length)
{
	return gfn >= start && gfn - start <= length && pages <= length - (gfn - start);
}

static bool is_memory(const struct balloon *b, uint64_t gfn, uint64_t pages)
{
	return within(gfn, pages, 0, b->config.low_pages) || within(gfn, pages, GFN_4G, b->config.high_pages) ||
	       within(gfn, pages, b->config.hot_add_gfn, b->added);
}

static bool test_page(const struct balloon *b, uint64_t gfn)
{
	return b->given[gfn / BITS] >> gfn % BITS & 1;
}

static int send(struct balloon *b, enum dm_message_type type, void *message, size_t bytes)
{
	struct dm_header *header = message;

	*header = (struct dm_header){ .type = (uint16_t)type, .bytes = (uint16_t)bytes, .transaction = ++b->transaction };
	return vmbus_channel_send(b->channel, VMBUS_PACKET_INBAND, 0, 0, message, (uint32_t)bytes);
}

/* An action of which nothing came is not tried again at once. */
static void finish(struct balloon *b, bool fruitless)
{
	b->action = ACTION_NONE;
	if (fruitless)
		b->retry_at = b->now + RETRY_MS;
	changed(b);
}

static int ask_balloon(struct balloon *b, uint64_t pages)
{
	struct dm_balloon request = { .pages = (uint32_t)pages };

	b->asked = pages;
	return send(b, DM_BALLOON_REQUEST, &request, sizeof request);
}

/* The next run of pages in the balloon from *gfn on, at most `most`. 0: none. */
static uint64_t next_run(const struct balloon *b, uint64_t *gfn, uint64_t most)
{
	uint64_t count = 0;

	while (*gfn < b->limit && !test_page(b, *gfn))
		*gfn += b->given[*gfn / BITS] >> *gfn % BITS ? 1 : BITS - *gfn % BITS;
	while (count < most && *gfn + count < b->limit && test_page(b, *gfn + count))
		count++;
	return count;
}

static void mark(struct balloon *b, uint64_t gfn, uint64_t pages, bool given)
{
	for (; pages; pages--, gfn++) {
		uint64_t bit = 1ull << gfn % BITS;

		if (given)
			b->given[gfn / BITS] |= bit;
		else
			b->given[gfn / BITS] &= ~bit;
	}
}

/* One message of ranges is one transaction; what does not fit goes with the next. */
static int ask_unballoon(struct balloon *b, uint64_t pages)
{
	struct dm_unballoon *request = (struct dm_unballoon *)b->buffer;
	uint64_t gfn = 0, count, total = 0;
	uint32_t i;
	int rc;

	memset(request, 0, sizeof *request);
	while (total < pages && request->count < DM_RANGES_MAX) {
		uint64_t most = pages - total < DM_RANGE_COUNT_MAX ? pages - total : DM_RANGE_COUNT_MAX;

		count = next_run(b, &gfn, most);
		if (!count)
			break;
		request->ranges[request->count++] = DM_RANGE(gfn, count);
		gfn += count;
		total += count;
	}
	b->asked = total;
	rc = send(b, DM_UNBALLOON_REQUEST, request, sizeof *request + request->count * sizeof request->ranges[0]);
	for (i = 0; rc == 0 && i < request->count; i++)
		mark(b, DM_RANGE_PAGE(request->ranges[i]), DM_RANGE_COUNT(request->ranges[i]), false);
	if (rc == 0)
		b->ballooned -= total;
	return rc;
}

static uint64_t add_unit(const struct balloon *b)
{
	uint64_t mib = 1ull << DM_CAPABILITY_ALIGNMENT(b->capabilities);

	return (mib > ADD_MIB_MIN ? mib : ADD_MIB_MIN) * MIB_PAGES;
}

static bool can_add(const struct balloon *b)
{
	uint64_t unit = add_unit(b);

	return b->capabilities & DM_CAPABILITY_HOT_ADD && !b->add_over && !((b->config.hot_add_gfn + b->added) % unit) &&
	       b->added + unit <= b->config.hot_add_pages;
}

static int ask_add(struct balloon *b)
{
	struct dm_hot_add request = { .range = DM_RANGE(b->config.hot_add_gfn + b->added, add_unit(b)) };

	b->asked = add_unit(b);
	return send(b, DM_HOT_ADD_REQUEST, &request, sizeof request);
}

/* Begins the next transaction towards the target, when none is under way. */
static void step(struct balloon *b)
{
	uint64_t now = assigned(b);
	enum action action = ACTION_NONE;
	int rc = 0;

	if (b->phase != PHASE_READY || b->action != ACTION_NONE || b->now < b->retry_at)
		return;
	b->got = 0;
	if (b->target < now && b->capabilities & DM_CAPABILITY_BALLOON) {
		/* A guest that is short gives what it can to the page. What is left then is rounded up, and the surplus given back. */
		uint64_t pages = (now - b->target + LARGE_PAGES - 1) / LARGE_PAGES * LARGE_PAGES;

		action = ACTION_BALLOON;
		rc = ask_balloon(b, pages < STEP_PAGES ? pages : STEP_PAGES);
	} else if (now < b->target && b->ballooned) {
		action = ACTION_UNBALLOON;
		rc = ask_unballoon(b, b->target - now < STEP_PAGES ? b->target - now : STEP_PAGES);
	} else if (now + LARGE_PAGES <= b->target && can_add(b)) {
		action = ACTION_ADD;
		rc = ask_add(b);
	}
	/* A full ring: the guest's next signal or the next tick tries again. */
	if (rc == 0)
		b->action = action;
}

static void version_asked(struct balloon *b, uint32_t bytes)
{
	struct dm_accepted response = { .accepted = 1 };
	struct dm_version_request request;

	if (bytes < sizeof request || (b->phase != PHASE_VERSION && b->phase != PHASE_CAPABILITIES))
		return;
	memcpy(&request, b->buffer, sizeof request);
	response.accepted = request.version == DM_VERSION_1_0 || request.version == DM_VERSION_2_0;
	if (send(b, DM_VERSION_RESPONSE, &response, sizeof response))
		return;
	if (response.accepted) {
		b->version = request.version;
		b->phase = PHASE_CAPABILITIES;
	} else if (request.last_attempt & 1) {
		b->phase = PHASE_REFUSED;
		balloon_log(b, "the guest knows no version of ours; its last was %u.%u", request.version >> 16, request.version & 0xffff);
	}
}

static void capabilities_told(struct balloon *b, uint32_t bytes)
{
	struct dm_accepted response = { .accepted = 1 };
	struct dm_info info = { .info_bytes = 16, .type = DM_INFO_MAXIMUM, .bytes = 8 };
	struct dm_capabilities caps;

	if (bytes < sizeof caps || b->phase != PHASE_CAPABILITIES)
		return;
	memcpy(&caps, b->buffer, sizeof caps);
	if (send(b, DM_CAPABILITIES_RESPONSE, &response, sizeof response))
		return;
	b->capabilities = caps.capabilities;
	b->phase = PHASE_READY;
	info.pages = at_start(b) + b->config.hot_add_pages;
	send(b, DM_INFO_MESSAGE, &info, sizeof info); /* for people in the guest; nothing depends on it */
	changed(b);
}

static void status_reported(struct balloon *b, uint32_t bytes)
{
	struct dm_status status;

	if (bytes < sizeof status || b->phase != PHASE_READY)
		return;
	memcpy(&status, b->buffer, sizeof status);
	/* Its balloon counts as committed, with the protocol as with Linux. */
	b->demand = status.committed > b->ballooned ? status.committed - b->ballooned : 0;
	b->available = status.available;
	b->reports++;
	changed(b);
}

/* Takes what is new of [gfn, gfn + pages), as far as was asked for. */
static void take_range(struct balloon *b, uint64_t gfn, uint64_t pages)
{
	uint64_t run;

	if (!pages || !is_memory(b, gfn, pages))
		return;
	for (; pages && b->got < b->asked; gfn += run, pages -= run) {
		for (run = 0; run < pages && b->got + run < b->asked && !test_page(b, gfn + run); run++)
			;
		if (run) {
			mark(b, gfn, run, true);
			b->got += run;
			b->ballooned += run;
			b->ops->release(b->context, gfn, run);
		} else {
			run = 1;
		}
	}
}

static void ballooned(struct balloon *b, uint32_t bytes)
{
	const struct dm_ballooned *message = (const struct dm_ballooned *)b->buffer;
	uint64_t gfn = 0, pages = 0;
	uint32_t i, count;

	if (bytes < sizeof *message || b->action != ACTION_BALLOON)
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
		finish(b, b->got < b->asked);
}

static void hot_added(struct balloon *b, uint32_t bytes)
{
	struct dm_hot_added response;

	if (bytes < sizeof response || b->action != ACTION_ADD)
		return;
	memcpy(&response, b->buffer, sizeof response);
	if (response.pages > b->asked)
		response.pages = 0;
	b->added += response.pages;
	if (response.pages < b->asked && response.result == 1) {
		b->add_over = true;
		balloon_log(b, "the guest takes no more memory than %llu MiB", (unsigned long long)(at_start(b) + b->added) / MIB_PAGES);
	}
	finish(b, response.pages < b->asked);
}

static void received(struct balloon *b, uint32_t bytes)
{
	struct dm_header header;

	if (bytes < sizeof header)
		return;
	memcpy(&header, b->buffer, sizeof header);
	switch (header.type) {
	case DM_VERSION_REQUEST:
		return version_asked(b, bytes);
	case DM_CAPABILITIES_REPORT:
		return capabilities_told(b, bytes);
	case DM_STATUS_REPORT:
		return status_reported(b, bytes);
	case DM_BALLOON_RESPONSE:
		return ballooned(b, bytes);
	case DM_UNBALLOON_RESPONSE:
		if (b->action == ACTION_UNBALLOON)
			finish(b, false);
		return;
	case DM_HOT_ADD_RESPONSE:
		return hot_added(b, bytes);
	}
}

static void on_signal(void *device, struct vmbus_channel *channel)
{
	struct balloon *b = device;
	int rc;

	do {
		struct vmbus_packet packet = { .payload = b->buffer, .payload_capacity = sizeof b->buffer };

		rc = vmbus_channel_next_packet(channel, &packet);
		if (rc == 0 && packet.type == VMBUS_PACKET_INBAND)
			received(b, packet.payload_bytes);
	} while (rc != -EAGAIN && rc != -EIO);
	if (rc == -EAGAIN)
		step(b);
}

static int on_open(void *device, struct vmbus_channel *channel, const uint8_t user[VMBUS_USER_BYTES])
{
	struct balloon *b = device;

	(void)user;
	b->channel = channel;
	b->phase = PHASE_VERSION;
	return 0;
}

/* The guest's driver or kernel is gone, and with it who knew what was in the balloon: it is the guest's memory again. */
static void on_close(void *device, struct vmbus_channel *channel)
{
	struct balloon *b = device;

	(void)channel;
	b->phase = PHASE_CLOSED;
	b->action = ACTION_NONE;
	b->version = 0;
	b->capabilities = b->demand = b->available = b->reports = 0;
	b->retry_at = 0;
	b->add_over = false;
	if (b->ballooned)
		memset(b->given, 0, (b->limit + BITS - 1) / BITS * sizeof b->given[0]);
	b->ballooned = 0;
	changed(b);
}

static const struct vmbus_channel_ops channel_ops = { .open = on_open, .resume = on_open, .signal = on_signal, .close = on_close };

int balloon_create(struct vmbus_server *server, const struct balloon_config *config, const struct balloon_ops *ops, void *context,
	struct balloon **ret)
{
	struct vmbus_offer offer = { .type = VMBUS_CLASS_BALLOON, .instance = config->instance };
	uint64_t high_end = config->high_pages ? GFN_4G + config->high_pages : 0;
	struct balloon *b;

	if (!ops->release || config->low_pages > GFN_4G || (config->hot_add_pages && config->hot_add_gfn < high_end) ||
	    config->hot_add_gfn + config->hot_add_pages > 1ull << 40)
		return -EINVAL;
	b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->config = *config;
	b->ops = ops;
	b->context = context;
	b->target = at_start(b);
	b->limit = config->low_pages > high_end ? config->low_pages : high_end;
	if (config->hot_add_pages)
		b->limit = config->hot_add_gfn + config->hot_add_pages;
	b->given = calloc((b->limit + BITS - 1) / BITS, sizeof b->given[0]);
	if (b->given)
		b->channel = vmbus_server_offer(server, &offer, &channel_ops, b);
	if (!b->channel) {
		int rc = b->given ? -ENOSPC : -ENOMEM;

		free(b->given);
		free(b);
		return rc;
	}
	*ret = b;
	return 0;
}

void balloon_free(struct balloon *b)
{
	if (!b)
		return;
	vmbus_server_rescind(b->channel);
	free(b->given);
	free(b);
}

void balloon_reset(struct balloon *b)
{
	if (b->added)
		b->ops->release(b->context, b->config.hot_add_gfn, b->added);
	b->added = 0;
	changed(b);
}

void balloon_set_target(struct balloon *b, uint64_t pages)
{
	b->target = pages / LARGE_PAGES * LARGE_PAGES;
	b->retry_at = 0;
	step(b);
}

void balloon_tick(struct balloon *b, uint64_t now_ms)
{
	b->now = now_ms;
	step(b);
}

void balloon_get_status(const struct balloon *b, struct balloon_status *ret)
{
	*ret = (struct balloon_status){
		.ready = b->phase == PHASE_READY,
		.can_balloon = b->capabilities & DM_CAPABILITY_BALLOON,
		.can_add = b->capabilities & DM_CAPABILITY_HOT_ADD && !b->add_over,
		.busy = b->action != ACTION_NONE,
		.version = b->version,
		.target_pages = b->target,
		.assigned_pages = assigned(b),
		.ballooned_pages = b->ballooned,
		.added_pages = b->added,
		.reported = b->reports != 0,
		.demand_pages = b->demand,
		.available_pages = b->available,
		.reports = b->reports,
	};
}
