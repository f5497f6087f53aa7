/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VP that has other VPs of its partition drop their translations (TLFS chapter 9). A flush is a new ASID at the target's next
 * entry; what is left to see to is that the caller does not go on while a target still runs on the old one.
 *
 * Tickets count the requests of a partition. The caller raises each target's flush_request, then looks whether the target is owned.
 * A CPU that dispatches the target sets owner, then looks at flush_request: whichever comes second sees the other. An owned target
 * is kicked by the root (wake_mask), so its run ends; the caller is done with it when it is not owned or has taken the ticket.
 */
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

#define NO_CPU (~0u)

static void raise(struct vp *target, uint64_t ticket)
{
	uint64_t seen = __atomic_load_n(&target->flush_request, __ATOMIC_RELAXED);

	while (seen < ticket && !__atomic_compare_exchange_n(&target->flush_request, &seen, ticket, false, __ATOMIC_SEQ_CST,
							     __ATOMIC_SEQ_CST))
		;
}

void vp_flush_request(struct vp *vp, uint64_t mask)
{
	uint64_t ticket = __atomic_add_fetch(&vp->partition->flush_ticket, 1, __ATOMIC_SEQ_CST), wait = 0;

	for (; mask; mask &= mask - 1) {
		unsigned int index = __builtin_ctzll(mask);
		struct vp *target = __atomic_load_n(&vp->partition->vp[index], __ATOMIC_ACQUIRE);

		if (!target)
			continue;
		raise(target, ticket);
		if (target != vp && __atomic_load_n(&target->owner, __ATOMIC_SEQ_CST))
			wait |= 1ull << index;
	}
	vp->flush_ticket = ticket;
	vp->flush_wait = wait;
	if (wait) {
		vp->output->wake_mask |= wait;
		vp->leave = true;
	}
}

void vp_flush_take(struct vp *vp)
{
	uint64_t request = __atomic_load_n(&vp->flush_request, __ATOMIC_ACQUIRE);

	if (request == vp->flush_done)
		return;
	vp->asid_cpu = NO_CPU;
	__atomic_store_n(&vp->flush_done, request, __ATOMIC_RELEASE);
}

bool vp_flush_complete(struct vp *vp)
{
	uint64_t left = vp->flush_wait;

	for (uint64_t mask = left; mask; mask &= mask - 1) {
		unsigned int index = __builtin_ctzll(mask);
		/* Not deleted meanwhile: that needs all VPs of the partition to stand still, and this one is dispatched. */
		struct vp *target = __atomic_load_n(&vp->partition->vp[index], __ATOMIC_ACQUIRE);

		if (!target || !vp_is_owned(target) ||
		    __atomic_load_n(&target->flush_done, __ATOMIC_ACQUIRE) >= vp->flush_ticket)
			left &= ~(1ull << index);
	}
	vp->flush_wait = left;
	return !left;
}
