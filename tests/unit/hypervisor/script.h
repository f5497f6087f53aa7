/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that acts out a script, one step an entry, for the tests of dispatching. For one test program each. */
#ifndef BULKHEAD_TESTS_UNIT_HYPERVISOR_SCRIPT_H
#define BULKHEAD_TESTS_UNIT_HYPERVISOR_SCRIPT_H

#include <string.h>

#include "abi/message.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

static uint64_t id;

/* What the guest does at its next entries, one step each; after the last one an interrupt of the machine ends the run. */
static int (*steps[16])(struct vp *vp);
static unsigned int step;
static int seen[16];       /* vector injected at each entry, -1 none */
__attribute__((unused)) static int queued[16];     /* vector queued at each entry, -1 none */

static int guest(struct cpu *cpu, struct vp *vp)
{
	(void)cpu;
	ck_assert_uint_lt(step, 16);
	seen[step] = machine_vmcb(vp)->injected;
	queued[step] = machine_vmcb(vp)->queued;
	return steps[step] ? steps[step++](vp) : VP_RUN_PREEMPTED;
}

#define SCRIPT(...) do { \
		int (*const list[])(struct vp *vp) = { __VA_ARGS__ }; \
		memset(steps, 0, sizeof steps); \
		memcpy(steps, list, sizeof list); \
		step = 0; \
	} while (0)

__attribute__((unused)) static void wrmsr_of(struct vp *vp, uint32_t msr, uint64_t value)
{
	enum vp_run_result result = VP_RUN_CONTINUE;

	ck_assert(child_wrmsr(machine_cpu, vp, msr, value, &result));
}

__attribute__((unused)) static int nothing(struct vp *vp)
{
	(void)vp;
	return VP_RUN_CONTINUE;
}

__attribute__((unused)) static int halt(struct vp *vp)
{
	(void)vp;
	return VP_RUN_HALTED;
}

__attribute__((unused)) static int eoi(struct vp *vp)
{
	wrmsr_of(vp, HV_X64_MSR_EOI, 0);
	return VP_RUN_CONTINUE;
}

static void start(unsigned int vps)
{
	machine_start();
	id = machine_partition(vps);
	machine_guest = guest;
	SCRIPT(NULL);
	for (unsigned int i = 0; i < vps; i++) {
		wrmsr_of(machine_vp(id, i), 0x80f, 0x1ff);
		machine_vmcb(machine_vp(id, i))->rflags = RFLAGS_IF;
	}
}

__attribute__((unused)) static uint64_t interrupt(uint8_t vector, uint64_t destination)
{
	struct hv_input_assert_virtual_interrupt in = { .partition_id = id, .dest_addr = destination, .vector = vector };

	return machine_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &in, sizeof in, 0);
}

#endif
