/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested page tables: the general part; see npt.h. The root's identity map is npt_root.c. */
#include "arch/x86/npt.h"

static unsigned int table_index(uint64_t gpa, int level)
{
	return (gpa >> (12 + 9 * level)) & 511;
}

static uint64_t *table_at(uint64_t entry)
{
	return pa_to_va(entry & PTE_ADDRESS);
}

bool npt_walk(uint64_t root, uint64_t gpa, struct npt_translation *out)
{
	uint64_t entry = root | PTE_PRESENT, path = PTE_WRITE, nx = 0;

	if (gpa >> NPT_BITS)
		return false;
	for (int level = NPT_512G; level >= NPT_4K; level--) {
		entry = __atomic_load_n(&table_at(entry)[table_index(gpa, level)], __ATOMIC_ACQUIRE);
		if (!(entry & PTE_PRESENT))
			return false;
		path &= entry;
		nx |= entry & PTE_NX;
		if (level == NPT_4K || (entry & PTE_LARGE)) {
			uint64_t mask = (PAGE_SIZE << (9 * level)) - 1;

			out->pa = (entry & PTE_ADDRESS & ~mask) | (gpa & mask);
			out->level = level;
			out->writable = path & PTE_WRITE;
			out->executable = !nx;
			return true;
		}
	}
	return false;
}

bool npt_map(uint64_t root, uint64_t gpa, uint64_t pa, enum npt_level leaf, uint64_t flags, struct pool *pool)
{
	uint64_t *table = pa_to_va(root), *slot;

	for (int level = NPT_512G; level > (int)leaf; level--) {
		slot = &table[table_index(gpa, level)];
		if (!(*slot & PTE_PRESENT)) {
			uint64_t page = pool_alloc(pool);

			if (!page)
				return false;
			__atomic_store_n(slot, page | PTE_PRESENT | PTE_WRITE | PTE_USER, __ATOMIC_RELEASE);
		} else if (*slot & PTE_LARGE) {
			return false;
		}
		table = table_at(*slot);
	}
	slot = &table[table_index(gpa, leaf)];
	if (*slot & PTE_PRESENT)
		return false;
	__atomic_store_n(slot, pa | PTE_PRESENT | PTE_USER | flags | (leaf > NPT_4K ? PTE_LARGE : 0), __ATOMIC_RELEASE);
	return true;
}

bool npt_unmap(uint64_t root, uint64_t gpa, uint64_t *pa, enum npt_level *ret_level)
{
	uint64_t *table = pa_to_va(root);

	for (int level = NPT_512G; level >= NPT_4K; level--) {
		uint64_t *slot = &table[table_index(gpa, level)];

		if (!(*slot & PTE_PRESENT))
			return false;
		if (level == NPT_4K || (*slot & PTE_LARGE)) {
			*pa = *slot & PTE_ADDRESS & ~((PAGE_SIZE << (9 * level)) - 1);
			*ret_level = level;
			__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
			return true;
		}
		table = table_at(*slot);
	}
	return false;
}

bool npt_split(uint64_t root, uint64_t gpa, struct pool *pool)
{
	uint64_t *table = pa_to_va(root), *slot, *small, entry, page;

	for (int level = NPT_512G; level > NPT_2M; level--) {
		entry = table[table_index(gpa, level)];
		if (!(entry & PTE_PRESENT) || entry & PTE_LARGE)
			return false;
		table = table_at(entry);
	}
	slot = &table[table_index(gpa, NPT_2M)];
	entry = *slot;
	if (!(entry & PTE_PRESENT) || !(entry & PTE_LARGE))
		return false;
	page = pool_alloc(pool);
	if (!page)
		return false;
	small = pa_to_va(page);
	for (uint64_t i = 0; i < 512; i++)
		small[i] = (entry & ~PTE_LARGE) + i * PAGE_SIZE;
	__atomic_store_n(slot, page | PTE_PRESENT | PTE_WRITE | PTE_USER, __ATOMIC_RELEASE);
	return true;
}

static void destroy_table(uint64_t pa, int level, struct pool *pool, void (*leaf)(uint64_t pa, enum npt_level level))
{
	uint64_t *table = pa_to_va(pa);

	for (unsigned int i = 0; i < 512; i++) {
		if (!(table[i] & PTE_PRESENT))
			continue;
		if (level == NPT_4K || (table[i] & PTE_LARGE))
			leaf(table[i] & PTE_ADDRESS & ~((PAGE_SIZE << (9 * level)) - 1), level);
		else
			destroy_table(table[i] & PTE_ADDRESS, level - 1, pool, leaf);
	}
	pool_free(pool, pa);
}

void npt_destroy(uint64_t root, struct pool *pool, void (*leaf)(uint64_t pa, enum npt_level level))
{
	destroy_table(root, NPT_512G, pool, leaf);
}
