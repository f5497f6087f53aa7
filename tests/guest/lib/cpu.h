/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processor instructions. The *_safe ones may fault: they return the vector of the exception, or NO_FAULT.
 * Every fault that is expected is listed with where to go on, in the section .fixups.
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define NO_FAULT (-1)
#define FAULT_DB 1
#define FAULT_UD 6
#define FAULT_GP 13
#define FAULT_PF 14

/** The instruction at label 1 may fault; then `fault` gets the vector, and the code goes on behind label 2. */
#define FAULT_TO_2 ".pushsection .fixups, \"a\"; .quad 1b, 2f; .popsection\n2:"
struct fixup {
	uint64_t at, resume;
};

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;
	uint64_t fault = -1ull;

	asm volatile("1: rdmsr\n" FAULT_TO_2 : "+a"(low), "+d"(high), "+b"(fault) : "c"(msr));
	*value = (uint64_t)high << 32 | low;
	return (int)fault;
}

static inline int wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint64_t fault = -1ull;

	asm volatile("1: wrmsr\n" FAULT_TO_2 : "+b"(fault)
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return (int)fault;
}

static inline int xsetbv_safe(uint32_t index, uint64_t value)
{
	uint64_t fault = -1ull;

	asm volatile("1: xsetbv\n" FAULT_TO_2 : "+b"(fault)
		     : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return (int)fault;
}

#define CR_FUNCTIONS(n) \
static inline uint64_t read_cr##n(void) \
{ \
	uint64_t value; \
 \
	asm volatile("mov %%cr" #n ", %0" : "=r"(value)); \
	return value; \
} \
static inline int write_cr##n##_safe(uint64_t value) \
{ \
	uint64_t fault = -1ull; \
 \
	asm volatile("1: mov %1, %%cr" #n "\n" FAULT_TO_2 : "+b"(fault) : "r"(value) : "memory"); \
	return (int)fault; \
}
CR_FUNCTIONS(0)
CR_FUNCTIONS(3)
CR_FUNCTIONS(4)
CR_FUNCTIONS(8)
#undef CR_FUNCTIONS

static inline int read_memory_safe(uint64_t address, uint64_t *value)
{
	uint64_t fault = -1ull, v = 0;

	asm volatile("1: mov (%2), %1\n" FAULT_TO_2 : "+b"(fault), "+r"(v) : "r"(address) : "memory");
	*value = v;
	return (int)fault;
}

static inline int write_memory_safe(uint64_t address, uint64_t value)
{
	uint64_t fault = -1ull;

	asm volatile("1: mov %2, (%1)\n" FAULT_TO_2 : "+b"(fault) : "r"(address), "r"(value) : "memory");
	return (int)fault;
}

static inline void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void interrupts_on(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
	asm volatile("cli" : : : "memory");
}

/** Lets interrupts in and halts with nothing between the two. */
static inline void halt_with_interrupts(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

#endif
