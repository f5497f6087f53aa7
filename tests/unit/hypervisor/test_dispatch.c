/* SPDX-License-Identifier: BSD-2-Clause */
/* A VP's run from dispatch to return: halts, INIT and SIPI, timers, events, messages. */
#include "script.h"

/* HLT blocks the VP without an entry until something can wake it: an interrupt that is let in, or an NMI, but not one that is masked. */
START_TEST(halt_blocks)
{
	struct hv_input_assert_virtual_interrupt nmi = { .control.s.type = HV_INTERRUPT_TYPE_NMI };
	struct machine_vmcb *v;

	start(1);
	nmi.partition_id = id;
	v = machine_vmcb(machine_vp(id, 0));
	SCRIPT(halt, nothing);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(v->runs, 1);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(v->runs, 1);
	v->rflags = 0;
	interrupt(0x51, 0);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(machine_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &nmi, sizeof nmi, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_uint_eq(v->nmis, 1);
	SCRIPT(halt);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	v->rflags = RFLAGS_IF;
	SCRIPT(nothing);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_int_eq(seen[0], 0x51);
}

static int send_init(struct vp *vp)
{
	wrmsr_of(vp, 0x830, 1ull << 32 | 0x4500);
	return VP_RUN_CONTINUE;
}

static int send_sipi(struct vp *vp)
{
	wrmsr_of(vp, 0x830, 1ull << 32 | 0x4698);
	return VP_RUN_CONTINUE;
}

/* A second processor waits for INIT and SIPI; a SIPI to one that runs is ignored; the sender's run ends so that the root wakes the other. */
START_TEST(init_and_sipi)
{
	struct machine_vmcb *v;
	struct vp *ap;

	start(2);
	ap = machine_vp(id, 1);
	v = machine_vmcb(ap);
	ck_assert_uint_eq(machine_dispatch(id, 1, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(v->runs, 0);
	SCRIPT(send_init, send_sipi);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->wake_mask, 2);
	ck_assert_uint_eq(machine_dispatch(id, 1, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->wake_mask, 2);
	ck_assert_uint_eq(machine_dispatch(id, 1, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_uint_eq(v->startups, 1);
	ck_assert_uint_eq(v->startup_vector, 0x98);
	SCRIPT(send_sipi);
	machine_dispatch(id, 0, 0, NULL);
	machine_dispatch(id, 1, 0, NULL);
	ck_assert_uint_eq(v->startups, 1);
	/* INIT clears the LAPIC but not its id. */
	wrmsr_of(ap, 0x808, 0x70);
	SCRIPT(send_init);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(machine_dispatch(id, 1, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(ap->child.lapic.tpr, 0);
	ck_assert_uint_eq(ap->child.lapic.id, 1);
}

static int start_lapic_timer(struct vp *vp)
{
	wrmsr_of(vp, 0x83e, 0xb);
	wrmsr_of(vp, 0x832, 0xec);
	wrmsr_of(vp, 0x838, 1000);
	return VP_RUN_CONTINUE;
}

/* A guest that sets a timer earlier than the root knows of ends its run, so that the root can arm it; at that time the interrupt is there. */
START_TEST(lapic_timer)
{
	const struct bh_output_dispatch_vp *out;
	uint64_t begin;

	start(1);
	begin = machine_tsc;
	SCRIPT(start_lapic_timer, halt, nothing);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_uint_eq(out->deadline_tsc, begin + 1000 * (MACHINE_TSC_HZ / MACHINE_APIC_HZ));
	ck_assert_uint_eq(step, 1);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	machine_tsc = out->deadline_tsc - 1;
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	machine_tsc++;
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[2], 0xec);
	ck_assert_uint_eq(out->deadline_tsc, ~0ull);
}

/* Direct synthetic timer, as Linux uses it: an absolute time, its vector at that time, no SynIC needed. */
START_TEST(direct_timer)
{
	const struct bh_output_dispatch_vp *out;
	struct vp *vp;
	uint64_t now;

	start(1);
	vp = machine_vp(id, 0);
	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG, HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | 0xed << 4);
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, now + 10000);
	SCRIPT(nothing, nothing);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_ge(out->deadline_tsc, machine_tsc + MACHINE_TSC_HZ / 1000 - 500);
	ck_assert_uint_le(out->deadline_tsc, machine_tsc + MACHINE_TSC_HZ / 1000 + 500);
	machine_tsc = out->deadline_tsc;
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[1], 0xed);
}

static int interrupted_at_the_deadline(struct vp *vp)
{
	machine_tsc = child_next_deadline(vp);
	return VP_RUN_PREEMPTED;
}

/*
 * A run that the root's timer ended has used the deadline up. Told once more, it had the root set its timer to a time gone by, and the
 * interrupt of that ended the next run before its first instruction: one exit in five of a busy child.
 */
START_TEST(deadline_that_has_passed_is_not_told)
{
	const struct bh_output_dispatch_vp *out;
	struct vp *vp;
	uint64_t now;

	start(1);
	vp = machine_vp(id, 0);
	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG, HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | 0xed << 4);
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, now + 10000);
	SCRIPT(nothing, interrupted_at_the_deadline, nothing);
	machine_dispatch(id, 0, 0, NULL);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_uint_eq(out->deadline_tsc, ~0ull);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[2], 0xed);
}

