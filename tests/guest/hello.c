/* SPDX-License-Identifier: BSD-2-Clause */
/* The least that works: output, CPUID, memory map, an exception that is caught. */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"

static void print_vendor(uint32_t leaf)
{
	struct cpuid r = cpuid(leaf, 0);
	char name[13] = { 0 };

	memcpy(name, &r.ebx, 4);
	memcpy(name + 4, leaf ? &r.ecx : &r.edx, 4);
	memcpy(name + 8, leaf ? &r.edx : &r.ecx, 4);
	print("CPUID %8x: eax %x '%s'\n", leaf, r.eax, name);
}

GUEST_TEST(hello, "prints, reads CPUID and the memory map, survives an exception")
{
	unsigned int i;
	uint64_t value;

	print_vendor(0);
	if (cpuid(1, 0).ecx & 1u << 31)
		print_vendor(HV_CPUID_VENDOR);
	print("%s; APIC id %u, TSC %lu Hz\n", hv_present() ? "Hyper-V interface" : "no Hyper-V interface", lapic_id(), tsc_hz);
	for (i = 0; i < memory_ranges; i++)
		print("memory %12lx to %12lx type %u\n", memory_map[i].start, memory_map[i].start + memory_map[i].size,
		      memory_map[i].type);
	check(memory_ranges > 0, "no memory map");
	check(rdmsr_safe(0x4fffffff, &value) == FAULT_GP || !hv_present(), "an MSR that does not exist raises no #GP");
	check(read_memory_safe(0x123456789000ull, &value) == FAULT_PF, "an address that is not mapped raises no #PF");
}
