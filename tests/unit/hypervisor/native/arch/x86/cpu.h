/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before the hypervisor's own arch/x86/cpu.h when its sources are compiled into a test: what a test must decide (time,
 * CPUID) or a process may not do (WRMSR) goes to the test's machine; the rest is the real header.
 */
#ifndef BULKHEAD_TESTS_NATIVE_CPU_H
#define BULKHEAD_TESTS_NATIVE_CPU_H

#include <stdint.h>

#if __has_include_next("arch/x86/cpu.h")
#include_next "arch/x86/cpu.h"
#endif

struct cpuid_result;

uint64_t machine_rdtsc(void);
uint64_t machine_xgetbv(void);
void machine_read_xmm(uint8_t *to);
void machine_wrmsr(uint32_t msr, uint64_t value);
struct cpuid_result machine_cpuid(uint32_t leaf, uint32_t subleaf);

#define rdtsc() machine_rdtsc()
#define xgetbv() machine_xgetbv()
#define wrmsr(msr, value) machine_wrmsr(msr, value)
#define read_xmm(to) machine_read_xmm(to)
#define cpuid(leaf, subleaf) machine_cpuid(leaf, subleaf)

/* Handlers in tables share a signature; the hypervisor's own build allows it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#endif
