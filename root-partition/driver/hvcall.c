// SPDX-License-Identifier: GPL-2.0
/* Making hypercalls: a pair of pages per CPU for input and output, and what a status means to a user of the driver. */
#include "bulkhead.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "hvcall.h"
#include "launch.h"

struct hv_pages {
	void *in, *out;
};
static DEFINE_PER_CPU(struct hv_pages, hv_pages);

int bh_hvcall_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct hv_pages *pages = per_cpu_ptr(&hv_pages, cpu);

		pages->in = (void *)__get_free_page(GFP_KERNEL);
		pages->out = (void *)__get_free_page(GFP_KERNEL);
		if (!pages->in || !pages->out) {
			bh_hvcall_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void bh_hvcall_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct hv_pages *pages = per_cpu_ptr(&hv_pages, cpu);

		free_page((unsigned long)pages->in);
		free_page((unsigned long)pages->out);
		pages->in = pages->out = NULL;
	}
}

/*
 * Removal takes each CPU out by an interrupt, so with interrupts off bh_running holds until the call is made.
 * Afterwards every call fails as on a partition that is gone.
 */
u64 hv_call_pa(u64 control, phys_addr_t in, phys_addr_t out)
{
	unsigned long flags;
	u64 result = HV_STATUS_INVALID_PARTITION_ID;

	local_irq_save(flags);
	if (READ_ONCE(bh_running))
		result = bh_hypercall(control, in, out);
	local_irq_restore(flags);
	return result;
}

u64 hv_call_fast(u16 code, u64 rdx, u64 r8)
{
	return hv_call_pa(code | HV_HYPERCALL_FAST, rdx, r8);
}

u64 hv_call(u16 code, u16 reps, const void *in, size_t in_size, void *out, size_t out_size)
{
	u64 result = HV_STATUS_INVALID_PARTITION_ID;
	struct hv_pages *pages;
	unsigned long flags;

	if (WARN_ON_ONCE(in_size > PAGE_SIZE || out_size > PAGE_SIZE))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	/* Interrupts off, not only preemption: an irqfd calls from the context of whoever signals it. */
	local_irq_save(flags);
	if (READ_ONCE(bh_running)) {
		pages = this_cpu_ptr(&hv_pages);
		memcpy(pages->in, in, in_size);
		result = bh_hypercall(hv_control(code, reps), virt_to_phys(pages->in), virt_to_phys(pages->out));
		if (out_size)
			memcpy(out, pages->out, out_size);
	}
	local_irq_restore(flags);
	return result;
}

static void sync_cpu(void *unused)
{
	hv_call_fast(HVCALL_BULKHEAD_SYNC, 0, 0);
}

void hv_sync(void)
{
	on_each_cpu(sync_cpu, NULL, 1);
}

int hv_errno(u16 status)
{
	switch (status) {
	case HV_STATUS_SUCCESS:
		return 0;
	case HV_STATUS_INVALID_HYPERCALL_CODE:
		return -EOPNOTSUPP;
	case HV_STATUS_INSUFFICIENT_MEMORY:
	case HV_STATUS_INSUFFICIENT_ROOT_MEMORY:
		return -ENOMEM;
	case HV_STATUS_INSUFFICIENT_BUFFERS:
		return -EAGAIN;
	case HV_STATUS_NO_RESOURCES:
		return -ENOSPC;
	case HV_STATUS_ACCESS_DENIED:
		return -EACCES;
	case HV_STATUS_OPERATION_DENIED:
		return -EPERM;
	case HV_STATUS_INVALID_PARTITION_STATE:
	case HV_STATUS_INVALID_VP_STATE:
		return -EBUSY;
	case HV_STATUS_INVALID_PARTITION_ID:
		return -ENXIO;
	case HV_STATUS_INVALID_HYPERCALL_INPUT:
	case HV_STATUS_INVALID_ALIGNMENT:
	case HV_STATUS_INVALID_PARAMETER:
	case HV_STATUS_UNKNOWN_PROPERTY:
	case HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE:
	case HV_STATUS_INVALID_VP_INDEX:
	case HV_STATUS_INVALID_PORT_ID:
	case HV_STATUS_INVALID_CONNECTION_ID:
	case HV_STATUS_INVALID_REGISTER_VALUE:
		return -EINVAL;
	default:
		return -EIO;
	}
}
