/* SPDX-License-Identifier: BSD-2-Clause */
/* What the AMD-V files share: entering a VMCB, permission maps, injection, stepping over an instruction. */
#ifndef BULKHEAD_SVM_SVM_H
#define BULKHEAD_SVM_SVM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86/svm/vmcb.h"

struct cpu;

#define MSRPM_SIZE 8192u
#define IOPM_SIZE  12288u

/** Runs the VMCB until its next #VMEXIT. gpr by register number; RAX and RSP are the VMCB's. */
void svm_enter(uint64_t gpr[16], uint64_t vmcb_pa);

static inline void svm_vmload(uint64_t vmcb_pa)
{
	__asm__ volatile("vmload %%rax" : : "a"(vmcb_pa) : "memory");
}

static inline void svm_vmsave(uint64_t vmcb_pa)
{
	__asm__ volatile("vmsave %%rax" : : "a"(vmcb_pa) : "memory");
}

enum { MSRPM_READ = 1, MSRPM_WRITE = 2 };
/** Sets or clears the intercept bits (15.11) of an MSR; false when the map has no bits for it (it is always intercepted then). */
bool msrpm_set(uint8_t *msrpm, uint32_t msr, unsigned int access, bool intercept);

void svm_inject_exception(struct vmcb *vmcb, uint8_t vector);
void svm_inject_exception_error(struct vmcb *vmcb, uint8_t vector, uint32_t error);
/** The event whose delivery the last exit cut off, in the form of EVENTINJ: it is to be delivered again. 0: none. */
uint64_t svm_event_cut_off(const struct vmcb_control *control);
/** Moves RIP over the intercepted instruction and ends its interrupt shadow (15.21.5). length counts without NRIPS only. */
void svm_skip(struct vmcb *vmcb, unsigned int length);

/** Physical address of something in the image's own memory. */
uint64_t image_to_pa(const void *p);

/** Root side: builds the VMCB from the state at launch; runs the root until it asks for unload. */
struct bh_leave_frame;
void svm_root_init(struct cpu *cpu, const struct bh_leave_frame *at);
void svm_root_maps_init(void);
_Noreturn void svm_root_run(struct cpu *cpu);

#endif
