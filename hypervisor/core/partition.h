/* SPDX-License-Identifier: BSD-2-Clause */
/* A child partition: its memory pool, nested page table, VPs and what its VPs share. It lives in a page of the hypervisor's pool. */
#ifndef BULKHEAD_CORE_PARTITION_H
#define BULKHEAD_CORE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bulkhead.h"
#include "core/child.h"
#include "core/memory.h"

struct vp;

enum partition_state {
	PARTITION_CREATED,       /* may get memory only */
	PARTITION_ACTIVE,        /* initialised: VPs and mappings */
	PARTITION_FINALIZED,     /* memory comes back, then it is deleted */
};

/** Connections that the child may use: open addressing over one page of the pool, type in the top byte of a slot. */
#define CONNECTION_SLOTS (PAGE_SIZE / sizeof(uint32_t))

struct partition {
	uint64_t id;
	enum partition_state state;
	struct pool pool;
	uint64_t npt;                /* PA of the root table, 0 before initialisation */
	uint64_t npt_generation;     /* bumped when a mapping goes; a VP that has seen less flushes at its next entry */
	uint64_t flush_ticket;       /* of the last TLB flush that a VP asked for; atomic */
	uint64_t mapped_bytes;
	uint32_t *connections;       /* NULL until the first */
	uint32_t vp_count;
	struct vp *vp[HV_MAX_VPS];
	struct child_partition child;
};
_Static_assert(sizeof(struct partition) <= PAGE_SIZE, "one page");

/** The partition with that id, or NULL. Call with hv.lock. */
struct partition *partition_find(uint64_t id);
/** The VP, or NULL. Call with hv.lock. */
struct vp *partition_vp(struct partition *p, uint32_t index);
/** BH_CONNECTION_* of a connection id; any CPU, no lock. */
uint32_t partition_connection(const struct partition *p, uint32_t id);
/** The hypervisor's pointer to the page of the child that holds gpa (to its first byte), or NULL: not mapped, or read-only. */
void *partition_page(const struct partition *p, uint64_t gpa);

#endif
