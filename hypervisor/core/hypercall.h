/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls of the root: one table, deny by default. A child's are in hypercall_child.h. */
#ifndef BULKHEAD_CORE_HYPERCALL_H
#define BULKHEAD_CORE_HYPERCALL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"

struct cpu;

/** One call: the control word's fields and a private copy of the input page's part that the call needs. */
struct hypercall {
	struct cpu *cpu;
	uint16_t code;
	uint16_t reps;           /* what is asked for, from rep 0 on */
	uint16_t reps_done;
	uint64_t fast[2];        /* RDX, R8 when the input is in registers */
	bool     is_fast;
	uint64_t input_pa, output_pa;
	uint64_t input_size;     /* bytes copied into input[] */
	const void *input;       /* header, then reps */
	void    *output;         /* zeroed page of this CPU; output_size of it is written back */
	uint64_t output_size;
};

/** Carries out one call of the root; returns the value for RAX. */
uint64_t hypercall_root(struct cpu *cpu, uint64_t control, uint64_t rdx, uint64_t r8);

#endif
