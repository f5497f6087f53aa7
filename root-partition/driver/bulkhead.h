/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's own types: partition, VP, and what its files offer each other.
 *
 * Lifetime. A partition is held by its file and by the file of each of its VPs (a mapping holds the VP's file). VPs
 * live as long as their partition. The last file's release tears everything down: nothing there depends on a living
 * process.
 *
 * Locks. partition->lock: memory regions, creation of VPs, signalfds, irqfds. vp->run_lock: one thread in RUN_VP.
 * Waking a VP and raising an event take no lock.
 */
#ifndef BULKHEAD_DRIVER_BULKHEAD_H
#define BULKHEAD_DRIVER_BULKHEAD_H

#define pr_fmt(fmt) "bulkhead: " fmt

#include <linux/cache.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "abi/bulkhead.h"
#include "abi/hypercall.h"
#include "abi/message.h"
#include "abi/status.h"
#include "mshv.h"

struct user_struct;
struct bh_partition;

enum bh_vp_mode {
	BH_VP_OUTSIDE,
	BH_VP_IN_GUEST,   /* interrupts are off on vp->cpu, from the last look at wake until after the run */
	BH_VP_LEAVING,    /* in guest, and somebody has sent the interrupt that ends the run */
};

enum bh_vp_message {
	BH_MESSAGE_NONE,
	BH_MESSAGE_PENDING,   /* in the message page, not yet given to user space */
	BH_MESSAGE_DELIVERED, /* the next dispatch clears the suspension */
	BH_MESSAGE_SETTLED,   /* the same, for one that was not for user space */
};

struct bh_vp {
	struct bh_partition *partition;
	u32 index;

	struct mutex run_lock;
	enum bh_vp_message message_state;
	bool shared;      /* the caller has other work: it does not sleep here */
	bool patient;     /* that can wait while the VP runs */
	struct hv_input_dispatch_vp *in;
	struct bh_output_dispatch_vp *out;
	phys_addr_t in_pa, out_pa;
	struct bh_event_page *events;
	struct page *register_page, *message_page, *event_page, *dispatch_page;

	/* Written by whoever wakes the VP. */
	int mode ____cacheline_aligned_in_smp;
	int cpu;
	bool wake;        /* something to do in the hypervisor: do not sleep */
	bool kicked;      /* return to user space once */
	struct rcuwait wait;
	bool resting;     /* blocked, and its thread is in user space: poll says when it may go on */
	struct task_struct *runner;
	wait_queue_head_t pollers;

	/* The hypervisor's deadline as last reported, and what the timer is set to; TSC ticks, U64_MAX = never. */
	raw_spinlock_t timer_lock;
	u64 deadline;
	u64 armed;
	struct hrtimer timer;

	u64 sleeps, lost_signals;
	u64 messages;     /* that user space was to have; the last one's number */
};

struct bh_partition {
	struct kref ref;
	u64 id;
	struct list_head node;          /* in the list of all */
	struct mutex lock;
	struct bh_vp *vp[HV_MAX_VPS];   /* set once, by release */
	u32 vp_count;
	struct list_head regions;
	struct xarray signalfds;        /* by connection id */
	spinlock_t irq_lock;            /* irq_routes; taken with interrupts off */
	struct bh_irq_routes *irq_routes;
	struct list_head irqfds;
	u32 irqfd_count;
	struct user_struct *user;       /* charged for pinned pages; NULL: the creator may pin what it likes */
	const struct cred *creator;     /* holds user: its own put function is exported by some kernels only */
	atomic64_t pinned;              /* pages */
	atomic64_t deposited;           /* pages */
};

/* main.c */
extern bool bh_running;                 /* hypercalls reach the hypervisor; read with interrupts off */

/* hvcall.c: RAX of the call. Input and output at most a page each, any context. */
u64 hv_call(u16 code, u16 reps, const void *in, size_t in_size, void *out, size_t out_size);
u64 hv_call_fast(u16 code, u64 rdx, u64 r8);
/** Input and output in pages of the caller's, by physical address. */
u64 hv_call_pa(u64 control, phys_addr_t in, phys_addr_t out);
int hv_errno(u16 status);
/** Passes every CPU through the hypervisor: runs end, stale translations are gone. Process context. */
void hv_sync(void);

static inline u64 hv_control(u16 code, u16 reps)
{
	return code | (u64)reps << HV_HYPERCALL_REP_COUNT_SHIFT;
}

/* deposit.c */
/**
 * Whether a call that ended with this status should be made again: 1 after pages were given to whom it lacks them (the
 * partition or the hypervisor), 0 when memory is not what it wants, or a negative errno.
 */
int bh_feed(struct bh_partition *p, u16 status, unsigned int pages);
/** hv_call() with bh_feed() until it has memory enough. 0 or a negative errno. p may be NULL. */
int bh_call_fed(struct bh_partition *p, unsigned int pages, u16 code, const void *in, size_t in_size, void *out,
		size_t out_size);
/** Takes back what the partition holds; it has to be finalized. Returns the number of pages that did not come back. */
u64 bh_withdraw_all(struct bh_partition *p);
/** After unlaunch: every page is the root's again. */
void bh_deposits_free(void);
u64 bh_arena_pages(void);

/* partition.c */
long bh_partition_create(unsigned long arg);
void bh_partition_put(struct bh_partition *p);
struct bh_vp *bh_partition_vp(struct bh_partition *p, u32 index);
void bh_partition_wake(struct bh_partition *p, u64 mask);
void bh_partition_for_each(void (*function)(struct bh_partition *p, void *context), void *context);

/* passthrough.c: p == NULL on /dev/mshv */
long bh_root_hvcall(struct bh_partition *p, unsigned long arg);

/* memory.c, populate.c */
long bh_set_guest_memory(struct bh_partition *p, unsigned long arg);
long bh_release_memory(struct bh_partition *p, unsigned long arg);
long bh_move_memory(struct bh_partition *p, unsigned long arg);
/**
 * The child, or the hypervisor for it, needs the page at gpa: 1 = it is mapped now, 0 = no region is there, -ENOMEM and other
 * errnos = it cannot be had. In the process that registered the region.
 */
int bh_memory_populate(struct bh_partition *p, u64 gpa);
void bh_count_pinned(s64 pages);
void bh_memory_release(struct bh_partition *p);
u64 bh_pinned_pages(void);

/* events.c */
long bh_signalfd(struct bh_partition *p, unsigned long arg);
long bh_message_port(struct bh_partition *p, unsigned long arg);
long bh_signal_event(struct bh_partition *p, unsigned long arg);
void bh_event_raised(struct bh_vp *vp, u32 connection_id);
void bh_events_release(struct bh_partition *p);

/* irqfd.c */
long bh_irqfd(struct bh_partition *p, unsigned long arg);
long bh_set_msi_routing(struct bh_partition *p, unsigned long arg);
void bh_irqfds_release(struct bh_partition *p);
/** ASSERT_VIRTUAL_INTERRUPT has been called with this: wakes whom it may concern. */
void bh_interrupt_asserted(struct bh_partition *p, const struct hv_input_assert_virtual_interrupt *in);

/* vp.c */
long bh_vp_create(struct bh_partition *p, unsigned long arg);
long bh_vp_open(struct bh_partition *p, unsigned long arg);
void bh_vp_release(struct bh_vp *vp);

/* run.c */
void bh_vp_run_init(struct bh_vp *vp);
long bh_vp_run(struct bh_vp *vp, unsigned long arg);
long bh_vp_run_shared(struct bh_vp *vp, unsigned long arg);
/** The hypervisor or the event page has something new for the VP. Any context. */
void bh_vp_wake(struct bh_vp *vp);
void bh_vp_kick(struct bh_vp *vp);

/* debugfs.c */
void bh_debugfs_init(void);
void bh_debugfs_exit(void);

#endif
