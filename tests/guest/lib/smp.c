/* SPDX-License-Identifier: BSD-2-Clause */
/* See smp.h. */
#include "smp.h"

#include "guest.h"
#include "lapic.h"

#define STACK_BYTES 16384u
#define START_US 2000000u

static struct cpu {
	void (*function)(void *);
	void *argument;
	uint64_t online, started, finished;
} cpus[SMP_MAX];

uint64_t ap_stack_top;               /* of the VP that is being started */
uint32_t ap_fs_base;                 /* that it was started with */
static unsigned int starting;
extern const uint8_t trampoline[], trampoline_end[];

unsigned int smp_count(void)
{
	unsigned int n = cpuid(1, 0).ebx >> 16 & 0xff;

	return n == 0 ? 1 : n > SMP_MAX ? SMP_MAX : n;
}

static void on_work(struct interrupt_frame *frame)
{
	(void)frame;
	lapic_end_of_interrupt();
}

/** Called by start.S on its own stack. */
void ap_main(void);
void ap_main(void)
{
	struct cpu *self = &cpus[starting];

	interrupts_load();
	lapic_on();
	__atomic_store_n(&self->online, 1, __ATOMIC_RELEASE);
	for (;;) {
		while (__atomic_load_n(&self->started, __ATOMIC_ACQUIRE) == self->finished)
			halt_with_interrupts();
		self->function(self->argument);
		__atomic_fetch_add(&self->finished, 1, __ATOMIC_RELEASE);
	}
}

bool smp_start(unsigned int cpu)
{
	return cpus[cpu].online || smp_restart(cpu);
}

bool smp_restart(unsigned int cpu)
{
	__atomic_store_n(&cpus[cpu].online, 0, __ATOMIC_SEQ_CST);
	lapic_on();
	interrupt_handle(VECTOR_WORK, on_work);
	memcpy((void *)(uintptr_t)SMP_TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
	ap_stack_top = (uintptr_t)page_alloc(STACK_BYTES / 4096) + STACK_BYTES;
	__atomic_store_n(&starting, cpu, __ATOMIC_SEQ_CST);
	lapic_send(cpu, ICR_INIT);
	delay_us(1000);
	lapic_send(cpu, ICR_STARTUP | SMP_TRAMPOLINE >> 12);
	if (wait_count(&cpus[cpu].online, 1, 200000))
		return true;
	lapic_send(cpu, ICR_STARTUP | SMP_TRAMPOLINE >> 12);
	return wait_count(&cpus[cpu].online, 1, START_US);
}

void smp_run(unsigned int cpu, void (*function)(void *), void *argument)
{
	cpus[cpu].function = function;
	cpus[cpu].argument = argument;
	__atomic_fetch_add(&cpus[cpu].started, 1, __ATOMIC_SEQ_CST);
	lapic_send(cpu, ICR_FIXED | VECTOR_WORK);
}

bool smp_wait(unsigned int cpu, uint64_t us)
{
	return wait_count(&cpus[cpu].finished, cpus[cpu].started, us);
}
