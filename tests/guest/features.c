/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access table of Linux's self test tools/testing/selftests/kvm/x86_64/hyperv_features.c, in a running child: each MSR and
 * hypercall answers as the leaves 40000003h and 40000004h say, whatever they say. Each ROW that it prints is one of
 * docs/tlfs-coverage.md: conformance.sh compares.
 */
#include "lib/guest.h"
#include "lib/hv.h"

#define EAX(bits) { 0, bits, 0 }         /* leaf 40000003h EBX:EAX */
#define EDX(bits) { 1, bits, 0 }         /* its EDX */
#define HINT(bits) { 2, bits, 0 }        /* leaf 40000004h EAX */
#define SPIN { 3, 0, 0 }                 /* its EBX names a number of retries */
#define ALWAYS { 4, 0, 0 }
#define NEVER { 5, 0, 0 }                /* nothing that is ever offered here grants it */
#define READ false
#define WRITE true
#define MSR_REENLIGHTENMENT 0x40000106u
#define MSR_DEBUG_STATUS 0x400000f2u
#define HVCALL_RESET_DEBUG_SESSION 0x69u
#define STATUS_UNDEFINED 0x100u          /* no status: #UD */

struct grant {
	unsigned int where;
	uint64_t bits;
	uint32_t hints;                  /* and these of leaf 40000004h EAX */
};

static const struct msr_row {
	const char *name;
	uint32_t msr;
	bool write;
	uint64_t value;
	struct grant grant;              /* access works with it, else it raises #GP */
} msr_rows[] = {
	{ "GUEST_OS_ID", HV_X64_MSR_GUEST_OS_ID, WRITE, 0x8100000000000000, EAX(HV_ACCESS_HYPERCALL_MSRS) },
	{ "GUEST_OS_ID", HV_X64_MSR_GUEST_OS_ID, READ, 0, EAX(HV_ACCESS_HYPERCALL_MSRS) },
	{ "HYPERCALL", HV_X64_MSR_HYPERCALL, READ, 0, EAX(HV_ACCESS_HYPERCALL_MSRS) },
	{ "VP_RUNTIME", HV_X64_MSR_VP_RUNTIME, READ, 0, EAX(HV_ACCESS_VP_RUNTIME) },
	{ "VP_RUNTIME", HV_X64_MSR_VP_RUNTIME, WRITE, 1, NEVER },
	{ "TIME_REF_COUNT", HV_X64_MSR_TIME_REF_COUNT, READ, 0, EAX(HV_ACCESS_REFERENCE_COUNTER) },
	{ "TIME_REF_COUNT", HV_X64_MSR_TIME_REF_COUNT, WRITE, 1, NEVER },
	{ "VP_INDEX", HV_X64_MSR_VP_INDEX, READ, 0, EAX(HV_ACCESS_VP_INDEX) },
	{ "VP_INDEX", HV_X64_MSR_VP_INDEX, WRITE, 1, NEVER },
	{ "RESET", HV_X64_MSR_RESET, READ, 0, EAX(HV_ACCESS_RESET) },
	{ "RESET", HV_X64_MSR_RESET, WRITE, 0, EAX(HV_ACCESS_RESET) },
	{ "REFERENCE_TSC", HV_X64_MSR_REFERENCE_TSC, READ, 0, EAX(HV_ACCESS_REFERENCE_TSC) },
	{ "REFERENCE_TSC", HV_X64_MSR_REFERENCE_TSC, WRITE, 0, EAX(HV_ACCESS_REFERENCE_TSC) },
	{ "EOM", HV_X64_MSR_EOM, READ, 0, EAX(HV_ACCESS_SYNIC) },
	{ "EOM", HV_X64_MSR_EOM, WRITE, 0, EAX(HV_ACCESS_SYNIC) },
	{ "STIMER0_CONFIG", HV_X64_MSR_STIMER0_CONFIG, READ, 0, EAX(HV_ACCESS_STIMERS) },
	{ "STIMER0_CONFIG", HV_X64_MSR_STIMER0_CONFIG, WRITE, 0, EAX(HV_ACCESS_STIMERS) },
	{ "STIMER0_CONFIG", HV_X64_MSR_STIMER0_CONFIG, WRITE, HV_STIMER_DIRECT, EDX(HV_FEATURE_STIMER_DIRECT) },
	{ "EOI", HV_X64_MSR_EOI, READ, 0, NEVER },
	{ "EOI", HV_X64_MSR_EOI, WRITE, 1, EAX(HV_ACCESS_APIC_MSRS) },
	{ "TSC_FREQUENCY", HV_X64_MSR_TSC_FREQUENCY, READ, 0, EAX(HV_ACCESS_FREQUENCY_MSRS) },
	{ "TSC_FREQUENCY", HV_X64_MSR_TSC_FREQUENCY, WRITE, 1, NEVER },
	{ "REENLIGHTENMENT_CONTROL", MSR_REENLIGHTENMENT, READ, 0, EAX(1ull << 13) },
	{ "REENLIGHTENMENT_CONTROL", MSR_REENLIGHTENMENT, WRITE, 1, EAX(1ull << 13) },
	{ "TSC_EMULATION_STATUS", MSR_REENLIGHTENMENT + 2, WRITE, 1, NEVER },
	{ "CRASH_P0", HV_X64_MSR_CRASH_P0, READ, 0, EDX(HV_FEATURE_CRASH_MSRS) },
	{ "CRASH_P0", HV_X64_MSR_CRASH_P0, WRITE, 1, EDX(HV_FEATURE_CRASH_MSRS) },
	{ "SYNDBG_STATUS", MSR_DEBUG_STATUS, READ, 0, EDX(1u << 11) },
	{ "SYNDBG_STATUS", MSR_DEBUG_STATUS, WRITE, 0, EDX(1u << 11) },
	{ "TSC_INVARIANT_CONTROL", HV_X64_MSR_TSC_INVARIANT_CONTROL, READ, 0, EAX(HV_ACCESS_TSC_INVARIANT) },
	{ "TSC_INVARIANT_CONTROL", HV_X64_MSR_TSC_INVARIANT_CONTROL, WRITE, 1, EAX(HV_ACCESS_TSC_INVARIANT) },
	{ "TSC_INVARIANT_CONTROL", HV_X64_MSR_TSC_INVARIANT_CONTROL, WRITE, 0xdeadbeef, NEVER },
};

