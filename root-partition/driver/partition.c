// SPDX-License-Identifier: GPL-2.0
/* A partition: creation, its file's ioctls, and the teardown by whoever closes its last file. */
#include "bulkhead.h"

#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* Pages for each shortfall; a partition of one VP and 1 GiB of large pages needs about 20. */
#define PARTITION_BATCH 32u
#define COMPATIBILITY_VERSION 0x21u
#define PT_FLAGS_KNOWN 0x3full
#define PT_FEATURE_BANKS 2

static DEFINE_MUTEX(list_lock);
static LIST_HEAD(partitions);

struct bh_vp *bh_partition_vp(struct bh_partition *p, u32 index)
{
	/* The index comes from user space: not even speculatively beyond the array. */
	return index < HV_MAX_VPS ? smp_load_acquire(&p->vp[array_index_nospec(index, HV_MAX_VPS)]) : NULL;
}

void bh_partition_wake(struct bh_partition *p, u64 mask)
{
	for (; mask; mask &= mask - 1) {
		struct bh_vp *vp = bh_partition_vp(p, __ffs64(mask));

		if (vp)
			bh_vp_wake(vp);
	}
}

void bh_partition_for_each(void (*function)(struct bh_partition *p, void *context), void *context)
{
	struct bh_partition *p;

	mutex_lock(&list_lock);
	list_for_each_entry(p, &partitions, node)
		function(p, context);
	mutex_unlock(&list_lock);
}

static void partition_free(struct bh_partition *p)
{
	unsigned int i;

	for (i = 0; i < HV_MAX_VPS; i++)
		if (p->vp[i])
			bh_vp_release(p->vp[i]);
	put_cred(p->creator);
	xa_destroy(&p->signalfds);
	mutex_destroy(&p->lock);
	kfree(p);
}

/*
 * Nobody has a file of the partition or of a VP any more, so no ioctl is under way and no VP runs. What the hypervisor
 * does not let go of must not be used again: then pages, pins and the module stay, and the log says so.
 */
static void partition_release(struct kref *ref)
{
	struct bh_partition *p = container_of(ref, struct bh_partition, ref);
	u16 status;
	u64 lost;

	mutex_lock(&list_lock);
	list_del(&p->node);
	mutex_unlock(&list_lock);
	bh_irqfds_release(p);
	bh_events_release(p);

	status = HV_RESULT_STATUS(hv_call_fast(HVCALL_FINALIZE_PARTITION, p->id, 0));
	if (status != HV_STATUS_SUCCESS) {
		pr_err("partition %llu cannot be torn down (status %xh); its memory is lost until the next boot\n",
		       p->id, status);
		__module_get(THIS_MODULE);
		return;
	}
	lost = bh_withdraw_all(p);      /* every CPU has been through the hypervisor then: no translation is left */
	status = HV_RESULT_STATUS(hv_call_fast(HVCALL_DELETE_PARTITION, p->id, 0));
	if (lost || status != HV_STATUS_SUCCESS) {
		pr_err("partition %llu keeps %llu pages (status %xh)\n", p->id, lost, status);
		__module_get(THIS_MODULE);
	}
	bh_memory_release(p);
	partition_free(p);
}

void bh_partition_put(struct bh_partition *p)
{
	kref_put(&p->ref, partition_release);
}

static int partition_file_release(struct inode *inode, struct file *file)
{
	bh_partition_put(file->private_data);
	return 0;
}

static long partition_initialize(struct bh_partition *p)
{
	struct hv_input_partition in = { .partition_id = p->id };

	return bh_call_fed(p, PARTITION_BATCH, HVCALL_INITIALIZE_PARTITION, &in, sizeof(in), NULL, 0);
}

