// SPDX-License-Identifier: GPL-2.0
/*
 * RUN_VP, the root scheduler's half: a dispatch hypercall is the run, an interrupt to this CPU ends it, and the thread
 * sleeps while its VP is blocked.
 *
 * No wake-up is lost. A waker makes its news visible (in the hypervisor or the event page), sets vp->wake, then looks
 * whether the thread sleeps or runs. The thread, before it runs, clears vp->wake, publishes BH_VP_IN_GUEST with
 * interrupts off, then looks at the news (the hypervisor does, and we at the event page); before it sleeps it publishes
 * itself as a sleeper, then looks at vp->wake. Whichever comes second sees the other; to a VP in guest the waker sends
 * an interrupt, which stays pending until the run. A thread with other work goes back to user space instead of sleeping:
 * it publishes vp->resting, and is woken as one who polls.
 */
#include "bulkhead.h"

#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>

#include "compat.h"
#include "launch.h"

#define NEVER U64_MAX
#define FEED_BATCH 32u
/* A register hypercall of another thread holds the VP for some microseconds. */
#define BUSY_ROUNDS 1000u
/* A timer further away than this (about 5 hours at 1 GHz) is looked at again then. */
#define DELTA_MAX (1ull << 44)

void bh_vp_wake(struct bh_vp *vp)
{
	WRITE_ONCE(vp->wake, true);
	/* Begins with a full barrier. */
	if (rcuwait_wake_up(&vp->wait))
		return;
	if (READ_ONCE(vp->resting)) {
		/* The thread itself looks again before it waits. */
		if (!in_task() || READ_ONCE(vp->runner) != current)
			wake_up_poll(&vp->pollers, EPOLLIN);
		return;
	}
	if (READ_ONCE(vp->mode) != BH_VP_IN_GUEST)
		return;
	/* Whoever sees LEAVING relies on the interrupt: nothing may come between the two. */
	preempt_disable();
	if (cmpxchg(&vp->mode, BH_VP_IN_GUEST, BH_VP_LEAVING) == BH_VP_IN_GUEST)
		smp_send_reschedule(READ_ONCE(vp->cpu));
	preempt_enable();
}

void bh_vp_kick(struct bh_vp *vp)
{
	WRITE_ONCE(vp->kicked, true);
	bh_vp_wake(vp);
}

/* Work that only the way to user space can do: a signal, a kick, work queued for this task. */
static bool must_return(struct bh_vp *vp)
{
	return signal_pending(current) || READ_ONCE(vp->kicked) || task_work_pending(current);
}

static ktime_t deadline_time(u64 deadline)
{
	u64 now = rdtsc(), delta = deadline > now ? min(deadline - now, DELTA_MAX) : 0;

	return ktime_add_ns(ktime_get(), mul_u64_u32_div(delta, USEC_PER_SEC, tsc_khz));
}

/* Fires at what was the deadline when it was armed. The deadline has moved on in most cases: then so does the timer,
 * and no VP is woken. */
static enum hrtimer_restart vp_timer(struct hrtimer *timer)
{
	struct bh_vp *vp = container_of(timer, struct bh_vp, timer);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	bool due = false;

	raw_spin_lock(&vp->timer_lock);
	if (!hrtimer_is_queued(timer)) { /* else the thread has just armed it anew, from another CPU */
		if (vp->deadline != NEVER && rdtsc() < vp->deadline) {
			hrtimer_set_expires(timer, deadline_time(vp->deadline));
			vp->armed = vp->deadline;
			restart = HRTIMER_RESTART;
		} else {
			due = vp->deadline != NEVER;
			vp->armed = NEVER;
		}
	}
	raw_spin_unlock(&vp->timer_lock);
	if (due)
		bh_vp_wake(vp);
	return restart;
}

/* A timer that is set too early is left as it is: when it fires it finds out. A guest moves its tick at every sleep. */
static void set_deadline(struct bh_vp *vp, u64 deadline)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vp->timer_lock, flags);
	vp->deadline = deadline;
	if (deadline < vp->armed) {
		vp->armed = deadline;
		hrtimer_start(&vp->timer, deadline_time(deadline), HRTIMER_MODE_ABS_PINNED_HARD);
	}
	raw_spin_unlock_irqrestore(&vp->timer_lock, flags);
}

