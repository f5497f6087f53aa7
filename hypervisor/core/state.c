/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET and SET_VP_STATE: a VP's larger state through one page of the root's. The vector state is in XSAVE's compacted format, which
 * for x87, SSE and AVX differs from the standard one in XCOMP_BV only (APM vol. 1, 11.5.11).
 */
#include "abi/status.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

#define XSTATE_BV_OFFSET 512
#define XCOMP_BV_OFFSET  520
#define XCOMP_COMPACTED  (1ull << 63)
#define MXCSR_OFFSET     24
#define MXCSR_RESERVED   0xffff0000u
#define RESERVED_VECTORS 0xffffu        /* 0 to 15, in the first word of each bit array */

static void lapic_out(const struct lapic *l, struct hv_local_interrupt_controller_state *out)
{
	memset(out, 0, sizeof *out);
	out->id = l->id;
	out->spurious = l->svr;
	memcpy(out->isr, l->isr, sizeof out->isr);
	memcpy(out->tmr, l->tmr, sizeof out->tmr);
	memcpy(out->irr, l->irr, sizeof out->irr);
	out->esr = out->error_status = l->esr;
	out->icr_low = l->icr;
	out->icr_high = l->icr >> 32;
	memcpy(&out->lvt_timer, l->lvt, sizeof l->lvt);
	out->initial_count = l->initial_count;
	out->divide_configuration = l->divide;
}

/* The id is the VP's index and stays; the timer starts over by being written after this. */
static bool lapic_in(struct lapic *l, const struct hv_local_interrupt_controller_state *in)
{
	if (in->id != l->id || in->spurious & ~0x3ffu || in->divide_configuration & ~0xbu ||
	    (in->isr[0] | in->tmr[0] | in->irr[0]) & RESERVED_VECTORS)
		return false;
	__atomic_store_n(&l->svr, in->spurious, __ATOMIC_RELAXED);
	memcpy(l->isr, in->isr, sizeof in->isr);
	/* Others may post meanwhile: an interrupt is wholly from before this or from after. */
	for (unsigned int i = 0; i < 8; i++) {
		__atomic_store_n(&l->tmr[i], in->tmr[i], __ATOMIC_RELAXED);
		__atomic_store_n(&l->irr[i], in->irr[i], __ATOMIC_SEQ_CST);
	}
	l->esr = in->esr;
	l->icr = (uint64_t)in->icr_high << 32 | in->icr_low;
	memcpy(l->lvt, &in->lvt_timer, sizeof l->lvt);
	l->divide = in->divide_configuration;
	l->initial_count = in->initial_count;
	return true;
}

static bool xsave_in(struct vp *vp, const uint8_t *in)
{
	uint64_t present, format;
	uint32_t mxcsr;

	memcpy(&present, in + XSTATE_BV_OFFSET, 8);
	memcpy(&format, in + XCOMP_BV_OFFSET, 8);
	memcpy(&mxcsr, in + MXCSR_OFFSET, 4);
	/* What XRSTOR would fault on. */
	if (present & ~hv.xfeatures || (format & ~(XCOMP_COMPACTED | hv.xfeatures)) || mxcsr & MXCSR_RESERVED)
		return false;
	memcpy(vp->fpu, in, CHILD_XSAVE_BYTES);
	memset(vp->fpu + XCOMP_BV_OFFSET, 0, 56);
	return true;
}

static bool get_state(const struct vp *vp, uint32_t type, uint8_t *page)
{
	uint64_t format = XCOMP_COMPACTED | hv.xfeatures;

	switch (type) {
	case HV_VP_STATE_LAPIC:
		lapic_out(&vp->child.lapic, (struct hv_local_interrupt_controller_state *)page);
		return true;
	case HV_VP_STATE_XSAVE:
		memcpy(page, vp->fpu, CHILD_XSAVE_BYTES);
		memcpy(page + XCOMP_BV_OFFSET, &format, 8);
		return true;
	}
	return false;
}

static bool set_state(struct vp *vp, uint32_t type, const uint8_t *page)
{
	switch (type) {
	case HV_VP_STATE_LAPIC:
		return lapic_in(&vp->child.lapic, (const struct hv_local_interrupt_controller_state *)page);
	case HV_VP_STATE_XSAVE:
		return xsave_in(vp, page);
	}
	return false;
}

static uint64_t vp_state(struct hypercall *call, bool set)
{
	const struct hv_input_vp_state *in = call->input;
	uint64_t status, pa = in->pfns[0] * PAGE_SIZE;
	uint8_t *copy = call->output;   /* this call has no output of its own: the CPU's page is free */
	struct vp *vp;
	bool ok;

	if (in->vtl || call->reps != 1 || in->pfns[0] >> 40)
		return HV_STATUS_INVALID_PARAMETER;
	memset(copy, 0, PAGE_SIZE);
	if (set && !root_read(pa, copy, PAGE_SIZE))
		return HV_STATUS_ACCESS_DENIED;
	status = vp_take(call->cpu, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	ok = set ? set_state(vp, in->type & HV_VP_STATE_TYPE_MASK, copy) : get_state(vp, in->type & HV_VP_STATE_TYPE_MASK, copy);
	vp_release(vp);
	if (!ok)
		return set ? HV_STATUS_INVALID_REGISTER_VALUE : HV_STATUS_INVALID_PARAMETER;
	if (!set && !root_write(pa, copy, PAGE_SIZE))
		return HV_STATUS_ACCESS_DENIED;
	call->reps_done = 1;
	return HV_STATUS_SUCCESS;
}

/** LAPIC and XSAVE. HV_STATUS_INVALID_PARAMETER: another type; ACCESS_DENIED: not the root's page; INVALID_VP_STATE: it runs. */
uint64_t hvcall_get_vp_state(struct hypercall *call)
{
	return vp_state(call, false);
}

/** The same; HV_STATUS_INVALID_REGISTER_VALUE: contents that the processor or the LAPIC would not take. */
uint64_t hvcall_set_vp_state(struct hypercall *call)
{
	return vp_state(call, true);
}
