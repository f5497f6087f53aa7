/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's hypercall, between the table in hypercall_child.c and the handlers. */
#ifndef BULKHEAD_CORE_HYPERCALL_CHILD_H
#define BULKHEAD_CORE_HYPERCALL_CHILD_H

#include <stdint.h>

#include "abi/hypercall.h"
#include "core/vp.h"

/* Header and variable header; the longest is a set of 64 banks. */
#define CHILD_INPUT_MAX (sizeof(struct hv_input_flush_va_ex) + 64 * sizeof(uint64_t))

struct child_call {
	struct vp *vp;
	uint64_t control;
	uint32_t variable;               /* variable header, in units of 8 bytes */
	enum vp_run_result result;
	uint8_t  input[CHILD_INPUT_MAX] __attribute__((aligned(8))); /* the header, copied once; not the reps */
};

/* hypercall_vps.c: calls that name a set of VPs. */
uint64_t child_send_ipi_call(struct child_call *call);
uint64_t child_send_ipi_ex_call(struct child_call *call);
uint64_t child_flush_call(struct child_call *call);
uint64_t child_flush_ex_call(struct child_call *call);

#endif
