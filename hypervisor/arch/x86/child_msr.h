/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's MSRs: which reach the processor directly, and which are emulated. What neither table names raises #GP. */
#ifndef BULKHEAD_X86_CHILD_MSR_H
#define BULKHEAD_X86_CHILD_MSR_H

#include <stdint.h>

/** Width of a child's guest-physical addresses: CPUID leaf 80000008h and the address fields of its MSRs. */
#define CHILD_PHYSICAL_BITS 40u

enum { CHILD_MSR_READ = 1, CHILD_MSR_WRITE = 2 };

struct child_msr_direct {
	uint32_t first, last;
	unsigned int access;   /* without an exit */
	const char *reason;
};

extern const struct child_msr_direct child_msr_direct[];
extern const unsigned int child_msr_direct_count;

#endif
