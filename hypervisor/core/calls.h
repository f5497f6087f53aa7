/* SPDX-License-Identifier: BSD-2-Clause */
/* The handlers of the root's hypercalls, by file. Inputs, outputs and errors: docs/hypercalls.md. */
#ifndef BULKHEAD_CORE_CALLS_H
#define BULKHEAD_CORE_CALLS_H

#include <stdint.h>

struct hypercall;

/* core/partition.c */
uint64_t hvcall_create_partition(struct hypercall *call);
uint64_t hvcall_initialize_partition(struct hypercall *call);
uint64_t hvcall_finalize_partition(struct hypercall *call);
uint64_t hvcall_delete_partition(struct hypercall *call);
uint64_t hvcall_get_partition_property(struct hypercall *call);
uint64_t hvcall_set_partition_property(struct hypercall *call);
uint64_t hvcall_register_intercept_result(struct hypercall *call);
uint64_t hvcall_bulkhead_connect(struct hypercall *call);

/* core/gpa.c */
uint64_t hvcall_deposit_memory(struct hypercall *call);
uint64_t hvcall_withdraw_memory(struct hypercall *call);
uint64_t hvcall_map_gpa_pages(struct hypercall *call);
uint64_t hvcall_unmap_gpa_pages(struct hypercall *call);

/* core/vp.c */
uint64_t hvcall_create_vp(struct hypercall *call);
uint64_t hvcall_delete_vp(struct hypercall *call);
uint64_t hvcall_dispatch_vp(struct hypercall *call);
uint64_t hvcall_map_vp_state_page(struct hypercall *call);
uint64_t hvcall_unmap_vp_state_page(struct hypercall *call);

/* core/registers.c */
uint64_t hvcall_get_vp_registers(struct hypercall *call);
uint64_t hvcall_set_vp_registers(struct hypercall *call);
uint64_t hvcall_translate_virtual_address(struct hypercall *call);

/* core/state.c */
uint64_t hvcall_get_vp_state(struct hypercall *call);
uint64_t hvcall_set_vp_state(struct hypercall *call);

/* core/interrupt.c */
uint64_t hvcall_assert_virtual_interrupt(struct hypercall *call);
uint64_t hvcall_signal_event_direct(struct hypercall *call);
uint64_t hvcall_post_message_direct(struct hypercall *call);

/* core/host.c */
uint64_t hvcall_bulkhead_sync(struct hypercall *call);
uint64_t hvcall_bulkhead_unload(struct hypercall *call);
uint64_t hvcall_bulkhead_read_log(struct hypercall *call);
uint64_t hvcall_bulkhead_get_stats(struct hypercall *call);

#endif
