/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a successor needs: every request that outlives the batch it came in is written down before its I/O starts, and struck out when it
 * is answered. Doing it again is harmless: reads, writes, flushes and deallocations may be repeated as long as nobody was told of their end.
 */
#include "vsp/storage/storvsp_internal.h"

#include <string.h>

/* The guest's address of a piece that the VMBus server found for us; it lies within one region. */
static uint64_t gpa_of(const struct guest_map *map, const uint8_t *host)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct guest_region *region = &map->regions[i];

		if ((uintptr_t)host - (uintptr_t)region->host < region->size)
			return region->gpa + ((uintptr_t)host - (uintptr_t)region->host);
	}
	return UINT64_MAX;
}

static struct storvsp_request_state *place(struct storvsp *vsp, const struct request *r)
{
	return &vsp->state->requests[r - vsp->requests];
}

static void publish(struct storvsp *vsp, struct request *r)
{
	if (vsp->state->request_limit < vsp->request_limit)
		vsp->state->request_limit = vsp->request_limit;
	__atomic_store_n(&place(vsp, r)->sequence, r->sequence, __ATOMIC_RELEASE);
	r->recorded = true;
}

static void fill(struct storvsp *vsp, const struct request *r)
{
	struct storvsp_request_state *s = place(vsp, r);

	s->transaction_id = r->transaction_id;
	s->channel = r->channel->index;
	s->wants_answer = r->wants_answer;
	s->answered = 0;
	s->segment_count = 0;
}

void request_record(struct storvsp *vsp, struct request *r)
{
	const struct guest_map *map = vmbus_channel_memory(r->channel->channel);
	struct storvsp_request_state *s = place(vsp, r);

	fill(vsp, r);
	memcpy(s->packet, &r->packet, sizeof s->packet);
	s->segment_count = (uint16_t)r->iov_count;
	for (uint32_t i = 0; i < r->iov_count; i++) {
		s->segments[i].gpa = gpa_of(map, r->iov[i].iov_base);
		s->segments[i].bytes = r->iov[i].iov_len;
	}
	publish(vsp, r);
}

void request_record_answer(struct storvsp *vsp, struct request *r)
{
	struct storvsp_request_state *s = place(vsp, r);

	if (!r->recorded)
		fill(vsp, r);
	memcpy(s->answer, &r->packet, sizeof s->answer);
	__atomic_store_n(&s->answered, 1, __ATOMIC_RELEASE);
	publish(vsp, r);
}

void request_record_taken(struct storvsp *vsp, const struct request *r)
{
	struct storvsp_channel_state *s = &vsp->state->channels[r->channel->index];
	uint32_t received, sent;

	vmbus_channel_positions(r->channel->channel, &received, &sent);
	s->taken = r->sequence;
	s->taken_done = 0;
	__atomic_store_n(&s->taken_position, received, __ATOMIC_RELEASE);
}

void request_record_sending(struct storvsp *vsp, const struct request *r, bool sending)
{
	struct storvsp_channel_state *s = &vsp->state->channels[r->channel->index];
	uint32_t received, sent;

	if (s->sending == s->taken || (!sending && r->sequence == s->taken))
		__atomic_store_n(&s->taken_done, 1, __ATOMIC_RELEASE);
	if (!sending)
		return;
	vmbus_channel_positions(r->channel->channel, &received, &sent);
	/* 0 in between: a number and a position that do not belong together would be believed. */
	__atomic_store_n(&s->sending, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&s->send_position, sent, __ATOMIC_RELEASE);
	__atomic_store_n(&s->sending, r->sequence, __ATOMIC_RELEASE);
}

void request_forget(struct storvsp *vsp, struct request *r)
{
	if (!r->recorded)
		return;
	__atomic_store_n(&place(vsp, r)->sequence, 0, __ATOMIC_RELEASE);
	r->recorded = false;
}

