/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child's hypercalls (TLFS chapter 3): a table, deny by default. Input is copied once from the child's memory or registers; a child
 * may interrupt VPs of its own, have them flush, post messages and signal events on connections that the root opened for it, give memory
 * back if it was told that it may, and nothing else. Calls on sets of VPs are in hypercall_vps.c.
 */
#include "core/hypercall_child.h"

#include "abi/status.h"
#include "arch/x86/cpu.h"
#include "arch/x86/guest_walk.h"
#include "core/child.h"
#include "core/hypervisor.h"
#include "core/partition.h"
#include "core/string.h"
#include "core/vp.h"

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

	/* No connection has id 0. */
	if (!in->connection_id)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
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

/* The root has not seen the first one yet: it says as much as both. */
static bool is_held(const struct bh_output_dispatch_vp *out, const struct hv_input_signal_event *in)
{
	for (unsigned int i = 0; i < out->signal_count; i++)
		if (out->signals[i].connection_id == in->connection_id && out->signals[i].flag_number == in->flag_number)
			return true;
	return false;
}

static uint64_t signal_event(struct child_call *call)
{
	const struct hv_input_signal_event *in = (const void *)call->input;
	struct bh_output_dispatch_vp *out = call->vp->output;

	if (!in->connection_id)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (in->reserved || in->flag_number >= HV_EVENT_FLAGS_COUNT)
		return HV_STATUS_INVALID_PARAMETER;
	if (partition_connection(call->vp->partition, in->connection_id) != BH_CONNECTION_EVENT)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (call->vp->hold_signals && is_held(out, in))
		return HV_STATUS_SUCCESS;
	/* The run ends before there is no room; a hypervisor does not bet on that. */
	if (out->signal_count >= BH_DISPATCH_SIGNALS)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	out->signals[out->signal_count++] = *in;
	if (!call->vp->hold_signals || out->signal_count == BH_DISPATCH_SIGNALS)
		call->vp->leave = true;
	return HV_STATUS_SUCCESS;
}

