/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access tables of Linux's self test tools/testing/selftests/kvm/x86_64/hyperv_features.c, stage by stage: leaves 40000003h and
 * 40000004h begin empty, each stage grants more, and an MSR or hypercall answers as what is granted by then says. docs/tlfs-coverage.md
 * lists what a child has without such a restriction; the guest program `features` checks that in a running child.
 */
#include <string.h>

#include "abi/hypercall.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

#define INPUT_GPA 0x3000ull
#define FAST HV_HYPERCALL_FAST
#define UNDEFINED 0xffffu            /* no status: #UD */

static uint64_t id;
static struct vp *vp;
static struct bh_output_dispatch_vp output;
static unsigned int overrides;

/* The VMM's result for a whole leaf. A later one for the same leaf wins. */
static void leaf(uint32_t number, uint32_t eax, uint32_t ebx, uint32_t edx)
{
	struct hv_input_register_intercept_result in = { .partition_id = id, .intercept_type = 2, .eax = number,
		.result = { { eax, ~0u }, { ebx, ~0u }, { 0, ~0u }, { edx, ~0u } } };

	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	overrides++;
}

static void start(void)
{
	machine_start();
	id = machine_partition(1);
	vp = machine_vp(id, 0);
	memset(&output, 0, sizeof output);
	vp->output = &output;
}

/* The list of a partition's results is short: a new partition now and then, with what is granted so far. */
static void grant(uint64_t privileges, uint32_t features, uint32_t hints, uint32_t spin)
{
	struct cpuid_result r;

	if (overrides + 2 > CPUID_OVERRIDES_MAX || !vp) {
		start();
		overrides = 0;
	}
	leaf(HV_CPUID_FEATURES, (uint32_t)privileges, privileges >> 32, features);
	leaf(HV_CPUID_ENLIGHTENMENTS, hints, spin, 0);
	child_cpuid(vp, HV_CPUID_FEATURES, 0, &r);
	ck_assert_uint_eq(r.eax, (uint32_t)privileges);
	ck_assert_uint_eq(r.edx, features);
	child_cpuid(vp, HV_CPUID_ENLIGHTENMENTS, 0, &r);
	ck_assert_uint_eq(r.eax, hints);
	ck_assert_uint_eq(r.ebx, spin);
}

/* In the order of the self test; what a row grants stays granted. Rows whose feature is never granted here have none. */
static const struct {
	uint64_t privilege;
	uint32_t feature, msr;
	bool     write;
	uint64_t value;
	bool     works;
} msr_stages[] = {
	{ 0, 0, HV_X64_MSR_GUEST_OS_ID, false, 0, false },
	{ 0, 0, HV_X64_MSR_HYPERCALL, false, 0, false },
	{ HV_ACCESS_HYPERCALL_MSRS, 0, HV_X64_MSR_GUEST_OS_ID, true, 0x8100ull << 48, true },
	{ 0, 0, HV_X64_MSR_GUEST_OS_ID, false, 0, true },
	{ 0, 0, HV_X64_MSR_HYPERCALL, false, 0, true },
	{ 0, 0, HV_X64_MSR_VP_RUNTIME, false, 0, false },
	{ HV_ACCESS_VP_RUNTIME, 0, HV_X64_MSR_VP_RUNTIME, false, 0, true },
	{ 0, 0, HV_X64_MSR_VP_RUNTIME, true, 1, false },
	{ 0, 0, HV_X64_MSR_TIME_REF_COUNT, false, 0, false },
	{ HV_ACCESS_REFERENCE_COUNTER, 0, HV_X64_MSR_TIME_REF_COUNT, false, 0, true },
	{ 0, 0, HV_X64_MSR_TIME_REF_COUNT, true, 1, false },
	{ 0, 0, HV_X64_MSR_VP_INDEX, false, 0, false },
	{ HV_ACCESS_VP_INDEX, 0, HV_X64_MSR_VP_INDEX, false, 0, true },
	{ 0, 0, HV_X64_MSR_VP_INDEX, true, 1, false },
	{ 0, 0, HV_X64_MSR_RESET, false, 0, false },
	{ HV_ACCESS_RESET, 0, HV_X64_MSR_RESET, false, 0, true },
	{ 0, 0, HV_X64_MSR_RESET, true, 0, true },
	{ 0, 0, HV_X64_MSR_REFERENCE_TSC, false, 0, false },
	{ HV_ACCESS_REFERENCE_TSC, 0, HV_X64_MSR_REFERENCE_TSC, false, 0, true },
	{ 0, 0, HV_X64_MSR_REFERENCE_TSC, true, 0, true },
	{ 0, 0, HV_X64_MSR_EOM, false, 0, false },
	{ HV_ACCESS_SYNIC, 0, HV_X64_MSR_EOM, false, 0, true },
	{ 0, 0, HV_X64_MSR_EOM, true, 0, true },
	{ 0, 0, HV_X64_MSR_STIMER0_CONFIG, false, 0, false },
	{ HV_ACCESS_STIMERS, 0, HV_X64_MSR_STIMER0_CONFIG, false, 0, true },
	{ 0, 0, HV_X64_MSR_STIMER0_CONFIG, true, 0, true },
	{ 0, 0, HV_X64_MSR_STIMER0_CONFIG, true, HV_STIMER_DIRECT, false },
	{ 0, HV_FEATURE_STIMER_DIRECT, HV_X64_MSR_STIMER0_CONFIG, true, HV_STIMER_DIRECT, true },
	{ 0, 0, HV_X64_MSR_EOI, false, 0, false },
	{ HV_ACCESS_APIC_MSRS, 0, HV_X64_MSR_EOI, true, 1, true },
	{ 0, 0, HV_X64_MSR_TSC_FREQUENCY, false, 0, false },
	{ HV_ACCESS_FREQUENCY_MSRS, 0, HV_X64_MSR_TSC_FREQUENCY, false, 0, true },
	{ 0, 0, HV_X64_MSR_TSC_FREQUENCY, true, 1, false },
	{ 0, 0, 0x40000106 /* re-enlightenment */, false, 0, false },
	{ 0, 0, HV_X64_MSR_CRASH_P0, false, 0, false },
	{ 0, HV_FEATURE_CRASH_MSRS, HV_X64_MSR_CRASH_P0, false, 0, true },
	{ 0, 0, HV_X64_MSR_CRASH_P0, true, 1, true },
	{ 0, 0, 0x400000f2 /* debugger status */, false, 0, false },
	{ 0, 0, HV_X64_MSR_TSC_INVARIANT_CONTROL, false, 0, false },
	{ HV_ACCESS_TSC_INVARIANT, 0, HV_X64_MSR_TSC_INVARIANT_CONTROL, false, 0, true },
	{ 0, 0, HV_X64_MSR_TSC_INVARIANT_CONTROL, true, 1, true },
	{ 0, 0, HV_X64_MSR_TSC_INVARIANT_CONTROL, true, 0xdeadbeef, false },
};

