/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker that takes over a running child would need from its predecessor, beyond what the hypervisor and the guest's
 * memory hold. It lies in a memfd that the daemon keeps too; no pointers, one version, native byte order.
 */
#ifndef BULKHEAD_WORKER_STATE_H
#define BULKHEAD_WORKER_STATE_H

#include "ioapic.h"
#include "uart.h"

#define STATE_MAGIC   0x65746174734b4c42ull /* "BLKstate" */
#define STATE_VERSION 1u
#define STATE_VMBUS_MAX (1u << 20)

struct pm_state {
	uint16_t status, enable, control, rtc_index;
};

struct worker_state_region {
	uint64_t magic;
	uint32_t version, size;
	struct uart_state uart;
	struct ioapic_state ioapic;
	struct pm_state pm;
	uint32_t reset_count, guest_crashes;
	/* The VMBus server's own region, as large as it asks for. */
	uint32_t vmbus_size, reserved;
	uint8_t vmbus[STATE_VMBUS_MAX] __attribute__((aligned(4096)));
};

#endif
