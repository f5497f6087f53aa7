/* SPDX-License-Identifier: BSD-2-Clause */
/* How interrupts reach a VP: queued for the guest to take, by priority, with and without EOI assist. */
#include "script.h"

/* An interrupt of the root's is injected at entry; a second one of the same class waits for EOI; the highest goes first. */
START_TEST(interrupts_by_priority)
{
	start(1);
	ck_assert_uint_eq(interrupt(0x51, 0), HV_STATUS_SUCCESS);
	SCRIPT(nothing, nothing, eoi, nothing);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_int_eq(seen[0], 0x51);
	ck_assert_int_eq(seen[1], -1);
	interrupt(0x52, 0);
	interrupt(0x61, 0);
	SCRIPT(nothing, eoi, nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x61);
	ck_assert_int_eq(seen[1], -1);
	ck_assert_int_eq(seen[2], 0x52);
	ck_assert_uint_eq(machine_vp(id, 0)->stats.interrupts_injected, 3);
}

/* With interrupts off the interrupt is queued for the guest to take, at every entry until it does; then it is in service. */
START_TEST(queued_interrupt)
{
	struct machine_vmcb *v;
	struct lapic *l;

	start(1);
	v = machine_vmcb(machine_vp(id, 0));
	l = &machine_vp(id, 0)->child.lapic;
	v->rflags = 0;
	interrupt(0x51, 0);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], -1);
	ck_assert_int_eq(queued[0], 0x51);
	ck_assert_int_eq(queued[1], 0x51);
	ck_assert_uint_eq(l->isr[2], 0);
	v->takes_queued = true;
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], 0x51);
	ck_assert_int_eq(queued[1], -1);
	ck_assert_uint_eq(l->isr[2], 1u << 0x11);
	ck_assert_uint_eq(l->irr[2], 0);
	ck_assert_uint_eq(machine_vp(id, 0)->stats.interrupts_injected, 1);
}

static int interrupt_again(struct vp *vp)
{
	(void)vp;
	interrupt(0x51, 0);
	return VP_RUN_PREEMPTED;
}

/* One that comes again when the guest has taken the queued one is another interrupt: it waits for the EOI and is not lost. */
START_TEST(queued_interrupt_comes_again)
{
	struct machine_vmcb *v;

	start(1);
	v = machine_vmcb(machine_vp(id, 0));
	v->rflags = 0;
	v->takes_queued = true;
	interrupt(0x51, 0);
	SCRIPT(interrupt_again);
	machine_dispatch(id, 0, 0, NULL);
	SCRIPT(eoi);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], -1);
	ck_assert_int_eq(queued[1], 0x51);
}

/* A higher one that comes after the queued one takes its place. */
START_TEST(queued_interrupt_gives_way)
{
	struct machine_vmcb *v;

	start(1);
	v = machine_vmcb(machine_vp(id, 0));
	v->rflags = 0;
	interrupt(0x51, 0);
	SCRIPT(NULL);
	machine_dispatch(id, 0, 0, NULL);
	interrupt(0x61, 0);
	v->takes_queued = true;
	SCRIPT(eoi);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], 0x61);
	ck_assert_int_eq(queued[1], 0x51);
}

static int interrupt_higher_and_leave(struct vp *vp)
{
	interrupt(0x51, 0);
	vp->leave = true;
	return VP_RUN_CONTINUE;
}

/*
 * A run that ends for the root's sake, without another entry, must not leave an interrupt queued: the next dispatch may find a
 * higher one to queue, and the first would be lost, with the child's tick in it.
 */
START_TEST(queued_interrupt_needs_an_entry)
{
	struct lapic *l;

	start(1);
	l = &machine_vp(id, 0)->child.lapic;
	machine_vmcb(machine_vp(id, 0))->rflags = 0;
	SCRIPT(interrupt_higher_and_leave);
	ck_assert_uint_eq(machine_dispatch(id, 0, 0, NULL)->dispatch_state, HV_VP_DISPATCH_STATE_READY);
	ck_assert_uint_eq(l->irr[2], 1u << 0x11);
	interrupt(0x61, 0);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], 0x61);
	ck_assert_uint_eq(l->irr[2], 1u << 0x11);
	ck_assert_uint_eq(l->irr[3], 1u << 0x01);
}

/* An interrupt with AutoEOI has no EOI that tells when those behind it may go in: then its handler's IRET exits. */
START_TEST(auto_eoi_with_another_behind)
{
	struct machine_vmcb *v;

	start(1);
	v = machine_vmcb(machine_vp(id, 0));
	wrmsr_of(machine_vp(id, 0), HV_X64_MSR_SINT0, 0x61 | 1u << 17);
	interrupt(0x61, 0);
	interrupt(0x51, 0);
	SCRIPT(NULL);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x61);
	ck_assert(v->until_iret);
	SCRIPT(NULL);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x51);
	ck_assert(!v->until_iret);
}

#define ASSIST_GPA 0x6000ull
static uint32_t assist_before;

static int clear_assist(struct vp *vp)
{
	struct hv_vp_assist_page *page = machine_gpa(ASSIST_GPA);

	(void)vp;
	assist_before = page->apic_assist;
	page->apic_assist &= ~1u;
	return VP_RUN_PREEMPTED;
}

