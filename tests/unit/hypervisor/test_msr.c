/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's MSRs: what reaches the processor, what is emulated, and that everything else raises #GP. */
#include <string.h>

#include "abi/message.h"
#include "abi/status.h"
#include "abi/tlfs.h"
#include "arch/x86/child_msr.h"
#include "arch/x86/cpu.h"
#include "core/child.h"
#include "core/log.h"
#include "core/partition.h"
#include "core/vp.h"
#include "machine.h"
#include "tests/unit/run_tests.h"

static uint64_t id;
static struct vp *vp;
static enum vp_run_result result;
static struct bh_output_dispatch_vp output;

static void start(unsigned int vps)
{
	machine_start();
	id = machine_partition(vps);
	vp = machine_vp(id, 0);
	/* As inside a dispatch. */
	memset(&output, 0, sizeof output);
	vp->output = &output;
}

static bool put_once(uint32_t msr, uint64_t value)
{
	result = VP_RUN_CONTINUE;
	return child_wrmsr(machine_cpu, vp, msr, value, &result);
}

/* An instruction that needs a page which is not mapped asks the root, which has none here, and runs again. */
static bool put(uint32_t msr, uint64_t value)
{
	bool ok = put_once(msr, value);

	return result == VP_RUN_ABSENT ? put_once(msr, value) : ok;
}

static uint64_t get(uint32_t msr)
{
	uint64_t value = 0;

	ck_assert_msg(child_rdmsr(vp, msr, &value), "MSR %x cannot be read", msr);
	return value;
}

static bool readable(uint32_t msr)
{
	uint64_t value;

	return child_rdmsr(vp, msr, &value);
}

/* Without an exit go only MSRs that VMLOAD/VMSAVE switch, and reading of time stamp and TSC_AUX; each says why. */
START_TEST(direct_msrs)
{
	static const uint32_t switched[] = { 0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
					     0xc0000101, 0xc0000102 };
	unsigned int found = 0;

	for (unsigned int i = 0; i < child_msr_direct_count; i++) {
		const struct child_msr_direct *d = &child_msr_direct[i];

		ck_assert(d->reason && *d->reason);
		ck_assert_uint_le(d->first, d->last);
		for (uint32_t msr = d->first; msr <= d->last; msr++) {
			bool known = false;

			for (unsigned int k = 0; k < sizeof switched / sizeof switched[0]; k++)
				known |= switched[k] == msr;
			found += known;
			if (!known) {
				ck_assert_msg(msr == 0x10 || msr == 0xc0000103u, "MSR %x is direct", msr);
				ck_assert_uint_eq(d->access, CHILD_MSR_READ);
			}
		}
	}
	ck_assert_uint_eq(found, sizeof switched / sizeof switched[0]);
}

/* Deny by default: over the whole of the three MSR ranges of the permission map, what is not on this list raises #GP for reading. */
START_TEST(denied_by_default)
{
	static const struct {
		uint32_t first, last;
	} known[] = {
		{ 0x1b, 0x1b }, { 0x8b, 0x8b }, { 0xfe, 0xfe }, { 0x179, 0x17a }, { 0x1d9, 0x1d9 }, { 0x200, 0x20f }, { 0x250, 0x250 },
		{ 0x258, 0x259 }, { 0x268, 0x26f }, { 0x277, 0x277 }, { 0x2ff, 0x2ff }, { 0x800, 0x8ff }, { 0xc0000080, 0xc0000080 },
		{ 0xc0010010, 0xc0010010 }, { 0xc0010015, 0xc0010015 }, { 0xc001001f, 0xc001001f }, { 0xc0010055, 0xc0010055 },
		{ 0xc0010112, 0xc0010114 }, { 0xc0011020, 0xc0011020 }, { 0xc0011022, 0xc0011023 }, { 0xc0011028, 0xc0011029 },
	};
	static const uint32_t range[] = { 0, 0xc0000000, 0xc0010000 };

	start(1);
	for (unsigned int r = 0; r < 3; r++)
		for (uint32_t msr = range[r]; msr < range[r] + 0x2000; msr++) {
			bool listed = false;

			for (unsigned int i = 0; i < sizeof known / sizeof known[0]; i++)
				listed |= msr >= known[i].first && msr <= known[i].last;
			if (!listed)
				ck_assert_msg(!readable(msr), "MSR %x can be read", msr);
			else if (msr < 0x800 || msr > 0x8ff)
				ck_assert_msg(readable(msr), "MSR %x cannot be read", msr);
		}
	/* SVM's own, microcode and speculation control by name, to write. */
	ck_assert(!put(0xc0010117, 0x1000) && !put(0xc0010114, 0) && !put(0xc0010118, 0) && !put(0xc0010020, 0) && !put(0x48, 0) &&
		  !put(0x49, 1) && !put(0xc0000104, 1ull << 32));
}

