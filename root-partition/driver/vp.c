// SPDX-License-Identifier: GPL-2.0
/*
 * A VP: its pages, its file, and the ioctls besides running it (run.c). Its file is a handle only: the VP lives and
 * dies with its partition, so that another process can go on running it.
 */
#include "bulkhead.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define FEED_BATCH 32u
#define VP_STATE_TYPE_VALID (1u << 31)
#define VP_STATE_MAX HV_VP_STATE_STIMERS
#define OUTPUT_OFFSET (PAGE_SIZE / 2)

static_assert(sizeof(struct bulkhead_vp_info) == sizeof(struct bh_vp_stats));
static_assert(sizeof(struct bh_output_dispatch_vp) <= PAGE_SIZE - OUTPUT_OFFSET);

static int map_state_page(struct bh_vp *vp, u16 type, struct page *page)
{
	struct hv_input_vp_state_page in = {
		.partition_id = vp->partition->id,
		.vp_index = vp->index,
		.type = type,
		.flags = 1,
		.pfn = page_to_pfn(page),
	};

	return bh_call_fed(vp->partition, FEED_BATCH, HVCALL_MAP_VP_STATE_PAGE, &in, sizeof(in), NULL, 0);
}

static int create_in_hypervisor(struct bh_vp *vp)
{
	struct hv_input_create_vp in = { .partition_id = vp->partition->id, .vp_index = vp->index };

	return bh_call_fed(vp->partition, FEED_BATCH, HVCALL_CREATE_VP, &in, sizeof(in), NULL, 0);
}

static int map_state_pages(struct bh_vp *vp)
{
	int rc = map_state_page(vp, HV_VP_STATE_PAGE_REGISTERS, vp->register_page);

	if (!rc)
		rc = map_state_page(vp, HV_VP_STATE_PAGE_INTERCEPT_MESSAGE, vp->message_page);
	if (!rc)
		rc = map_state_page(vp, HV_VP_STATE_PAGE_BULKHEAD_EVENTS, vp->event_page);
	return rc;
}

static bool delete_in_hypervisor(struct bh_vp *vp)
{
	struct hv_input_delete_vp in = { .partition_id = vp->partition->id, .vp_index = vp->index };

	return HV_RESULT_STATUS(hv_call(HVCALL_DELETE_VP, 0, &in, sizeof(in), NULL, 0)) == HV_STATUS_SUCCESS;
}

static void free_state_page(struct page *page)
{
	if (page)
		put_page(page);         /* somebody may have pinned it through a mapping */
}

/* The hypervisor does not know the VP any more, nor does anybody else. */
void bh_vp_release(struct bh_vp *vp)
{
	hrtimer_cancel(&vp->timer);
	free_state_page(vp->register_page);
	free_state_page(vp->message_page);
	free_state_page(vp->event_page);
	free_state_page(vp->dispatch_page);
	mutex_destroy(&vp->run_lock);
	kfree(vp);
}

static struct bh_vp *vp_alloc(struct bh_partition *p, u32 index)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;
	struct bh_vp *vp = kzalloc(sizeof(*vp), GFP_KERNEL_ACCOUNT);

	if (!vp)
		return NULL;
	vp->partition = p;
	vp->index = index;
	mutex_init(&vp->run_lock);
	bh_vp_run_init(vp);
	vp->register_page = alloc_page(gfp);
	vp->message_page = alloc_page(gfp);
	vp->event_page = alloc_page(gfp);
	vp->dispatch_page = alloc_page(gfp);
	if (!vp->register_page || !vp->message_page || !vp->event_page || !vp->dispatch_page) {
		bh_vp_release(vp);
		return NULL;
	}
	vp->events = page_address(vp->event_page);
	vp->in = page_address(vp->dispatch_page);
	vp->out = page_address(vp->dispatch_page) + OUTPUT_OFFSET;
	vp->in_pa = virt_to_phys(vp->in);
	vp->out_pa = virt_to_phys(vp->out);
	vp->in->partition_id = p->id;
	vp->in->vp_index = index;
	return vp;
}

