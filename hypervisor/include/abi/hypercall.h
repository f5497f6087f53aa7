/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: control word, call codes and input layouts (TLFS chapter 3 and appendix A; the root's calls as in Linux
 * include/hyperv/hvhdk.h and hvhdk_mini.h). RCX = control, RDX/R8 = input/output GPA or the two fast values,
 * RAX = result. Root's calls come by VMCALL/VMMCALL at CPL 0.
 */
#ifndef BULKHEAD_ABI_HYPERCALL_H
#define BULKHEAD_ABI_HYPERCALL_H

#include "types.h"

/* Control word (TLFS 3.7). */
#define HV_HYPERCALL_CODE_MASK     0xffffull
#define HV_HYPERCALL_FAST          (1ull << 16)
#define HV_HYPERCALL_VARHEAD_SHIFT 17
#define HV_HYPERCALL_VARHEAD_MASK  (0x3ffull << 17)
#define HV_HYPERCALL_NESTED        (1ull << 31)
#define HV_HYPERCALL_REP_COUNT_SHIFT 32
#define HV_HYPERCALL_REP_START_SHIFT 48
#define HV_HYPERCALL_REP_MASK      0xfffull

/* Result: status 15:0, reps completed 43:32. */
#define HV_RESULT_STATUS(r)   ((uint16_t)(r))
#define HV_RESULT_REPS(r)     ((uint16_t)(((r) >> 32) & 0xfff))

/* A child's calls. */
#define HVCALL_FLUSH_VA_SPACE          0x0002
#define HVCALL_FLUSH_VA_LIST           0x0003
#define HVCALL_NOTIFY_LONG_SPIN_WAIT   0x0008
#define HVCALL_SEND_IPI                0x000b
#define HVCALL_FLUSH_VA_SPACE_EX       0x0013
#define HVCALL_FLUSH_VA_LIST_EX        0x0014
#define HVCALL_SEND_IPI_EX             0x0015
#define HVCALL_POST_MESSAGE            0x005c
#define HVCALL_SIGNAL_EVENT            0x005d
#define HVCALL_EXT_QUERY_CAPABILITIES  0x8001
#define HVCALL_EXT_MEMORY_HEAT_HINT    0x8003

/* The root's calls. */
#define HVCALL_CREATE_PARTITION        0x0040
#define HVCALL_INITIALIZE_PARTITION    0x0041
#define HVCALL_FINALIZE_PARTITION      0x0042
#define HVCALL_DELETE_PARTITION        0x0043
#define HVCALL_GET_PARTITION_PROPERTY  0x0044
#define HVCALL_SET_PARTITION_PROPERTY  0x0045
#define HVCALL_DEPOSIT_MEMORY          0x0048
#define HVCALL_WITHDRAW_MEMORY         0x0049
#define HVCALL_MAP_GPA_PAGES           0x004b
#define HVCALL_UNMAP_GPA_PAGES         0x004c
#define HVCALL_INSTALL_INTERCEPT       0x004d
#define HVCALL_CREATE_VP               0x004e
#define HVCALL_DELETE_VP               0x004f
#define HVCALL_GET_VP_REGISTERS        0x0050
#define HVCALL_SET_VP_REGISTERS        0x0051
#define HVCALL_TRANSLATE_VIRTUAL_ADDRESS 0x0052
#define HVCALL_REGISTER_INTERCEPT_RESULT 0x0091
#define HVCALL_ASSERT_VIRTUAL_INTERRUPT  0x0094
#define HVCALL_SIGNAL_EVENT_DIRECT     0x00c0
#define HVCALL_POST_MESSAGE_DIRECT     0x00c1
#define HVCALL_DISPATCH_VP             0x00c2
#define HVCALL_MAP_VP_STATE_PAGE       0x00e1
#define HVCALL_UNMAP_VP_STATE_PAGE     0x00e2
#define HVCALL_GET_VP_STATE            0x00e3
#define HVCALL_SET_VP_STATE            0x00e4
#define HVCALL_GET_PARTITION_PROPERTY_EX 0x0101

/* Bulkhead's own calls, root only; layouts in bulkhead.h. */
#define HVCALL_BULKHEAD_SYNC           0xbb01
#define HVCALL_BULKHEAD_UNLOAD         0xbb02
#define HVCALL_BULKHEAD_READ_LOG       0xbb03
#define HVCALL_BULKHEAD_GET_STATS      0xbb04
#define HVCALL_BULKHEAD_CONNECT        0xbb05