void bh_vp_run_init(struct bh_vp *vp)
{
	vp->mode = BH_VP_OUTSIDE;
	vp->deadline = NEVER;
	vp->armed = NEVER;
	rcuwait_init(&vp->wait);
	init_waitqueue_head(&vp->pollers);
	raw_spin_lock_init(&vp->timer_lock);
	compat_hrtimer_setup(&vp->timer, vp_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
}

/*
 * One dispatch, or none when there is other work first. Interrupts are off from the last look at that work until after
 * the run: an interrupt in between is not lost on the root's handler but ends the run at once. The FPU is the child's
 * meanwhile.
 */
static bool dispatch(struct bh_vp *vp, u64 *result)
{
	bool done = false;

	kernel_fpu_begin_mask(0);       /* nothing needs to be initialised: the hypervisor loads the child's */
	local_irq_disable();
	WRITE_ONCE(vp->cpu, smp_processor_id());
	if (READ_ONCE(vp->wake))
		WRITE_ONCE(vp->wake, false);
	smp_store_mb(vp->mode, BH_VP_IN_GUEST);
	if (likely(!must_return(vp) && !need_resched() && READ_ONCE(bh_running))) {
		vp->in->flags =
			(vp->message_state >= BH_MESSAGE_DELIVERED ? HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND : 0) |
			(READ_ONCE(vp->events->words) ? HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION : 0) |
			(vp->patient ? BH_DISPATCH_VP_FLAG_HOLD_SIGNALS : 0);
		*result = bh_hypercall(HVCALL_DISPATCH_VP, vp->in_pa, vp->out_pa);
		done = true;
	}
	WRITE_ONCE(vp->mode, BH_VP_OUTSIDE);
	local_irq_enable();
	kernel_fpu_end();
	return done;
}

static void sleep(struct bh_vp *vp)
{
	vp->sleeps++;
	prepare_to_rcuwait(&vp->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(vp->wake) || must_return(vp))
			break;
		schedule();
	}
	finish_rcuwait(&vp->wait);
}

/* The same for a thread that shall not sleep here. False: there is something to do already. */
static bool rest(struct bh_vp *vp)
{
	vp->sleeps++;
	smp_store_mb(vp->resting, true);
	if (READ_ONCE(vp->wake))
		vp->resting = false;
	return vp->resting;
}

/* What a run left for others: VPs to wake, events for user space, and the time at which this VP must be run again. */
static void after_run(struct bh_vp *vp)
{
	const struct bh_output_dispatch_vp *out = vp->out;
	u32 i, count = min_t(u32, out->signal_count, BH_DISPATCH_SIGNALS);

	if (out->wake_mask)
		bh_partition_wake(vp->partition, out->wake_mask);
	for (i = 0; i < count; i++)
		bh_event_raised(vp, out->signals[i].connection_id);
	if (out->deadline_tsc != vp->deadline || out->deadline_tsc < READ_ONCE(vp->armed))
		set_deadline(vp, out->deadline_tsc);
}

static int deliver_message(struct bh_vp *vp, unsigned long arg)
{
	struct hv_message *message = page_address(vp->message_page);

	message->header.sender = vp->messages;
	if (copy_to_user((void __user *)arg, message, MSHV_RUN_VP_BUF_SZ))
		return -EFAULT;
	vp->message_state = BH_MESSAGE_DELIVERED;
	return 0;
}

/*
 * The message tells of a page that is not mapped. 1: it is now (or never will be, and the hypervisor asked for itself): run
 * on. 0: for user space, a device may be there. Whatever becomes of it, the access is made anew by the next run.
 */
