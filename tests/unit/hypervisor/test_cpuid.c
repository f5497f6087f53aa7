/* SPDX-License-Identifier: BSD-2-Clause */
/* What a child's CPUID says, on a processor that claims every feature there is: only what is switched or emulated may come through. */
#include <string.h>

#include "arch/x86/cpu.h"
#include "abi/status.h"
#include "core/child.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

static uint64_t id;
static struct vp *vp;

static void start(unsigned int vps, unsigned int index)
{
	machine_start();
	id = machine_partition(vps);
	vp = machine_vp(id, index);
}

static struct cpuid_result leaf(uint32_t eax, uint32_t ecx)
{
	struct cpuid_result r = { 1, 2, 3, 4 };

	child_cpuid(vp, eax, ecx, &r);
	return r;
}

/* SVM, MONITOR, performance counters, TSC deadline, PCID, memory encryption, nested paging: absent, whatever the processor has. */
START_TEST(nothing_that_is_not_there)
{
	struct cpuid_result r;

	start(2, 0);
	ck_assert_uint_le(leaf(0, 0).eax, 0x0d);
	ck_assert_uint_le(leaf(0x80000000u, 0).eax, 0x80000008u);
	r = leaf(1, 0);
	ck_assert_uint_eq(r.ecx & (1u << 3), 0);   /* MONITOR */
	ck_assert_uint_eq(r.ecx & (1u << 5), 0);   /* VMX */
	ck_assert_uint_eq(r.ecx & (1u << 17), 0);  /* PCID */
	ck_assert_uint_eq(r.ecx & (1u << 24), 0);  /* TSC deadline */
	ck_assert_uint_eq(r.edx & (1u << 18), 0);  /* serial number */
	r = leaf(0x80000001u, 0);
	ck_assert_uint_eq(r.ecx & (1u << 2), 0);   /* SVM */
	ck_assert_uint_eq(r.ecx & (1u << 10 | 1u << 12 | 1u << 23 | 1u << 24 | 1u << 28), 0); /* IBS, SKINIT, counters */
	ck_assert_uint_eq(r.ecx & (1u << 22), 0);  /* topology extensions: their leaves are not there */
	ck_assert_uint_eq(r.ecx & (1u << 29), 0);  /* MONITORX */
	r = leaf(7, 0);
	ck_assert_uint_eq(r.ebx & (1u << 2 | 1u << 4 | 1u << 10 | 1u << 11 | 1u << 16), 0); /* SGX HLE INVPCID RTM AVX512F */
	ck_assert_uint_eq(r.ecx & (1u << 3 | 1u << 7 | 1u << 16), 0); /* PKU, shadow stacks, LA57 */
	ck_assert_uint_eq(leaf(0x80000007u, 0).edx & ~(1u << 8), 0);
	for (uint32_t l = 0; l <= 0x40; l++) {
		if (l == 0 || l == 1 || l == 6 || l == 7 || l == 0xb || l == 0xd)
			continue;
		r = leaf(l, 0);
		ck_assert_msg(!(r.eax | r.ebx | r.ecx | r.edx), "leaf %x", l);
	}
	for (uint32_t l = 0x80000009u; l <= 0x80000040u; l++) {
		r = leaf(l, 0);
		ck_assert_msg(!(r.eax | r.ebx | r.ecx | r.edx), "leaf %x", l);
	}
	r = leaf(7, 1);
	ck_assert(!(r.eax | r.ebx | r.ecx | r.edx));
	ck_assert_uint_eq(leaf(6, 0).ecx, 0);      /* no APERF/MPERF */
}

static bool bare(uint32_t l, uint32_t s, uint32_t out[4])
{
	(void)s;
	out[0] = l == 0 ? 0xd : l == 0x80000000u ? 0x8000000a : 0;
	out[1] = out[2] = out[3] = 0;
	return true;
}

/* A feature that the processor lacks is not invented; the hypervisor bit and x2APIC are ours to give. */
START_TEST(nothing_that_the_processor_lacks)
{
	start(1, 0);
	machine_cpuid_hook = bare;
	ck_assert_uint_eq(leaf(1, 0).ecx, 1u << 31 | 1u << 21);
	ck_assert_uint_eq(leaf(1, 0).edx, 0);
	ck_assert_uint_eq(leaf(7, 0).ebx | leaf(7, 0).ecx | leaf(7, 0).edx, 0);
	ck_assert_uint_eq(leaf(0x80000001u, 0).ecx | leaf(0x80000001u, 0).edx, 0);
	ck_assert_uint_eq(leaf(0x80000007u, 0).edx, 0);
}

