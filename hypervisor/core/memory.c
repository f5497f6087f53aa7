/* SPDX-License-Identifier: BSD-2-Clause */
/* Page ownership and pools; see memory.h. */
#include "core/memory.h"

#include "abi/status.h"
#include "arch/x86/npt.h"
#include "core/hypervisor.h"
#include "core/string.h"

/* Deposits that not every CPU has seen yet. The driver syncs after each batch, so one batch's worth is enough. */
#define PENDING_MAX 1024u

static struct {
	uint64_t pfn;
	uint64_t generation;
	struct pool *pool;
} pending[PENDING_MAX];
static uint32_t pending_count;

void *pa_to_va(uint64_t pa)
{
	return hv.physmap + pa;
}

uint64_t va_to_pa(const void *va)
{
	return (uint64_t)((const uint8_t *)va - hv.physmap);
}

static void pool_push(struct pool *p, uint64_t pa)
{
	*(uint64_t *)pa_to_va(pa) = p->head;
	p->head = pa;
	p->free_pages++;
}

uint64_t pool_alloc(struct pool *p)
{
	uint64_t pa = p->head;

	if (!pa) {
		memory_settle();
		pa = p->head;
		if (!pa)
			return 0;
	}
	p->head = *(uint64_t *)pa_to_va(pa);
	p->free_pages--;
	memset(pa_to_va(pa), 0, PAGE_SIZE);
	return pa;
}

void pool_free(struct pool *p, uint64_t pa)
{
	pool_push(p, pa);
}

bool root_owns(uint64_t pfn, uint64_t count)
{
	uint64_t limit = hv.ram_limit / PAGE_SIZE;

	if (count > limit || pfn > limit - count)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (hv.pagemap[pfn + i] == PAGEMAP_OWNED)
			return false;
	return true;
}

uint64_t memory_deposit(struct pool *p, uint64_t pfn)
{
	/* Page 0 could not be told from the end of a pool's list. */
	if (!pfn || !root_owns(pfn, 1))
		return HV_STATUS_ACCESS_DENIED;
	if (hv.pagemap[pfn] != 0)
		return HV_STATUS_OPERATION_DENIED;
	if (pending_count == PENDING_MAX)
		memory_settle();
	if (pending_count == PENDING_MAX)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	if ((p != &hv.pool && hv.pool.free_pages < MEMORY_RESERVE) || !npt_root_hide(pfn))
		return HV_STATUS_INSUFFICIENT_ROOT_MEMORY;
	hv.pagemap[pfn] = PAGEMAP_OWNED;
	pending[pending_count].pfn = pfn;
	pending[pending_count].pool = p;
	pending[pending_count++].generation = __atomic_add_fetch(&hv.generation, 1, __ATOMIC_SEQ_CST);
	p->total_pages++;
	return HV_STATUS_SUCCESS;
}

void memory_settle(void)
{
	uint64_t seen = __atomic_load_n(&hv.generation, __ATOMIC_SEQ_CST);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < hv.cpu_count; i++) {
		uint64_t g = __atomic_load_n(&hv.cpu[i]->seen_generation, __ATOMIC_ACQUIRE);

		if (g < seen)
			seen = g;
	}
	for (uint32_t i = 0; i < pending_count; i++) {
		if (pending[i].generation <= seen)
			pool_push(pending[i].pool, pending[i].pfn * PAGE_SIZE);
		else
			pending[kept++] = pending[i];
	}
	pending_count = kept;
}

uint64_t memory_withdraw(struct pool *p)
{
	uint64_t pa;

	memory_settle();
	pa = pool_alloc(p);
	if (!pa)
		return 0;
	p->total_pages--;
	hv.pagemap[pa / PAGE_SIZE] = 0;
	npt_root_show(pa / PAGE_SIZE);
	return pa / PAGE_SIZE;
}

static bool root_range(uint64_t pa, uint64_t size)
{
	return size <= PAGE_SIZE && (pa & (PAGE_SIZE - 1)) + size <= PAGE_SIZE && root_owns(pa / PAGE_SIZE, 1);
}

bool root_read(uint64_t pa, void *to, uint64_t size)
{
	if (!root_range(pa, size))
		return false;
	memcpy(to, pa_to_va(pa), size);
	return true;
}

bool root_write(uint64_t pa, const void *from, uint64_t size)
{
	if (!root_range(pa, size))
		return false;
	memcpy(pa_to_va(pa), from, size);
	return true;
}
