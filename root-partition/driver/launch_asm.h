/* SPDX-License-Identifier: GPL-2.0 */
/* The switch page: code that is mapped at the same address in the root's and in the hypervisor's page table. */
#ifndef BULKHEAD_DRIVER_LAUNCH_ASM_H
#define BULKHEAD_DRIVER_LAUNCH_ASM_H

#include <linux/types.h>

extern const u8 bh_switch_page[];

/** Interrupts off. Enters the hypervisor at `entry` on its page table; 0 once this CPU runs under it, else a negative errno. */
long bh_switch_enter(u64 cr3, u64 entry, u64 area, u64 index);
/** Interrupts off. 0 once this CPU runs without the hypervisor; else the HV_STATUS of the refusal. */
long bh_switch_unload(void);
/** The hypervisor's way out; never called from here. */
void bh_switch_leave(void);

#endif
