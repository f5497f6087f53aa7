/* SPDX-License-Identifier: BSD-2-Clause */
/* SynIC messages and the intercept messages that end a run (TLFS 11.8 and appendix; Linux include/hyperv/hvhdk.h). */
#ifndef BULKHEAD_ABI_MESSAGE_H
#define BULKHEAD_ABI_MESSAGE_H

#include "types.h"
#include "hypercall.h"

#define HV_MESSAGE_PAYLOAD_MAX 240u

struct hv_message_header {
	uint32_t message_type;    /* HVMSG_*; 0: slot is free */
	uint8_t  payload_size;    /* bytes, at most 240 */
	uint8_t  message_flags;   /* bit 0: more messages wait, write EOM */
	uint8_t  reserved[2];
	uint64_t sender;          /* partition or port id */
};
_Static_assert(sizeof(struct hv_message_header) == 16, "TLFS HV_MESSAGE_HEADER");
#define HV_MESSAGE_FLAG_PENDING 1u

struct hv_message {
	struct hv_message_header header;
	union {
		uint64_t payload[30];
		uint8_t  bytes[240];
	} u;
};
_Static_assert(sizeof(struct hv_message) == 256, "TLFS HV_MESSAGE");

#define HVMSG_NONE                      0x00000000u
#define HVMSG_VMBUS                     0x00000001u
#define HVMSG_UNMAPPED_GPA              0x80000000u
#define HVMSG_GPA_INTERCEPT             0x80000001u
#define HVMSG_TIMER_EXPIRED             0x80000010u
#define HVMSG_INVALID_VP_REGISTER_VALUE 0x80000020u  /* the processor refused to enter the VP */
#define HVMSG_UNRECOVERABLE_EXCEPTION   0x80000021u  /* triple fault */
#define HVMSG_UNSUPPORTED_FEATURE       0x80000022u
#define HVMSG_X64_IO_PORT_INTERCEPT     0x80010000u
#define HVMSG_X64_MSR_INTERCEPT         0x80010001u
#define HVMSG_X64_CPUID_INTERCEPT       0x80010002u
#define HVMSG_X64_EXCEPTION_INTERCEPT   0x80010003u
#define HVMSG_X64_HALT                  0x80010007u

/* Bulkhead's own (documented in docs/hypercalls.md). None is an error; the VP goes on when it is run again. */
#define HVMSG_BULKHEAD_POST_MESSAGE     0xb0000001u /* the child posted: struct bh_posted_message in the message page */
#define HVMSG_BULKHEAD_EOM              0xb0000002u /* a slot that POST_MESSAGE_DIRECT found taken is free again */
#define HVMSG_BULKHEAD_CRASH            0xb0000003u /* the child wrote CRASH_CTL: struct bh_crash_message */
#define HVMSG_BULKHEAD_RESET            0xb0000004u /* the child wrote HV_X64_MSR_RESET */
#define HVMSG_BULKHEAD_POPULATE         0xb0000005u /* a page that the hypervisor needs is not mapped: hv_x64_memory_intercept_message */
#define HVMSG_BULKHEAD_DISCARD          0xb0000006u /* the child has no use for memory: struct bh_discard_message */

struct hv_x64_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint16_t attributes;
};

/** Begins the payload of every intercept message. */
struct hv_x64_intercept_message_header {
	uint32_t vp_index;             /* 0 */
	uint8_t  instruction_length;   /* 4: bits 3:0, 0 = unknown; cr8 bits 7:4 */
	uint8_t  intercept_access_type;/* 5: HV_INTERCEPT_ACCESS_* */
	uint16_t execution_state;      /* 6: cpl 1:0, cr0.pe 2, cr0.am 3, efer.lma 4 */
	struct hv_x64_segment cs;      /* 8 */
	uint64_t rip;                  /* 24 */
	uint64_t rflags;               /* 32 */
};
_Static_assert(sizeof(struct hv_x64_intercept_message_header) == 40, "hvhdk.h");
#define HV_INTERCEPT_ACCESS_READ    0
#define HV_INTERCEPT_ACCESS_WRITE   1
#define HV_INTERCEPT_ACCESS_EXECUTE 2

