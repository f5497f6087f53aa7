/* SPDX-License-Identifier: BSD-2-Clause */
/* Register and address-translation hypercalls on a VP that does not run. */
#include "abi/registers.h"

#include "abi/status.h"
#include "arch/x86/guest_walk.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/vp.h"

static bool get_register(const struct vp *vp, uint32_t name, union hv_register_value *value)
{
	switch (name) {
	case HV_REGISTER_INTERNAL_ACTIVITY_STATE:
		value->reg64 = (vp->startup_suspended ? HV_INTERNAL_ACTIVITY_STARTUP_SUSPEND : 0) |
			       (vp->halted ? HV_INTERNAL_ACTIVITY_HALT_SUSPEND : 0);
		return true;
	}
	return vp_vendor_get_register(vp, name, value) || child_get_register(vp, name, value);
}

static bool set_register(struct vp *vp, uint32_t name, const union hv_register_value *value)
{
	switch (name) {
	case HV_REGISTER_INTERNAL_ACTIVITY_STATE:
		vp->startup_suspended = value->reg64 & HV_INTERNAL_ACTIVITY_STARTUP_SUSPEND;
		vp->halted = value->reg64 & HV_INTERNAL_ACTIVITY_HALT_SUSPEND;
		return true;
	}
	return vp_vendor_set_register(vp, name, value) || child_set_register(vp, name, value);
}

uint64_t hvcall_get_vp_registers(struct hypercall *call)
{
	const struct hv_input_vp_registers *in = call->input;
	const uint32_t *names = (const uint32_t *)(in + 1);
	union hv_register_value *out = call->output;
	struct vp *vp;
	uint64_t status;

	if (in->input_vtl)
		return HV_STATUS_INVALID_PARAMETER;
	status = vp_take(call->cpu, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	for (; status == HV_STATUS_SUCCESS && call->reps_done < call->reps; call->reps_done++)
		if (!get_register(vp, names[call->reps_done], &out[call->reps_done])) {
			status = HV_STATUS_INVALID_PARAMETER;
			break;
		}
	vp_release(vp);
	return status;
}

uint64_t hvcall_set_vp_registers(struct hypercall *call)
{
	const struct hv_input_vp_registers *in = call->input;
	const struct hv_register_assoc *assoc = (const struct hv_register_assoc *)(in + 1);
	struct vp *vp;
	uint64_t status;

	if (in->input_vtl)
		return HV_STATUS_INVALID_PARAMETER;
	status = vp_take(call->cpu, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	for (; call->reps_done < call->reps; call->reps_done++)
		if (!set_register(vp, assoc[call->reps_done].name, &assoc[call->reps_done].value)) {
			status = HV_STATUS_INVALID_REGISTER_VALUE;
			break;
		}
	vp_release(vp);
	return status;
}

uint64_t hvcall_translate_virtual_address(struct hypercall *call)
{
	const struct hv_input_translate_va *in = call->input;
	struct hv_output_translate_va *out = call->output;
	uint64_t status, gpa = 0;
	struct vp *vp;

	status = vp_take(call->cpu, in->partition_id, in->vp_index, &vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	out->result_code = guest_translate(vp, in->gva_page << HV_PAGE_SHIFT, in->control_flags, &gpa);
	out->gpa_page = gpa >> HV_PAGE_SHIFT;
	vp_release(vp);
	return HV_STATUS_SUCCESS;
}
