/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random values into the registers of APIC, SynIC and synthetic timers on all VPs at once, their pages moved about in memory and out of it,
 * interrupts of any vector. Only #GP may come of it besides, and the first VP can put everything right again. INIT and start-up
 * IPIs to itself are left out: they would end the program as they should.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"
#include "lib/smp.h"

#define PLAYGROUND_PAGES 16u
#define WAIT_US 20000000u

static uint64_t playground, end, nmi;
static uint64_t accesses;

static void quiet(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		wrmsr_safe(HV_X64_MSR_STIMER0_CONFIG + i * 2, 0);
	lapic_timer(0x40 | LAPIC_MASKED, 0);
}

/* A timer may fire so fast that nothing but this runs: it is stopped here. */
static void swallow(struct interrupt_frame *frame)
{
	static uint64_t seen;

	if (rdtsc() >= end || ++seen % 16 == 0)
		quiet();
	if (frame->vector >= 32)
		lapic_end_of_interrupt();
}

/* Vectors of exceptions would look like exceptions. */
static uint64_t harmless_vector(uint64_t value)
{
	return (value & ~0xffull) | (0x20 + (value & 0xff) % 0xe0);
}

static uint64_t place(struct random *r)
{
	uint64_t n = random_next(r);

	return n % 4 ? playground + (n >> 8) % PLAYGROUND_PAGES * 4096 + (n >> 40 & 1) : n;
}

static void one(struct random *r)
{
	static const uint32_t pages[] = { HV_X64_MSR_SIEFP, HV_X64_MSR_SIMP, HV_X64_MSR_VP_ASSIST_PAGE, HV_X64_MSR_REFERENCE_TSC };
	uint64_t value = random_next(r) >> random_next(r) % 64;
	uint32_t msr;
	int fault;

	switch (random_next(r) % 8) {
	case 0:
	case 1:
		msr = pages[random_next(r) % 4];
		value = place(r);
		break;
	case 2:
	case 3:
		msr = HV_X64_MSR_SINT0 + (uint32_t)(random_next(r) % 16);
		value = harmless_vector(value);
		break;
	case 4:
		msr = HV_X64_MSR_STIMER0_CONFIG + (uint32_t)(random_next(r) % 8);
		if (!(msr & 1) && random_next(r) % 4)
			value &= 0xf1fff;
		if (!(msr & 1) && value & HV_STIMER_DIRECT)
			value |= 0x200; /* vectors from 32 on */
		break;
	case 5:
		msr = HV_X64_MSR_SCONTROL + (uint32_t)(random_next(r) % 16);
		if (msr == HV_X64_MSR_SIEFP || msr == HV_X64_MSR_SIMP)
			value = place(r);
		break;
	default:
		msr = 0x800 + (uint32_t)(random_next(r) % 0x100);
	}
	if (msr == LAPIC_ICR) {
		uint32_t mode = value >> 8 & 7;

		/* Fixed or NMI. */
		value = harmless_vector(value & ~0x700ull) | (mode == 4 && nmi ? 0x400 : 0);
	}
	if ((msr >= LAPIC_TIMER && msr <= 0x837) || msr == LAPIC_SELF_IPI || msr == LAPIC_SPURIOUS || msr == 0x82f)
		value = harmless_vector(value & ~0x700ull) | (msr == LAPIC_SPURIOUS ? 0x100 : 0);
	fault = wrmsr_safe(msr, value);
	if (fault == NO_FAULT || fault == FAULT_GP)
		fault = rdmsr_safe(msr, &value);
	check(fault == NO_FAULT || fault == FAULT_GP, "MSR %x: exception %d", msr, fault);
	__atomic_fetch_add(&accesses, 1, __ATOMIC_RELAXED);
}

static void play(void *argument)
{
	struct random r = { option_number("seed", 0xa91c) + (uintptr_t)argument * 77 };

	interrupts_on();
	while (rdtsc() < end)
		one(&r);
	interrupts_off();
	quiet();
	lapic_set(LAPIC_TPR, 0);
	wrmsr_safe(HV_X64_MSR_SIEFP, 0);
	wrmsr_safe(HV_X64_MSR_SIMP, 0);
	wrmsr_safe(HV_X64_MSR_VP_ASSIST_PAGE, 0);
	lapic_set(LAPIC_SPURIOUS, 0x1ff);
}

GUEST_TEST(wildapic, "random values in APIC, SynIC and timers of all VPs")
{
	unsigned int cpu, i;

	if (!hv_require(HV_ACCESS_SYNIC | HV_ACCESS_STIMERS))
		return;
	lapic_on();
	for (i = 32; i < 256; i++)
		interrupt_handle(i, swallow);
	interrupt_handle(2, swallow);
	for (cpu = 1; cpu < smp_count(); cpu++)
		smp_start(cpu);
	interrupt_handle(0xe0, swallow);
	nmi = option_number("nmi", 1);
	playground = (uintptr_t)page_alloc(PLAYGROUND_PAGES);
	end = rdtsc() + tsc_hz / 1000 * option_number("ms", 1500);
	for (cpu = 1; cpu < smp_count(); cpu++)
		smp_run(cpu, play, (void *)(uintptr_t)cpu);
	play(NULL);
	for (cpu = 1; cpu < smp_count(); cpu++)
		check(smp_wait(cpu, WAIT_US), "VP %u does not come back", cpu);
	print("%lu accesses\n", accesses);
	check(accesses > 1000, "only %lu accesses", accesses);
}
