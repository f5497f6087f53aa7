/* SPDX-License-Identifier: BSD-2-Clause */
/* What the client needs of its surroundings: two hypercalls, an address translation and a way to wait. */
#ifndef BULKHEAD_VSC_VMBUS_OS_H
#define BULKHEAD_VSC_VMBUS_OS_H

#include <stdbool.h>
#include <stdint.h>

struct vsc_os {
	/** HvCallPostMessage, message type VMBUS_MESSAGE_TYPE: its HV_STATUS_*. */
	uint16_t (*post_message)(void *context, uint32_t connection_id, const void *payload, uint32_t bytes);
	/** HvCallSignalEvent, flag 0: its HV_STATUS_*. */
	uint16_t (*signal_event)(void *context, uint32_t connection_id);
	/** Guest-physical address of memory that was given to the client. */
	uint64_t (*physical)(void *context, const void *memory);
	/**
	 * Lets the host work and takes what came in: calls vsc_vmbus_message and vsc_vmbus_event, directly or by an interrupt that is
	 * served meanwhile. False: patience is over, whoever waits gives up with -ETIMEDOUT.
	 */
	bool (*wait)(void *context);
};

#endif
