/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI requests whose data lies outside of memory, whose ranges and lengths do not fit each other, which share a transaction id, whose packets are
 * of no known kind. Each is answered with an error, or the channel is given up; the disk's content is as it was.
 */
#include "lib/guest.h"
#include "lib/vmbus.h"

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static uint64_t *before, *after;
static uint8_t *rings;
static unsigned int answered;

struct extension {
	struct vmbus_gpa_direct direct;
	struct vmbus_gpa_range range;
	uint64_t pages[8];
};

static struct vstor_packet packet(uint8_t operation, uint32_t transfer)
{
	struct vstor_packet p = { .operation = VSTOR_EXECUTE_SRB, .flags = VSTOR_FLAG_REQUEST_COMPLETION };

	p.u.request.length = sizeof p.u.request;
	p.u.request.cdb_bytes = 16;
	p.u.request.sense_bytes = VSTOR_SENSE_BYTES;
	p.u.request.data_in = operation == 0x8a ? VSTOR_WRITE : VSTOR_READ;
	p.u.request.transfer_bytes = transfer;
	p.u.request.u.cdb[0] = operation;
	p.u.request.u.cdb[13] = (uint8_t)(transfer / 512);
	return p;
}

static void send(uint16_t type, uint64_t id, const struct extension *e, uint32_t pages, const void *payload, uint32_t bytes)
{
	struct vsc_packet got;
	uint8_t payload_back[128];
	uint64_t end = rdtsc() + tsc_hz / 20;

	vsc_channel_send(storvsc.channel, type, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, id, e, pages ? 16 + pages * 8 : e ? 16 : 0, payload, bytes);
	vsc_channel_flush(storvsc.channel);
	while (rdtsc() < end) {
		guest_vmbus_poll();
		if (vsc_channel_receive(storvsc.channel, &got, payload_back, sizeof payload_back) == 0) {
			const struct vstor_packet *p = (const void *)payload_back;

			answered++;
			check(got.transaction_id == id, "answer to %lx, sent %lx", got.transaction_id, id);
			check(p->status != 0 || (p->u.request.srb_status & VSTOR_SRB_STATUS_MASK) != VSTOR_SRB_SUCCESS || id >> 32 == 1,
			      "request %lx succeeded", id);
			return;
		}
	}
}

static void reopen(void)
{
	/* What the client has not seen itself is only known to the host; a fresh channel forgets it. */
	storvsc.channel->event = NULL;
	vsc_storvsc_close(&storvsc);
	check(vsc_storvsc_open(&storvsc, storvsc.channel, rings, GUEST_RING_BYTES) == 0, "cannot be opened again");
	storvsc.channel->event = NULL;
}

static void ranges(uint8_t operation)
{
	const uint64_t top = memory_top() / 4096;
	const uint64_t places[] = { top, top - 1, 0xfee00, 0xf0000, 1ull << 40, 1ull << 52, ~0ull, 0x7ffffffffffff };
	struct vstor_packet p = packet(operation, 8192);
	struct extension e;
	unsigned int i;

	for (i = 0; i < sizeof places / sizeof places[0]; i++) {
		e = (struct extension){ { 0, 1 }, { 8192, 0 }, { places[i], places[i] + 1 } };
		send(VMBUS_PACKET_GPA_DIRECT, 0x100 + i, &e, 2, &p, sizeof p);
	}
	e = (struct extension){ { 0, 1 }, { 0xffffffff, 0 }, { 0x800 } };
	send(VMBUS_PACKET_GPA_DIRECT, 0x200, &e, 1, &p, sizeof p);
	e = (struct extension){ { 0, 1 }, { 8192, 0xffffffff }, { 0x800, 0x801 } };
	send(VMBUS_PACKET_GPA_DIRECT, 0x201, &e, 2, &p, sizeof p);
	e = (struct extension){ { 0, 0xffffffff }, { 8192, 0 }, { 0x800, 0x801 } };
	send(VMBUS_PACKET_GPA_DIRECT, 0x202, &e, 2, &p, sizeof p);
	e = (struct extension){ { 0, 0 }, { 8192, 0 }, { 0x800, 0x801 } };
	send(VMBUS_PACKET_GPA_DIRECT, 0x203, &e, 2, &p, sizeof p);
	reopen();
	/* More announced than the range holds. */
	p = packet(operation, 8192);
	e = (struct extension){ { 0, 1 }, { 512, 0 }, { (uintptr_t)after / 4096 } };
	send(VMBUS_PACKET_GPA_DIRECT, 0x204, &e, 1, &p, sizeof p);
	p.u.request.transfer_bytes = 0xffffffff;
	send(VMBUS_PACKET_GPA_DIRECT, 0x205, &e, 1, &p, sizeof p);
	p.u.request.cdb_bytes = 255;
	send(VMBUS_PACKET_GPA_DIRECT, 1ull << 32, &e, 1, &p, sizeof p);
	p.u.request.length = 0xffff;
	send(VMBUS_PACKET_GPA_DIRECT, 1ull << 32 | 1, &e, 1, &p, sizeof p);
	reopen();
}

static void kinds(void)
{
	struct vstor_packet p = packet(0x00, 0);
	unsigned int i;

	for (i = 0; i < 16; i++) {
		send((uint16_t)i, 1ull << 32 | i, NULL, 0, &p, sizeof p);
		reopen();
	}
	for (i = 0; i < 64; i += 7)
		send(VMBUS_PACKET_INBAND, 1ull << 32 | i, NULL, 0, &p, i);
	for (i = 0; i < 40; i++) {
		p.operation = i < 32 ? i : 1u << i % 32;
		send(VMBUS_PACKET_INBAND, 1ull << 32 | i, NULL, 0, &p, sizeof p);
	}
	reopen();
	/* One transaction id for all. */
	p = packet(0x00, 0);
	for (i = 0; i < 100; i++)
		vsc_channel_send(storvsc.channel, VMBUS_PACKET_INBAND, 1, 5, NULL, 0, &p, sizeof p);
	vsc_channel_flush(storvsc.channel);
	delay_us(50000);
	reopen();
}

GUEST_TEST(baddata, "requests whose data, lengths and kinds lie")
{
	if (!guest_disk(&storvsc, &disk))
		return;
	before = page_alloc(16);
	after = page_alloc(16);
	rings = page_alloc(GUEST_RING_BYTES / 4096);
	if (!check(vsc_disk_read(&disk, 0, before, 65536) == 0, "first read"))
		return;
	storvsc.channel->event = NULL;
	ranges(0x88);
	ranges(0x8a);
	kinds();
	print("%u answers\n", answered);
	check(answered > 10, "only %u answers", answered);
	reopen();
	check(vsc_disk_read(&disk, 0, after, 65536) == 0, "last read");
	check(memcmp(before, after, 65536) == 0, "the disk has changed");
}
