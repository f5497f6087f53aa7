/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the TSC and, of the same instant, CLOCK_MONOTONIC in nanoseconds. Two such lines of a child and two of the root tell how
 * fast its clock runs against theirs: both have the same TSC, but for an offset.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

enum { TRIES = 2000 };

int main(void)
{
	uint64_t best = UINT64_MAX, tsc = 0, ns = 0;

	/* The shortest of many readings is one that nothing came between. */
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		after = __rdtsc();
		if (after - before < best) {
			best = after - before;
			tsc = before + best / 2;
			ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		}
	}
	printf("clock %" PRIu64 " %" PRIu64 "\n", tsc, ns);
	return 0;
}
