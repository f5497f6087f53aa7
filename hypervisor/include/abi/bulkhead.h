/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bulkhead's own interface between the hypervisor and its driver in the root partition: launch, what a dispatch
 * reports beyond the TLFS, event posting without a hypercall, log and statistics.
 */
#ifndef BULKHEAD_ABI_BULKHEAD_H
#define BULKHEAD_ABI_BULKHEAD_H

#include "types.h"
#include "hypercall.h"

#define BULKHEAD_VERSION_MAJOR 0
#define BULKHEAD_VERSION_MINOR 1

/*
 * Virtual addresses in the hypervisor's own page table; the driver builds it. All lie in the range that Linux leaves unused
 * for hypervisors (Documentation/x86/x86_64/mm.rst), so no global translation of the kernel's can alias them.
 */
#define BH_PHYSMAP_BASE 0xffff800000000000ull  /* all physical memory, writable, not executable; at most 4 TiB */
#define BH_PAGEMAP_BASE 0xffff860000000000ull  /* one byte for each page below ram_limit */
#define BH_IMAGE_BASE   0xffff870000000000ull  /* the image, 4 KiB pages with the ELF segments' permissions */
#define BH_MAX_CPUS     64u
#define BH_CHILD_GPA_BITS 40u                  /* a child's guest-physical addresses */

/** Per CPU: state, root VMCB, host save area, stack. */
#define BH_CPU_AREA_SIZE 32768u

/**
 * Launch parameters, at the image's first byte (section .params). The driver fills them before any CPU enters. Physical
 * addresses are page aligned. [memory_pa, memory_pa + memory_size) and the page-map chunks belong to the hypervisor from launch to unload.
 */
#define BH_LAUNCH_MAGIC 0x64616568b1a4b005ull
#define BH_MAX_PAGEMAP_CHUNKS 384u             /* of 2 MiB: 3 TiB of RAM */
struct bh_launch_params {
	uint64_t magic;              /* BH_LAUNCH_MAGIC, set by the image */
	uint64_t entry;              /* VA of the entry point, set by the image: see root-partition/driver/launch_asm.S */
	uint64_t memory_pa;
	uint64_t memory_size;        /* bytes; 2 MiB units, 2 MiB aligned */
	uint64_t image_size;         /* bytes from memory_pa on */
	uint64_t cpu_areas_pa;       /* cpu_count areas of BH_CPU_AREA_SIZE, zeroed */
	uint64_t free_pa;            /* free pages from here to the end of the memory */
	uint64_t ram_limit;          /* first byte above the highest RAM; the physmap reaches at least to it */
	uint64_t tsc_hz;
	uint64_t lapic_timer_hz;     /* told to children as APIC_FREQUENCY */
	uint64_t leave;              /* VA of the driver's way out, in its switch page, mapped here too */
	uint32_t cpu_count;
	uint32_t pagemap_chunks;
	uint64_t pagemap_pa[BH_MAX_PAGEMAP_CHUNKS]; /* zeroed, 2 MiB aligned, mapped one after the other at BH_PAGEMAP_BASE */
};
_Static_assert(sizeof(struct bh_launch_params) <= HV_PAGE_SIZE, "one page of the image");

/** What the hypervisor hands to `leave`: everything that must be in registers before the page table changes. */
struct bh_leave_frame {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rip, rsp, rflags, rax;
	uint64_t cs, ss, ds, es;
	uint16_t gdt_pad[3], gdt_limit;
	uint64_t gdt_base;
	uint16_t idt_pad[3], idt_limit;
	uint64_t idt_base;
	uint64_t pat, dr6, dr7;
};

/**
 * Output of HVCALL_DISPATCH_VP: the TLFS's two words, then ours. The driver acts on all of it after every return:
 * wakes the VPs of wake_mask, signals the eventfds of signals[], arms its timer for deadline_tsc.
 */
