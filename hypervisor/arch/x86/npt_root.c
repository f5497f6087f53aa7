/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root's nested page table: every address maps to itself, minus the pages that the hypervisor and the partitions' pools
 * own. 2 MiB pages below 4 GiB, where MTRR types change often, 1 GiB pages above when the processor has them. A page that
 * is hidden splits its large page for good: the driver takes its pages from few large blocks, again and again.
 */
#include "arch/x86/npt.h"
#include "core/hypervisor.h"

#define GIB (1ull << 30)
#define ROOT_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define INITIAL_LIMIT (512 * GIB)

static uint64_t *slot_of(uint64_t gpa, int *level)
{
	uint64_t *table = pa_to_va(hv.root_npt);

	for (*level = NPT_512G;; (*level)--) {
		uint64_t *slot = &table[(gpa >> (12 + 9 * *level)) & 511];

		if (*level == NPT_4K || !(*slot & PTE_PRESENT) || (*slot & PTE_LARGE))
			return slot;
		table = pa_to_va(*slot & PTE_ADDRESS);
	}
}

/* Replaces a large page by a table of the next smaller size with the same content. */
static bool split(uint64_t *slot, int level)
{
	uint64_t page = pool_alloc(&hv.pool), *table;
	uint64_t base = *slot & PTE_ADDRESS & ~((PAGE_SIZE << (9 * level)) - 1);
	uint64_t step = PAGE_SIZE << (9 * (level - 1));

	if (!page)
		return false;
	table = pa_to_va(page);
	for (uint64_t i = 0; i < 512; i++)
		table[i] = (base + i * step) | ROOT_FLAGS | (level > NPT_2M ? PTE_LARGE : 0);
	__atomic_store_n(slot, page | ROOT_FLAGS, __ATOMIC_RELEASE);
	return true;
}

static uint64_t *slot_4k(uint64_t pfn)
{
	int level;
	uint64_t *slot = slot_of(pfn * PAGE_SIZE, &level);

	while (level > NPT_4K) {
		if (!(*slot & PTE_PRESENT) || !split(slot, level))
			return NULL;
		slot = slot_of(pfn * PAGE_SIZE, &level);
	}
	return slot;
}

bool npt_root_hide(uint64_t pfn)
{
	uint64_t *slot = slot_4k(pfn);

	if (!slot)
		return false;
	__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
	return true;
}

void npt_root_show(uint64_t pfn)
{
	uint64_t *slot = slot_4k(pfn);

	/* The page was hidden one by one, so its table of 4 KiB entries exists. */
	__atomic_store_n(slot, (pfn * PAGE_SIZE) | ROOT_FLAGS, __ATOMIC_RELEASE);
}

/* Takes out [pa, pa + size), 2 MiB aligned, in whole large pages. */
static bool hide_large(uint64_t pa, uint64_t size)
{
	for (uint64_t end = pa + size; pa < end; pa += LARGE_PAGE_SIZE) {
		int level;
		uint64_t *slot = slot_of(pa, &level);

		if (level == NPT_1G) {
			if (!split(slot, level))
				return false;
			slot = slot_of(pa, &level);
		}
		if (level != NPT_2M)
			return false;
		*slot = 0;
	}
	return true;
}

static bool map_gib(uint64_t gpa)
{
	if (gpa >= 4 * GIB && hv.has_gib_pages)
		return npt_map(hv.root_npt, gpa, gpa, NPT_1G, PTE_WRITE, &hv.pool);
	for (uint64_t i = 0; i < GIB; i += LARGE_PAGE_SIZE)
		if (!npt_map(hv.root_npt, gpa + i, gpa + i, NPT_2M, PTE_WRITE, &hv.pool))
			return false;
	return true;
}

bool npt_root_init(void)
{
	uint64_t limit = hv.has_gib_pages ? INITIAL_LIMIT : 4 * GIB;

	if (limit < hv.ram_limit)
		limit = (hv.ram_limit + GIB - 1) & ~(GIB - 1);
	if (limit > hv.phys_limit)
		limit = hv.phys_limit;
	hv.root_npt = pool_alloc(&hv.pool);
	if (!hv.root_npt)
		return false;
	for (uint64_t gpa = 0; gpa < limit; gpa += GIB)
		if (!map_gib(gpa))
			return false;
	return true;
}

bool npt_root_fault(uint64_t gpa)
{
	struct npt_translation t;
	bool mapped;

	if (gpa >= hv.phys_limit)
		return false;
	lock(&hv.lock);
	/* Another CPU may have mapped it meanwhile; below ram_limit only a page of the hypervisor's or a pool's is missing. */
	mapped = npt_walk(hv.root_npt, gpa, &t);
	if (!mapped && gpa >= hv.ram_limit && hv.pool.free_pages > MEMORY_RESERVE)
		mapped = map_gib(gpa & ~(GIB - 1));
	unlock(&hv.lock);
	return mapped;
}

bool npt_root_hide_block(uint64_t pa, uint64_t size)
{
	if (!hide_large(pa, size))
		return false;
	for (uint64_t pfn = pa / PAGE_SIZE; pfn < (pa + size) / PAGE_SIZE; pfn++)
		hv.pagemap[pfn] = PAGEMAP_OWNED;
	return true;
}
