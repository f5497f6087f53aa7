/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the network driver: the interface's life (netvsc.c), control messages (rndis.c), frames (transmit.c, receive.c). */
#ifndef BULKHEAD_VSC_NETVSC_INTERNAL_H
#define BULKHEAD_VSC_NETVSC_INTERNAL_H

#include "vsc/netvsc/netvsc.h"

/* The scratch pages: a page of the control message that is on its way, then headers of frames that go out from the caller's pages. */
#define CONTROL_BYTES VMBUS_PAGE_SIZE
#define HEADER_BYTES  128u
_Static_assert(CONTROL_BYTES + VSC_NETVSC_SENDS * HEADER_BYTES <= VSC_NETVSC_SCRATCH_BYTES, "scratch");

#define TRANSACTION_INIT    (~0ull - 1)
#define TRANSACTION_CONTROL (~0ull - 2)

/* Copies from memory that the host can write; the compiler must not go back for what was checked in the copy. */
static inline void copy_once(void *to, const void *from, uint32_t bytes)
{
	memcpy(to, from, bytes);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* netvsc.c */
/** Waits for *arrived. -ENODEV, -ETIMEDOUT. */
int vsc_netvsc_await(struct vsc_netvsc *n, const bool *arrived);

/* rndis.c */
/** Initialises RNDIS, learns address, MTU, link and offloads, and sets these. */
int vsc_netvsc_start(struct vsc_netvsc *n);
/** Nothing more is to be sent: no answer to that. */
int vsc_netvsc_halt(struct vsc_netvsc *n);

/* transmit.c */
/** The host is done with that tag. False: it has no such one. */
bool vsc_netvsc_complete(struct vsc_netvsc *n, uint64_t tag, int error);

/* receive.c */
/** A packet of the host that tells of what it has written in the receive buffer: n->ranges. */
void vsc_netvsc_receive(struct vsc_netvsc *n, const struct vsc_packet *packet);

#endif
