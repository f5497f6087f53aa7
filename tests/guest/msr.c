/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each synthetic MSR answers exactly when its privilege is advertised in leaf 40000003h, and raises #GP otherwise and in a
 * direction that it does not have. What is written is what is read. (Idea: Linux's KVM self test hyperv_features.)
 */
#include "lib/guest.h"
#include "lib/hv.h"

#define R 1u
#define W 2u
#define RW (R | W)
#define ALWAYS 0ull
#define EDX(bit) (1ull << 63 | (bit))        /* a feature of leaf 40000003h EDX instead of a privilege */
#define NEVER (1ull << 62)
#define MSR_NO_TRY 0ull

static const struct msr {
	uint32_t first, last;
	uint64_t privilege;
	unsigned int access;
	uint64_t value;              /* to write and find again; MSR_NO_TRY: writing has effects, it is tried elsewhere */
	const char *name;
} msrs[] = {
	{ HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_GUEST_OS_ID, HV_ACCESS_HYPERCALL_MSRS, RW, 0x8000123400005678, "GUEST_OS_ID" },
	{ HV_X64_MSR_HYPERCALL, HV_X64_MSR_HYPERCALL, HV_ACCESS_HYPERCALL_MSRS, RW, MSR_NO_TRY, "HYPERCALL" },
	{ HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX, HV_ACCESS_VP_INDEX, R, MSR_NO_TRY, "VP_INDEX" },
	{ HV_X64_MSR_RESET, HV_X64_MSR_RESET, HV_ACCESS_RESET, RW, MSR_NO_TRY, "RESET" },
	{ HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME, HV_ACCESS_VP_RUNTIME, R, MSR_NO_TRY, "VP_RUNTIME" },
	{ HV_X64_MSR_TIME_REF_COUNT, HV_X64_MSR_TIME_REF_COUNT, HV_ACCESS_REFERENCE_COUNTER, R, MSR_NO_TRY, "TIME_REF_COUNT" },
	{ HV_X64_MSR_REFERENCE_TSC, HV_X64_MSR_REFERENCE_TSC, HV_ACCESS_REFERENCE_TSC, RW, 0x300000, "REFERENCE_TSC" },
	{ HV_X64_MSR_TSC_FREQUENCY, HV_X64_MSR_APIC_FREQUENCY, HV_ACCESS_FREQUENCY_MSRS, R, MSR_NO_TRY, "FREQUENCY" },
	{ HV_X64_MSR_EOI, HV_X64_MSR_EOI, HV_ACCESS_APIC_MSRS, W, MSR_NO_TRY, "EOI" },
	{ HV_X64_MSR_ICR, HV_X64_MSR_ICR, HV_ACCESS_APIC_MSRS, RW, MSR_NO_TRY, "ICR" },
	{ HV_X64_MSR_TPR, HV_X64_MSR_TPR, HV_ACCESS_APIC_MSRS, RW, 0x10, "TPR" },
	{ HV_X64_MSR_SCONTROL, HV_X64_MSR_SCONTROL, HV_ACCESS_SYNIC, RW, 1, "SCONTROL" },
	{ HV_X64_MSR_SVERSION, HV_X64_MSR_SVERSION, HV_ACCESS_SYNIC, R, MSR_NO_TRY, "SVERSION" },
	{ HV_X64_MSR_SIEFP, HV_X64_MSR_SIEFP, HV_ACCESS_SYNIC, RW, 0x400000, "SIEFP" },
	{ HV_X64_MSR_SIMP, HV_X64_MSR_SIMP, HV_ACCESS_SYNIC, RW, 0x401000, "SIMP" },
	{ HV_X64_MSR_SINT0, HV_X64_MSR_SINT15, HV_ACCESS_SYNIC, RW, HV_SINT_MASKED | 0x40, "SINT" },
	{ 0x400000b0, 0x400000b0, HV_ACCESS_STIMERS, RW, 0x10000, "STIMER0_CONFIG" },
	{ 0x400000b2, 0x400000b2, HV_ACCESS_STIMERS, RW, 0x1ed0, "STIMER1_CONFIG (direct)" },
	{ 0x400000b1, 0x400000b1, HV_ACCESS_STIMERS, RW, 12345678, "STIMER0_COUNT" },
	{ HV_X64_MSR_GUEST_IDLE, HV_X64_MSR_GUEST_IDLE, HV_ACCESS_GUEST_IDLE, R, MSR_NO_TRY, "GUEST_IDLE" },
	{ HV_X64_MSR_CRASH_P0, HV_X64_MSR_CRASH_P4, EDX(HV_FEATURE_CRASH_MSRS), RW, 0xdeadbeef01234567, "CRASH_P" },
	{ HV_X64_MSR_CRASH_CTL, HV_X64_MSR_CRASH_CTL, EDX(HV_FEATURE_CRASH_MSRS), RW, MSR_NO_TRY, "CRASH_CTL" },
	{ 0x40000106, 0x40000108, 1ull << 13, RW, MSR_NO_TRY, "REENLIGHTENMENT" },
	{ HV_X64_MSR_TSC_INVARIANT_CONTROL, HV_X64_MSR_TSC_INVARIANT_CONTROL, HV_ACCESS_TSC_INVARIANT, RW, 1, "TSC_INVARIANT" },
	{ 0x40000004, 0x4000000f, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x40000011, 0x4000001f, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x40000024, 0x4000003f, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x40000074, 0x4000007f, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x40000085, 0x4000008f, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x400000a0, 0x400000af, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x400000b8, 0x400000ef, NEVER, RW, MSR_NO_TRY, "unassigned" },
	{ 0x40000119, 0x40000200, NEVER, RW, MSR_NO_TRY, "unassigned" },
};

static bool offered(uint64_t privilege)
{
	if (privilege == NEVER)
		return false;
	if (privilege >> 63)
		return cpuid(HV_CPUID_FEATURES, 0).edx & (uint32_t)privilege;
	return (hv_privileges() & privilege) == privilege;
}

static void try(const struct msr *m, uint32_t msr)
{
	bool there = offered(m->privilege);
	uint64_t before = 0, after = 0;
	int fault = rdmsr_safe(msr, &before);

	if (there && m->access & R)
		check(fault == NO_FAULT, "%s %x is offered but reading it faults", m->name, msr);
	else
		check(fault == FAULT_GP, "%s %x can be read, though it is not offered", m->name, msr);
	if (!there || !(m->access & W)) {
		check(wrmsr_safe(msr, before) == FAULT_GP, "%s %x can be written, though that is not offered", m->name, msr);
		return;
	}
	if (fault != NO_FAULT || m->value == MSR_NO_TRY)
		return;
	if (check(wrmsr_safe(msr, m->value) == NO_FAULT, "%s %x: writing %lx faults", m->name, msr, m->value)) {
		rdmsr_safe(msr, &after);
		check(after == m->value, "%s %x: wrote %lx, reads %lx", m->name, msr, m->value, after);
	}
	wrmsr_safe(msr, before);
}

GUEST_TEST(msr, "synthetic MSRs are there exactly as CPUID says")
{
	const struct msr *m;
	uint64_t value;
	uint32_t msr;

	if (!hv_require(ALWAYS))
		return;
	for (m = msrs; m != msrs + sizeof msrs / sizeof msrs[0]; m++)
		for (msr = m->first; msr <= m->last; msr++)
			try(m, msr);

	wrmsr(HV_X64_MSR_GUEST_OS_ID, 0);
	wrmsr(HV_X64_MSR_HYPERCALL, 0x400001);
	check(!(rdmsr(HV_X64_MSR_HYPERCALL) & 1), "the hypercall page is enabled without an OS identity");
	check(wrmsr_safe(0x40000092, 0x0f) == FAULT_GP, "SINT2 takes vector 15 without being masked");
	check(rdmsr_safe(HV_X64_MSR_SVERSION, &value) == NO_FAULT && value == HV_SYNIC_VERSION, "SVERSION is %lx", value);
	check(wrmsr_safe(0x1b, 0xfee00900) == FAULT_GP, "x2APIC mode can be left");
	check(rdmsr_safe(0xc0000080, &value) == NO_FAULT && !(value & 1u << 12), "EFER shows SVME: %lx", value);
	check(wrmsr_safe(0xc0000080, value | 1u << 12) == FAULT_GP, "SVME can be set");
	check(wrmsr_safe(0xc0010117, 0x400000) == FAULT_GP, "VM_HSAVE_PA can be written");
}
