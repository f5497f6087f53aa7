/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes where no memory is: the hole below 4 GiB, beyond the end, the APIC's page in x2APIC mode, the IOAPIC at odd offsets
 * and sizes. They read as ones or as the device says, and writing changes nothing.
 */
#include "lib/guest.h"

extern uint64_t pdpt[512];
#define PAGE_1G (1ull << 7 | 3)
#define IOAPIC 0xfec00000ull
#define LAPIC  0xfee00000ull
#define WINDOW (8ull << 30)          /* virtual; shows another physical gigabyte */

static void beyond(uint64_t physical)
{
	uint64_t value;

	pdpt[WINDOW >> 30] = physical | PAGE_1G;
	write_cr3_safe(read_cr3());
	check(read_memory_safe(WINDOW + 0x1238, &value) == NO_FAULT && value == ~0ull, "%lx reads as %lx", physical, value);
	check(write_memory_safe(WINDOW + 0x1238, 0x1122334455667788) == NO_FAULT, "%lx: write faults", physical);
	check(read_memory_safe(WINDOW + 0x1238, &value) == NO_FAULT && value == ~0ull, "%lx keeps %lx", physical, value);
}

GUEST_TEST(mmio, "accesses outside of memory")
{
	volatile uint8_t *ioapic = (void *)IOAPIC;
	uint64_t value, top = memory_top(), at;
	struct random r = { option_number("seed", 99) };
	unsigned int i;

	for (at = 0xe8000000; at < 0xfe000000; at += 0x1234568)
		check(read_memory_safe(at, &value) == NO_FAULT && value == ~0ull, "%lx reads as %lx", at, value);
	check(read_memory_safe(top + 0x1000, &value) == NO_FAULT, "the byte behind memory faults");
	check(write_memory_safe(top, 1) == NO_FAULT, "writing behind memory faults");
	/* Across the end of memory, and across pages of nothing. */
	check(read_memory_safe(top - 4, &value) == NO_FAULT, "a read across the end of memory faults");
	check(read_memory_safe(0xf0000ffc, &value) == NO_FAULT, "a read across two pages of nothing faults");
	read_memory_safe(LAPIC + 0x20, &value);
	for (i = 0; i < 2000; i++) {
		at = random_next(&r) % 4096;
		if (random_next(&r) % 2)
			(void)ioapic[at];
		else
			ioapic[at] = (uint8_t)random_next(&r);
		read_memory_safe(IOAPIC + at, &value);
		write_memory_safe(IOAPIC + at, random_next(&r));
	}
	if (cpuid(0x80000001, 0).edx & 1u << 26) {
		beyond(64ull << 30);
		beyond(255ull << 30);
		beyond(1023ull << 30);
	}
}
