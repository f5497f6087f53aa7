/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wrong hypercall is told off with the status that the TLFS names, and nothing else happens: unknown and root-only codes,
 * reserved bits, reps where there are none, misplaced input, input outside of memory, connections that nobody opened.
 */
#include "lib/guest.h"
#include "lib/hv.h"

#define FAST HV_HYPERCALL_FAST
#define REPS(count, start) ((uint64_t)(count) << HV_HYPERCALL_REP_COUNT_SHIFT | (uint64_t)(start) << HV_HYPERCALL_REP_START_SHIFT)
#define VARHEAD(n) ((uint64_t)(n) << HV_HYPERCALL_VARHEAD_SHIFT)
#define NOWHERE 0x7fff00000000ull    /* a GPA beyond any memory */
#define ANY 0xffffu                  /* any status but success */

static struct {
	uint8_t page[2][4096];
} area __attribute__((aligned(4096)));

static void expect(const char *what, uint64_t control, uint64_t rdx, uint64_t r8, uint16_t status)
{
	uint64_t result = hv_call(control, rdx, r8);
	uint16_t got = HV_RESULT_STATUS(result);

	if (status == ANY)
		check(got != HV_STATUS_SUCCESS, "%s: control %lx succeeded", what, control);
	else
		check(got == status, "%s: control %lx gave %x, expected %x", what, control, got, status);
	check((result >> 16) == 0, "%s: result %lx has more than a status", what, result);
}

static void codes(void)
{
	static const uint16_t root_only[] = {
		HVCALL_CREATE_PARTITION, HVCALL_INITIALIZE_PARTITION, HVCALL_DELETE_PARTITION, HVCALL_DEPOSIT_MEMORY,
		HVCALL_WITHDRAW_MEMORY, HVCALL_MAP_GPA_PAGES, HVCALL_UNMAP_GPA_PAGES, HVCALL_CREATE_VP, HVCALL_DELETE_VP,
		HVCALL_GET_VP_REGISTERS, HVCALL_SET_VP_REGISTERS, HVCALL_ASSERT_VIRTUAL_INTERRUPT, HVCALL_SIGNAL_EVENT_DIRECT,
		HVCALL_POST_MESSAGE_DIRECT, HVCALL_DISPATCH_VP, HVCALL_MAP_VP_STATE_PAGE, HVCALL_GET_VP_STATE, HVCALL_SET_VP_STATE,
		HVCALL_INSTALL_INTERCEPT, HVCALL_REGISTER_INTERCEPT_RESULT, 0xbb01, 0xbb02, 0xbb03, 0xbb04, 0xbb05,
	};
	unsigned int i;

	expect("code 0", 0, 0, 0, HV_STATUS_INVALID_HYPERCALL_CODE);
	expect("unknown code", 0x7fff, 0, 0, HV_STATUS_INVALID_HYPERCALL_CODE);
	expect("unknown code, fast", 0x3fff | FAST, 0, 0, HV_STATUS_INVALID_HYPERCALL_CODE);
	for (i = 0; i < sizeof root_only / sizeof root_only[0]; i++) {
		expect("the root's", root_only[i], (uintptr_t)area.page[0], (uintptr_t)area.page[1], ANY);
		expect("the root's, fast", root_only[i] | FAST, ~0ull, ~0ull, ANY);
		expect("the root's, reps", root_only[i] | REPS(512, 0), (uintptr_t)area.page[0], (uintptr_t)area.page[1], ANY);
	}
}

