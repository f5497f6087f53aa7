/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual processor. Passive: it runs only inside a dispatch hypercall, on the CPU that made the call, and belongs to that
 * CPU (`owner`) meanwhile. Other CPUs may only post interrupts and event flags to it, which are atomic.
 */
#ifndef BULKHEAD_CORE_VP_H
#define BULKHEAD_CORE_VP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bulkhead.h"
#include "abi/message.h"
#include "abi/registers.h"
#include "core/child.h"

struct cpu;
struct partition;
struct vmcb;

struct vp {
	struct partition *partition;
	uint32_t index;
	uint32_t owner;              /* CPU index + 1 that runs it or works on its registers; 0 = nobody. Under hv.lock or atomic */

	/* processor state that VMRUN does not keep */
	uint64_t gpr[16];            /* by processor number; RAX and RSP in the VMCB */
	uint64_t vmcb_pa;
	struct vmcb *vmcb;
	uint8_t *fpu;                /* XSAVE area, standard format, one page */
	uint64_t xcr0;
	uint64_t dr[4];
	bool     debug_registers;    /* the child uses them: switched at every dispatch */
	uint32_t tsc_aux;

	/* translations */
	uint32_t asid_cpu;           /* CPU index whose ASID the VMCB has */
	uint64_t asid_generation;
	uint64_t npt_generation;     /* of the partition, when the last flush was */
	uint64_t flush_request;      /* ticket of the last flush that it has to make; atomic, other CPUs raise it */
	uint64_t flush_done;         /* and of the last that it has made */
	uint64_t flush_ticket;       /* of the flush that it asked for last */
	uint64_t flush_wait;         /* VPs that may still run on what that one took away: it does not go on before they left */

	/* activity */
	bool     halted;
	bool     startup_suspended;  /* waits for SIPI */
	bool     intercepted;        /* the root has a message to read first */
	bool     terminated;         /* triple fault or refused state: only a reset of the partition helps */
	bool     nmi_blocked;        /* until IRET; tracked without the hardware's help: until the next injection window */
	uint32_t pending;            /* VP_PENDING_*; atomic, other CPUs set it */
	uint8_t  sipi_vector;

	/* pages of the root, 0 = none */
	struct hv_vp_register_page *register_page;
	uint8_t *message_page;
	struct bh_event_page *event_page;

	/* of the dispatch that runs now */
	struct bh_output_dispatch_vp *output;
	bool     leave;              /* return to the root at the next chance */
	bool     hold_signals;
	uint64_t armed_deadline;     /* TSC at which the root wakes us */
	uint64_t absent_page;        /* GPA + 1 of the page that the root was last asked for, 0 = none */

	struct bh_vp_stats stats;
	struct child_vp child;
};
_Static_assert(sizeof(struct vp) <= HV_PAGE_SIZE, "one page of the partition's pool");

/** x87, SSE and AVX state in XSAVE's format. */
#define CHILD_XSAVE_BYTES 832u

#define VP_PENDING_NMI  1u
#define VP_PENDING_INIT 2u
#define VP_PENDING_SIPI 4u

/** Why vp_vendor_run came back. */
enum vp_run_result {
	VP_RUN_CONTINUE,   /* handled: run on */
	VP_RUN_PREEMPTED,  /* a physical interrupt or NMI waits for the root */
	VP_RUN_HALTED,     /* HLT */
	VP_RUN_UNDEFINED,  /* a hypercall that raises #UD */
	VP_RUN_INTERCEPT,  /* a message was written; the VP waits for the root */
	VP_RUN_ABSENT,     /* the instruction needs vp->absent_page and was not begun: it runs again when the root was asked */
};

static inline bool vp_is_owned(const struct vp *vp)
{
	return __atomic_load_n(&vp->owner, __ATOMIC_ACQUIRE) != 0;
}

