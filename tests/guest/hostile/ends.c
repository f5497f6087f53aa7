/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that end their machine, or say that they have crashed. Each of the former says by GUEST-EXPECT how the root should see it; if it
 * is still there afterwards, that is a failure.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/smp.h"

static const struct {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed)) no_table;

static void triple(void *argument)
{
	(void)argument;
	asm volatile("lidt %0; ud2" : : "m"(no_table));
}

GUEST_TEST(triplefault, "an exception without an interrupt table")
{
	expect_end("crash triple fault");
	triple(NULL);
	failure("still here");
}

GUEST_TEST(triplefault2, "the same on the second VP while the first computes")
{
	if (smp_count() < 2 || !smp_start(1)) {
		skip("one VP");
		return;
	}
	expect_end("crash triple fault");
	smp_run(1, triple, NULL);
	delay_us(10000000);
	failure("still here");
}

GUEST_TEST(fetch, "executes where no memory is")
{
	void (*nowhere)(void) = (void (*)(void))0xf1234560ul;

	expect_end("crash");
	nowhere();
	failure("still here");
}

GUEST_TEST(mmioatomic, "a locked and a vector instruction on a page of nothing")
{
	expect_end("crash or success");
	asm volatile("lock xadd %1, (%0)" : : "r"(0xf1234560ul), "r"(1ul) : "memory", "cc");
	asm volatile("movups (%0), %%xmm0" : : "r"(0xf1234560ul) : "memory");
}

GUEST_TEST(deadtables, "page tables and stack where no memory is")
{
	expect_end("crash");
	asm volatile("mov %0, %%cr3" : : "r"(0xf1200000ul) : "memory");
	failure("still here");
}

GUEST_TEST(crash, "tells the hypervisor that it crashed, with a text")
{
	static const char text[] = "bulkhead guest: crash on purpose";

	if (!hv_require(0))
		return;
	wrmsr(HV_X64_MSR_CRASH_P0, 0xdead);
	wrmsr(HV_X64_MSR_CRASH_P0 + 3, (uintptr_t)text);
	wrmsr(HV_X64_MSR_CRASH_P4, sizeof text - 1);
	wrmsr(HV_X64_MSR_CRASH_CTL, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE);
	delay_us(1000000);
}

GUEST_TEST(crashnowhere, "the same with a text outside of memory, and 16 EiB of it")
{
	if (!hv_require(0))
		return;
	wrmsr(HV_X64_MSR_CRASH_P0 + 3, 0xfffffffffffff000ull);
	wrmsr(HV_X64_MSR_CRASH_P4, ~0ull);
	wrmsr(HV_X64_MSR_CRASH_CTL, HV_CRASH_CTL_NOTIFY | HV_CRASH_CTL_MESSAGE);
	delay_us(1000000);
}

GUEST_TEST(poweroff, "ACPI S5")
{
	expect_end("off");
	print("GUEST-RESULT poweroff success\n");
	outw(0x604, 5u << 10 | 1u << 13);
	delay_us(1000000);
	failure("still here");
}
