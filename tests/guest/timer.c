/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: the reference counter advances and agrees with the reference TSC page; synthetic timer 0 fires in direct mode, not
 * early, both under a busy VP and a halted one; the APIC's timer fires with its advertised frequency.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"

#define VECTOR_STIMER 0xedu
#define VECTOR_LAPIC  0xecu
#define STIMER_DIRECT_CONFIG (HV_STIMER_DIRECT | HV_STIMER_AUTO_ENABLE | VECTOR_STIMER << 4)
#define MS 10000ull                  /* of reference time */
#define PATIENCE_US 2000000ull
#define LATE (1000 * MS)             /* under an emulator the root may be elsewhere for long */

static volatile uint64_t fired_at, fired;

static void on_timer(struct interrupt_frame *frame)
{
	(void)frame;
	fired_at = hv_time();
	__atomic_fetch_add(&fired, 1, __ATOMIC_RELEASE);
	lapic_end_of_interrupt();
}

static uint64_t page_time(const volatile struct hv_reference_tsc_page *page)
{
	uint64_t scale = page->tsc_scale;

	return (uint64_t)((unsigned __int128)rdtsc() * scale >> 64) + (uint64_t)page->tsc_offset;
}

static void reference_time(void)
{
	struct hv_reference_tsc_page *page = page_alloc(1);
	uint64_t before, by_page, after, i;

	wrmsr(HV_X64_MSR_REFERENCE_TSC, (uintptr_t)page | 1);
	if (!check(page->tsc_sequence != 0, "the reference TSC page is not valid"))
		return;
	for (i = 0; i < 1000; i++) {
		before = hv_time();
		by_page = page_time(page);
		after = hv_time();
		/* The counter is cut to whole units, the page's product as well. */
		if (!check(before <= by_page + 1 && by_page <= after + 1, "counter %lu, page %lu, counter %lu", before, by_page, after))
			return;
	}
	before = hv_time();
	delay_us(20000);
	after = hv_time() - before;
	check(after >= 199000 && after < 200000 + LATE, "20 ms of TSC are %lu units of reference time", after);
}

static bool wait_fired(uint64_t count, bool halted)
{
	bool ok = true;

	if (halted) {
		while (fired < count)
			halt_with_interrupts();
	} else {
		interrupts_on();
		ok = wait_count(&fired, count, PATIENCE_US);
		interrupts_off();
	}
	return ok;
}

static void one_shot(bool halted)
{
	uint64_t due;

	fired = 0;
	wrmsr(HV_X64_MSR_STIMER0_CONFIG, STIMER_DIRECT_CONFIG);
	due = hv_time() + 5 * MS;
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, due);
	if (!check(wait_fired(1, halted), "synthetic timer 0 did not fire"))
		return;
	check(fired_at >= due && fired_at - due < LATE, "timer due at %lu, came at %lu (%s)", due, fired_at, halted ? "halted" : "busy");
	print("%s VP: %lu us late\n", halted ? "halted" : "busy", (fired_at - due) / 10);
	check(!(rdmsr(HV_X64_MSR_STIMER0_CONFIG) & HV_STIMER_ENABLE), "a one-shot timer stays enabled");
}

static void periodic(void)
{
	uint64_t start;

	fired = 0;
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, 0);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG, STIMER_DIRECT_CONFIG | HV_STIMER_PERIODIC);
	start = hv_time();
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, 2 * MS);
	check(wait_fired(5, true), "periodic timer: %lu of 5", fired);
	check(hv_time() - start >= 9 * MS, "5 periods of 2 ms took %lu units", hv_time() - start);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, 0);
	check(!(rdmsr(HV_X64_MSR_STIMER0_CONFIG) & HV_STIMER_ENABLE), "count 0 does not stop a timer");
}

static void past(void)
{
	fired = 0;
	wrmsr(HV_X64_MSR_STIMER0_CONFIG, STIMER_DIRECT_CONFIG);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 1, 1);
	check(wait_fired(1, false), "a timer that is due already does not fire");
}

static void lapic(void)
{
	uint64_t hz = hv_privileges() & HV_ACCESS_FREQUENCY_MSRS ? rdmsr(HV_X64_MSR_APIC_FREQUENCY) : 0, start, units;

	if (!hz)
		return;
	fired = 0;
	start = hv_time();
	lapic_timer(VECTOR_LAPIC, (uint32_t)(hz / 100));
	if (!check(wait_fired(1, true), "APIC timer did not fire"))
		return;
	units = hv_time() - start;
	check(units >= 99 * MS / 10 && units < 10 * MS + LATE, "10 ms of APIC ticks took %lu units", units);
	check(lapic_get(LAPIC_CURRENT) == 0, "a one-shot APIC timer counts on");
	fired = 0;
	lapic_timer(VECTOR_LAPIC | LAPIC_PERIODIC, (uint32_t)(hz / 500));
	check(wait_fired(3, true), "periodic APIC timer");
	lapic_timer(VECTOR_LAPIC | LAPIC_MASKED, 0);
}

GUEST_TEST(timer, "reference time, synthetic timer 0, APIC timer")
{
	if (!hv_require(HV_ACCESS_REFERENCE_COUNTER | HV_ACCESS_REFERENCE_TSC | HV_ACCESS_STIMERS))
		return;
	lapic_on();
	interrupt_handle(VECTOR_STIMER, on_timer);
	interrupt_handle(VECTOR_LAPIC, on_timer);
	reference_time();
	if (cpuid(HV_CPUID_FEATURES, 0).edx & HV_FEATURE_STIMER_DIRECT) {
		one_shot(false);
		one_shot(true);
		periodic();
		past();
	}
	lapic();
}
