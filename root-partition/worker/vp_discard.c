/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the guest has no use for at present (Linux: free page reporting, in hv_balloon). It goes back to the root; what the guest
 * touches again comes again, empty. The VP waits meanwhile, and its kernel keeps the pages from all others: a successor
 * that has the same message does it again.
 */
#include "vp.h"

#include <string.h>

#include "abi/hypercall.h"
#include "abi/message.h"
#include "log.h"

#define LARGE_PAGE (2ull << 20)

/** False: pages of 1 GiB, of which nobody has one. No sum can overflow: an address has 52 bits, a length 33. */
static bool read_range(uint64_t range, uint64_t *gpa, uint64_t *size)
{
	uint64_t unit = range & HV_GPA_RANGE_LARGE ? LARGE_PAGE : HV_PAGE_SIZE;

	*gpa = range & ~(unit - 1);
	*size = ((range & HV_GPA_RANGE_ADDITIONAL) + 1) * unit;
	return !(range & HV_GPA_RANGE_LARGE && range & HV_GPA_RANGE_GIB);
}

enum vp_verdict vp_discard(struct vp *vp, const struct bh_discard_message *m)
{
	const struct vp_set *set = vp->set;
	uint64_t ranges[HV_HEAT_HINT_RANGES_MAX], gpa, size;
	const uint8_t *at;
	uint32_t i;
	int rc;

	at = m->count <= HV_HEAT_HINT_RANGES_MAX ? guest_memory_at(set->memory, m->ranges_gpa, m->count * sizeof *ranges) : NULL;
	if (at == NULL)
		return VP_CONTINUE;
	memcpy(ranges, at, m->count * sizeof *ranges);
	for (i = 0; i < m->count; i++) {
		if (!read_range(ranges[i], &gpa, &size) || guest_memory_at(set->memory, gpa, size) == NULL)
			continue;
		rc = mshv_partition_release(set->partition, gpa, size);
		if (rc < 0)
			log_line("memory: %#llx bytes at %#llx, which the guest does not use, cannot be given back: %s",
				 (unsigned long long)size, (unsigned long long)gpa, strerror(-rc));
	}
	return VP_CONTINUE;
}