/** Bit of what EXT_QUERY_CAPABILITIES gives (hyperv-tlfs.h): a heat hint may say that memory is free. */
#define HV_EXT_CAPABILITY_COLD_DISCARD (1ull << 8)

/** HVCALL_EXT_MEMORY_HEAT_HINT (8003h, memory input, rep; hyperv-tlfs.h): 8 bytes a rep follow, HV_GPA_RANGE_*. */
struct hv_input_memory_heat_hint {
	uint64_t type;           /* HV_HEAT_HINT_*; bits 63:2 reserved */
};
#define HV_HEAT_HINT_COLD_DISCARD 2u
#define HV_HEAT_HINT_RANGES_MAX   511u

/* A range of guest memory: so many pages beyond the first; the first one's address from bit 12 on, of a large page from bit 21 on. */
#define HV_GPA_RANGE_ADDITIONAL 0x7ffull
#define HV_GPA_RANGE_LARGE      (1ull << 11)
#define HV_GPA_RANGE_GIB        (1ull << 12)   /* of a large page: 1 GiB, not 2 MiB */

/** HVCALL_POST_MESSAGE (5Ch, memory input): 256 bytes, payload_size at most 240. */
struct hv_input_post_message {
	uint32_t connection_id;
	uint32_t reserved;
	uint32_t message_type;   /* bit 31 clear: a guest may not forge hypervisor messages */
	uint32_t payload_size;   /* bytes */
	uint8_t  payload[240];
};
_Static_assert(sizeof(struct hv_input_post_message) == 256, "TLFS HvCallPostMessage");

/** HVCALL_SIGNAL_EVENT (5Dh, usually fast: RDX holds these 8 bytes). */
struct hv_input_signal_event {
	uint32_t connection_id;
	uint16_t flag_number;
	uint16_t reserved;
};
_Static_assert(sizeof(struct hv_input_signal_event) == 8, "TLFS HvCallSignalEvent");

/** HVCALL_SEND_IPI (0Bh, usually fast). cpu_mask names VP indices 0..63. */
struct hv_input_send_ipi {
	uint32_t vector;         /* 10h..FFh */
	uint32_t reserved;       /* target VTL */
	uint64_t cpu_mask;
};
_Static_assert(sizeof(struct hv_input_send_ipi) == 16, "TLFS HvCallSendSyntheticClusterIpi");

/** A set of VPs: format 0 = sparse banks of 64, 1 = all (TLFS HV_VP_SET). */
struct hv_vpset {
	uint64_t format;
	uint64_t valid_bank_mask;
	uint64_t banks[];
};
#define HV_VPSET_SPARSE_4K 0
#define HV_VPSET_ALL       1

/** HVCALL_SEND_IPI_EX (15h): the banks are the variable header. */
struct hv_input_send_ipi_ex {
	uint32_t vector;
	uint32_t reserved;
	struct hv_vpset vp_set;
};

/** HVCALL_FLUSH_VA_SPACE (02h) and _LIST (03h; followed by reps of u64: page number 63:12, additional pages 11:0). */
struct hv_input_flush_va {
	uint64_t address_space;
	uint64_t flags;
	uint64_t cpu_mask;
};
#define HV_FLUSH_ALL_PROCESSORS             1u
#define HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES 2u
#define HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY   4u
_Static_assert(sizeof(struct hv_input_flush_va) == 24, "TLFS HvCallFlushVirtualAddressSpace");

/** HVCALL_FLUSH_VA_SPACE_EX (13h) and _LIST_EX (14h). */
struct hv_input_flush_va_ex {
	uint64_t address_space;
	uint64_t flags;
	struct hv_vpset vp_set;
};
_Static_assert(sizeof(struct hv_input_flush_va_ex) == 32, "TLFS HvCallFlushVirtualAddressSpaceEx");

/** A fast call's input: RDX, R8, and with HV_FEATURE_XMM_INPUT then XMM0 to XMM5. */
#define HV_FAST_INPUT_BYTES 16u
#define HV_XMM_INPUT_BYTES  96u

