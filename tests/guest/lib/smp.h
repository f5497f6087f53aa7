/* SPDX-License-Identifier: BSD-2-Clause */
/* Other VPs: started by INIT and start-up IPI, each then waits halted for work. */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include <stdbool.h>
#include <stdint.h>

/** The FS base with which the last VP was started. */
extern uint32_t ap_fs_base;

#define SMP_TRAMPOLINE 0x10000u
#define SMP_MAX        8u
#define VECTOR_WORK    0xe0u

/** VPs by CPUID; at most SMP_MAX. */
unsigned int smp_count(void);
/** Starts VP `cpu` (1..); false if it does not come up. Once is enough. */
bool smp_start(unsigned int cpu);
/** INIT and start-up again, for a VP without work. */
bool smp_restart(unsigned int cpu);
/** Has a started VP call function(argument); at once, and only one at a time. */
void smp_run(unsigned int cpu, void (*function)(void *), void *argument);
/** Waits for its end; false after so many microseconds. */
bool smp_wait(unsigned int cpu, uint64_t us);

#endif
