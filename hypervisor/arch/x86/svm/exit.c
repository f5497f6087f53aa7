/* SPDX-License-Identifier: BSD-2-Clause */
/* What a child exits for, on AMD-V: decoded here, decided in core/ and in the child_* tables. */
#include "arch/x86/svm/child.h"

#include "arch/x86/cpu.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/npt.h"
#include "arch/x86/svm/svm.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/string.h"

static enum vp_run_result fatal(struct vp *vp, uint32_t type, const char *what)
{
	const struct vmcb *v = vp->vmcb;
	struct hv_x64_fatal_message m = { .exit_code = v->control.exit_code, .exit_info1 = v->control.exit_info1,
					  .exit_info2 = v->control.exit_info2 };

	vp_intercept_header(vp, &m.header, 0, HV_INTERCEPT_ACCESS_EXECUTE);
	vp_intercept(vp, type, &m, sizeof m);
	vp->terminated = true;
	log_write("partition %llu VP %u: %s at rip %llx (exit %llx, %llx, %llx)\n", (unsigned long long)vp->partition->id,
		  vp->index, what, (unsigned long long)v->save.rip, (unsigned long long)v->control.exit_code,
		  (unsigned long long)v->control.exit_info1, (unsigned long long)v->control.exit_info2);
	return VP_RUN_INTERCEPT;
}

static void segment_message(const struct vp *vp, uint32_t name, struct hv_x64_segment *s)
{
	union hv_register_value v;

	vp_vendor_get_register(vp, name, &v);
	*s = (struct hv_x64_segment){ v.segment.base, v.segment.limit, v.segment.selector, v.segment.attributes };
}

static enum vp_run_result io_port(struct vp *vp)
{
	const struct vmcb *v = vp->vmcb;
	uint32_t info = v->control.exit_info1;
	struct hv_x64_io_port_intercept_message m = {
		.port_number = info >> SVM_IOIO_PORT_SHIFT,
		.access_info = (info >> SVM_IOIO_SIZE_SHIFT & 7) | (info & SVM_IOIO_STRING ? 8 : 0) |
			       (info & SVM_IOIO_REP ? 16 : 0),
		.rax = v->save.rax, .rcx = vp->gpr[1], .rsi = vp->gpr[6], .rdi = vp->gpr[7],
	};

	vp->stats.exits[BH_EXIT_IO]++;
	vp_intercept_header(vp, &m.header, v->control.exit_info2 - v->save.rip,
			    info & SVM_IOIO_IN ? HV_INTERCEPT_ACCESS_READ : HV_INTERCEPT_ACCESS_WRITE);
	segment_message(vp, HV_X64_REGISTER_DS, &m.ds);
	segment_message(vp, HV_X64_REGISTER_ES, &m.es);
	vp_intercept(vp, HVMSG_X64_IO_PORT_INTERCEPT, &m, sizeof m);
	return VP_RUN_INTERCEPT;
}

static enum vp_run_result nested_page_fault(struct vp *vp)
{
	const struct vmcb *v = vp->vmcb;
	uint64_t info = v->control.exit_info1;
	struct hv_x64_memory_intercept_message m = { .guest_physical_address = v->control.exit_info2 };
	struct npt_translation t;
	uint8_t access = HV_INTERCEPT_ACCESS_READ;
	bool mapped = npt_walk(vp->partition->npt, m.guest_physical_address, &t);

	vp->stats.exits[BH_EXIT_NPF]++;
	if (info & SVM_NPF_FETCH)
		access = HV_INTERCEPT_ACCESS_EXECUTE;
	else if (info & SVM_NPF_WRITE)
		access = HV_INTERCEPT_ACCESS_WRITE;
	/* Mapped meanwhile, or the fault came from a translation that is no longer true. */
	if (mapped && (access != HV_INTERCEPT_ACCESS_WRITE || t.writable) &&
	    (access != HV_INTERCEPT_ACCESS_EXECUTE || t.executable))
		return VP_RUN_CONTINUE;
	vp_intercept_header(vp, &m.header, 0, access);
	/* No instruction has made the access to a page table: there is nothing to emulate (EXITINFO1 bit 33, 15.25.6). */
	if (!(info & SVM_NPF_TABLE))
		m.instruction_byte_count = guest_fetch(vp, m.instruction_bytes);
	vp_intercept(vp, mapped ? HVMSG_GPA_INTERCEPT : HVMSG_UNMAPPED_GPA, &m, sizeof m);
	return VP_RUN_INTERCEPT;
}