static void control_word(void)
{
	unsigned int bit;

	for (bit = 17; bit < 64; bit++)
		if (bit != 31)
			expect("a bit that this call does not have", HVCALL_SIGNAL_EVENT | FAST | 1ull << bit, 0, 0,
			       HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("nested", HVCALL_SIGNAL_EVENT | FAST | HV_HYPERCALL_NESTED, 0, 0, ANY);
	expect("reps", HVCALL_POST_MESSAGE | REPS(1, 0), (uintptr_t)area.page[0], 0, HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("start without reps", HVCALL_POST_MESSAGE | REPS(0, 1), (uintptr_t)area.page[0], 0, HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("fast, but too big", HVCALL_POST_MESSAGE | FAST, 1, 0, HV_STATUS_INVALID_HYPERCALL_INPUT);
}

static void input(void)
{
	uintptr_t page = (uintptr_t)area.page[0];

	expect("odd address", HVCALL_POST_MESSAGE, page + 4, 0, HV_STATUS_INVALID_ALIGNMENT);
	expect("across pages", HVCALL_POST_MESSAGE, page + 4096 - 248, 0, HV_STATUS_INVALID_ALIGNMENT);
	expect("beyond memory", HVCALL_POST_MESSAGE, NOWHERE, 0, ANY);
	expect("at the top", HVCALL_POST_MESSAGE, ~0xfffull, 0, ANY);
	expect("in the APIC's page", HVCALL_POST_MESSAGE, 0xfee00000, 0, ANY);
	expect("signal from memory beyond", HVCALL_SIGNAL_EVENT, NOWHERE, 0, ANY);
}

static void connections(void)
{
	struct hv_input_post_message *post = (void *)area.page[0];

	expect("closed event", HVCALL_SIGNAL_EVENT | FAST, 0x123456, 0, HV_STATUS_INVALID_CONNECTION_ID);
	expect("flag 2048", HVCALL_SIGNAL_EVENT | FAST, 0x123456 | 2048ull << 32, 0, HV_STATUS_INVALID_PARAMETER);
	expect("reserved", HVCALL_SIGNAL_EVENT | FAST, 0x123456 | 1ull << 48, 0, HV_STATUS_INVALID_PARAMETER);
	*post = (struct hv_input_post_message){ .connection_id = 0x777, .message_type = 1, .payload_size = 8 };
	expect("closed message", HVCALL_POST_MESSAGE, (uintptr_t)post, 0, HV_STATUS_INVALID_CONNECTION_ID);
	*post = (struct hv_input_post_message){ .connection_id = 1, .message_type = 1, .payload_size = 241 };
	expect("241 bytes", HVCALL_POST_MESSAGE, (uintptr_t)post, 0, HV_STATUS_INVALID_PARAMETER);
	*post = (struct hv_input_post_message){ .connection_id = 1, .message_type = 1, .payload_size = ~0u };
	expect("4 GiB", HVCALL_POST_MESSAGE, (uintptr_t)post, 0, HV_STATUS_INVALID_PARAMETER);
	*post = (struct hv_input_post_message){ .connection_id = 1, .message_type = 0x80000010, .payload_size = 8 };
	expect("forged", HVCALL_POST_MESSAGE, (uintptr_t)post, 0, HV_STATUS_INVALID_PARAMETER);
}

static void interrupts(void)
{
	expect("vector 0", HVCALL_SEND_IPI | FAST, 0, 1, HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("vector 15", HVCALL_SEND_IPI | FAST, 15, 1, HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("vector 256", HVCALL_SEND_IPI | FAST, 256, 1, HV_STATUS_INVALID_HYPERCALL_INPUT);
	expect("a VTL", HVCALL_SEND_IPI | FAST, 0x40 | 1ull << 32, 1, HV_STATUS_INVALID_PARAMETER);
	expect("VPs that are not there", HVCALL_SEND_IPI | FAST, 0x40, 1ull << 63, HV_STATUS_SUCCESS);
}

GUEST_TEST(hypercall, "wrong hypercalls are told off with the right status")
{
	if (!hv_require(HV_POST_MESSAGES | HV_SIGNAL_EVENTS))
		return;
	if (!check(hv_hypercalls_on(), "no hypercall page"))
		return;
	codes();
	control_word();
	input();
	connections();
	if (cpuid(HV_CPUID_ENLIGHTENMENTS, 0).eax & HV_HINT_CLUSTER_IPI)
		interrupts();
}
