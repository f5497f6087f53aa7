/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root partition on one CPU: its VMCB, what it is stopped for, and what is done then. The root has no INTR, HLT or I/O
 * intercept: interrupts and devices are its own.
 */
#include "abi/bulkhead.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "arch/x86/npt.h"
#include "arch/x86/svm/svm.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/string.h"

_Noreturn void launch_leave(struct cpu *cpu, uint64_t rax);

#define EIO 5
#define ROOT_ASID 1

static uint8_t root_msrpm[MSRPM_SIZE] __attribute__((aligned(4096)));

/* MSRs that the root does not reach directly. All else is the root's own hardware. */
static const struct {
	uint32_t msr;
	unsigned int access;
	const char *reason;
} root_msr_intercepted[] = {
	{ MSR_EFER,         MSRPM_READ | MSRPM_WRITE, "SVME must stay set and is not shown (15.4)" },
	{ MSR_VM_CR,        MSRPM_READ | MSRPM_WRITE, "reads as SVM disabled and locked (15.30.1)" },
	{ MSR_VM_HSAVE_PA,  MSRPM_READ | MSRPM_WRITE, "the host save area (15.30.4); crash and reboot paths write 0" },
	{ MSR_SVM_KEY,      MSRPM_READ | MSRPM_WRITE, "unlocks SVM (15.31)" },
	{ MSR_PATCH_LOADER, MSRPM_WRITE,              "a microcode update reads memory by physical address; discarded" },
};

#define ROOT_INTERCEPTS1 (SVM_INTERCEPT1_CPUID | SVM_INTERCEPT1_INVLPGA | SVM_INTERCEPT1_MSR)
#define ROOT_INTERCEPTS2 (SVM_INTERCEPT2_VMRUN | SVM_INTERCEPT2_VMMCALL | SVM_INTERCEPT2_VMLOAD | SVM_INTERCEPT2_VMSAVE | \
			  SVM_INTERCEPT2_STGI | SVM_INTERCEPT2_CLGI | SVM_INTERCEPT2_SKINIT)

void svm_root_maps_init(void)
{
	for (unsigned int i = 0; i < sizeof root_msr_intercepted / sizeof root_msr_intercepted[0]; i++)
		msrpm_set(root_msrpm, root_msr_intercepted[i].msr, root_msr_intercepted[i].access, true);
}

static struct vmcb_segment segment_from(uint16_t selector)
{
	struct vmcb_segment s = { .selector = selector };
	uint64_t rights = 0, limit = 0;
	bool valid;

	__asm__("lar %3, %0\n\tlsl %3, %1" : "=&r"(rights), "=&r"(limit), "=@ccz"(valid) : "r"((uint64_t)selector));
	if (!valid || !(selector & ~3))
		return s;
	s.attributes = ((rights >> 8) & 0xff) | ((rights >> 12) & 0xf00);
	s.limit = limit;
	return s;
}

void svm_root_init(struct cpu *cpu, const struct bh_leave_frame *at)
{
	struct vmcb *vmcb = pa_to_va(cpu->root_vmcb_pa);
	struct vmcb_control *c = &vmcb->control;
	struct vmcb_save *s = &vmcb->save;

	c->intercept_misc1 = ROOT_INTERCEPTS1;
	c->intercept_misc2 = ROOT_INTERCEPTS2;
	c->msrpm_base_pa = image_to_pa(root_msrpm);
	c->asid = ROOT_ASID;
	c->tlb_control = SVM_TLB_FLUSH_ALL;
	c->np_enable = SVM_NP_ENABLE;
	/* Linux broadcasts its flushes where CPUID says so. They reach one ASID, which is the root's on every CPU (15.16.3). */
	if (hv.has_invlpgb_control)
		c->np_enable |= SVM_NP_INVLPGB;
	c->n_cr3 = hv.root_npt;
	c->v_intr = read_cr8() & SVM_V_TPR_MASK;

	s->cr0 = at->cr0;
	s->cr3 = at->cr3;
	s->cr4 = at->cr4;
	s->cr2 = read_cr2();
	s->efer = at->efer | EFER_SVME;
	s->dr6 = at->dr6;
	s->dr7 = at->dr7;
	s->g_pat = at->pat;
	s->rip = at->rip;
	s->rsp = at->rsp;
	s->rflags = at->rflags;
	s->rax = 0;
	s->gdtr.base = at->gdt_base;
	s->gdtr.limit = at->gdt_limit;
	s->idtr.base = at->idt_base;
	s->idtr.limit = at->idt_limit;
	/* Linux and the hypervisor give their kernel code and data the same shape; a null selector stays null. */
	s->cs = segment_from(0x10);
	s->cs.selector = at->cs;
	s->ss = segment_from(0x18);
	s->ss.selector = at->ss;
	s->ds = (struct vmcb_segment){ .selector = at->ds };
	s->es = (struct vmcb_segment){ .selector = at->es };
	/* FS, GS, TR, LDTR and the SYSCALL registers are still the root's own. */
	svm_vmsave(cpu->root_vmcb_pa);
}

