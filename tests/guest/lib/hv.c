/* SPDX-License-Identifier: BSD-2-Clause */
/* See hv.h. */
#include "hv.h"

#include "guest.h"

#define OS_ID_BULKHEAD_GUEST 0x80bb000000000001ull /* bit 63: open source */
#define ENABLE 1ull
#define CPUID_HYPERVISOR (1u << 31)

static uint8_t hypercall_page[4096] __attribute__((aligned(4096)));
static struct hv_input_post_message post_input __attribute__((aligned(256)));

bool hv_present(void)
{
	const uint64_t needed = HV_ACCESS_HYPERCALL_MSRS | HV_ACCESS_VP_INDEX;

	return cpuid(1, 0).ecx & CPUID_HYPERVISOR && cpuid(HV_CPUID_VENDOR, 0).eax >= HV_CPUID_LIMITS &&
	       cpuid(HV_CPUID_INTERFACE, 0).eax == HV_CPUID_INTERFACE_HV1 && (hv_privileges() & needed) == needed;
}

uint64_t hv_privileges(void)
{
	struct cpuid f = cpuid(HV_CPUID_FEATURES, 0);

	return (uint64_t)f.ebx << 32 | f.eax;
}

bool hv_require(uint64_t privileges)
{
	if (!hv_present()) {
		skip("no Hyper-V interface");
		return false;
	}
	if ((hv_privileges() & privileges) != privileges) {
		skip("privileges are %lx, %lx are needed", hv_privileges(), privileges);
		return false;
	}
	return true;
}

bool hv_hypercalls_on(void)
{
	wrmsr(HV_X64_MSR_GUEST_OS_ID, OS_ID_BULKHEAD_GUEST);
	if (rdmsr(HV_X64_MSR_HYPERCALL) & ENABLE)
		return true;
	wrmsr(HV_X64_MSR_HYPERCALL, (uintptr_t)hypercall_page | ENABLE);
	return rdmsr(HV_X64_MSR_HYPERCALL) & ENABLE;
}

uint64_t hv_call(uint64_t control, uint64_t input, uint64_t output)
{
	uint64_t page = rdmsr(HV_X64_MSR_HYPERCALL) & ~0xfffull, result;
	register uint64_t r8 asm("r8") = output;

	asm volatile("call *%[page]" : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
		     : [page] "r"(page) : "r9", "r10", "r11", "memory");
	return result;
}

uint16_t hv_post_message(uint32_t connection, uint32_t type, const void *payload, uint32_t bytes)
{
	post_input = (struct hv_input_post_message){ .connection_id = connection, .message_type = type, .payload_size = bytes };
	memcpy(post_input.payload, payload, bytes < sizeof post_input.payload ? bytes : sizeof post_input.payload);
	return HV_RESULT_STATUS(hv_call(HVCALL_POST_MESSAGE, (uintptr_t)&post_input, 0));
}

uint16_t hv_signal_event(uint32_t connection, uint16_t flag)
{
	return HV_RESULT_STATUS(hv_call(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST, (uint64_t)flag << 32 | connection, 0));
}

uint64_t hv_time(void)
{
	return rdmsr(HV_X64_MSR_TIME_REF_COUNT);
}

static void *enabled_page(uint32_t msr)
{
	uint64_t value = rdmsr(msr);
	void *page;

	if (value & ENABLE)
		return (void *)(value & ~0xfffull);
	page = page_alloc(1);
	wrmsr(msr, (uintptr_t)page | ENABLE);
	return page;
}

struct hv_message_page *hv_synic_on(unsigned int sint, uint32_t vector)
{
	struct hv_message_page *page = enabled_page(HV_X64_MSR_SIMP);

	enabled_page(HV_X64_MSR_SIEFP);
	wrmsr(HV_X64_MSR_SINT0 + sint, vector);
	wrmsr(HV_X64_MSR_SCONTROL, ENABLE);
	return page;
}

struct hv_event_flags_page *hv_event_flags(void)
{
	return enabled_page(HV_X64_MSR_SIEFP);
}
