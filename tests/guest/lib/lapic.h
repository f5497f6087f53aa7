/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC: x2APIC when it is there (Bulkhead's children start in it), else memory-mapped. Registers by x2APIC number. */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#include <stdint.h>

#define LAPIC_ID       0x802u
#define LAPIC_VERSION  0x803u
#define LAPIC_TPR      0x808u
#define LAPIC_EOI      0x80bu
#define LAPIC_SPURIOUS 0x80fu
#define LAPIC_ISR      0x810u
#define LAPIC_IRR      0x820u
#define LAPIC_ESR      0x828u
#define LAPIC_ICR      0x830u
#define LAPIC_TIMER    0x832u
#define LAPIC_INITIAL  0x838u
#define LAPIC_CURRENT  0x839u
#define LAPIC_DIVIDE   0x83eu
#define LAPIC_SELF_IPI 0x83fu

#define LAPIC_MASKED   0x10000u
#define LAPIC_PERIODIC 0x20000u
#define ICR_INIT       0x4500u       /* assert */
#define ICR_STARTUP    0x4600u
#define ICR_FIXED      0x4000u
#define ICR_NMI        0x4400u
#define ICR_SELF       0x40000u
#define ICR_ALL_OTHERS 0xc0000u
#define VECTOR_SPURIOUS 0xffu

void lapic_on(void);                 /* this VP's */
uint32_t lapic_id(void);
uint64_t lapic_get(uint32_t reg);
void lapic_set(uint32_t reg, uint64_t value);
void lapic_send(uint32_t destination, uint32_t command);
void lapic_end_of_interrupt(void);
/** One-shot or periodic timer; count 0 stops it. Divided by 1. */
void lapic_timer(uint32_t vector_and_mode, uint32_t count);

#endif