/** HVMSG_X64_IO_PORT_INTERCEPT. instruction_length is always known (VMCB EXITINFO2). */
struct hv_x64_io_port_intercept_message {
	struct hv_x64_intercept_message_header header;
	uint16_t port_number;          /* 40 */
	uint8_t  access_info;          /* 42: size 2:0 in bytes, string 3, rep 4 */
	uint8_t  instruction_byte_count; /* 43 */
	uint32_t reserved;
	uint64_t rax;                  /* 48 */
	uint8_t  instruction_bytes[16];
	struct hv_x64_segment ds;      /* 72 */
	struct hv_x64_segment es;      /* 88 */
	uint64_t rcx, rsi, rdi;        /* 104 */
};
_Static_assert(offsetof(struct hv_x64_io_port_intercept_message, rax) == 48, "hvhdk.h");
_Static_assert(offsetof(struct hv_x64_io_port_intercept_message, rdi) == 120, "hvhdk.h");

/** HVMSG_UNMAPPED_GPA (no slot there: MMIO) and HVMSG_GPA_INTERCEPT (write to a read-only page). */
struct hv_x64_memory_intercept_message {
	struct hv_x64_intercept_message_header header;
	uint32_t cache_type;           /* 40 */
	uint8_t  instruction_byte_count; /* 44: 0 = could not be fetched */
	uint8_t  access_info;          /* 45: gva valid 0, gva-to-gpa valid 1 */
	uint8_t  tpr_priority;         /* 46 */
	uint8_t  reserved1;
	uint64_t guest_virtual_address;  /* 48 */
	uint64_t guest_physical_address; /* 56 */
	uint8_t  instruction_bytes[16];  /* 64: from RIP on */
};
_Static_assert(offsetof(struct hv_x64_memory_intercept_message, guest_physical_address) == 56, "hvhdk.h");

/** HVMSG_INVALID_VP_REGISTER_VALUE, HVMSG_UNRECOVERABLE_EXCEPTION, HVMSG_UNSUPPORTED_FEATURE: reason for people. */
struct hv_x64_fatal_message {
	struct hv_x64_intercept_message_header header;
	uint64_t exit_code;            /* VMCB EXITCODE, EXITINFO1, EXITINFO2 */
	uint64_t exit_info1, exit_info2;
};

/** HVMSG_BULKHEAD_EOM. */
struct bh_eom_message {
	struct hv_x64_intercept_message_header header;
	uint32_t sint_mask;            /* slots that are free now and were asked for */
};

/** HVMSG_BULKHEAD_CRASH: HV_X64_MSR_CRASH_P0..P4 and CTL. CTL bit 62: P3 = GPA and P4 = bytes of a text. */
struct bh_crash_message {
	struct hv_x64_intercept_message_header header;
	uint64_t p[5];
	uint64_t ctl;
};

/** HVMSG_BULKHEAD_DISCARD: the ranges of HVCALL_EXT_MEMORY_HEAT_HINT, where the child keeps them. They do not leave their page. */
struct bh_discard_message {
	struct hv_x64_intercept_message_header header;
	uint64_t ranges_gpa;
	uint32_t count;                /* 1 to HV_HEAT_HINT_RANGES_MAX */
	uint32_t reserved;
};

/** At BH_POSTED_MESSAGE_OFFSET of the VP's message page with HVMSG_BULKHEAD_POST_MESSAGE: the hypervisor's own copy. */
#define BH_POSTED_MESSAGE_OFFSET 1024u
struct bh_posted_message {
	uint32_t connection_id;
	uint32_t message_type;
	uint32_t payload_size;
	uint32_t reserved;
	uint8_t  payload[240];
};
_Static_assert(sizeof(struct bh_posted_message) == 256, "fits the message page");

#endif
