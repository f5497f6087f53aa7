/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root's hypercalls: control word, copying of input and output, and the table of calls. The input is copied once into
 * this CPU's own page; handlers never see the root's.
 */
#include "core/hypercall.h"

#include "abi/bulkhead.h"
#include "abi/status.h"
#include "core/calls.h"
#include "core/hypervisor.h"
#include "core/string.h"

/* Behind struct cpu, root VMCB and host save area in the CPU's area. */
#define INPUT_OFFSET  (3 * PAGE_SIZE)
#define OUTPUT_OFFSET (4 * PAGE_SIZE)

/*
 * What the root may call. A call that is not here does not exist. header, element: bytes of input before and for each rep;
 * out, out_element: bytes of output, fixed and for each rep. A call with element == out_element == 0 and reps == false is no rep call.
 */
static const struct call {
	uint16_t code, header, element, out, out_element;
	bool     reps;
	uint64_t (*handler)(struct hypercall *call);
} calls[] = {
	{ HVCALL_CREATE_PARTITION, 56, 0, 8, 0, false, hvcall_create_partition },
	{ HVCALL_INITIALIZE_PARTITION, 8, 0, 0, 0, false, hvcall_initialize_partition },
	{ HVCALL_FINALIZE_PARTITION, 8, 0, 0, 0, false, hvcall_finalize_partition },
	{ HVCALL_DELETE_PARTITION, 8, 0, 0, 0, false, hvcall_delete_partition },
	{ HVCALL_GET_PARTITION_PROPERTY, 16, 0, 8, 0, false, hvcall_get_partition_property },
	{ HVCALL_SET_PARTITION_PROPERTY, 24, 0, 0, 0, false, hvcall_set_partition_property },
	{ HVCALL_DEPOSIT_MEMORY, 8, 8, 0, 0, true, hvcall_deposit_memory },
	{ HVCALL_WITHDRAW_MEMORY, 16, 0, 0, 8, true, hvcall_withdraw_memory },
	{ HVCALL_MAP_GPA_PAGES, 24, 8, 0, 0, true, hvcall_map_gpa_pages },
	{ HVCALL_UNMAP_GPA_PAGES, 24, 0, 0, 0, true, hvcall_unmap_gpa_pages },
	{ HVCALL_CREATE_VP, 40, 0, 0, 0, false, hvcall_create_vp },
	{ HVCALL_DELETE_VP, 16, 0, 0, 0, false, hvcall_delete_vp },
	{ HVCALL_GET_VP_REGISTERS, 16, 4, 0, 16, true, hvcall_get_vp_registers },
	{ HVCALL_SET_VP_REGISTERS, 16, 32, 0, 0, true, hvcall_set_vp_registers },
	{ HVCALL_TRANSLATE_VIRTUAL_ADDRESS, 32, 0, 16, 0, false, hvcall_translate_virtual_address },
	{ HVCALL_REGISTER_INTERCEPT_RESULT, 64, 0, 0, 0, false, hvcall_register_intercept_result },
	{ HVCALL_ASSERT_VIRTUAL_INTERRUPT, 32, 0, 0, 0, false, hvcall_assert_virtual_interrupt },
	{ HVCALL_SIGNAL_EVENT_DIRECT, 16, 0, 1, 0, false, hvcall_signal_event_direct },
	{ HVCALL_POST_MESSAGE_DIRECT, 280, 0, 0, 0, false, hvcall_post_message_direct },
	{ HVCALL_DISPATCH_VP, 32, 0, sizeof(struct bh_output_dispatch_vp), 0, false, hvcall_dispatch_vp },
	{ HVCALL_MAP_VP_STATE_PAGE, 24, 0, 0, 0, false, hvcall_map_vp_state_page },
	{ HVCALL_UNMAP_VP_STATE_PAGE, 24, 0, 0, 0, false, hvcall_unmap_vp_state_page },
	{ HVCALL_GET_VP_STATE, 40, 8, 0, 0, true, hvcall_get_vp_state },
	{ HVCALL_SET_VP_STATE, 40, 8, 0, 0, true, hvcall_set_vp_state },
	{ HVCALL_BULKHEAD_SYNC, 0, 0, 0, 0, false, hvcall_bulkhead_sync },
	{ HVCALL_BULKHEAD_UNLOAD, 0, 0, 0, 0, false, hvcall_bulkhead_unload },
	{ HVCALL_BULKHEAD_READ_LOG, 8, 0, sizeof(struct bh_log_chunk), 0, false, hvcall_bulkhead_read_log },
	{ HVCALL_BULKHEAD_GET_STATS, 16, 0, sizeof(struct bh_vp_stats), 0, false, hvcall_bulkhead_get_stats },
	{ HVCALL_BULKHEAD_CONNECT, 16, 0, 0, 0, false, hvcall_bulkhead_connect },
};

