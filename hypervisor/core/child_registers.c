/* SPDX-License-Identifier: BSD-2-Clause */
/* Register names that lead to a child's synthetic state, and the VMM's own CPUID results. */
#include "abi/status.h"
#include "arch/x86/cpu.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

/* Registers that are an MSR by another name. */
static const struct {
	uint32_t name, msr;
} named_msr[] = {
	{ HV_X64_REGISTER_HYPERCALL, HV_X64_MSR_HYPERCALL },
	{ HV_X64_REGISTER_GUEST_OS_ID, HV_X64_MSR_GUEST_OS_ID },
	{ HV_X64_REGISTER_REFERENCE_TSC, HV_X64_MSR_REFERENCE_TSC },
	{ HV_REGISTER_SCONTROL, HV_X64_MSR_SCONTROL },
	{ HV_REGISTER_SIEFP, HV_X64_MSR_SIEFP },
	{ HV_REGISTER_SIMP, HV_X64_MSR_SIMP },
	{ HV_X64_REGISTER_APIC_BASE, MSR_APIC_BASE },
};

static uint32_t msr_of(uint32_t name)
{
	for (unsigned int i = 0; i < sizeof named_msr / sizeof named_msr[0]; i++)
		if (named_msr[i].name == name)
			return named_msr[i].msr;
	return 0;
}

bool child_get_register(const struct vp *vp, uint32_t name, union hv_register_value *value)
{
	uint32_t msr = msr_of(name);

	if (name == HV_X64_REGISTER_APIC_ID) {
		value->reg64 = vp->index;
		return true;
	}
	if (name >= HV_REGISTER_GUEST_CRASH_P0 && name < HV_REGISTER_GUEST_CRASH_CTL) {
		value->reg64 = vp->partition->child.crash[name - HV_REGISTER_GUEST_CRASH_P0];
		return true;
	}
	return msr && child_rdmsr((struct vp *)vp, msr, &value->reg64);
}

bool child_set_register(struct vp *vp, uint32_t name, const union hv_register_value *value)
{
	enum vp_run_result result = VP_RUN_CONTINUE;
	uint32_t msr = msr_of(name);

	return msr && child_wrmsr(NULL, vp, msr, value->reg64, &result);
}

uint64_t hvcall_register_intercept_result(struct hypercall *call)
{
	const struct hv_input_register_intercept_result *in = call->input;
	uint64_t status = HV_STATUS_SUCCESS, page = 0;
	struct child_partition *c;
	struct partition *p;

	if (in->intercept_type != HV_INTERCEPT_TYPE_CPUID)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	p = partition_find(in->partition_id);
	if (!p)
		status = HV_STATUS_INVALID_PARTITION_ID;
	else if (p->state != PARTITION_ACTIVE)
		status = HV_STATUS_INVALID_PARTITION_STATE;
	else if (p->child.cpuid_count == CPUID_OVERRIDES_MAX)
		status = HV_STATUS_NO_RESOURCES;
	else if (!p->child.cpuid && !(page = pool_alloc(&p->pool)))
		status = HV_STATUS_INSUFFICIENT_MEMORY;
	if (status == HV_STATUS_SUCCESS) {
		c = &p->child;
		if (page)
			c->cpuid = pa_to_va(page);
		c->cpuid[c->cpuid_count] = *in;
		__atomic_store_n(&c->cpuid_count, c->cpuid_count + 1, __ATOMIC_RELEASE);
		child_grant(p);
	}
	unlock(&hv.lock);
	return status;
}
