// SPDX-License-Identifier: GPL-2.0
/*
 * A child's memory: regions of user memory, populated (pinned and mapped, populate.c) when the child first touches
 * them, until they are given back or the region ends. That end needs neither the address space nor the process that
 * the region came from; populating it does.
 *
 * Who pays: a region counts as a whole against RLIMIT_MEMLOCK of the user who created the partition (as io_uring's
 * buffers do), so that no run fails for the limit later, unless the creator had CAP_IPC_LOCK; then whoever was given
 * the partition's descriptor may pin without limit.
 */
#include "memory.h"

#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define GFN_MAX (1ull << BH_CHILD_GPA_BITS >> PAGE_SHIFT)

static atomic64_t pinned_total;

u64 bh_pinned_pages(void)
{
	return atomic64_read(&pinned_total);
}

void bh_count_pinned(s64 pages)
{
	atomic64_add(pages, &pinned_total);
}

static int charge(struct bh_partition *p, u64 pages)
{
	u64 limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long now;

	if (!p->user)
		return 0;
	now = atomic_long_read(&p->user->locked_vm);
	do {
		if (now + pages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&p->user->locked_vm, &now, now + pages));
	return 0;
}

static void uncharge(struct bh_partition *p, u64 pages)
{
	if (p->user)
		atomic_long_sub(pages, &p->user->locked_vm);
}

static struct bh_region *find_overlap(struct bh_partition *p, u64 gfn, u64 pages)
{
	struct bh_region *r;

	list_for_each_entry(r, &p->regions, node)
		if (gfn < r->gfn + r->pages && r->gfn < gfn + pages)
			return r;
	return NULL;
}

/* What could never be pinned is refused now and not at the child's first touch. */
static int check_user_range(unsigned long address, u64 size, bool writable)
{
	unsigned long at = address, end = address + size;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	while (at < end) {
		vma = find_vma(current->mm, at);
		if (!vma || vma->vm_start > at || vma->vm_flags & (VM_IO | VM_PFNMAP) || !(vma->vm_flags & VM_READ) ||
		    (writable && !(vma->vm_flags & VM_WRITE)))
			break;
		at = vma->vm_end;
	}
	mmap_read_unlock(current->mm);
	return at < end ? -EFAULT : 0;
}

