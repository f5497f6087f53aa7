/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker that takes over a running child needs from its predecessor, beyond what the hypervisor and the guest's
 * memory hold. It lies in a memfd that the daemon keeps too; no pointers, one version, native byte order.
 */
#ifndef BULKHEAD_WORKER_STATE_H
#define BULKHEAD_WORKER_STATE_H

#include "console.h"
#include "event_queue.h"
#include "ioapic.h"
#include "uart.h"
#include "vmbus/server/state.h"
#include "vsp/balloon/balloon_state.h"
#include "vsp/ic/ic.h"
#include "vsp/network/netvsp_state.h"
#include "vsp/storage/storvsp_state.h"

#define STATE_MAGIC   0x65746174734b4c42ull /* "BLKstate" */
#define STATE_VERSION 5u
#define STATE_CONTROLLERS 4u
#define STATE_INTERFACES 16u     /* twice what a guest can have: some it has not let go of */
#define STATE_DEFERRED 64u
#define STATE_ICS ((unsigned int)IC_TYPES)

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
	uint32_t paused, resetting;          /* resetting: the guest is nowhere, a successor starts it afresh */
	uint32_t deferred_count, reserved;
	uint64_t start_realtime_ns;
	char reason[256];                    /* the guest's last words */
	struct event_queue_state events;
	struct bh_posted_message deferred[STATE_DEFERRED]; /* that the VMBus server could not take yet, in order */
	struct console_state console;
	struct ic_state ic[STATE_ICS];       /* by enum ic_type */
	/* The VMBus server's, the interfaces', the SCSI controllers' and the balloon's own regions; what they do not touch costs no memory. */
	uint8_t vmbus[VMBUS_STATE_BYTES] __attribute__((aligned(4096)));
	uint8_t network[STATE_INTERFACES][NETVSP_STATE_BYTES] __attribute__((aligned(4096)));
	uint8_t storage[STATE_CONTROLLERS][STORVSP_STATE_BYTES] __attribute__((aligned(4096)));
	uint8_t balloon[BALLOON_STATE_BYTES] __attribute__((aligned(4096)));
};

#endif
