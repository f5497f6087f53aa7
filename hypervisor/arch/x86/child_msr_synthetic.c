/* SPDX-License-Identifier: BSD-2-Clause */
/* Synthetic MSRs; see child_msr_synthetic.h. Each answers exactly when CPUID, as the partition sees it, says that it is there. */
#include "arch/x86/child_msr_synthetic.h"

#include "abi/message.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

#define ENABLE 1ull
#define HYPERCALL_LOCKED 2ull

/* The bit of leaf 40000003h that grants each. What no row names is not there. */
static const struct {
	uint32_t first, last;
	uint64_t privilege;          /* EBX:EAX */
	uint32_t feature;            /* EDX */
} access[] = {
	{ HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_HYPERCALL, HV_ACCESS_HYPERCALL_MSRS, 0 },
	{ HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX, HV_ACCESS_VP_INDEX, 0 },
	{ HV_X64_MSR_RESET, HV_X64_MSR_RESET, HV_ACCESS_RESET, 0 },
	{ HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME, HV_ACCESS_VP_RUNTIME, 0 },
	{ HV_X64_MSR_TIME_REF_COUNT, HV_X64_MSR_TIME_REF_COUNT, HV_ACCESS_REFERENCE_COUNTER, 0 },
	{ HV_X64_MSR_REFERENCE_TSC, HV_X64_MSR_REFERENCE_TSC, HV_ACCESS_REFERENCE_TSC, 0 },
	{ HV_X64_MSR_TSC_FREQUENCY, HV_X64_MSR_APIC_FREQUENCY, HV_ACCESS_FREQUENCY_MSRS, 0 },
	{ HV_X64_MSR_EOI, HV_X64_MSR_VP_ASSIST_PAGE, HV_ACCESS_APIC_MSRS, 0 },
	{ HV_X64_MSR_SCONTROL, HV_X64_MSR_SINT15, HV_ACCESS_SYNIC, 0 },
	{ HV_X64_MSR_STIMER0_CONFIG, HV_X64_MSR_STIMER3_COUNT, HV_ACCESS_STIMERS, 0 },
	{ HV_X64_MSR_CRASH_P0, HV_X64_MSR_CRASH_CTL, 0, HV_FEATURE_CRASH_MSRS },
	{ HV_X64_MSR_TSC_INVARIANT_CONTROL, HV_X64_MSR_TSC_INVARIANT_CONTROL, HV_ACCESS_TSC_INVARIANT, 0 },
};

static bool granted(const struct child_partition *c, uint32_t msr)
{
	for (unsigned int i = 0; i < sizeof access / sizeof access[0]; i++)
		if (msr >= access[i].first && msr <= access[i].last)
			return (c->grants.privileges & access[i].privilege) == access[i].privilege &&
			       (c->grants.features & access[i].feature) == access[i].feature;
	return false;
}

uint64_t hv_partition_id(const struct vp *vp)
{
	return vp->partition->id;
}

bool synthetic_rdmsr(struct vp *vp, uint32_t msr, uint64_t *value)
{
	struct child_partition *c = &vp->partition->child;
	struct stimer *t = &vp->child.stimer[(msr - HV_X64_MSR_STIMER0_CONFIG) / 2 % HV_SYNIC_STIMER_COUNT];

	if (!granted(c, msr))
		return false;
	switch (msr) {
	case HV_X64_MSR_GUEST_OS_ID:
		*value = c->guest_os_id;
		return true;
	case HV_X64_MSR_HYPERCALL:
		*value = c->hypercall;
		return true;
	case HV_X64_MSR_VP_INDEX:
		*value = vp->index;
		return true;
	case HV_X64_MSR_RESET:
		*value = 0;
		return true;
	case HV_X64_MSR_VP_RUNTIME:
		*value = reftime_length(&c->time, vp->stats.guest_tsc + vp->stats.hypervisor_tsc);
		return true;
	case HV_X64_MSR_TIME_REF_COUNT:
		*value = child_reference_time(vp->partition);
		return true;
	case HV_X64_MSR_REFERENCE_TSC:
		*value = c->reference_tsc;
		return true;
	case HV_X64_MSR_TSC_FREQUENCY:
		*value = hv.tsc_hz;
		return true;
	case HV_X64_MSR_APIC_FREQUENCY:
		*value = hv.lapic_timer_hz;
		return true;
	case HV_X64_MSR_ICR:
		return lapic_read(&vp->child.lapic, 0x830, rdtsc(), value);
	case HV_X64_MSR_TPR:
		return lapic_read(&vp->child.lapic, 0x808, rdtsc(), value);
	case HV_X64_MSR_VP_ASSIST_PAGE:
		*value = vp->child.assist_page;
		return true;
	case HV_X64_MSR_SCONTROL ... HV_X64_MSR_SINT15:
		return synic_read(&vp->child.synic, msr, value);
	case HV_X64_MSR_STIMER0_CONFIG ... HV_X64_MSR_STIMER3_COUNT:
		*value = msr & 1 ? t->count : t->config;
		return true;
	case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_P4:
		*value = c->crash[msr - HV_X64_MSR_CRASH_P0];
		return true;
	case HV_X64_MSR_CRASH_CTL:
		*value = HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE;
		return true;
	case HV_X64_MSR_TSC_INVARIANT_CONTROL:
		*value = c->tsc_invariant_control;
		return true;
	}
	return false;
}