static uint64_t query_capabilities(struct child_call *call)
{
	uint64_t gpa = reg(call->vp, 8), *page;

	if (call->control & HV_HYPERCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (gpa & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (vp_page_absent(call->vp, gpa)) {
		call->result = VP_RUN_ABSENT;
		return HV_STATUS_INVALID_PARAMETER;
	}
	page = partition_page(call->vp->partition, gpa);
	if (!page)
		return HV_STATUS_INVALID_PARAMETER;
	page[gpa % HV_PAGE_SIZE / sizeof *page] = HV_EXT_CAPABILITY_COLD_DISCARD;
	return HV_STATUS_SUCCESS;
}

/* The child goes on when the root has the memory back, which may then be used anew. */
static uint64_t memory_heat_hint(struct child_call *call)
{
	const struct hv_input_memory_heat_hint *in = (const void *)call->input;
	uint32_t start = call->control >> HV_HYPERCALL_REP_START_SHIFT & HV_HYPERCALL_REP_MASK;
	struct bh_discard_message m = { .ranges_gpa = reg(call->vp, 2) + sizeof *in + start * sizeof(uint64_t) };

	if (call->control & HV_HYPERCALL_FAST)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (in->type != HV_HEAT_HINT_COLD_DISCARD)
		return HV_STATUS_INVALID_PARAMETER;
	m.count = (call->control >> HV_HYPERCALL_REP_COUNT_SHIFT & HV_HYPERCALL_REP_MASK) - start;
	vp_intercept_header(call->vp, &m.header, 3, HV_INTERCEPT_ACCESS_EXECUTE);
	vp_intercept(call->vp, HVMSG_BULKHEAD_DISCARD, &m, sizeof m);
	call->result = VP_RUN_INTERCEPT;
	return HV_STATUS_SUCCESS;
}

static const struct child_row {
	uint16_t code, size;
	bool     variable;       /* a variable header may follow */
	bool     reps;           /* and 8 bytes a rep */
	bool     spin;           /* granted with a number of spin retries */
	uint64_t privilege;      /* bits of leaf 40000003h EBX:EAX that grant it */
	uint32_t hints;          /* and of leaf 40000004h EAX */
	uint64_t (*handler)(struct child_call *call);
} child_calls[] = {
	{ .code = HVCALL_FLUSH_VA_SPACE, .size = sizeof(struct hv_input_flush_va), .hints = HV_HINT_REMOTE_TLB_FLUSH,
	  .handler = child_flush_call },
	{ .code = HVCALL_FLUSH_VA_LIST, .size = sizeof(struct hv_input_flush_va), .reps = true, .hints = HV_HINT_REMOTE_TLB_FLUSH,
	  .handler = child_flush_call },
	{ .code = HVCALL_NOTIFY_LONG_SPIN_WAIT, .size = 8, .spin = true, .handler = notify_long_spin_wait },
	{ .code = HVCALL_SEND_IPI, .size = sizeof(struct hv_input_send_ipi), .hints = HV_HINT_CLUSTER_IPI, .handler = child_send_ipi_call },
	{ .code = HVCALL_FLUSH_VA_SPACE_EX, .size = sizeof(struct hv_input_flush_va_ex), .variable = true,
	  .hints = HV_HINT_REMOTE_TLB_FLUSH | HV_HINT_EX_PROCESSOR_MASKS, .handler = child_flush_ex_call },
	{ .code = HVCALL_FLUSH_VA_LIST_EX, .size = sizeof(struct hv_input_flush_va_ex), .variable = true, .reps = true,
	  .hints = HV_HINT_REMOTE_TLB_FLUSH | HV_HINT_EX_PROCESSOR_MASKS, .handler = child_flush_ex_call },
	{ .code = HVCALL_SEND_IPI_EX, .size = sizeof(struct hv_input_send_ipi_ex), .variable = true,
	  .hints = HV_HINT_CLUSTER_IPI | HV_HINT_EX_PROCESSOR_MASKS, .handler = child_send_ipi_ex_call },
	{ .code = HVCALL_POST_MESSAGE, .size = sizeof(struct hv_input_post_message), .privilege = HV_POST_MESSAGES,
	  .handler = post_message },
	{ .code = HVCALL_SIGNAL_EVENT, .size = sizeof(struct hv_input_signal_event), .privilege = HV_SIGNAL_EVENTS,
	  .handler = signal_event },
	{ .code = HVCALL_EXT_QUERY_CAPABILITIES, .privilege = HV_EXTENDED_HYPERCALLS, .handler = query_capabilities },
	{ .code = HVCALL_EXT_MEMORY_HEAT_HINT, .size = sizeof(struct hv_input_memory_heat_hint), .reps = true,
	  .privilege = HV_EXTENDED_HYPERCALLS, .handler = memory_heat_hint },
};

static bool granted(const struct child_grants *g, const struct child_row *row)
{
	return (g->privileges & row->privilege) == row->privilege && (g->hints & row->hints) == row->hints &&
	       (!row->spin || g->spin_retries != ~0u);
}

/* Reps that follow are only measured: no call here reads them. */
static uint64_t copy_fast(struct child_call *call, uint32_t size, uint32_t reps_size)
{
	uint64_t words[2] = { reg(call->vp, 2), reg(call->vp, 8) };

	if (size + reps_size > HV_FAST_INPUT_BYTES + HV_XMM_INPUT_BYTES)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (size + reps_size > HV_FAST_INPUT_BYTES) {
		if (!(call->vp->partition->child.grants.features & HV_FEATURE_XMM_INPUT)) {
			call->result = VP_RUN_UNDEFINED;
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		}
		read_xmm(call->input + HV_FAST_INPUT_BYTES);
	}
	memcpy(call->input, words, sizeof words);
	return HV_STATUS_SUCCESS;
}

static uint64_t copy_memory(struct child_call *call, uint32_t size, uint32_t reps_size)
{
	uint64_t gpa = reg(call->vp, 2);

	if (size + reps_size == 0)
		return HV_STATUS_SUCCESS;
	if (gpa & 7 || (gpa & (HV_PAGE_SIZE - 1)) + size + reps_size > HV_PAGE_SIZE)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (vp_page_absent(call->vp, gpa)) {
		call->result = VP_RUN_ABSENT;
		return HV_STATUS_INVALID_PARAMETER;
	}
	return guest_read_physical(call->vp, gpa, call->input, size) ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}

static const struct child_row *find(uint16_t code)
{
	for (unsigned int i = 0; i < sizeof child_calls / sizeof child_calls[0]; i++)
		if (child_calls[i].code == code)
			return &child_calls[i];
	return NULL;
}

/* Status, and of a rep call the reps that are done: all or none. */
static uint64_t carry_out(struct child_call *call)
{
	const uint64_t reps_mask = HV_HYPERCALL_REP_MASK << HV_HYPERCALL_REP_COUNT_SHIFT | HV_HYPERCALL_REP_MASK << HV_HYPERCALL_REP_START_SHIFT;
	uint64_t control = call->control, status;
	uint32_t reps = control >> HV_HYPERCALL_REP_COUNT_SHIFT & HV_HYPERCALL_REP_MASK;
	uint32_t start = control >> HV_HYPERCALL_REP_START_SHIFT & HV_HYPERCALL_REP_MASK;
	const struct child_row *row = find(control & HV_HYPERCALL_CODE_MASK);
	uint32_t size;

	if (!row)
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	if (!granted(&call->vp->partition->child.grants, row))
		return HV_STATUS_ACCESS_DENIED;
	call->variable = (control & HV_HYPERCALL_VARHEAD_MASK) >> HV_HYPERCALL_VARHEAD_SHIFT;
	size = row->size + call->variable * 8;
	/* Bits 30:27, 31, 47:44 and 63:60 are reserved. */
	if (control & ~(HV_HYPERCALL_CODE_MASK | HV_HYPERCALL_FAST | HV_HYPERCALL_VARHEAD_MASK | (row->reps ? reps_mask : 0)) ||
	    (call->variable && !row->variable) || size > sizeof call->input || (row->reps && start >= reps))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	status = control & HV_HYPERCALL_FAST ? copy_fast(call, size, reps * 8) : copy_memory(call, size, reps * 8);
	if (status == HV_STATUS_SUCCESS)
		status = row->handler(call);
	return status == HV_STATUS_SUCCESS ? status | (uint64_t)reps << HV_HYPERCALL_REP_COUNT_SHIFT : status;
}

enum vp_run_result child_hypercall(struct vp *vp)
{
	struct child_call call; /* not cleared: of the input only what was copied is read */
	union hv_register_value rax;

	call.vp = vp;
	call.control = reg(vp, 1);
	call.result = VP_RUN_CONTINUE;
	rax.reg64 = carry_out(&call);
	if (call.result == VP_RUN_UNDEFINED || call.result == VP_RUN_ABSENT)
		return call.result;
	vp_vendor_set_register(vp, HV_X64_REGISTER_RAX, &rax);
	return call.result;
}
