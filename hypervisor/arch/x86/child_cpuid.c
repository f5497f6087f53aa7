/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's CPUID. Feature words are what the processor has AND what the table allows: a feature is offered when the
 * hypervisor switches or emulates all state behind it. Leaves that are not named read as zero.
 */
#include "arch/x86/child_msr.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

#define BIT(n) (1u << (n))
#define MAX_BASIC    0x0du
#define MAX_EXTENDED 0x80000008u

/* Leaf 1 ECX: SSE3, PCLMUL, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE, AVX, F16C, RDRAND. */
#define LEAF1_ECX (BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(26) | \
		   BIT(28) | BIT(29) | BIT(30))
/* Leaf 1 EDX: FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2. */
#define LEAF1_EDX (0x3ffu | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | \
		   BIT(25) | BIT(26))
/* Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. */
#define LEAF7_EBX (BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(24) | BIT(29))
#define LEAF1_ECX_AVX (BIT(12) | BIT(28) | BIT(29)) /* FMA, AVX, F16C */
#define LEAF7_EBX_AVX BIT(5)
#define LEAF7_ECX (BIT(2) | BIT(22))             /* UMIP, RDPID */
#define LEAF7_EDX BIT(4)                         /* FSRM */
/* 80000001h ECX: LAHF, CR8, ABM, SSE4A, misaligned SSE, 3DNow prefetch. */
#define EXT1_ECX (BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
/* 80000001h EDX beyond leaf 1's: SYSCALL NX MMXEXT FFXSR 1-GiB pages RDTSCP LM. */
#define EXT1_EDX ((LEAF1_EDX & 0x0183f3ffu) | BIT(11) | BIT(20) | BIT(22) | BIT(25) | BIT(26) | BIT(27) | BIT(29))
#define EXT8_EBX (BIT(0) | BIT(2))               /* CLZERO, XSAVE always restores error pointers */

static uint64_t reg(const struct vp *vp, uint32_t name)
{
	union hv_register_value v;

	vp_vendor_get_register(vp, name, &v);
	return v.reg64;
}

static unsigned int width(uint32_t count)
{
	return count <= 1 ? 0 : 32 - __builtin_clz(count - 1);
}

/* Every VP is a core of one socket, with one thread. */
static void topology(const struct vp *vp, uint32_t subleaf, struct cpuid_result *r)
{
	uint32_t count = vp->partition->vp_count;

	*r = (struct cpuid_result){ 0, 0, subleaf & 0xff, vp->index };
	if (subleaf == 0)
		*r = (struct cpuid_result){ 0, 1, 1 << 8, vp->index };
	else if (subleaf == 1)
		*r = (struct cpuid_result){ width(count), count, 1 | 2 << 8, vp->index };
}

/* The child is loaded, so XCR0 is its own. */
static void xsave(uint32_t subleaf, struct cpuid_result *r)
{
	const uint32_t sse_size = 576, avx_size = 832;
	uint32_t features = hv.xfeatures, optimised = r->eax & 1;

	switch (subleaf) {
	case 0:
		*r = (struct cpuid_result){ features, xgetbv() & XFEATURE_AVX ? avx_size : sse_size, features & XFEATURE_AVX ? avx_size : sse_size, 0 };
		break;
	case 1:
		*r = (struct cpuid_result){ .eax = optimised };
		break;
	case 2:
		if (features & XFEATURE_AVX)
			break;
		/* fall through */
	default:
		*r = (struct cpuid_result){ 0 };
	}
}

/* Leaf 40000003h EBX:EAX. A VMM can take away by its own result for the leaf, and give what is in PRIVILEGES_ON_REQUEST. */
#define PRIVILEGES (HV_ACCESS_VP_RUNTIME | HV_ACCESS_REFERENCE_COUNTER | HV_ACCESS_SYNIC | HV_ACCESS_STIMERS | HV_ACCESS_APIC_MSRS | \
		    HV_ACCESS_HYPERCALL_MSRS | HV_ACCESS_VP_INDEX | HV_ACCESS_RESET | HV_ACCESS_REFERENCE_TSC | \
		    HV_ACCESS_FREQUENCY_MSRS | HV_POST_MESSAGES | HV_SIGNAL_EVENTS)
/* With the first Linux trusts the TSC itself and rates the reference TSC page below it: not for a child that may go to another machine. */
#define PRIVILEGES_ON_REQUEST (HV_ACCESS_TSC_INVARIANT | HV_EXTENDED_HYPERCALLS)
#define FEATURES (HV_FEATURE_XMM_INPUT | HV_FEATURE_FREQUENCY_REGS | HV_FEATURE_CRASH_MSRS | HV_FEATURE_STIMER_DIRECT)
#define HINTS (HV_HINT_REMOTE_TLB_FLUSH | HV_HINT_APIC_MSRS | HV_HINT_RELAXED_TIMING | HV_HINT_DEPRECATE_AUTOEOI | HV_HINT_CLUSTER_IPI | \
	       HV_HINT_EX_PROCESSOR_MASKS)
#define SPIN_RETRIES 0xfffu
#define NEVER_NOTIFY (~0u)
#define INVARIANT_TSC BIT(8)

