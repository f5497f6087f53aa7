/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns each page of RAM, and the pools of pages that the hypervisor and each partition allocate from.
 *
 * The page map has a byte a page: how often children map it, or that the hypervisor or a partition's pool owns it. A page
 * that the root deposits leaves the root's nested page table at once, but counts as taken only when every CPU has entered the
 * root with a clean TLB since (the memory generation); until then it waits in hv's pending list.
 */
#ifndef BULKHEAD_CORE_MEMORY_H
#define BULKHEAD_CORE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/types.h"

#define PAGE_SIZE 4096ull
#define LARGE_PAGE_SIZE (512 * PAGE_SIZE)

#define PAGEMAP_MAX_MAPS 0xf0  /* children may map a page this often */
#define PAGEMAP_OWNED    0xff

/** Pages that all but a deposit to the hypervisor leave in its pool, so that such a deposit can still split a large page. */
#define MEMORY_RESERVE 8

/** Free pages, linked through their first word. Not locked: hv.lock guards it. */
struct pool {
	uint64_t head;         /* PA, 0 = empty */
	uint64_t free_pages;
	uint64_t total_pages;  /* free, used and pending */
};

void *pa_to_va(uint64_t pa);
uint64_t va_to_pa(const void *va);

/** Takes a zeroed page. Returns its PA, or 0 when the pool has none. */
uint64_t pool_alloc(struct pool *p);
/** Gives a page back to the pool that it came from. */
void pool_free(struct pool *p, uint64_t pa);

/** Whether [pfn, pfn + count) is RAM that the root owns, so that a child may map it. */
bool root_owns(uint64_t pfn, uint64_t count);

/** Moves a page from the root to the pool's pending pages. Returns an HV_STATUS. */
uint64_t memory_deposit(struct pool *p, uint64_t pfn);
/** Makes pending pages free whose generation every CPU has passed. */
void memory_settle(void);
/** Takes a free page out of the pool, zeroes it, gives it to the root. Returns its PFN, 0 when the pool has no free page. */
uint64_t memory_withdraw(struct pool *p);

/** Copies from or to a page of the root's RAM; false when the range leaves RAM that the root owns or crosses a page. */
bool root_read(uint64_t pa, void *to, uint64_t size);
bool root_write(uint64_t pa, const void *from, uint64_t size);

#endif
