/* SPDX-License-Identifier: BSD-2-Clause */
/* The synthetic interrupt controller alone: registers, message slots, event flags (TLFS chapter 11). */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "core/synic.h"
#include "tests/unit/run_tests.h"

static struct synic s;
static struct hv_message_page page;
static struct hv_event_flags_page flags;

static struct hv_message message(uint32_t type, uint8_t size, uint8_t fill)
{
	struct hv_message m = { .header = { .message_type = type, .payload_size = size, .sender = 77 } };

	memset(m.u.bytes, fill, size);
	return m;
}

/* What the guest does with a message: takes it, frees the slot, looks at the flag. Returns whether it has to write EOM. */
static bool guest_takes(unsigned int sint)
{
	struct hv_message_header *h = &page.slot[sint].header;

	__atomic_store_n(&h->message_type, HVMSG_NONE, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&h->message_flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING;
}

/* All SINTs are masked at reset; every register reads back what was written, reserved bits included; SVERSION is read-only. */
START_TEST(registers_read_back)
{
	static const uint32_t msrs[] = { HV_X64_MSR_SCONTROL, HV_X64_MSR_SIEFP, HV_X64_MSR_SIMP, HV_X64_MSR_SINT0, HV_X64_MSR_SINT15 };
	uint64_t value;

	synic_reset(&s);
	for (uint32_t msr = HV_X64_MSR_SINT0; msr <= HV_X64_MSR_SINT15; msr++) {
		ck_assert(synic_read(&s, msr, &value));
		ck_assert_uint_eq(value, HV_SINT_MASKED);
	}
	for (unsigned int i = 0; i < sizeof msrs / sizeof msrs[0]; i++) {
		uint64_t v = 0xdead0000beef0031ull + i;

		ck_assert(synic_write(&s, msrs[i], v));
		ck_assert(synic_read(&s, msrs[i], &value));
		ck_assert_uint_eq(value, v);
	}
	ck_assert(synic_read(&s, HV_X64_MSR_SVERSION, &value));
	ck_assert_uint_eq(value, 1);
	ck_assert(!synic_write(&s, HV_X64_MSR_SVERSION, 1));
	ck_assert(synic_read(&s, HV_X64_MSR_EOM, &value));
	ck_assert_uint_eq(value, 0);
	ck_assert(!synic_read(&s, HV_X64_MSR_EOM + 1, &value));
	ck_assert(!synic_write(&s, HV_X64_MSR_SINT15 + 1, 0));
}

/* An unmasked SINT with a vector below 16 raises #GP and changes nothing; masked or polled it may have any. */
START_TEST(sint_vectors)
{
	uint64_t value;
	uint8_t vector;

	synic_reset(&s);
	ck_assert(!synic_write(&s, HV_X64_MSR_SINT0 + 2, 15));
	ck_assert(synic_read(&s, HV_X64_MSR_SINT0 + 2, &value));
	ck_assert_uint_eq(value, HV_SINT_MASKED);
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, HV_SINT_MASKED | 3));
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, 16));
	/* Nothing is raised before SCONTROL allows it. */
	ck_assert(!synic_vector(&s, 2, &vector));
	ck_assert(synic_write(&s, HV_X64_MSR_SCONTROL, 1));
	ck_assert(synic_vector(&s, 2, &vector));
	ck_assert_uint_eq(vector, 16);
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, HV_SINT_MASKED | 0xf3));
	ck_assert(!synic_vector(&s, 2, &vector));
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, HV_SINT_POLLING | 0xf3));
	ck_assert(!synic_vector(&s, 2, &vector));
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, HV_SINT_AUTO_EOI | 0xf3));
	ck_assert(synic_auto_eoi(&s, 0xf3));
	ck_assert(!synic_auto_eoi(&s, 0xf2));
	ck_assert(synic_write(&s, HV_X64_MSR_SINT0 + 2, 0xf3));
	ck_assert(!synic_auto_eoi(&s, 0xf3));
}

/* A message arrives whole; a full slot is left alone, gets the pending flag, and is reported free once after the guest's EOM. */
START_TEST(slot_busy_until_eom)
{
	struct hv_message first = message(HVMSG_VMBUS, 240, 0xaa), second = message(HVMSG_TIMER_EXPIRED, 24, 0xbb);

	synic_reset(&s);
	memset(&page, 0, sizeof page);
	ck_assert(synic_put_message(&s, &page, 2, &first));
	ck_assert_mem_eq(&page.slot[2], &first, sizeof first);
	ck_assert_uint_eq(page.slot[1].header.message_type, HVMSG_NONE);
	ck_assert_uint_eq(synic_freed(&s, &page), 0);
	ck_assert(!synic_put_message(&s, &page, 2, &second));
	ck_assert_mem_eq(page.slot[2].u.bytes, first.u.bytes, 240);
	ck_assert_uint_eq(page.slot[2].header.message_flags, HV_MESSAGE_FLAG_PENDING);
	/* An EOM for another slot tells nothing about this one. */
	ck_assert_uint_eq(synic_freed(&s, &page), 0);
	ck_assert(guest_takes(2));
	ck_assert_uint_eq(synic_freed(&s, &page), 1u << 2);
	ck_assert_uint_eq(synic_freed(&s, &page), 0);
	ck_assert(synic_put_message(&s, &page, 2, &second));
	ck_assert_uint_eq(page.slot[2].header.message_flags, 0);
	ck_assert_uint_eq(page.slot[2].header.payload_size, 24);
	ck_assert(!guest_takes(2));
}

