/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX registers, MXCSR and XCR0 are each VP's own: they survive exits of all kinds, other VPs and other children
 * (start two with different `seed=`). Each VP checks patterns that nobody else uses.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"
#include "lib/smp.h"

#define CR4_OSXSAVE (1ull << 18)
#define CPUID_XSAVE (1u << 26)
#define CPUID_AVX   (1u << 28)
#define XCR0_AVX 7u
#define XCR0_SSE 3u
#define AREA_BYTES 832u
#define X87_FIRST 32u
#define LEGACY_XMM 160u
#define HEADER 512u
#define AVX_HIGH 576u
#define WAIT_US 30000000u

struct area {
	uint8_t bytes[AREA_BYTES];
} __attribute__((aligned(64)));

static struct area wanted[SMP_MAX], found[SMP_MAX];
static uint32_t components;

static void xsave(struct area *a)
{
	asm volatile("xsave64 %0" : "=m"(*a) : "a"(components), "d"(0) : "memory");
}

static void xrstor(const struct area *a)
{
	asm volatile("xrstor64 %0" : : "m"(*a), "a"(components), "d"(0) : "memory");
}

/* A full state: control words, eight x87 registers, sixteen vector registers. */
static void make(struct area *a, uint64_t seed)
{
	struct random r = { seed };
	uint64_t word;
	unsigned int i;

	memset(a, 0, sizeof *a);
	a->bytes[0] = 0x7f;
	a->bytes[1] = (uint8_t)(seed % 4) << 2 | 3;  /* x87 rounding differs by VP */
	a->bytes[4] = 0xff;                          /* all x87 registers in use */
	a->bytes[24] = 0x80;
	a->bytes[25] = (uint8_t)(0x1f | (seed % 4) << 5); /* MXCSR: exceptions masked, rounding differs by VP */
	for (i = 0; i < 8; i++) {
		word = random_next(&r) | 1ull << 63;
		memcpy(a->bytes + X87_FIRST + i * 16, &word, 8);
		a->bytes[X87_FIRST + i * 16 + 8] = (uint8_t)word;
		a->bytes[X87_FIRST + i * 16 + 9] = 0x3f;
	}
	for (i = 0; i < 32; i++) {
		word = random_next(&r);
		memcpy(a->bytes + LEGACY_XMM + i * 8, &word, 8);
	}
	for (i = 0; components & 4 && i < 32; i++) {
		word = random_next(&r);
		memcpy(a->bytes + AVX_HIGH + i * 8, &word, 8);
	}
	a->bytes[HEADER] = (uint8_t)components;
}

static bool same(const struct area *a, const struct area *b, unsigned int from, unsigned int bytes)
{
	return memcmp(a->bytes + from, b->bytes + from, bytes) == 0;
}

/* Exits of different kinds: in the hypervisor, to the root's user space, a pause of some time. */
static void disturb(unsigned int round)
{
	switch (round % 4) {
	case 0:
		cpuid(0, 0);
		break;
	case 1:
		inb(0x80);
		break;
	case 2:
		delay_us(200);
		break;
	default:
		if (hv_present())
			rdmsr(HV_X64_MSR_TIME_REF_COUNT);
	}
}

static void keep(void *argument)
{
	unsigned int cpu = (unsigned int)(uintptr_t)argument, round, rounds = (unsigned int)option_number("rounds", 400);
	struct area *a = &wanted[cpu], *b = &found[cpu];
	uint64_t seed = option_number("seed", 1) * 1000003 + cpu;

	write_cr4_safe(read_cr4() | CR4_OSXSAVE);
	if (!check(xsetbv_safe(0, components) == NO_FAULT, "VP %u: XCR0 cannot be set to %x", cpu, components))
		return;
	make(a, seed);
	for (round = 0; round < rounds; round++) {
		xrstor(a);
		disturb(round);
		memset(b, 0, sizeof *b);
		xsave(b);
		if (!check(same(a, b, LEGACY_XMM, 256), "VP %u round %u: XMM registers changed", cpu, round) ||
		    !check(same(a, b, 24, 4), "VP %u round %u: MXCSR changed", cpu, round) ||
		    !check(same(a, b, 0, 2) && same(a, b, X87_FIRST, 8 * 16 - 6), "VP %u round %u: x87 changed", cpu, round) ||
		    !check(!(components & 4) || same(a, b, AVX_HIGH, 256), "VP %u round %u: upper YMM halves changed", cpu, round))
			return;
	}
}

GUEST_TEST(fpu, "floating point and vector state stays a VP's own")
{
	unsigned int cpu;

	if (!(cpuid(1, 0).ecx & CPUID_XSAVE)) {
		skip("no XSAVE");
		return;
	}
	components = cpuid(1, 0).ecx & CPUID_AVX ? XCR0_AVX : XCR0_SSE;
	for (cpu = 1; cpu < smp_count(); cpu++)
		if (check(smp_start(cpu), "VP %u does not start", cpu))
			smp_run(cpu, keep, (void *)(uintptr_t)cpu);
	keep((void *)0);
	for (cpu = 1; cpu < smp_count(); cpu++)
		check(smp_wait(cpu, WAIT_US), "VP %u does not end", cpu);
	check(xsetbv_safe(0, 2) == FAULT_GP, "XCR0 can be set without x87");
	check(xsetbv_safe(0, 5) == FAULT_GP, "XCR0 can have AVX without SSE");
	check(xsetbv_safe(0, ~0ull) == FAULT_GP, "XCR0 takes all ones");
	check(xsetbv_safe(1, 7) == FAULT_GP, "there is an XCR1");
}
