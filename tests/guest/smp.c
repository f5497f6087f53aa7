/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every other VP comes up by INIT and start-up IPI, has its own index, takes IPIs while it runs and while it is halted, and
 * sends them back: by the APIC, by the synthetic ICR and by hypercall.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"
#include "lib/smp.h"

#define VECTOR_PING 0x61u
#define VECTOR_PONG 0x62u
#define ROUNDS 50u
#define US 2000000u

static volatile uint64_t pings, pongs, stop;

static void on_ping(struct interrupt_frame *frame)
{
	(void)frame;
	lapic_end_of_interrupt();
	__atomic_fetch_add(&pings, 1, __ATOMIC_RELEASE);
}

static void on_pong(struct interrupt_frame *frame)
{
	(void)frame;
	lapic_end_of_interrupt();
	__atomic_fetch_add(&pongs, 1, __ATOMIC_RELEASE);
}

/*
 * Answers each ping; busy or halted in between. The ping that comes with stop is taken too: left over, it would be answered in the
 * next run, and two pongs at once are one interrupt.
 */
static void answer(void *halted)
{
	uint64_t seen = 0;

	for (;;) {
		if (halted) {
			while (pings == seen)
				halt_with_interrupts();
		} else {
			interrupts_on();
			while (pings == seen)
				cpu_relax();
			interrupts_off();
		}
		if (stop)
			return;
		for (; seen < pings; seen++)
			lapic_send(0, ICR_FIXED | VECTOR_PONG);
	}
}

static void identity(void *ret)
{
	uint64_t *value = ret;

	value[0] = lapic_id();
	value[1] = hv_present() ? rdmsr(HV_X64_MSR_VP_INDEX) : lapic_id();
}

static void send(unsigned int cpu, unsigned int round)
{
	bool hyperv = hv_present();

	if (hyperv && round % 3 == 1)
		wrmsr(HV_X64_MSR_ICR, (uint64_t)cpu << 32 | ICR_FIXED | VECTOR_PING);
	else if (hyperv && round % 3 == 2 && cpuid(HV_CPUID_ENLIGHTENMENTS, 0).eax & HV_HINT_CLUSTER_IPI)
		check(HV_RESULT_STATUS(hv_call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, VECTOR_PING, 1ull << cpu)) == HV_STATUS_SUCCESS,
		      "the IPI hypercall fails");
	else
		lapic_send(cpu, ICR_FIXED | VECTOR_PING);
}

static void ping_pong(unsigned int cpu, bool halted)
{
	uint64_t start;
	unsigned int i;

	pings = pongs = stop = 0;
	smp_run(cpu, answer, (void *)(uintptr_t)halted);
	start = rdtsc();
	interrupts_on();
	for (i = 1; i <= ROUNDS; i++) {
		send(cpu, i);
		if (!wait_count(&pongs, i, US)) {
			failure("VP %u (%s): no answer to ping %u; it took %lu, sent %lu", cpu, halted ? "halted" : "busy", i, pings, pongs);
			break;
		}
	}
	print("VP %u %s: %lu us a round trip\n", cpu, halted ? "halted" : "busy", (rdtsc() - start) / (tsc_hz / 1000000) / ROUNDS);
	stop = 1;
	lapic_send(cpu, ICR_FIXED | VECTOR_PING);
	interrupts_off();
	check(smp_wait(cpu, US), "VP %u does not come back", cpu);
}

#define MSR_FS_BASE 0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define TRACE 0x12345678u

static void leave_traces(void *unused)
{
	(void)unused;
	wrmsr(MSR_FS_BASE, TRACE);
	wrmsr(MSR_KERNEL_GS_BASE, TRACE);
}

static void read_gs(void *value)
{
	*(uint64_t *)value = rdmsr(MSR_KERNEL_GS_BASE);
}

/* INIT to a VP that was in use: segments begin anew, their hidden parts included; MSRs stay (APM vol. 2, 14.1.3). */
static void start_again(unsigned int cpu)
{
	uint64_t gs = 0;

	smp_run(cpu, leave_traces, NULL);
	if (!check(smp_wait(cpu, US), "VP %u took no work", cpu) || !check(smp_restart(cpu), "VP %u does not start again", cpu))
		return;
	check(ap_fs_base == 0, "VP %u: FS base %x after INIT", cpu, ap_fs_base);
	smp_run(cpu, read_gs, &gs);
	check(smp_wait(cpu, US) && gs == TRACE, "VP %u: kernel GS base %lx after INIT", cpu, gs);
}

GUEST_TEST(smp, "other VPs start, have their own identity, and interrupts go both ways")
{
	uint64_t value[2];
	unsigned int cpu;

	if (smp_count() < 2) {
		skip("one VP");
		return;
	}
	if (hv_present())
		hv_hypercalls_on();
	interrupt_handle(VECTOR_PING, on_ping);
	interrupt_handle(VECTOR_PONG, on_pong);
	for (cpu = 1; cpu < smp_count(); cpu++) {
		if (!check(smp_start(cpu), "VP %u does not start", cpu))
			continue;
		smp_run(cpu, identity, value);
		if (check(smp_wait(cpu, US), "VP %u took no work", cpu))
			check(value[0] == cpu && value[1] == cpu, "VP %u says APIC id %lu, index %lu", cpu, value[0], value[1]);
		ping_pong(cpu, false);
		ping_pong(cpu, true);
		start_again(cpu);
	}
}