/** HVCALL_CREATE_PARTITION (40h) -> u64 partition id. */
struct hv_input_create_partition {
	uint64_t flags;                 /* HV_PARTITION_CREATION_FLAG_* */
	uint64_t proximity_domain_info; /* ignored: one domain */
	uint32_t compatibility_version; /* 21h or above */
	uint32_t padding;
	uint64_t disabled_processor_features[2];
	uint64_t disabled_xsave_features;
	uint64_t isolation_properties;  /* must be 0 */
};
_Static_assert(sizeof(struct hv_input_create_partition) == 56, "hvhdk.h");
#define HV_PARTITION_CREATION_FLAG_LAPIC_ENABLED  (1ull << 13)
#define HV_PARTITION_CREATION_FLAG_X2APIC_CAPABLE (1ull << 22)

/** INITIALIZE, FINALIZE, DELETE_PARTITION (fast: RDX). */
struct hv_input_partition {
	uint64_t partition_id;
};

/** GET/SET_PARTITION_PROPERTY (44h -> u64, 45h). */
struct hv_input_partition_property {
	uint64_t partition_id;
	uint32_t property_code;
	uint32_t padding;
	uint64_t value;                 /* SET only */
};
_Static_assert(sizeof(struct hv_input_partition_property) == 24, "hvhdk.h");
#define HV_PARTITION_PROPERTY_PRIVILEGE_FLAGS         0x00010000u  /* leaf 40000003h EBX:EAX */
#define HV_PARTITION_PROPERTY_SYNTHETIC_PROC_FEATURES 0x00010001u
#define HV_PARTITION_PROPERTY_TIME_FREEZE             0x00030003u
#define HV_PARTITION_PROPERTY_REFERENCE_TIME          0x00030005u
#define HV_PARTITION_PROPERTY_UNIMPLEMENTED_MSR_ACTION 0x00050017u
#define HV_PARTITION_PROPERTY_MAX_XSAVE_DATA_SIZE     0x00060008u  /* bytes */
#define HV_PARTITION_PROPERTY_PROCESSOR_CLOCK_FREQUENCY 0x00060009u /* Hz */

/** DEPOSIT_MEMORY (48h), rep: pages move from the root to the partition's pool. */
struct hv_input_deposit_memory {
	uint64_t partition_id;
	uint64_t pfns[];
};

/** WITHDRAW_MEMORY (49h), rep, output u64 pfn[]: free pages of the pool go back to the root, zeroed. */
struct hv_input_withdraw_memory {
	uint64_t partition_id;
	uint64_t proximity_domain_info;
};

/** MAP_GPA_PAGES (4Bh), rep: one pfn a rep, of 4 KiB or (HV_MAP_GPA_LARGE) 2 MiB. */
struct hv_input_map_gpa_pages {
	uint64_t partition_id;
	uint64_t gfn;                   /* 4 KiB units; with LARGE a multiple of 512 */
	uint32_t flags;                 /* HV_MAP_GPA_* */
	uint32_t padding;
	uint64_t pfns[];                /* 4 KiB units; with LARGE multiples of 512 */
};
#define HV_MAP_GPA_READABLE   0x1u
#define HV_MAP_GPA_WRITABLE   0x2u
#define HV_MAP_GPA_EXECUTABLE 0xcu  /* kernel 4, user 8 */
#define HV_MAP_GPA_LARGE      (1u << 31)

/** UNMAP_GPA_PAGES (4Ch), rep: count of pages is the rep count; with LARGE in flags, of 2 MiB pages. */
struct hv_input_unmap_gpa_pages {
	uint64_t partition_id;
	uint64_t gfn;
	uint32_t flags;
	uint32_t padding;
};

/** CREATE_VP (4Eh). */
struct hv_input_create_vp {
	uint64_t partition_id;
	uint32_t vp_index;              /* below HV_MAX_VPS; its LAPIC id is the same number */
	uint8_t  padding[3];
	uint8_t  subnode_type;
	uint64_t subnode_id;
	uint64_t proximity_domain_info;
	uint64_t flags;
};
_Static_assert(sizeof(struct hv_input_create_vp) == 40, "hvhdk.h");

/** DELETE_VP (4Fh). */
struct hv_input_delete_vp {
	uint64_t partition_id;
	uint32_t vp_index;
	uint32_t padding;
};

/** GET_VP_REGISTERS (50h), rep: u32 names[] follow; out: 16 bytes each. */
struct hv_input_vp_registers {
	uint64_t partition_id;
	uint32_t vp_index;
	uint8_t  input_vtl;
	uint8_t  padding[3];
};
_Static_assert(sizeof(struct hv_input_vp_registers) == 16, "hvhdk.h");

