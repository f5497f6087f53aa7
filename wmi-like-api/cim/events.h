/* SPDX-License-Identifier: BSD-2-Clause */
/* Subscriptions: creation, modification and deletion of Msvm_ComputerSystem. */
#ifndef BULKHEAD_CIM_EVENTS_H
#define BULKHEAD_CIM_EVENTS_H

#include "wmi-like-api/cim/result.h"

struct subscriptions {
	struct cim_subscription *first;
};

struct cim_subscription *subscription_new(struct subscriptions *all, const char *space, const char *wql, cim_event_fn fn, void *arg,
					  struct cim_error *error);
/** See model_change_fn. */
void subscriptions_tell(struct subscriptions *all, const struct world *world, const struct view *before, const struct view *after);
void subscriptions_free(struct subscriptions *all);

#endif
