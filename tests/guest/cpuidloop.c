/* SPDX-License-Identifier: BSD-2-Clause */
/* How long an exit takes that the hypervisor handles by itself: `count=` CPUID instructions, and as many RDTSC pairs beside them. */
#include "lib/guest.h"

GUEST_TEST(cpuidloop, "time of one CPUID exit")
{
	uint64_t count = option_number("count", 20000), start, i, loop, exits;

	start = rdtsc();
	for (i = 0; i < count; i++)
		asm volatile("" : : : "memory");
	loop = rdtsc() - start;
	start = rdtsc();
	for (i = 0; i < count; i++)
		cpuid(0, 0);
	exits = rdtsc() - start - loop;
	print("GUEST-VALUE cpuid-exit-ns %lu\n", exits * 1000 / (tsc_hz / 1000000) / count);
}
