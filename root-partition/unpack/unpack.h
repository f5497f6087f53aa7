/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a bzImage to the file of unpacked_kernel.h. The kernel is the administrator's, yet every length in it is checked, and what
 * is not understood is refused: the kernel then starts as it is.
 */
#ifndef BULKHEAD_UNPACK_H
#define BULKHEAD_UNPACK_H

#include <stddef.h>
#include <stdint.h>

struct unpacked {
	uint8_t *bytes;              /* the file; free() */
	size_t size;
};

/** Returns 0, or -1 with one line for people in why. Needs some three times the unpacked kernel in memory. */
int unpack_kernel(const uint8_t *file, size_t size, struct unpacked *ret, char *why, size_t why_size);

/* unpack_payload.c */
/** Decompresses size bytes, in whatever format kernels come in, to exactly expected bytes (free()). NULL: why says why not. */
uint8_t *unpack_payload(const uint8_t *payload, size_t size, size_t expected, char *why, size_t why_size);

#endif