START_TEST(msrs)
{
	uint64_t privileges = 0, value;
	uint32_t features = 0;
	enum vp_run_result result;

	vp = NULL;
	for (unsigned int i = 0; i < sizeof msr_stages / sizeof msr_stages[0]; i++) {
		bool works;

		privileges |= msr_stages[i].privilege;
		features |= msr_stages[i].feature;
		grant(privileges, features, 0, 0);
		if (msr_stages[i].write)
			works = child_wrmsr(machine_cpu, vp, msr_stages[i].msr, msr_stages[i].value, &result);
		else
			works = child_rdmsr(vp, msr_stages[i].msr, &value);
		ck_assert_msg(works == msr_stages[i].works, "row %u: %s of MSR %x %s", i, msr_stages[i].write ? "write" : "read",
			      msr_stages[i].msr, works ? "works" : "faults");
	}
}

static const struct {
	uint64_t privilege;
	uint32_t feature, hints, spin;
	uint64_t control;
	uint16_t status;
} call_stages[] = {
	{ HV_ACCESS_HYPERCALL_MSRS, 0, 0, 0, 0xbeef, HV_STATUS_INVALID_HYPERCALL_CODE },
	{ 0, 0, 0, 0, HVCALL_POST_MESSAGE, HV_STATUS_ACCESS_DENIED },
	{ HV_POST_MESSAGES, 0, 0, 0, HVCALL_POST_MESSAGE, HV_STATUS_INVALID_HYPERCALL_INPUT },
	{ 0, 0, 0, 0, HVCALL_SIGNAL_EVENT, HV_STATUS_ACCESS_DENIED },
	{ HV_SIGNAL_EVENTS, 0, 0, 0, HVCALL_SIGNAL_EVENT, HV_STATUS_INVALID_HYPERCALL_INPUT },
	{ 0, 0, 0, 0, 0x69 /* reset debug session */, HV_STATUS_INVALID_HYPERCALL_CODE },
	{ 0, 0, 0, 0, HVCALL_FLUSH_VA_SPACE, HV_STATUS_ACCESS_DENIED },
	{ 0, 0, HV_HINT_REMOTE_TLB_FLUSH, 0, HVCALL_FLUSH_VA_SPACE, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_FLUSH_VA_SPACE_EX, HV_STATUS_ACCESS_DENIED },
	{ 0, 0, HV_HINT_EX_PROCESSOR_MASKS, 0, HVCALL_FLUSH_VA_SPACE_EX, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_SEND_IPI, HV_STATUS_ACCESS_DENIED },
	{ 0, 0, HV_HINT_CLUSTER_IPI, 0, HVCALL_SEND_IPI, HV_STATUS_INVALID_HYPERCALL_INPUT },
	{ 0, 0, 0, 0, HVCALL_SEND_IPI_EX, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_NOTIFY_LONG_SPIN_WAIT, HV_STATUS_ACCESS_DENIED },
	{ 0, 0, 0, 0xfff, HVCALL_NOTIFY_LONG_SPIN_WAIT, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_FLUSH_VA_SPACE | FAST, UNDEFINED },
	{ 0, HV_FEATURE_XMM_INPUT, 0, 0, HVCALL_FLUSH_VA_SPACE | FAST, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_EXT_QUERY_CAPABILITIES, HV_STATUS_ACCESS_DENIED },
	{ 0, 0, 0, 0, HVCALL_EXT_MEMORY_HEAT_HINT, HV_STATUS_ACCESS_DENIED },
	{ HV_EXTENDED_HYPERCALLS, 0, 0, 0, HVCALL_EXT_QUERY_CAPABILITIES, HV_STATUS_SUCCESS },
	{ 0, 0, 0, 0, HVCALL_EXT_MEMORY_HEAT_HINT, HV_STATUS_INVALID_HYPERCALL_INPUT },
};

