/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A successor's beginning: the state region, the partition, its memory and its VPs as a worker that has died left them. What the region
 * holds of devices and services is taken up by those themselves.
 */
#ifndef BULKHEAD_WORKER_TAKEOVER_H
#define BULKHEAD_WORKER_TAKEOVER_H

#include "machine.h"

/** Maps the predecessor's state. -EINVAL, logged: it is no state, or of another version. */
int takeover_map_state(struct machine *machine);
/** False: there is nothing to go on with, this is a fresh start or the guest was in a reset. */
bool takeover_is_possible(const struct machine *machine);
/** The partition with memory and VPs, which do not run yet. Returns 0 or a negative errno, logged. */
int takeover_partition(struct machine *machine);
/** Clears what the state says of a guest. Its devices and services have not been created yet. */
void takeover_forget_guest(struct machine *machine);

#endif
