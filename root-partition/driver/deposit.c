// SPDX-License-Identifier: GPL-2.0
/*
 * Pages for the hypervisor: an arena to take them from, deposits, and withdrawal.
 *
 * A page that is deposited leaves the root's nested page table, which splits the large page around it for good. So the
 * arena takes 2 MiB blocks, serves everybody from them, and keeps an empty one for the next time. Nobody in the root
 * may touch a page of the arena; they are marked offline, so that core dumps and /proc/kcore leave them out.
 */
#include "bulkhead.h"

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/slab.h>

#define BLOCK_ORDER 9
#define BLOCK_PAGES (1u << BLOCK_ORDER)
/* What the hypervisor itself asks for goes out in batches of this. */
#define HYPERVISOR_BATCH 64u
#define DEPOSIT_MAX ((PAGE_SIZE - sizeof(struct hv_input_deposit_memory)) / sizeof(u64))
#define WITHDRAW_MAX (PAGE_SIZE / sizeof(u64) - 1)
/* Rounds of feeding one call, so that a hypervisor that is never content cannot eat all memory. */
#define FEED_ROUNDS 64

struct block {
	struct list_head node;
	struct page *pages;
	unsigned int order;
	unsigned int used;
	DECLARE_BITMAP(map, BLOCK_PAGES);
};

static DEFINE_MUTEX(arena_lock);
static LIST_HEAD(arena_partial);        /* blocks with free pages, empty ones last */
static LIST_HEAD(arena_full);
static unsigned int arena_empty;        /* whole blocks without a used page */
static u64 arena_used;

static struct block *block_create(unsigned int order)
{
	struct block *b = kzalloc(sizeof(*b), GFP_KERNEL);
	unsigned int i;

	if (!b)
		return NULL;
	b->order = order;
	b->pages = alloc_pages(GFP_KERNEL | __GFP_NOWARN | (order ? __GFP_NORETRY : 0), order);
	if (!b->pages) {
		kfree(b);
		return NULL;
	}
	page_offline_begin();
	for (i = 0; i < 1u << order; i++) {
		set_page_private(b->pages + i, (unsigned long)b);
		__SetPageOffline(b->pages + i);
	}
	page_offline_end();
	return b;
}

static void block_free(struct block *b)
{
	unsigned int i;

	for (i = 0; i < 1u << b->order; i++) {
		set_page_private(b->pages + i, 0);
		__ClearPageOffline(b->pages + i);
	}
	__free_pages(b->pages, b->order);
	kfree(b);
}

static struct page *arena_take(void)
{
	struct page *page = NULL;
	struct block *b;
	unsigned int i;

	mutex_lock(&arena_lock);
	b = list_first_entry_or_null(&arena_partial, struct block, node);
	if (!b) {
		b = block_create(BLOCK_ORDER);
		if (!b)
			b = block_create(0);
		if (!b)
			goto out;
		list_add(&b->node, &arena_partial);
		arena_empty += b->order == BLOCK_ORDER;
	}
	if (!b->used && b->order == BLOCK_ORDER)
		arena_empty--;
	i = find_first_zero_bit(b->map, 1u << b->order);
	__set_bit(i, b->map);
	arena_used++;
	if (++b->used == 1u << b->order)
		list_move(&b->node, &arena_full);
	page = b->pages + i;
out:
	mutex_unlock(&arena_lock);
	return page;
}

static void arena_give(struct page *page)
{
	struct block *b = (struct block *)page_private(page);

	mutex_lock(&arena_lock);
	__clear_bit(page - b->pages, b->map);
	arena_used--;
	if (b->used-- == 1u << b->order)
		list_move(&b->node, &arena_partial);
	if (!b->used) {
		list_move_tail(&b->node, &arena_partial);
		if (b->order == BLOCK_ORDER && !arena_empty) {
			arena_empty++;
		} else {
			list_del(&b->node);
			block_free(b);
		}
	}
	mutex_unlock(&arena_lock);
}

u64 bh_arena_pages(void)
{
	return READ_ONCE(arena_used);
}