/* Every leaf that speaks of topology tells the same: n cores, one thread each, one socket, APIC id = VP index. */
START_TEST(topology_is_consistent)
{
	static const unsigned int counts[] = { 1, 2, 3, 8 };

	for (unsigned int i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		unsigned int n = counts[i], shift;

		start(n, n - 1);
		ck_assert_uint_eq(leaf(1, 0).ebx >> 24, n - 1);
		ck_assert_uint_eq(leaf(1, 0).ebx >> 16 & 0xff, n);
		ck_assert_uint_eq(leaf(1, 0).edx >> 28 & 1, n > 1);
		ck_assert_uint_eq(leaf(0x80000001u, 0).ecx >> 1 & 1, n > 1);
		ck_assert_uint_eq((leaf(0x80000008u, 0).ecx & 0xff) + 1, n);
		shift = leaf(0x80000008u, 0).ecx >> 12 & 15;
		ck_assert_uint_ge(1u << shift, n);
		ck_assert_uint_eq(leaf(0xb, 0).eax, 0);
		ck_assert_uint_eq(leaf(0xb, 0).ebx, 1);
		ck_assert_uint_eq(leaf(0xb, 0).ecx, 0x100);
		ck_assert_uint_eq(leaf(0xb, 1).eax, shift);
		ck_assert_uint_eq(leaf(0xb, 1).ebx, n);
		ck_assert_uint_eq(leaf(0xb, 1).ecx, 0x201);
		ck_assert_uint_eq(leaf(0xb, 2).ebx, 0);
		ck_assert_uint_eq(leaf(0xb, 2).ecx, 2);
		for (uint32_t s = 0; s < 3; s++)
			ck_assert_uint_eq(leaf(0xb, s).edx, n - 1);
	}
}

/* XSAVE: x87, SSE and AVX only, with sizes that hold them; no compaction, no supervisor state; OSXSAVE follows the child's CR4. */
START_TEST(extended_state)
{
	struct cpuid_result r;

	start(1, 0);
	r = leaf(0xd, 0);
	ck_assert_uint_eq(r.eax, 7);
	ck_assert_uint_eq(r.ebx, 576);
	ck_assert_uint_eq(r.ecx, 832);
	ck_assert_uint_eq(r.edx, 0);
	machine_xcr0 = 7;
	ck_assert_uint_eq(leaf(0xd, 0).ebx, 832);
	ck_assert_uint_eq(leaf(0xd, 1).eax & ~1u, 0);
	ck_assert_uint_eq(leaf(0xd, 1).ebx | leaf(0xd, 1).ecx | leaf(0xd, 1).edx, 0);
	ck_assert_uint_eq(leaf(0xd, 2).eax, 256);
	ck_assert_uint_eq(leaf(0xd, 2).ebx, 576);
	for (uint32_t s = 3; s < 64; s++)
		ck_assert_uint_eq(leaf(0xd, s).eax, 0);
	ck_assert_uint_eq(leaf(1, 0).ecx & (1u << 27), 0);
	machine_vmcb(vp)->cr4 = CR4_OSXSAVE;
	ck_assert_uint_ne(leaf(1, 0).ecx & (1u << 27), 0);
}

/* A root that keeps AVX off: its children get x87 and SSE, and nothing in CPUID or XCR0 that would need more. */
START_TEST(without_avx)
{
	start(1, 0);
	ck_assert_uint_ne(leaf(1, 0).ecx & 1u << 28, 0);
	hv.xfeatures = 3;
	ck_assert_uint_eq(leaf(0xd, 0).eax, 3);
	ck_assert_uint_eq(leaf(0xd, 0).ecx, 576);
	ck_assert_uint_eq(leaf(0xd, 2).eax, 0);
	ck_assert_uint_eq(leaf(1, 0).ecx & (1u << 12 | 1u << 28 | 1u << 29), 0);
	ck_assert_uint_eq(leaf(7, 0).ebx & 1u << 5, 0);
	hv.xfeatures = XFEATURES;
}

