/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GPADLs: lists of guest pages under a number of the guest's choice. Each takes `count` words of the state's pool; the words are the
 * ranges as the guest sent them, checked as a whole when the last one is there.
 */
#include "internal.h"

static struct vmbus_gpadl_state *find(const struct vmbus_server *server, uint32_t id)
{
	struct vmbus_state *state = server->state;

	for (uint32_t i = 0; i < state->gpadl_limit; i++) {
		struct vmbus_gpadl_state *g = &state->gpadls[i];

		if (g->status != VMBUS_GPADL_FREE && g->status != VMBUS_GPADL_TORNDOWN_DUE && g->id == id)
			return g;
	}
	return NULL;
}

/* First fit in the pool. Moves past whatever overlaps until nothing does. */
static bool allocate_words(const struct vmbus_state *state, uint32_t count, uint32_t *first)
{
	uint32_t at = 0;
	bool moved;

	do {
		moved = false;
		for (uint32_t i = 0; i < state->gpadl_limit; i++) {
			const struct vmbus_gpadl_state *g = &state->gpadls[i];

			if (g->status != VMBUS_GPADL_FREE && at < g->first + g->count && g->first < at + count) {
				at = g->first + g->count;
				moved = true;
			}
		}
		if (at > VMBUS_MAX_GPADL_WORDS - count)
			return false;
	} while (moved);
	*first = at;
	return true;
}

static struct vmbus_gpadl_state *allocate(struct vmbus_state *state, uint32_t count)
{
	uint32_t slot = 0, first;

	while (slot < state->gpadl_limit && state->gpadls[slot].status != VMBUS_GPADL_FREE)
		slot++;
	if (slot == VMBUS_MAX_GPADLS || !allocate_words(state, count, &first))
		return NULL;
	if (slot == state->gpadl_limit)
		state->gpadl_limit++;
	state->gpadls[slot] = (struct vmbus_gpadl_state){ .first = first, .count = (uint16_t)count };
	return &state->gpadls[slot];
}

static void lower_limit(struct vmbus_state *state)
{
	while (state->gpadl_limit && state->gpadls[state->gpadl_limit - 1].status == VMBUS_GPADL_FREE)
		state->gpadl_limit--;
}

static void release(struct vmbus_state *state, struct vmbus_gpadl_state *g)
{
	g->status = VMBUS_GPADL_FREE;
	lower_limit(state);
}

static void reply_created(struct vmbus_server *server, uint32_t relid, uint32_t id, uint32_t status)
{
	struct vmbus_gpadl_created reply = {
		.header.type = VMBUS_MSG_GPADL_CREATED, .relid = relid, .gpadl = id, .status = status,
	};

	if (status)
		vmbus_log(server, "GPADL %x of channel %u refused with status %08x", id, relid, status);
	vmbus_reply(server, &reply, sizeof reply);
}

/* Whether the words are exactly the announced ranges and every page is guest memory. */
static bool ranges_valid(const struct vmbus_server *server, const struct vmbus_gpadl_state *g)
{
	const uint64_t *words = &server->state->words[g->first];
	uint32_t at = 0;

	for (uint32_t r = 0; r < g->ranges; r++) {
		struct vmbus_gpa_range range;
		uint64_t pages;

		if (at == g->count)
			return false;
		memcpy(&range, &words[at++], sizeof range);
		if (range.bytes == 0 || range.offset >= VMBUS_PAGE_SIZE)
			return false;
		pages = ((uint64_t)range.offset + range.bytes + VMBUS_PAGE_SIZE - 1) / VMBUS_PAGE_SIZE;
		if (pages > g->count - at)
			return false;
		for (; pages; pages--, at++)
			if (words[at] >> 52 || !guest_map_at(server->map, words[at] * VMBUS_PAGE_SIZE, VMBUS_PAGE_SIZE))
				return false;
	}
	return at == g->count;
}

/* Takes further words; with the last one the GPADL is complete and answered, with an error it is gone and answered. */
static void append(struct vmbus_server *server, struct vmbus_gpadl_state *g, const uint8_t *data, size_t size)
{
	uint32_t status = VMBUS_STATUS_SUCCESS;

	if (size % 8 || size / 8 > (size_t)(g->count - g->filled)) {
		status = VMBUS_STATUS_INVALID_PARAMETER;
	} else {
		memcpy(&server->state->words[g->first + g->filled], data, size);
		g->filled = (uint16_t)(g->filled + size / 8);
		if (g->filled < g->count)
			return;
		if (!ranges_valid(server, g))
			status = VMBUS_STATUS_INVALID_PARAMETER;
	}
	reply_created(server, g->relid, g->id, status);
	if (status)
		release(server->state, g);
	else
		g->status = VMBUS_GPADL_READY;
}