static uint64_t tick_delay;

/* Interrupted by its tick, it sets the next one for the next point of a grid of 4 ms, plus tick_delay. */
static int sets_the_next_tick(struct vp *vp)
{
	uint64_t count;

	ck_assert(child_rdmsr(vp, HV_X64_MSR_STIMER0_CONFIG + 1, &count));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, count + 40000 + tick_delay);
	wrmsr_of(vp, HV_X64_MSR_EOI, 0);
	return VP_RUN_CONTINUE;
}

static int roots_timer_fires(struct vp *vp)
{
	machine_tsc = vp->armed_deadline;
	return VP_RUN_PREEMPTED;
}

/* From a tick to the next. Returns how often the child's setting it ended the run. */
static unsigned int tick(struct vp *vp)
{
	unsigned int ends = 0;

	SCRIPT(sets_the_next_tick, nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0xed);
	if (step == 1) {
		ends++;
		machine_dispatch(id, 0, 0, NULL);
	}
	/* Something else had ended the run: that tells nothing new. */
	SCRIPT(roots_timer_fires);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_ge(machine_tsc, vp->child.stimer[0].expired_at);
	return ends;
}

static void start_ticks(struct vp *vp)
{
	uint64_t now;

	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG, HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | 0xed << 4);
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, now + 10000);
	SCRIPT(nothing, roots_timer_fires);
	machine_dispatch(id, 0, 0, NULL);
	machine_dispatch(id, 0, 0, NULL);
}

/*
 * A tick that repeats is expected where it was the last times: the root has armed its timer for it before the child asks, and the child's
 * setting it does not end the run. It comes up to 10 us late, never early; a tick that moves is told as before.
 */
START_TEST(tick_that_repeats)
{
	const struct bh_output_dispatch_vp *out;
	uint64_t due;
	struct vp *vp;

	start(1);
	vp = machine_vp(id, 0);
	start_ticks(vp);
	tick_delay = 0;
	ck_assert_uint_eq(tick(vp), 1);
	ck_assert_uint_eq(tick(vp), 1);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(tick(vp), 0);
		due = reftime_to_tsc(&vp->partition->child.time, vp->child.stimer[0].expired_at);
		ck_assert_uint_ge(machine_tsc, due);
		ck_assert_uint_le(machine_tsc - due, MACHINE_TSC_HZ / 100000);
	}
	/* One that comes later than it was expected: the root's timer wakes nobody, and is armed for the right time then. */
	tick_delay = 1000;
	SCRIPT(sets_the_next_tick, roots_timer_fires, roots_timer_fires, nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(step, 2);
	ck_assert_uint_lt(machine_tsc, child_next_deadline(vp));
	machine_dispatch(id, 0, 0, NULL);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[3], 0xed);
	wrmsr_of(vp, HV_X64_MSR_EOI, 0);
	/* A child that goes to sleep is woken when it said. */
	tick_delay = 0;
	start_ticks(vp);
	for (int i = 0; i < 3; i++)
		tick(vp);
	SCRIPT(sets_the_next_tick, halt);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	ck_assert_uint_eq(out->deadline_tsc, child_next_deadline(vp));
}
END_TEST

static int sets_a_timer_and_goes_on(struct vp *vp)
{
	uint64_t now;

	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, now + 5000);
	return VP_RUN_CONTINUE;
}

/*
 * A timer that woke a sleeping VP counted as armed still: what the child set next was later than that and not told to the root, so it came
 * with the root's next interrupt, some milliseconds late.
 */
START_TEST(timer_that_woke_is_not_armed)
{
	const struct bh_output_dispatch_vp *out;
	struct vp *vp;
	uint64_t now;

	start(1);
	vp = machine_vp(id, 0);
	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG, HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | 0xed << 4);
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 1, now + 10000);
	SCRIPT(halt, sets_a_timer_and_goes_on, nothing);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_BLOCKED);
	machine_tsc = out->deadline_tsc;
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(step, 2);
	ck_assert_uint_eq(out->deadline_tsc, child_next_deadline(vp));
}
END_TEST