static vm_fault_t vp_fault(struct vm_fault *vmf)
{
	struct bh_vp *vp = vmf->vma->vm_file->private_data;

	switch (vmf->pgoff) {
	case MSHV_VP_MMAP_OFFSET_REGISTERS:
		vmf->page = vp->register_page;
		break;
	case MSHV_VP_MMAP_OFFSET_INTERCEPT_MESSAGE:
		vmf->page = vp->message_page;
		break;
	default:
		return VM_FAULT_SIGBUS;
	}
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vp_vm_ops = {
	.fault = vp_fault,
};

static int vp_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff + vma_pages(vma) > MSHV_VP_MMAP_OFFSET_INTERCEPT_MESSAGE + 1 ||
	    vma->vm_pgoff + vma_pages(vma) == 0)
		return -ENODEV;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vma->vm_ops = &vp_vm_ops;
	return 0;
}

static long vp_info(struct bh_vp *vp, unsigned long arg)
{
	struct bh_input_get_stats in = { .partition_id = vp->partition->id, .vp_index = vp->index };
	struct bulkhead_vp_info out;
	u16 status = HV_RESULT_STATUS(hv_call(HVCALL_BULKHEAD_GET_STATS, 0, &in, sizeof(in), &out, sizeof(out)));

	if (status != HV_STATUS_SUCCESS)
		return hv_errno(status);
	return copy_to_user((void __user *)arg, &out, sizeof(out)) ? -EFAULT : 0;
}

/* One page of state, through a page of the kernel's: the user's own may move or be shared. */
static int transfer_state(struct bh_vp *vp, const struct mshv_get_set_vp_state *args, bool set)
{
	u8 buffer[sizeof(struct hv_input_vp_state) + sizeof(u64)] __aligned(8) = { 0 };
	struct hv_input_vp_state *in = (void *)buffer;
	void *page = (void *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	void __user *user = u64_to_user_ptr(args->buf_ptr);
	int rc = 0;

	if (!page)
		return -ENOMEM;
	if (set && copy_from_user(page, user, PAGE_SIZE)) {
		rc = -EFAULT;
		goto out;
	}
	in->partition_id = vp->partition->id;
	in->vp_index = vp->index;
	in->type = args->type | VP_STATE_TYPE_VALID;
	in->xsave_states = ~0ull;
	in->pfns[0] = virt_to_phys(page) >> PAGE_SHIFT;
	rc = hv_errno(HV_RESULT_STATUS(
		hv_call(set ? HVCALL_SET_VP_STATE : HVCALL_GET_VP_STATE, 1, in, sizeof(buffer), NULL, 0)));
	if (!rc && !set && copy_to_user(user, page, PAGE_SIZE))
		rc = -EFAULT;
out:
	free_page((unsigned long)page);
	return rc;
}

static long vp_state(struct bh_vp *vp, unsigned long arg, bool set)
{
	struct mshv_get_set_vp_state args;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.type > VP_STATE_MAX || memchr_inv(args.rsvd, 0, sizeof(args.rsvd)) || !PAGE_ALIGNED(args.buf_ptr) ||
	    !PAGE_ALIGNED(args.buf_sz))
		return -EINVAL;
	/* Asked with too small a buffer, the call says how large it has to be. */
	if (args.buf_sz < PAGE_SIZE) {
		args.buf_sz = PAGE_SIZE;
		return copy_to_user((void __user *)arg, &args, sizeof(args)) ? -EFAULT : -EINVAL;
	}
	if (mutex_lock_killable(&vp->run_lock))
		return -EINTR;
	rc = transfer_state(vp, &args, set);
	mutex_unlock(&vp->run_lock);
	return rc;
}

