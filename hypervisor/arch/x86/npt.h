/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables (AMD64 APM vol. 2, 15.25): four levels, the processor's own long-mode format. Every entry has the user
 * bit, because nested walks count as user accesses (15.25.5). Callers hold hv.lock, except for npt_walk.
 */
#ifndef BULKHEAD_X86_NPT_H
#define BULKHEAD_X86_NPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

#define NPT_BITS 48u

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_LARGE    (1ull << 7)
#define PTE_NX       (1ull << 63)
#define PTE_ADDRESS  0x000ffffffffff000ull

enum npt_level { NPT_4K = 0, NPT_2M = 1, NPT_1G = 2, NPT_512G = 3 };

/** Where a GPA leads. `level` says how large the page is; pa is that of the byte asked for. */
struct npt_translation {
	uint64_t pa;
	enum npt_level level;
	bool writable, executable;
};

/** Walks without a lock: an entry changes with one store, and tables are freed only when no VP of theirs can run. */
bool npt_walk(uint64_t root, uint64_t gpa, struct npt_translation *out);

/**
 * Maps one page of the level's size. flags: PTE_WRITE, PTE_NX. Tables come from the pool.
 * Returns false when the pool has no page for a table, or a larger page is in the way; nothing is mapped then.
 */
bool npt_map(uint64_t root, uint64_t gpa, uint64_t pa, enum npt_level level, uint64_t flags, struct pool *pool);

/** Removes the page at gpa; *level and the old PA come back. False when nothing is mapped there. */
bool npt_unmap(uint64_t root, uint64_t gpa, uint64_t *pa, enum npt_level *level);

/**
 * Replaces the 2 MiB page at gpa by small pages of the same memory, without a moment when nothing is mapped. False: no such page
 * there, or the pool has no page for a table.
 */
bool npt_split(uint64_t root, uint64_t gpa, struct pool *pool);

/** Frees every table of a child's tree, calling leaf() for each page that is still mapped. */
void npt_destroy(uint64_t root, struct pool *pool, void (*leaf)(uint64_t pa, enum npt_level level));

/** Identity map for the root: builds it (false: the hypervisor's pool is too small), hides and shows single pages. */
bool npt_root_init(void);
/** Takes the hypervisor's own memory out at launch: 2 MiB aligned, whole large pages. */
bool npt_root_hide_block(uint64_t pa, uint64_t size);
bool npt_root_hide(uint64_t pfn);
void npt_root_show(uint64_t pfn);
/** The root touched a GPA that is not mapped: maps a gigabyte of MMIO beyond the first 512 GiB. False: a page that is not its own. */
bool npt_root_fault(uint64_t gpa);

#endif
