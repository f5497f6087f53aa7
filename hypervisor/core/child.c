/* SPDX-License-Identifier: BSD-2-Clause */
/* Ties LAPIC, SynIC, timers and reference time to a VP; see child.h. */
#include "core/child.h"

#include "abi/status.h"
#include "arch/x86/cpu.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

#define PAGE_ENABLED 1ull
#define MTRR_DEFAULT_ENABLED_WRITE_BACK 0xc06u

void child_partition_init(struct partition *p)
{
	reftime_init(&p->child.time, hv.tsc_hz, rdtsc());
	child_grant(p);
}

void child_partition_destroy(struct partition *p)
{
	if (p->child.cpuid)
		pool_free(&p->pool, va_to_pa(p->child.cpuid));
	p->child.cpuid = NULL;
}

uint64_t child_reference_time(const struct partition *p)
{
	return reftime_from_tsc(&p->child.time, rdtsc());
}

void child_vp_init(struct vp *vp)
{
	struct child_vp *c = &vp->child;

	lapic_reset(&c->lapic, vp->index, hv.tsc_hz, hv.lapic_timer_hz);
	synic_reset(&c->synic);
	for (unsigned int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		stimer_reset(&c->stimer[i]);
	c->assist_page = 0;
	c->eoi_assist = false;
	c->mtrr_def_type = MTRR_DEFAULT_ENABLED_WRITE_BACK;
}

void child_vp_init_signal(struct vp *vp)
{
	lapic_reset(&vp->child.lapic, vp->index, hv.tsc_hz, hv.lapic_timer_hz);
	vp->child.eoi_assist = false;
}

/* The child's page named by an MSR with enable bit 0, or NULL. */
static void *msr_page(const struct vp *vp, uint64_t msr)
{
	return msr & PAGE_ENABLED ? partition_page(vp->partition, msr & ~0xfffull) : NULL;
}

bool child_lapic_matches(const struct vp *vp, uint32_t destination, bool logical)
{
	return lapic_matches(&vp->child.lapic, destination, logical);
}

void child_post_interrupt(struct vp *vp, uint8_t vector, bool level)
{
	lapic_post(&vp->child.lapic, vector, level);
}

/*
 * EOI assist (TLFS 10.3.5): the child clears the bit instead of writing EOI. Whoever finds it clear ends the interrupt; when another
 * one waits, the bit is taken back, so that the child's EOI tells when that one may go in.
 */
static void take_eoi_assist(struct vp *vp)
{
	struct child_vp *c = &vp->child;
	struct hv_vp_assist_page *page = msr_page(vp, c->assist_page);
	bool ended;

	if (!page) {
		c->eoi_assist = false;
		return;
	}
	ended = !(__atomic_load_n(&page->apic_assist, __ATOMIC_ACQUIRE) & 1);
	if (!ended) {
		if (!lapic_requested(&c->lapic))
			return;
		ended = !(__atomic_fetch_and(&page->apic_assist, ~1u, __ATOMIC_SEQ_CST) & 1);
	}
	c->eoi_assist = false;
	if (ended)
		lapic_eoi(&c->lapic);
}

int child_pending_vector(struct vp *vp)
{
	if (vp->child.eoi_assist)
		take_eoi_assist(vp);
	return lapic_pending(&vp->child.lapic);
}

/* Spares the child the EOI of this vector if it can. Level interrupts need theirs; so does one that others wait behind. */
static bool offer_eoi_assist(struct vp *vp, uint8_t vector)
{
	struct child_vp *c = &vp->child;
	struct hv_vp_assist_page *page;

	if (!(c->assist_page & PAGE_ENABLED) || c->lapic.tmr[vector / 32] >> vector % 32 & 1 ||
	    lapic_busy_besides(&c->lapic, vector))
		return false;
	page = msr_page(vp, c->assist_page);
	if (page)
		__atomic_fetch_or(&page->apic_assist, 1u, __ATOMIC_SEQ_CST);
	return page;
}

/*
 * The request is taken out of the LAPIC: one more that comes when the child has taken this one is another interrupt. The assist
 * bit is set before that: nothing else is in service, so nobody else's EOI can find it.
 */
void child_queue_vector(struct vp *vp, uint8_t vector)
{
	struct child_vp *c = &vp->child;
	bool auto_eoi;

	lapic_take(&c->lapic, vector);
	c->queued = vector;
	auto_eoi = synic_auto_eoi(&c->synic, vector);
	c->queued_assist = !auto_eoi && offer_eoi_assist(vp, vector);
	/* No EOI would tell when those that wait behind it may go in. */
	vp_vendor_queue_interrupt(vp, vector, auto_eoi && lapic_requested(&c->lapic));
}

static void end_queued(struct vp *vp, bool taken)
{
	struct child_vp *c = &vp->child;
	struct hv_vp_assist_page *page;
	uint8_t vector = c->queued;

	c->queued = 0;
	if (taken) {
		vp->stats.interrupts_injected++;
		lapic_begin(&c->lapic, vector);
		if (synic_auto_eoi(&c->synic, vector))
			lapic_eoi(&c->lapic);
		/* Another CPU may have posted it right after the look at the assist page: what is outstanding there stays so. */
		c->eoi_assist |= c->queued_assist;
		return;
	}
	lapic_give_back(&c->lapic, vector);
	if (c->queued_assist) {
		page = msr_page(vp, c->assist_page);
		if (page)
			__atomic_fetch_and(&page->apic_assist, ~1u, __ATOMIC_SEQ_CST);
	}
}

void child_after_exit(struct vp *vp, bool taken)
{
	struct lapic *l = &vp->child.lapic;
	uint8_t cr8 = vp_vendor_cr8(vp);

	if (cr8 != l->tpr >> 4)
		l->tpr = (uint32_t)cr8 << 4;
	if (vp->child.queued)
		end_queued(vp, taken);
}

void child_interrupt_vp(struct vp *sender, struct vp *target, uint8_t vector)
{
	lapic_post(&target->child.lapic, vector, false);
	if (target == sender)
		return;
	sender->output->wake_mask |= 1ull << target->index;
	sender->leave = true;
}

static void deliver_ipi(struct vp *sender, struct vp *target, const struct lapic_ipi *ipi)
{
	switch (ipi->mode) {
	case 0:
	case 1:
		child_interrupt_vp(sender, target, ipi->vector);
		return;
	case 4:
		vp_post_pending(target, VP_PENDING_NMI, 0);
		break;
	case 5:
		vp_post_pending(target, VP_PENDING_INIT, 0);
		break;
	case 6:
		vp_post_pending(target, VP_PENDING_SIPI, ipi->vector);
		break;
	default:
		return;
	}
	if (target != sender) {
		sender->output->wake_mask |= 1ull << target->index;
		sender->leave = true;
	}
}

void child_send_ipi(struct vp *sender, const struct lapic_ipi *ipi)
{
	struct partition *p = sender->partition;

	for (unsigned int i = 0; i < HV_MAX_VPS; i++) {
		struct vp *target = __atomic_load_n(&p->vp[i], __ATOMIC_ACQUIRE);

		if (!target)
			continue;
		if (ipi->shorthand == 1 ? target != sender : ipi->shorthand == 3 && target == sender)
			continue;
		if (ipi->shorthand == 0 && !child_lapic_matches(target, ipi->destination, ipi->logical))
			continue;
		deliver_ipi(sender, target, ipi);
		if (ipi->mode == 1)
			return;
	}
}

static void assert_sint(struct vp *vp, unsigned int sint)
{
	uint8_t vector;

	if (synic_vector(&vp->child.synic, sint, &vector))
		lapic_post(&vp->child.lapic, vector, false);
}

bool child_signal_event(struct vp *vp, unsigned int sint, unsigned int flag)
{
	struct hv_event_flags_page *page = msr_page(vp, vp->child.synic.siefp);

	if (!page || !synic_open(&vp->child.synic, sint))
		return false;
	if (!synic_set_flag(page, sint, flag))
		return false;
	assert_sint(vp, sint);
	return true;
}

uint64_t child_post_message(struct vp *vp, unsigned int sint, const struct hv_message *m)
{
	struct hv_message_page *page = msr_page(vp, vp->child.synic.simp);

	if (!page || !synic_open(&vp->child.synic, sint))
		return HV_STATUS_INVALID_VP_STATE;
	if (!synic_put_message(&vp->child.synic, page, sint, m))
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	assert_sint(vp, sint);
	return HV_STATUS_SUCCESS;
}

static void send_timer_message(struct vp *vp, unsigned int index, uint64_t now)
{
	struct stimer *t = &vp->child.stimer[index];
	struct hv_timer_message payload = { .timer_index = index, .expiration_time = t->expired_at, .delivery_time = now };
	struct hv_message m = { .header = { .message_type = HVMSG_TIMER_EXPIRED, .payload_size = sizeof payload } };

	memcpy(m.u.bytes, &payload, sizeof payload);
	/* Tried again after the child's EOM, and when it opens the SINT. */
	t->message_pending = child_post_message(vp, stimer_sint(t), &m) != HV_STATUS_SUCCESS;
}

void child_expire_timers(struct vp *vp, uint64_t now_tsc)
{
	uint64_t now = reftime_from_tsc(&vp->partition->child.time, now_tsc);

	if (lapic_expire(&vp->child.lapic, now_tsc))
		vp->stats.timer_expirations++;
	for (unsigned int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		struct stimer *t = &vp->child.stimer[i];

		if (!stimer_expire(t, now))
			continue;
		vp->stats.timer_expirations++;
		if (stimer_is_direct(t))
			lapic_post(&vp->child.lapic, stimer_vector(t), false);
		else
			send_timer_message(vp, i, now);
	}
}

void child_retry_timer_messages(struct vp *vp)
{
	for (unsigned int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		if (vp->child.stimer[i].message_pending)
			send_timer_message(vp, i, child_reference_time(vp->partition));
}

uint64_t child_expected_deadline(const struct vp *vp, uint64_t now_tsc)
{
	uint64_t next = ~0ull;

	for (unsigned int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		if (stimer_guess(&vp->child.stimer[i]) < next)
			next = stimer_guess(&vp->child.stimer[i]);
	if (next != ~0ull)
		next = reftime_to_tsc(&vp->partition->child.time, next);
	/* It was wrong the last time. */
	return next > now_tsc ? next : ~0ull;
}

uint64_t child_next_deadline(const struct vp *vp)
{
	uint64_t next = ~0ull, tsc = lapic_next_deadline(&vp->child.lapic);

	for (unsigned int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		if (stimer_next(&vp->child.stimer[i]) < next)
			next = stimer_next(&vp->child.stimer[i]);
	if (next != ~0ull) {
		next = reftime_to_tsc(&vp->partition->child.time, next);
		if (next < tsc)
			tsc = next;
	}
	return tsc;
}
