/* SPDX-License-Identifier: BSD-2-Clause */
/* See lapic.h. */
#include "lapic.h"

#include "guest.h"

#define MSR_APIC_BASE 0x1bu
#define APIC_ENABLE   0x800u
#define APIC_EXTD     0x400u
#define XAPIC         0xfee00000ul
#define XAPIC_ICR_HIGH 0x310u

static bool x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_EXTD;
}

static volatile uint32_t *xapic(uint32_t reg)
{
	return (volatile uint32_t *)(XAPIC + (reg - 0x800) * 16);
}

uint64_t lapic_get(uint32_t reg)
{
	return x2apic() ? rdmsr(reg) : *xapic(reg);
}

void lapic_set(uint32_t reg, uint64_t value)
{
	if (x2apic())
		wrmsr(reg, value);
	else
		*xapic(reg) = (uint32_t)value;
}

static void spurious(struct interrupt_frame *frame)
{
	(void)frame;
}

void lapic_on(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (!(base & APIC_EXTD) && cpuid(1, 0).ecx & 1u << 21)
		wrmsr(MSR_APIC_BASE, base | APIC_ENABLE | APIC_EXTD);
	interrupt_handle(VECTOR_SPURIOUS, spurious);
	lapic_set(LAPIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	lapic_set(LAPIC_TPR, 0);
}

uint32_t lapic_id(void)
{
	return x2apic() ? (uint32_t)rdmsr(LAPIC_ID) : *xapic(LAPIC_ID) >> 24;
}

void lapic_send(uint32_t destination, uint32_t command)
{
	if (x2apic()) {
		wrmsr(LAPIC_ICR, (uint64_t)destination << 32 | command);
	} else {
		*(volatile uint32_t *)(XAPIC + XAPIC_ICR_HIGH) = destination << 24;
		*xapic(LAPIC_ICR) = command;
	}
}

void lapic_end_of_interrupt(void)
{
	lapic_set(LAPIC_EOI, 0);
}

void lapic_timer(uint32_t vector_and_mode, uint32_t count)
{
	lapic_set(LAPIC_DIVIDE, 0xb);
	lapic_set(LAPIC_TIMER, vector_and_mode);
	lapic_set(LAPIC_INITIAL, count);
}
