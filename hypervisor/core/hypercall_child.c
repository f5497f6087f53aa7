/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's hypercalls (TLFS chapter 3): a table, deny by default. Input is copied once from the child's memory; a child may
 * interrupt VPs of its own, post messages and signal events on connections that the root opened for it, and nothing else.
 */
#include "abi/hypercall.h"

#include "abi/status.h"
#include "arch/x86/guest_walk.h"
#include "core/child.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

#define HYPERCALL_INPUT_MAX 512u

struct child_call {
	struct vp *vp;
	uint64_t control;
	uint32_t variable;               /* variable header, in units of 8 bytes */
	enum vp_run_result result;
	uint8_t  input[HYPERCALL_INPUT_MAX];
};

static uint64_t reg(const struct vp *vp, unsigned int index)
{
	return vp->gpr[index];
}

static uint64_t notify_long_spin_wait(struct child_call *call)
{
	/* The root may have something better to run here. */
	call->vp->leave = true;
	return HV_STATUS_SUCCESS;
}

static uint64_t post_message(struct child_call *call)
{
	const struct hv_input_post_message *in = (const void *)call->input;
	struct vp *vp = call->vp;
	struct hv_x64_intercept_message_header header;
	struct bh_posted_message *out;

	if (in->reserved || in->payload_size > sizeof in->payload || in->message_type & 1u << 31 || !in->message_type)
		return HV_STATUS_INVALID_PARAMETER;
	if (partition_connection(vp->partition, in->connection_id) != BH_CONNECTION_MESSAGE)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (!vp->message_page)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	out = (struct bh_posted_message *)(vp->message_page + BH_POSTED_MESSAGE_OFFSET);
	out->connection_id = in->connection_id;
	out->message_type = in->message_type;
	out->payload_size = in->payload_size;
	out->reserved = 0;
	memcpy(out->payload, in->payload, sizeof out->payload);
	vp->stats.messages_posted++;
	vp_intercept_header(vp, &header, 3, HV_INTERCEPT_ACCESS_EXECUTE);
	vp_intercept(vp, HVMSG_BULKHEAD_POST_MESSAGE, &header, sizeof header);
	call->result = VP_RUN_INTERCEPT;
	return HV_STATUS_SUCCESS;
}

static uint64_t signal_event(struct child_call *call)
{
	const struct hv_input_signal_event *in = (const void *)call->input;
	struct bh_output_dispatch_vp *out = call->vp->output;

	if (in->reserved || in->flag_number >= HV_EVENT_FLAGS_COUNT)
		return HV_STATUS_INVALID_PARAMETER;
	if (partition_connection(call->vp->partition, in->connection_id) != BH_CONNECTION_EVENT)
		return HV_STATUS_INVALID_CONNECTION_ID;
	/* The run ends after each signal, so there is always room; a hypervisor does not bet on that. */
	if (out->signal_count >= BH_DISPATCH_SIGNALS)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	out->signals[out->signal_count++] = *in;
	call->vp->leave = true;
	return HV_STATUS_SUCCESS;
}

static uint64_t interrupt_mask(struct vp *vp, uint64_t mask, uint32_t vector)
{
	struct vp *target;

	if (vector < 16 || vector > 255)
		return HV_STATUS_INVALID_PARAMETER;
	for (; mask; mask &= mask - 1) {
		target = __atomic_load_n(&vp->partition->vp[__builtin_ctzll(mask)], __ATOMIC_ACQUIRE);
		if (target)
			child_interrupt_vp(vp, target, vector);
	}
	return HV_STATUS_SUCCESS;
}

static uint64_t send_ipi(struct child_call *call)
{
	const struct hv_input_send_ipi *in = (const void *)call->input;

	if (in->reserved)
		return HV_STATUS_INVALID_PARAMETER;
	return interrupt_mask(call->vp, in->cpu_mask, in->vector);
}

/* VPs are all in the first bank of 64. */
static uint64_t send_ipi_ex(struct child_call *call)
{
	const struct hv_input_send_ipi_ex *in = (const void *)call->input;
	uint64_t mask = 0;

	if (in->reserved || in->vp_set.format > HV_VPSET_ALL)
		return HV_STATUS_INVALID_PARAMETER;
	if (in->vp_set.format == HV_VPSET_ALL) {
		mask = ~0ull;
	} else {
		if ((uint32_t)__builtin_popcountll(in->vp_set.valid_bank_mask) != call->variable)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		if (in->vp_set.valid_bank_mask & 1)
			mask = in->vp_set.banks[0];
	}
	return interrupt_mask(call->vp, mask, in->vector);
}

static const struct {
	uint16_t code, size;
	bool     variable;       /* a variable header may follow */
	uint64_t (*handler)(struct child_call *call);
} child_calls[] = {
	{ HVCALL_NOTIFY_LONG_SPIN_WAIT, 8, false, notify_long_spin_wait },
	{ HVCALL_SEND_IPI, sizeof(struct hv_input_send_ipi), false, send_ipi },
	{ HVCALL_SEND_IPI_EX, sizeof(struct hv_input_send_ipi_ex), true, send_ipi_ex },
	{ HVCALL_POST_MESSAGE, sizeof(struct hv_input_post_message), false, post_message },
	{ HVCALL_SIGNAL_EVENT, sizeof(struct hv_input_signal_event), false, signal_event },
};

static uint64_t copy_input(struct child_call *call, uint32_t size)
{
	struct vp *vp = call->vp;
	uint64_t rdx = reg(vp, 2), r8 = reg(vp, 8);

	if (call->control & HV_HYPERCALL_FAST) {
		if (size > 16)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		memcpy(call->input, &rdx, 8);
		memcpy(call->input + 8, &r8, 8);
		return HV_STATUS_SUCCESS;
	}
	if (rdx & 7 || (rdx & (HV_PAGE_SIZE - 1)) + size > HV_PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	return guest_read_physical(vp, rdx, call->input, size) ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}

static uint64_t carry_out(struct child_call *call)
{
	uint64_t control = call->control, status;

	for (unsigned int i = 0; i < sizeof child_calls / sizeof child_calls[0]; i++) {
		uint32_t size = child_calls[i].size;

		if (child_calls[i].code != (control & HV_HYPERCALL_CODE_MASK))
			continue;
		call->variable = (control & HV_HYPERCALL_VARHEAD_MASK) >> HV_HYPERCALL_VARHEAD_SHIFT;
		/* None of these is a rep call; bits 30:27, 31, 47:44 and 63:60 are reserved. */
		if (control & ~(HV_HYPERCALL_CODE_MASK | HV_HYPERCALL_FAST | HV_HYPERCALL_VARHEAD_MASK) ||
		    (call->variable && !child_calls[i].variable) || size + call->variable * 8 > HYPERCALL_INPUT_MAX)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		status = copy_input(call, size + call->variable * 8);
		return status == HV_STATUS_SUCCESS ? child_calls[i].handler(call) : status;
	}
	return HV_STATUS_INVALID_HYPERCALL_CODE;
}

enum vp_run_result child_hypercall(struct vp *vp)
{
	struct child_call call = { .vp = vp, .control = reg(vp, 1), .result = VP_RUN_CONTINUE };
	union hv_register_value rax;

	rax.reg64 = carry_out(&call);
	vp_vendor_set_register(vp, HV_X64_REGISTER_RAX, &rax);
	if (call.result == VP_RUN_INTERCEPT && vp->register_page)
		vp_vendor_fill_register_page(vp, vp->register_page);
	return call.result;
}
