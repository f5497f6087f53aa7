/* SPDX-License-Identifier: BSD-2-Clause */
/* What the root sends to a VP: interrupts, event flags, messages. None of it needs the VP to stand still. */
#include "abi/status.h"
#include "core/calls.h"
#include "core/hypercall.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

static uint64_t find_active(uint64_t id, struct partition **ret)
{
	*ret = partition_find(id);
	if (!*ret)
		return HV_STATUS_INVALID_PARTITION_ID;
	return (*ret)->state == PARTITION_ACTIVE ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARTITION_STATE;
}

static uint64_t find_vp(uint64_t id, uint32_t index, struct vp **ret)
{
	struct partition *p;
	uint64_t status = find_active(id, &p);

	if (status != HV_STATUS_SUCCESS)
		return status;
	*ret = partition_vp(p, index);
	return *ret ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_VP_INDEX;
}

/** An MSI or an I/O APIC's message. Type lowest priority goes to the first VP that matches. */
uint64_t hvcall_assert_virtual_interrupt(struct hypercall *call)
{
	const struct hv_input_assert_virtual_interrupt *in = call->input;
	uint32_t type = in->control.s.type, flags = in->control.s.flags;
	uint64_t status;
	struct partition *p;

	if (in->target_vtl || flags & ~(HV_INTERRUPT_LEVEL | HV_INTERRUPT_LOGICAL) || in->dest_addr >> 32)
		return HV_STATUS_INVALID_PARAMETER;
	if (type != HV_INTERRUPT_TYPE_FIXED && type != HV_INTERRUPT_TYPE_LOWEST && type != HV_INTERRUPT_TYPE_NMI)
		return HV_STATUS_INVALID_PARAMETER;
	if (type != HV_INTERRUPT_TYPE_NMI && (in->vector < 16 || in->vector > 255))
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	status = find_active(in->partition_id, &p);
	for (unsigned int i = 0; status == HV_STATUS_SUCCESS && i < HV_MAX_VPS; i++) {
		struct vp *vp = p->vp[i];

		if (!vp || !child_lapic_matches(vp, in->dest_addr, flags & HV_INTERRUPT_LOGICAL))
			continue;
		if (type == HV_INTERRUPT_TYPE_NMI)
			vp_post_pending(vp, VP_PENDING_NMI, 0);
		else
			child_post_interrupt(vp, in->vector, flags & HV_INTERRUPT_LEVEL);
		if (type == HV_INTERRUPT_TYPE_LOWEST)
			break;
	}
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_signal_event_direct(struct hypercall *call)
{
	const struct hv_input_signal_event_direct *in = call->input;
	uint64_t status;
	struct vp *vp;

	if (in->target_vtl || in->target_sint >= HV_SYNIC_SINT_COUNT || in->flag_number >= HV_EVENT_FLAGS_COUNT)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	status = find_vp(in->target_partition, in->target_vp, &vp);
	if (status == HV_STATUS_SUCCESS)
		*(uint8_t *)call->output = child_signal_event(vp, in->target_sint, in->flag_number);
	unlock(&hv.lock);
	return status;
}

uint64_t hvcall_post_message_direct(struct hypercall *call)
{
	const struct hv_input_post_message_direct *in = call->input;
	struct hv_message m;
	uint64_t status;
	struct vp *vp;

	/* At an odd offset in the input. */
	memcpy(&m, in->message, sizeof m);
	if (in->vtl || in->sint_index >= HV_SYNIC_SINT_COUNT || m.header.payload_size > HV_MESSAGE_PAYLOAD_MAX ||
	    m.header.message_type == HVMSG_NONE)
		return HV_STATUS_INVALID_PARAMETER;
	lock(&hv.lock);
	status = find_vp(in->partition_id, in->vp_index, &vp);
	if (status == HV_STATUS_SUCCESS)
		status = child_post_message(vp, in->sint_index, &m);
	unlock(&hv.lock);
	return status;
}
