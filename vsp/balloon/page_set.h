/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages are in the balloon: a bit a page, in the state region. Callers keep below `limit`. */
#ifndef BULKHEAD_VSP_BALLOON_PAGE_SET_H
#define BULKHEAD_VSP_BALLOON_PAGE_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PAGE_SET_BITS 64u

struct page_set {
	uint64_t *words;             /* bit gfn */
	uint64_t limit;              /* bits, rounded up to whole words */
};

static inline bool page_set_has(const struct page_set *set, uint64_t gfn)
{
	return set->words[gfn / PAGE_SET_BITS] >> gfn % PAGE_SET_BITS & 1;
}

/** Returns how many of them that has changed. */
static inline uint64_t page_set_put(struct page_set *set, uint64_t gfn, uint64_t pages, bool in)
{
	uint64_t changed = 0;

	for (; pages; pages--, gfn++) {
		changed += page_set_has(set, gfn) != in;
		if (in)
			set->words[gfn / PAGE_SET_BITS] |= 1ull << gfn % PAGE_SET_BITS;
		else
			set->words[gfn / PAGE_SET_BITS] &= ~(1ull << gfn % PAGE_SET_BITS);
	}
	return changed;
}

/** The next run of pages from *gfn on, which moves to it, at most `most`. 0: none. */
static inline uint64_t page_set_run(const struct page_set *set, uint64_t *gfn, uint64_t most)
{
	uint64_t count = 0;

	while (*gfn < set->limit && !page_set_has(set, *gfn))
		*gfn += set->words[*gfn / PAGE_SET_BITS] >> *gfn % PAGE_SET_BITS ? 1 : PAGE_SET_BITS - *gfn % PAGE_SET_BITS;
	while (count < most && *gfn + count < set->limit && page_set_has(set, *gfn + count))
		count++;
	return count;
}

static inline uint64_t page_set_count(const struct page_set *set)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < set->limit / PAGE_SET_BITS; i++)
		count += (uint64_t)__builtin_popcountll(set->words[i]);
	return count;
}

static inline void page_set_clear(struct page_set *set)
{
	memset(set->words, 0, set->limit / PAGE_SET_BITS * sizeof set->words[0]);
}

#endif
