/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of the VPs before the first instruction: registers here, tables in memory by the loader. */
#ifndef BULKHEAD_WORKER_BOOT_STATE_H
#define BULKHEAD_WORKER_BOOT_STATE_H

#include <stdint.h>

#include "abi/hypercall.h"

#define BOOT_STATE_REGISTERS 32u

/** Registers of the first VP at entry (64-bit mode, identity mapped, x2APIC). Returns how many. */
unsigned int boot_state_bsp(struct hv_register_assoc registers[BOOT_STATE_REGISTERS], uint64_t entry);
/** Registers of every other VP: waits for INIT and SIPI, x2APIC. Returns how many. */
unsigned int boot_state_ap(struct hv_register_assoc registers[BOOT_STATE_REGISTERS]);

#endif