START_TEST(hypercalls)
{
	uint64_t privileges = 0;
	uint32_t features = 0, hints = 0, spin = 0;
	enum vp_run_result result;

	vp = NULL;
	for (unsigned int i = 0; i < sizeof call_stages / sizeof call_stages[0]; i++) {
		privileges |= call_stages[i].privilege;
		features |= call_stages[i].feature;
		hints |= call_stages[i].hints;
		spin |= call_stages[i].spin;
		grant(privileges, features, hints, spin);
		memset(machine_gpa(INPUT_GPA), 0, 4096);
		vp->gpr[1] = call_stages[i].control;
		vp->gpr[2] = call_stages[i].control & FAST ? 0 : INPUT_GPA;
		vp->gpr[8] = call_stages[i].control & FAST ? 0 : INPUT_GPA + 4096;
		machine_vmcb(vp)->rax = ~0ull;
		result = child_hypercall(vp);
		if (call_stages[i].status == UNDEFINED) {
			ck_assert_int_eq(result, VP_RUN_UNDEFINED);
			ck_assert_uint_eq(machine_vmcb(vp)->rax, ~0ull);
		} else {
			ck_assert_int_eq(result, VP_RUN_CONTINUE);
			ck_assert_msg(machine_vmcb(vp)->rax == call_stages[i].status, "row %u: control %llx gave %llx", i,
				      (unsigned long long)call_stages[i].control, (unsigned long long)machine_vmcb(vp)->rax);
		}
	}
}

/* A VMM cannot grant what is not there by showing it, and what it shows beyond that changes nothing. */
START_TEST(nothing_is_granted_that_is_not_there)
{
	uint64_t value;

	vp = NULL;
	grant(~0ull, ~0u, ~0u, ~0u);
	ck_assert_uint_eq(vp->partition->child.grants.privileges & (HV_CREATE_PARTITIONS | HV_CPU_MANAGEMENT), 0);
	for (uint32_t msr = 0x40000106; msr <= 0x40000108; msr++)
		ck_assert(!child_rdmsr(vp, msr, &value));
	for (uint32_t code = HVCALL_CREATE_PARTITION; code < HVCALL_POST_MESSAGE; code++) {
		vp->gpr[1] = code | FAST;
		child_hypercall(vp);
		ck_assert_uint_eq(machine_vmcb(vp)->rax, HV_STATUS_INVALID_HYPERCALL_CODE);
	}
	/* Spin retries "never" grants no notification. */
	vp->gpr[1] = HVCALL_NOTIFY_LONG_SPIN_WAIT | FAST;
	child_hypercall(vp);
	ck_assert_uint_eq(machine_vmcb(vp)->rax, HV_STATUS_ACCESS_DENIED);
}

/* Invariant TSC: not offered by itself; offered, the processor's bit shows once the child has asked for it. */
START_TEST(invariant_tsc)
{
	enum vp_run_result result;
	struct cpuid_result r;

	start();
	overrides = 0;
	child_cpuid(vp, HV_CPUID_FEATURES, 0, &r);
	ck_assert_uint_eq(r.eax & HV_ACCESS_TSC_INVARIANT, 0);
	ck_assert(!child_wrmsr(machine_cpu, vp, HV_X64_MSR_TSC_INVARIANT_CONTROL, 1, &result));
	child_cpuid(vp, 0x80000007u, 0, &r);
	ck_assert_uint_eq(r.edx, 0);
	grant(HV_ACCESS_TSC_INVARIANT, 0, 0, 0);
	child_cpuid(vp, 0x80000007u, 0, &r);
	ck_assert_uint_eq(r.edx, 0);
	ck_assert(child_wrmsr(machine_cpu, vp, HV_X64_MSR_TSC_INVARIANT_CONTROL, 1, &result));
	child_cpuid(vp, 0x80000007u, 0, &r);
	ck_assert_uint_eq(r.edx, 1u << 8);
}

RUN_TESTS("hypervisor/access", msrs, hypercalls, nothing_is_granted_that_is_not_there, invariant_tsc)
