/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's interface as a guest uses it: identity, hypercalls, SynIC. Layouts are abi/tlfs.h's. */
#ifndef GUEST_HV_H
#define GUEST_HV_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "abi/status.h"
#include "abi/tlfs.h"

/** "Hv#1" with the hypercall and VP index privileges. */
bool hv_present(void);
/** The two privilege words of leaf 40000003h, EBX:EAX. */
uint64_t hv_privileges(void);
/** hv_present, and the privileges; else it reports a skip. */
bool hv_require(uint64_t privileges);

/** Tells who we are and places the hypercall page; false if it stays disabled. */
bool hv_hypercalls_on(void);
/** The whole result value; status = low 16 bits. */
uint64_t hv_call(uint64_t control, uint64_t input, uint64_t output);
uint16_t hv_post_message(uint32_t connection, uint32_t type, const void *payload, uint32_t bytes);
uint16_t hv_signal_event(uint32_t connection, uint16_t flag);

/** Reference time in 100 ns, by the MSR. */
uint64_t hv_time(void);

/** This VP's message and event flag pages, and one SINT with a vector. */
struct hv_message_page *hv_synic_on(unsigned int sint, uint32_t vector);
struct hv_event_flags_page *hv_event_flags(void);

#endif
