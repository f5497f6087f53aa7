/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Non-maskable interrupts: arrive with interrupts off, at oneself and at a busy or halted neighbour; the next one waits for the handler's IRET. Those sent
 * meanwhile are one.
 */
#include "lib/guest.h"
#include "lib/lapic.h"
#include "lib/smp.h"

#define NMI 2u
#define ROUNDS 200u
#define US 2000000u

static volatile uint64_t taken, depth, deepest, stop;

static void on_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (option_number("nested", 1) && taken % 8 == 0)
		lapic_send(lapic_id(), ICR_NMI); /* waits until this one is done */
	depth--;
	__atomic_fetch_add(&taken, 1, __ATOMIC_RELEASE);
}

static void compute(void *argument)
{
	(void)argument;
	while (!stop)
		cpu_relax();
}

GUEST_TEST(nmi, "non-maskable interrupts at oneself and at another VP")
{
	uint64_t i, before;

	lapic_on();
	interrupt_handle(NMI, on_nmi);
	for (i = 0; i < ROUNDS; i++) {
		before = taken;
		lapic_send(lapic_id(), ICR_NMI);
		if (!check(wait_count(&taken, before + 1, US), "NMI %lu does not arrive at oneself", i))
			return;
	}
	check(deepest == 1, "an NMI inside an NMI");
	if (smp_count() < 2 || !check(smp_start(1), "VP 1 does not start"))
		return;
	smp_run(1, compute, NULL);
	for (i = 0; i < ROUNDS; i++) {
		before = taken;
		lapic_send(1, ICR_NMI);
		if (!check(wait_count(&taken, before + 1, US), "NMI %lu does not arrive at VP 1", i))
			break;
	}
	stop = 1;
	check(smp_wait(1, US), "VP 1 does not come back");
}