static int add_region(struct bh_partition *p, const struct mshv_user_mem_region *args)
{
	bool writable = args->flags & BIT(MSHV_SET_MEM_BIT_WRITABLE);
	u64 pages = args->size >> PAGE_SHIFT;
	u64 chunks = (args->guest_pfn + pages - 1) / CHUNK_PAGES - args->guest_pfn / CHUNK_PAGES + 1;
	struct bh_region *r;
	int rc;

	if (find_overlap(p, args->guest_pfn, pages))
		return -EEXIST;
	rc = check_user_range(args->userspace_addr, args->size, writable);
	if (rc)
		return rc;
	r = kvzalloc(struct_size(r, chunk, chunks), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	rc = charge(p, pages);
	if (rc) {
		kvfree(r);
		return rc;
	}
	r->gfn = args->guest_pfn;
	r->pages = pages;
	r->chunk_count = chunks;
	r->writable = writable;
	r->map_flags = HV_MAP_GPA_READABLE | (writable ? HV_MAP_GPA_WRITABLE : 0) |
		       (args->flags & BIT(MSHV_SET_MEM_BIT_EXECUTABLE) ? HV_MAP_GPA_EXECUTABLE : 0);
	r->address = args->userspace_addr;
	r->mm = current->mm;
	mmgrab(r->mm);
	list_add_tail(&r->node, &p->regions);
	return 0;
}

static void free_region(struct bh_partition *p, struct bh_region *r)
{
	bh_region_unpin(p, r);
	uncharge(p, r->pages);
	mmdrop(r->mm);
	kvfree(r);
}

static int remove_region(struct bh_partition *p, const struct mshv_user_mem_region *args)
{
	struct bh_region *r = find_overlap(p, args->guest_pfn, args->size >> PAGE_SHIFT);
	int rc;

	if (!r || r->gfn != args->guest_pfn || r->pages != args->size >> PAGE_SHIFT)
		return -EINVAL;
	list_del(&r->node);
	rc = bh_region_depopulate(p, r, r->gfn, r->pages);
	if (rc) {
		pr_err("partition %llu: cannot unmap %llu pages at frame %llxh; they stay pinned\n", p->id, r->pages,
		       r->gfn);
		return rc;
	}
	free_region(p, r);
	return 0;
}

/* What is pinned and mapped stays so, and nobody needs an address space for it; only what is populated from now on comes from the new one. */
static int move_region(struct bh_partition *p, const struct mshv_user_mem_region *args)
{
	struct bh_region *r = find_overlap(p, args->guest_pfn, args->size >> PAGE_SHIFT);
	int rc;

	if (!r || r->gfn != args->guest_pfn || r->pages != args->size >> PAGE_SHIFT ||
	    r->writable != !!(args->flags & BIT(MSHV_SET_MEM_BIT_WRITABLE)))
		return -EINVAL;
	if (r->mm != current->mm && atomic_read(&r->mm->mm_users))
		return -EBUSY;
	rc = check_user_range(args->userspace_addr, args->size, r->writable);
	if (rc)
		return rc;
	mmgrab(current->mm);
	mmdrop(r->mm);
	r->mm = current->mm;
	r->address = args->userspace_addr;
	return 0;
}

static int copy_region(struct mshv_user_mem_region *args, unsigned long arg)
{
	bool unmap;

	if (copy_from_user(args, (void __user *)arg, sizeof(*args)))
		return -EFAULT;
	unmap = args->flags & BIT(MSHV_SET_MEM_BIT_UNMAP);
	if (!args->size || !PAGE_ALIGNED(args->size) || memchr_inv(args->rsvd, 0, sizeof(args->rsvd)) ||
	    args->flags &
		    ~(BIT(MSHV_SET_MEM_BIT_WRITABLE) | BIT(MSHV_SET_MEM_BIT_EXECUTABLE) | BIT(MSHV_SET_MEM_BIT_UNMAP)))
		return -EINVAL;
	if (args->guest_pfn >= GFN_MAX || args->size >> PAGE_SHIFT > GFN_MAX - args->guest_pfn)
		return -EINVAL;
	if (!unmap && (!PAGE_ALIGNED(args->userspace_addr) || args->userspace_addr + args->size < args->userspace_addr))
		return -EINVAL;
	return 0;
}

long bh_set_guest_memory(struct bh_partition *p, unsigned long arg)
{
	struct mshv_user_mem_region args;
	int rc = copy_region(&args, arg);

	if (rc)
		return rc;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	rc = args.flags & BIT(MSHV_SET_MEM_BIT_UNMAP) ? remove_region(p, &args) : add_region(p, &args);
	mutex_unlock(&p->lock);
	return rc;
}

long bh_move_memory(struct bh_partition *p, unsigned long arg)
{
	struct mshv_user_mem_region args;
	int rc = copy_region(&args, arg);

	if (!rc && args.flags & BIT(MSHV_SET_MEM_BIT_UNMAP))
		rc = -EINVAL;
	if (rc)
		return rc;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	rc = move_region(p, &args);
	mutex_unlock(&p->lock);
	return rc;
}

int bh_memory_populate(struct bh_partition *p, u64 gpa)
{
	struct bh_region *r;
	int rc = 0;

	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	r = find_overlap(p, gpa >> PAGE_SHIFT, 1);
	if (r) {
		/* The addresses mean something in that process only. */
		rc = current->mm == r->mm ? bh_region_populate(p, r, gpa >> PAGE_SHIFT) : -EPERM;
		if (rc && rc != -EINTR)
			pr_err_ratelimited("partition %llu: no page for the child's address %llxh (error %d)\n", p->id,
					   gpa, rc);
	}
	mutex_unlock(&p->lock);
	return rc ? rc : r != NULL;
}

/* Frees the pages of a shared file mapping, with their contents, as MADV_REMOVE does. */
static int punch_hole(unsigned long address, u64 size)
{
	unsigned long at = address, end = address + size, next = 0;
	struct vm_area_struct *vma;
	struct file *file;
	loff_t offset = 0;
	int rc = 0;

	for (; at < end && !rc; at = next) {
		mmap_read_lock(current->mm);
		vma = find_vma(current->mm, at);
		file = vma && vma->vm_start <= at && vma->vm_flags & VM_SHARED ? vma->vm_file : NULL;
		if (file) {
			get_file(file);
			offset = (loff_t)vma->vm_pgoff * PAGE_SIZE + (at - vma->vm_start);
			next = min(end, vma->vm_end);
		}
		mmap_read_unlock(current->mm);
		if (!file)
			return -EINVAL;
		rc = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, next - at);
		fput(file);
	}
	return rc;
}

/* The lock is held to the end, so that the child cannot get a page again that is about to leave the file. */
long bh_release_memory(struct bh_partition *p, unsigned long arg)
{
	struct bulkhead_release_memory args;
	struct bh_region *r;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (!args.pages || args.guest_pfn >= GFN_MAX || args.pages > GFN_MAX - args.guest_pfn)
		return -EINVAL;
	if (mutex_lock_killable(&p->lock))
		return -EINTR;
	r = find_overlap(p, args.guest_pfn, args.pages);
	if (!r || args.guest_pfn < r->gfn || args.guest_pfn + args.pages > r->gfn + r->pages)
		rc = -EINVAL;
	else if (current->mm != r->mm)
		rc = -EPERM;
	else
		rc = bh_region_depopulate(p, r, args.guest_pfn, args.pages);
	if (!rc)
		rc = punch_hole(r->address + ((args.guest_pfn - r->gfn) << PAGE_SHIFT), args.pages << PAGE_SHIFT);
	mutex_unlock(&p->lock);
	return rc;
}

/* At the partition's end, finalized: nothing is mapped any more. */
void bh_memory_release(struct bh_partition *p)
{
	struct bh_region *r, *next;

	list_for_each_entry_safe(r, next, &p->regions, node) {
		list_del(&r->node);
		free_region(p, r);
	}
}
