/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fixed-width types for the interface headers: the kernel has its own, everybody else takes the compiler's.
 * The interface headers depend on nothing but this file.
 */
#ifndef BULKHEAD_ABI_TYPES_H
#define BULKHEAD_ABI_TYPES_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

#define HV_PAGE_SIZE 4096u
#define HV_PAGE_SHIFT 12

/** The sender of an operation, or the target "myself": TLFS HV_PARTITION_ID_SELF. */
#define HV_PARTITION_ID_SELF (~0ull)
/** VP index that names the calling VP: TLFS HV_VP_INDEX_SELF. */
#define HV_VP_INDEX_SELF 0xfffffffeu

/** Limits of this implementation. A VP index is below HV_MAX_VPS, so that a set of VPs fits one 64-bit mask. */
#define HV_MAX_VPS 64u
#define HV_MAX_PARTITIONS 64u

#endif