static void root_cpuid(struct cpu *cpu, struct vmcb *vmcb)
{
	uint32_t leaf = vmcb->save.rax;
	struct cpuid_result r = cpuid(leaf, cpu->root_gpr[1]);

	switch (leaf) {
	case 1:
		r.ecx |= 1u << 31;
		r.ecx = (r.ecx & ~(1u << 27)) | (vmcb->save.cr4 & CR4_OSXSAVE ? 1u << 27 : 0);
		break;
	case 7:
		/* The host runs without protection keys; OSPKE is the root's CR4.PKE. */
		r.ecx = (r.ecx & ~(1u << 4)) | (vmcb->save.cr4 & CR4_PKE ? 1u << 4 : 0);
		break;
	case 0x80000001u:
		r.ecx &= ~(1u << 2);
		break;
	case 0x8000000au:
		r = (struct cpuid_result){ 0 };
		break;
	case HV_CPUID_VENDOR:
		r = (struct cpuid_result){ HV_CPUID_LIMITS, 0x7263694d, 0x666f736f, 0x76482074 }; /* "Microsoft Hv" */
		break;
	case HV_CPUID_INTERFACE:
		r = (struct cpuid_result){ .eax = HV_CPUID_INTERFACE_HV1 };
		break;
	case HV_CPUID_VERSION:
		r = (struct cpuid_result){ .ebx = BULKHEAD_VERSION_MAJOR << 16 | BULKHEAD_VERSION_MINOR };
		break;
	case HV_CPUID_FEATURES:
		r = (struct cpuid_result){ .ebx = (HV_CREATE_PARTITIONS | HV_CPU_MANAGEMENT) >> 32 };
		break;
	case HV_CPUID_ENLIGHTENMENTS:
	case HV_CPUID_LIMITS:
		r = (struct cpuid_result){ 0 };
		break;
	case HV_CPUID_BULKHEAD:
		r = (struct cpuid_result){ BULKHEAD_VERSION_MAJOR << 16 | BULKHEAD_VERSION_MINOR, 0x6b6c7542, 0x64616568,
					   0x00007648 }; /* "BulkheadHv" */
		break;
	}
	vmcb->save.rax = r.eax;
	cpu->root_gpr[3] = r.ebx;
	cpu->root_gpr[1] = r.ecx;
	cpu->root_gpr[2] = r.edx;
	svm_skip(vmcb, 2);
}

#define SMCA_STATUS 1u
#define SMCA_DEFERRED_STATUS 8u
/* CTL, STATUS, ADDR, MISC0, CONFIG, IPID, SYND; DESTAT, DEADDR, MISC1 to MISC4. The others may fault. */
#define SMCA_REGISTERS 0x3f7fu

/*
 * The banks of processors with scalable machine checks (APM vol. 2, chapter 9) are the root's, but no permission map covers their numbers
 * (15.11), so each access ends up here. Linux takes a fault for a broken processor, and panics.
 */
static bool is_smca_register(uint32_t msr)
{
	return hv.has_scalable_mca && msr >= MSR_SMCA && (msr - MSR_SMCA) / 16 < (rdmsr(MSR_MCG_CAP) & 0xff) &&
	       SMCA_REGISTERS >> msr % 16 & 1;
}

/* A status is cleared by writing zero; anything else would fault here. */
static bool write_smca_register(uint32_t msr, uint64_t value)
{
	if ((msr % 16 == SMCA_STATUS || msr % 16 == SMCA_DEFERRED_STATUS) && value)
		return false;
	wrmsr(msr, value);
	return true;
}

static bool root_rdmsr(struct vmcb *vmcb, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_EFER:
		*value = vmcb->save.efer & ~EFER_SVME;
		return true;
	case MSR_VM_CR:
		*value = VM_CR_SVMDIS | 8; /* disabled, locked */
		return true;
	case MSR_VM_HSAVE_PA:
		*value = 0;
		return true;
	}
	if (!is_smca_register(msr))
		return false;
	*value = rdmsr(msr);
	return true;
}

/* EFER's bits (APM vol. 2, 3.1.7) and where CPUID says that the processor has them: VMRUN refuses the others. */
static uint64_t root_efer_bits(void)
{
	uint32_t ext1_ecx = cpuid(0x80000001u, 0).ecx, ext1_edx = cpuid(0x80000001u, 0).edx, ext8_ebx = cpuid(0x80000008u, 0).ebx;
	uint32_t ext21_eax = cpuid(0x80000000u, 0).eax >= 0x80000021u ? cpuid(0x80000021u, 0).eax : 0;

	return EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | (ext1_edx & 1u << 25 ? EFER_FFXSR : 0) |
	       (ext1_ecx & 1u << 17 ? EFER_TCE : 0) | (ext8_ebx & 1u << 8 ? EFER_MCOMMIT : 0) |
	       (ext8_ebx & 1u << 13 ? EFER_INTWB : 0) | (ext21_eax & 1u << 7 ? EFER_UAIE : 0) |
	       (ext21_eax & 1u << 8 ? EFER_AIBRSE : 0);
}

