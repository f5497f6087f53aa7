/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's hypercalls: what is accepted, what is refused with which status, and what reaches the root or the other VPs. */
#include <string.h>

#include "abi/hypercall.h"
#include "abi/message.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "core/child.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

#define INPUT_GPA 0x3000ull
#define MESSAGE_CONNECTION 1u
#define EVENT_CONNECTION 0x10001u

static uint64_t id;
static struct vp *vp;
static enum vp_run_result result;
static struct bh_output_dispatch_vp output;

static void connect(uint32_t connection, uint32_t type)
{
	struct bh_input_connect in = { id, connection, type };

	ck_assert_uint_eq(machine_call(HVCALL_BULKHEAD_CONNECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
}

static void start(unsigned int vps)
{
	enum vp_run_result ignored;

	machine_start();
	id = machine_partition(vps);
	connect(MESSAGE_CONNECTION, BH_CONNECTION_MESSAGE);
	connect(EVENT_CONNECTION, BH_CONNECTION_EVENT);
	for (unsigned int i = 0; i < vps; i++) {
		vp = machine_vp(id, i);
		ck_assert(child_wrmsr(machine_cpu, vp, 0x80f, 0x1ff, &ignored));
	}
	vp = machine_vp(id, 0);
	memset(&output, 0, sizeof output);
	vp->output = &output;
}

static uint64_t call(uint64_t control, uint64_t rdx, uint64_t r8)
{
	vp->gpr[1] = control;
	vp->gpr[2] = rdx;
	vp->gpr[8] = r8;
	result = child_hypercall(vp);
	/* The root is asked for the input's page, has none, and the instruction runs again. */
	if (result == VP_RUN_ABSENT)
		result = child_hypercall(vp);
	return machine_vmcb(vp)->rax;
}

static uint64_t call_memory(uint64_t control, const void *in, unsigned int size)
{
	memset(machine_gpa(INPUT_GPA), 0, 4096);
	memcpy(machine_gpa(INPUT_GPA), in, size);
	return call(control, INPUT_GPA, 0);
}

static bool requested(unsigned int index, uint8_t vector)
{
	return machine_vp(id, index)->child.lapic.irr[vector / 32] >> vector % 32 & 1;
}

/* A code that no row names is INVALID_HYPERCALL_CODE, whatever else the control word says; the root's calls among them. */
START_TEST(unknown_codes)
{
	start(1);
	for (uint32_t code = 0; code <= 0xffff; code++) {
		if (code == HVCALL_NOTIFY_LONG_SPIN_WAIT || code == HVCALL_SEND_IPI || code == HVCALL_SEND_IPI_EX ||
		    code == HVCALL_POST_MESSAGE || code == HVCALL_SIGNAL_EVENT || code == HVCALL_EXT_QUERY_CAPABILITIES ||
		    code == HVCALL_EXT_MEMORY_HEAT_HINT ||
		    (code >= HVCALL_FLUSH_VA_SPACE && code <= HVCALL_FLUSH_VA_LIST) ||
		    (code >= HVCALL_FLUSH_VA_SPACE_EX && code <= HVCALL_FLUSH_VA_LIST_EX))
			continue;
		ck_assert_uint_eq(call(code | HV_HYPERCALL_FAST, 0, 0), HV_STATUS_INVALID_HYPERCALL_CODE);
		ck_assert_int_eq(result, VP_RUN_CONTINUE);
	}
}

/* Reserved bits, a nested call, reps of a call that has none, a variable header where there is none: INVALID_HYPERCALL_INPUT. */
START_TEST(control_word)
{
	static const uint64_t bad[] = { 1ull << 27, 1ull << 30, HV_HYPERCALL_NESTED, 1ull << 32, 1ull << 43, 1ull << 44, 1ull << 48,
					1ull << 60, 1ull << 63, 1ull << HV_HYPERCALL_VARHEAD_SHIFT };

	start(1);
	for (unsigned int i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST | bad[i], EVENT_CONNECTION, 0),
				  HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST, EVENT_CONNECTION, 0), HV_STATUS_SUCCESS);
}

