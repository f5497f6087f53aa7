/* SPDX-License-Identifier: BSD-2-Clause */
/* TLB flush hypercalls: whom they reach in each form, and that the caller goes on only when no target runs on what it had before. */
#include <string.h>

#include "abi/hypercall.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "core/child.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

#define INPUT_GPA 0x3000ull
#define VPS 4u
#define REPS(count, start) ((uint64_t)(count) << HV_HYPERCALL_REP_COUNT_SHIFT | (uint64_t)(start) << HV_HYPERCALL_REP_START_SHIFT)
#define BANKS(n) ((uint64_t)(n) << HV_HYPERCALL_VARHEAD_SHIFT)
#define EVERY_SPACE HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES

static uint64_t id;
static struct vp *vp;
static struct bh_output_dispatch_vp output;

static void start(void)
{
	machine_start();
	id = machine_partition(VPS);
	vp = machine_vp(id, 0);
	memset(&output, 0, sizeof output);
	vp->output = &output;
	vp->leave = false;
}

static uint64_t call(uint64_t control, uint64_t rdx, uint64_t r8)
{
	vp->gpr[1] = control;
	vp->gpr[2] = rdx;
	vp->gpr[8] = r8;
	ck_assert_int_eq(child_hypercall(vp), VP_RUN_CONTINUE);
	return machine_vmcb(vp)->rax;
}

static uint64_t call_memory(uint64_t control, const void *in, unsigned int size)
{
	memset(machine_gpa(INPUT_GPA), 0, 4096);
	memcpy(machine_gpa(INPUT_GPA), in, size);
	return call(control, INPUT_GPA, 0);
}

/* The VPs that have to flush; they do. */
static uint64_t asked(void)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < VPS; i++) {
		struct vp *target = machine_vp(id, i);

		target->asid_cpu = 0;
		vp_flush_take(target);
		/* Taking a flush is giving up the ASID. */
		if (target->asid_cpu == ~0u)
			mask |= 1ull << i;
		ck_assert_uint_eq(target->flush_request, target->flush_done);
	}
	return mask;
}

/* By mask of VPs: those that are named, no others; VPs that are not there are passed over; the flag for all needs no mask. */
START_TEST(by_mask)
{
	struct hv_input_flush_va in = { 0x1000, EVERY_SPACE, 1ull << 1 | 1ull << 3 | 1ull << 63 };

	start();
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0xa);
	ck_assert_uint_eq(asked(), 0);
	in = (struct hv_input_flush_va){ 0x1000, HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY, 1 };
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 1);
	in = (struct hv_input_flush_va){ 0, HV_FLUSH_ALL_PROCESSORS, 0 };
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0xf);
	in = (struct hv_input_flush_va){ 0 };
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0);
	in.flags = 8;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in.flags = 1ull << 63;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	/* Nobody ran: nobody has to be kicked, and the caller goes on at once. */
	ck_assert_uint_eq(output.wake_mask, 0);
	ck_assert(!vp->leave && vp_flush_complete(vp));
}

/* The list form reports its reps as done, all at once; without reps, beyond the page or with a start behind the end it is refused. */
START_TEST(lists)
{
	struct {
		struct hv_input_flush_va head;
		uint64_t list[509];
	} in = { .head = { 0, 0, 2 } };

	start();
	_Static_assert(sizeof in == HV_PAGE_SIZE, "as long as Linux makes it");
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST | REPS(509, 0), &in, sizeof in), REPS(509, 0));
	ck_assert_uint_eq(asked(), 2);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST | REPS(3, 2), &in, sizeof in), REPS(3, 0));
	ck_assert_uint_eq(asked(), 2);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST | REPS(510, 0), &in, sizeof in), HV_STATUS_INVALID_ALIGNMENT);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST, &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST | REPS(3, 3), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST | REPS(1, 0) | BANKS(1), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE | REPS(1, 0), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(asked(), 0);
}

/* The EX forms name banks of 64: bank 0 holds all VPs there are; the variable header has as many banks as the mask names. */
START_TEST(sparse_sets)
{
	struct {
		struct hv_input_flush_va_ex head;
		uint64_t banks[64];
	} in = { .head = { 0, EVERY_SPACE, { HV_VPSET_SPARSE_4K, 1 | 1ull << 5 } }, .banks = { 4, ~0ull } };

	start();
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(2), &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 4);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_LIST_EX | BANKS(2) | REPS(7, 0), &in, sizeof in), REPS(7, 0));
	ck_assert_uint_eq(asked(), 4);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(1), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	in.head.vp_set.valid_bank_mask = ~0ull;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(64), &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 4);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(65), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(1023), &in, sizeof in), HV_STATUS_INVALID_HYPERCALL_INPUT);
	in.head.vp_set.valid_bank_mask = 2;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX | BANKS(1), &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0);
	in.head.vp_set = (struct hv_vpset){ HV_VPSET_ALL, 0 };
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0xf);
	in.head.vp_set.format = 2;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX, &in, sizeof in), HV_STATUS_INVALID_PARAMETER);
	in.head.flags = HV_FLUSH_ALL_PROCESSORS;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE_EX, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 0xf);
}

