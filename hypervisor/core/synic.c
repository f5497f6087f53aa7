/* SPDX-License-Identifier: BSD-2-Clause */
/* The SynIC; see synic.h. */
#include "core/synic.h"

#include "core/string.h"

void synic_reset(struct synic *s)
{
	memset(s, 0, sizeof *s);
	for (unsigned int i = 0; i < HV_SYNIC_SINT_COUNT; i++)
		s->sint[i] = HV_SINT_MASKED;
}

bool synic_read(const struct synic *s, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case HV_X64_MSR_SCONTROL:
		*value = s->control;
		return true;
	case HV_X64_MSR_SVERSION:
		*value = HV_SYNIC_VERSION;
		return true;
	case HV_X64_MSR_SIEFP:
		*value = s->siefp;
		return true;
	case HV_X64_MSR_SIMP:
		*value = s->simp;
		return true;
	case HV_X64_MSR_EOM:
		*value = 0;
		return true;
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		*value = s->sint[msr - HV_X64_MSR_SINT0];
		return true;
	}
	return false;
}

bool synic_write(struct synic *s, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case HV_X64_MSR_SCONTROL:
		s->control = value;
		return true;
	case HV_X64_MSR_SIEFP:
		s->siefp = value;
		return true;
	case HV_X64_MSR_SIMP:
		s->simp = value;
		return true;
	case HV_X64_MSR_EOM:
		return true;
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		/* An unmasked SINT needs a vector that an APIC can take. */
		if ((value & HV_SINT_VECTOR_MASK) < 16 && !(value & (HV_SINT_MASKED | HV_SINT_POLLING)))
			return false;
		s->sint[msr - HV_X64_MSR_SINT0] = value;
		return true;
	}
	return false;
}

bool synic_open(const struct synic *s, unsigned int sint)
{
	return s->control & 1 && (s->sint[sint] & (HV_SINT_MASKED | HV_SINT_POLLING)) != HV_SINT_MASKED;
}

bool synic_vector(const struct synic *s, unsigned int sint, uint8_t *vector)
{
	uint64_t v = s->sint[sint];

	*vector = v & HV_SINT_VECTOR_MASK;
	return s->control & 1 && !(v & (HV_SINT_MASKED | HV_SINT_POLLING));
}

bool synic_auto_eoi(const struct synic *s, uint8_t vector)
{
	for (unsigned int i = 0; i < HV_SYNIC_SINT_COUNT; i++)
		if ((s->sint[i] & (HV_SINT_VECTOR_MASK | HV_SINT_MASKED)) == vector && s->sint[i] & HV_SINT_AUTO_EOI)
			return true;
	return false;
}

/* The slot's bit, from looking whether it is free to having filled it: two senders must not both find it free. */
static void claim(struct synic *s, uint32_t bit)
{
	while (__atomic_fetch_or(&s->posting, bit, __ATOMIC_ACQUIRE) & bit)
		__asm__ volatile("pause");
}

static bool slot_is_free(const struct hv_message *slot, int order)
{
	/* The type is written last by us and cleared first by the child: it says whose the slot is (TLFS 11.10.3). */
	return __atomic_load_n(&slot->header.message_type, order) == HVMSG_NONE;
}

static bool put_message(struct synic *s, struct hv_message *slot, uint32_t bit, const struct hv_message *m)
{
	uint32_t wanted;

	if (!slot_is_free(slot, __ATOMIC_ACQUIRE)) {
		wanted = __atomic_fetch_or(&s->wanted, bit, __ATOMIC_SEQ_CST);
		__atomic_or_fetch(&slot->header.message_flags, HV_MESSAGE_FLAG_PENDING, __ATOMIC_SEQ_CST);
		/* The child may have freed the slot before it could see the flag; then no EOM comes, so look again. */
		if (!slot_is_free(slot, __ATOMIC_SEQ_CST))
			return false;
		if (!(wanted & bit))
			__atomic_and_fetch(&s->wanted, ~bit, __ATOMIC_SEQ_CST);
	}
	slot->header.payload_size = m->header.payload_size;
	/* Who was sent away before still waits for an EOM, now this message's. */
	slot->header.message_flags = __atomic_load_n(&s->wanted, __ATOMIC_ACQUIRE) & bit ? HV_MESSAGE_FLAG_PENDING : 0;
	slot->header.sender = m->header.sender;
	memcpy(slot->u.bytes, m->u.bytes, m->header.payload_size);
	__atomic_store_n(&slot->header.message_type, m->header.message_type, __ATOMIC_RELEASE);
	return true;
}

bool synic_put_message(struct synic *s, struct hv_message_page *page, unsigned int sint, const struct hv_message *m)
{
	uint32_t bit = 1u << sint;
	bool posted;

	claim(s, bit);
	posted = put_message(s, &page->slot[sint], bit, m);
	__atomic_and_fetch(&s->posting, ~bit, __ATOMIC_RELEASE);
	return posted;
}

uint32_t synic_freed(struct synic *s, const struct hv_message_page *page)
{
	uint32_t wanted = __atomic_load_n(&s->wanted, __ATOMIC_ACQUIRE), freed = 0;

	for (; wanted; wanted &= wanted - 1) {
		unsigned int sint = __builtin_ctz(wanted);

		if (__atomic_load_n(&page->slot[sint].header.message_type, __ATOMIC_ACQUIRE) == HVMSG_NONE)
			freed |= 1u << sint;
	}
	__atomic_and_fetch(&s->wanted, ~freed, __ATOMIC_SEQ_CST);
	return freed;
}

bool synic_set_flag(struct hv_event_flags_page *page, unsigned int sint, unsigned int flag)
{
	uint32_t bit = 1u << flag % 32;

	return !(__atomic_fetch_or(&page->slot[sint][flag / 32], bit, __ATOMIC_SEQ_CST) & bit);
}
