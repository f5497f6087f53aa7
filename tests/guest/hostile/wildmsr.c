/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random MSRs from a seed, read and written with random values, from the spaces where MSRs are and from nowhere. Any fault but #GP, or
 * the end of this child, is wrong; so is a machine that cannot go on afterwards. Left out is only what would hurt this program itself.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"

static const struct {
	uint32_t first, last;
} spaces[] = {
	{ 0, 0x3ff }, { 0x400, 0x1fff }, { 0x800, 0x8ff }, { 0x40000000, 0x400001ff }, { 0xc0000000, 0xc00003ff }, { 0xc0010000, 0xc00103ff },
	{ 0xc0011000, 0xc00113ff }, { 0, 0xffffffff },
}, own[] = {
	{ 0x1b, 0x1b }, { 0x40000001, 0x40000001 }, { 0x40000003, 0x40000003 }, { 0x40000105, 0x40000105 }, { 0x800, 0x8ff },
	{ 0xc0000080, 0xc0000080 }, { 0x40000070, 0x40000073 }, { 0x40000021, 0x40000021 }, { 0x40000080, 0x4000009f },
	{ 0x400000b0, 0x400000b7 }, { 0x400000f0, 0x400000f0 },
};

static bool is_own(uint32_t msr)
{
	unsigned int i;

	for (i = 0; i < sizeof own / sizeof own[0]; i++)
		if (msr >= own[i].first && msr <= own[i].last)
			return true;
	return false;
}

GUEST_TEST(wildmsr, "random MSRs: nothing but #GP happens")
{
	struct random r = { option_number("seed", 0x5eed) };
	uint64_t count = option_number("count", 20000), faults = 0, i, value;
	uint32_t msr;
	int fault;

	for (i = 0; i < count; i++) {
		unsigned int space = random_next(&r) % (sizeof spaces / sizeof spaces[0]);
		uint64_t width = (uint64_t)spaces[space].last - spaces[space].first + 1;

		msr = spaces[space].first + (uint32_t)(random_next(&r) % width);
		fault = rdmsr_safe(msr, &value);
		faults += fault != NO_FAULT;
		if (!check(fault == NO_FAULT || fault == FAULT_GP, "read of %x: exception %d", msr, fault))
			return;
		if (is_own(msr))
			continue;
		fault = wrmsr_safe(msr, random_next(&r) >> random_next(&r) % 64);
		faults += fault != NO_FAULT;
		if (!check(fault == NO_FAULT || fault == FAULT_GP, "write of %x: exception %d", msr, fault))
			return;
	}
	/* Pages of the interface placed where no memory is. */
	for (i = 0; hv_present() && i < 6; i++) {
		static const uint32_t placed[] = { 0x40000001, 0x40000021, 0x40000073, 0x40000082, 0x40000083, 0x40000021 };

		wrmsr_safe(placed[i], 0xfffffffffffff001ull);
		wrmsr_safe(placed[i], 0x7f0000000001ull);
		wrmsr_safe(placed[i], 0xfee00001ull);
		wrmsr_safe(placed[i], 0);
	}
	print("%lu accesses, %lu faults\n", count * 2, faults);
}
