/* SPDX-License-Identifier: BSD-2-Clause */
/* What a child sees: synthetic CPUID leaves (TLFS 2.4), synthetic MSRs (appendix), SynIC pages (chapter 11), assist page. */
#ifndef BULKHEAD_ABI_TLFS_H
#define BULKHEAD_ABI_TLFS_H

#include "types.h"
#include "message.h"

#define HV_CPUID_VENDOR           0x40000000u
#define HV_CPUID_INTERFACE        0x40000001u
#define HV_CPUID_VERSION          0x40000002u
#define HV_CPUID_FEATURES         0x40000003u
#define HV_CPUID_ENLIGHTENMENTS   0x40000004u
#define HV_CPUID_LIMITS           0x40000005u
#define HV_CPUID_HARDWARE         0x40000006u
#define HV_CPUID_INTERFACE_HV1    0x31237648u  /* "Hv#1" */
/** Bulkhead's own leaf, in the root and in children: EAX = version (major 31:16, minor 15:0), EBX ECX EDX = "BulkheadHv\0\0". */
#define HV_CPUID_BULKHEAD         0x40000100u

/* HV_CPUID_FEATURES EAX/EBX: partition privileges. */
#define HV_ACCESS_VP_RUNTIME        (1ull << 0)
#define HV_ACCESS_REFERENCE_COUNTER (1ull << 1)
#define HV_ACCESS_SYNIC             (1ull << 2)
#define HV_ACCESS_STIMERS           (1ull << 3)
#define HV_ACCESS_APIC_MSRS         (1ull << 4)
#define HV_ACCESS_HYPERCALL_MSRS    (1ull << 5)
#define HV_ACCESS_VP_INDEX          (1ull << 6)
#define HV_ACCESS_RESET             (1ull << 7)
#define HV_ACCESS_REFERENCE_TSC     (1ull << 9)
#define HV_ACCESS_GUEST_IDLE        (1ull << 10)
#define HV_ACCESS_FREQUENCY_MSRS    (1ull << 11)
#define HV_ACCESS_TSC_INVARIANT     (1ull << 15)
#define HV_CREATE_PARTITIONS        (1ull << 32)
#define HV_ACCESS_PARTITION_ID      (1ull << 33)
#define HV_POST_MESSAGES            (1ull << 36)
#define HV_SIGNAL_EVENTS            (1ull << 37)
#define HV_CPU_MANAGEMENT           (1ull << 44)
#define HV_EXTENDED_HYPERCALLS      (1ull << 52)
/* HV_CPUID_FEATURES EDX. */
#define HV_FEATURE_XMM_INPUT        (1u << 4)
#define HV_FEATURE_FREQUENCY_REGS   (1u << 8)
#define HV_FEATURE_CRASH_MSRS       (1u << 10)
#define HV_FEATURE_STIMER_DIRECT    (1u << 19)
/* HV_CPUID_ENLIGHTENMENTS EAX. */
#define HV_HINT_REMOTE_TLB_FLUSH    (1u << 2)
#define HV_HINT_APIC_MSRS           (1u << 3)
#define HV_HINT_RELAXED_TIMING      (1u << 5)
#define HV_HINT_DEPRECATE_AUTOEOI   (1u << 9)
#define HV_HINT_CLUSTER_IPI         (1u << 10)
#define HV_HINT_EX_PROCESSOR_MASKS  (1u << 11)

