/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a hypercall takes that does nothing: `count=` calls with a code that nobody has, by the bare instruction, so that any
 * hypervisor on this processor can be measured.
 */
#include "lib/guest.h"

#define UNUSED_CODE 0x7fff

GUEST_TEST(hypercallloop, "time of one hypercall")
{
	uint64_t count = option_number("count", 20000), start, i, result;

	start = rdtsc();
	for (i = 0; i < count; i++)
		asm volatile("vmmcall" : "=a"(result) : "a"(UNUSED_CODE), "b"(0), "c"(UNUSED_CODE), "d"(0) : "memory", "r8");
	print("GUEST-VALUE hypercall-ns %lu\n", (rdtsc() - start) * 1000 / (tsc_hz / 1000000) / count);
}
