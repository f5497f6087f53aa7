/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of child_msr.h and the emulated architectural MSRs. Synthetic ones are in child_msr_synthetic.c. */
#include "arch/x86/child_msr.h"

#include "arch/x86/child_msr_synthetic.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/vp.h"

const struct child_msr_direct child_msr_direct[] = {
	{ 0xc0000100u, 0xc0000102u, CHILD_MSR_READ | CHILD_MSR_WRITE, "FS, GS, kernel GS base: switched by VMLOAD/VMSAVE (15.5.2)" },
	{ 0xc0000081u, 0xc0000084u, CHILD_MSR_READ | CHILD_MSR_WRITE, "STAR, LSTAR, CSTAR, SFMASK: likewise" },
	{ 0x00000174u, 0x00000176u, CHILD_MSR_READ | CHILD_MSR_WRITE, "SYSENTER: likewise" },
	{ MSR_TSC, MSR_TSC, CHILD_MSR_READ, "read with TSC_OFFSET applied (VMCB 050h)" },
	{ 0xc0000103u, 0xc0000103u, CHILD_MSR_READ, "TSC_AUX: loaded while the child runs" },
};
const unsigned int child_msr_direct_count = sizeof child_msr_direct / sizeof child_msr_direct[0];

#define CPUID_FFXSR (1u << 25)
#define MTRR_CAP 0x508ull  /* 8 variable ranges, fixed ranges, write-combining */

/* Emulated MSRs by range; a NULL function: #GP for that direction. index: MSR - first. */
struct emulated {
	uint32_t first, last;
	bool (*read)(struct vp *vp, unsigned int index, uint64_t *value);
	bool (*write)(struct vp *vp, unsigned int index, uint64_t value);
	const char *reason;
};

static bool read_zero(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = 0;
	return true;
}

static bool ignore_write(struct vp *vp, unsigned int index, uint64_t value)
{
	return true;
}

static bool read_apic_base(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = APIC_BASE_PA | APIC_BASE_ENABLE | APIC_BASE_EXTD | (vp->index == 0 ? APIC_BASE_BSP : 0);
	return true;
}

static bool write_apic_base(struct vp *vp, unsigned int index, uint64_t value)
{
	uint64_t now;

	read_apic_base(vp, 0, &now);
	return value == now;
}

static bool get(struct vp *vp, uint32_t name, uint64_t *value)
{
	union hv_register_value v;
	bool ok = vp_vendor_get_register(vp, name, &v);

	*value = v.reg64;
	return ok;
}

static bool set(struct vp *vp, uint32_t name, uint64_t value)
{
	union hv_register_value v = { .reg64 = value };

	return vp_vendor_set_register(vp, name, &v);
}

static bool read_pat(struct vp *vp, unsigned int index, uint64_t *value)
{
	return get(vp, HV_X64_REGISTER_PAT, value);
}