static const struct call_row {
	const char *name;
	uint64_t control;
	struct grant grant;
	uint16_t with, without;          /* status, the whole input being 0 */
} call_rows[] = {
	{ "no such code", 0xbeef, ALWAYS, HV_STATUS_INVALID_HYPERCALL_CODE, 0 },
	{ "POST_MESSAGE", HVCALL_POST_MESSAGE, EAX(HV_POST_MESSAGES), HV_STATUS_INVALID_HYPERCALL_INPUT, HV_STATUS_ACCESS_DENIED },
	{ "SIGNAL_EVENT", HVCALL_SIGNAL_EVENT, EAX(HV_SIGNAL_EVENTS), HV_STATUS_INVALID_HYPERCALL_INPUT, HV_STATUS_ACCESS_DENIED },
	{ "RESET_DEBUG_SESSION", HVCALL_RESET_DEBUG_SESSION, NEVER, 0, HV_STATUS_INVALID_HYPERCALL_CODE },
	{ "FLUSH_VA_SPACE", HVCALL_FLUSH_VA_SPACE, HINT(HV_HINT_REMOTE_TLB_FLUSH), HV_STATUS_SUCCESS, HV_STATUS_ACCESS_DENIED },
	{ "FLUSH_VA_SPACE_EX", HVCALL_FLUSH_VA_SPACE_EX, HINT(HV_HINT_REMOTE_TLB_FLUSH | HV_HINT_EX_PROCESSOR_MASKS), HV_STATUS_SUCCESS,
	  HV_STATUS_ACCESS_DENIED },
	{ "SEND_IPI", HVCALL_SEND_IPI, HINT(HV_HINT_CLUSTER_IPI), HV_STATUS_INVALID_HYPERCALL_INPUT, HV_STATUS_ACCESS_DENIED },
	{ "SEND_IPI_EX", HVCALL_SEND_IPI_EX, HINT(HV_HINT_CLUSTER_IPI | HV_HINT_EX_PROCESSOR_MASKS), HV_STATUS_SUCCESS,
	  HV_STATUS_ACCESS_DENIED },
	{ "NOTIFY_LONG_SPIN_WAIT", HVCALL_NOTIFY_LONG_SPIN_WAIT, SPIN, HV_STATUS_SUCCESS, HV_STATUS_ACCESS_DENIED },
	{ "FLUSH_VA_SPACE, in registers", HVCALL_FLUSH_VA_SPACE | HV_HYPERCALL_FAST,
	  { 1, HV_FEATURE_XMM_INPUT, HV_HINT_REMOTE_TLB_FLUSH }, HV_STATUS_SUCCESS, STATUS_UNDEFINED },
	{ "EXT_QUERY_CAPABILITIES", HVCALL_EXT_QUERY_CAPABILITIES, EAX(1ull << (32 + 20)), HV_STATUS_SUCCESS, HV_STATUS_ACCESS_DENIED },
};

