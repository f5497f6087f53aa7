/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subscriptions: creation, modification and deletion of Msvm_ComputerSystem, of its settings, and of Msvm_ConcreteJob. What is told is the
 * difference between the instances that the providers make of what was and of what is.
 */
#ifndef BULKHEAD_CIM_EVENTS_H
#define BULKHEAD_CIM_EVENTS_H

#include "wmi-like-api/cim/result.h"

struct job;

struct subscriptions {
	struct cim_subscription *first;
};

struct cim_subscription *subscription_new(struct subscriptions *all, const char *space, const char *wql, cim_event_fn fn, void *arg,
					  struct cim_error *error);
/** See model_change_fn. */
void subscriptions_tell(struct subscriptions *all, const struct world *world, const struct view *before, const struct view *after);
/** before NULL: it is new; after NULL: it is forgotten. */
void subscriptions_tell_job(struct subscriptions *all, const struct world *world, const struct job *before, const struct job *after);
void subscriptions_free(struct subscriptions *all);

#endif
