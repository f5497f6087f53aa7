// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/debug/bulkhead: the hypervisor's log and the figures of partitions and VPs, for people. */
#include "bulkhead.h"

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static struct dentry *root;

/*
 * The file position is the position in the log, so each open file reads for itself. Ends where the log ends now;
 * reading on later gives what has come since. What the ring has dropped meanwhile is skipped.
 */
static ssize_t log_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct bh_input_read_log in = { .position = *pos };
	struct bh_log_chunk *chunk = kmalloc(sizeof(*chunk), GFP_KERNEL);
	ssize_t rc = 0;
	size_t count;
	u16 status;

	if (!chunk)
		return -ENOMEM;
	status = HV_RESULT_STATUS(hv_call(HVCALL_BULKHEAD_READ_LOG, 0, &in, sizeof(in), chunk, sizeof(*chunk)));
	if (status != HV_STATUS_SUCCESS) {
		rc = hv_errno(status);
		goto out;
	}
	count = min_t(size_t, min_t(size_t, chunk->size, sizeof(chunk->data)), size);
	if (copy_to_user(to, chunk->data, count)) {
		rc = -EFAULT;
		goto out;
	}
	*pos = chunk->position + count;
	rc = count;
out:
	kfree(chunk);
	return rc;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.read = log_read,
	.llseek = no_seek_end_llseek,
};

static void show_vp(struct seq_file *m, struct bh_partition *p, struct bh_vp *vp)
{
	static const char *const reason[BH_EXIT_COUNT] = {
		"intr", "hlt", "cpuid", "msr_read", "msr_write", "io", "npf", "hypercall", "other"
	};
	struct bh_input_get_stats in = { .partition_id = p->id, .vp_index = vp->index };
	struct bh_vp_stats s;
	unsigned int i;

	if (HV_RESULT_STATUS(hv_call(HVCALL_BULKHEAD_GET_STATS, 0, &in, sizeof(in), &s, sizeof(s))) !=
	    HV_STATUS_SUCCESS)
		return;
	seq_printf(m, "  vp %u: dispatches %llu sleeps %llu guest_tsc %llu hypervisor_tsc %llu", vp->index, s.dispatches,
		   READ_ONCE(vp->sleeps), s.guest_tsc, s.hypervisor_tsc);
	seq_printf(m, " interrupts %llu signals %llu lost_signals %llu messages %llu timers %llu\n    exits:",
		   s.interrupts_injected, s.signals, READ_ONCE(vp->lost_signals), s.messages_posted,
		   s.timer_expirations);
	for (i = 0; i < BH_EXIT_COUNT; i++)
		seq_printf(m, " %s %llu", reason[i], s.exits[i]);
	seq_putc(m, '\n');
}

static void show_partition(struct bh_partition *p, void *context)
{
	struct seq_file *m = context;
	unsigned int i;

	seq_printf(m, "partition %llu: vps %u pinned_bytes %llu deposited_bytes %llu\n", p->id, READ_ONCE(p->vp_count),
		   (u64)atomic64_read(&p->pinned) << PAGE_SHIFT, (u64)atomic64_read(&p->deposited) << PAGE_SHIFT);
	for (i = 0; i < HV_MAX_VPS; i++) {
		struct bh_vp *vp = bh_partition_vp(p, i);

		if (vp)
			show_vp(m, p, vp);
	}
}

static int stats_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "arena_bytes_used %llu\n", bh_arena_pages() << PAGE_SHIFT);
	bh_partition_for_each(show_partition, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Nothing depends on debugfs: without it the module works as well. */
void bh_debugfs_init(void)
{
	root = debugfs_create_dir("bulkhead", NULL);
	debugfs_create_file("log", 0400, root, NULL, &log_fops);
	debugfs_create_file("stats", 0400, root, NULL, &stats_fops);
}

void bh_debugfs_exit(void)
{
	debugfs_remove(root);
}