static long partition_info(struct bh_partition *p, unsigned long arg)
{
	struct bh_input_get_stats in = { .partition_id = p->id, .vp_index = ~0u };
	struct bh_partition_stats out;
	struct bulkhead_partition_info info = {
		.pinned_bytes = (u64)atomic64_read(&p->pinned) << PAGE_SHIFT,
		.vp_count = READ_ONCE(p->vp_count),
	};
	u16 status = HV_RESULT_STATUS(hv_call(HVCALL_BULKHEAD_GET_STATS, 0, &in, sizeof(in), &out, sizeof(out)));

	if (status != HV_STATUS_SUCCESS)
		return hv_errno(status);
	info.deposited_bytes = out.deposited_bytes;
	info.deposited_free_bytes = out.deposited_free_bytes;
	info.mapped_bytes = out.mapped_bytes;
	return copy_to_user((void __user *)arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long partition_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bh_partition *p = file->private_data;

	switch (cmd) {
	case MSHV_INITIALIZE_PARTITION:
		return partition_initialize(p);
	case MSHV_SET_GUEST_MEMORY:
		return bh_set_guest_memory(p, arg);
	case MSHV_CREATE_VP:
		return bh_vp_create(p, arg);
	case MSHV_IRQFD:
		return bh_irqfd(p, arg);
	case MSHV_SET_MSI_ROUTING:
		return bh_set_msi_routing(p, arg);
	case MSHV_ROOT_HVCALL:
		return bh_root_hvcall(p, arg);
	case BULKHEAD_SIGNALFD:
		return bh_signalfd(p, arg);
	case BULKHEAD_MESSAGE_PORT:
		return bh_message_port(p, arg);
	case BULKHEAD_SIGNAL_EVENT:
		return bh_signal_event(p, arg);
	case BULKHEAD_RELEASE_MEMORY:
		return bh_release_memory(p, arg);
	case BULKHEAD_PARTITION_INFO:
		return partition_info(p, arg);
	case BULKHEAD_OPEN_VP:
		return bh_vp_open(p, arg);
	case BULKHEAD_MOVE_MEMORY:
		return bh_move_memory(p, arg);
	}
	return -ENOTTY;
}

static const struct file_operations partition_fops = {
	.owner = THIS_MODULE,
	.release = partition_file_release,
	.unlocked_ioctl = partition_ioctl,
	.llseek = noop_llseek,
};

/* Version 1 of the structure is the beginning of version 2; a flag bit tells which one it is. */
static int copy_creation(struct mshv_create_partition_v2 *args, unsigned long arg)
{
	const void __user *from = (const void __user *)arg;

	memset(args, 0, sizeof(*args));
	if (copy_from_user(args, from, sizeof(struct mshv_create_partition)))
		return -EFAULT;
	if (args->pt_flags & BIT_ULL(MSHV_PT_BIT_CPU_AND_XSAVE_FEATURES)) {
		size_t done = sizeof(struct mshv_create_partition);

		if (copy_from_user((u8 *)args + done, (const u8 __user *)from + done, sizeof(*args) - done))
			return -EFAULT;
	}
	if (args->pt_flags & ~PT_FLAGS_KNOWN || args->pt_isolation || args->pt_num_cpu_fbanks > PT_FEATURE_BANKS ||
	    memchr_inv(args->pt_rsvd, 0, sizeof(args->pt_rsvd)) ||
	    memchr_inv(args->pt_rsvd1, 0, sizeof(args->pt_rsvd1)))
		return -EINVAL;
	return 0;
}

static int partition_create_hv(struct bh_partition *p, const struct mshv_create_partition_v2 *args)
{
	struct hv_input_create_partition in = {
		.compatibility_version = COMPATIBILITY_VERSION,
		.disabled_xsave_features = args->pt_disabled_xsave,
	};
	unsigned int i;

	if (args->pt_flags & BIT_ULL(MSHV_PT_BIT_LAPIC))
		in.flags |= HV_PARTITION_CREATION_FLAG_LAPIC_ENABLED;
	if (args->pt_flags & BIT_ULL(MSHV_PT_BIT_X2APIC))
		in.flags |= HV_PARTITION_CREATION_FLAG_X2APIC_CAPABLE;
	for (i = 0; i < args->pt_num_cpu_fbanks; i++)
		in.disabled_processor_features[i] = args->pt_cpu_fbanks[i];
	return bh_call_fed(NULL, 0, HVCALL_CREATE_PARTITION, &in, sizeof(in), &p->id, sizeof(p->id));
}

long bh_partition_create(unsigned long arg)
{
	struct mshv_create_partition_v2 args;
	struct bh_partition *p;
	struct file *file;
	int rc, fd;

	rc = copy_creation(&args, arg);
	if (rc)
		return rc;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p) {
		rc = -ENOMEM;
		goto put_fd;
	}
	kref_init(&p->ref);
	mutex_init(&p->lock);
	spin_lock_init(&p->irq_lock);
	INIT_LIST_HEAD(&p->regions);
	INIT_LIST_HEAD(&p->irqfds);
	xa_init(&p->signalfds);
	/* A creator that may lock any amount of memory hands that down with the partition's descriptor. */
	p->creator = get_current_cred();
	p->user = capable(CAP_IPC_LOCK) ? NULL : p->creator->user;
	rc = partition_create_hv(p, &args);
	if (rc)
		goto free;
	mutex_lock(&list_lock);
	list_add_tail(&p->node, &partitions);
	mutex_unlock(&list_lock);
	file = anon_inode_getfile("mshv_partition", &partition_fops, p, O_RDWR);
	if (IS_ERR(file)) {
		rc = PTR_ERR(file);
		bh_partition_put(p);
		goto put_fd;
	}
	fd_install(fd, file);
	return fd;
free:
	partition_free(p);
put_fd:
	put_unused_fd(fd);
	return rc;
}