static bool root_wrmsr(struct vmcb *vmcb, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_EFER:
		/* The root is a 64-bit kernel with paging on: it cannot leave long mode, and SVM is not for it. */
		if (value & ~root_efer_bits() || !(value & EFER_LME))
			return false;
		vmcb->save.efer = (value & ~EFER_LMA) | EFER_LMA | EFER_SVME;
		return true;
	case MSR_VM_CR:
	case MSR_PATCH_LOADER:
		return true;
	case MSR_VM_HSAVE_PA:
		return value == 0;
	}
	return is_smca_register(msr) && write_smca_register(msr, value);
}

static void root_msr(struct cpu *cpu, struct vmcb *vmcb)
{
	uint32_t msr = cpu->root_gpr[1];
	uint64_t value = (uint32_t)cpu->root_gpr[2];
	bool ok;

	if (vmcb->control.exit_info1 & 1) {
		ok = root_wrmsr(vmcb, msr, value << 32 | (uint32_t)vmcb->save.rax);
	} else {
		ok = root_rdmsr(vmcb, msr, &value);
		if (ok) {
			vmcb->save.rax = (uint32_t)value;
			cpu->root_gpr[2] = value >> 32;
		}
	}
	if (!ok) {
		svm_inject_exception_error(vmcb, VECTOR_GP, 0);
		return;
	}
	svm_skip(vmcb, 2);
}

static void root_vmmcall(struct cpu *cpu, struct vmcb *vmcb)
{
	if (vmcb->save.cpl != 0) {
		svm_inject_exception(vmcb, VECTOR_UD);
		return;
	}
	svm_skip(vmcb, 3);
	vmcb->save.rax = hypercall_root(cpu, cpu->root_gpr[1], cpu->root_gpr[2], cpu->root_gpr[8]);
}

static void root_page_fault(struct vmcb *vmcb)
{
	uint64_t gpa = vmcb->control.exit_info2;

	if (npt_root_fault(gpa))
		return;
	log_write("root: access to page %llx that it does not own, rip %llx: #GP\n", (unsigned long long)gpa,
		  (unsigned long long)vmcb->save.rip);
	svm_inject_exception_error(vmcb, VECTOR_GP, 0);
}

static void root_exit(struct cpu *cpu, struct vmcb *vmcb)
{
	/* Unless the handler injects another. */
	vmcb->control.event_inj = svm_event_cut_off(&vmcb->control);

	switch ((uint32_t)vmcb->control.exit_code) {
	case SVM_EXIT_CPUID:
		root_cpuid(cpu, vmcb);
		break;
	case SVM_EXIT_MSR:
		root_msr(cpu, vmcb);
		break;
	case SVM_EXIT_VMMCALL:
		root_vmmcall(cpu, vmcb);
		break;
	case SVM_EXIT_NPF:
		root_page_fault(vmcb);
		break;
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD:
	case SVM_EXIT_VMSAVE:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_SKINIT:
	case SVM_EXIT_INVLPGA:
		svm_inject_exception(vmcb, VECTOR_UD);
		break;
	case SVM_EXIT_INVALID:
		/* The very first entry: the driver is told, every CPU goes back. Later it means a broken hypervisor. */
		if (cpu->root_exits == 1)
			launch_leave(cpu, (uint64_t)-EIO);
		panic("CPU %u: the processor refuses the root's VMCB", cpu->index);
	default:
		panic("CPU %u: root exit %llx, info %llx %llx", cpu->index, (unsigned long long)vmcb->control.exit_code,
		      (unsigned long long)vmcb->control.exit_info1, (unsigned long long)vmcb->control.exit_info2);
	}
}

_Noreturn void svm_root_run(struct cpu *cpu)
{
	struct vmcb *vmcb = pa_to_va(cpu->root_vmcb_pa);

	for (;;) {
		uint64_t generation = __atomic_load_n(&hv.generation, __ATOMIC_SEQ_CST);
		bool stale = cpu->seen_generation != generation;

		vmcb->control.tlb_control = SVM_TLB_NOTHING;
		if (cpu->root_exits == 0 || (stale && !hv.has_flush_asid))
			vmcb->control.tlb_control = SVM_TLB_FLUSH_ALL;
		else if (stale)
			vmcb->control.tlb_control = SVM_TLB_FLUSH_ASID;
		/* From here on no translation of an older generation can be made: the entry flushes before the root runs. */
		__atomic_store_n(&cpu->seen_generation, generation, __ATOMIC_RELEASE);
		svm_enter(cpu->root_gpr, cpu->root_vmcb_pa);
		cpu->root_exits++;
		root_exit(cpu, vmcb);
		if (cpu->leaving)
			launch_leave(cpu, 0);
	}
}
