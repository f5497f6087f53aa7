// SPDX-License-Identifier: GPL-2.0
/*
 * Pinning and mapping of a region, a chunk at a time, when the child first touches it, and the way back.
 *
 * A page is pinned exactly as long as the hypervisor maps it. 2 MiB of consecutive frames, aligned alike in host and
 * child, are one large page there and need no table here.
 */
#include "memory.h"

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/* Fewer than the format allows: the hypervisor's lock is held, with interrupts off, for the whole call. */
#define MAP_REPS 256u
#define UNMAP_LARGE_REPS 64u
#define FEED_BATCH 64u
#define FEED_ROUNDS 64

static_assert(MAP_REPS <= (PAGE_SIZE - sizeof(struct hv_input_map_gpa_pages)) / sizeof(u64));

/* What populating a chunk works with. */
struct populate {
	struct bh_partition *partition;
	struct bh_region *region;
	struct bh_chunk *chunk;
	u64 gfn;                 /* of the chunk's first page, aligned; the region may begin behind it */
	u32 from, to;            /* pages of the chunk that the region covers */
	struct hv_input_map_gpa_pages *in;
	struct page **pages;     /* CHUNK_PAGES of them */
};

static u64 chunk_gfn(const struct bh_region *r, u32 index)
{
	return (r->gfn / CHUNK_PAGES + index) * CHUNK_PAGES;
}

/* The part of [gfn, gfn + pages) that lies in a chunk of the region, in pages of the chunk. */
static void chunk_part(const struct bh_region *r, u32 index, u64 gfn, u64 pages, u32 *from, u32 *to)
{
	u64 start = chunk_gfn(r, index);

	*from = max(gfn, start) - start;
	*to = min(gfn + pages, start + CHUNK_PAGES) - start;
}

static void count_pinned(struct bh_partition *p, s64 pages)
{
	atomic64_add(pages, &p->pinned);
	bh_count_pinned(pages);
}

static u16 map(struct populate *s, u32 page, u32 count, u32 flags, int *rc)
{
	unsigned int rounds;
	u16 status;

	s->in->partition_id = s->partition->id;
	s->in->gfn = s->gfn + page;
	s->in->flags = s->region->map_flags | flags;
	s->in->padding = 0;
	for (rounds = 0; rounds < FEED_ROUNDS; rounds++) {
		status = HV_RESULT_STATUS(
			hv_call_pa(hv_control(HVCALL_MAP_GPA_PAGES, count), virt_to_phys(s->in), 0));
		*rc = bh_feed(s->partition, status, FEED_BATCH);
		if (*rc <= 0)
			break;
	}
	if (*rc > 0)
		*rc = -ENOMEM;
	else if (*rc == 0)
		*rc = hv_errno(status);
	return status;
}

/* Pins pages [from, from + count) of the chunk, or as many as come at once. */
static int pin(struct populate *s, u32 from, u32 count)
{
	struct bh_region *r = s->region;
	unsigned int gup = FOLL_LONGTERM | (r->writable ? FOLL_WRITE : 0);
	int rc = pin_user_pages_fast(r->address + ((s->gfn + from - r->gfn) << PAGE_SHIFT), count, gup, s->pages);

	return rc ? rc : -EFAULT;
}

