/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random hypercalls from a seed: codes, control words, addresses and contents. Whatever a call's status is, this child goes on and its
 * memory outside of the input page is as it was; VMBus still answers afterwards.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"
#include "lib/vmbus.h"

static uint64_t page[512] __attribute__((aligned(4096)));
static uint8_t canary[8192] __attribute__((aligned(4096)));

static void swallow(struct interrupt_frame *frame)
{
	(void)frame;
	lapic_end_of_interrupt();
}

static uint64_t code(struct random *r)
{
	static const uint16_t known[] = { 0x02, 0x03, 0x08, 0x0b, 0x13, 0x14, 0x15, 0x5c, 0x5d, 0x40, 0x42, 0x44, 0x46, 0x48, 0x4b, 0x4c, 0x4e,
					  0x50, 0x51, 0x52, 0x7e, 0x7f, 0x94, 0xc0, 0xc1, 0xc2, 0xe1, 0xe3, 0xe4, 0x8001 };

	return random_next(r) % 4 ? known[random_next(r) % (sizeof known / sizeof known[0])] : random_next(r) & 0xffff;
}

static uint64_t address(struct random *r)
{
	switch (random_next(r) % 8) {
	case 0:
		return random_next(r);
	case 1:
		return random_next(r) & 0xffffff000ull;
	case 2:
		return (uintptr_t)page + (random_next(r) & 0xfff);
	default:
		return (uintptr_t)page;
	}
}

GUEST_TEST(wildcall, "random hypercalls do no harm")
{
	struct random r = { option_number("seed", 0xca11) };
	uint64_t count = option_number("count", 20000), ok = 0, i, j, control;
	struct vsc_vmbus *bus = guest_vmbus();

	if (!bus)
		return;
	for (i = 16; i < 256; i++)
		if (i >= 32)
			interrupt_handle((unsigned int)i, swallow);
	memset(canary, 0x5a, sizeof canary);
	interrupts_on();
	for (i = 0; i < count; i++) {
		for (j = 0; j < 40; j++)
			page[j] = random_next(&r) >> random_next(&r) % 64;
		control = code(&r);
		/* IPIs to vectors of exceptions would look like exceptions. */
		if (control == HVCALL_SEND_IPI || control == HVCALL_SEND_IPI_EX)
			page[0] = 32 + random_next(&r) % 224;
		if (random_next(&r) % 3 == 0 && control != HVCALL_SEND_IPI && control != HVCALL_SEND_IPI_EX)
			control |= HV_HYPERCALL_FAST;
		if (random_next(&r) % 4 == 0)
			control |= random_next(&r) << 17;
		ok += HV_RESULT_STATUS(hv_call(control, control & HV_HYPERCALL_FAST ? random_next(&r) >> random_next(&r) % 64 : control == HVCALL_SEND_IPI
					       || control == HVCALL_SEND_IPI_EX ? (uintptr_t)page : address(&r), address(&r))) == HV_STATUS_SUCCESS;
	}
	interrupts_off();
	for (i = 0; i < sizeof canary; i++)
		if (!check(canary[i] == 0x5a, "memory at canary + %lu changed", i))
			break;
	print("%lu calls, %lu succeeded\n", count, ok);
	check(guest_vmbus_connected() != NULL, "VMBus does not answer any more");
}
