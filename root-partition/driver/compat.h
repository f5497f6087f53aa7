/* SPDX-License-Identifier: GPL-2.0 */
/* Where kernels from 6.1 on differ. The only place that asks for the kernel's version. */
#ifndef BULKHEAD_DRIVER_COMPAT_H
#define BULKHEAD_DRIVER_COMPAT_H

#include <linux/version.h>

#ifdef __ASSEMBLY__
#include <asm/unwind_hints.h>

/* Code that no stack trace can be taken through. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define COMPAT_UNWIND_HINT_NONE UNWIND_HINT_UNDEFINED
#else
#define COMPAT_UNWIND_HINT_NONE UNWIND_HINT_EMPTY
#endif

#else
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <asm/msr.h>  /* rdtsc() until 6.15 */
#include <asm/tsc.h>  /* and from then on */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#include <trace/events/ipi.h> /* smp_send_reschedule() became a macro that uses it */
#endif

static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

static inline void compat_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

#endif /* __ASSEMBLY__ */
#endif
