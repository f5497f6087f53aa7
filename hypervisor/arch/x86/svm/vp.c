/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's VP on AMD-V: its VMCB, switching to it and back, its ASID, and event injection. What it exits for is exit.c. */
#include "core/vp.h"

#include "abi/status.h"
#include "arch/x86/child_msr.h"
#include "arch/x86/cpu.h"
#include "arch/x86/svm/child.h"
#include "arch/x86/svm/svm.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"

#define MSR_TSC_AUX 0xc0000103u
#define PAT_RESET 0x0007040600070406ull
#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull
#define MXCSR_RESET 0x1f80u
#define FCW_RESET 0x37full
/* In the XSAVE area (APM vol. 2, 11.5.2). */
#define MXCSR_OFFSET 24
#define ST_OFFSET 32
#define ST_SIZE 128
#define XSTATE_BV_OFFSET 512

static uint8_t child_msrpm[MSRPM_SIZE] __attribute__((aligned(4096)));
static uint8_t child_iopm[IOPM_SIZE] __attribute__((aligned(4096)));

/* Without these a child could reach the machine. The rest of a VMCB's intercepts stays clear: the child's own business. */
static const struct {
	uint32_t misc1, misc2;
	const char *reason;
} child_intercepts[] = {
	{ SVM_INTERCEPT1_INTR | SVM_INTERCEPT1_NMI, 0, "the root's interrupts end a child's run" },
	{ SVM_INTERCEPT1_INIT, 0, "would reset the processor" },
	{ SVM_INTERCEPT1_CR0_SEL_WRITE, 0, "CR0.CD would turn off the core's cache" },
	{ SVM_INTERCEPT1_HLT, 0, "a halted VP gives the CPU back to the root" },
	{ SVM_INTERCEPT1_CPUID, 0, "the child sees its partition, not the machine" },
	{ SVM_INTERCEPT1_IOIO | SVM_INTERCEPT1_MSR, 0, "ports and MSRs are denied by default" },
	{ SVM_INTERCEPT1_INVD, 0, "would drop the root's dirty cache lines" },
	{ SVM_INTERCEPT1_RDPMC, 0, "counters are the root's" },
	{ SVM_INTERCEPT1_INVLPGA, SVM_INTERCEPT2_VMRUN | SVM_INTERCEPT2_VMMCALL | SVM_INTERCEPT2_VMLOAD | SVM_INTERCEPT2_VMSAVE |
	  SVM_INTERCEPT2_STGI | SVM_INTERCEPT2_CLGI | SVM_INTERCEPT2_SKINIT, "SVM belongs to the hypervisor (15.9)" },
	{ SVM_INTERCEPT1_SHUTDOWN, 0, "a triple fault ends the child, not the machine" },
	{ SVM_INTERCEPT1_FERR_FREEZE, 0, "would freeze the processor on a pin that is not there" },
	{ 0, SVM_INTERCEPT2_MONITOR | SVM_INTERCEPT2_MWAIT, "would watch physical lines and keep the CPU" },
	{ 0, SVM_INTERCEPT2_XSETBV, "XCR0 is limited to what the hypervisor switches" },
	{ 0, SVM_INTERCEPT2_WBINVD, "slows every partition; the child's memory is coherent" },
	{ 0, SVM_INTERCEPT2_RDPRU, "counters are the root's" },
};

/* A fault inside the delivery of these can loop in microcode for ever, out of reach of any interrupt (CVE-2015-5307, -8104); #MC is the root's. */
#define CHILD_EXCEPTIONS (1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC)

void svm_child_maps_init(void)
{
	memset(child_iopm, 0xff, sizeof child_iopm);
	memset(child_msrpm, 0xff, sizeof child_msrpm);
	for (unsigned int i = 0; i < child_msr_direct_count; i++)
		for (uint32_t msr = child_msr_direct[i].first; msr <= child_msr_direct[i].last; msr++)
			msrpm_set(child_msrpm, msr, child_msr_direct[i].access, false);
}

