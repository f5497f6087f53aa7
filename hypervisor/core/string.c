/* SPDX-License-Identifier: BSD-2-Clause */
/* memcpy and its kin for a freestanding image; compiled so that they are not turned into calls of themselves. */
#include "core/string.h"

#include <stdint.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

/* Words, then bytes: what is copied here is small and mostly aligned, and REP has a price before the first byte. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	for (; n >= 8; n -= 8, d += 8, s += 8)
		*(word *)d = *(const word *)s;
	while (n--)
		*d++ = *s++;
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	uint64_t pattern = (uint8_t)c * 0x0101010101010101ull;
	uint8_t *d = to;

	for (; n >= 8; n -= 8, d += 8)
		*(word *)d = pattern;
	while (n--)
		*d++ = c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
