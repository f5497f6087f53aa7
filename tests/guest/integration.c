/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integration components over the real VMBus: answers shutdown, heartbeat, time and key-value pairs until the host asks it to shut down, which the
 * program after it on the command line may do. `ms=` says how long the host may take. In the pool of the guest the host finds how the last
 * value of the key "question" in its own pool reads backwards, as "answer".
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/vmbus.h"

#include "vsc/ic/ic.h"

#define RING_BYTES (8u * 4096)
#define COMPONENTS 4u
_Static_assert(VSC_IC_KVP == COMPONENTS - 1, "the first four");
/* 100 ns from 1601 to 2020. */
#define YEAR_2020 132223104000000000ull
#define SECOND    10000000ull

static struct vsc_ic components[COMPONENTS];
static struct vsc_kvp_entry entries[16];
static struct vsc_kvp kvp = { entries, sizeof entries / sizeof entries[0] };
static bool asked, time_set;
static uint64_t host_time, host_reference;
static unsigned int times;

static uint32_t on_shutdown(void *context, uint32_t flags, const char *text)
{
	(void)context;
	print("shutdown: flags %x, '%s'\n", flags, text);
	asked = true;
	return 0;
}

static void on_time(void *context, uint64_t time, uint64_t reference, uint8_t flags)
{
	(void)context;
	time_set |= flags & IC_TIME_SYNC;
	times++;
	check(time > YEAR_2020, "the time %lx is before 2020", time);
	check(reference <= hv_time(), "the reference counter stands at %lx, before the host's %lx", hv_time(), reference);
	/* Both clocks have gone on alike since the last message, unless the root's was set; within a second, for a busy machine. */
	if (host_time && !(flags & IC_TIME_SYNC))
		check(time - host_time + SECOND - (reference - host_reference) < 2 * SECOND, "%lu and %lu units of 100 ns went by",
		      time - host_time, reference - host_reference);
	host_time = time;
	host_reference = reference;
}

static void answer_question(void)
{
	char text[64], reversed[64] = { 0 };
	size_t length, i;

	if (vsc_kvp_get(&kvp, IC_KVP_EXTERNAL, "question", text, sizeof text) != 0)
		return;
	length = strlen(text);
	for (i = 0; i < length; i++)
		reversed[i] = text[length - 1 - i];
	check(vsc_kvp_set(&kvp, IC_KVP_GUEST, "answer", reversed) == 0, "the pairs are full");
}

static uint32_t on_kvp(void *context, struct ic_kvp *message)
{
	uint32_t status = vsc_kvp_serve(context, message);

	answer_question();
	return status;
}

static const struct vsc_ic_ops ops = { .shutdown = on_shutdown, .time = on_time, .kvp = on_kvp };

static bool open_all(struct vsc_vmbus *bus)
{
	for (unsigned int i = 0; i < COMPONENTS; i++) {
		const struct vmbus_guid class = vsc_ic_class((enum vsc_ic_type)i);
		struct vsc_channel *channel = vsc_vmbus_find(bus, &class, 0);
		int rc;

		if (!channel) {
			skip("component %u is not offered", i);
			return false;
		}
		rc = vsc_ic_open(&components[i], (enum vsc_ic_type)i, channel, &ops, &kvp, page_alloc(RING_BYTES / 4096), RING_BYTES);
		if (!check(rc == 0, "component %u: error %d", i, rc))
			return false;
	}
	return true;
}

GUEST_TEST(integration, "answers shutdown, heartbeat, time and key-value pairs")
{
	const uint64_t end = rdtsc() + tsc_hz / 1000 * option_number("ms", 60000);
	struct vsc_vmbus *bus = guest_vmbus_connected();

	if (!bus)
		return;
	vsc_kvp_set(&kvp, IC_KVP_AUTO, "OSName", "Bulkhead test guest");
	vsc_kvp_set(&kvp, IC_KVP_AUTO, "OSVersion", "1");
	vsc_kvp_set(&kvp, IC_KVP_AUTO, "FullyQualifiedDomainName", "small.example");
	if (!open_all(bus))
		return;
	while (!asked && rdtsc() < end && bus->os->wait(bus->context))
		;
	check(asked, "nobody asks for a shutdown");
	for (unsigned int i = 0; i < COMPONENTS; i++) {
		const struct vsc_ic *ic = &components[i];

		print("component %u: version %x, %lu answers\n", i, ic->message, ic->answered);
		check(ic->message != 0, "component %u: no version agreed on", i);
		check(ic->refused == 0, "component %u: %lu messages made no sense", i, ic->refused);
		check(vsc_ic_close(&components[i]) == 0, "component %u cannot be closed", i);
	}
	check(components[VSC_IC_HEARTBEAT].answered > 1, "no heartbeat");
	check(time_set && times > 0, "the time was not told");
}
