// SPDX-License-Identifier: GPL-2.0
/*
 * A child's memory: user pages, pinned for as long as they are mapped into the child.
 *
 * A region remembers its pages as runs of consecutive frames, so it needs little memory when huge pages stand behind
 * it, and its end needs neither the address space nor the process that it came from. 2 MiB of consecutive frames,
 * aligned alike in host and child, are mapped as one large page.
 *
 * Who pays: pinned pages count against RLIMIT_MEMLOCK of the user who created the partition (as io_uring's buffers do),
 * unless the creator had CAP_IPC_LOCK; then whoever was given the partition's descriptor may pin without limit.
 */
#include "bulkhead.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define LARGE_PAGES 512ull
#define MAP_REPS_MAX ((PAGE_SIZE - sizeof(struct hv_input_map_gpa_pages)) / sizeof(u64))
/* Fewer than the format allows: the hypervisor's lock is held, with interrupts off, for the whole call. */
#define MAP_REPS 256u
#define UNMAP_REPS 1024u
#define FEED_BATCH 64u
#define FEED_ROUNDS 64
#define GFN_MAX (1ull << 52 >> PAGE_SHIFT)

static_assert(MAP_REPS <= MAP_REPS_MAX);

struct run {
	u64 pfn;
	u32 pages;
	u32 large;
};

struct region {
	struct list_head node;
	u64 gfn, pages;
	bool writable;
	u64 mapped;              /* pages of it, from gfn on, that the child sees */
	u64 pinned;
	u32 run_count, run_room;
	struct run *runs;
};

/* A region in the making: one hypercall's worth of mappings. */
struct builder {
	struct bh_partition *partition;
	struct region *region;
	struct hv_input_map_gpa_pages *in;
	u32 flags;
	u32 count;
	bool large;
	bool allow_large;
	struct page **batch;     /* LARGE_PAGES of them */
};

static atomic64_t pinned_total;

u64 bh_pinned_pages(void)
{
	return atomic64_read(&pinned_total);
}

static int charge(struct bh_partition *p, u64 pages)
{
	u64 limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long now;

	if (p->user) {
		now = atomic_long_read(&p->user->locked_vm);
		do {
			if (now + pages > limit)
				return -ENOMEM;
		} while (!atomic_long_try_cmpxchg(&p->user->locked_vm, &now, now + pages));
	}
	atomic64_add(pages, &p->pinned);
	atomic64_add(pages, &pinned_total);
	return 0;
}

static void uncharge(struct bh_partition *p, u64 pages)
{
	if (p->user)
		atomic_long_sub(pages, &p->user->locked_vm);
	atomic64_sub(pages, &p->pinned);
	atomic64_sub(pages, &pinned_total);
}

static int add_run(struct region *r, u64 pfn, u32 pages, bool large)
{
	struct run *last = r->run_count ? &r->runs[r->run_count - 1] : NULL;

	if (last && last->large == large && last->pfn + last->pages == pfn && last->pages < U32_MAX - pages) {
		last->pages += pages;
		return 0;
	}
	if (r->run_count == r->run_room) {
		u32 room = r->run_room ? r->run_room * 2 : 16;
		struct run *runs = kvmalloc_array(room, sizeof(*runs), GFP_KERNEL_ACCOUNT);

		if (!runs)
			return -ENOMEM;
		memcpy(runs, r->runs, r->run_count * sizeof(*runs));
		kvfree(r->runs);
		r->runs = runs;
		r->run_room = room;
	}
	r->runs[r->run_count++] = (struct run){ .pfn = pfn, .pages = pages, .large = large };
	return 0;
}

/* Maps what the builder has gathered. */
static int flush(struct builder *b)
{
	struct hv_input_map_gpa_pages *in = b->in;
	struct region *r = b->region;
	unsigned int rounds;
	u16 status;
	int rc;

	if (!b->count)
		return 0;
	in->partition_id = b->partition->id;
	in->gfn = r->gfn + r->mapped;
	in->flags = b->flags | (b->large ? HV_MAP_GPA_LARGE : 0);
	in->padding = 0;
	for (rounds = 0; rounds < FEED_ROUNDS; rounds++) {
		status = HV_RESULT_STATUS(hv_call_pa(hv_control(HVCALL_MAP_GPA_PAGES, b->count), virt_to_phys(in), 0));
		rc = bh_feed(b->partition, status, FEED_BATCH);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
	}
	if (status != HV_STATUS_SUCCESS)
		return hv_errno(status);
	r->mapped += b->count * (b->large ? LARGE_PAGES : 1);
	b->count = 0;
	return 0;
}