static int populate(struct bh_vp *vp)
{
	const struct hv_message *message = page_address(vp->message_page);
	const struct hv_x64_memory_intercept_message *m = (const void *)message->u.bytes;
	u32 type = message->header.message_type;
	int rc;

	if (type != HVMSG_UNMAPPED_GPA && type != HVMSG_BULKHEAD_POPULATE)
		return 0;
	rc = bh_memory_populate(vp->partition, READ_ONCE(m->guest_physical_address));
	return rc == 0 && type == HVMSG_BULKHEAD_POPULATE ? 1 : rc;
}

/* Runs until there is a message for user space: 0. Or, for a thread with other work, HV_VP_DISPATCH_STATE_*. */
static int run(struct bh_vp *vp)
{
	unsigned long start = jiffies;
	unsigned int busy = 0;
	u64 result;
	u16 status;
	int rc;

	for (;;) {
		if (must_return(vp)) {
			WRITE_ONCE(vp->kicked, false);
			return -EINTR;
		}
		cond_resched();
		if (!dispatch(vp, &result)) {
			if (!READ_ONCE(bh_running))
				return -ENXIO;
			continue;
		}
		status = HV_RESULT_STATUS(result);
		if (unlikely(status != HV_STATUS_SUCCESS)) {
			if (status == HV_STATUS_INVALID_VP_STATE && ++busy < BUSY_ROUNDS)
				continue;
			rc = bh_feed(vp->partition, status, FEED_BATCH);
			if (rc > 0)
				continue;
			return rc ? rc : hv_errno(status);
		}
		busy = 0;
		vp->message_state = BH_MESSAGE_NONE;
		after_run(vp);
		if (vp->out->dispatch_event == HV_VP_DISPATCH_EVENT_INTERCEPT) {
			rc = populate(vp);
			vp->message_state = rc ? BH_MESSAGE_SETTLED : BH_MESSAGE_PENDING;
			vp->messages += !rc;
			if (rc <= 0)
				return rc;
			continue;
		}
		if (vp->out->dispatch_state == HV_VP_DISPATCH_STATE_BLOCKED) {
			if (!vp->shared)
				sleep(vp);
			else if (rest(vp))
				return HV_VP_DISPATCH_STATE_BLOCKED;
		} else if (vp->shared && (!vp->patient || jiffies != start)) {
			return HV_VP_DISPATCH_STATE_READY;
		}
	}
}

long bh_vp_run(struct bh_vp *vp, unsigned long arg)
{
	int rc = 0;

	if (mutex_lock_killable(&vp->run_lock))
		return -EINTR;
	vp->shared = vp->patient = vp->resting = false;
	/* A message that could not be handed over last time comes first. */
	if (vp->message_state != BH_MESSAGE_PENDING)
		rc = run(vp);
	if (!rc)
		rc = deliver_message(vp, arg);
	mutex_unlock(&vp->run_lock);
	return rc;
}

static long run_shared(struct bh_vp *vp, struct bulkhead_run_vp __user *user)
{
	u32 flags;
	int rc = 0;

	if (get_user(flags, &user->flags))
		return -EFAULT;
	if (flags & ~BULKHEAD_RUN_PATIENT)
		return -EINVAL;
	WRITE_ONCE(vp->runner, current);
	vp->shared = true;
	vp->patient = flags & BULKHEAD_RUN_PATIENT;
	if (vp->resting && !READ_ONCE(vp->wake) && !must_return(vp))
		return put_user(HV_VP_DISPATCH_STATE_BLOCKED, &user->state);
	vp->resting = false;
	if (vp->message_state != BH_MESSAGE_PENDING)
		rc = run(vp);
	if (!rc)
		rc = deliver_message(vp, (unsigned long)&user->message) ?: BULKHEAD_STATE_MESSAGE;
	return rc < 0 ? rc : put_user(rc, &user->state);
}

long bh_vp_run_shared(struct bh_vp *vp, unsigned long arg)
{
	long rc;

	if (mutex_lock_killable(&vp->run_lock))
		return -EINTR;
	rc = run_shared(vp, (struct bulkhead_run_vp __user *)arg);
	mutex_unlock(&vp->run_lock);
	return rc;
}
