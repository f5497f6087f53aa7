/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's RAM as the worker sees it: one mapping, split at 3.5 GiB into a low part and a part from 4 GiB on. */
#ifndef BULKHEAD_WORKER_GUEST_MEMORY_H
#define BULKHEAD_WORKER_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct guest_memory {
	uint8_t *host;       /* 2 MiB aligned */
	uint64_t size;
	uint64_t low_size;   /* bytes at guest-physical 0; the rest is at 4 GiB */
	uint64_t start_size; /* what the guest has from the start; behind it there is room for memory that is added */
};

/**
 * As root: lets those memory files have huge pages that ask for them (shmem_enabled "never", the kernel's default, to "advise").
 * Without them a child has a mapping for every 4 KiB: it starts and runs slower.
 */
void guest_memory_allow_huge_pages(void);
/** Maps size bytes of memfd; huge pages where the file system gives them, never part of a core dump. */
int guest_memory_map(struct guest_memory *memory, int memfd, uint64_t size);
/** The guest starts with less than the file has. */
void guest_memory_limit(struct guest_memory *memory, uint64_t start_size);
void guest_memory_unmap(struct guest_memory *memory);

/** Where [gpa, gpa + size) is in this process; NULL unless all of it is RAM of one part. */
static inline uint8_t *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
	uint64_t base = 0, length = memory->low_size, offset = 0;

	if (gpa >= LAYOUT_4G) {
		base = LAYOUT_4G;
		length = memory->size - memory->low_size;
		offset = memory->low_size;
	}
	if (gpa - base > length || size > length - (gpa - base))
		return NULL;
	return memory->host + offset + (gpa - base);
}

/** The same for the loader's own tables in the first MiB, which every child has. */
static inline void *guest_memory_low(const struct guest_memory *memory, uint64_t gpa)
{
	return memory->host + gpa;
}

#endif