union hv_register_value {
	uint64_t reg64;
	uint32_t reg32;
	uint8_t  reg8;
	struct { uint64_t low, high; } reg128;
	struct {
		uint64_t base;
		uint32_t limit;          /* bytes; already expanded, no granularity */
		uint16_t selector;
		uint16_t attributes;     /* type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, DB 14, G 15 */
	} segment;
	struct {
		uint16_t pad[3];
		uint16_t limit;
		uint64_t base;
	} table;
};
_Static_assert(sizeof(union hv_register_value) == 16, "hvgdk.h");

/** One rep of SET_VP_REGISTERS (51h), after struct hv_input_vp_registers. */
struct hv_register_assoc {
	uint32_t name;                   /* HV_X64_REGISTER_* */
	uint32_t reserved1;
	uint64_t reserved2;
	union hv_register_value value;
};
_Static_assert(sizeof(struct hv_register_assoc) == 32, "hvgdk.h");

/** TRANSLATE_VIRTUAL_ADDRESS (52h). */
struct hv_input_translate_va {
	uint64_t partition_id;
	uint32_t vp_index;
	uint32_t padding;
	uint64_t control_flags;          /* HV_TRANSLATE_GVA_VALIDATE_* */
	uint64_t gva_page;               /* GVA >> 12 */
};
struct hv_output_translate_va {
	uint32_t result_code;            /* HV_TRANSLATE_GVA_* */
	uint32_t result_attributes;
	uint64_t gpa_page;
};
#define HV_TRANSLATE_GVA_VALIDATE_READ    1u
#define HV_TRANSLATE_GVA_VALIDATE_WRITE   2u
#define HV_TRANSLATE_GVA_VALIDATE_EXECUTE 4u
#define HV_TRANSLATE_GVA_SUCCESS              0
#define HV_TRANSLATE_GVA_PAGE_NOT_PRESENT     1
#define HV_TRANSLATE_GVA_PRIVILEGE_VIOLATION  2
#define HV_TRANSLATE_GVA_INVALID_PAGE_TABLE_FLAGS 3
#define HV_TRANSLATE_GVA_GPA_UNMAPPED         4  /* gpa_page: the table that is not there */

/** REGISTER_INTERCEPT_RESULT (91h), type 2 = CPUID. */
struct hv_input_register_intercept_result {
	uint64_t partition_id;
	uint32_t vp_index;
	uint32_t intercept_type;         /* HV_INTERCEPT_TYPE_CPUID */
	uint32_t eax, ecx;
	uint8_t  subleaf_specific;
	uint8_t  always_override;
	uint16_t padding;
	struct { uint32_t value, mask; } result[4]; /* eax ebx ecx edx */
	uint32_t padding2;
};
#define HV_INTERCEPT_TYPE_CPUID 2
_Static_assert(sizeof(struct hv_input_register_intercept_result) == 64, "hvhdk.h, with tail padding");

/** ASSERT_VIRTUAL_INTERRUPT (94h). */
struct hv_input_assert_virtual_interrupt {
	uint64_t partition_id;
	union {
		uint64_t as_uint64;
		struct {
			uint32_t type;   /* HV_INTERRUPT_TYPE_* */
			uint32_t flags;  /* HV_INTERRUPT_LEVEL, HV_INTERRUPT_LOGICAL */
		} s;
	} control;
	uint64_t dest_addr;              /* APIC id, or logical destination */
	uint32_t vector;
	uint8_t  target_vtl;
	uint8_t  padding[3];
};
_Static_assert(sizeof(struct hv_input_assert_virtual_interrupt) == 32, "hvhdk.h");
#define HV_INTERRUPT_TYPE_FIXED    0
#define HV_INTERRUPT_TYPE_LOWEST   1
#define HV_INTERRUPT_TYPE_NMI      4
#define HV_INTERRUPT_TYPE_INIT     5
#define HV_INTERRUPT_TYPE_SIPI     6
#define HV_INTERRUPT_LEVEL   1u
#define HV_INTERRUPT_LOGICAL 2u

/** SIGNAL_EVENT_DIRECT (C0h): sets flag in the target's SIEFP slot of sint, asserts the SINT. Out: u8 newly signaled. */
struct hv_input_signal_event_direct {
	uint64_t target_partition;
	uint32_t target_vp;
	uint8_t  target_vtl;
	uint8_t  target_sint;
	uint16_t flag_number;            /* below 2048 */
};
_Static_assert(sizeof(struct hv_input_signal_event_direct) == 16, "hvhdk.h");