/* VMMCALL; RET. The page is the child's own memory, written here: wherever it is put, calls from it work (TLFS 3.13). */
static bool write_hypercall(struct vp *vp, uint64_t value)
{
	static const uint8_t code[] = { 0x0f, 0x01, 0xd9, 0xc3 };
	struct child_partition *c = &vp->partition->child;
	uint8_t *page;

	/* Without an OS identity there is no hypercall page; once locked it stays. */
	if (c->hypercall & HYPERCALL_LOCKED)
		return true;
	if (!c->guest_os_id)
		value &= ~ENABLE;
	if (value & ENABLE) {
		page = partition_page(vp->partition, value & ~0xfffull);
		if (!page)
			return false;
		memset(page, 0xcc, PAGE_SIZE);
		memcpy(page, code, sizeof code);
	}
	c->hypercall = value;
	return true;
}

static bool write_reference_tsc(struct vp *vp, uint64_t value)
{
	struct child_partition *c = &vp->partition->child;
	struct hv_reference_tsc_page *page;

	c->reference_tsc = value;
	if (!(value & ENABLE))
		return true;
	page = partition_page(vp->partition, value & ~0xfffull);
	if (page)
		reftime_fill_page(&c->time, page);
	return true;
}

/*
 * SIMP and SIEFP begin empty wherever the child puts them: stale words would be a slot that is taken for ever, or flags that
 * nobody signalled. Not when the root restores the register: the page is then the child's own from before.
 */
static bool write_synic(struct vp *vp, uint32_t msr, uint64_t value)
{
	uint64_t old;
	void *page;

	synic_read(&vp->child.synic, msr, &old);
	if ((msr == HV_X64_MSR_SIMP || msr == HV_X64_MSR_SIEFP) && vp->output && value & ENABLE && (value ^ old) & (~0xfffull | ENABLE)) {
		page = partition_page(vp->partition, value & ~0xfffull);
		if (page)
			memset(page, 0, PAGE_SIZE);
	}
	return synic_write(&vp->child.synic, msr, value);
}

static bool write_assist_page(struct vp *vp, uint64_t value)
{
	struct hv_vp_assist_page *page;

	/* An EOI that the child has left in the old page is not to be lost with it. */
	if (vp->child.eoi_assist)
		child_pending_vector(vp);
	vp->child.assist_page = value;
	vp->child.eoi_assist = false;
	if (value & ENABLE) {
		page = partition_page(vp->partition, value & ~0xfffull);
		if (page)
			__atomic_store_n(&page->apic_assist, 0, __ATOMIC_RELEASE);
	}
	return true;
}

static void write_eom(struct vp *vp, enum vp_run_result *result)
{
	uint64_t simp = vp->child.synic.simp;
	struct hv_message_page *page = simp & ENABLE ? partition_page(vp->partition, simp & ~0xfffull) : NULL;
	struct bh_eom_message m = { 0 };

	if (!page)
		return;
	m.sint_mask = synic_freed(&vp->child.synic, page);
	if (!m.sint_mask)
		return;
	child_retry_timer_messages(vp);
	vp_intercept_header(vp, &m.header, 2, HV_INTERCEPT_ACCESS_WRITE);
	vp_intercept(vp, HVMSG_BULKHEAD_EOM, &m, sizeof m);
	*result = VP_RUN_INTERCEPT;
}