/* An MSR that does not exist is logged once, however often a child tries it. */
START_TEST(unknown_msrs_are_logged_once)
{
	static struct bh_log_chunk log;
	const char *at;

	start(1);
	for (unsigned int i = 0; i < 100; i++)
		ck_assert(!readable(0x12345));
	for (uint32_t msr = 0x20000; msr < 0x20400; msr++)
		ck_assert(!put(msr, 0));
	log_read(0, &log);
	log.data[log.size < sizeof log.data ? log.size : sizeof log.data - 1] = 0;
	at = strstr(log.data, "12345");
	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_null(strstr(at + 5, "12345"));
}

/* EFER: long mode cannot change under paging, LMA is the processor's, SVME and what CPUID does not offer raise #GP. */
START_TEST(efer)
{
	start(1);
	ck_assert(put(MSR_EFER, EFER_LME | EFER_SCE | EFER_NXE));
	ck_assert_uint_eq(get(MSR_EFER), EFER_LME | EFER_SCE | EFER_NXE);
	ck_assert(!put(MSR_EFER, EFER_SVME));
	ck_assert(!put(MSR_EFER, EFER_LMSLE));
	ck_assert(!put(MSR_EFER, EFER_TCE));
	ck_assert(!put(MSR_EFER, 1ull << 63));
	machine_vmcb(vp)->cr0 = CR0_PG | CR0_PE;
	machine_vmcb(vp)->efer = EFER_LME | EFER_LMA;
	ck_assert(!put(MSR_EFER, EFER_SCE));
	ck_assert(put(MSR_EFER, EFER_LME | EFER_SCE));
	ck_assert_uint_eq(get(MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE);
}

/* APIC_BASE shows x2APIC from the start, the boot processor's bit on VP 0 only, and cannot be changed. */
START_TEST(apic_base)
{
	start(2);
	ck_assert_uint_eq(get(MSR_APIC_BASE), 0xfee00d00);
	ck_assert(put(MSR_APIC_BASE, 0xfee00d00));
	ck_assert(!put(MSR_APIC_BASE, 0xfee00900));
	ck_assert(!put(MSR_APIC_BASE, 0xfee00000));
	ck_assert(!put(MSR_APIC_BASE, 0xfed00d00));
	vp = machine_vp(id, 1);
	ck_assert_uint_eq(get(MSR_APIC_BASE), 0xfee00c00);
}

/* PAT and the MTRRs keep what is written, and refuse memory types that do not exist and addresses that the child has not. */
START_TEST(memory_types)
{
	start(1);
	ck_assert_uint_eq(get(MSR_PAT), 0x0007040600070406ull);
	ck_assert(put(MSR_PAT, 0x0606060605010400ull));
	for (unsigned int i = 0; i < 8; i++)
		ck_assert(!put(MSR_PAT, 2ull << (8 * i)) && !put(MSR_PAT, 3ull << (8 * i)) && !put(MSR_PAT, 8ull << (8 * i)));
	ck_assert_uint_eq(get(MSR_PAT), 0x0606060605010400ull);
	ck_assert_uint_eq(get(0xfe) & 0xff, 8);
	ck_assert(!put(0xfe, 0));
	ck_assert(put(0x200, 0xc0000006) && put(0x201, 0xffc0000800ull));
	ck_assert_uint_eq(get(0x200), 0xc0000006);
	ck_assert_uint_eq(get(0x201), 0xffc0000800ull);
	ck_assert(!put(0x200, 2) && !put(0x200, 7) && !put(0x200, 0x106) && !put(0x200, 1ull << 40));
	ck_assert(!put(0x20f, 1) && !put(0x20f, 1ull << 40));
	ck_assert(put(0x250, 0x0606060606060606ull) && put(0x26f, 0x0505050505050505ull) && put(0x259, 1));
	ck_assert_uint_eq(get(0x26f), 0x0505050505050505ull);
	ck_assert_uint_eq(get(0x250), 0x0606060606060606ull);
	ck_assert_uint_eq(get(0x259), 1);
	ck_assert(!put(0x250, 2) && !put(0x258, 0x0700000000000000ull) && !put(0x251, 0));
	ck_assert(put(0x2ff, 0xc06) && !put(0x2ff, 0xc02) && !put(0x2ff, 0x1000));
}

/* TSC: writing does not move it, because reference time depends on it. TSC_AUX goes to the processor, 32 bits of it. */
START_TEST(time_stamp)
{
	start(1);
	ck_assert(put(MSR_TSC, 5));
	ck_assert(put(0xc0000103, 7));
	ck_assert_uint_eq(machine_last_msr, 0xc0000103);
	ck_assert_uint_eq(vp->tsc_aux, 7);
	ck_assert(!put(0xc0000103, 1ull << 32));
}

/* The hypercall page: no identity, no page; the page calls VMMCALL and returns; unmapped GPAs raise #GP; a locked page stays. */
START_TEST(hypercall_page)
{
	static const uint8_t code[] = { 0x0f, 0x01, 0xd9, 0xc3, 0xcc };

	start(1);
	ck_assert(put(HV_X64_MSR_HYPERCALL, 0x3001));
	ck_assert_uint_eq(get(HV_X64_MSR_HYPERCALL), 0x3000);
	ck_assert_uint_eq(*(uint32_t *)machine_gpa(0x3000), 0);
	ck_assert(put(HV_X64_MSR_GUEST_OS_ID, 0x8100000000060100ull));
	ck_assert(put(HV_X64_MSR_HYPERCALL, 0x3001));
	ck_assert_mem_eq(machine_gpa(0x3000), code, sizeof code);
	ck_assert(!put(HV_X64_MSR_HYPERCALL, 0x7f000001));
	ck_assert_uint_eq(get(HV_X64_MSR_HYPERCALL), 0x3001);
	ck_assert(put(HV_X64_MSR_GUEST_OS_ID, 0));
	ck_assert_uint_eq(get(HV_X64_MSR_HYPERCALL), 0x3000);
	ck_assert(put(HV_X64_MSR_GUEST_OS_ID, 1) && put(HV_X64_MSR_HYPERCALL, 0x4003) && put(HV_X64_MSR_HYPERCALL, 0x5001));
	ck_assert_uint_eq(get(HV_X64_MSR_HYPERCALL), 0x4003);
}

/*
 * A page that is not populated yet: the root is asked, nothing has happened to the MSR, and the instruction runs again. When the page
 * has come it is as if it had been there; when not, as if nobody had asked; the next time the root is asked anew.
 */
START_TEST(absent_page)
{
	static const uint32_t msrs[] = { HV_X64_MSR_HYPERCALL, HV_X64_MSR_REFERENCE_TSC, HV_X64_MSR_VP_ASSIST_PAGE, HV_X64_MSR_SIEFP,
					 HV_X64_MSR_SIMP };
	const uint64_t gpa = 0x200000;

	for (unsigned int i = 0; i < sizeof msrs / sizeof msrs[0]; i++) {
		struct {
			struct hv_input_map_gpa_pages head;
			uint64_t pfn;
		} map = { .head = { .gfn = gpa / PAGE_SIZE, .flags = HV_MAP_GPA_READABLE | HV_MAP_GPA_WRITABLE } };

		start(1);
		ck_assert(put(HV_X64_MSR_GUEST_OS_ID, 1));
		for (unsigned int again = 0; again < 2; again++) {
			uint64_t before = get(msrs[i]);

			ck_assert(put_once(msrs[i], gpa | 1));
			ck_assert_int_eq(result, VP_RUN_ABSENT);
			ck_assert_uint_eq(vp->absent_page, gpa + 1);
			ck_assert_uint_eq(get(msrs[i]), before);
			put_once(msrs[i], gpa | 1);
			ck_assert_int_eq(result, VP_RUN_CONTINUE);
			ck_assert(put_once(msrs[i], 0));
			ck_assert_int_eq(result, VP_RUN_CONTINUE);
		}
		ck_assert(put_once(msrs[i], gpa | 1));
		ck_assert_int_eq(result, VP_RUN_ABSENT);
		map.head.partition_id = id;
		map.pfn = MACHINE_GUEST_PFN;
		ck_assert_uint_eq(machine_call(HVCALL_MAP_GPA_PAGES, &map, sizeof map, 1) & 0xffff, HV_STATUS_SUCCESS);
		ck_assert(put_once(msrs[i], gpa | 1));
		ck_assert_int_eq(result, VP_RUN_CONTINUE);
		ck_assert_uint_eq(get(msrs[i]), gpa | 1);
		ck_assert_uint_eq(vp->absent_page, 0);
	}
}

/* Time: the counter and the page tell the same; frequencies are the machine's; all of it is read-only. */
START_TEST(reference_time)
{
	struct hv_reference_tsc_page *page;
	uint64_t before;

	start(2);
	machine_tsc += 10 * MACHINE_TSC_HZ;
	before = get(HV_X64_MSR_TIME_REF_COUNT);
	ck_assert_uint_ge(before, 99999999);
	ck_assert_uint_le(before, 100000001);
	ck_assert(put(HV_X64_MSR_REFERENCE_TSC, 0x2001));
	page = machine_gpa(0x2000);
	ck_assert_uint_ne(page->tsc_sequence, 0);
	ck_assert_uint_eq((uint64_t)(((unsigned __int128)machine_tsc * page->tsc_scale) >> 64) + page->tsc_offset, before);
	ck_assert_uint_eq(get(HV_X64_MSR_TSC_FREQUENCY), MACHINE_TSC_HZ);
	ck_assert_uint_eq(get(HV_X64_MSR_APIC_FREQUENCY), MACHINE_APIC_HZ);
	ck_assert(!put(HV_X64_MSR_TIME_REF_COUNT, 0) && !put(HV_X64_MSR_TSC_FREQUENCY, 0) && !put(HV_X64_MSR_APIC_FREQUENCY, 0));
	vp->stats.guest_tsc = 3 * MACHINE_TSC_HZ / 4;
	vp->stats.hypervisor_tsc = MACHINE_TSC_HZ / 4;
	ck_assert_uint_ge(get(HV_X64_MSR_VP_RUNTIME), 9999999);
	ck_assert_uint_le(get(HV_X64_MSR_VP_RUNTIME), 10000000);
	vp = machine_vp(id, 1);
	ck_assert_uint_eq(get(HV_X64_MSR_VP_INDEX), 1);
	ck_assert(!put(HV_X64_MSR_VP_INDEX, 0));
}

/* What CPUID does not offer is not there: idle, re-enlightenment, invariant TSC; EOI and EOM cannot be read. */
START_TEST(synthetic_msrs_that_are_not_offered)
{
	start(1);
	ck_assert(!readable(HV_X64_MSR_TSC_INVARIANT_CONTROL) && !readable(HV_X64_MSR_GUEST_IDLE) && !put(HV_X64_MSR_GUEST_IDLE, 0));
	for (uint32_t msr = 0x40000106; msr <= 0x40000108; msr++)
		ck_assert(!readable(msr) && !put(msr, 0));
	ck_assert(!readable(HV_X64_MSR_EOI));
	ck_assert(!put(HV_X64_MSR_SVERSION, 1));
	for (uint32_t msr = 0x40000200; msr < 0x40010000; msr++)
		ck_assert(!readable(msr) && !put(msr, 0));
}

/* Message and event pages begin empty where the guest puts them, but are left alone when rewritten, and when the root restores them. */
START_TEST(synic_pages_begin_empty)
{
	static const uint32_t msrs[] = { HV_X64_MSR_SIMP, HV_X64_MSR_SIEFP };

	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *page;

		start(1);
		page = machine_gpa(0x5000);
		memset(page, 0xee, 0x2000);
		ck_assert(put(msrs[i], 0x5000));
		ck_assert_uint_eq(page[0], 0xee);
		ck_assert(put(msrs[i], 0x5001));
		ck_assert_uint_eq(get(msrs[i]), 0x5001);
		ck_assert(page[0] == 0 && page[0xfff] == 0 && page[0x1000] == 0xee);
		page[7] = 1;
		ck_assert(put(msrs[i], 0x5001));
		ck_assert_uint_eq(page[7], 1);
		ck_assert(put(msrs[i], 0x6001));
		ck_assert_uint_eq(page[0x1000], 0);
		page[0x1000] = 9;
		vp->output = NULL;
		ck_assert(put(msrs[i], 0) && put(msrs[i], 0x6001));
		ck_assert_uint_eq(page[0x1000], 9);
		/* Nothing mapped there: the register keeps it, and nothing else happens. */
		vp->output = &output;
		ck_assert(put(msrs[i], 0xfffff001));
	}
}

