/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As many interrupts as can be made for `ms=` milliseconds: timers of one tick, IPIs to oneself and all others by every way. The others of
 * the machine must not starve, and this child ends by itself.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"
#include "lib/smp.h"

#define VECTOR 0x70u
#define WAIT_US 20000000u

static uint64_t end;
static volatile uint64_t count;

static void calm(void)
{
	lapic_timer(VECTOR | LAPIC_MASKED, 0);
	if (hv_present())
		wrmsr(HV_X64_MSR_STIMER0_CONFIG, 0);
}

/* The interrupted code may not get as far as one instruction between two of these: the end is noticed here. */
static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	if (rdtsc() >= end)
		calm();
	lapic_end_of_interrupt();
}

static void storm(void *argument)
{
	unsigned int i = 0;

	(void)argument;
	lapic_timer(VECTOR | LAPIC_PERIODIC, 1);
	if (hv_present()) {
		wrmsr(HV_X64_MSR_STIMER0_CONFIG, HV_STIMER_DIRECT | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC | (VECTOR + 1) << 4);
		wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, 1);
	}
	interrupts_on();
	while (rdtsc() < end) {
		lapic_send(0, ICR_FIXED | ICR_ALL_OTHERS | (VECTOR + 2));
		lapic_send(lapic_id(), ICR_FIXED | ICR_SELF | (VECTOR + 3));
		lapic_send(i++ % 8, ICR_FIXED | (VECTOR + 4));
		if (hv_present())
			hv_call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, VECTOR + 5, ~0ull);
	}
	interrupts_off();
	calm();
}

GUEST_TEST(storm, "interrupt storms stay inside")
{
	unsigned int cpu, i;

	if (hv_present())
		hv_hypercalls_on();
	lapic_on();
	for (i = 0; i < 6; i++)
		interrupt_handle(VECTOR + i, on_interrupt);
	for (cpu = 1; cpu < smp_count(); cpu++)
		smp_start(cpu);
	end = rdtsc() + tsc_hz / 1000 * option_number("ms", 2000);
	for (cpu = 1; cpu < smp_count(); cpu++)
		smp_run(cpu, storm, NULL);
	storm(NULL);
	for (cpu = 1; cpu < smp_count(); cpu++)
		check(smp_wait(cpu, WAIT_US), "VP %u does not come back", cpu);
	print("%lu interrupts\n", count);
	check(count > 100, "only %lu interrupts", count);
}
