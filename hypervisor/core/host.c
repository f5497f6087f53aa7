/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls about the hypervisor itself: passing through an exit, unload, log, statistics. */
#include "abi/status.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/string.h"

/** The exit itself is the point: the entry after it drops stale translations. Pages that every CPU has let go become usable. */
uint64_t hvcall_bulkhead_sync(struct hypercall *call)
{
	(void)call;
	lock(&hv.lock);
	memory_settle();
	unlock(&hv.lock);
	return HV_STATUS_SUCCESS;
}

uint64_t hvcall_bulkhead_unload(struct hypercall *call)
{
	if (hv.partition_count)
		return HV_STATUS_OPERATION_DENIED;
	call->cpu->leaving = 1;
	return HV_STATUS_SUCCESS;
}

uint64_t hvcall_bulkhead_read_log(struct hypercall *call)
{
	log_read(((const struct bh_input_read_log *)call->input)->position, call->output);
	return HV_STATUS_SUCCESS;
}
