/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's hypercalls on sets of its own VPs: interrupts, and TLB flushes (TLFS chapters 9 and 10). VPs that do not exist are passed
 * over. A partition has at most 64 VPs, so a set is the mask of its first bank.
 */
#include "abi/status.h"
#include "core/child.h"
#include "core/hypercall_child.h"
#include "core/partition.h"

#define VECTOR_MIN 16u
#define VECTOR_MAX 255u
#define FLUSH_FLAGS (HV_FLUSH_ALL_PROCESSORS | HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES | HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY)
#define EVERY_VP (~0ull)

_Static_assert(HV_MAX_VPS <= 64, "one bank");

/* The set that follows a header; a variable header must hold the banks that are named, no more and no less. */
static uint64_t read_set(const struct child_call *call, const struct hv_vpset *set, uint64_t *mask)
{
	if (set->format > HV_VPSET_ALL)
		return HV_STATUS_INVALID_PARAMETER;
	if (set->format == HV_VPSET_ALL) {
		*mask = EVERY_VP;
		return HV_STATUS_SUCCESS;
	}
	if ((uint32_t)__builtin_popcountll(set->valid_bank_mask) != call->variable)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	*mask = set->valid_bank_mask & 1 ? set->banks[0] : 0;
	return HV_STATUS_SUCCESS;
}

static uint64_t interrupt(struct vp *vp, uint64_t mask, uint32_t vector)
{
	struct vp *target;

	if (vector < VECTOR_MIN || vector > VECTOR_MAX)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	for (; mask; mask &= mask - 1) {
		target = __atomic_load_n(&vp->partition->vp[__builtin_ctzll(mask)], __ATOMIC_ACQUIRE);
		if (target)
			child_interrupt_vp(vp, target, vector);
	}
	return HV_STATUS_SUCCESS;
}

uint64_t child_send_ipi_call(struct child_call *call)
{
	const struct hv_input_send_ipi *in = (const void *)call->input;

	if (in->reserved)
		return HV_STATUS_INVALID_PARAMETER;
	return interrupt(call->vp, in->cpu_mask, in->vector);
}

uint64_t child_send_ipi_ex_call(struct child_call *call)
{
	const struct hv_input_send_ipi_ex *in = (const void *)call->input;
	uint64_t mask, status;

	if (in->reserved)
		return HV_STATUS_INVALID_PARAMETER;
	status = read_set(call, &in->vp_set, &mask);
	if (status != HV_STATUS_SUCCESS)
		return status;
	/* A set without banks asks for nothing, with any vector. */
	if (in->vp_set.format == HV_VPSET_SPARSE_4K && !in->vp_set.valid_bank_mask)
		return HV_STATUS_SUCCESS;
	return interrupt(call->vp, mask, in->vector);
}

/*
 * Whatever is named, address space or list of pages, all translations of those VPs go: that takes no walk, and the TLFS allows to
 * drop more than was asked for (9.4). So the list is not even read.
 */
static uint64_t flush(struct vp *vp, uint64_t flags, uint64_t mask)
{
	if (flags & ~(uint64_t)FLUSH_FLAGS)
		return HV_STATUS_INVALID_PARAMETER;
	vp_flush_request(vp, flags & HV_FLUSH_ALL_PROCESSORS ? EVERY_VP : mask);
	return HV_STATUS_SUCCESS;
}

uint64_t child_flush_call(struct child_call *call)
{
	const struct hv_input_flush_va *in = (const void *)call->input;

	return flush(call->vp, in->flags, in->cpu_mask);
}

uint64_t child_flush_ex_call(struct child_call *call)
{
	const struct hv_input_flush_va_ex *in = (const void *)call->input;
	uint64_t mask = 0, status = HV_STATUS_SUCCESS;

	if (!(in->flags & HV_FLUSH_ALL_PROCESSORS))
		status = read_set(call, &in->vp_set, &mask);
	return status == HV_STATUS_SUCCESS ? flush(call->vp, in->flags, mask) : status;
}
