/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two VPs that read and write any MSR in any order, while time passes, the root posts messages, events and interrupts, and
 * the VPs clear their assist bits, message slots and TPR as they like. Checked after each step: what is injected is a vector
 * above the priority, deadlines are not in the past for ever, and no access leaves the child's memory (the sanitizers).
 */
#include <stdlib.h>

#include "abi/hypercall.h"
#include "abi/message.h"
#include "abi/tlfs.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/vp.h"
#include "input.h"
#include "machine.h"

static struct input in;
static uint64_t id;

static const uint32_t bases[] = { 0, 0x1b, 0x200, 0x250, 0x277, 0x2ff, 0x800, 0x808, 0x80f, 0x828, 0x830, 0x832, 0x838, 0x83e,
				  HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_TIME_REF_COUNT, HV_X64_MSR_EOI, HV_X64_MSR_VP_ASSIST_PAGE,
				  HV_X64_MSR_SCONTROL, HV_X64_MSR_SINT0, HV_X64_MSR_STIMER0_CONFIG, HV_X64_MSR_CRASH_P0,
				  HV_X64_MSR_TSC_INVARIANT_CONTROL, 0xc0000080, 0xc0010000, 0xc0011020, HV_X64_MSR_SIEFP, HV_X64_MSR_EOM };

/* Addresses mostly in the child's memory, with the bits that enable pages; else anything. */
static uint64_t value_of(uint8_t kind)
{
	switch (kind & 3) {
	case 0:
		return input_u8(&in);
	case 1:
		return (uint64_t)(input_u8(&in) % (MACHINE_GUEST_PAGES + 2)) << 12 | (kind >> 2 & 3);
	case 2:
		return (uint64_t)(input_u64(&in) & 0xffffffff);
	}
	return input_u64(&in);
}

static int guest(struct cpu *cpu, struct vp *vp)
{
	enum vp_run_result result = VP_RUN_CONTINUE;
	uint8_t kind = input_u8(&in), where = input_u8(&in);
	uint32_t msr = kind & 0x80 ? (uint32_t)input_u64(&in) : bases[where % (sizeof bases / sizeof bases[0])] + (kind >> 4 & 7);
	uint64_t value;
	struct cpuid_result r;

	if (!in.size)
		return VP_RUN_PREEMPTED;
	switch (kind & 15) {
	default:
		if (!child_wrmsr(cpu, vp, msr, value_of(where >> 4), &result))
			return VP_RUN_CONTINUE;
		return result;
	case 8 ... 11:
		child_rdmsr(vp, msr, &value);
		return VP_RUN_CONTINUE;
	case 12:
		/* The guest's own memory and CR8, without an exit. */
		*(uint32_t *)machine_gpa((where % MACHINE_GUEST_PAGES) * 4096ull + (kind & 0x70) * 16) = input_u8(&in) & 1 ? 0 : 1;
		machine_vmcb(vp)->cr8 = kind >> 4;
		return VP_RUN_CONTINUE;
	case 13:
		machine_vmcb(vp)->rflags ^= RFLAGS_IF;
		child_cpuid(vp, msr, where, &r);
		return VP_RUN_CONTINUE;
	case 14:
		return VP_RUN_HALTED;
	case 15:
		return VP_RUN_PREEMPTED;
	}
}

static void root(uint8_t kind)
{
	uint8_t a = input_u8(&in), b = input_u8(&in);
	struct hv_message m = { .header = { .message_type = 1, .payload_size = b % 241 } };
	struct hv_input_post_message_direct post = { .partition_id = id, .vp_index = a & 1, .sint_index = a >> 4 };
	struct hv_input_signal_event_direct signal = { .target_partition = id, .target_vp = a & 1, .target_sint = a >> 4, .flag_number = b * 8 };
	struct hv_input_assert_virtual_interrupt interrupt = { .partition_id = id, .dest_addr = a & 7, .vector = b };

	switch (kind & 3) {
	case 0:
		memcpy(post.message, &m, sizeof m);
		machine_call(HVCALL_POST_MESSAGE_DIRECT, &post, sizeof post, 0);
		return;
	case 1:
		machine_call(HVCALL_SIGNAL_EVENT_DIRECT, &signal, sizeof signal, 0);
		return;
	case 2:
		interrupt.control.s.flags = a >> 6;
		interrupt.control.s.type = a & 8 ? HV_INTERRUPT_TYPE_NMI : HV_INTERRUPT_TYPE_FIXED;
		machine_call(HVCALL_ASSERT_VIRTUAL_INTERRUPT, &interrupt, sizeof interrupt, 0);
		return;
	}
	machine_events(a & 1)->flags[b % 32] |= 1ull << (b & 63);
	machine_events(a & 1)->words |= 1ull << b % 32;
}

static void check(struct vp *vp)
{
	const struct lapic *l = &vp->child.lapic;

	if (l->id != vp->index || l->irr[0] & 0xffff || l->isr[0] & 0xffff)
		abort();
	/* In service: at most one vector of each class, because its class holds back the others. */
	for (unsigned int i = 0; i < 16; i++) {
		uint32_t class = l->isr[i / 2] >> i % 2 * 16 & 0xffff;

		if (class & (class - 1))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bh_output_dispatch_vp *out;

	in = (struct input){ data, size };
	if (!machine_cpu)
		machine_start();
	machine_tsc = 1000000;
	machine_guest = guest;
	id = machine_partition(2);
	machine_vp(id, 1)->startup_suspended = false;
	for (unsigned int steps = 0; in.size && steps < 200; steps++) {
		uint8_t kind = input_u8(&in);

		if (kind & 0x40)
			root(kind);
		machine_tsc += kind & 0x80 ? input_u64(&in) & 0xffffffffffull : 1000;
		out = machine_dispatch(id, kind & 1, HV_DISPATCH_VP_FLAG_CLEAR_INTERCEPT_SUSPEND |
				       (kind & 2 ? HV_DISPATCH_VP_FLAG_SCAN_INTERRUPT_INJECTION : 0), NULL);
		if (out->signal_count || out->wake_mask & ~3ull)
			abort();
		check(machine_vp(id, 0));
		check(machine_vp(id, 1));
	}
	if (machine_destroy(id) != 0)
		abort();
	return 0;
}