static void write_crash(struct vp *vp, uint64_t value, enum vp_run_result *result)
{
	struct bh_crash_message m = { .ctl = value };

	if (!(value & HV_CRASH_CTL_NOTIFY))
		return;
	memcpy(m.p, vp->partition->child.crash, sizeof m.p);
	vp_intercept_header(vp, &m.header, 2, HV_INTERCEPT_ACCESS_WRITE);
	vp_intercept(vp, HVMSG_BULKHEAD_CRASH, &m, sizeof m);
	*result = VP_RUN_INTERCEPT;
}

static void write_reset(struct vp *vp, enum vp_run_result *result)
{
	struct hv_x64_intercept_message_header m;

	vp_intercept_header(vp, &m, 2, HV_INTERCEPT_ACCESS_WRITE);
	vp_intercept(vp, HVMSG_BULKHEAD_RESET, &m, sizeof m);
	*result = VP_RUN_INTERCEPT;
}

static bool write_lapic(struct vp *vp, uint32_t x2apic_msr, uint64_t value)
{
	struct lapic_ipi ipi;

	if (!lapic_write(&vp->child.lapic, x2apic_msr, value, rdtsc(), &ipi))
		return false;
	vp_vendor_set_cr8(vp, vp->child.lapic.tpr >> 4);
	if (ipi.send)
		child_send_ipi(vp, &ipi);
	return true;
}

/* MSRs that hand over a page of the child's, enabled by bit 0. */
static bool names_page(uint32_t msr)
{
	return msr == HV_X64_MSR_HYPERCALL || msr == HV_X64_MSR_REFERENCE_TSC || msr == HV_X64_MSR_VP_ASSIST_PAGE ||
	       msr == HV_X64_MSR_SIEFP || msr == HV_X64_MSR_SIMP;
}

bool synthetic_wrmsr(struct vp *vp, uint32_t msr, uint64_t value, enum vp_run_result *result)
{
	struct child_partition *c = &vp->partition->child;
	struct stimer *t = &vp->child.stimer[(msr - HV_X64_MSR_STIMER0_CONFIG) / 2 % HV_SYNIC_STIMER_COUNT];

	if (!granted(c, msr))
		return false;
	if (value & ENABLE && names_page(msr) && vp_page_absent(vp, value & ~0xfffull)) {
		*result = VP_RUN_ABSENT;
		return true;
	}
	switch (msr) {
	case HV_X64_MSR_GUEST_OS_ID:
		c->guest_os_id = value;
		if (!value)
			c->hypercall &= ~ENABLE;
		return true;
	case HV_X64_MSR_HYPERCALL:
		return write_hypercall(vp, value);
	case HV_X64_MSR_RESET:
		if (value & 1)
			write_reset(vp, result);
		return true;
	case HV_X64_MSR_REFERENCE_TSC:
		return write_reference_tsc(vp, value);
	case HV_X64_MSR_EOI:
		return write_lapic(vp, 0x80b, 0);
	case HV_X64_MSR_ICR:
		return write_lapic(vp, 0x830, value);
	case HV_X64_MSR_TPR:
		return write_lapic(vp, 0x808, value);
	case HV_X64_MSR_VP_ASSIST_PAGE:
		return write_assist_page(vp, value);
	case HV_X64_MSR_EOM:
		write_eom(vp, result);
		return true;
	case HV_X64_MSR_SVERSION:
		return false;
	case HV_X64_MSR_SIEFP:
	case HV_X64_MSR_SIMP:
	case HV_X64_MSR_SCONTROL:
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		if (!write_synic(vp, msr, value))
			return false;
		/* A message that found the SynIC off, or its SINT masked, may go now. */
		child_retry_timer_messages(vp);
		return true;
	case HV_X64_MSR_STIMER0_CONFIG ... HV_X64_MSR_STIMER3_COUNT:
		if (!(msr & 1) && value & HV_STIMER_DIRECT && !(c->grants.features & HV_FEATURE_STIMER_DIRECT))
			return false;
		if (!(msr & 1))
			return stimer_write_config(t, value, child_reference_time(vp->partition));
		stimer_write_count(t, value, child_reference_time(vp->partition));
		return true;
	case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_P4:
		c->crash[msr - HV_X64_MSR_CRASH_P0] = value;
		return true;
	case HV_X64_MSR_CRASH_CTL:
		write_crash(vp, value, result);
		return true;
	case HV_X64_MSR_TSC_INVARIANT_CONTROL:
		if (value & ~1ull)
			return false;
		c->tsc_invariant_control = value;
		return true;
	}
	return false;
}
