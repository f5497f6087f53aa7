/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control block (AMD64 APM vol. 2, appendix B) and its exit codes (appendix C). */
#ifndef BULKHEAD_SVM_VMCB_H
#define BULKHEAD_SVM_VMCB_H

#include <stddef.h>
#include <stdint.h>

/* Control area, table B-1. */
struct vmcb_control {
	uint32_t intercept_cr;       /* 000h: reads 15:0, writes 31:16 */
	uint32_t intercept_dr;       /* 004h: likewise */
	uint32_t intercept_exceptions; /* 008h */
	uint32_t intercept_misc1;    /* 00Ch: SVM_INTERCEPT1_* */
	uint32_t intercept_misc2;    /* 010h: SVM_INTERCEPT2_* */
	uint32_t intercept_misc3;    /* 014h */
	uint8_t  reserved1[0x24];
	uint16_t pause_filter_threshold; /* 03Ch */
	uint16_t pause_filter_count; /* 03Eh */
	uint64_t iopm_base_pa;       /* 040h: 12 KiB, page aligned */
	uint64_t msrpm_base_pa;      /* 048h: 8 KiB, page aligned */
	uint64_t tsc_offset;         /* 050h */
	uint32_t asid;               /* 058h: never 0 (15.5.1) */
	uint8_t  tlb_control;        /* 05Ch: SVM_TLB_* (15.16.1) */
	uint8_t  reserved2[3];
	uint64_t v_intr;             /* 060h: SVM_V_* */
	uint64_t interrupt_shadow;   /* 068h: bit 0 */
	uint64_t exit_code;          /* 070h */
	uint64_t exit_info1;         /* 078h */
	uint64_t exit_info2;         /* 080h */
	uint64_t exit_int_info;      /* 088h: an event whose delivery the exit cut off (15.7.2) */
	uint64_t np_enable;          /* 090h: SVM_NP_* */
	uint8_t  reserved3[0x10];
	uint64_t event_inj;          /* 0A8h (15.20) */
	uint64_t n_cr3;              /* 0B0h */
	uint64_t lbr_virt;           /* 0B8h */
	uint32_t clean_bits;         /* 0C0h: 0 = reload everything (15.15.3) */
	uint32_t reserved4;
	uint64_t next_rip;           /* 0C8h: with the NRIPS feature only */
	uint8_t  fetched_count;      /* 0D0h: with DecodeAssists only */
	uint8_t  fetched_bytes[15];
	uint8_t  reserved5[0x400 - 0xe0];
};
_Static_assert(offsetof(struct vmcb_control, pause_filter_threshold) == 0x3c, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, iopm_base_pa) == 0x40, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, asid) == 0x58, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, exit_code) == 0x70, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, np_enable) == 0x90, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, clean_bits) == 0xc0, "APM B-1");
_Static_assert(offsetof(struct vmcb_control, fetched_count) == 0xd0, "APM B-1");
_Static_assert(sizeof(struct vmcb_control) == 0x400, "APM B-1");

struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes;         /* type 3:0, S 4, DPL 6:5, P 7, AVL 8, L 9, DB 10, G 11 */
	uint32_t limit;              /* bytes */
	uint64_t base;
};

/* State-save area, table B-2; offsets relative to it. */
struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 000h */
	uint8_t  reserved1[0x2b];
	uint8_t  cpl;                /* 0CBh */
	uint32_t reserved2;
	uint64_t efer;               /* 0D0h */
	uint8_t  reserved3[0x70];
	uint64_t cr4, cr3, cr0;      /* 148h */
	uint64_t dr7, dr6;           /* 160h */
	uint64_t rflags, rip;        /* 170h */
	uint8_t  reserved4[0x58];
	uint64_t rsp;                /* 1D8h */
	uint8_t  reserved5[0x18];
	uint64_t rax;                /* 1F8h */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base; /* 200h */
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;    /* 228h */
	uint64_t cr2;                /* 240h */
	uint8_t  reserved6[0x20];
	uint64_t g_pat;              /* 268h */
	uint64_t dbgctl;             /* 270h */
	uint8_t  reserved7[0x1000 - 0x400 - 0x278];
};
_Static_assert(offsetof(struct vmcb_save, cpl) == 0xcb, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, efer) == 0xd0, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, rip) == 0x178, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, sysenter_cs) == 0x228, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, cr2) == 0x240, "APM B-2");
_Static_assert(offsetof(struct vmcb_save, g_pat) == 0x268, "APM B-2");

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};
_Static_assert(sizeof(struct vmcb) == 4096, "one page (15.5.1)");

#define SVM_INTERCEPT_WRITE_CR4  (1u << 20)

#define SVM_INTERCEPT1_INTR      (1u << 0)
#define SVM_INTERCEPT1_NMI       (1u << 1)
#define SVM_INTERCEPT1_INIT      (1u << 3)
#define SVM_INTERCEPT1_CR0_SEL_WRITE (1u << 5) /* of other bits than TS and MP */
#define SVM_INTERCEPT1_RDPMC     (1u << 15)
#define SVM_INTERCEPT1_CPUID     (1u << 18)
#define SVM_INTERCEPT1_IRET      (1u << 20)
#define SVM_INTERCEPT1_INVD      (1u << 22)
#define SVM_INTERCEPT1_HLT       (1u << 24)
#define SVM_INTERCEPT1_INVLPGA   (1u << 26)
#define SVM_INTERCEPT1_IOIO      (1u << 27)
#define SVM_INTERCEPT1_MSR       (1u << 28)
#define SVM_INTERCEPT1_FERR_FREEZE (1u << 30)
#define SVM_INTERCEPT1_SHUTDOWN  (1u << 31)

