/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest-physical ranges and where they are in this process. A guest names any address it likes: every access goes through here.
 */
#ifndef BULKHEAD_VMBUS_GUEST_MEMORY_H
#define BULKHEAD_VMBUS_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GUEST_MAP_REGIONS 8u

struct guest_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
};

/** Regions do not overlap and do not wrap; order is free. */
struct guest_map {
	uint32_t count;
	struct guest_region regions[GUEST_MAP_REGIONS];
};

/** Host address of [gpa, gpa + size) if one region holds all of it, else NULL. */
static inline uint8_t *guest_map_at(const struct guest_map *map, uint64_t gpa, uint64_t size)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct guest_region *r = &map->regions[i];
		uint64_t offset = gpa - r->gpa;

		/* Below the region, offset wraps to something larger than any size. */
		if (offset < r->size && size <= r->size - offset)
			return r->host + offset;
	}
	return NULL;
}

/** Host address of gpa and in *size how much follows it in the same region; NULL if none does. */
static inline uint8_t *guest_map_run(const struct guest_map *map, uint64_t gpa, uint64_t *size)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct guest_region *r = &map->regions[i];

		if (gpa - r->gpa < r->size) {
			*size = r->size - (gpa - r->gpa);
			return r->host + (gpa - r->gpa);
		}
	}
	return NULL;
}

/** Copies out of or into the guest, across regions where they touch. False, with part of it possibly done, if a byte is no RAM. */
static inline bool guest_map_read(const struct guest_map *map, uint64_t gpa, void *to, size_t size)
{
	uint8_t *at = to;

	while (size) {
		uint64_t run = 0;
		const uint8_t *from = guest_map_run(map, gpa, &run);

		if (!from)
			return false;
		if (run > size)
			run = size;
		memcpy(at, from, run);
		at += run;
		gpa += run;
		size -= run;
	}
	return true;
}

static inline bool guest_map_write(const struct guest_map *map, uint64_t gpa, const void *from, size_t size)
{
	const uint8_t *at = from;

	while (size) {
		uint64_t run = 0;
		uint8_t *to = guest_map_run(map, gpa, &run);

		if (!to)
			return false;
		if (run > size)
			run = size;
		memcpy(to, at, run);
		at += run;
		gpa += run;
		size -= run;
	}
	return true;
}

#endif
