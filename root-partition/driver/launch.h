/* SPDX-License-Identifier: GPL-2.0 */
/* Late launch: loading the hypervisor image, sliding it under every CPU, and taking it out again. */
#ifndef BULKHEAD_DRIVER_LAUNCH_H
#define BULKHEAD_DRIVER_LAUNCH_H

#include <linux/types.h>

struct bh_host {
	u64 tsc_hz;
	char vendor[16];     /* CPUID vendor string */
	u32 cpu_count;
	u64 memory_bytes;    /* the hypervisor's own */
};

extern struct bh_host bh_host;

/** Loads bulkhead/bulkhead-amd.elf and enters the hypervisor on all CPUs, or on none. Says why in the log; negative errno. */
int bh_launch(void);

/**
 * Leaves the hypervisor on all CPUs and frees its memory. -EBUSY while the hypervisor has children; everything stays as it was then.
 */
int bh_unlaunch(void);

/** One hypercall (VMMCALL) on this CPU: control, RDX, R8; returns RAX. */
static inline u64 bh_hypercall(u64 control, u64 rdx, u64 r8)
{
	u64 result;
	register u64 output asm("r8") = r8;

	asm volatile("vmmcall" : "=a"(result), "+c"(control), "+d"(rdx), "+r"(output) : : "memory");
	return result;
}

#endif