/*
 * A sender is sent away; the guest frees the slot; before its EOM another sender fills it. The first one still waits, so the
 * new message has to ask for an EOM, or nobody would ever tell the first.
 */
START_TEST(overtaken_sender_is_not_forgotten)
{
	struct hv_message m = message(HVMSG_VMBUS, 8, 1);

	synic_reset(&s);
	memset(&page, 0, sizeof page);
	ck_assert(synic_put_message(&s, &page, 2, &m));
	ck_assert(!synic_put_message(&s, &page, 2, &m));
	ck_assert(guest_takes(2));
	ck_assert(synic_put_message(&s, &page, 2, &m));
	ck_assert_uint_eq(synic_freed(&s, &page), 0);
	ck_assert(guest_takes(2));
	ck_assert_uint_eq(synic_freed(&s, &page), 1u << 2);
}

/* Event flags: the first of 2048 and the last land in their own slot's words, and only a flag that was clear is news. */
START_TEST(event_flags)
{
	static const struct hv_event_flags_page none;

	memset(&flags, 0, sizeof flags);
	ck_assert(synic_set_flag(&flags, 0, 0));
	ck_assert(!synic_set_flag(&flags, 0, 0));
	ck_assert(synic_set_flag(&flags, 15, 2047));
	ck_assert(synic_set_flag(&flags, 2, 33));
	ck_assert_uint_eq(flags.slot[0][0], 1);
	ck_assert_uint_eq(flags.slot[15][63], 1u << 31);
	ck_assert_uint_eq(flags.slot[2][1], 2);
	flags.slot[0][0] = flags.slot[15][63] = flags.slot[2][1] = 0;
	ck_assert_mem_eq(&flags, &none, sizeof none);
}

#define SENDERS 3
#define EACH 2000 /* fewer, and two senders in one slot may go unnoticed */

static uint32_t eoms;

/* A sender on a CPU of its own: posts its messages in order; sent away, it waits until some EOM was reported. */
static void *sender(void *arg)
{
	uint8_t who = (uintptr_t)arg;

	for (uint32_t i = 0; i < EACH;) {
		struct hv_message m = message(HVMSG_VMBUS, 240, who);
		uint32_t seen = __atomic_load_n(&eoms, __ATOMIC_SEQ_CST);

		m.header.sender = i;
		if (synic_put_message(&s, &page, 4, &m)) {
			i++;
			continue;
		}
		while (__atomic_load_n(&eoms, __ATOMIC_SEQ_CST) == seen)
			sched_yield();
	}
	return NULL;
}

/*
 * Several CPUs post to one slot while the guest takes messages and writes EOM only when told. None is lost, torn or forgotten:
 * a sender that is sent away and never told would hang here.
 */
START_TEST(senders_on_many_cpus)
{
	pthread_t thread[SENDERS];
	uint32_t next[SENDERS] = { 0 };

	synic_reset(&s);
	memset(&page, 0, sizeof page);
	for (uintptr_t i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, sender, (void *)i), 0);
	for (unsigned int taken = 0; taken < SENDERS * EACH;) {
		struct hv_message *slot = &page.slot[4];
		uint8_t who;

		if (__atomic_load_n(&slot->header.message_type, __ATOMIC_ACQUIRE) == HVMSG_NONE) {
			sched_yield();
			continue;
		}
		who = slot->u.bytes[0];
		ck_assert_uint_lt(who, SENDERS);
		for (unsigned int i = 0; i < 240; i++)
			ck_assert_uint_eq(slot->u.bytes[i], who);
		ck_assert_uint_eq(slot->header.sender, next[who]++);
		taken++;
		if (guest_takes(4) && synic_freed(&s, &page))
			__atomic_add_fetch(&eoms, 1, __ATOMIC_SEQ_CST);
	}
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
}

RUN_TESTS("hypervisor/synic", registers_read_back, sint_vectors, slot_busy_until_eom, overtaken_sender_is_not_forgotten, event_flags,
	  senders_on_many_cpus)