/* Timer in message mode: expiry in the slot of its SINT; a taken slot delays the message until EOM, and it then says both times. */
START_TEST(message_timer_waits_for_its_slot)
{
	struct hv_timer_message payload;
	struct hv_message_page *page;
	struct vp *vp;
	uint64_t now;

	start(1);
	vp = machine_vp(id, 0);
	page = machine_gpa(0x5000);
	wrmsr_of(vp, HV_X64_MSR_SIMP, 0x5001);
	wrmsr_of(vp, HV_X64_MSR_SCONTROL, 1);
	wrmsr_of(vp, HV_X64_MSR_SINT0 + 3, 0xf4);
	memset(page, 0, sizeof *page);
	page->slot[3].header.message_type = HVMSG_VMBUS;
	ck_assert(child_rdmsr(vp, HV_X64_MSR_TIME_REF_COUNT, &now));
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 2, HV_STIMER_AUTO_ENABLE | 3 << 16);
	wrmsr_of(vp, HV_X64_MSR_STIMER0_CONFIG + 3, now + 100);
	machine_tsc += MACHINE_TSC_HZ / 10000;
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(page->slot[3].header.message_flags, HV_MESSAGE_FLAG_PENDING);
	page->slot[3].header.message_type = HVMSG_NONE;
	machine_tsc += MACHINE_TSC_HZ;
	wrmsr_of(vp, HV_X64_MSR_EOM, 0);
	ck_assert_uint_eq(page->slot[3].header.message_type, HVMSG_TIMER_EXPIRED);
	memcpy(&payload, page->slot[3].u.bytes, sizeof payload);
	ck_assert_uint_eq(payload.timer_index, 1);
	ck_assert_uint_eq(payload.expiration_time, now + 100);
	ck_assert_uint_ge(payload.delivery_time, now + 10000000);
	ck_assert_uint_ne(vp->child.lapic.irr[7] & 1u << (0xf4 - 0xe0), 0);
}

/* Events of the root: flags in the shared page reach the guest's page at a dispatch that scans, with one interrupt; none is lost or doubled. */
START_TEST(event_page)
{
	struct hv_event_flags_page *flags;
	struct bh_event_page *events;
	struct vp *vp;

	start(1);
	vp = machine_vp(id, 0);
	flags = machine_gpa(0x4000);
	events = machine_events(0);
	wrmsr_of(vp, HV_X64_MSR_SIEFP, 0x4001);
	wrmsr_of(vp, HV_X64_MSR_SCONTROL, 1);
	wrmsr_of(vp, HV_X64_MSR_SINT0 + BH_EVENT_SINT, 0xf3);
	memset(flags, 0, sizeof *flags);
	events->flags[0] = 1ull << 7;
	events->flags[31] = 1ull << 63;
	events->words = 1 | 1ull << 31 | 1ull << 40;
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], -1);
	SCRIPT(nothing);
	machine_dispatch(id, 0, HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION, NULL);
	ck_assert_int_eq(seen[0], 0xf3);
	ck_assert_uint_eq(flags->slot[BH_EVENT_SINT][0], 1u << 7);
	ck_assert_uint_eq(flags->slot[BH_EVENT_SINT][63], 1u << 31);
	ck_assert_uint_eq(events->words | events->flags[0] | events->flags[31], 0);
}

static int crash(struct vp *vp)
{
	enum vp_run_result result = VP_RUN_CONTINUE;

	ck_assert(child_wrmsr(machine_cpu, vp, HV_X64_MSR_CRASH_CTL, HV_CRASH_CTL_NOTIFY, &result));
	return result;
}

/* A VP with a message does not run before the root says that it has taken it. */
START_TEST(intercept_suspends)
{
	const struct bh_output_dispatch_vp *out;
	uint64_t status;

	start(1);
	SCRIPT(crash, nothing);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_event, HV_VP_DISPATCH_EVENT_INTERCEPT);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_event, HV_VP_DISPATCH_EVENT_INTERCEPT);
	ck_assert_uint_eq(step, 1);
	out = machine_dispatch(id, 0, HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND, NULL);
	ck_assert_uint_eq(out->dispatch_event, HV_VP_DISPATCH_EVENT_NONE);
	ck_assert_uint_eq(step, 2);
	machine_dispatch(id, 0, 0x1000, &status);
	ck_assert_uint_eq(status, HV_STATUS_INVALID_PARAMETER);
	machine_dispatch(id, 1, 0, &status);
	ck_assert_uint_eq(status, HV_STATUS_INVALID_VP_INDEX);
	machine_vp(id, 0)->owner = 2;
	machine_dispatch(id, 0, 0, &status);
	ck_assert_uint_eq(status, HV_STATUS_INVALID_VP_STATE);
}

static int absent(struct vp *vp)
{
	return vp_page_absent(vp, 0x300000) ? VP_RUN_ABSENT : VP_RUN_CONTINUE;
}

/* The root is told which page is missing, once. */
START_TEST(absent_page_is_asked_for)
{
	const struct hv_x64_memory_intercept_message *m;
	const struct bh_output_dispatch_vp *out;

	start(1);
	SCRIPT(absent, absent, nothing);
	out = machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(out->dispatch_event, HV_VP_DISPATCH_EVENT_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_POPULATE);
	m = (const void *)machine_message(0)->u.bytes;
	ck_assert_uint_eq(m->guest_physical_address, 0x300000);
	ck_assert_uint_eq(step, 1);
	out = machine_dispatch(id, 0, HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND, NULL);
	ck_assert_uint_eq(out->dispatch_event, HV_VP_DISPATCH_EVENT_NONE);
	ck_assert_uint_eq(step, 3);
}

RUN_TESTS("hypervisor/dispatch", halt_blocks, init_and_sipi, lapic_timer, direct_timer, deadline_that_has_passed_is_not_told, tick_that_repeats, timer_that_woke_is_not_armed,
	  message_timer_waits_for_its_slot,
	  event_page, intercept_suspends, absent_page_is_asked_for)