#define BH_DISPATCH_SIGNALS 6u
struct bh_output_dispatch_vp {
	uint32_t dispatch_state;     /* HV_VP_DISPATCH_STATE_* */
	uint32_t dispatch_event;     /* HV_VP_DISPATCH_EVENT_* */
	uint64_t deadline_tsc;       /* root TSC at which this VP next has a timer due, or will have set its tick for; ~0 = never */
	uint64_t wake_mask;          /* VPs of the partition that got an interrupt while this one ran */
	uint32_t signal_count;
	uint32_t reserved;
	struct hv_input_signal_event signals[BH_DISPATCH_SIGNALS]; /* events that the child signalled */
};
_Static_assert(sizeof(struct bh_output_dispatch_vp) == 80, "two words, deadline, mask, count, six signals");

/**
 * Event page of a VP (HV_VP_STATE_PAGE_BULKHEAD_EVENTS): how the root raises VMBus events without a hypercall. The driver sets
 * bit flag of flags[] (atomically), then sets the word's bit in `words`; the hypervisor, at a dispatch with
 * HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION, exchanges both with 0, moves the flags into the SIEFP slot of BH_EVENT_SINT and asserts
 * that SINT. A VP that is running elsewhere needs a kick.
 */
#define BH_EVENT_SINT 2u
struct bh_event_page {
	uint64_t words;              /* bit n: flags[n] may be non-zero */
	uint64_t reserved[7];
	uint64_t flags[HV_PAGE_SIZE / 128]; /* 2048 flags in 32 words */
};

/** HVCALL_BULKHEAD_CONNECT: what a child may post to or signal. Others get HV_STATUS_INVALID_CONNECTION_ID. */
struct bh_input_connect {
	uint64_t partition_id;
	uint32_t connection_id;      /* 24 bits */
	uint32_t type;               /* BH_CONNECTION_* */
};
#define BH_CONNECTION_NONE    0u /* remove */
#define BH_CONNECTION_MESSAGE 1u
#define BH_CONNECTION_EVENT   2u

/** HVCALL_BULKHEAD_SYNC (fast): passes this CPU through an exit. Deposited pages count as taken once every CPU has. */

/** HVCALL_BULKHEAD_READ_LOG: in {u64 position}, out struct bh_log_chunk. */
struct bh_input_read_log {
	uint64_t position;           /* bytes since launch; older than the ring keeps: moved up */
};
struct bh_log_chunk {
	uint64_t position;           /* of data[0] */
	uint64_t next;               /* ask from here next time */
	uint32_t size;
	uint32_t reserved;
	char     data[HV_PAGE_SIZE - 24];
};

/** HVCALL_BULKHEAD_GET_STATS: partition_id 0 = the hypervisor; else a partition (vp_index ~0) or one of its VPs. */
struct bh_input_get_stats {
	uint64_t partition_id;
	uint32_t vp_index;
	uint32_t reserved;
};
struct bh_hypervisor_stats {
	uint32_t version;            /* major 31:16, minor 15:0 */
	uint32_t cpu_count;
	uint32_t partition_count;    /* children */
	uint32_t reserved;
	uint64_t image_bytes;
	uint64_t owned_bytes;        /* hypervisor's own memory: image, tables, stacks, pool */
	uint64_t owned_free_bytes;
	uint64_t deposited_bytes;    /* of all children, used or not */
	uint64_t root_exits;         /* since launch, all CPUs */
};
struct bh_partition_stats {
	uint64_t deposited_bytes;
	uint64_t deposited_free_bytes;
	uint64_t mapped_bytes;       /* root pages mapped into the child */
	uint32_t vp_count;
	uint32_t reserved;
};
enum bh_exit_reason {
	BH_EXIT_INTR, BH_EXIT_HLT, BH_EXIT_CPUID, BH_EXIT_MSR_READ, BH_EXIT_MSR_WRITE, BH_EXIT_IO, BH_EXIT_NPF,
	BH_EXIT_HYPERCALL, BH_EXIT_OTHER, BH_EXIT_COUNT
};
struct bh_vp_stats {
	uint64_t exits[BH_EXIT_COUNT];
	uint64_t dispatches;
	uint64_t guest_tsc;          /* TSC ticks between VMRUN and #VMEXIT */
	uint64_t hypervisor_tsc;     /* ticks in the hypervisor during dispatches */
	uint64_t interrupts_injected;
	uint64_t signals;
	uint64_t messages_posted;
	uint64_t timer_expirations;
};

#endif
