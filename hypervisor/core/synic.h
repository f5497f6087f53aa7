/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The synthetic interrupt controller of a VP (TLFS chapter 11). Its message and event pages lie in the child's memory, wherever the
 * child put them: the caller translates, and the child may write them at any time.
 */
#ifndef BULKHEAD_CORE_SYNIC_H
#define BULKHEAD_CORE_SYNIC_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/tlfs.h"

struct synic {
	uint64_t control, siefp, simp;      /* the MSRs as written */
	uint64_t sint[HV_SYNIC_SINT_COUNT];
	uint32_t wanted;                    /* slots that a sender found taken; atomic */
	uint32_t posting;                   /* slots that a sender is writing; atomic */
};

void synic_reset(struct synic *s);
/** SCONTROL, SVERSION, SIEFP, SIMP, EOM, SINT0..15. False: #GP. EOM is only recognised: the caller acts on it. */
bool synic_read(const struct synic *s, uint32_t msr, uint64_t *value);
bool synic_write(struct synic *s, uint32_t msr, uint64_t value);

/** Whether messages and event flags go to that SINT: the SynIC is on, and the SINT is not masked, or polled. */
bool synic_open(const struct synic *s, unsigned int sint);
/** Whether that SINT is to raise an interrupt, and its vector. */
bool synic_vector(const struct synic *s, unsigned int sint, uint8_t *vector);
/** Whether a SINT of that vector has AutoEOI. */
bool synic_auto_eoi(const struct synic *s, uint8_t vector);

/** Puts the message into its slot. False: the slot is taken; its message-pending flag is set and the slot noted in `wanted`. */
bool synic_put_message(struct synic *s, struct hv_message_page *page, unsigned int sint, const struct hv_message *m);
/** On EOM: the wanted slots that are free now, no longer wanted. */
uint32_t synic_freed(struct synic *s, const struct hv_message_page *page);
/** Sets an event flag; true when it was clear. */
bool synic_set_flag(struct hv_event_flags_page *page, unsigned int sint, unsigned int flag);

#endif