static void synthetic(uint32_t leaf, struct cpuid_result *r)
{
	*r = (struct cpuid_result){ 0 };
	switch (leaf) {
	case HV_CPUID_VENDOR:
		*r = (struct cpuid_result){ HV_CPUID_HARDWARE, 0x7263694d, 0x666f736f, 0x76482074 }; /* "Microsoft Hv" */
		break;
	case HV_CPUID_INTERFACE:
		r->eax = HV_CPUID_INTERFACE_HV1;
		break;
	case HV_CPUID_VERSION:
		r->ebx = BULKHEAD_VERSION_MAJOR << 16 | BULKHEAD_VERSION_MINOR;
		break;
	case HV_CPUID_FEATURES:
		r->eax = (uint32_t)PRIVILEGES;
		r->ebx = PRIVILEGES >> 32;
		r->edx = FEATURES;
		break;
	case HV_CPUID_ENLIGHTENMENTS:
		r->eax = HINTS;
		r->ebx = SPIN_RETRIES;
		break;
	case HV_CPUID_LIMITS:
		r->eax = HV_MAX_VPS;
		break;
	case HV_CPUID_BULKHEAD:
		*r = (struct cpuid_result){ BULKHEAD_VERSION_MAJOR << 16 | BULKHEAD_VERSION_MINOR, 0x6b6c7542, 0x64616568,
					    0x00007648 }; /* "BulkheadHv" */
		break;
	}
}

/* A processor that has AVX shows it, even where the root's kernel keeps it off. */
static void hide_avx(uint32_t leaf, struct cpuid_result *r)
{
	if (hv.xfeatures & XFEATURE_AVX)
		return;
	if (leaf == 1)
		r->ecx &= ~LEAF1_ECX_AVX;
	else if (leaf == 7)
		r->ebx &= ~LEAF7_EBX_AVX;
}

static void architectural(const struct vp *vp, uint32_t leaf, uint32_t subleaf, struct cpuid_result *r)
{
	uint32_t count = vp->partition->vp_count;

	switch (leaf) {
	case 0:
		r->eax = r->eax < MAX_BASIC ? r->eax : MAX_BASIC;
		break;
	case 1:
		r->ebx = (r->ebx & 0xff00) | vp->index << 24 | count << 16;
		r->ecx = (r->ecx & LEAF1_ECX) | BIT(21) | BIT(31); /* x2APIC, hypervisor */
		if (r->ecx & BIT(26) && reg(vp, HV_X64_REGISTER_CR4) & CR4_OSXSAVE)
			r->ecx |= BIT(27);
		r->edx = (r->edx & LEAF1_EDX) | (count > 1 ? BIT(28) : 0);
		break;
	case 6:
		*r = (struct cpuid_result){ .eax = BIT(2) }; /* the APIC timer never stops */
		break;
	case 7:
		*r = subleaf ? (struct cpuid_result){ 0 } :
			       (struct cpuid_result){ 0, r->ebx & LEAF7_EBX, r->ecx & LEAF7_ECX, r->edx & LEAF7_EDX };
		break;
	case 0xb:
		topology(vp, subleaf, r);
		break;
	case 0xd:
		xsave(subleaf, r);
		break;
	case 0x80000000u:
		r->eax = r->eax < MAX_EXTENDED ? r->eax : MAX_EXTENDED;
		break;
	case 0x80000001u:
		r->ecx = (r->ecx & EXT1_ECX) | (count > 1 ? BIT(1) : 0);
		r->edx &= EXT1_EDX;
		break;
	case 0x80000002u ... 0x80000006u:
		break;
	case 0x80000007u:
		/* Shown to who has asked for it by HV_X64_MSR_TSC_INVARIANT_CONTROL, as Hyper-V does. */
		*r = (struct cpuid_result){ .edx = vp->partition->child.tsc_invariant_control & HV_TSC_INVARIANT_EXPOSED ?
					    r->edx & INVARIANT_TSC : 0 };
		break;
	case 0x80000008u:
		*r = (struct cpuid_result){ CHILD_PHYSICAL_BITS | (r->eax & 0xff00), r->ebx & EXT8_EBX,
					    (count - 1) | width(count) << 12, 0 };
		break;
	default:
		*r = (struct cpuid_result){ 0 };
	}
}

/* What the VMM registered for this leaf (REGISTER_INTERCEPT_RESULT) replaces the masked bits. */
static void override(const struct child_partition *c, uint32_t leaf, uint32_t subleaf, struct cpuid_result *r)
{
	uint32_t *word[4] = { &r->eax, &r->ebx, &r->ecx, &r->edx };

	for (uint32_t i = 0; i < c->cpuid_count; i++) {
		const struct hv_input_register_intercept_result *o = &c->cpuid[i];

		if (o->eax != leaf || (o->subleaf_specific && o->ecx != subleaf))
			continue;
		for (unsigned int w = 0; w < 4; w++)
			*word[w] = (*word[w] & ~o->result[w].mask) | (o->result[w].value & o->result[w].mask);
	}
}

void child_cpuid(struct vp *vp, uint32_t leaf, uint32_t subleaf, struct cpuid_result *r)
{
	if (leaf >= HV_CPUID_VENDOR && leaf <= HV_CPUID_BULKHEAD) {
		synthetic(leaf, r);
	} else {
		*r = cpuid(leaf, subleaf);
		architectural(vp, leaf, subleaf, r);
		hide_avx(leaf, r);
	}
	override(&vp->partition->child, leaf, subleaf, r);
}

void child_grant(struct partition *p)
{
	struct child_grants *g = &p->child.grants;
	struct cpuid_result r;

	synthetic(HV_CPUID_FEATURES, &r);
	override(&p->child, HV_CPUID_FEATURES, 0, &r);
	g->privileges = ((uint64_t)r.ebx << 32 | r.eax) & (PRIVILEGES | PRIVILEGES_ON_REQUEST);
	g->features = r.edx & FEATURES;
	synthetic(HV_CPUID_ENLIGHTENMENTS, &r);
	override(&p->child, HV_CPUID_ENLIGHTENMENTS, 0, &r);
	g->hints = r.eax & HINTS;
	g->spin_retries = r.ebx ? r.ebx : NEVER_NOTIFY;
}