void vp_vendor_init(struct vp *vp)
{
	struct vmcb_control *c = &vp->vmcb->control;

	for (unsigned int i = 0; i < sizeof child_intercepts / sizeof child_intercepts[0]; i++) {
		c->intercept_misc1 |= child_intercepts[i].misc1;
		c->intercept_misc2 |= child_intercepts[i].misc2;
	}
	c->intercept_exceptions = CHILD_EXCEPTIONS;
	c->intercept_dr = ~0u;
	if (hv.has_user_state)
		c->intercept_cr = SVM_INTERCEPT_WRITE_CR4;
	c->iopm_base_pa = image_to_pa(child_iopm);
	c->msrpm_base_pa = image_to_pa(child_msrpm);
	c->np_enable = SVM_NP_ENABLE;
	/* Where there is no control for it a child could broadcast to other CPUs, where its ASID is somebody else's. */
	if (hv.has_invlpgb)
		c->intercept_misc3 = SVM_INTERCEPT3_INVLPGB;
	c->n_cr3 = vp->partition->npt;
	c->v_intr = SVM_V_INTR_MASKING;
	vp->asid_cpu = ~0u;
}

static struct vmcb_segment segment(uint16_t selector, uint64_t base, uint32_t limit, uint16_t attributes)
{
	return (struct vmcb_segment){ selector, attributes, limit, base };
}

static void debug_registers_load(const uint64_t dr[4])
{
	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
}

static void debug_registers_save(uint64_t dr[4])
{
	dr[0] = read_dr0();
	dr[1] = read_dr1();
	dr[2] = read_dr2();
	dr[3] = read_dr3();
}

void vp_vendor_reset(struct vp *vp, bool init)
{
	struct vmcb_save *s = &vp->vmcb->save;

	/* INIT keeps the vector state and the MSRs, most of which are on the CPU now (APM vol. 2, 14.1.3). */
	if (init)
		svm_vmsave(vp->vmcb_pa);
	memset(s, 0, offsetof(struct vmcb_save, star));
	memset(vp->gpr, 0, sizeof vp->gpr);
	vp->gpr[2] = cpuid(1, 0).eax;
	s->es = s->ss = s->ds = s->fs = s->gs = segment(0, 0, 0xffff, 0x93);
	s->cs = segment(0xf000, 0xffff0000, 0xffff, 0x9b);
	s->gdtr = s->idtr = segment(0, 0, 0xffff, 0);
	s->ldtr = segment(0, 0, 0xffff, 0x82);
	s->tr = segment(0, 0, 0xffff, 0x8b);
	s->cr0 = CR0_ET;
	s->rip = 0xfff0;
	s->rflags = RFLAGS_FIXED;
	s->efer = EFER_SVME;
	s->cr2 = 0;
	s->dr6 = DR6_RESET;
	s->dr7 = DR7_RESET;
	vp->vmcb->control.event_inj = 0;
	vp->vmcb->control.exit_int_info = 0;
	vp->vmcb->control.interrupt_shadow = 0;
	vp->vmcb->control.v_intr = SVM_V_INTR_MASKING;
	vp->vmcb->control.intercept_misc1 &= ~SVM_INTERCEPT1_IRET;
	vp->nmi_blocked = false;
	vp->halted = false;
	vp->asid_cpu = ~0u;
	memset(vp->dr, 0, sizeof vp->dr);
	if (init) {
		/* What VMRUN does not load: segments, LDTR and TR would stay as they were (15.5.2). */
		svm_vmload(vp->vmcb_pa);
		if (vp->debug_registers)
			debug_registers_load(vp->dr);
		return;
	}
	memset(&s->star, 0, offsetof(struct vmcb_save, cr2) - offsetof(struct vmcb_save, star));
	s->g_pat = PAT_RESET;
	memset(vp->fpu, 0, PAGE_SIZE);
	*(uint16_t *)vp->fpu = FCW_RESET;
	*(uint32_t *)(vp->fpu + MXCSR_OFFSET) = MXCSR_RESET;
	vp->xcr0 = 1;
	vp->tsc_aux = 0;
}

