/* SPDX-License-Identifier: BSD-2-Clause */
/* A partition's state as Hyper-V's numbers. */
#ifndef BULKHEAD_CIM_STATES_H
#define BULKHEAD_CIM_STATES_H

#include "wmi-like-api/cim/model.h"

unsigned state_enabled(const struct view *view);
unsigned state_health(const struct view *view);
unsigned state_operational(const struct view *view);

#endif
