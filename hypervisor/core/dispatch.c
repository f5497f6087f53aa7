/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DISPATCH_VP: runs a VP on the CPU of the caller until the root is needed. The order before each entry is the architecture's:
 * INIT and SIPI, NMI, timers, then the highest interrupt.
 */
#include "abi/status.h"
#include "arch/x86/cpu.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

static void take_pending(struct vp *vp)
{
	uint32_t pending = __atomic_load_n(&vp->pending, __ATOMIC_ACQUIRE);

	if (pending & VP_PENDING_INIT) {
		__atomic_and_fetch(&vp->pending, ~(uint32_t)(VP_PENDING_INIT | VP_PENDING_NMI), __ATOMIC_ACQ_REL);
		vp_vendor_reset(vp, true);
		child_vp_init_signal(vp);
		vp->startup_suspended = vp->index != 0;
		pending = __atomic_load_n(&vp->pending, __ATOMIC_ACQUIRE);
	}
	if (pending & VP_PENDING_SIPI) {
		__atomic_and_fetch(&vp->pending, ~(uint32_t)VP_PENDING_SIPI, __ATOMIC_ACQ_REL);
		if (vp->startup_suspended) {
			vp->startup_suspended = false;
			vp->halted = false;
			vp_vendor_startup(vp, __atomic_load_n(&vp->sipi_vector, __ATOMIC_RELAXED));
		}
	}
	if (pending & VP_PENDING_NMI && !vp->startup_suspended) {
		vp->halted = false;
		if (vp_vendor_can_nmi(vp)) {
			__atomic_and_fetch(&vp->pending, ~(uint32_t)VP_PENDING_NMI, __ATOMIC_ACQ_REL);
			vp_vendor_inject_nmi(vp);
		}
	}
}

/* Makes the VP ready to enter. False: it waits for an interrupt or a SIPI. */
static bool prepare(struct vp *vp)
{
	int vector;

	if (__atomic_load_n(&vp->pending, __ATOMIC_ACQUIRE))
		take_pending(vp);
	if (vp->startup_suspended)
		return false;
	vector = child_pending_vector(vp);
	if (vector >= 0) {
		vp->halted = vp->halted && !vp_vendor_interrupts_enabled(vp);
		/* What is queued is given back by an exit, so there has to be an entry. */
		if (!vp->halted && !vp->leave)
			child_queue_vector(vp, vector);
	}
	return !vp->halted;
}

static void scan_events(struct vp *vp)
{
	struct bh_event_page *page = vp->event_page;
	uint64_t words = page ? __atomic_exchange_n(&page->words, 0, __ATOMIC_ACQ_REL) : 0;

	while (words) {
		unsigned int word = __builtin_ctzll(words);
		uint64_t flags;

		words &= words - 1;
		if (word >= HV_PAGE_SIZE / 128)
			break;
		flags = __atomic_exchange_n(&page->flags[word], 0, __ATOMIC_ACQ_REL);
		while (flags) {
			child_signal_event(vp, BH_EVENT_SINT, word * 64 + __builtin_ctzll(flags));
			flags &= flags - 1;
		}
	}
}

/* The root wakes the VP in time for its next timer, or so little late that telling it costs more. */
static bool is_in_time(const struct vp *vp)
{
	uint64_t next = child_next_deadline(vp);

	return next >= vp->armed_deadline || reftime_length(&vp->partition->child.time, vp->armed_deadline - next) <= STIMER_SLOP;
}

