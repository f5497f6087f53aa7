/* SPDX-License-Identifier: BSD-2-Clause */
/* Register names for HVCALL_GET/SET_VP_REGISTERS and the register page (Linux include/hyperv/hvgdk_mini.h, hvhdk.h). */
#ifndef BULKHEAD_ABI_REGISTERS_H
#define BULKHEAD_ABI_REGISTERS_H

#include "types.h"
#include "hypercall.h"

#define HV_REGISTER_PENDING_INTERRUPTION   0x00010002u
#define HV_REGISTER_INTERRUPT_STATE        0x00010003u
#define HV_REGISTER_PENDING_EVENT0         0x00010004u
#define HV_REGISTER_INTERNAL_ACTIVITY_STATE 0x00000004u
#define HV_INTERNAL_ACTIVITY_STARTUP_SUSPEND 1ull   /* waits for SIPI */
#define HV_INTERNAL_ACTIVITY_HALT_SUSPEND    2ull
#define HV_REGISTER_EXPLICIT_SUSPEND       0x00000000u

/* rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15: the processor's own numbering. */
#define HV_X64_REGISTER_RAX    0x00020000u
#define HV_X64_REGISTER_R15    0x0002000fu
#define HV_X64_REGISTER_RIP    0x00020010u
#define HV_X64_REGISTER_RFLAGS 0x00020011u
#define HV_X64_REGISTER_CR0    0x00040000u
#define HV_X64_REGISTER_CR2    0x00040001u
#define HV_X64_REGISTER_CR3    0x00040002u
#define HV_X64_REGISTER_CR4    0x00040003u
#define HV_X64_REGISTER_CR8    0x00040004u
#define HV_X64_REGISTER_XFEM   0x00040005u
#define HV_X64_REGISTER_DR0    0x00050000u
#define HV_X64_REGISTER_DR7    0x00050005u
#define HV_X64_REGISTER_ES     0x00060000u
#define HV_X64_REGISTER_CS     0x00060001u
#define HV_X64_REGISTER_SS     0x00060002u
#define HV_X64_REGISTER_DS     0x00060003u
#define HV_X64_REGISTER_FS     0x00060004u
#define HV_X64_REGISTER_GS     0x00060005u
#define HV_X64_REGISTER_LDTR   0x00060006u
#define HV_X64_REGISTER_TR     0x00060007u
#define HV_X64_REGISTER_IDTR   0x00070000u
#define HV_X64_REGISTER_GDTR   0x00070001u
#define HV_X64_REGISTER_TSC    0x00080000u
#define HV_X64_REGISTER_EFER   0x00080001u
#define HV_X64_REGISTER_KERNEL_GS_BASE 0x00080002u
#define HV_X64_REGISTER_APIC_BASE 0x00080003u
#define HV_X64_REGISTER_PAT    0x00080004u
#define HV_X64_REGISTER_SYSENTER_CS  0x00080005u
#define HV_X64_REGISTER_SYSENTER_EIP 0x00080006u
#define HV_X64_REGISTER_SYSENTER_ESP 0x00080007u
#define HV_X64_REGISTER_STAR   0x00080008u
#define HV_X64_REGISTER_LSTAR  0x00080009u
#define HV_X64_REGISTER_CSTAR  0x0008000au
#define HV_X64_REGISTER_SFMASK 0x0008000bu
#define HV_X64_REGISTER_APIC_ID 0x0008000du
#define HV_X64_REGISTER_HYPERCALL   0x00090001u
#define HV_X64_REGISTER_GUEST_OS_ID 0x00090002u
#define HV_X64_REGISTER_REFERENCE_TSC 0x00090017u
#define HV_REGISTER_SCONTROL   0x000a0010u
#define HV_REGISTER_SIEFP      0x000a0012u
#define HV_REGISTER_SIMP       0x000a0013u
#define HV_REGISTER_GUEST_CRASH_P0  0x00000210u
#define HV_REGISTER_GUEST_CRASH_CTL 0x00000215u

/**
 * The register page of a VP: one page of the root's, shared by MAP_VP_STATE_PAGE. The hypervisor fills it whenever a run
 * ends with an intercept; the VMM may change it and set `dirty` bits, which the next dispatch takes over and clears.
 */
struct hv_vp_register_page {
	uint16_t version;                 /* 0: 1 */
	uint8_t  isvalid;                 /* 2 */
	uint8_t  reserved0;
	uint32_t dirty;                   /* 4: HV_REGISTER_PAGE_DIRTY_* */
	uint64_t gpr[16];                 /* 8: rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
	uint64_t rip;                     /* 136 */
	uint64_t rflags;                  /* 144 */
	uint64_t reserved1;               /* 152 */
	uint64_t xmm[6][2];               /* 160: not kept by this hypervisor */
	union hv_register_value segment[6]; /* 256: es cs ss ds fs gs */
	uint64_t cr0, cr3, cr4, cr8;      /* 352 */
	uint64_t efer;                    /* 384 */
	uint64_t dr7;                     /* 392 */
	uint64_t pending_interruption;    /* 400 */
	uint64_t interrupt_state;         /* 408 */
	uint64_t instruction_emulation_hints; /* 416 */
	uint64_t xfem;                    /* 424 */
	uint8_t  reserved2[0x100];        /* 432 */
	uint8_t  interrupt_vectors[32 + 4]; /* 688 */
};
_Static_assert(offsetof(struct hv_vp_register_page, rip) == 136, "hvhdk.h");
_Static_assert(offsetof(struct hv_vp_register_page, segment) == 256, "hvhdk.h");
_Static_assert(offsetof(struct hv_vp_register_page, cr0) == 352, "hvhdk.h");
_Static_assert(offsetof(struct hv_vp_register_page, efer) == 384, "hvhdk.h");
_Static_assert(offsetof(struct hv_vp_register_page, xfem) == 424, "hvhdk.h");
_Static_assert(offsetof(struct hv_vp_register_page, interrupt_vectors) == 688, "hvhdk.h");

#define HV_REGISTER_PAGE_DIRTY_GP      1u
#define HV_REGISTER_PAGE_DIRTY_IP      2u
#define HV_REGISTER_PAGE_DIRTY_XMM     4u
#define HV_REGISTER_PAGE_DIRTY_SEGMENT 8u
#define HV_REGISTER_PAGE_DIRTY_FLAGS   16u

#endif
