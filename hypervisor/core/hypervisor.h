/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's global state and what a CPU keeps for itself. There is one instance of struct hypervisor, `hv`.
 */
#ifndef BULKHEAD_CORE_HYPERVISOR_H
#define BULKHEAD_CORE_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bulkhead.h"
#include "core/lock.h"
#include "core/memory.h"

struct vp;
struct partition;

#define ROOT_PARTITION_ID 1ull

/** State of one CPU. The first page of its area (BH_CPU_AREA_SIZE); its own virtual address is hv.cpu[index]. */
struct cpu {
	uint32_t index;
	uint64_t seen_generation;   /* memory generation of the last entry into the root with a clean TLB */
	uint64_t root_exits;
	uint64_t asid_generation;   /* starts at 1; a VP with another one needs a new ASID */
	uint32_t asid_next;
	uint8_t  leaving;           /* the root asked for unload */
	uint64_t host_xcr0;         /* the root's, while a child is loaded */
	uint64_t host_dr[4];
	uint64_t host_tsc_aux;
	uint64_t last_child;        /* id, for the branch predictor barrier between children; 0 = none yet */
	uint64_t root_gpr[16];      /* by processor number; RAX and RSP live in the VMCB */
	uint64_t root_vmcb_pa;
	uint64_t hsave_pa;
};

struct hypervisor {
	struct lock lock;           /* partition table, pools, pagemap, page tables; not needed to run a VP */
	uint8_t *physmap;           /* physical address 0 */
	uint8_t *pagemap;           /* core/memory.h */
	uint64_t ram_limit;         /* bytes */
	uint64_t phys_limit;        /* 1 << physical address width, as far as nested paging reaches */
	uint64_t image_pa;
	uint64_t image_bytes;
	uint64_t owned_bytes;
	uint64_t root_npt;          /* PA of the root's nested page table */
	uint64_t tsc_hz;
	uint64_t lapic_timer_hz;
	uint64_t leave;
	uint32_t cpu_count;
	uint64_t xfeatures;         /* of XFEATURES, what the processor has and the root has on: what children may use */
	uint32_t asid_count;        /* CPUID 8000000Ah EBX */
	bool     has_nrips;
	bool     has_flush_asid;
	bool     has_ibpb;
	bool     has_user_state;    /* PKRU or CET's: a child that could turn it on would have the root's */
	bool     has_invlpgb;
	bool     has_invlpgb_control;
	bool     has_scalable_mca;
	bool     has_gib_pages;
	uint64_t generation;        /* bumped when a page leaves the root */
	struct pool pool;           /* the hypervisor's own */
	struct partition *partition[HV_MAX_PARTITIONS];
	uint32_t partition_count;
	uint64_t next_partition_id;
	struct cpu *cpu[BH_MAX_CPUS];
};

extern struct hypervisor hv;

/** Copies launch parameters into `hv` and builds the root's nested page table. Returns 0 or a negative errno. */
int hypervisor_init(const struct bh_launch_params *params);

/** Stops this CPU for good after saying why; for states that only a bug in the hypervisor can reach. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
