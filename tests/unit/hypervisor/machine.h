/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine to run the hypervisor's real core in as an ordinary process: RAM is a buffer, the processor's SVM part is a few
 * functions here, time and CPUID are what the test says. Root hypercalls, partitions, VPs, dispatch, MSRs are the real code.
 */
#ifndef BULKHEAD_TESTS_MACHINE_H
#define BULKHEAD_TESTS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bulkhead.h"

struct cpu;
struct vp;
struct partition;
struct cpuid_result;

#define MACHINE_RAM      (32ull << 20)
#define MACHINE_OWNED_PA (16ull << 20)  /* the hypervisor's own memory: 2 MiB from here */
#define MACHINE_TSC_HZ   2500000000ull
#define MACHINE_APIC_HZ  100000000ull
#define MACHINE_CALL_PA  0x1000ull      /* pages of the root that hold input and output of its hypercalls */
#define MACHINE_OUT_PA   0x2000ull
#define MACHINE_POOL_PFN 0x100ull       /* pages of the root from here are deposited */
#define MACHINE_GUEST_PFN 0x400ull      /* and from here mapped into children */
#define MACHINE_GUEST_PAGES 32u

/** What the processor would keep in the VMCB. */
struct machine_vmcb {
	uint64_t rax, rsp, rip, rflags, cr0, cr3, cr4, efer, pat;
	uint8_t  cr8, cpl;
	bool     takes_queued;     /* the guest lets a queued interrupt in before it exits */
	bool     busy;             /* not able to take an interrupt */
	bool     until_iret;       /* the queued interrupt's handler ends with an exit */
	int      injected;         /* vector that the guest took at the last entry, or -1 */
	int      queued;           /* vector that it could not take then, or -1 */
	unsigned int injections, nmis, runs, inits, startups;
	uint8_t  startup_vector;
};

extern uint64_t machine_tsc;
extern uint64_t machine_xcr0;
extern struct cpu *machine_cpu;
/** What the processor's CPUID says; zero-filled where it returns false. NULL: a Zen-like processor. */
extern bool (*machine_cpuid_hook)(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/**
 * Stands for VMRUN up to the next exit and its handling: an enum vp_run_result. NULL: a physical interrupt at once.
 * The MSR that the hypervisor last wrote is in machine_last_msr.
 */
extern int (*machine_guest)(struct cpu *cpu, struct vp *vp);
extern uint32_t machine_last_msr;
/** XMM0 to XMM5 of the VP that runs. */
extern uint8_t machine_xmm[96];

void machine_start(void);
void *machine_page(uint64_t pa);
struct machine_vmcb *machine_vmcb(struct vp *vp);

/** A root hypercall with `in` copied to its input page; returns RAX. Output is at machine_page(MACHINE_OUT_PA). */
uint64_t machine_call(uint16_t code, const void *in, uint32_t size, unsigned int reps);

/** An initialised partition with `vps` VPs, their message and event pages, and MACHINE_GUEST_PAGES pages of memory from GPA 0 on. */
uint64_t machine_partition(unsigned int vps);
struct partition *machine_find(uint64_t id);
struct vp *machine_vp(uint64_t id, unsigned int index);
void *machine_gpa(uint64_t gpa);
struct hv_message *machine_message(unsigned int vp);
struct bh_event_page *machine_events(unsigned int vp);
/** Finalizes, withdraws, deletes. The status of the first call that failed. */
uint64_t machine_destroy(uint64_t id);
/** One dispatch; the output stays valid until the next call. */
const struct bh_output_dispatch_vp *machine_dispatch(uint64_t id, unsigned int vp, uint32_t flags, uint64_t *status);
/** The root's pages that are neither mapped into children nor taken away: all of them once every partition is gone. */
uint64_t machine_free_pages(void);

#endif
