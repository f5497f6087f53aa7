/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread runs a guest of one VP. With processors to spare the VP has a thread of its own, so that the guest goes on while the loop
 * serves it. On a single one they would only take turns, at two switches of threads a turn: there the loop's thread runs the VP itself.
 * Loop only.
 */
#ifndef BULKHEAD_WORKER_GUEST_THREAD_H
#define BULKHEAD_WORKER_GUEST_THREAD_H

#include "machine.h"

/** Decides for the worker's life, by the configuration and the processors that it may use. Before vp_set_start. */
void guest_thread_choose(struct machine *machine);
/** The partition is new. Returns 0 or a negative errno. */
int guest_thread_attach(struct machine *machine);
/** The partition is about to be closed: nothing here holds it any longer. */
void guest_thread_detach(struct machine *machine);

#endif
