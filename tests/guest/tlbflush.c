/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TLB flush hypercall has taken effect when it returns: a VP that writes through a mapping all the time does not write to the old
 * page any more, in each form of the call. Two VPs that flush each other both get on.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/smp.h"

#define ADDRESS (1ull << 39)         /* nothing else is in this slot of the top table */
#define TOP_SLOT 1u
#define PRESENT_WRITABLE 3ull
#define US 5000000u
#define WRITES 200u                  /* by the other VP, between one look at the old page and the next */
#define ROUNDS 5u                    /* of all forms */
#define MUTUAL 200u
#define BANKS(n) ((uint64_t)(n) << HV_HYPERCALL_VARHEAD_SHIFT)
#define REPS(n) ((uint64_t)(n) << HV_HYPERCALL_REP_COUNT_SHIFT)
#define OTHER 1u                     /* the VP that writes */

static uint8_t input[4096] __attribute__((aligned(4096)));
static uint64_t *page[2], *entry;
static volatile uint64_t writes, stop;

static void map(unsigned int which)
{
	__atomic_store_n(entry, (uintptr_t)page[which] | PRESENT_WRITABLE, __ATOMIC_SEQ_CST);
}

static void build_mapping(void)
{
	uint64_t *top = (uint64_t *)(read_cr3() & ~0xfffull), *table = top;
	unsigned int slot = TOP_SLOT;

	for (int level = 3; level > 0; level--) {
		uint64_t *next = page_alloc(1);

		table[slot] = (uintptr_t)next | PRESENT_WRITABLE;
		table = next;
		slot = 0;
	}
	entry = table;
	page[0] = page_alloc(1);
	page[1] = page_alloc(1);
}

static void write_on(void *unused)
{
	volatile uint64_t *at = (volatile uint64_t *)ADDRESS;

	(void)unused;
	while (!stop) {
		(*at)++;
		__atomic_fetch_add(&writes, 1, __ATOMIC_RELEASE);
	}
}

static uint16_t space(void)
{
	*(struct hv_input_flush_va *)input = (struct hv_input_flush_va){ read_cr3(), 0, 1u << OTHER };
	return HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_SPACE, (uintptr_t)input, 0));
}

static uint16_t everything(void)
{
	*(struct hv_input_flush_va *)input = (struct hv_input_flush_va){ 0, HV_FLUSH_ALL_PROCESSORS | HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES, 0 };
	return HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_SPACE, (uintptr_t)input, 0));
}

static uint16_t list(void)
{
	uint64_t result;

	*(struct hv_input_flush_va *)input = (struct hv_input_flush_va){ read_cr3(), 0, 1u << OTHER };
	*(uint64_t *)(input + sizeof(struct hv_input_flush_va)) = ADDRESS;
	result = hv_call(HVCALL_FLUSH_VA_LIST | REPS(1), (uintptr_t)input, 0);
	check(HV_RESULT_REPS(result) == 1, "%u reps of 1 are done", HV_RESULT_REPS(result));
	return HV_RESULT_STATUS(result);
}

static uint16_t space_ex(void)
{
	struct hv_input_flush_va_ex *in = (void *)input;

	*in = (struct hv_input_flush_va_ex){ read_cr3(), 0, { HV_VPSET_SPARSE_4K, 1 } };
	in->vp_set.banks[0] = 1u << OTHER;
	return HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_SPACE_EX | BANKS(1), (uintptr_t)input, 0));
}

static uint16_t list_ex(void)
{
	struct hv_input_flush_va_ex *in = (void *)input;

	*in = (struct hv_input_flush_va_ex){ read_cr3(), 0, { HV_VPSET_ALL, 0 } };
	in->vp_set.banks[0] = ADDRESS;
	return HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_LIST_EX | REPS(1), (uintptr_t)input, 0));
}

/* The third word goes by XMM0, which nothing else in this kernel uses. */
static uint16_t fast(void)
{
	asm volatile("movq %0, %%xmm0" : : "r"(1ull << OTHER));
	return HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_SPACE | HV_HYPERCALL_FAST, read_cr3(), 0));
}

static const struct form {
	const char *name;
	uint16_t (*flush)(void);
	uint32_t hint, feature;
} forms[] = {
	{ "space", space, 0, 0 }, { "everything", everything, 0, 0 }, { "list", list, 0, 0 },
	{ "sparse set", space_ex, HV_HINT_EX_PROCESSOR_MASKS, 0 }, { "list, all VPs", list_ex, HV_HINT_EX_PROCESSOR_MASKS, 0 },
	{ "in registers", fast, 0, HV_FEATURE_XMM_INPUT },
};

static bool one(const struct form *f, unsigned int *mapped)
{
	unsigned int old = *mapped;
	uint64_t before;
	uint16_t status;

	*mapped = !old;
	map(*mapped);
	status = f->flush();
	before = *(volatile uint64_t *)page[old];
	if (!check(status == HV_STATUS_SUCCESS, "%s: status %x", f->name, status) ||
	    !check(wait_count(&writes, writes + WRITES, US), "%s: the other VP does not get on", f->name))
		return false;
	return check(*(volatile uint64_t *)page[old] == before, "%s: %lu writes to the old page after the flush", f->name,
		     *(volatile uint64_t *)page[old] - before);
}

static void flush_often(void *failures)
{
	for (unsigned int i = 0; i < MUTUAL; i++)
		if (HV_RESULT_STATUS(hv_call(HVCALL_FLUSH_VA_SPACE | HV_HYPERCALL_FAST, 0, HV_FLUSH_ALL_PROCESSORS)) != HV_STATUS_SUCCESS)
			__atomic_fetch_add((uint64_t *)failures, 1, __ATOMIC_RELAXED);
}

static void mutual(void)
{
	uint64_t failures = 0, begin = rdtsc();

	smp_run(OTHER, flush_often, &failures);
	flush_often(&failures);
	check(smp_wait(OTHER, US), "two VPs that flush each other stand still");
	check(failures == 0, "%lu of their flushes failed", failures);
	print("GUEST-VALUE tlbflush %lu\n", (rdtsc() - begin) * 1000000 / tsc_hz * 1000 / (2 * MUTUAL));
}

GUEST_TEST(tlbflush, "a TLB flush has taken effect when it returns")
{
	struct cpuid features, hints;
	unsigned int mapped = 0;

	if (!hv_require(HV_ACCESS_HYPERCALL_MSRS))
		return;
	features = cpuid(HV_CPUID_FEATURES, 0);
	hints = cpuid(HV_CPUID_ENLIGHTENMENTS, 0);
	if (!(hints.eax & HV_HINT_REMOTE_TLB_FLUSH) || smp_count() < 2) {
		skip("no remote TLB flush, or one VP");
		return;
	}
	if (!check(hv_hypercalls_on(), "no hypercall page") || !check(smp_start(OTHER), "VP 1 does not start"))
		return;
	build_mapping();
	map(mapped);
	smp_run(OTHER, write_on, NULL);
	check(wait_count(&writes, 1, US), "VP 1 does not write");
	for (unsigned int i = 0; i < ROUNDS * sizeof forms / sizeof forms[0]; i++) {
		const struct form *f = &forms[i % (sizeof forms / sizeof forms[0])];

		if ((hints.eax & f->hint) == f->hint && (features.edx & f->feature) == f->feature && !one(f, &mapped))
			break;
	}
	stop = 1;
	check(smp_wait(OTHER, US), "VP 1 does not end");
	if (features.edx & HV_FEATURE_XMM_INPUT)
		mutual();
}