/* In registers: RDX, R8, then XMM0 to XMM5; what does not fit into them does not exist as a fast call. */
START_TEST(in_registers)
{
	const uint64_t mask = 1 << 2, set[3] = { HV_VPSET_SPARSE_4K, 1, 1 << 3 };

	start();
	memset(machine_xmm, 0, sizeof machine_xmm);
	memcpy(machine_xmm, &mask, 8);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_SPACE | HV_HYPERCALL_FAST, 0, EVERY_SPACE), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 4);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_LIST | HV_HYPERCALL_FAST | REPS(11, 0), 0, EVERY_SPACE), REPS(11, 0));
	ck_assert_uint_eq(asked(), 4);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_LIST | HV_HYPERCALL_FAST | REPS(12, 0), 0, 0), HV_STATUS_INVALID_HYPERCALL_INPUT);
	memcpy(machine_xmm, set, sizeof set);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_SPACE_EX | HV_HYPERCALL_FAST | BANKS(1), 0, 0), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(asked(), 8);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_LIST_EX | HV_HYPERCALL_FAST | BANKS(1) | REPS(9, 0), 0, 0), REPS(9, 0));
	ck_assert_uint_eq(asked(), 8);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_LIST_EX | HV_HYPERCALL_FAST | BANKS(1) | REPS(10, 0), 0, 0),
			  HV_STATUS_INVALID_HYPERCALL_INPUT);
	ck_assert_uint_eq(call(HVCALL_FLUSH_VA_SPACE | HV_HYPERCALL_FAST, 0, 16), HV_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(asked(), 0);
}

/*
 * A target that runs: the root gets it into wake_mask, and the caller does not enter its guest again before the target has taken the
 * flush or stands still. Meanwhile the caller's dispatch gives the CPU back to the root each time.
 */
START_TEST(running_targets)
{
	struct hv_input_flush_va in = { 0, EVERY_SPACE, 0xf };
	const struct bh_output_dispatch_vp *out;
	struct vp *one, *two;
	unsigned int runs;

	start();
	one = machine_vp(id, 1);
	two = machine_vp(id, 2);
	one->owner = two->owner = 2;
	vp->owner = 1;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	ck_assert_uint_eq(output.wake_mask, 6);
	ck_assert(vp->leave);
	vp->owner = 0;
	runs = machine_vmcb(vp)->runs;
	for (unsigned int i = 0; i < 3; i++) {
		out = machine_dispatch(id, 0, 0, NULL);
		ck_assert_uint_eq(out->dispatch_state, HV_VP_DISPATCH_STATE_READY);
		ck_assert_uint_eq(machine_vmcb(vp)->runs, runs);
	}
	/* One is on its way in again, the other was descheduled without taking it: that is enough, it will. */
	vp_flush_take(one);
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(machine_vmcb(vp)->runs, runs);
	two->owner = 0;
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(machine_vmcb(vp)->runs, runs + 1);
	ck_assert_uint_lt(two->flush_done, two->flush_request);
	one->owner = 0;
}

/* Two VPs that flush each other do not wait for ever: who waits is not in its guest, and has taken the other's flush. */
START_TEST(mutual)
{
	struct hv_input_flush_va in = { 0, EVERY_SPACE, 0xf };
	struct vp *one;
	unsigned int runs;

	start();
	one = machine_vp(id, 1);
	one->startup_suspended = false;
	one->owner = vp->owner = 1;
	ck_assert_uint_eq(call_memory(HVCALL_FLUSH_VA_SPACE, &in, sizeof in), HV_STATUS_SUCCESS);
	one->output = &output;
	vp_flush_request(one, 0xf);
	one->output = NULL;
	/* The first comes by, with the second still owned: it waits, but has taken the second's flush. */
	vp->owner = 0;
	runs = machine_vmcb(vp)->runs;
	machine_dispatch(id, 0, 0, NULL);
	ck_assert_uint_eq(machine_vmcb(vp)->runs, runs);
	vp->owner = 1;
	ck_assert(vp_flush_complete(one));
	vp_flush_take(one);
	ck_assert(vp_flush_complete(vp));
	vp->output = &output;
	/* A later request of somebody else's does not keep the first waiting. */
	vp_flush_request(vp, 2);
	vp_flush_take(one);
	one->flush_request++;
	ck_assert(vp_flush_complete(vp));
	one->owner = vp->owner = 0;
}

RUN_TESTS("hypervisor/flush", by_mask, lists, sparse_sets, in_registers, running_targets, mutual)
