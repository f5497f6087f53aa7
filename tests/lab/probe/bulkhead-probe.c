// SPDX-License-Identifier: GPL-2.0
/*
 * What the root's kernel itself cannot do under the hypervisor: read or write its pages, use or uncover SVM. Loading the
 * module tries all of it, reports in the log, and fails with EPERM when something was possible.
 */
#define pr_fmt(fmt) "probe: " fmt

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <asm/asm.h>
#include <asm/msr.h>

static bool memory_only;
module_param(memory_only, bool, 0);
MODULE_PARM_DESC(memory_only, "leave SVM alone: without a hypervisor it would work, and stop the machine");

static bool can_read(const u64 *at)
{
	u64 value, done;

	asm volatile("xor %0, %0\n"
		     "1:\tmov (%2), %1\n"
		     "\tmov $1, %0\n"
		     "2:\n" _ASM_EXTABLE(1b, 2b)
		     : "=&r"(done), "=&r"(value) : "r"(at) : "memory");
	return done;
}

static bool can_write(u64 *at)
{
	u64 done;

	asm volatile("xor %0, %0\n"
		     "1:\tmovq $0, (%1)\n"
		     "\tmov $1, %0\n"
		     "2:\n" _ASM_EXTABLE(1b, 2b)
		     : "=&r"(done) : "r"(at) : "memory");
	return done;
}

/* Pages of RAM that refuse a read must refuse a write too. Returns how many allow it. */
static unsigned long try_memory(void)
{
	unsigned long pfn, pages = 0, hidden = 0, writable = 0;

	for (pfn = 256; pfn < (1ul << 22); pfn++) {
		u64 *at = pfn_to_kaddr(pfn);

		if (!page_is_ram(pfn))
			continue;
		pages++;
		if (can_read(at))
			continue;
		hidden++;
		writable += can_write(at);
		cond_resched();
	}
	pr_info("of %lu pages of RAM %lu KiB refuse reads, %lu KiB of those allow writes\n", pages, hidden * 4, writable * 4);
	return writable;
}

#define TRY(name, text)                                                                                                \
	static bool can_##name(void)                                                                                   \
	{                                                                                                              \
		u64 done;                                                                                              \
		asm volatile("xor %0, %0\n1:\t" text "\n\tmov $1, %0\n2:\n" _ASM_EXTABLE(1b, 2b)                       \
			     : "=&r"(done) : "a"(0ul) : "memory");                                                     \
		return done;                                                                                           \
	}

TRY(vmrun, "vmrun %%rax")
TRY(vmsave, "vmsave %%rax")
TRY(clgi, "clgi")
TRY(skinit, "skinit %%eax")

static unsigned int try_svm(void)
{
	const u32 vm_cr = 0xc0010114, vm_hsave_pa = 0xc0010117;
	u64 efer = 0, cr = 0, hsave = 0;
	unsigned int bad = 0;

	rdmsrl_safe(MSR_EFER, &efer);
	rdmsrl_safe(vm_cr, &cr);
	rdmsrl_safe(vm_hsave_pa, &hsave);
	bad += !!(efer & EFER_SVME) + !(cr & 0x10) + !!hsave;
	pr_info("EFER %llx, VM_CR %llx, VM_HSAVE_PA %llx\n", efer, cr, hsave);
	bad += !wrmsrl_safe(MSR_EFER, efer | EFER_SVME);
	bad += !wrmsrl_safe(vm_hsave_pa, 0x100000);
	bad += !!wrmsrl_safe(vm_hsave_pa, 0);       /* Linux does that on its way down: no fault */
	bad += can_vmrun() + can_vmsave() + can_clgi() + can_skinit();
	pr_info("%u ways to SVM that must be shut are open\n", bad);
	return bad;
}

static int __init probe_init(void)
{
	return try_memory() || (!memory_only && try_svm()) ? -EPERM : 0;
}

static void __exit probe_exit(void)
{
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_DESCRIPTION("Tries what the root partition's kernel must not be able to do");
MODULE_LICENSE("GPL");