/* The leaves of the interface: what Linux looks for, and none of the bits that would make it ask for what is not there. */
START_TEST(hypervisor_leaves)
{
	struct cpuid_result r;

	start(2, 1);
	ck_assert_uint_ne(leaf(1, 0).ecx & (1u << 31), 0);
	r = leaf(HV_CPUID_VENDOR, 0);
	ck_assert_uint_ge(r.eax, HV_CPUID_LIMITS);
	ck_assert_mem_eq(&r.ebx, "Microsoft Hv", 12);
	ck_assert_uint_eq(leaf(HV_CPUID_INTERFACE, 0).eax, 0x31237648);
	r = leaf(HV_CPUID_FEATURES, 0);
	ck_assert_uint_eq(r.eax, HV_ACCESS_VP_RUNTIME | HV_ACCESS_REFERENCE_COUNTER | HV_ACCESS_SYNIC | HV_ACCESS_STIMERS | HV_ACCESS_APIC_MSRS |
				 HV_ACCESS_HYPERCALL_MSRS | HV_ACCESS_VP_INDEX | HV_ACCESS_RESET | HV_ACCESS_REFERENCE_TSC |
				 HV_ACCESS_FREQUENCY_MSRS);
	ck_assert_uint_eq(r.ebx, (HV_POST_MESSAGES | HV_SIGNAL_EVENTS) >> 32);
	ck_assert_uint_eq(r.edx, HV_FEATURE_XMM_INPUT | HV_FEATURE_FREQUENCY_REGS | HV_FEATURE_CRASH_MSRS | HV_FEATURE_STIMER_DIRECT);
	r = leaf(HV_CPUID_ENLIGHTENMENTS, 0);
	ck_assert_uint_ne(r.eax & HV_HINT_DEPRECATE_AUTOEOI, 0);
	ck_assert_uint_ne(r.eax & HV_HINT_CLUSTER_IPI, 0);
	ck_assert_uint_ne(r.eax & HV_HINT_REMOTE_TLB_FLUSH, 0);
	ck_assert_uint_eq(r.eax & (1u << 12 | 1u << 14), 0); /* nested, enlightened VMCS */
	ck_assert_uint_eq(leaf(HV_CPUID_LIMITS, 0).eax, HV_MAX_VPS);
	r = leaf(HV_CPUID_BULKHEAD, 0);
	ck_assert_mem_eq(&r.ebx, "BulkheadHv\0", 12);
	for (uint32_t l = HV_CPUID_HARDWARE + 1; l < HV_CPUID_BULKHEAD; l++) {
		r = leaf(l, 0);
		ck_assert_msg(!(r.eax | r.ebx | r.ecx | r.edx), "leaf %x", l);
	}
}

/* A VMM's own results replace the masked bits of a leaf, of one subleaf or of all; the list has an end and says so. */
START_TEST(registered_results)
{
	struct hv_input_register_intercept_result in;
	struct cpuid_result before;
	unsigned int n;

	start(1, 0);
	before = leaf(0x80000002u, 0);
	in = (struct hv_input_register_intercept_result){ .partition_id = id, .intercept_type = 2, .eax = 0x80000002u,
		.result = { { 0x12345678, 0xffff }, { 0xabcd, ~0u } } };
	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(leaf(0x80000002u, 5).eax, (before.eax & 0xffff0000) | 0x5678);
	ck_assert_uint_eq(leaf(0x80000002u, 0).ebx, 0xabcd);
	ck_assert_uint_eq(leaf(0x80000002u, 0).ecx, before.ecx);
	in.eax = 0xb;
	in.ecx = 1;
	in.subleaf_specific = 1;
	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(leaf(0xb, 1).ebx, 0xabcd);
	ck_assert_uint_eq(leaf(0xb, 0).ebx, 1);
	in.intercept_type = 1;
	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_INVALID_PARAMETER);
	in.intercept_type = 2;
	for (n = 2; machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0) == HV_STATUS_SUCCESS; n++)
		ck_assert_uint_lt(n, 1000);
	ck_assert_uint_eq(n, CPUID_OVERRIDES_MAX);
	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_NO_RESOURCES);
	ck_assert_uint_eq(machine_destroy(id), HV_STATUS_SUCCESS);
}

RUN_TESTS("hypervisor/cpuid", nothing_that_is_not_there, nothing_that_the_processor_lacks, topology_is_consistent, extended_state, without_avx,
	  hypervisor_leaves, registered_results)
