/* SPDX-License-Identifier: BSD-2-Clause */
/* Synthetic MSRs 40000000h and up (TLFS appendix D). */
#ifndef BULKHEAD_X86_CHILD_MSR_SYNTHETIC_H
#define BULKHEAD_X86_CHILD_MSR_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

struct vp;
enum vp_run_result;

/** False: #GP. *result becomes VP_RUN_INTERCEPT when the root gets a message about the write. */
bool synthetic_rdmsr(struct vp *vp, uint32_t msr, uint64_t *value);
bool synthetic_wrmsr(struct vp *vp, uint32_t msr, uint64_t value, enum vp_run_result *result);
uint64_t hv_partition_id(const struct vp *vp);

#endif
