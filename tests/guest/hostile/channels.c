/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control messages out of order: opened twice, closed unopened, with numbers that are nobody's, while requests are in flight, cut short, of no known
 * kind, in floods whose answers nobody takes. Answered with an error or ignored; the protocol goes on working.
 */
#include "lib/guest.h"
#include "lib/vmbus.h"

#define DEPTH 32u

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static struct vsc_vmbus *bus;

static void still_works(const char *what)
{
	static void *scratch;
	static uint8_t *rings;
	int rc = 0;

	if (!scratch) {
		scratch = page_alloc(1);
		rings = page_alloc(GUEST_RING_BYTES / 4096);
	}
	if (!storvsc.channel->open)
		rc = vsc_storvsc_open(&storvsc, storvsc.channel, rings, GUEST_RING_BYTES);
	check(rc == 0, "%s: opening gives %d", what, rc);
	rc = vsc_disk_read(&disk, 0, scratch, 4096);
	check(rc == 0, "%s: reading gives %d", what, rc);
}

static void open_with(const char *what, uint32_t relid, uint32_t gpadl, uint32_t downstream, uint32_t vp)
{
	struct vmbus_open_message open = { .header.type = VMBUS_MSG_OPEN, .relid = relid, .open_id = 0x5555, .gpadl = gpadl,
					   .target_vp = vp, .downstream_page = downstream };
	struct vmbus_open_result result = { .status = 1 };

	vsc_vmbus_expect(bus, VMBUS_MSG_OPEN_RESULT, 2, relid, 0x5555);
	vsc_vmbus_post(bus, &open, sizeof open);
	if (vsc_vmbus_await(bus, NULL) == 0)
		memcpy(&result, bus->reply.payload, sizeof result);
	check(result.status != VMBUS_STATUS_SUCCESS, "%s: opened", what);
}

static void with_relid(uint32_t type, uint32_t relid)
{
	const struct vmbus_relid_message m = { .header.type = type, .relid = relid };

	vsc_vmbus_post(bus, &m, sizeof m);
}

static void wrong_opens(void)
{
	uint32_t relid = storvsc.channel->offer.relid, gpadl = storvsc.channel->gpadl;

	guest_vmbus_patience(200);
	open_with("twice", relid, gpadl, 16, 0);
	still_works("twice");
	open_with("channel 0", 0, gpadl, 16, 0);
	open_with("channel 2047", 2047, gpadl, 16, 0);
	open_with("channel -1", ~0u, gpadl, 16, 0);
	check(vsc_storvsc_close(&storvsc) == 0, "closing");
	open_with("a GPADL that is gone", relid, gpadl, 16, 0);
	open_with("GPADL 0", relid, 0, 16, 0);
	guest_vmbus_patience(20000);
	still_works("wrong opens");
}

static void out_of_order(void)
{
	uint32_t relid = storvsc.channel->offer.relid, i;
	struct vmbus_gpadl_teardown teardown = { .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = relid, .gpadl = storvsc.channel->gpadl };
	struct vmbus_modify_channel modify = { .header.type = VMBUS_MSG_MODIFY_CHANNEL, .relid = relid };
	uint8_t raw[VMBUS_MESSAGE_MAX];

	with_relid(VMBUS_MSG_CLOSE, 0);
	with_relid(VMBUS_MSG_CLOSE, 2047);
	with_relid(VMBUS_MSG_CLOSE, 0xfffffff0);
	with_relid(VMBUS_MSG_RELID_RELEASED, 0);
	with_relid(VMBUS_MSG_RELID_RELEASED, 2047);
	with_relid(VMBUS_MSG_RELID_RELEASED, relid); /* not rescinded */
	still_works("closing and releasing what is not");
	for (i = 2; i < 40; i++) {
		modify.target_vp = 1u << i % 32;
		vsc_vmbus_post(bus, &modify, sizeof modify);
	}
	still_works("events to VPs that are not there");
	for (i = 0; i < 256; i++) {
		memset(raw, 0, sizeof raw);
		raw[0] = (uint8_t)i;
		/* Not those that are right even when empty. */
		if (i != VMBUS_MSG_UNLOAD && i != VMBUS_MSG_INITIATE_CONTACT && i != VMBUS_MSG_REQUEST_OFFERS) {
			vsc_vmbus_post(bus, raw, 8);
			vsc_vmbus_post(bus, raw, 9);
		}
	}
	vsc_vmbus_post(bus, raw, 0);
	vsc_vmbus_post(bus, raw, 4);
	still_works("messages cut short");
	vsc_vmbus_post(bus, &teardown, sizeof teardown); /* the rings' own, while they are in use */
	delay_us(10000);
	guest_vmbus_poll();
	guest_vmbus_patience(500);
	vsc_storvsc_close(&storvsc);
	guest_vmbus_patience(20000);
	still_works("the rings taken away");
}

static void in_flight(void)
{
	static struct vsc_scsi requests[DEPTH];
	static struct vsc_segment segment;
	unsigned int round, i;

	segment = (struct vsc_segment){ page_alloc(16), 65536 };
	for (round = 0; round < 20; round++) {
		for (i = 0; i < DEPTH; i++) {
			vsc_disk_prepare(&disk, &requests[i], VSTOR_READ, i * 128, &segment, 1);
			vsc_storvsc_submit(&storvsc, &requests[i]);
		}
		if (!check(vsc_storvsc_close(&storvsc) == 0, "closing with %u in flight", DEPTH))
			return;
		still_works("closed in flight");
	}
}

/* Nobody takes the answers. The host may make us wait, but it may not fall over, nor forget us. */
static void flood(void)
{
	const struct vmbus_message_header request = { .type = VMBUS_MSG_REQUEST_OFFERS };
	const struct vmbus_gpadl_teardown teardown = { .header.type = VMBUS_MSG_GPADL_TEARDOWN, .relid = 1, .gpadl = 0x9999 };
	uint64_t busy = 0;
	unsigned int i;

	guest_vmbus_deaf(true);
	for (i = 0; i < 64; i++) {
		busy += bus->os->post_message(bus->context, bus->connection_id, &request, sizeof request) != 0;
		busy += bus->os->post_message(bus->context, bus->connection_id, &teardown, sizeof teardown) != 0;
	}
	guest_vmbus_deaf(false);
	for (i = 0; i < 2000; i++) {
		guest_vmbus_poll();
		delay_us(50);
	}
	print("%lu of 128 were told to come again\n", busy);
	still_works("flood");
}

GUEST_TEST(channels, "control messages out of order and in floods")
{
	if (!guest_disk(&storvsc, &disk))
		return;
	bus = storvsc.channel->bus;
	wrong_opens();
	out_of_order();
	in_flight();
	flood();
	check(vsc_vmbus_unload(bus) == 0, "no answer to the unload");
	check(guest_disk(&storvsc, &disk), "a fresh start does not work");
}
