/* SPDX-License-Identifier: BSD-2-Clause */
/* Time by the TSC, whose frequency the hypervisor tells. */
#include "guest.h"
#include "hv.h"
#include "internal.h"

#define TSC_GUESS_HZ 2000000000ull

uint64_t tsc_hz = TSC_GUESS_HZ;

void time_init(void)
{
	uint64_t hz;

	if (hv_present() && hv_privileges() & HV_ACCESS_FREQUENCY_MSRS && rdmsr_safe(HV_X64_MSR_TSC_FREQUENCY, &hz) == NO_FAULT && hz)
		tsc_hz = hz;
}

void delay_us(uint64_t us)
{
	uint64_t end = rdtsc() + tsc_hz / 1000000 * us;

	while (rdtsc() < end)
		cpu_relax();
}

bool wait_count(const volatile uint64_t *word, uint64_t value, uint64_t us)
{
	uint64_t end = rdtsc() + tsc_hz / 1000000 * us;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value) {
		if (rdtsc() > end)
			return false;
		cpu_relax();
	}
	return true;
}