static long vp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bh_vp *vp = file->private_data;

	switch (cmd) {
	case MSHV_RUN_VP:
		return bh_vp_run(vp, arg);
	case BULKHEAD_RUN_VP:
		return bh_vp_run_shared(vp, arg);
	case MSHV_GET_VP_STATE:
		return vp_state(vp, arg, false);
	case MSHV_SET_VP_STATE:
		return vp_state(vp, arg, true);
	case MSHV_ROOT_HVCALL:
		return bh_root_hvcall(vp->partition, arg);
	case BULKHEAD_VP_INFO:
		return vp_info(vp, arg);
	case BULKHEAD_KICK_VP:
		bh_vp_kick(vp);
		return 0;
	}
	return -ENOTTY;
}

static __poll_t vp_poll(struct file *file, struct poll_table_struct *table)
{
	struct bh_vp *vp = file->private_data;

	poll_wait(file, &vp->pollers, table);
	return READ_ONCE(vp->resting) && READ_ONCE(vp->wake) ? EPOLLIN : 0;
}

static int vp_file_release(struct inode *inode, struct file *file)
{
	struct bh_vp *vp = file->private_data;

	bh_partition_put(vp->partition);
	return 0;
}

static const struct file_operations vp_fops = {
	.owner = THIS_MODULE,
	.release = vp_file_release,
	.unlocked_ioctl = vp_ioctl,
	.poll = vp_poll,
	.mmap = vp_mmap,
	.llseek = noop_llseek,
};

/* With the partition's lock. *ret_file holds the partition. */
static int create_locked(struct bh_partition *p, u32 index, struct file **ret_file)
{
	struct bh_vp *vp;
	struct file *file;
	int rc;

	if (p->vp[index])
		return -EEXIST;
	vp = vp_alloc(p, index);
	if (!vp)
		return -ENOMEM;
	rc = create_in_hypervisor(vp);
	if (rc)
		goto release;
	rc = map_state_pages(vp);
	if (rc)
		goto delete_vp;
	file = anon_inode_getfile("mshv_vp", &vp_fops, vp, O_RDWR);
	if (IS_ERR(file)) {
		rc = PTR_ERR(file);
		goto delete_vp;
	}
	kref_get(&p->ref);
	smp_store_release(&p->vp[index], vp);
	p->vp_count++;
	*ret_file = file;
	return 0;
delete_vp:
	/* While other VPs run the hypervisor may refuse: it keeps the VP, and we its pages, until the partition goes. */
	if (!delete_in_hypervisor(vp)) {
		smp_store_release(&p->vp[index], vp);
		return rc;
	}
release:
	bh_vp_release(vp);
	return rc;
}

/* With the partition's lock. *ret_file holds the partition. */
static int open_locked(struct bh_partition *p, u32 index, struct file **ret_file)
{
	struct bh_vp *vp = p->vp[index];
	struct file *file;

	if (!vp)
		return -ENOENT;
	if (!mutex_trylock(&vp->run_lock))
		return -EBUSY;
	file = anon_inode_getfile("mshv_vp", &vp_fops, vp, O_RDWR);
	if (!IS_ERR(file)) {
		kref_get(&p->ref);
		vp->resting = false;    /* that was the other process's */
		if (vp->message_state == BH_MESSAGE_DELIVERED)
			vp->message_state = BH_MESSAGE_PENDING;
		*ret_file = file;
	}
	mutex_unlock(&vp->run_lock);
	return PTR_ERR_OR_ZERO(file);
}

static long vp_file(struct bh_partition *p, unsigned long arg,
		    int (*get_locked)(struct bh_partition *p, u32 index, struct file **ret_file))
{
	struct mshv_create_vp args;
	struct file *file;
	int rc, fd;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.vp_index >= HV_MAX_VPS)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	rc = -EINTR;
	if (!mutex_lock_killable(&p->lock)) {
		rc = get_locked(p, args.vp_index, &file);
		mutex_unlock(&p->lock);
	}
	if (rc) {
		put_unused_fd(fd);
		return rc;
	}
	fd_install(fd, file);
	return fd;
}

long bh_vp_create(struct bh_partition *p, unsigned long arg)
{
	return vp_file(p, arg, create_locked);
}

long bh_vp_open(struct bh_partition *p, unsigned long arg)
{
	return vp_file(p, arg, open_locked);
}