void vp_vendor_startup(struct vp *vp, uint8_t vector)
{
	vp->vmcb->save.cs = segment(vector << 8, (uint64_t)vector << 12, 0xffff, 0x9b);
	vp->vmcb->save.rip = 0;
}

/* XCR0 is all ones in what the hypervisor switches, whatever the child enabled: what it disabled keeps its state (APM vol. 1, 11.5). */
static uint64_t switched_features(const struct cpu *cpu)
{
	return cpu->host_xcr0 & XFEATURES;
}

/*
 * What a processor finds out by itself: x87 as FNINIT leaves it need not be loaded (XSTATE_BV, APM vol. 2, 11.5.6). To load it, QEMU's
 * TCG writes to CPU 0's flags from any CPU, without a lock, and CPU 0 may lose that it is in a guest.
 */
static void note_initial_x87(uint8_t *fpu)
{
	const uint64_t *word = (const uint64_t *)fpu;
	uint64_t used = (word[0] ^ FCW_RESET) | word[1] | word[2];

	for (unsigned int i = ST_OFFSET / 8; i < (ST_OFFSET + ST_SIZE) / 8; i++)
		used |= word[i];
	if (!used)
		*(uint64_t *)(fpu + XSTATE_BV_OFFSET) &= ~1ull;
}

static void fpu_switch(struct cpu *cpu, struct vp *vp, bool load)
{
	uint64_t mask = switched_features(cpu);

	if (load) {
		__asm__ volatile("xrstor64 (%0)" : : "r"(vp->fpu), "a"((uint32_t)mask), "d"(0) : "memory");
		return;
	}
	__asm__ volatile("xsave64 (%0)" : : "r"(vp->fpu), "a"((uint32_t)mask), "d"(0) : "memory");
	note_initial_x87(vp->fpu);
}

/*
 * The root's FS, GS, TR, LDTR and SYSCALL state is live in the processor until here. Its vector registers are not: the driver
 * dispatches between kernel_fpu_begin() and _end().
 */
void vp_vendor_load(struct cpu *cpu, struct vp *vp)
{
	svm_vmsave(cpu->root_vmcb_pa);
	svm_vmload(vp->vmcb_pa);
	cpu->host_xcr0 = xgetbv();
	fpu_switch(cpu, vp, true);
	if (vp->xcr0 != cpu->host_xcr0)
		xsetbv(vp->xcr0);
	if (vp->debug_registers) {
		debug_registers_save(cpu->host_dr);
		debug_registers_load(vp->dr);
	}
	cpu->host_tsc_aux = rdmsr(MSR_TSC_AUX);
	if (vp->tsc_aux != cpu->host_tsc_aux)
		wrmsr(MSR_TSC_AUX, vp->tsc_aux);
	/* What one child trained into the branch predictor is not for the next one. */
	if (hv.has_ibpb && cpu->last_child && cpu->last_child != vp->partition->id)
		wrmsr(MSR_PRED_CMD, 1);
	cpu->last_child = vp->partition->id;
}

void vp_vendor_unload(struct cpu *cpu, struct vp *vp)
{
	if (vp->tsc_aux != cpu->host_tsc_aux)
		wrmsr(MSR_TSC_AUX, cpu->host_tsc_aux);
	if (vp->debug_registers) {
		debug_registers_save(vp->dr);
		debug_registers_load(cpu->host_dr);
	}
	/* Read back rather than remembered: an emulator may let XSETBV pass. */
	vp->xcr0 = xgetbv() & switched_features(cpu);
	if (vp->xcr0 != cpu->host_xcr0)
		xsetbv(cpu->host_xcr0);
	fpu_switch(cpu, vp, false);
	svm_vmsave(vp->vmcb_pa);
	svm_vmload(cpu->root_vmcb_pa);
}