#define SVM_INTERCEPT2_VMRUN     (1u << 0)
#define SVM_INTERCEPT2_VMMCALL   (1u << 1)
#define SVM_INTERCEPT2_VMLOAD    (1u << 2)
#define SVM_INTERCEPT2_VMSAVE    (1u << 3)
#define SVM_INTERCEPT2_STGI      (1u << 4)
#define SVM_INTERCEPT2_CLGI      (1u << 5)
#define SVM_INTERCEPT2_SKINIT    (1u << 6)
#define SVM_INTERCEPT2_WBINVD    (1u << 9)
#define SVM_INTERCEPT2_MONITOR   (1u << 10)
#define SVM_INTERCEPT2_MWAIT     (1u << 11)
#define SVM_INTERCEPT2_XSETBV    (1u << 13)
#define SVM_INTERCEPT2_RDPRU     (1u << 14)

#define SVM_INTERCEPT3_INVLPGB   (1u << 0)

#define SVM_NP_ENABLE            (1ull << 0)
#define SVM_NP_INVLPGB           (1ull << 7) /* INVLPGB and TLBSYNC; CPUID 8000000Ah EDX[24]: without it they raise #UD */

#define SVM_TLB_NOTHING          0
#define SVM_TLB_FLUSH_ALL        1
#define SVM_TLB_FLUSH_ASID       3   /* with the FlushByAsid feature only */

#define SVM_V_TPR_MASK           0xffull
#define SVM_V_IRQ                (1ull << 8)
#define SVM_V_PRIO_SHIFT         16
#define SVM_V_INTR_MASKING       (1ull << 24)
#define SVM_V_VECTOR_SHIFT       32

#define SVM_EVENT_VECTOR         0xffull
#define SVM_EVENT_TYPE_MASK      (7ull << 8)
#define SVM_EVENT_INTR           (0ull << 8)
#define SVM_EVENT_NMI            (2ull << 8)
#define SVM_EVENT_EXCEPTION      (3ull << 8)
#define SVM_EVENT_SOFT_INT       (4ull << 8)
#define SVM_EVENT_ERROR_CODE     (1ull << 11)
#define SVM_EVENT_VALID          (1ull << 31)
#define SVM_EVENT_ERROR_SHIFT    32

#define SVM_EXIT_WRITE_CR4       0x14
#define SVM_EXIT_READ_DR0        0x20
#define SVM_EXIT_WRITE_DR15      0x3f
#define SVM_EXIT_EXCEPTION       0x40 /* + vector */
#define SVM_EXIT_INTR            0x60
#define SVM_EXIT_NMI             0x61
#define SVM_EXIT_INIT            0x63
#define SVM_EXIT_CR0_SEL_WRITE   0x65
#define SVM_EXIT_RDPMC           0x6f
#define SVM_EXIT_CPUID           0x72
#define SVM_EXIT_IRET            0x74
#define SVM_EXIT_INVD            0x76
#define SVM_EXIT_HLT             0x78
#define SVM_EXIT_INVLPGA         0x7a
#define SVM_EXIT_IOIO            0x7b
#define SVM_EXIT_MSR             0x7c
#define SVM_EXIT_FERR_FREEZE     0x7e
#define SVM_EXIT_SHUTDOWN        0x7f
#define SVM_EXIT_VMRUN           0x80
#define SVM_EXIT_VMMCALL         0x81
#define SVM_EXIT_VMLOAD          0x82
#define SVM_EXIT_VMSAVE          0x83
#define SVM_EXIT_STGI            0x84
#define SVM_EXIT_CLGI            0x85
#define SVM_EXIT_SKINIT          0x86
#define SVM_EXIT_WBINVD          0x89
#define SVM_EXIT_MONITOR         0x8a
#define SVM_EXIT_MWAIT           0x8b
#define SVM_EXIT_MWAIT_ARMED     0x8c
#define SVM_EXIT_XSETBV          0x8d
#define SVM_EXIT_RDPRU           0x8e
#define SVM_EXIT_INVLPGB         0xa0
#define SVM_EXIT_NPF             0x400
/* -1; an emulator may write 32 bits of it only. */
#define SVM_EXIT_INVALID         0xffffffffu

/* EXITINFO1 of a nested page fault (15.25.6): page-fault error code and where the walk failed. */
#define SVM_NPF_WRITE            (1ull << 1)
#define SVM_NPF_FETCH            (1ull << 4)
#define SVM_NPF_TABLE            (1ull << 33) /* the access was the guest's page walk's (15.25.6) */

/* EXITINFO1 of IOIO (15.10.2). EXITINFO2 is the RIP behind the instruction. */
#define SVM_IOIO_IN              (1u << 0)
#define SVM_IOIO_STRING          (1u << 2)
#define SVM_IOIO_REP             (1u << 3)
#define SVM_IOIO_SIZE_SHIFT      4   /* one bit each for 1, 2, 4 bytes */
#define SVM_IOIO_PORT_SHIFT      16

#endif
