/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's receive and send buffers: pages of GPADLs, cut into sections and slots, and messages that lie in pieces of them. */
#include "vsp/network/netvsp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int netvsp_buffer_map(struct netvsp_buffer *b, struct vmbus_channel *channel, uint32_t gpadl, uint16_t id)
{
	uint32_t count = 0;
	const uint64_t *pfns = vmbus_channel_gpadl(channel, gpadl, &count);
	const struct guest_map *map = vmbus_channel_memory(channel);

	if (!pfns || !count || b->pages)
		return -EINVAL;
	b->pages = calloc(count, sizeof *b->pages);
	if (!b->pages)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		b->pages[i] = guest_map_at(map, pfns[i] * NETVSP_PAGE, NETVSP_PAGE);
		if (!b->pages[i]) {
			netvsp_buffer_unmap(b);
			return -EINVAL;
		}
	}
	b->page_count = count;
	b->gpadl = gpadl;
	b->id = id;
	return 0;
}

void netvsp_buffer_unmap(struct netvsp_buffer *b)
{
	free(b->pages);
	*b = (struct netvsp_buffer){ 0 };
}

static bool append(struct iovec *iov, uint32_t *count, uint32_t capacity, uint8_t *base, size_t bytes)
{
	struct iovec *last = *count ? &iov[*count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == base) {
		last->iov_len += bytes;
		return true;
	}
	if (*count == capacity)
		return false;
	iov[(*count)++] = (struct iovec){ base, bytes };
	return true;
}

bool netvsp_buffer_slice(const struct netvsp_buffer *b, uint64_t offset, uint32_t bytes, struct netvsp_view *view)
{
	uint64_t size = (uint64_t)b->page_count * NETVSP_PAGE;

	if (offset > size || bytes > size - offset)
		return false;
	view->bytes += bytes;
	while (bytes) {
		uint32_t in_page = (uint32_t)(offset % NETVSP_PAGE), run = NETVSP_PAGE - in_page;

		if (run > bytes)
			run = bytes;
		if (!append(view->iov, &view->count, NETVSP_MAX_PIECES, b->pages[offset / NETVSP_PAGE] + in_page, run))
			return false;
		offset += run;
		bytes -= run;
	}
	return true;
}

static void lay_out(struct netvsp *vsp, struct netvsp_slot *slot, uint32_t first_page)
{
	for (uint32_t part = 0; part < vsp->slot_parts; part++)
		for (uint32_t page = 0; page < NETVSP_PART_PAGES; page++) {
			uint8_t *base = vsp->receive.pages[first_page + part * NETVSP_PART_PAGES + page];
			uint32_t headroom = page ? 0 : NETVSP_HEADROOM;

			if (!page)
				slot->part[part] = base;
			append(slot->iov, &slot->iov_count, NETVSP_SLOT_PARTS * NETVSP_PART_PAGES, base + headroom, NETVSP_PAGE - headroom);
		}
}

int netvsp_slots_create(struct netvsp *vsp, uint32_t parts)
{
	vsp->slot_parts = parts;
	vsp->slot_count = vsp->receive.page_count / NETVSP_PART_PAGES / parts;
	if (vsp->slot_count > NETVSP_MAX_SLOTS)
		vsp->slot_count = NETVSP_MAX_SLOTS;
	if (!vsp->slot_count)
		return -EINVAL;
	vsp->slots = calloc(vsp->slot_count, sizeof *vsp->slots);
	if (!vsp->slots)
		return -ENOMEM;
	vsp->free_count = 0;
	for (uint32_t i = vsp->slot_count; i-- > 0;) {
		lay_out(vsp, &vsp->slots[i], i * parts * NETVSP_PART_PAGES);
		vsp->slots[i].taken = vsp->state->taken[i] != 0;
		if (!vsp->slots[i].taken)
			vsp->free_slots[vsp->free_count++] = (uint16_t)i;
	}
	vsp->reserved_slots = vsp->slot_count >= 8 * NETVSP_CONTROL_SLOTS ? NETVSP_CONTROL_SLOTS : 0;
	return 0;
}

void netvsp_slots_free(struct netvsp *vsp)
{
	free(vsp->slots);
	vsp->slots = NULL;
	memset(vsp->state->taken, 0, sizeof vsp->state->taken);
	vsp->slot_count = vsp->free_count = vsp->reserved_slots = 0;
}

void netvsp_slot_return(struct netvsp *vsp, uint64_t number)
{
	if (number >= vsp->slot_count || !vsp->slots[number].taken)
		return;
	vsp->slots[number].taken = false;
	vsp->state->taken[number] = 0;
	vsp->free_slots[vsp->free_count++] = (uint16_t)number;
}

bool netvsp_view_read(const struct netvsp_view *view, uint64_t offset, void *to, uint32_t bytes)
{
	uint8_t *at = to;

	if (offset > view->bytes || bytes > view->bytes - offset)
		return false;
	for (uint32_t i = 0; i < view->count && bytes; i++) {
		uint64_t length = view->iov[i].iov_len, run;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		run = length - offset < bytes ? length - offset : bytes;
		memcpy(at, (const uint8_t *)view->iov[i].iov_base + offset, run);
		at += run;
		bytes -= (uint32_t)run;
		offset = 0;
	}
	return !bytes;
}

bool netvsp_view_slice(const struct netvsp_view *view, uint64_t offset, uint64_t bytes, struct iovec *iov, uint32_t *count,
		       uint32_t capacity)
{
	if (offset > view->bytes || bytes > view->bytes - offset)
		return false;
	for (uint32_t i = 0; i < view->count && bytes; i++) {
		uint64_t length = view->iov[i].iov_len, run;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		run = length - offset < bytes ? length - offset : bytes;
		if (*count == capacity)
			return false;
		iov[(*count)++] = (struct iovec){ (uint8_t *)view->iov[i].iov_base + offset, run };
		bytes -= run;
		offset = 0;
	}
	return !bytes;
}