/*
 * Flushing a VP's translations is taking a new ASID: no entry carries it yet. When the CPU's ASIDs are used up, everything
 * is flushed once and they start over (15.16). A VP that moves to another CPU may have left translations there: new ASID too.
 */
static void asid_prepare(struct cpu *cpu, struct vp *vp)
{
	struct vmcb_control *c = &vp->vmcb->control;
	uint64_t generation = __atomic_load_n(&vp->partition->npt_generation, __ATOMIC_ACQUIRE);

	c->tlb_control = SVM_TLB_NOTHING;
	if (vp->asid_cpu == cpu->index && vp->asid_generation == cpu->asid_generation &&
	    vp->npt_generation == generation)
		return;
	if (cpu->asid_next >= hv.asid_count) {
		cpu->asid_next = 2;
		cpu->asid_generation++;
		c->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	c->asid = cpu->asid_next++;
	vp->asid_cpu = cpu->index;
	vp->asid_generation = cpu->asid_generation;
	vp->npt_generation = generation;
}

/*
 * A virtual interrupt: the processor delivers it when RFLAGS.IF, the shadow and V_TPR allow (15.21.4). Never by EVENTINJ: QEMU's TCG
 * may raise an interrupt injected so a second time.
 */
void vp_vendor_queue_interrupt(struct vp *vp, uint8_t vector, bool until_iret)
{
	struct vmcb_control *c = &vp->vmcb->control;

	c->v_intr |= SVM_V_IRQ | (uint64_t)(vector >> 4) << SVM_V_PRIO_SHIFT | (uint64_t)vector << SVM_V_VECTOR_SHIFT;
	if (until_iret)
		c->intercept_misc1 |= SVM_INTERCEPT1_IRET;
}

/* Whether the queued interrupt was delivered, which clears V_IRQ. One whose delivery the exit cut off was not: it is queued again. */
static bool end_queued_interrupt(struct vmcb_control *c)
{
	bool delivered = !(c->v_intr & SVM_V_IRQ);

	c->v_intr &= SVM_V_TPR_MASK | SVM_V_INTR_MASKING;
	if ((c->event_inj & (SVM_EVENT_VALID | SVM_EVENT_TYPE_MASK)) != (SVM_EVENT_VALID | SVM_EVENT_INTR))
		return delivered;
	c->event_inj = 0;
	return false;
}

enum vp_run_result vp_vendor_run(struct cpu *cpu, struct vp *vp)
{
	struct vmcb_control *c = &vp->vmcb->control;
	uint64_t start;

	asid_prepare(cpu, vp);
	start = rdtsc();
	svm_enter(vp->gpr, vp->vmcb_pa);
	vp->stats.guest_tsc += rdtsc() - start;
	c->event_inj = svm_event_cut_off(c);
	child_after_exit(vp, end_queued_interrupt(c));
	return svm_child_exit(cpu, vp);
}

bool vp_vendor_can_nmi(const struct vp *vp)
{
	return !(vp->vmcb->control.event_inj & SVM_EVENT_VALID) && !vp->nmi_blocked &&
	       !(vp->vmcb->control.interrupt_shadow & 1);
}

void vp_vendor_inject_nmi(struct vp *vp)
{
	vp->vmcb->control.event_inj = SVM_EVENT_VALID | SVM_EVENT_NMI | 2;
	/* The next one waits for the handler's IRET. */
	vp->nmi_blocked = true;
	vp->vmcb->control.intercept_misc1 |= SVM_INTERCEPT1_IRET;
}

bool vp_vendor_interrupts_enabled(const struct vp *vp)
{
	return vp->vmcb->save.rflags & RFLAGS_IF;
}