/**
 * POST_MESSAGE_DIRECT (C1h): writes the message into the target's SIMP slot of sint, asserts the SINT.
 * HV_STATUS_INSUFFICIENT_BUFFERS: the slot is taken. Its message_pending is set then, and the VP's next write of EOM
 * ends its run with HVMSG_BULKHEAD_EOM so that the caller posts again.
 */
struct hv_input_post_message_direct {
	uint64_t partition_id;
	uint32_t vp_index;
	uint8_t  vtl;
	uint8_t  padding[3];
	uint8_t  sint_index;
	uint8_t  message[256];           /* struct hv_message */
	uint8_t  padding2[7];
};
_Static_assert(sizeof(struct hv_input_post_message_direct) == 280, "hvhdk.h");

/** DISPATCH_VP (C2h). time_slice must be 0: the root's own interrupts end a run. */
struct hv_input_dispatch_vp {
	uint64_t partition_id;
	uint32_t vp_index;
	uint32_t flags;                  /* HV_DISPATCH_VP_FLAG_* */
	uint64_t time_slice;
	uint64_t spec_ctrl;
};
_Static_assert(sizeof(struct hv_input_dispatch_vp) == 32, "hvhdk.h");
#define HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND  0x01u
#define HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION 0x40u
#define BH_DISPATCH_VP_FLAG_HOLD_SIGNALS     0x80000000u /* ours: signals do not end the run, they come out when it ends */
#define HV_VP_DISPATCH_STATE_BLOCKED 1
#define HV_VP_DISPATCH_STATE_READY   2
#define HV_VP_DISPATCH_EVENT_NONE      0
#define HV_VP_DISPATCH_EVENT_SUSPEND   1
#define HV_VP_DISPATCH_EVENT_INTERCEPT 2

/** MAP_VP_STATE_PAGE (E1h). The root always brings the page: flags bit 0 and pfn. UNMAP (E2h) ignores both. */
struct hv_input_vp_state_page {
	uint64_t partition_id;
	uint32_t vp_index;
	uint16_t type;                   /* HV_VP_STATE_PAGE_* */
	uint8_t  vtl;
	uint8_t  flags;
	uint64_t pfn;
};
_Static_assert(sizeof(struct hv_input_vp_state_page) == 24, "hvhdk.h");
#define HV_VP_STATE_PAGE_REGISTERS         0
#define HV_VP_STATE_PAGE_INTERCEPT_MESSAGE 1
#define HV_VP_STATE_PAGE_BULKHEAD_EVENTS   0xb0  /* struct bh_event_page, bulkhead.h */

/** GET/SET_VP_STATE (E3h/E4h), rep: data pages. */
struct hv_input_vp_state {
	uint64_t partition_id;
	uint32_t vp_index;
	uint8_t  vtl;
	uint8_t  padding[3];
	uint32_t type;                   /* HV_VP_STATE_* | 1<<31 */
	uint32_t reserved;
	uint64_t xsave_flags;
	uint64_t xsave_states;
	uint64_t pfns[];
};
_Static_assert(sizeof(struct hv_input_vp_state) == 40, "hvhdk.h");
#define HV_VP_STATE_TYPE_MASK 0x7fffffffu
#define HV_VP_STATE_LAPIC  0
#define HV_VP_STATE_XSAVE  1
#define HV_VP_STATE_SIMP   2
#define HV_VP_STATE_SIEFP  3
#define HV_VP_STATE_STIMERS 4

/** Data of HV_VP_STATE_LAPIC (hvhdk.h hv_local_interrupt_controller_state). Register values as in x2APIC mode. */
struct hv_local_interrupt_controller_state {
	uint32_t id, version, ldr, dfr, spurious;
	uint32_t isr[8], tmr[8], irr[8];
	uint32_t esr, icr_high, icr_low;
	uint32_t lvt_timer, lvt_thermal, lvt_perfmon, lvt_lint0, lvt_lint1, lvt_error, lvt_cmci;
	uint32_t error_status, initial_count, counter_value, divide_configuration, remote_read;
};
_Static_assert(sizeof(struct hv_local_interrupt_controller_state) == 176, "hvhdk.h");

#endif
