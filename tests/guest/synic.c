/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SynIC's messages, by a synthetic timer in message mode: the slot fills and the SINT interrupts; while the slot is taken
 * the next message waits with the pending flag, and EOM brings it; a masked SINT stays silent, its slot fills all the same.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/lapic.h"

#define SINT 5u
#define VECTOR 0x65u
#define TIMER_CONFIG (HV_STIMER_AUTO_ENABLE | (uint64_t)SINT << 16)
#define PATIENCE_US 2000000u

static volatile uint64_t interrupts;

static void on_sint(struct interrupt_frame *frame)
{
	(void)frame;
	interrupts++;
	lapic_end_of_interrupt();
}

static bool wait_message(const struct hv_message *slot)
{
	uint64_t end = rdtsc() + tsc_hz / 1000000 * PATIENCE_US;

	while (__atomic_load_n(&slot->header.message_type, __ATOMIC_ACQUIRE) == HVMSG_NONE && rdtsc() < end)
		cpu_relax();
	return slot->header.message_type != HVMSG_NONE;
}

static void release(struct hv_message *slot)
{
	bool pending;

	__atomic_store_n(&slot->header.message_type, HVMSG_NONE, __ATOMIC_SEQ_CST);
	pending = __atomic_load_n(&slot->header.message_flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING;
	if (pending)
		wrmsr(HV_X64_MSR_EOM, 0);
}

static void arm(unsigned int timer, uint64_t after)
{
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + timer * 2, TIMER_CONFIG);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + timer * 2 + 1, hv_time() + after);
}

static void one_message(struct hv_message *slot)
{
	const struct hv_timer_message *payload = (const void *)slot->u.payload;

	interrupts = 0;
	arm(1, 20000);
	interrupts_on();
	if (check(wait_message(slot), "no message of timer 1")) {
		check(slot->header.message_type == HVMSG_TIMER_EXPIRED, "type %x", slot->header.message_type);
		check(payload->timer_index == 1 && payload->delivery_time >= payload->expiration_time, "timer %u expired %lu delivered %lu",
		      payload->timer_index, payload->expiration_time, payload->delivery_time);
		check(wait_count(&interrupts, 1, PATIENCE_US), "a message without an interrupt");
	}
	release(slot);
	interrupts_off();
}

static void two_messages(struct hv_message *slot)
{
	const struct hv_timer_message *payload = (const void *)slot->u.payload;
	uint32_t first;

	arm(1, 1000);
	if (!check(wait_message(slot), "no first message"))
		return;
	first = payload->timer_index;
	arm(2, 1000);
	delay_us(20000);
	cpuid(0, 0);
	check(payload->timer_index == first, "a taken slot was overwritten");
	check(slot->header.message_flags & HV_MESSAGE_FLAG_PENDING, "nothing says that a message waits");
	release(slot);
	if (check(wait_message(slot), "EOM did not bring the second message"))
		check(payload->timer_index == 2, "second message is timer %u's", payload->timer_index);
	release(slot);
	interrupts_on();
	delay_us(1000);
	interrupts_off();
}

static void masked(struct hv_message *slot)
{
	wrmsr(HV_X64_MSR_SINT0 + SINT, VECTOR | HV_SINT_MASKED);
	interrupts = 0;
	arm(1, 1000);
	interrupts_on();
	delay_us(20000);
	interrupts_off();
	check(interrupts == 0, "a masked SINT interrupts");
	if (slot->header.message_type != HVMSG_NONE)
		release(slot);
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 2, 0);
}

GUEST_TEST(synic, "messages of synthetic timers arrive, wait and are brought by EOM")
{
	struct hv_message *slot;

	if (!hv_require(HV_ACCESS_SYNIC | HV_ACCESS_STIMERS | HV_ACCESS_REFERENCE_COUNTER))
		return;
	lapic_on();
	interrupt_handle(VECTOR, on_sint);
	slot = &hv_synic_on(SINT, VECTOR)->slot[SINT];
	one_message(slot);
	two_messages(slot);
	masked(slot);
}