/* Input in a page that is not populated: the call has not begun, its result register is untouched. */
START_TEST(input_in_an_absent_page)
{
	start(1);
	vp->gpr[1] = HVCALL_POST_MESSAGE;
	vp->gpr[2] = MACHINE_GUEST_PAGES * 4096;
	machine_vmcb(vp)->rax = 0x1234;
	ck_assert_int_eq(child_hypercall(vp), VP_RUN_ABSENT);
	ck_assert_uint_eq(vp->absent_page, MACHINE_GUEST_PAGES * 4096 + 1);
	ck_assert_uint_eq(machine_vmcb(vp)->rax, 0x1234);
	ck_assert_int_eq(child_hypercall(vp), VP_RUN_CONTINUE);
	ck_assert_uint_eq(machine_vmcb(vp)->rax, HV_STATUS_INVALID_PARAMETER);
}

/* Input in memory: 8-byte aligned, within one page, mapped. A fast call of more than two registers does not exist. */
START_TEST(input_in_memory)
{
	start(1);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE, INPUT_GPA + 4, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE, INPUT_GPA + 4096 - 248, 0), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE, MACHINE_GUEST_PAGES * 4096, 0), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE, 1ull << 50, 0), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE, ~0ull << 12, 0), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(call(HVCALL_POST_MESSAGE | HV_HYPERCALL_FAST, 1, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	/* The last bytes of a page will do. */
	*(uint32_t *)machine_gpa(INPUT_GPA + 4088) = 2;
	ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT, INPUT_GPA + 4088, 0), HV_STATUS_INVALID_CONNECTION_ID);
}

/* A posted message reaches the root as the hypervisor's own copy; the VP stands behind the call, with success in RAX. */
START_TEST(post_message)
{
	struct hv_input_post_message in = { .connection_id = MESSAGE_CONNECTION, .message_type = 1, .payload_size = 240 };
	const struct bh_posted_message *posted;

	start(1);
	memset(in.payload, 0x5a, sizeof in.payload);
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_int_eq(result, VP_RUN_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_POST_MESSAGE);
	posted = (const void *)((const char *)machine_message(0) + BH_POSTED_MESSAGE_OFFSET);
	ck_assert_uint_eq(posted->connection_id, MESSAGE_CONNECTION);
	ck_assert_uint_eq(posted->message_type, 1);
	ck_assert_uint_eq(posted->payload_size, 240);
	ck_assert_mem_eq(posted->payload, in.payload, 240);
}

/* Too long, forged as the hypervisor's, without a type, on a connection that is not there or not for messages: refused, the root hears nothing. */
START_TEST(post_message_refused)
{
	const struct hv_input_post_message good = { .connection_id = MESSAGE_CONNECTION, .message_type = 1, .payload_size = 8 };
	struct hv_input_post_message in;

	start(1);
	in = good, in.payload_size = 241;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = good, in.payload_size = ~0u;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = good, in.message_type = HVMSG_TIMER_EXPIRED;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = good, in.message_type = 0;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = good, in.reserved = 1;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = good, in.connection_id = 2;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_CONNECTION_ID);
	in = good, in.connection_id = EVENT_CONNECTION;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_CONNECTION_ID);
	in = good, in.connection_id = MESSAGE_CONNECTION | 1u << 24;
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &in, sizeof in), HV_STATUS_INVALID_CONNECTION_ID);
	connect(MESSAGE_CONNECTION, BH_CONNECTION_NONE);
	ck_assert_uint_eq(call_memory(HVCALL_POST_MESSAGE, &good, sizeof good), HV_STATUS_INVALID_CONNECTION_ID);
	ck_assert_uint_eq(machine_message(0)->header.message_type, 0);
	ck_assert(!vp->intercepted);
}

/* A signal goes into the dispatch's output and ends the run; more than fit are turned away rather than written past the end. */
START_TEST(signal_event)
{
	struct hv_input_signal_event in = { EVENT_CONNECTION, 5, 0 };
	uint64_t fast;

	start(1);
	memcpy(&fast, &in, 8);
	ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST, fast, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(output.signal_count, 2);
	ck_assert_mem_eq(&output.signals[1], &in, sizeof in);
	ck_assert(vp->leave);
	for (unsigned int i = 2; i < BH_DISPATCH_SIGNALS; i++)
		ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST, fast, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST, fast, 0), HV_STATUS_INSUFFICIENT_BUFFERS);
	ck_assert_uint_eq(output.signal_count, BH_DISPATCH_SIGNALS);
	in.flag_number = HV_EVENT_FLAGS_COUNT;
	ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in = (struct hv_input_signal_event){ MESSAGE_CONNECTION, 0, 0 };
	ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_INVALID_CONNECTION_ID);
}

