/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A region of a child's memory, between memory.c (which regions there are, who pays) and populate.c (what of them is
 * pinned and mapped). All of it under the partition's lock.
 */
#ifndef BULKHEAD_DRIVER_MEMORY_H
#define BULKHEAD_DRIVER_MEMORY_H

#include "bulkhead.h"

#define CHUNK_PAGES 512u

/* Frames of a chunk that is mapped by small pages; 0: not populated. */
struct bh_frames {
	u64 pfn[CHUNK_PAGES];
	DECLARE_BITMAP(released, CHUNK_PAGES);  /* given back: populated when touched itself, not with its neighbours */
};

/* 2 MiB of the child, aligned: one large page, small ones, or (neither) nothing yet. What is populated is pinned and mapped. */
struct bh_chunk {
	u64 large;              /* first frame, 0 = none */
	struct bh_frames *frames;
};

struct bh_region {
	struct list_head node;
	u64 gfn, pages;
	u32 map_flags;          /* HV_MAP_GPA_* */
	bool writable;
	unsigned long address;  /* in mm, which is known by its address only: it may be dead */
	struct mm_struct *mm;
	u32 chunk_count;        /* the first and the last may be covered in part */
	struct bh_chunk chunk[];
};

/** Pins and maps what belongs to the chunk of gfn, in the region's own process. 0, also when it was there already, or -errno. */
int bh_region_populate(struct bh_partition *p, struct bh_region *r, u64 gfn);
/** Unmaps and unpins; the child's VPs are out of it when this returns. An error: what is still mapped stays pinned. */
int bh_region_depopulate(struct bh_partition *p, struct bh_region *r, u64 gfn, u64 pages);
/** Unpins everything; nothing is mapped any more. */
void bh_region_unpin(struct bh_partition *p, struct bh_region *r);

#endif