/* EOI assist: a lone edge interrupt needs no EOI write; the cleared bit counts as one, found out when the next interrupt comes. */
START_TEST(eoi_assist)
{
	struct lapic *l;

	start(1);
	l = &machine_vp(id, 0)->child.lapic;
	wrmsr_of(machine_vp(id, 0), HV_X64_MSR_VP_ASSIST_PAGE, ASSIST_GPA | 1);
	interrupt(0x51, 0);
	SCRIPT(clear_assist);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x51);
	ck_assert_uint_eq(assist_before & 1, 1);
	interrupt(0x31, 0);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x31);
	ck_assert_uint_eq(l->isr[2], 0);
}

/* The bit is taken back when another interrupt waits: its EOI has to be seen. A level interrupt never gets it. */
START_TEST(eoi_assist_is_taken_back)
{
	struct hv_input_assert_virtual_interrupt level = { .control.s.flags = HV_INTERRUPT_LEVEL, .vector = 0x71 };
	struct hv_vp_assist_page *page;

	start(1);
	level.partition_id = id;
	page = machine_gpa(ASSIST_GPA);
	wrmsr_of(machine_vp(id, 0), HV_X64_MSR_VP_ASSIST_PAGE, ASSIST_GPA | 1);
	interrupt(0x51, 0);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(page->apic_assist & 1, 1);
	interrupt(0x52, 0);
	SCRIPT(nothing, eoi, nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], -1);
	ck_assert_int_eq(seen[2], 0x52);
	SCRIPT(clear_assist);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(machine_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &level, sizeof level, 0), HV_STATUS_SUCCESS);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x71);
	ck_assert_uint_eq(page->apic_assist & 1, 0);
}

/* EOI assist for a queued interrupt: set when it is taken, gone when it is not; never beside another in service, whose EOI would find it. */
START_TEST(eoi_assist_of_a_queued_interrupt)
{
	struct hv_vp_assist_page *page;
	struct machine_vmcb *v;

	start(1);
	v = machine_vmcb(machine_vp(id, 0));
	page = machine_gpa(ASSIST_GPA);
	wrmsr_of(machine_vp(id, 0), HV_X64_MSR_VP_ASSIST_PAGE, ASSIST_GPA | 1);
	v->rflags = 0;
	interrupt(0x51, 0);
	SCRIPT(NULL);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], 0x51);
	ck_assert_uint_eq(page->apic_assist & 1, 0);
	v->takes_queued = true;
	SCRIPT(clear_assist);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(assist_before & 1, 1);
	v->rflags = RFLAGS_IF;
	interrupt(0x31, 0);
	SCRIPT(nothing);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(seen[0], 0x31);
	/* 31h is in service still: 61h comes on top of it, and its EOI must be seen. */
	v->rflags = 0;
	interrupt(0x61, 0);
	SCRIPT(clear_assist);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_int_eq(queued[0], 0x61);
	ck_assert_uint_eq(assist_before & 1, 0);
}

/*
 * The bug was: an interrupt that another CPU posted between the look at the assist page and the look at the LAPIC made the hypervisor
 * forget that an EOI was outstanding in that page, and the first interrupt stayed in service for ever: a VP without timer.
 */
START_TEST(eoi_assist_outlives_a_late_interrupt)
{
	struct hv_vp_assist_page *page;
	struct lapic *l;
	struct vp *vp;

	start(1);
	vp = machine_vp(id, 0);
	l = &vp->child.lapic;
	page = machine_gpa(ASSIST_GPA);
	wrmsr_of(vp, HV_X64_MSR_VP_ASSIST_PAGE, ASSIST_GPA | 1);
	interrupt(0x51, 0);
	SCRIPT(NULL);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(page->apic_assist & 1, 1);
	interrupt(0x61, 0);
	child_queue_vector(vp, 0x61);
	child_after_exit(vp, true);
	page->apic_assist &= ~1u;
	ck_assert_int_eq(child_pending_vector(vp), -1);
	ck_assert_uint_eq(l->isr[3], 0);
	wrmsr_of(vp, HV_X64_MSR_EOI, 0);
	ck_assert_uint_eq(l->isr[2], 0);
}

/* A guest that gives up its assist page (CPU off-line, kexec) after it left an EOI there does not keep that interrupt in service. */
START_TEST(eoi_is_not_lost_with_the_page)
{
	struct vp *vp;

	start(1);
	vp = machine_vp(id, 0);
	wrmsr_of(vp, HV_X64_MSR_VP_ASSIST_PAGE, ASSIST_GPA | 1);
	interrupt(0x51, 0);
	SCRIPT(clear_assist);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_ne(vp->child.lapic.isr[2], 0);
	wrmsr_of(vp, HV_X64_MSR_VP_ASSIST_PAGE, 0);
	ck_assert_uint_eq(vp->child.lapic.isr[2], 0);
}

RUN_TESTS("hypervisor/interrupts", interrupts_by_priority, queued_interrupt, queued_interrupt_comes_again,
	  queued_interrupt_gives_way, queued_interrupt_needs_an_entry, auto_eoi_with_another_behind, eoi_assist,
	  eoi_assist_is_taken_back, eoi_assist_of_a_queued_interrupt, eoi_assist_outlives_a_late_interrupt,
	  eoi_is_not_lost_with_the_page)
