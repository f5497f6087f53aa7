/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest other side of cim.h: one class of counted instances, one method, one subscription; so that the protocol is tested by itself. */
#ifndef BULKHEAD_TESTS_SMALL_CIM_H
#define BULKHEAD_TESTS_SMALL_CIM_H

#include "wmi-like-api/cim/cim.h"

#define SMALL_SPACE "root/virtualization/v2"
#define SMALL_CLASS "Msvm_ComputerSystem"

struct small_cim {
	unsigned count;              /**< instances */
	unsigned lists;              /**< not freed yet */
	char query[1024], method[64];
	char arguments[4096];        /**< of the last Invoke or Put, as text */
	bool defer;                  /**< an Invoke is answered by small_cim_finish */
	cim_result_fn fn;
	void *arg;
	cim_event_fn event;
	void *event_arg;
};

struct cim *small_cim(struct small_cim *state);
void small_cim_finish(struct small_cim *state);
void small_cim_event(struct small_cim *state);

#endif
