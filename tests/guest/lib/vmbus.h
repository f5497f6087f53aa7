/* SPDX-License-Identifier: BSD-2-Clause */
/* The client of vsc/ at home in this kernel: SynIC polled and waited for in HLT, memory identity mapped. One connection. */
#ifndef GUEST_VMBUS_H
#define GUEST_VMBUS_H

#include <stdbool.h>

#include "vsc/storvsc/disk.h"
#include "vsc/vmbus/client.h"

#define GUEST_RING_BYTES (32u * 4096)

/** SynIC on, hypercalls on; not connected yet. NULL after a skip or failure was reported. */
struct vsc_vmbus *guest_vmbus(void);
/** The same, connected, with offers. */
struct vsc_vmbus *guest_vmbus_connected(void);
/** The first SCSI controller, opened on new memory, and its first disk. False after a skip or failure was reported. */
bool guest_disk(struct vsc_storvsc *storvsc, struct vsc_disk *disk);
/** Takes messages and events that are there; whether there were any. */
bool guest_vmbus_poll(void);
/** How long an answer may take. */
void guest_vmbus_patience(unsigned int ms);
/** Takes nothing out of the message slot any more, or again. */
void guest_vmbus_deaf(bool deaf);

#endif
