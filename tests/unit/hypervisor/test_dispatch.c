/* SPDX-License-Identifier: BSD-2-Clause */
/* A VP's run from dispatch to return: interrupts and EOI assist, halts, INIT and SIPI, timers, events, messages. */
#include <string.h>

#include "abi/message.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "run_tests.h"

static uint64_t id;

/* What the guest does at its next entries, one step each; after the last one an interrupt of the machine ends the run. */
static int (*steps[16])(struct vp *vp);
static unsigned int step;
static int seen[16];       /* vector injected at each entry, -1 none */
static int queued[16];     /* vector queued at each entry, -1 none */

static int guest(struct cpu *cpu, struct vp *vp)
{
	(void)cpu;
	ck_assert_uint_lt(step, 16);
	seen[step] = machine_vmcb(vp)->injected;
	queued[step] = machine_vmcb(vp)->queued;
	return steps[step] ? steps[step++](vp) : VP_RUN_PREEMPTED;
}

#define SCRIPT(...) do { \
		int (*const list[])(struct vp *vp) = { __VA_ARGS__ }; \
		memset(steps, 0, sizeof steps); \
		memcpy(steps, list, sizeof list); \
		step = 0; \
	} while (0)

static void wrmsr_of(struct vp *vp, uint32_t msr, uint64_t value)
{
	enum vp_run_result result = VP_RUN_CONTINUE;

	ck_assert(child_wrmsr(machine_cpu, vp, msr, value, &result));
}

static int nothing(struct vp *vp)
{
	(void)vp;
	return VP_RUN_CONTINUE;
}

static int halt(struct vp *vp)
{
	(void)vp;
	return VP_RUN_HALTED;
}

static int eoi(struct vp *vp)
{
	wrmsr_of(vp, HV_X64_MSR_EOI, 0);
	return VP_RUN_CONTINUE;
}

static void start(unsigned int vps)
{
	machine_start();
	id = machine_partition(vps);
	machine_guest = guest;
	SCRIPT(NULL);
	for (unsigned int i = 0; i < vps; i++) {
		wrmsr_of(machine_vp(id, i), 0x80f, 0x1ff);
		machine_vmcb(machine_vp(id, i))->rflags = RFLAGS_IF;
	}
}

static uint64_t interrupt(uint8_t vector, uint64_t destination)
{
	struct hv_input_assert_virtual_interrupt in = { .partition_id = id, .dest_addr = destination, .vector = vector };

	return machine_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &in, sizeof in, 0);
}

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

RUN_TESTS("hypervisor/dispatch", interrupts_by_priority, queued_interrupt, queued_interrupt_comes_again, queued_interrupt_gives_way, queued_interrupt_needs_an_entry, auto_eoi_with_another_behind, halt_blocks, init_and_sipi, eoi_assist, eoi_assist_is_taken_back, eoi_assist_of_a_queued_interrupt, eoi_assist_outlives_a_late_interrupt,
	  eoi_is_not_lost_with_the_page, lapic_timer, direct_timer, message_timer_waits_for_its_slot, event_page, intercept_suspends,
	  absent_page_is_asked_for)