/* Held signals do not end the run, but for the last that there is room for; one that is held already says nothing new. */
START_TEST(held_signals)
{
	struct hv_input_signal_event in = { EVENT_CONNECTION, 0, 0 };

	start(1);
	vp->hold_signals = true;
	for (unsigned int i = 0; i < BH_DISPATCH_SIGNALS - 1; i++) {
		in.flag_number = (uint16_t)i;
		ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_SUCCESS);
		ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_SUCCESS);
		ck_assert_uint_eq(output.signal_count, i + 1);
		ck_assert(!vp->leave);
	}
	in.flag_number = 9;
	ck_assert_uint_eq(call_memory(HVCALL_SIGNAL_EVENT, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(output.signal_count, BH_DISPATCH_SIGNALS);
	ck_assert(vp->leave);
}

/* IPIs by VP mask: those named get the vector, others not; VPs that do not exist are skipped; who is not the sender has to be woken. */
START_TEST(send_ipi)
{
	start(3);
	ck_assert_uint_eq(call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, 0xfb, 1ull << 1 | 1ull << 0 | 1ull << 63), HV_STATUS_SUCCESS);
	ck_assert(requested(0, 0xfb) && requested(1, 0xfb) && !requested(2, 0xfb));
	ck_assert_uint_eq(output.wake_mask, 2);
	ck_assert(vp->leave);
	ck_assert_uint_eq(call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, 15, ~0ull), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, 256, ~0ull), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HVCALL_SEND_IPI | HV_HYPERCALL_FAST, 1ull << 32 | 0xfb, 1), HV_STATUS_INVALID_PARAMETER);
}

/* The sparse form: bank 0 holds all VPs; the variable header must have as many banks as the mask names. */
START_TEST(send_ipi_ex)
{
	struct {
		struct hv_input_send_ipi_ex head;
		uint64_t banks[62];
	} in = { .head = { .vector = 0x40, .vp_set = { HV_VPSET_SPARSE_4K, 5 } }, .banks = { 1ull << 2, ~0ull } };
	const uint64_t two = 2ull << HV_HYPERCALL_VARHEAD_SHIFT;

	start(3);
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX | two, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert(!requested(0, 0x40) && !requested(1, 0x40) && requested(2, 0x40));
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX, &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	in.head.vector = 0x41;
	in.head.vp_set.valid_bank_mask = 4 | 2;
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX | two, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert(!requested(2, 0x41));
	in.head.vp_set.format = HV_VPSET_ALL;
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert(requested(0, 0x41) && requested(1, 0x41) && requested(2, 0x41));
	in.head.vp_set.format = 2;
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	/* In registers: vector and reserved, format, then XMM0. */
	memcpy(machine_xmm, &(uint64_t[2]){ 1, 1ull << 1 }, 16);
	ck_assert_uint_eq(call(HVCALL_SEND_IPI_EX | HV_HYPERCALL_FAST | 1ull << HV_HYPERCALL_VARHEAD_SHIFT, 0x42, HV_VPSET_SPARSE_4K),
			  HV_STATUS_SUCCESS);
	ck_assert(!requested(0, 0x42) && requested(1, 0x42) && !requested(2, 0x42));
	in.head.vp_set = (struct hv_vpset){ HV_VPSET_SPARSE_4K, ~0ull };
	ck_assert_uint_eq(call_memory(HVCALL_SEND_IPI_EX | 1023ull << HV_HYPERCALL_VARHEAD_SHIFT, &in, sizeof in),
			  HV_STATUS_INVALID_HYPERCALL_INPUT);
}

/* A VP that spins for a lock gives the CPU back to the root. */
START_TEST(long_spin_wait)
{
	start(1);
	ck_assert_uint_eq(call(HVCALL_NOTIFY_LONG_SPIN_WAIT | HV_HYPERCALL_FAST, 1000, 0), HV_STATUS_SUCCESS);
	ck_assert(vp->leave);
}

