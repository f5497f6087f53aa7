/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's side of the AMD-V files. */
#ifndef BULKHEAD_SVM_CHILD_H
#define BULKHEAD_SVM_CHILD_H

#include "core/vp.h"

void svm_child_maps_init(void);
/** Handles the exit that is in the VP's VMCB. */
enum vp_run_result svm_child_exit(struct cpu *cpu, struct vp *vp);
/** The VP wrote CR0 or CR4 (number): does it in the processor's place, or raises #GP. */
void svm_control_write(struct vp *vp, unsigned int number);

#endif