/* Types 2, 3 and 8 and above are reserved (APM vol. 2, 7.8.1). */
static bool write_pat(struct vp *vp, unsigned int index, uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t type = value >> (8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return set(vp, HV_X64_REGISTER_PAT, value);
}

static bool read_efer(struct vp *vp, unsigned int index, uint64_t *value)
{
	return get(vp, HV_X64_REGISTER_EFER, value);
}

static bool write_efer(struct vp *vp, unsigned int index, uint64_t value)
{
	uint64_t known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR, old, cr0;

	get(vp, HV_X64_REGISTER_EFER, &old);
	get(vp, HV_X64_REGISTER_CR0, &cr0);
	/* What child_cpuid.c offers: FFXSR where the processor has it, translation cache extension never. */
	if (!(cpuid(0x80000001u, 0).edx & CPUID_FFXSR))
		known &= ~EFER_FFXSR;
	if (value & ~known)
		return false;
	/* Long mode cannot change under paging; LMA is the processor's. */
	if ((value ^ old) & EFER_LME && cr0 & CR0_PG)
		return false;
	return set(vp, HV_X64_REGISTER_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
}

/* Uncacheable, write-combining, write-through, write-protected, write-back (APM vol. 2, 7.7.1); the others raise #GP. */
static bool mtrr_type_valid(uint8_t type)
{
	return type <= 1 || (type >= 4 && type <= 6);
}

static bool read_mtrr_cap(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = MTRR_CAP;
	return true;
}

static bool read_mtrr_def(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = vp->child.mtrr_def_type;
	return true;
}

/* Kept and given back; nested paging decides about caching with the host's MTRRs and the child's PAT (15.25.8). */
static bool write_mtrr_def(struct vp *vp, unsigned int index, uint64_t value)
{
	if (value & ~0xcffull || !mtrr_type_valid(value))
		return false;
	vp->child.mtrr_def_type = value;
	return true;
}

static bool read_mtrr_variable(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = vp->child.mtrr_variable[index];
	return true;
}

static bool write_mtrr_variable(struct vp *vp, unsigned int index, uint64_t value)
{
	/* Base: type 7:0 and address; mask: valid 11 and address. */
	if (value >> CHILD_PHYSICAL_BITS || value & (index & 1 ? 0x7ff : 0xf00) || (!(index & 1) && !mtrr_type_valid(value)))
		return false;
	vp->child.mtrr_variable[index] = value;
	return true;
}

/* 250h, 258h-259h, 268h-26Fh */
static unsigned int fixed_index(unsigned int index)
{
	return index == 0 ? 0 : index < 0x10 ? index - 7 : index - 0x18 + 3;
}

static bool read_mtrr_fixed(struct vp *vp, unsigned int index, uint64_t *value)
{
	if ((index > 0 && index < 8) || (index > 9 && index < 0x18))
		return false;
	*value = vp->child.mtrr_fixed[fixed_index(index)];
	return true;
}

static bool write_mtrr_fixed(struct vp *vp, unsigned int index, uint64_t value)
{
	if ((index > 0 && index < 8) || (index > 9 && index < 0x18))
		return false;
	for (unsigned int i = 0; i < 8; i++)
		if (!mtrr_type_valid(value >> (8 * i)))
			return false;
	vp->child.mtrr_fixed[fixed_index(index)] = value;
	return true;
}

static bool write_tsc_aux(struct vp *vp, unsigned int index, uint64_t value)
{
	if (value >> 32)
		return false;
	vp->tsc_aux = value;
	wrmsr(0xc0000103u, value);
	return true;
}

static bool read_hwcr(struct vp *vp, unsigned int index, uint64_t *value)
{
	*value = 1ull << 24; /* TscFreqSel: the TSC runs at the P0 frequency */
	return true;
}

static const struct emulated emulated[] = {
	{ MSR_TSC, MSR_TSC, NULL, ignore_write, "the TSC is the machine's; reference time depends on it" },
	{ MSR_APIC_BASE, MSR_APIC_BASE, read_apic_base, write_apic_base, "x2APIC mode, for good" },
	{ 0x8b, 0x8b, read_zero, ignore_write, "patch level: microcode is the root's" },
	{ 0xfe, 0xfe, read_mtrr_cap, NULL, "MTRRcap" },
	{ 0x179, 0x17a, read_zero, ignore_write, "MCG_CAP (no banks), MCG_STATUS" },
	{ 0x1d9, 0x1d9, read_zero, ignore_write, "DebugCtl: branch records are not offered; debuggers clear it" },
	{ 0x200, 0x20f, read_mtrr_variable, write_mtrr_variable, "variable MTRRs" },
	{ 0x250, 0x26f, read_mtrr_fixed, write_mtrr_fixed, "fixed MTRRs" },
	{ MSR_PAT, MSR_PAT, read_pat, write_pat, "G_PAT of the VMCB" },
	{ 0x2ff, 0x2ff, read_mtrr_def, write_mtrr_def, "MTRRdefType" },
	{ MSR_EFER, MSR_EFER, read_efer, write_efer, "SVME is set and hidden" },
	{ 0xc0000103u, 0xc0000103u, NULL, write_tsc_aux, "remembered for the next dispatch" },
	{ 0xc0010010u, 0xc0010010u, read_zero, ignore_write, "SYSCFG: memory encryption is not offered" },
	{ 0xc0010015u, 0xc0010015u, read_hwcr, ignore_write, "HWCR" },
	{ 0xc001001fu, 0xc001001fu, read_zero, ignore_write, "NB_CFG: Linux reads it on AMD processors" },
	{ 0xc0010055u, 0xc0010055u, read_zero, ignore_write, "interrupt pending message: Linux's C1E check" },
	{ 0xc0010112u, 0xc0010114u, read_zero, NULL, "TSEG base and mask, VM_CR" },
	{ 0xc0011020u, 0xc0011020u, read_zero, ignore_write, "LS_CFG: Linux's errata work-arounds; the root has applied them" },
	{ 0xc0011022u, 0xc0011023u, read_zero, ignore_write, "DC_CFG, CU_CFG: Linux's errata work-arounds; the root has applied them" },
	{ 0xc0011028u, 0xc0011029u, read_zero, ignore_write, "FP_CFG, DE_CFG: likewise" },
};

/* One line in the log for each unknown MSR, as far as the list reaches. */
static void report_unknown(const struct vp *vp, uint32_t msr, bool write)
{
	static uint32_t known[64];
	static uint32_t count;
	uint32_t n = __atomic_load_n(&count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n && i < 64; i++)
		if (known[i] == msr)
			return;
	n = __atomic_fetch_add(&count, 1, __ATOMIC_ACQ_REL);
	if (n >= 64) {
		__atomic_store_n(&count, 64, __ATOMIC_RELEASE);
		return;
	}
	known[n] = msr;
	log_write("partition %llu VP %u: %s of MSR %x, which does not exist for a child: #GP\n",
		  (unsigned long long)hv_partition_id(vp), vp->index, write ? "write" : "read", msr);
}

static const struct emulated *find(uint32_t msr)
{
	for (unsigned int i = 0; i < sizeof emulated / sizeof emulated[0]; i++)
		if (msr >= emulated[i].first && msr <= emulated[i].last)
			return &emulated[i];
	return NULL;
}

bool child_rdmsr(struct vp *vp, uint32_t msr, uint64_t *value)
{
	const struct emulated *e = find(msr);
	bool ok;

	if (msr >= 0x800 && msr <= 0x8ff)
		ok = lapic_read(&vp->child.lapic, msr, rdtsc(), value);
	else if (msr >= 0x40000000u && msr <= 0x400001ffu)
		ok = synthetic_rdmsr(vp, msr, value);
	else
		ok = e && e->read && e->read(vp, msr - e->first, value);
	if (!ok)
		report_unknown(vp, msr, false);
	return ok;
}

static bool write_lapic(struct vp *vp, uint32_t msr, uint64_t value)
{
	struct lapic_ipi ipi;

	if (!lapic_write(&vp->child.lapic, msr, value, rdtsc(), &ipi))
		return false;
	vp_vendor_set_cr8(vp, vp->child.lapic.tpr >> 4);
	if (ipi.send)
		child_send_ipi(vp, &ipi);
	return true;
}

bool child_wrmsr(struct cpu *cpu, struct vp *vp, uint32_t msr, uint64_t value, enum vp_run_result *result)
{
	const struct emulated *e = find(msr);
	bool ok;

	if (msr >= 0x800 && msr <= 0x8ff)
		ok = write_lapic(vp, msr, value);
	else if (msr >= 0x40000000u && msr <= 0x400001ffu)
		ok = synthetic_wrmsr(vp, msr, value, result);
	else
		ok = e && e->write && e->write(vp, msr - e->first, value);
	if (!ok)
		report_unknown(vp, msr, true);
	return ok;
}
