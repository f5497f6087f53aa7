/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GPADLs that no honest guest makes: pages outside of memory, in the hole, at addresses that overflow, ranges that lie about their length or
 * number, bodies of nothing, numbers used twice. Each is refused or ignored, and an honest one works right after.
 */
#include "lib/guest.h"
#include "lib/vmbus.h"

#define BAD_ID 0x7000u
#define PATIENCE_MS 100u

struct gpadl_message {
	struct vmbus_gpadl_header header;
	struct vmbus_gpa_range range;
	uint64_t pages[VMBUS_GPADL_HEADER_PFNS];
} __attribute__((packed));

static struct vsc_vmbus *bus;
static struct vsc_channel *channel;
static struct gpadl_message m;

static void make(uint32_t bytes, uint32_t offset, uint64_t first, uint32_t pages)
{
	uint32_t i;

	m = (struct gpadl_message){
		.header = { .header.type = VMBUS_MSG_GPADL_HEADER, .relid = channel->offer.relid, .gpadl = BAD_ID,
			    .range_bytes = (uint16_t)(8 + pages * 8), .range_count = 1 },
		.range = { bytes, offset },
	};
	for (i = 0; i < pages && i < VMBUS_GPADL_HEADER_PFNS; i++)
		m.pages[i] = first + i;
}

/* The host's answer: its status, or 1 if there is none. */
static uint32_t answer(uint32_t bytes)
{
	struct vmbus_gpadl_created created;

	vsc_vmbus_expect(bus, VMBUS_MSG_GPADL_CREATED, 2, m.header.relid, m.header.gpadl);
	if (vsc_vmbus_post(bus, &m, bytes) != 0 || vsc_vmbus_await(bus, NULL) != 0)
		return 1;
	memcpy(&created, bus->reply.payload, sizeof created);
	return created.status;
}

static void refused(const char *what, uint32_t bytes)
{
	static uint8_t honest[3 * 4096] __attribute__((aligned(4096)));
	uint32_t gpadl;

	if (!check(answer(bytes) != VMBUS_STATUS_SUCCESS, "%s: accepted", what))
		vsc_gpadl_teardown(channel, BAD_ID);
	guest_vmbus_patience(20000);
	check(vsc_gpadl_create(channel, honest, sizeof honest, &gpadl) == 0 && vsc_gpadl_teardown(channel, gpadl) == 0,
	      "after '%s' honest GPADLs do not work", what);
	guest_vmbus_patience(PATIENCE_MS);
}

static void bodies(void)
{
	struct {
		struct vmbus_gpadl_body body;
		uint64_t pages[VMBUS_GPADL_BODY_PFNS];
	} __attribute__((packed)) more = { .body = { .header.type = VMBUS_MSG_GPADL_BODY, .gpadl = BAD_ID } };
	unsigned int i;

	for (i = 0; i < 20; i++)
		vsc_vmbus_post(bus, &more, sizeof more);
	make(1000 * 4096, 0, 0x300, 26);
	m.header.range_bytes = 8 + 1000 * 8;
	vsc_vmbus_post(bus, &m, sizeof m);
	vsc_vmbus_post(bus, &m, sizeof m);           /* begun twice, never ended */
	for (i = 0; i < 100; i++)
		vsc_vmbus_post(bus, &more, sizeof more); /* far more than announced */
	m.header.gpadl = BAD_ID + 1;
	make(4096, 0, 0x300, 1);
	refused("a number that is not finished yet", offsetof(struct gpadl_message, pages) + 8);
}

GUEST_TEST(badgpadl, "GPADLs over memory that is not there, of lengths that lie")
{
	static const struct vmbus_guid class = VMBUS_CLASS_SCSI;
	uint32_t one = offsetof(struct gpadl_message, pages) + 8, i;
	uint64_t top;

	bus = guest_vmbus_connected();
	if (!bus)
		return;
	channel = vsc_vmbus_find(bus, &class, 0);
	if (!channel) {
		skip("no SCSI controller");
		return;
	}
	guest_vmbus_patience(PATIENCE_MS);
	top = memory_top() / 4096;
	make(4096, 0, top, 1);
	refused("a page behind memory", one);
	make(8192, 0, top - 1, 2);
	refused("the last page and one behind", one + 8);
	make(4096, 0, 0xfee00, 1);
	refused("the APIC's page", one);
	make(4096, 0, 0xf0000, 1);
	refused("a page in the hole", one);
	for (i = 20; i < 64; i++) {
		make(4096, 0, 1ull << i, 1);
		refused("a page far away", one);
	}
	make(4096, 0, ~0ull, 1);
	refused("page -1", one);
	make(0xffffffff, 0, 0x300, 1);
	refused("4 GiB in one page", one);
	make(4096, 0xffffffff, 0x300, 1);
	refused("an offset of 4 GiB", one);
	make(0xfffff001, 0xfff, 0x300, 1);
	refused("length and offset that overflow", one);
	make(0, 0, 0x300, 0);
	refused("nothing", offsetof(struct gpadl_message, pages));
	make(4096, 0, 0x300, 1);
	m.header.range_count = 0xffff;
	refused("65535 ranges in 16 bytes", one);
	m.header.range_count = 0;
	refused("no range", one);
	make(4096, 0, 0x300, 1);
	m.header.range_bytes = 7;
	refused("ranges of 7 bytes", one);
	make(4096, 0, 0x300, 1);
	m.header.relid = 0x7ff;
	refused("another's channel", one);
	make(4096, 0, 0x300, 1);
	refused("a message cut short", 20);
	bodies();
	guest_vmbus_patience(20000);
	check(vsc_vmbus_unload(bus) == 0, "no answer to the unload");
}
