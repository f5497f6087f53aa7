/* SPDX-License-Identifier: BSD-2-Clause */
/* The four functions that the compiler itself may call. */
#ifndef BULKHEAD_CORE_STRING_H
#define BULKHEAD_CORE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
