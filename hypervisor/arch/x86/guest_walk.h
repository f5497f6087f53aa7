/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks a child's own page tables, for TRANSLATE_VIRTUAL_ADDRESS and to fetch the bytes of an intercepted instruction. */
#ifndef BULKHEAD_X86_GUEST_WALK_H
#define BULKHEAD_X86_GUEST_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct vp;

/** Translates a linear address as the VP would now, at CPL 0. flags, result: HV_TRANSLATE_GVA_*. No accessed bits are set. */
uint32_t guest_translate(const struct vp *vp, uint64_t gva, uint64_t flags, uint64_t *gpa);
/** Copies from a child's physical memory; false when a part of it is not mapped. */
bool guest_read_physical(const struct vp *vp, uint64_t gpa, void *to, uint64_t size);
/** Copies up to 15 bytes from CS:RIP on; returns how many could be read. */
uint8_t guest_fetch(const struct vp *vp, uint8_t bytes[16]);

#endif