void vmbus_gpadl_create(struct vmbus_server *server, const struct vmbus_gpadl_header *header, const uint8_t *data, size_t size)
{
	const struct vmbus_channel *channel = vmbus_channel_find(server, header->relid);
	uint32_t words = header->range_bytes / 8u, status = VMBUS_STATUS_INVALID_PARAMETER;
	struct vmbus_gpadl_state *g;

	/* A range has two words at least: itself and a page. */
	if (!channel || !(channel->state->flags & VMBUS_CHANNEL_OFFERED) || channel->state->flags & VMBUS_CHANNEL_RESCINDED)
		goto refuse;
	if (header->range_bytes % 8 || header->range_count == 0 || words < 2u * header->range_count || find(server, header->gpadl))
		goto refuse;
	g = allocate(server->state, words);
	if (!g) {
		status = VMBUS_STATUS_INSUFFICIENT_RESOURCES;
		goto refuse;
	}
	g->relid = header->relid;
	g->id = header->gpadl;
	g->ranges = header->range_count;
	g->status = VMBUS_GPADL_PARTIAL;
	append(server, g, data, size);
	return;
refuse:
	reply_created(server, header->relid, header->gpadl, status);
}

void vmbus_gpadl_append(struct vmbus_server *server, const struct vmbus_gpadl_body *body, const uint8_t *data, size_t size)
{
	struct vmbus_gpadl_state *g = find(server, body->gpadl);

	/* One that was refused, or is complete: it was answered then. */
	if (g && g->status == VMBUS_GPADL_PARTIAL)
		append(server, g, data, size);
}

static void reply_torndown(struct vmbus_server *server, uint32_t id)
{
	struct vmbus_gpadl_torndown reply = { .header.type = VMBUS_MSG_GPADL_TORNDOWN, .gpadl = id };

	vmbus_reply(server, &reply, sizeof reply);
}

void vmbus_gpadl_teardown(struct vmbus_server *server, const struct vmbus_gpadl_teardown *message)
{
	struct vmbus_gpadl_state *g = find(server, message->gpadl);
	struct vmbus_channel *channel;

	/* The guest waits for the answer without end: one that is not there is down. */
	if (!g || g->relid != message->relid) {
		vmbus_log(server, "teardown of GPADL %x, which channel %u does not have", message->gpadl, message->relid);
		reply_torndown(server, message->gpadl);
		return;
	}
	channel = vmbus_channel_find(server, g->relid);
	if (channel && channel->state->flags & VMBUS_CHANNEL_OPEN && channel->state->gpadl == g->id) {
		g->status = VMBUS_GPADL_TEARDOWN_DUE;
		return;
	}
	release(server->state, g);
	reply_torndown(server, message->gpadl);
}

void vmbus_gpadl_channel_closed(struct vmbus_server *server, uint32_t relid)
{
	for (uint32_t i = 0; i < server->state->gpadl_limit; i++) {
		struct vmbus_gpadl_state *g = &server->state->gpadls[i];

		if (g->status == VMBUS_GPADL_TEARDOWN_DUE && g->relid == relid) {
			g->status = VMBUS_GPADL_TORNDOWN_DUE;
			server->due = true;
		}
	}
}

void vmbus_gpadl_free_all(struct vmbus_server *server, uint32_t relid)
{
	for (uint32_t i = 0; i < server->state->gpadl_limit; i++) {
		struct vmbus_gpadl_state *g = &server->state->gpadls[i];

		if (g->relid == relid && g->status != VMBUS_GPADL_TORNDOWN_DUE)
			g->status = VMBUS_GPADL_FREE;
	}
	lower_limit(server->state);
}

const uint64_t *vmbus_gpadl_pages(const struct vmbus_server *server, uint32_t relid, uint32_t id, uint32_t *count)
{
	const struct vmbus_gpadl_state *g = find(server, id);
	struct vmbus_gpa_range range;

	if (!g || g->status == VMBUS_GPADL_PARTIAL || g->relid != relid || g->ranges != 1)
		return NULL;
	memcpy(&range, &server->state->words[g->first], sizeof range);
	/* The last holds for a checked GPADL; a predecessor's state may be broken. */
	if (range.offset || range.bytes % VMBUS_PAGE_SIZE || range.bytes / VMBUS_PAGE_SIZE + 1 != g->count)
		return NULL;
	*count = range.bytes / VMBUS_PAGE_SIZE;
	return &server->state->words[g->first + 1];
}

const uint64_t *vmbus_channel_gpadl(const struct vmbus_channel *channel, uint32_t gpadl, uint32_t *count)
{
	return vmbus_gpadl_pages(channel->server, channel->relid, gpadl, count);
}