/* Crash registers: P0..P4 and CTL reach the root as one message; a write without the notify bit does not. CTL reads what is offered. */
START_TEST(crash_report)
{
	const struct bh_crash_message *m;

	start(1);
	ck_assert_uint_eq(get(HV_X64_MSR_CRASH_CTL), HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE);
	for (unsigned int i = 0; i < 5; i++)
		ck_assert(put(HV_X64_MSR_CRASH_P0 + i, 0x100 + i));
	ck_assert_uint_eq(get(HV_X64_MSR_CRASH_P4), 0x104);
	ck_assert(put(HV_X64_MSR_CRASH_CTL, 1));
	ck_assert_int_eq(result, VP_RUN_CONTINUE);
	ck_assert(put(HV_X64_MSR_CRASH_CTL, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE));
	ck_assert_int_eq(result, VP_RUN_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_CRASH);
	m = (const void *)machine_message(0)->u.bytes;
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_uint_eq(m->p[i], 0x100 + i);
	ck_assert_uint_eq(m->ctl, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE);
}

/* RESET tells the root; writing 0 does nothing. */
START_TEST(reset_request)
{
	start(1);
	ck_assert(put(HV_X64_MSR_RESET, 0));
	ck_assert_int_eq(result, VP_RUN_CONTINUE);
	ck_assert(put(HV_X64_MSR_RESET, 1));
	ck_assert_int_eq(result, VP_RUN_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_RESET);
}

