/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux kernel whose bzImage was unpacked once, by bulkhead-unpack-kernel, so that no start has to do it again: the file
 * begins with this header in a page of its own, then come the image as it lies in memory, then the relocations. Little-endian.
 * Made and read on one machine; a reader takes its own version only.
 *
 * Relocations are those of the kernel's own decompressor (Linux arch/x86/boot/compressed/misc.c): when the kernel runs at
 * virtual addresses delta above those that it was linked for, delta is added to or subtracted from what lies there.
 */
#ifndef BULKHEAD_UNPACKED_KERNEL_H
#define BULKHEAD_UNPACKED_KERNEL_H

#include <stdint.h>

#define UNPACKED_KERNEL_MAGIC   0x4c4e524b4b4c5542ull /* "BULKKRNL" */
#define UNPACKED_KERNEL_VERSION 1u
#define UNPACKED_KERNEL_IMAGE   4096u                 /* offset of the image in the file */
#define UNPACKED_KERNEL_MAX     (512u << 20)          /* bytes of an image */

struct unpacked_kernel {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	uint64_t base;               /* physical address that the image was linked for */
	uint64_t image_size;         /* bytes in the file; a multiple of 4096 */
	uint64_t entry;              /* 64-bit entry point, offset in the image */
	uint32_t add32, sub32, add64; /* how many relocations: uint32_t offsets in the image, in this order behind it */
	uint32_t reserved2;
	uint8_t  boot_sectors[1024]; /* of the bzImage: its setup header */
};
_Static_assert(sizeof(struct unpacked_kernel) <= UNPACKED_KERNEL_IMAGE, "a page");
_Static_assert(sizeof(struct unpacked_kernel) == 56 + 1024, "no padding");

#endif