static int add_mapping(struct builder *b, u64 pfn, bool large)
{
	int rc = 0;

	if (b->large != large || b->count == MAP_REPS)
		rc = flush(b);
	if (rc)
		return rc;
	b->large = large;
	b->in->pfns[b->count++] = pfn;
	return 0;
}

/* The batch is one large page of the child when its frames are consecutive and both sides are aligned. */
static bool is_large(struct page **pages, u64 gfn, u64 count)
{
	u64 pfn = page_to_pfn(pages[0]), i;

	if (count != LARGE_PAGES || gfn % LARGE_PAGES || pfn % LARGE_PAGES)
		return false;
	for (i = 1; i < count; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	return true;
}

/* Takes over count pinned pages. Pages that did not make it into a run are unpinned here. */
static int add_batch(struct builder *b, u64 count)
{
	struct region *r = b->region;
	bool large = b->allow_large && is_large(b->batch, r->gfn + r->pinned, count);
	u64 done = 0, step = large ? LARGE_PAGES : 1;
	int rc = 0;

	while (done < count && !rc) {
		u64 pfn = page_to_pfn(b->batch[done]);

		rc = add_run(r, pfn, step, large);
		if (rc)
			break;
		done += step;
		r->pinned += step;
		rc = add_mapping(b, pfn, large);
	}
	unpin_user_pages(b->batch + done, count - done);
	return rc;
}

static int pin_and_map(struct builder *b, u64 address)
{
	struct region *r = b->region;
	unsigned int gup = FOLL_LONGTERM | (r->writable ? FOLL_WRITE : 0);
	int rc;

	while (r->pinned < r->pages) {
		u64 gfn = r->gfn + r->pinned;
		u64 want = min(r->pages - r->pinned, LARGE_PAGES - gfn % LARGE_PAGES);

		if (fatal_signal_pending(current))
			return -EINTR;
		rc = pin_user_pages_fast(address + (r->pinned << PAGE_SHIFT), want, gup, b->batch);
		if (rc == 0)
			rc = -EFAULT;
		if (rc < 0)
			return rc;
		rc = add_batch(b, rc);
		if (rc)
			return rc;
		cond_resched();
	}
	return flush(b);
}

/* Unmaps what is mapped; the child's VPs are out of it when this returns. False: the hypervisor refused. */
static bool unmap(struct bh_partition *p, struct region *r)
{
	struct hv_input_unmap_gpa_pages in = { .partition_id = p->id };
	u64 done = 0;
	u32 i;

	for (i = 0; i < r->run_count && done < r->mapped; i++) {
		u64 step = r->runs[i].large ? LARGE_PAGES : 1;
		u64 end = min(done + r->runs[i].pages, r->mapped);

		/* Runs break where host frames do; the child's range goes on. */
		while (i + 1 < r->run_count && r->runs[i + 1].large == r->runs[i].large && end < r->mapped)
			end = min(end + r->runs[++i].pages, r->mapped);
		in.flags = r->runs[i].large ? HV_MAP_GPA_LARGE : 0;
		while (done < end) {
			u64 reps = min_t(u64, (end - done) / step, UNMAP_REPS), result;

			in.gfn = r->gfn + done;
			result = hv_call(HVCALL_UNMAP_GPA_PAGES, reps, &in, sizeof(in), NULL, 0);
			if (HV_RESULT_STATUS(result) != HV_STATUS_SUCCESS)
				return false;
			done += reps * step;
		}
	}
	r->mapped = 0;
	hv_sync();
	return true;
}

static void unpin(struct bh_partition *p, struct region *r)
{
	u32 i;

	for (i = 0; i < r->run_count; i++) {
		unpin_user_page_range_dirty_lock(pfn_to_page(r->runs[i].pfn), r->runs[i].pages, r->writable);
		cond_resched();
	}
	uncharge(p, r->pages);
	kvfree(r->runs);
	kfree(r);
}

/* Takes a region out of the child and frees it; what the hypervisor does not give back stays pinned for ever. */
static int remove(struct bh_partition *p, struct region *r)
{
	if (!unmap(p, r)) {
		pr_err("partition %llu: cannot unmap %llu pages at frame %llxh; they stay pinned\n", p->id, r->pages,
		       r->gfn);
		return -EIO;
	}
	unpin(p, r);
	return 0;
}

static struct region *find_overlap(struct bh_partition *p, u64 gfn, u64 pages)
{
	struct region *r;

	list_for_each_entry(r, &p->regions, node)
		if (gfn < r->gfn + r->pages && r->gfn < gfn + pages)
			return r;
	return NULL;
}

static int add_region(struct bh_partition *p, const struct mshv_user_mem_region *args, bool allow_large)
{
	struct builder b = { .partition = p, .flags = HV_MAP_GPA_READABLE, .allow_large = allow_large };
	struct region *r;
	int rc;

	if (find_overlap(p, args->guest_pfn, args->size >> PAGE_SHIFT))
		return -EEXIST;
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	b.in = (void *)__get_free_page(GFP_KERNEL);
	b.batch = kmalloc_array(LARGE_PAGES, sizeof(*b.batch), GFP_KERNEL);
	rc = r && b.in && b.batch ? 0 : -ENOMEM;
	if (rc)
		goto free;
	r->gfn = args->guest_pfn;
	r->pages = args->size >> PAGE_SHIFT;
	r->writable = args->flags & BIT(MSHV_SET_MEM_BIT_WRITABLE);
	b.region = r;
	if (r->writable)
		b.flags |= HV_MAP_GPA_WRITABLE;
	if (args->flags & BIT(MSHV_SET_MEM_BIT_EXECUTABLE))
		b.flags |= HV_MAP_GPA_EXECUTABLE;
	rc = charge(p, r->pages);
	if (rc)
		goto free;
	rc = pin_and_map(&b, args->userspace_addr);
	if (rc)
		remove(p, r);
	else
		list_add_tail(&r->node, &p->regions);
	r = NULL;
free:
	kfree(r);
	kfree(b.batch);
	free_page((unsigned long)b.in);
	return rc;
}

static int remove_region(struct bh_partition *p, const struct mshv_user_mem_region *args)
{
	struct region *r = find_overlap(p, args->guest_pfn, args->size >> PAGE_SHIFT);

	if (!r || r->gfn != args->guest_pfn || r->pages != args->size >> PAGE_SHIFT)
		return -EINVAL;
	list_del(&r->node);
	return remove(p, r);
}

long bh_set_guest_memory(struct bh_partition *p, unsigned long arg)
{
	struct mshv_user_mem_region args;
	bool unmap;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	unmap = args.flags & BIT(MSHV_SET_MEM_BIT_UNMAP);
	if (!args.size || !PAGE_ALIGNED(args.size) || memchr_inv(args.rsvd, 0, sizeof(args.rsvd)) ||
	    args.flags &
		    ~(BIT(MSHV_SET_MEM_BIT_WRITABLE) | BIT(MSHV_SET_MEM_BIT_EXECUTABLE) | BIT(MSHV_SET_MEM_BIT_UNMAP)))
		return -EINVAL;
	if (args.guest_pfn >= GFN_MAX || args.size >> PAGE_SHIFT > GFN_MAX - args.guest_pfn)
		return -EINVAL;
	if (!unmap && (!PAGE_ALIGNED(args.userspace_addr) || args.userspace_addr + args.size < args.userspace_addr))
		return -EINVAL;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	rc = unmap ? remove_region(p, &args) : add_region(p, &args, true);
	/* Where small pages were mapped before, the child's page table stays fine-grained and takes no large page. */
	if (rc == -EINVAL && !unmap)
		rc = add_region(p, &args, false);
	mutex_unlock(&p->lock);
	return rc;
}

/* At the partition's end, finalized: nothing is mapped any more. */
void bh_memory_release(struct bh_partition *p)
{
	struct region *r, *next;

	list_for_each_entry_safe(r, next, &p->regions, node) {
		list_del(&r->node);
		unpin(p, r);
	}
}