/**
 * Takes the VP for work on its state, so that it cannot be dispatched meanwhile; vp_release gives it free. Returns an HV_STATUS:
 * INVALID_PARTITION_ID, INVALID_VP_INDEX, INVALID_VP_STATE (it runs or is worked on).
 */
uint64_t vp_take(struct cpu *cpu, uint64_t partition_id, uint32_t index, struct vp **ret);
void vp_release(struct vp *vp);
/** Gives the VP's pages back to its partition's pool. With hv.lock; not while it is owned. */
void vp_destroy(struct vp *vp);
/** Each VP of the mask drops its translations before it enters its guest again; those that run now are in wake_mask. Caller: a run of vp. */
void vp_flush_request(struct vp *vp, uint64_t mask);
/** Makes the flush that others asked for; before every entry. */
void vp_flush_take(struct vp *vp);
/** Whether every VP of the last request has left its guest since. */
bool vp_flush_complete(struct vp *vp);
/** Asks for NMI, INIT or SIPI (VP_PENDING_*); any CPU. */
void vp_post_pending(struct vp *vp, uint32_t what, uint8_t sipi_vector);
/** Ends the current run with a message to the root: header and type are filled in; payload is the intercept message. */
void vp_intercept(struct vp *vp, uint32_t type, const void *payload, uint8_t size);
/**
 * Whether an instruction of the running VP is to end with VP_RUN_ABSENT, because the page at gpa is not mapped and the root, which
 * may populate memory on demand, was not asked for it yet. Asked in vain it is false: then the page is simply not there.
 */
bool vp_page_absent(struct vp *vp, uint64_t gpa);
/** The message for VP_RUN_ABSENT. */
void vp_ask_page(struct vp *vp);
/** Fills the beginning that all intercept messages share. */
void vp_intercept_header(struct vp *vp, struct hv_x64_intercept_message_header *h, uint8_t length, uint8_t access);

/* What the processor's vendor decides: arch/x86/svm/vp.c. All but the registers only while the caller owns the VP. */

/** One-time set-up and the state after RESET or INIT (registers as APM vol. 2, 14.1.3; starts at FFFF0h). */
void vp_vendor_init(struct vp *vp);
void vp_vendor_reset(struct vp *vp, bool init);
/** SIPI: real mode at vector * 1000h. */
void vp_vendor_startup(struct vp *vp, uint8_t vector);
/** Puts the child's state onto the CPU, and takes it off again. */
void vp_vendor_load(struct cpu *cpu, struct vp *vp);
void vp_vendor_unload(struct cpu *cpu, struct vp *vp);
/** Enters the child once, calls child_after_exit and handles the exit. */
enum vp_run_result vp_vendor_run(struct cpu *cpu, struct vp *vp);
/** RFLAGS.IF: whether an interrupt ends HLT. */
bool vp_vendor_interrupts_enabled(const struct vp *vp);
void vp_vendor_inject_nmi(struct vp *vp);
bool vp_vendor_can_nmi(const struct vp *vp);
/** For the next entry only: the child takes the interrupt, without an exit, as soon as IF, shadow and CR8 let it. until_iret: its handler's end exits. */
void vp_vendor_queue_interrupt(struct vp *vp, uint8_t vector, bool until_iret);
/** Task priority that CR8 wrote, 0..15. */
uint8_t vp_vendor_cr8(const struct vp *vp);
void vp_vendor_set_cr8(struct vp *vp, uint8_t cr8);
/** Registers by HV_X64_REGISTER_*. False: no such register, or a value that VMRUN would refuse. */
bool vp_vendor_get_register(const struct vp *vp, uint32_t name, union hv_register_value *value);
bool vp_vendor_set_register(struct vp *vp, uint32_t name, const union hv_register_value *value);
/** Register page: out after an intercept, in before the next run. */
void vp_vendor_fill_register_page(const struct vp *vp, struct hv_vp_register_page *page);
void vp_vendor_take_register_page(struct vp *vp, const struct hv_vp_register_page *page);
uint8_t vp_vendor_cpl(const struct vp *vp);

#endif