/* A message for a taken slot is refused; the child's EOM then ends the run and names the slot, once. */
START_TEST(eom_reports_freed_slots)
{
	struct hv_input_post_message_direct in = { .sint_index = 2 };
	struct hv_message m = { .header = { .message_type = HVMSG_VMBUS, .payload_size = 8 } };
	struct hv_message_page *page;

	start(1);
	in.partition_id = id;
	page = machine_gpa(0x5000);
	memcpy(in.message, &m, sizeof m);
	ck_assert_uint_ne(machine_call(HVCALL_POST_MESSAGE_DIRECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	ck_assert(put(HV_X64_MSR_SCONTROL, 1) && put(HV_X64_MSR_SIMP, 0x5001) && put(HV_X64_MSR_SINT0 + 2, 0xf3) && put(0x80f, 0x1ff));
	ck_assert_uint_eq(machine_call(HVCALL_POST_MESSAGE_DIRECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
	ck_assert_int_eq(child_pending_vector(vp), 0xf3);
	ck_assert_uint_eq(machine_call(HVCALL_POST_MESSAGE_DIRECT, &in, sizeof in, 0), HV_STATUS_INSUFFICIENT_BUFFERS);
	ck_assert_uint_eq(page->slot[2].header.message_flags, HV_MESSAGE_FLAG_PENDING);
	ck_assert(put(HV_X64_MSR_EOM, 0));
	ck_assert_int_eq(result, VP_RUN_CONTINUE);
	page->slot[2].header.message_type = HVMSG_NONE;
	ck_assert(put(HV_X64_MSR_EOM, 0));
	ck_assert_int_eq(result, VP_RUN_INTERCEPT);
	ck_assert_uint_eq(machine_message(0)->header.message_type, HVMSG_BULKHEAD_EOM);
	ck_assert_uint_eq(((struct bh_eom_message *)machine_message(0)->u.bytes)->sint_mask, 1u << 2);
	ck_assert(put(HV_X64_MSR_EOM, 0));
	ck_assert_int_eq(result, VP_RUN_CONTINUE);
	/* A guest may name any page of its own, or none. */
	ck_assert(put(HV_X64_MSR_SIMP, 0x7ffffff001ull) && put(HV_X64_MSR_EOM, 0));
	ck_assert_uint_ne(machine_call(HVCALL_POST_MESSAGE_DIRECT, &in, sizeof in, 0), HV_STATUS_SUCCESS);
}

/* A masked SINT gets neither message nor flag: nothing of the child's memory changes; a polled one gets both, without an interrupt. */
START_TEST(masked_sint)
{
	struct hv_input_post_message_direct post = { .sint_index = 2 };
	struct hv_input_signal_event_direct signal = { .target_sint = 2, .flag_number = 9 };
	struct hv_message m = { .header = { .message_type = HVMSG_VMBUS, .payload_size = 8 } };
	struct hv_event_flags_page *flags;
	struct hv_message_page *page;

	start(1);
	post.partition_id = signal.target_partition = id;
	memcpy(post.message, &m, sizeof m);
	page = machine_gpa(0x5000);
	flags = machine_gpa(0x6000);
	ck_assert(put(HV_X64_MSR_SCONTROL, 1) && put(HV_X64_MSR_SIMP, 0x5001) && put(HV_X64_MSR_SIEFP, 0x6001) && put(0x80f, 0x1ff));
	ck_assert(put(HV_X64_MSR_SINT0 + 2, HV_SINT_MASKED | 0xf3));
	ck_assert_uint_eq(machine_call(HVCALL_POST_MESSAGE_DIRECT, &post, sizeof post, 0), HV_STATUS_INVALID_VP_STATE);
	machine_call(HVCALL_SIGNAL_EVENT_DIRECT, &signal, sizeof signal, 0);
	ck_assert_uint_eq(page->slot[2].header.message_type, HVMSG_NONE);
	ck_assert_uint_eq(flags->slot[2][0], 0);
	ck_assert(put(HV_X64_MSR_SINT0 + 2, HV_SINT_POLLING | HV_SINT_MASKED));
	ck_assert_uint_eq(machine_call(HVCALL_POST_MESSAGE_DIRECT, &post, sizeof post, 0), HV_STATUS_SUCCESS);
	machine_call(HVCALL_SIGNAL_EVENT_DIRECT, &signal, sizeof signal, 0);
	ck_assert_uint_eq(page->slot[2].header.message_type, HVMSG_VMBUS);
	ck_assert_uint_eq(flags->slot[2][0], 1u << 9);
	ck_assert_int_eq(child_pending_vector(vp), -1);
}

/* A timer's message that finds its SINT masked is there once the child opens it. */
START_TEST(timer_message_waits_for_its_sint)
{
	struct hv_message_page *page;

	start(1);
	page = machine_gpa(0x5000);
	ck_assert(put(HV_X64_MSR_SCONTROL, 1) && put(HV_X64_MSR_SIMP, 0x5001) && put(0x80f, 0x1ff));
	ck_assert(put(HV_X64_MSR_STIMER0_CONFIG, 3ull << 16 | HV_STIMER_AUTO_ENABLE) && put(HV_X64_MSR_STIMER0_CONFIG + 1, 1));
	machine_tsc += MACHINE_TSC_HZ;
	child_expire_timers(vp, machine_tsc);
	ck_assert_uint_eq(page->slot[3].header.message_type, HVMSG_NONE);
	ck_assert(put(HV_X64_MSR_SINT0 + 3, 0xf2));
	ck_assert_uint_eq(page->slot[3].header.message_type, HVMSG_TIMER_EXPIRED);
	ck_assert_int_eq(child_pending_vector(vp), 0xf2);
}

/* The synthetic EOI, ICR and TPR are the LAPIC's; the task priority reaches CR8 and comes back from there. */
START_TEST(synthetic_apic)
{
	start(2);
	ck_assert(put(0x80f, 0x1ff));
	ck_assert(put(HV_X64_MSR_TPR, 0x50));
	ck_assert_uint_eq(get(0x808), 0x50);
	ck_assert_uint_eq(machine_vmcb(vp)->cr8, 5);
	machine_vmcb(vp)->cr8 = 2;
	child_after_exit(vp, false);
	ck_assert_uint_eq(get(HV_X64_MSR_TPR), 0x20);
	ck_assert(put(0x808, 0));
	child_post_interrupt(vp, 0x60, false);
	child_queue_vector(vp, 0x60);
	child_after_exit(vp, true);
	ck_assert_uint_eq(get(0x80a), 0x60);
	ck_assert(put(HV_X64_MSR_EOI, 123));
	ck_assert_uint_eq(get(0x80a), 0);
	ck_assert(put(HV_X64_MSR_ICR, 1ull << 32 | 0x4500));
	ck_assert_uint_eq(get(HV_X64_MSR_ICR), 1ull << 32 | 0x4500);
	ck_assert_uint_eq(machine_vp(id, 1)->pending, VP_PENDING_INIT);
	ck_assert_uint_eq(output.wake_mask, 2);
}

RUN_TESTS("hypervisor/msr", direct_msrs, denied_by_default, unknown_msrs_are_logged_once, efer, apic_base, memory_types, time_stamp,
	  hypercall_page, absent_page, reference_time, synthetic_msrs_that_are_not_offered, synic_pages_begin_empty, crash_report, reset_request,
	  eom_reports_freed_slots, masked_sint, timer_message_waits_for_its_sint, synthetic_apic)