static uint8_t input[2][4096] __attribute__((aligned(4096)));

static bool granted(const struct grant *g)
{
	struct cpuid features = cpuid(HV_CPUID_FEATURES, 0), hints = cpuid(HV_CPUID_ENLIGHTENMENTS, 0);
	uint64_t privileges = (uint64_t)features.ebx << 32 | features.eax;

	switch (g->where) {
	case 0:
		return (privileges & g->bits) == g->bits;
	case 1:
		return (features.edx & g->bits) == g->bits && (hints.eax & g->hints) == g->hints;
	case 2:
		return (hints.eax & g->bits) == g->bits;
	case 3:
		return hints.ebx != 0 && hints.ebx != ~0u;
	case 4:
		return true;
	}
	return false;
}

/* Without the page, which may not be there; *result stays as it is when the instruction faults. */
static int call_safe(uint64_t control, uint64_t rdx, uint64_t in_r8, uint64_t *result)
{
	register uint64_t r8 asm("r8") = in_r8;
	uint64_t fault = -1ull;

	asm volatile("1: vmmcall\n" FAULT_TO_2 : "+b"(fault), "+a"(*result), "+c"(control), "+d"(rdx), "+r"(r8)
		     : : "r9", "r10", "r11", "memory");
	return (int)fault;
}

static bool try_msr(const struct msr_row *r)
{
	bool there = granted(&r->grant);
	uint64_t value;
	int fault = r->write ? wrmsr_safe(r->msr, r->value) : rdmsr_safe(r->msr, &value);

	check(fault == (there ? NO_FAULT : FAULT_GP), "%s of %s %s", r->write ? "write" : "read", r->name,
	      there ? "faults, though CPUID grants it" : "does not fault, though CPUID does not grant it");
	if (r->write)
		print("ROW | %s | write %lxh | %s |\n", r->name, r->value, fault == NO_FAULT ? "works" : "#GP");
	else
		print("ROW | %s | read | %s |\n", r->name, fault == NO_FAULT ? "works" : "#GP");
	return there;
}

static bool try_call(const struct call_row *r)
{
	bool there = granted(&r->grant), memory = !(r->control & HV_HYPERCALL_FAST);
	uint16_t expected = there ? r->with : r->without;
	uint64_t result = ~0ull;
	int fault;

	memset(input, 0, sizeof input);
	asm volatile("pxor %%xmm0, %%xmm0" : : : );
	fault = call_safe(r->control, memory ? (uintptr_t)input[0] : 0, memory ? (uintptr_t)input[1] : 0, &result);
	/* Not even the hint: denied before its form matters. */
	if (expected == STATUS_UNDEFINED && !(cpuid(HV_CPUID_ENLIGHTENMENTS, 0).eax & r->grant.hints))
		expected = HV_STATUS_ACCESS_DENIED;
	if (expected == STATUS_UNDEFINED)
		check(fault == FAULT_UD, "%s: vector %d, expected #UD", r->name, fault);
	else
		check(fault == NO_FAULT && result == expected, "%s: vector %d, result %lx, expected %x", r->name, fault, result, expected);
	if (fault == NO_FAULT)
		print("ROW | %s | call %lxh | %lu |\n", r->name, r->control, result);
	else
		print("ROW | %s | call %lxh | #UD |\n", r->name, r->control);
	return there;
}

GUEST_TEST(features, "MSRs and hypercalls answer as CPUID says (Linux's hyperv_features)")
{
	unsigned int there = 0, rows = 0;

	if (!(cpuid(1, 0).ecx & 1u << 31) || cpuid(HV_CPUID_INTERFACE, 0).eax != HV_CPUID_INTERFACE_HV1) {
		skip("no Hyper-V interface");
		return;
	}
	for (unsigned int i = 0; i < sizeof msr_rows / sizeof msr_rows[0]; i++, rows++)
		there += try_msr(&msr_rows[i]);
	for (unsigned int i = 0; i < sizeof call_rows / sizeof call_rows[0]; i++, rows++)
		there += try_call(&call_rows[i]);
	print("%u of %u granted\n", there, rows);
}