static void set_xcr0(struct vp *vp)
{
	uint64_t value = vp->gpr[2] << 32 | (uint32_t)vp->vmcb->save.rax;

	/* AVX without SSE, x87 off, CPL > 0 or another register: as the processor (APM vol. 2, 11.5.2). */
	if (vp->vmcb->save.cpl != 0 || (uint32_t)vp->gpr[1] != 0 || !(value & 1) || value & ~hv.xfeatures || (value & 6) == 4) {
		svm_inject_exception_error(vp->vmcb, VECTOR_GP, 0);
		return;
	}
	vp->xcr0 = value;
	xsetbv(value);
	svm_skip(vp->vmcb, 3);
}

/* From the first use on the debug registers are switched at every dispatch, and no longer intercepted. */
static void use_debug_registers(struct cpu *cpu, struct vp *vp)
{
	vp->debug_registers = true;
	vp->vmcb->control.intercept_dr = 0;
	cpu->host_dr[0] = read_dr0();
	cpu->host_dr[1] = read_dr1();
	cpu->host_dr[2] = read_dr2();
	cpu->host_dr[3] = read_dr3();
	write_dr0(vp->dr[0]);
	write_dr1(vp->dr[1]);
	write_dr2(vp->dr[2]);
	write_dr3(vp->dr[3]);
}

static enum vp_run_result exception(struct cpu *cpu, struct vp *vp, unsigned int vector)
{
	struct vmcb *root = pa_to_va(cpu->root_vmcb_pa);

	switch (vector) {
	case VECTOR_AC:
		svm_inject_exception_error(vp->vmcb, VECTOR_AC, 0);
		return VP_RUN_CONTINUE;
	case VECTOR_MC:
		/* The machine's: the root's handler reads the banks. The child goes on if the root does. */
		svm_inject_exception(root, VECTOR_MC);
		return VP_RUN_PREEMPTED;
	default:
		svm_inject_exception(vp->vmcb, vector);
		return VP_RUN_CONTINUE;
	}
}

static enum vp_run_result hypercall(struct vp *vp)
{
	enum vp_run_result result;

	vp->stats.exits[BH_EXIT_HYPERCALL]++;
	if (vp->vmcb->save.cpl != 0) {
		svm_inject_exception(vp->vmcb, VECTOR_UD);
		return VP_RUN_CONTINUE;
	}
	result = child_hypercall(vp);
	if (result == VP_RUN_ABSENT)
		return result;
	if (result == VP_RUN_UNDEFINED) {
		svm_inject_exception(vp->vmcb, VECTOR_UD);
		return VP_RUN_CONTINUE;
	}
	svm_skip(vp->vmcb, 3);
	return result;
}

static enum vp_run_result msr_access(struct cpu *cpu, struct vp *vp)
{
	bool write = vp->vmcb->control.exit_info1 & 1, ok;
	uint32_t msr = vp->gpr[1];
	uint64_t value = vp->gpr[2] << 32 | (uint32_t)vp->vmcb->save.rax;
	enum vp_run_result result = VP_RUN_CONTINUE;

	vp->stats.exits[write ? BH_EXIT_MSR_WRITE : BH_EXIT_MSR_READ]++;
	if (write)
		ok = child_wrmsr(cpu, vp, msr, value, &result);
	else
		ok = child_rdmsr(vp, msr, &value);
	if (!ok) {
		svm_inject_exception_error(vp->vmcb, VECTOR_GP, 0);
		return VP_RUN_CONTINUE;
	}
	if (result == VP_RUN_ABSENT)
		return result;
	if (!write) {
		vp->vmcb->save.rax = (uint32_t)value;
		vp->gpr[2] = value >> 32;
	}
	svm_skip(vp->vmcb, 2);
	return result;
}