/* From the state to a request. False: it does not fit the guest's memory. */
static bool load(struct storvsp *vsp, struct storvsp_channel *channel, uint32_t index)
{
	const struct storvsp_request_state *s = &vsp->state->requests[index];
	const struct guest_map *map = vmbus_channel_memory(channel->channel);
	struct request *r = &vsp->requests[index];

	r->channel = channel;
	r->sequence = s->sequence;
	r->transaction_id = s->transaction_id;
	r->wants_answer = s->wants_answer;
	r->recorded = true;
	r->disk = NULL;
	r->iov_count = 0;
	r->iov_bytes = 0;
	memcpy(&r->packet, s->answered ? s->answer : s->packet, sizeof r->packet);
	if (s->answered)
		return true;
	if (s->segment_count > STORVSP_MAX_SEGMENTS)
		return false;
	for (uint32_t i = 0; i < s->segment_count; i++) {
		uint8_t *base = s->segments[i].bytes <= STORVSP_MAX_TRANSFER + 4096u ?
			guest_map_at(map, s->segments[i].gpa, s->segments[i].bytes) : NULL;

		if (!base)
			return false;
		r->iov[r->iov_count++] = (struct iovec){ .iov_base = base, .iov_len = s->segments[i].bytes };
		r->iov_bytes += s->segments[i].bytes;
	}
	return true;
}

/* The oldest request of the channel after a sequence number; STORVSP_MAX_REQUESTS: none. */
static uint32_t next_after(const struct storvsp *vsp, uint16_t channel, uint64_t after)
{
	uint32_t found = STORVSP_MAX_REQUESTS;

	for (uint32_t i = 0; i < vsp->state->request_limit; i++) {
		const struct storvsp_request_state *s = &vsp->state->requests[i];

		if (s->sequence > after && s->channel == channel &&
		    (found == STORVSP_MAX_REQUESTS || s->sequence < vsp->state->requests[found].sequence))
			found = i;
	}
	return found;
}

/* Whether the packet that the channel's position is at was taken already, and more: written down, or answered. Strikes out what was sent. */
static bool was_handled(struct storvsp *vsp, const struct storvsp_channel *channel)
{
	const struct storvsp_channel_state *s = &vsp->state->channels[channel->index];
	uint32_t received, sent;
	bool handled = s->taken_done;

	vmbus_channel_positions(channel->channel, &received, &sent);
	for (uint32_t i = 0; i < vsp->state->request_limit; i++) {
		struct storvsp_request_state *request = &vsp->state->requests[i];

		if (!request->sequence || request->channel != channel->index || vsp->requests[i].sequence)
			continue;
		handled |= request->sequence == s->taken;
		if (request->sequence != s->sending || sent == s->send_position)
			continue;
		request->sequence = 0;
		request_push_front(&vsp->free, &vsp->requests[i]);
	}
	handled |= s->sending == s->taken && sent != s->send_position;
	return s->taken && received == s->taken_position && handled;
}

void request_restore(struct storvsp *vsp, struct storvsp_channel *channel)
{
	uint64_t after = 0;
	uint32_t index;

	channel->skip_first = was_handled(vsp, channel);
	while ((index = next_after(vsp, channel->index, after)) != STORVSP_MAX_REQUESTS) {
		struct request *r = &vsp->requests[index];

		after = vsp->state->requests[index].sequence;
		if (r->sequence)
			continue;
		if (!load(vsp, channel, index)) {
			r->packet.status = STORVSP_STATUS_INVALID_PARAMETER;
			r->packet.srb.srb_status = SRB_STATUS_ABORTED;
			request_answer(vsp, r);
		} else {
			request_dispatch(vsp, r);
		}
	}
}

void request_forget_old(struct storvsp *vsp, uint16_t index)
{
	memset(&vsp->state->channels[index], 0, sizeof vsp->state->channels[index]);
	for (uint32_t i = 0; i < vsp->state->request_limit; i++) {
		struct storvsp_request_state *s = &vsp->state->requests[i];

		if (!s->sequence || s->channel != index || vsp->requests[i].sequence)
			continue;
		s->sequence = 0;
		request_push_front(&vsp->free, &vsp->requests[i]);
	}
}
