/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls about the hypervisor itself: passing through an exit, unload, log, statistics. */
#include "abi/status.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

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

static void partition_stats(struct partition *p, struct bh_partition_stats *out)
{
	out->deposited_bytes = p->pool.total_pages * PAGE_SIZE;
	out->deposited_free_bytes = p->pool.free_pages * PAGE_SIZE;
	out->mapped_bytes = p->mapped_bytes;
	out->vp_count = p->vp_count;
}

static void hypervisor_stats(struct bh_hypervisor_stats *out)
{
	out->version = BULKHEAD_VERSION_MAJOR << 16 | BULKHEAD_VERSION_MINOR;
	out->cpu_count = hv.cpu_count;
	out->partition_count = hv.partition_count;
	out->image_bytes = hv.image_bytes;
	out->owned_bytes = hv.owned_bytes;
	out->owned_free_bytes = hv.pool.free_pages * PAGE_SIZE;
	for (unsigned int i = 0; i < HV_MAX_PARTITIONS; i++)
		if (hv.partition[i])
			out->deposited_bytes += hv.partition[i]->pool.total_pages * PAGE_SIZE;
	for (uint32_t i = 0; i < hv.cpu_count; i++)
		out->root_exits += hv.cpu[i]->root_exits;
}

uint64_t hvcall_bulkhead_get_stats(struct hypercall *call)
{
	const struct bh_input_get_stats *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS;
	struct partition *p;
	struct vp *vp;

	lock(&hv.lock);
	p = partition_find(in->partition_id);
	vp = p ? partition_vp(p, in->vp_index) : NULL;
	if (in->partition_id == 0)
		hypervisor_stats(call->output);
	else if (!p)
		status = HV_STATUS_INVALID_PARTITION_ID;
	else if (in->vp_index == ~0u)
		partition_stats(p, call->output);
	else if (!vp)
		status = HV_STATUS_INVALID_VP_INDEX;
	else
		memcpy(call->output, &vp->stats, sizeof vp->stats);
	unlock(&hv.lock);
	return status;
}