#define HV_X64_MSR_GUEST_OS_ID      0x40000000u
#define HV_X64_MSR_HYPERCALL        0x40000001u
#define HV_X64_MSR_VP_INDEX         0x40000002u
#define HV_X64_MSR_RESET            0x40000003u
#define HV_X64_MSR_VP_RUNTIME       0x40000010u
#define HV_X64_MSR_TIME_REF_COUNT   0x40000020u
#define HV_X64_MSR_REFERENCE_TSC    0x40000021u
#define HV_X64_MSR_TSC_FREQUENCY    0x40000022u
#define HV_X64_MSR_APIC_FREQUENCY   0x40000023u
#define HV_X64_MSR_EOI              0x40000070u
#define HV_X64_MSR_ICR              0x40000071u
#define HV_X64_MSR_TPR              0x40000072u
#define HV_X64_MSR_VP_ASSIST_PAGE   0x40000073u
#define HV_X64_MSR_SCONTROL         0x40000080u
#define HV_X64_MSR_SVERSION         0x40000081u
#define HV_X64_MSR_SIEFP            0x40000082u
#define HV_X64_MSR_SIMP             0x40000083u
#define HV_X64_MSR_EOM              0x40000084u
#define HV_X64_MSR_SINT0            0x40000090u
#define HV_X64_MSR_SINT15           0x4000009fu
#define HV_X64_MSR_STIMER0_CONFIG   0x400000b0u
#define HV_X64_MSR_STIMER3_COUNT    0x400000b7u
#define HV_X64_MSR_GUEST_IDLE       0x400000f0u
#define HV_X64_MSR_CRASH_P0         0x40000100u
#define HV_X64_MSR_CRASH_P4         0x40000104u
#define HV_X64_MSR_CRASH_CTL        0x40000105u
#define HV_X64_MSR_TSC_INVARIANT_CONTROL 0x40000118u

#define HV_TSC_INVARIANT_EXPOSED    (1ull << 0)

#define HV_CRASH_CTL_NOTIFY         (1ull << 63)
#define HV_CRASH_CTL_MESSAGE        (1ull << 62)

#define HV_SYNIC_SINT_COUNT         16u
#define HV_SYNIC_STIMER_COUNT       4u
#define HV_SYNIC_VERSION            1u
#define HV_SINT_VECTOR_MASK         0xffull
#define HV_SINT_MASKED              (1ull << 16)
#define HV_SINT_AUTO_EOI            (1ull << 17)
#define HV_SINT_POLLING             (1ull << 18)
#define HV_EVENT_FLAGS_COUNT        2048u      /* per SINT */

/** SIMP page: 16 message slots. */
struct hv_message_page {
	struct hv_message slot[HV_SYNIC_SINT_COUNT];
};
_Static_assert(sizeof(struct hv_message_page) == HV_PAGE_SIZE, "TLFS 11.8");

/** SIEFP page: 16 sets of 2048 event flags. */
struct hv_event_flags_page {
	uint32_t slot[HV_SYNIC_SINT_COUNT][HV_EVENT_FLAGS_COUNT / 32];
};
_Static_assert(sizeof(struct hv_event_flags_page) == HV_PAGE_SIZE, "TLFS 11.9");

/** Payload of HVMSG_TIMER_EXPIRED. */
struct hv_timer_message {
	uint32_t timer_index;
	uint32_t reserved;
	uint64_t expiration_time;  /* 100 ns, reference time */
	uint64_t delivery_time;
};

/** Reference TSC page: time = ((tsc * scale) >> 64) + offset, in 100 ns; sequence 0 = use the MSR instead. */
struct hv_reference_tsc_page {
	uint32_t tsc_sequence;
	uint32_t reserved;
	uint64_t tsc_scale;
	int64_t  tsc_offset;
};

/** VP assist page: bit 0 of apic_assist set by the hypervisor: the next EOI needs no exit, clear the bit instead. */
struct hv_vp_assist_page {
	uint32_t apic_assist;
};

/* Synthetic timer configuration (TLFS 12.3). */
#define HV_STIMER_ENABLE      (1ull << 0)
#define HV_STIMER_PERIODIC    (1ull << 1)
#define HV_STIMER_LAZY        (1ull << 2)
#define HV_STIMER_AUTO_ENABLE (1ull << 3)
#define HV_STIMER_DIRECT      (1ull << 12)

#endif