static bool is_large(struct page **pages)
{
	u64 pfn = page_to_pfn(pages[0]), i;

	if (pfn % CHUNK_PAGES)
		return false;
	for (i = 1; i < CHUNK_PAGES; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	return true;
}

/* Maps what is in s->pages; what did not get mapped is unpinned. */
static int map_small(struct populate *s, u32 from, u32 count)
{
	struct bh_frames *frames = s->chunk->frames;
	u32 done = 0, i, reps;
	int rc = 0;

	while (done < count) {
		reps = min(count - done, MAP_REPS);
		for (i = 0; i < reps; i++)
			s->in->pfns[i] = page_to_pfn(s->pages[done + i]);
		map(s, from + done, reps, 0, &rc);
		if (rc)
			break;
		memcpy(frames->pfn + from + done, s->in->pfns, reps * sizeof(u64));
		done += reps;
	}
	count_pinned(s->partition, done);
	unpin_user_pages(s->pages + done, count - done);
	return rc;
}

/* The next run of pages that are neither populated nor given back; false: none. */
static bool next_missing(const struct bh_frames *frames, u32 *from, u32 *count, u32 to)
{
	while (*from < to && (frames->pfn[*from] || test_bit(*from, frames->released)))
		++*from;
	*count = 0;
	while (*from + *count < to && !frames->pfn[*from + *count] && !test_bit(*from + *count, frames->released))
		++*count;
	return *count;
}

static int populate_small(struct populate *s)
{
	u32 from = s->from, count;
	int rc;

	while (next_missing(s->chunk->frames, &from, &count, s->to)) {
		rc = pin(s, from, count);
		if (rc > 0)
			rc = map_small(s, from, rc);
		if (rc)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int add_frames(struct bh_chunk *c)
{
	if (!c->frames)
		c->frames = kvzalloc(sizeof(*c->frames), GFP_KERNEL_ACCOUNT);
	return c->frames ? 0 : -ENOMEM;
}

/* 0: the whole chunk is one large page now. 1: it has to be done with small pages. */
static int populate_large(struct populate *s)
{
	u32 count;
	u16 status;
	int rc;

	if (s->chunk->frames || s->to - s->from != CHUNK_PAGES)
		return 1;
	rc = pin(s, 0, CHUNK_PAGES);
	if (rc < 0)
		return rc;
	count = rc;
	if (count == CHUNK_PAGES && is_large(s->pages)) {
		s->in->pfns[0] = page_to_pfn(s->pages[0]);
		status = map(s, 0, 1, HV_MAP_GPA_LARGE, &rc);
		if (!rc) {
			s->chunk->large = s->in->pfns[0];
			count_pinned(s->partition, CHUNK_PAGES);
			return 0;
		}
		/* Where small pages were mapped before, the child's page table stays fine-grained. */
		if (status != HV_STATUS_INVALID_PARAMETER) {
			unpin_user_pages(s->pages, count);
			return rc;
		}
	}
	rc = add_frames(s->chunk);
	if (rc)
		unpin_user_pages(s->pages, count);
	else
		rc = map_small(s, 0, count);
	return rc ? rc : 1;
}

static int populate_chunk(struct populate *s)
{
	int rc = populate_large(s);

	if (rc <= 0)
		return rc;
	rc = add_frames(s->chunk);
	return rc ? rc : populate_small(s);
}

int bh_region_populate(struct bh_partition *p, struct bh_region *r, u64 gfn)
{
	u32 index = gfn / CHUNK_PAGES - r->gfn / CHUNK_PAGES, page = gfn % CHUNK_PAGES;
	struct populate s = { .partition = p, .region = r, .chunk = &r->chunk[index], .gfn = chunk_gfn(r, index) };
	int rc;

	if (s.chunk->large || (s.chunk->frames && s.chunk->frames->pfn[page]))
		return 0;
	if (s.chunk->frames)
		__clear_bit(page, s.chunk->frames->released);
	chunk_part(r, index, r->gfn, r->pages, &s.from, &s.to);
	s.in = (void *)__get_free_page(GFP_KERNEL);
	s.pages = kmalloc_array(CHUNK_PAGES, sizeof(*s.pages), GFP_KERNEL);
	rc = s.in && s.pages ? populate_chunk(&s) : -ENOMEM;
	kfree(s.pages);
	free_page((unsigned long)s.in);
	return rc;
}

/* 0, -ENOMEM (a table for what stays of a large page) or -EIO. */
static int unmap(struct bh_partition *p, u64 gfn, u32 reps, u32 flags)
{
	struct hv_input_unmap_gpa_pages in = { .partition_id = p->id, .gfn = gfn, .flags = flags };
	unsigned int rounds;
	u16 status;
	int rc;

	for (rounds = 0; rounds < FEED_ROUNDS; rounds++) {
		status = HV_RESULT_STATUS(hv_call(HVCALL_UNMAP_GPA_PAGES, reps, &in, sizeof(in), NULL, 0));
		rc = bh_feed(p, status, FEED_BATCH);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return status == HV_STATUS_SUCCESS ? 0 : -EIO;
	}
	return -ENOMEM;
}

/* A large page of which a part has been unmapped is 512 small ones now. */
static void split_chunk(struct bh_chunk *c)
{
	u32 i;

	for (i = 0; i < CHUNK_PAGES; i++)
		c->frames->pfn[i] = c->large + i;
	c->large = 0;
}

static bool is_whole_large(const struct bh_region *r, u32 index, u64 gfn, u64 pages)
{
	u32 from, to;

	chunk_part(r, index, gfn, pages, &from, &to);
	return r->chunk[index].large && to - from == CHUNK_PAGES;
}

/* Unmaps [gfn, gfn + pages) in chunks from first to before end. 0 or -errno; *ret_done is the first chunk that it did not come to. */
static int unmap_chunks(struct bh_partition *p, struct bh_region *r, u32 first, u32 end, u64 gfn, u64 pages, u32 *ret_done)
{
	u32 i, run, from, to;
	int rc = 0;

	for (i = first; i < end; i += run) {
		struct bh_chunk *c = &r->chunk[i];

		run = 1;
		if (is_whole_large(r, i, gfn, pages)) {
			while (i + run < end && run < UNMAP_LARGE_REPS && is_whole_large(r, i + run, gfn, pages))
				run++;
			rc = unmap(p, chunk_gfn(r, i), run, HV_MAP_GPA_LARGE);
		} else if (c->large || c->frames) {
			chunk_part(r, i, gfn, pages, &from, &to);
			rc = unmap(p, chunk_gfn(r, i) + from, to - from, 0);
			if (!rc && c->large)
				split_chunk(c);
		}
		if (rc)
			break;
		cond_resched();
	}
	*ret_done = i;
	return rc;
}

static void unpin_frames(struct bh_partition *p, struct bh_frames *frames, u32 from, u32 to, bool dirty)
{
	u32 run;

	for (; from < to; from += run) {
		u64 pfn = frames->pfn[from];

		for (run = 1; pfn && from + run < to && frames->pfn[from + run] == pfn + run; run++)
			;
		if (!pfn)
			continue;
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), run, dirty);
		memset(frames->pfn + from, 0, run * sizeof(u64));
		count_pinned(p, -(s64)run);
	}
}

static void unpin_large(struct bh_partition *p, struct bh_chunk *c, bool dirty)
{
	if (!c->large)
		return;
	unpin_user_page_range_dirty_lock(pfn_to_page(c->large), CHUNK_PAGES, dirty);
	c->large = 0;
	count_pinned(p, -(s64)CHUNK_PAGES);
}

/* What is left of a chunk that is given back in part stays; the part comes again when it is touched, and only by itself. */
static void unpin_chunk(struct bh_partition *p, struct bh_region *r, u32 index, u64 gfn, u64 pages)
{
	struct bh_chunk *c = &r->chunk[index];
	u32 from, to, all_from, all_to;

	chunk_part(r, index, gfn, pages, &from, &to);
	chunk_part(r, index, r->gfn, r->pages, &all_from, &all_to);
	unpin_large(p, c, r->writable);
	if (!c->frames)
		return;
	unpin_frames(p, c->frames, from, to, r->writable);
	bitmap_set(c->frames->released, from, to - from);
	if (from == all_from && to == all_to) {
		kvfree(c->frames);
		c->frames = NULL;
	}
	cond_resched();
}

int bh_region_depopulate(struct bh_partition *p, struct bh_region *r, u64 gfn, u64 pages)
{
	u32 first = gfn / CHUNK_PAGES - r->gfn / CHUNK_PAGES, i, from, to, all_from, all_to;
	u32 count = (gfn + pages - 1) / CHUNK_PAGES - gfn / CHUNK_PAGES + 1;
	u32 done;
	struct bh_chunk *c;
	int rc;

	/* Memory first, so that nothing is half done without it. Only the ends can be covered in part. */
	for (i = first; i < first + count; i += max(count - 1, 1u)) {
		c = &r->chunk[i];
		chunk_part(r, i, gfn, pages, &from, &to);
		chunk_part(r, i, r->gfn, r->pages, &all_from, &all_to);
		if (from == all_from && to == all_to)
			continue;
		if (add_frames(c))
			return -ENOMEM;
	}
	rc = unmap_chunks(p, r, first, first + count, gfn, pages, &done);
	hv_sync();
	for (i = first; i < done; i++)
		unpin_chunk(p, r, i, gfn, pages);
	return rc;
}

void bh_region_unpin(struct bh_partition *p, struct bh_region *r)
{
	u32 i;

	for (i = 0; i < r->chunk_count; i++)
		unpin_chunk(p, r, i, r->gfn, r->pages);
}
