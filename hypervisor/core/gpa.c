/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of partitions: deposit and withdraw of pool pages, mapping of the root's pages into a child. */
#include "abi/bulkhead.h"
#include "abi/status.h"
#include "arch/x86/npt.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"

/* Its CPUID leaf 80000008h says so. */
#define GFN_LIMIT (1ull << (BH_CHILD_GPA_BITS - 12))

static struct pool *find_pool(uint64_t id)
{
	struct partition *p;

	if (id == ROOT_PARTITION_ID || id == HV_PARTITION_ID_SELF)
		return &hv.pool;
	p = partition_find(id);
	return p ? &p->pool : NULL;
}

uint64_t hvcall_deposit_memory(struct hypercall *call)
{
	const struct hv_input_deposit_memory *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS;
	struct pool *pool;

	lock(&hv.lock);
	pool = find_pool(in->partition_id);
	if (!pool)
		status = HV_STATUS_INVALID_PARTITION_ID;
	while (status == HV_STATUS_SUCCESS && call->reps_done < call->reps) {
		status = memory_deposit(pool, in->pfns[call->reps_done]);
		if (status == HV_STATUS_SUCCESS)
			call->reps_done++;
	}
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_withdraw_memory(struct hypercall *call)
{
	const struct hv_input_withdraw_memory *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS, pfn, *out = call->output;
	struct pool *pool;

	lock(&hv.lock);
	pool = find_pool(in->partition_id);
	/* What the hypervisor itself got at launch goes back at unload, all together. */
	if (!pool || pool == &hv.pool)
		status = HV_STATUS_INVALID_PARTITION_ID;
	while (status == HV_STATUS_SUCCESS && call->reps_done < call->reps) {
		pfn = memory_withdraw(pool);
		if (!pfn)
			status = HV_STATUS_NO_RESOURCES;
		else
			out[call->reps_done++] = pfn;
	}
	unlock(&hv.lock);
	return status;
}

static uint64_t pagemap_add(uint64_t pfn, uint64_t count)
{
	if (!root_owns(pfn, count))
		return HV_STATUS_ACCESS_DENIED;
	for (uint64_t i = 0; i < count; i++)
		if (hv.pagemap[pfn + i] >= PAGEMAP_MAX_MAPS)
			return HV_STATUS_NO_RESOURCES;
	for (uint64_t i = 0; i < count; i++)
		hv.pagemap[pfn + i]++;
	return HV_STATUS_SUCCESS;
}

static void pagemap_remove(uint64_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		hv.pagemap[pfn + i]--;
}

static uint64_t map_one(struct partition *p, uint64_t gfn, uint64_t pfn, enum npt_level level, uint64_t flags)
{
	uint64_t count = 1ull << (9 * level), status = pagemap_add(pfn, count);
	struct npt_translation t;

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (npt_map(p->npt, gfn * PAGE_SIZE, pfn * PAGE_SIZE, level, flags, &p->pool)) {
		p->mapped_bytes += count * PAGE_SIZE;
		return HV_STATUS_SUCCESS;
	}
	pagemap_remove(pfn, count);
	/* Either something is mapped there, or no page was left for a table. */
	return npt_walk(p->npt, gfn * PAGE_SIZE, &t) || p->pool.head ? HV_STATUS_INVALID_PARAMETER :
								       HV_STATUS_INSUFFICIENT_MEMORY;
}

/* False: a page of another size is there. A hole is fine. */
static bool unmap_one(struct partition *p, uint64_t gfn, enum npt_level level)
{
	enum npt_level found;
	struct npt_translation t;
	uint64_t pa;

	if (!npt_walk(p->npt, gfn * PAGE_SIZE, &t))
		return true;
	if (t.level != level || !npt_unmap(p->npt, gfn * PAGE_SIZE, &pa, &found))
		return false;
	pagemap_remove(pa / PAGE_SIZE, 1ull << (9 * level));
	p->mapped_bytes -= PAGE_SIZE << (9 * level);
	return true;
}

/*
 * A part of a large page goes: what stays must not vanish for a moment, for the hypervisor writes messages and signals there, and
 * nobody repeats a signal.
 */
static uint64_t make_small(struct partition *p, uint64_t gfn)
{
	struct npt_translation t;

	if (!npt_walk(p->npt, gfn * PAGE_SIZE, &t) || t.level == NPT_4K || npt_split(p->npt, gfn * PAGE_SIZE, &p->pool))
		return HV_STATUS_SUCCESS;
	return HV_STATUS_INSUFFICIENT_MEMORY;
}

static uint64_t find_active(uint64_t id, struct partition **ret)
{
	*ret = partition_find(id);
	if (!*ret)
		return HV_STATUS_INVALID_PARTITION_ID;
	return (*ret)->state == PARTITION_ACTIVE ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARTITION_STATE;
}

/**
 * All or nothing: what was mapped is unmapped again when a later page fails.
 * HV_STATUS_INVALID_PARAMETER: the range wraps or leaves the child's address width, unaligned large page, something mapped there;
 * HV_STATUS_ACCESS_DENIED: a page that is not the root's; HV_STATUS_NO_RESOURCES: a page mapped too often;
 * HV_STATUS_INSUFFICIENT_MEMORY: the partition's pool is empty.
 */
uint64_t hvcall_map_gpa_pages(struct hypercall *call)
{
	const struct hv_input_map_gpa_pages *in = call->input;
	enum npt_level level = in->flags & HV_MAP_GPA_LARGE ? NPT_2M : NPT_4K;
	uint64_t step = 1ull << (9 * level), flags = 0, status;
	struct partition *p;
	uint16_t done = 0;

	if (in->gfn >= GFN_LIMIT || call->reps * step > GFN_LIMIT - in->gfn || in->gfn % step)
		return HV_STATUS_INVALID_PARAMETER;
	if (!(in->flags & HV_MAP_GPA_READABLE))
		return HV_STATUS_INVALID_PARAMETER;
	flags |= in->flags & HV_MAP_GPA_WRITABLE ? PTE_WRITE : 0;
	flags |= in->flags & HV_MAP_GPA_EXECUTABLE ? 0 : PTE_NX;
	lock(&hv.lock);
	status = find_active(in->partition_id, &p);
	while (status == HV_STATUS_SUCCESS && done < call->reps) {
		uint64_t pfn = in->pfns[done];

		status = pfn % step ? HV_STATUS_INVALID_PARAMETER : map_one(p, in->gfn + done * step, pfn, level, flags);
		if (status == HV_STATUS_SUCCESS)
			done++;
	}
	if (status != HV_STATUS_SUCCESS) {
		while (done)
			unmap_one(p, in->gfn + --done * step, level);
	}
	call->reps_done = done;
	/* A VP may have seen a mapping that was taken back. */
	if (status != HV_STATUS_SUCCESS && p)
		__atomic_add_fetch(&p->npt_generation, 1, __ATOMIC_SEQ_CST);
	unlock(&hv.lock);
	return status;
}

/**
 * Holes are skipped. A small page of a large one is taken out of it, with a page of the partition's pool as a table
 * (HV_STATUS_INSUFFICIENT_MEMORY: there is none); a small page where a large one was asked for ends the call with
 * HV_STATUS_INVALID_PARAMETER. The pages are the root's alone once every CPU has passed through an exit (HVCALL_BULKHEAD_SYNC): until
 * then a VP that runs elsewhere may still use a translation.
 */
uint64_t hvcall_unmap_gpa_pages(struct hypercall *call)
{
	const struct hv_input_unmap_gpa_pages *in = call->input;
	enum npt_level level = in->flags & HV_MAP_GPA_LARGE ? NPT_2M : NPT_4K;
	uint64_t step = 1ull << (9 * level), status;
	struct partition *p;

	if (in->gfn >= GFN_LIMIT || call->reps * step > GFN_LIMIT - in->gfn || in->gfn % step)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	status = find_active(in->partition_id, &p);
	if (status == HV_STATUS_SUCCESS) {
		while (status == HV_STATUS_SUCCESS && call->reps_done < call->reps) {
			uint64_t gfn = in->gfn + call->reps_done * step;

			if (level == NPT_4K)
				status = make_small(p, gfn);
			if (status == HV_STATUS_SUCCESS && !unmap_one(p, gfn, level))
				status = HV_STATUS_INVALID_PARAMETER;
			if (status == HV_STATUS_SUCCESS)
				call->reps_done++;
		}
		__atomic_add_fetch(&p->npt_generation, 1, __ATOMIC_SEQ_CST);
	}
	unlock(&hv.lock);
	return status;
}