static const struct call *find_call(uint16_t code)
{
	for (unsigned int i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (calls[i].code == code)
			return &calls[i];
	return NULL;
}

static uint64_t read_input(struct hypercall *call, const struct call *row, uint64_t control, uint64_t rdx, uint64_t r8)
{
	uint8_t *copy = (uint8_t *)call->cpu + INPUT_OFFSET;

	call->input_size = row->header + (uint64_t)row->element * call->reps;
	call->input = copy;
	if (control & HV_HYPERCALL_FAST) {
		if (call->input_size > 16 || row->out || row->out_element)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		memcpy(copy, &rdx, 8);
		memcpy(copy + 8, &r8, 8);
		return HV_STATUS_SUCCESS;
	}
	if (call->input_size == 0)
		return HV_STATUS_SUCCESS;
	if (rdx & 7)
		return HV_STATUS_INVALID_ALIGNMENT;
	if (!root_read(rdx, copy, call->input_size))
		return HV_STATUS_INVALID_ALIGNMENT;
	return HV_STATUS_SUCCESS;
}

static uint64_t prepare_output(struct hypercall *call, const struct call *row, uint64_t r8)
{
	call->output_size = row->out + (uint64_t)row->out_element * call->reps;
	call->output = (uint8_t *)call->cpu + OUTPUT_OFFSET;
	call->output_pa = r8;
	if (call->output_size == 0)
		return HV_STATUS_SUCCESS;
	if ((r8 & 7) || (r8 & (PAGE_SIZE - 1)) + call->output_size > PAGE_SIZE || !root_owns(r8 / PAGE_SIZE, 1))
		return HV_STATUS_INVALID_ALIGNMENT;
	memset(call->output, 0, call->output_size);
	return HV_STATUS_SUCCESS;
}

uint64_t hypercall_root(struct cpu *cpu, uint64_t control, uint64_t rdx, uint64_t r8)
{
	struct hypercall call = {
		.cpu = cpu,
		.code = control & HV_HYPERCALL_CODE_MASK,
		.reps = (control >> HV_HYPERCALL_REP_COUNT_SHIFT) & HV_HYPERCALL_REP_MASK,
	};
	const struct call *row = find_call(call.code);
	uint64_t status;

	if (!row)
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	/* No variable headers, no nesting, reserved bits clear; a rep call starts at rep 0 and has at least one. */
	if (control & ~(HV_HYPERCALL_CODE_MASK | HV_HYPERCALL_FAST | HV_HYPERCALL_REP_MASK << HV_HYPERCALL_REP_COUNT_SHIFT))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (row->reps != (call.reps != 0))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	status = read_input(&call, row, control, rdx, r8);
	if (status == HV_STATUS_SUCCESS)
		status = prepare_output(&call, row, r8);
	if (status != HV_STATUS_SUCCESS)
		return status;
	status = row->handler(&call);
	if (call.output_size && (status == HV_STATUS_SUCCESS || call.reps_done) &&
	    !root_write(call.output_pa, call.output, call.output_size))
		return HV_STATUS_INVALID_ALIGNMENT;
	return status | (uint64_t)call.reps_done << HV_HYPERCALL_REP_COUNT_SHIFT;
}