static void cpuid_exit(struct vp *vp)
{
	struct cpuid_result r;

	vp->stats.exits[BH_EXIT_CPUID]++;
	child_cpuid(vp, vp->vmcb->save.rax, vp->gpr[1], &r);
	vp->vmcb->save.rax = r.eax;
	vp->gpr[3] = r.ebx;
	vp->gpr[1] = r.ecx;
	vp->gpr[2] = r.edx;
	svm_skip(vp->vmcb, 2);
}

enum vp_run_result svm_child_exit(struct cpu *cpu, struct vp *vp)
{
	struct vmcb *v = vp->vmcb;
	uint32_t code = v->control.exit_code;

	switch (code) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_INIT:
		/* Still pending: the root takes it as soon as it runs. */
		vp->stats.exits[BH_EXIT_INTR]++;
		return VP_RUN_PREEMPTED;
	case SVM_EXIT_HLT:
		vp->stats.exits[BH_EXIT_HLT]++;
		svm_skip(v, 1);
		return VP_RUN_HALTED;
	case SVM_EXIT_CPUID:
		cpuid_exit(vp);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_MSR:
		return msr_access(cpu, vp);
	case SVM_EXIT_VMMCALL:
		return hypercall(vp);
	case SVM_EXIT_IOIO:
		return io_port(vp);
	case SVM_EXIT_NPF:
		return nested_page_fault(vp);
	}
	vp->stats.exits[BH_EXIT_OTHER]++;
	switch (code) {
	case SVM_EXIT_CR0_SEL_WRITE:
		svm_control_write(vp, 0);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_WRITE_CR4:
		svm_control_write(vp, 4);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR15:
		use_debug_registers(cpu, vp);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_EXCEPTION ... SVM_EXIT_EXCEPTION + 31:
		return exception(cpu, vp, code - SVM_EXIT_EXCEPTION);
	case SVM_EXIT_IRET:
		/* It runs now; the next NMI is injected at a later exit, when it has. */
		v->control.intercept_misc1 &= ~SVM_INTERCEPT1_IRET;
		vp->nmi_blocked = false;
		v->control.interrupt_shadow |= 1;
		return VP_RUN_CONTINUE;
	case SVM_EXIT_XSETBV:
		set_xcr0(vp);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		svm_skip(v, 2);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_FERR_FREEZE:
		return VP_RUN_CONTINUE;
	case SVM_EXIT_RDPMC:
		svm_inject_exception_error(v, VECTOR_GP, 0);
		return VP_RUN_CONTINUE;
	case SVM_EXIT_SHUTDOWN:
		log_write("partition %llu VP %u: cr2 %llx cr3 %llx rsp %llx idt %llx, last event %llx, window %llx\n",
			  (unsigned long long)vp->partition->id, vp->index, (unsigned long long)v->save.cr2,
			  (unsigned long long)v->save.cr3, (unsigned long long)v->save.rsp, (unsigned long long)v->save.idtr.base,
			  (unsigned long long)v->control.exit_int_info, (unsigned long long)v->control.v_intr);
		return fatal(vp, HVMSG_UNRECOVERABLE_EXCEPTION, "triple fault");
	case SVM_EXIT_INVALID:
		/* What the save area holds now is undefined (15.5.1); with an emulator it is the host's own state. */
		memset(&v->save, 0, sizeof v->save);
		v->save.efer = EFER_SVME;
		return fatal(vp, HVMSG_INVALID_VP_REGISTER_VALUE, "the processor refuses the VP's state");
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD:
	case SVM_EXIT_VMSAVE:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_SKINIT:
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_MWAIT_ARMED:
	case SVM_EXIT_RDPRU:
	case SVM_EXIT_INVLPGB:
		svm_inject_exception(v, VECTOR_UD);
		return VP_RUN_CONTINUE;
	}
	return fatal(vp, HVMSG_UNSUPPORTED_FEATURE, "unexpected exit");
}
