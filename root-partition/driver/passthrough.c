// SPDX-License-Identifier: GPL-2.0
/*
 * ROOT_HVCALL: hypercalls that a VMM makes itself. Only those of the table, only on the caller's own partition (each
 * input begins with the partition's id, which is put in here), from one copy of the input. The hypervisor checks the
 * rest.
 */
#include "bulkhead.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/uaccess.h>

enum wake {
	WAKE_NOBODY,
	WAKE_VP,        /* u32 VP index behind the partition's id */
	WAKE_INTERRUPT, /* hv_input_assert_virtual_interrupt */
};

static const struct {
	u16 code;
	bool on_device;
	enum wake wake;
} allowed[] = {
	{ HVCALL_GET_PARTITION_PROPERTY, true, WAKE_NOBODY },
	{ HVCALL_GET_PARTITION_PROPERTY_EX, true, WAKE_NOBODY },
	{ HVCALL_SET_PARTITION_PROPERTY, false, WAKE_NOBODY },
	{ HVCALL_INSTALL_INTERCEPT, false, WAKE_NOBODY },
	{ HVCALL_GET_VP_REGISTERS, false, WAKE_NOBODY },
	{ HVCALL_SET_VP_REGISTERS, false, WAKE_VP },
	{ HVCALL_TRANSLATE_VIRTUAL_ADDRESS, false, WAKE_NOBODY },
	{ 0x0056 /* clear virtual interrupt */, false, WAKE_NOBODY },
	{ HVCALL_REGISTER_INTERCEPT_RESULT, false, WAKE_NOBODY },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT, false, WAKE_INTERRUPT },
	{ HVCALL_SIGNAL_EVENT_DIRECT, false, WAKE_VP },
	{ HVCALL_POST_MESSAGE_DIRECT, false, WAKE_VP },
	{ 0x00c9 /* states of GPA pages */, false, WAKE_NOBODY },
	{ 0x00f4 /* CPUID values of a VP */, false, WAKE_NOBODY },
};

#define FEED_BATCH 32u
#define FEED_ROUNDS 64
#define TABLES_MAX 4u

static int find_call(u16 code, bool on_device, enum wake *wake)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (allowed[i].code == code && (allowed[i].on_device || !on_device)) {
			*wake = allowed[i].wake;
			return 0;
		}
	}
	return -EINVAL;
}

static void wake_target(struct bh_partition *p, enum wake wake, const void *in)
{
	const struct hv_input_vp_registers *vp_in = in;
	struct bh_vp *vp;

	if (wake == WAKE_INTERRUPT) {
		bh_interrupt_asserted(p, in);
	} else if (wake == WAKE_VP) {
		vp = bh_partition_vp(p, vp_in->vp_index);
		if (vp)
			bh_vp_wake(vp);
		else
			bh_partition_wake(p, ~0ull);
	}
}

static int call_hypervisor(struct bh_partition *p, struct mshv_root_hvcall *args, void *in, void *out)
{
	unsigned int rounds = 0;
	u64 result;
	int rc;

	do {
		result = hv_call_pa(hv_control(args->code, args->reps), virt_to_phys(in), virt_to_phys(out));
		args->status = HV_RESULT_STATUS(result);
		rc = p ? bh_feed(p, args->status, FEED_BATCH) : 0;
	} while (rc > 0 && ++rounds < FEED_ROUNDS);
	args->reps = HV_RESULT_REPS(result);
	return rc < 0 ? rc : hv_errno(args->status);
}

/* A walk of the child's page tables that meets one which is not populated names it, and is made again. */
static bool populate_table(struct bh_partition *p, const struct mshv_root_hvcall *args, const void *pages)
{
	const struct hv_output_translate_va *out = pages + PAGE_SIZE;

	return p && args->code == HVCALL_TRANSLATE_VIRTUAL_ADDRESS && args->status == HV_STATUS_SUCCESS &&
	       out->result_code == HV_TRANSLATE_GVA_GPA_UNMAPPED &&
	       bh_memory_populate(p, out->gpa_page << PAGE_SHIFT) > 0;
}

long bh_root_hvcall(struct bh_partition *p, unsigned long arg)
{
	struct mshv_root_hvcall args;
	unsigned int tables = 0;
	enum wake wake;
	u8 *pages;
	int rc;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.in_sz < sizeof(u64) || args.in_sz > PAGE_SIZE || args.out_sz > PAGE_SIZE ||
	    args.reps > HV_HYPERCALL_REP_MASK || memchr_inv(args.rsvd, 0, sizeof(args.rsvd)))
		return -EINVAL;
	rc = find_call(args.code, !p, &wake);
	if (rc)
		return rc;
	/* Input, then output. Zeroed: nothing of the kernel's may show through what the hypervisor leaves untouched. */
	pages = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, 1);
	if (!pages)
		return -ENOMEM;
	if (copy_from_user(pages, u64_to_user_ptr(args.in_ptr), args.in_sz)) {
		rc = -EFAULT;
		goto out;
	}
	*(u64 *)pages = p ? p->id : HV_PARTITION_ID_SELF;
	do
		rc = call_hypervisor(p, &args, pages, pages + PAGE_SIZE);
	while (populate_table(p, &args, pages) && ++tables < TABLES_MAX);
	if (p && args.status == HV_STATUS_SUCCESS)
		wake_target(p, wake, pages);
	if (args.out_sz && args.status == HV_STATUS_SUCCESS &&
	    copy_to_user(u64_to_user_ptr(args.out_ptr), pages + PAGE_SIZE, args.out_sz))
		rc = -EFAULT;
	if (copy_to_user((void __user *)arg, &args, sizeof(args)))
		rc = -EFAULT;
out:
	free_pages((unsigned long)pages, 1);
	return rc;
}