static void grant_extended(void)
{
	struct hv_input_register_intercept_result in = {
		.partition_id = id, .intercept_type = HV_INTERCEPT_TYPE_CPUID, .eax = HV_CPUID_FEATURES,
		.result[1] = { HV_EXTENDED_HYPERCALLS >> 32, HV_EXTENDED_HYPERCALLS >> 32 },
	};

	ck_assert_uint_eq(machine_call(HVCALL_REGISTER_INTERCEPT_RESULT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
}

/* What there is comes at a place of the child's choice, which has to be its own, and for which the page is asked for. */
START_TEST(query_capabilities)
{
	uint64_t *word;

	start(1);
	word = machine_gpa(INPUT_GPA + 8);
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES, 0, INPUT_GPA + 8), HV_STATUS_ACCESS_DENIED);
	grant_extended();
	word[-1] = word[0] = word[1] = ~0ull;
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES, 0, INPUT_GPA + 8), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(word[0], HV_EXT_CAPABILITY_COLD_DISCARD);
	ck_assert(word[-1] == ~0ull && word[1] == ~0ull);
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES, 0, INPUT_GPA + 4), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES | HV_HYPERCALL_FAST, 0, INPUT_GPA), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES, 0, MACHINE_GUEST_PAGES * 4096), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(call(HVCALL_EXT_QUERY_CAPABILITIES, 0, ~7ull), HV_STATUS_INVALID_PARAMETER);
	vp->gpr[1] = HVCALL_EXT_QUERY_CAPABILITIES;
	vp->gpr[8] = MACHINE_GUEST_PAGES * 4096;
	ck_assert_int_eq(child_hypercall(vp), VP_RUN_ABSENT);
}

static uint64_t hint(uint64_t count, uint64_t first, uint64_t type)
{
	const uint64_t in[3] = { type, 0x1234801, 0x5678000 };

	return call_memory(HVCALL_EXT_MEMORY_HEAT_HINT | count << HV_HYPERCALL_REP_COUNT_SHIFT | first << HV_HYPERCALL_REP_START_SHIFT,
			   in, sizeof in);
}

/* The root is told where the ranges are, and of no more than the page has. */
START_TEST(memory_heat_hint)
{
	const struct bh_discard_message *m;

	start(1);
	m = (const void *)machine_message(0)->u.bytes;
	ck_assert_uint_eq(hint(2, 0, HV_HEAT_HINT_COLD_DISCARD), HV_STATUS_ACCESS_DENIED);
	grant_extended();
	ck_assert_uint_eq(hint(2, 0, HV_HEAT_HINT_COLD_DISCARD), 2ull << HV_HYPERCALL_REP_COUNT_SHIFT);
	ck_assert_int_eq(result, VP_RUN_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_DISCARD);
	ck_assert(m->ranges_gpa == INPUT_GPA + 8 && m->count == 2);
	ck_assert_uint_eq(hint(2, 1, HV_HEAT_HINT_COLD_DISCARD), 2ull << HV_HYPERCALL_REP_COUNT_SHIFT);
	ck_assert(m->ranges_gpa == INPUT_GPA + 16 && m->count == 1);
	ck_assert_uint_eq(hint(HV_HEAT_HINT_RANGES_MAX, 0, HV_HEAT_HINT_COLD_DISCARD), (uint64_t)HV_HEAT_HINT_RANGES_MAX << HV_HYPERCALL_REP_COUNT_SHIFT);
	ck_assert_uint_eq(m->count, HV_HEAT_HINT_RANGES_MAX);
	ck_assert_uint_eq(hint(HV_HEAT_HINT_RANGES_MAX + 1, 0, HV_HEAT_HINT_COLD_DISCARD), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(hint(0, 0, HV_HEAT_HINT_COLD_DISCARD), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(hint(2, 0, 1), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(hint(2, 0, 1ull << 63 | HV_HEAT_HINT_COLD_DISCARD), HV_STATUS_INVALID_PARAMETER);
	ck_assert_int_eq(result, VP_RUN_CONTINUE);
	ck_assert_uint_eq(call(HVCALL_EXT_MEMORY_HEAT_HINT | HV_HYPERCALL_FAST | 1ull << HV_HYPERCALL_REP_COUNT_SHIFT, HV_HEAT_HINT_COLD_DISCARD, 0),
			  HV_STATUS_INVALID_HYPERCALL_INPUT);
}

RUN_TESTS("hypervisor/child_calls", unknown_codes, control_word, input_in_memory, input_in_an_absent_page, post_message, post_message_refused, signal_event, held_signals, send_ipi,
	  send_ipi_ex, long_spin_wait, query_capabilities, memory_heat_hint)
