/* SPDX-License-Identifier: BSD-2-Clause */
/* See vmbus.h. */
#include "vmbus.h"

#include "guest.h"
#include "hv.h"
#include "lapic.h"

#define VECTOR_VMBUS 0xf3u
#define VECTOR_TICK  0xf2u
#define PATIENCE_MS  20000u

static struct vsc_vmbus bus;
static struct hv_message *slot;
static uint32_t *flags;
static uint64_t patience_ms = PATIENCE_MS, waiting_since;
static bool deaf;

static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	lapic_end_of_interrupt();
}

static uint16_t post(void *context, uint32_t connection_id, const void *payload, uint32_t bytes)
{
	(void)context;
	return hv_post_message(connection_id, VMBUS_MESSAGE_TYPE, payload, bytes);
}

static uint16_t signal_event(void *context, uint32_t connection_id)
{
	(void)context;
	return hv_signal_event(connection_id, 0);
}

static uint64_t physical(void *context, const void *memory)
{
	(void)context;
	return (uintptr_t)memory;
}

static bool take_message(void)
{
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
	uint32_t type, bytes;

	if (deaf || (type = __atomic_load_n(&slot->header.message_type, __ATOMIC_ACQUIRE)) == HVMSG_NONE)
		return false;
	bytes = slot->header.payload_size;
	memcpy(payload, slot->u.bytes, bytes <= sizeof payload ? bytes : sizeof payload);
	__atomic_store_n(&slot->header.message_type, HVMSG_NONE, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slot->header.message_flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_FLAG_PENDING)
		wrmsr(HV_X64_MSR_EOM, 0);
	if (type == VMBUS_MESSAGE_TYPE)
		vsc_vmbus_message(&bus, payload, bytes);
	return true;
}

static bool take_events(void)
{
	bool any = false;
	uint32_t word, bits;

	for (word = 0; word < HV_EVENT_FLAGS_COUNT / 32; word++) {
		if (!__atomic_load_n(&flags[word], __ATOMIC_RELAXED))
			continue;
		bits = __atomic_exchange_n(&flags[word], 0, __ATOMIC_ACQ_REL);
		for (; bits; bits &= bits - 1) {
			vsc_vmbus_event(&bus, word * 32 + (uint32_t)__builtin_ctz(bits));
			any = true;
		}
	}
	return any;
}

bool guest_vmbus_poll(void)
{
	bool message = take_message();

	return take_events() || message;
}

static bool wait(void *context)
{
	(void)context;
	if (guest_vmbus_poll()) {
		waiting_since = 0;
		return true;
	}
	if (!waiting_since)
		waiting_since = rdtsc();
	if ((rdtsc() - waiting_since) / (tsc_hz / 1000) > patience_ms) {
		waiting_since = 0;
		return false;
	}
	halt_with_interrupts();
	return true;
}

static const struct vsc_os os = { post, signal_event, physical, wait };

void guest_vmbus_patience(unsigned int ms)
{
	patience_ms = ms;
}

void guest_vmbus_deaf(bool on)
{
	deaf = on;
}

struct vsc_vmbus *guest_vmbus(void)
{
	if (!hv_require(HV_ACCESS_SYNIC | HV_POST_MESSAGES | HV_SIGNAL_EVENTS | HV_ACCESS_FREQUENCY_MSRS))
		return NULL;
	if (!check(hv_hypercalls_on(), "no hypercall page"))
		return NULL;
	lapic_on();
	interrupt_handle(VECTOR_VMBUS, on_interrupt);
	interrupt_handle(VECTOR_TICK, on_interrupt);
	slot = &hv_synic_on(VMBUS_SINT, VECTOR_VMBUS)->slot[VMBUS_SINT];
	flags = hv_event_flags()->slot[VMBUS_SINT];
	/* So that a wait in HLT notices the end of its patience. */
	lapic_timer(VECTOR_TICK | LAPIC_PERIODIC, (uint32_t)(rdmsr(HV_X64_MSR_APIC_FREQUENCY) / 50));
	vsc_vmbus_init(&bus, &os, NULL, 0);
	return &bus;
}

struct vsc_vmbus *guest_vmbus_connected(void)
{
	struct vsc_vmbus *b = guest_vmbus();
	int rc;

	if (!b)
		return NULL;
	/* A program before this one may have left a connection. */
	vsc_vmbus_unload(b);
	rc = vsc_vmbus_connect(b, 0);
	if (rc == 0)
		rc = vsc_vmbus_request_offers(b);
	return check(rc == 0, "VMBus: error %d", rc) ? b : NULL;
}

bool guest_disk(struct vsc_storvsc *storvsc, struct vsc_disk *disk)
{
	static const struct vmbus_guid class = VMBUS_CLASS_SCSI;
	struct vsc_vmbus *b = guest_vmbus_connected();
	struct vsc_channel *channel;
	int rc;

	if (!b)
		return false;
	channel = vsc_vmbus_find(b, &class, 0);
	if (!channel) {
		skip("no SCSI controller");
		return false;
	}
	rc = vsc_storvsc_open(storvsc, channel, page_alloc(GUEST_RING_BYTES / 4096), GUEST_RING_BYTES);
	if (!check(rc == 0, "controller: error %d", rc))
		return false;
	rc = vsc_disk_probe(disk, storvsc, 0, 0, page_alloc(1));
	if (rc != 0)
		skip("no disk at target 0, LUN 0: error %d", rc);
	return rc == 0;
}