static uint32_t run(struct cpu *cpu, struct vp *vp, struct bh_output_dispatch_vp *out)
{
	enum vp_run_result result = VP_RUN_CONTINUE;

	while (result == VP_RUN_CONTINUE) {
		vp_flush_take(vp);
		/* The root looks after its other work between two looks at those that are still on their way out. */
		if (vp->flush_wait && !vp_flush_complete(vp))
			return HV_VP_DISPATCH_STATE_READY;
		child_expire_timers(vp, rdtsc());
		if (!prepare(vp))
			return HV_VP_DISPATCH_STATE_BLOCKED;
		/* The root has to act first: another VP to wake, an event to pass on, a timer to arm. */
		if (vp->leave)
			return HV_VP_DISPATCH_STATE_READY;
		result = vp_vendor_run(cpu, vp);
		if (result == VP_RUN_HALTED) {
			vp->halted = true;
			result = VP_RUN_CONTINUE;
		}
		if (!is_in_time(vp))
			vp->leave = true;
	}
	if (result == VP_RUN_ABSENT)
		vp_ask_page(vp);
	if (result == VP_RUN_INTERCEPT || result == VP_RUN_ABSENT)
		out->dispatch_event = HV_VP_DISPATCH_EVENT_INTERCEPT;
	return HV_VP_DISPATCH_STATE_READY;
}

/* For which the root arms its timer before it dispatches again. */
static uint64_t deadline(struct vp *vp, bool goes_on)
{
	uint64_t now = rdtsc(), next, expected;

	/* The timer that ended the run, told as the next deadline, would end the next run as well. */
	if (goes_on)
		child_expire_timers(vp, now);
	next = child_next_deadline(vp);
	if (!goes_on)
		return next;
	/* What is armed will do; to arm it anew takes time. */
	if (vp->armed_deadline > now && vp->armed_deadline > next && is_in_time(vp))
		return vp->armed_deadline;
	expected = child_expected_deadline(vp, now);
	return expected < next ? expected : next;
}

/**
 * HVCALL_DISPATCH_VP. The caller holds its FPU (kernel_fpu_begin) and stays on this CPU. Without CLEAR_INTERCEPT_SUSPEND a VP whose
 * message was not taken yet does not run: event INTERCEPT again.
 * HV_STATUS_INVALID_PARAMETER: a time slice or unknown flags; HV_STATUS_INVALID_VP_STATE: runs or is worked on elsewhere.
 */
uint64_t hvcall_dispatch_vp(struct hypercall *call)
{
	const uint32_t known = HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND | HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION |
			       BH_DISPATCH_VP_FLAG_HOLD_SIGNALS;
	const struct hv_input_dispatch_vp *in = call->input;
	struct bh_output_dispatch_vp *out = call->output;
	uint64_t status, start = rdtsc(), guest;
	struct vp *vp;

	if (in->time_slice || in->flags & ~known)
		return HV_STATUS_INVALID_PARAMETER;
	status = vp_take(call->cpu, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	guest = vp->stats.guest_tsc;
	vp->stats.dispatches++;
	vp->output = out;
	vp->leave = false;
	vp->hold_signals = in->flags & BH_DISPATCH_VP_FLAG_HOLD_SIGNALS;
	if (in->flags & HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND && vp->intercepted && !vp->terminated) {
		if (vp->register_page)
			vp_vendor_take_register_page(vp, vp->register_page);
		vp->intercepted = false;
	}
	if (in->flags & HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION)
		scan_events(vp);
	/* It has woken us, and is not armed any more. */
	if (vp->armed_deadline <= start)
		vp->armed_deadline = ~0ull;
	out->dispatch_state = HV_VP_DISPATCH_STATE_READY;
	if (vp->intercepted) {
		out->dispatch_event = HV_VP_DISPATCH_EVENT_INTERCEPT;
	} else {
		vp_vendor_load(call->cpu, vp);
		out->dispatch_state = run(call->cpu, vp, out);
		vp_vendor_unload(call->cpu, vp);
		/* FS, GS and XCR0 are in the VP only now. */
		if (vp->intercepted && vp->register_page)
			vp_vendor_fill_register_page(vp, vp->register_page);
	}
	out->deadline_tsc = vp->armed_deadline = deadline(vp, out->dispatch_state == HV_VP_DISPATCH_STATE_READY);
	vp->stats.signals += out->signal_count;
	vp->stats.hypervisor_tsc += rdtsc() - start - (vp->stats.guest_tsc - guest);
	vp->output = NULL;
	vp_release(vp);
	return HV_STATUS_SUCCESS;
}