void bh_deposits_free(void)
{
	struct block *b, *next;

	list_splice_init(&arena_full, &arena_partial);
	list_for_each_entry_safe(b, next, &arena_partial, node) {
		list_del(&b->node);
		block_free(b);
	}
	arena_empty = 0;
	arena_used = 0;
}

/* One DEPOSIT_MEMORY of in->pfns; what did not go is moved to the front and counted. */
static u16 deposit_once(struct hv_input_deposit_memory *in, unsigned int *count)
{
	u64 result = hv_call_pa(hv_control(HVCALL_DEPOSIT_MEMORY, *count), virt_to_phys(in), 0);
	u16 status = HV_RESULT_STATUS(result);
	unsigned int done = status == HV_STATUS_SUCCESS ? *count : HV_RESULT_REPS(result);

	*count -= done;
	memmove(in->pfns, in->pfns + done, *count * sizeof(u64));
	return status;
}

/* p == NULL: to the hypervisor itself; these pages come back when it is removed. */
static int deposit(struct bh_partition *p, unsigned int wanted)
{
	struct hv_input_deposit_memory *in = (void *)__get_free_page(GFP_KERNEL);
	unsigned int left, taken, rounds;
	int rc = 0;

	if (!in)
		return -ENOMEM;
	in->partition_id = p ? p->id : HV_PARTITION_ID_SELF;
	for (taken = 0; taken < min_t(unsigned int, wanted, DEPOSIT_MAX); taken++) {
		struct page *page = arena_take();

		if (!page)
			break;
		in->pfns[taken] = page_to_pfn(page);
	}
	left = taken;
	for (rounds = 0; left && !rc && rounds < FEED_ROUNDS; rounds++) {
		u16 status = deposit_once(in, &left);

		if (status == HV_STATUS_INSUFFICIENT_BUFFERS)
			hv_sync();      /* too many pages wait until every CPU has let go of them */
		else if (status == HV_STATUS_INSUFFICIENT_ROOT_MEMORY && p)
			rc = deposit(NULL, HYPERVISOR_BATCH);
		else
			rc = hv_errno(status);
	}
	if (p)
		atomic64_add(taken - left, &p->deposited);
	if (taken > left)
		hv_sync();
	else if (!rc)
		rc = -ENOMEM;
	while (left)
		arena_give(pfn_to_page(in->pfns[--left]));
	free_page((unsigned long)in);
	return rc;
}

int bh_feed(struct bh_partition *p, u16 status, unsigned int pages)
{
	int rc;

	if (status == HV_STATUS_INSUFFICIENT_MEMORY && p)
		rc = deposit(p, pages);
	else if (status == HV_STATUS_INSUFFICIENT_MEMORY || status == HV_STATUS_INSUFFICIENT_ROOT_MEMORY)
		rc = deposit(NULL, HYPERVISOR_BATCH);
	else
		return 0;
	return rc ? rc : 1;
}

int bh_call_fed(struct bh_partition *p, unsigned int pages, u16 code, const void *in, size_t in_size, void *out,
		size_t out_size)
{
	unsigned int rounds;
	u16 status;
	int rc;

	for (rounds = 0; rounds < FEED_ROUNDS; rounds++) {
		status = HV_RESULT_STATUS(hv_call(code, 0, in, in_size, out, out_size));
		rc = bh_feed(p, status, pages);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return hv_errno(status);
	}
	return -ENOMEM;
}

u64 bh_withdraw_all(struct bh_partition *p)
{
	struct hv_input_withdraw_memory in = { .partition_id = p->id };
	u64 *pfns = (void *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	unsigned int got, i;

	hv_sync();
	do {
		u64 result = hv_call(HVCALL_WITHDRAW_MEMORY, WITHDRAW_MAX, &in, sizeof(in), pfns,
				     WITHDRAW_MAX * sizeof(u64));

		got = HV_RESULT_REPS(result);
		for (i = 0; i < got; i++)
			arena_give(pfn_to_page(pfns[i]));
		atomic64_sub(got, &p->deposited);
	} while (got);
	free_page((unsigned long)pfns);
	return atomic64_read(&p->deposited);
}
