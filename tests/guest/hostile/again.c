/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The next kernel in the same machine: after a kexec that told VMBus nothing, and after a reset, each time with requests in flight. The host forgets
 * what was, writes nothing more into memory that was shared, and the new kernel finds its disk.
 */
#include "lib/guest.h"
#include "lib/hv.h"
#include "lib/vmbus.h"

#define DEPTH 16u
#define BYTES 65536u
#define MARK 0x6b6e617420746573ull

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static struct vsc_scsi requests[DEPTH];
static struct vsc_segment segment;

static void requests_in_flight(void)
{
	unsigned int i;

	for (i = 0; i < DEPTH; i++) {
		vsc_disk_prepare(&disk, &requests[i], VSTOR_READ, i * 8, &segment, 1);
		vsc_storvsc_submit(&storvsc, &requests[i]);
	}
}

GUEST_TEST(kexec, "connects anew, again and again, with channels open and requests in flight")
{
	static const struct vmbus_guid class = VMBUS_CLASS_SCSI;
	uint8_t *buffer = page_alloc(BYTES / 4096);
	struct vsc_vmbus *bus;
	unsigned int round, i;
	int rc;

	segment = (struct vsc_segment){ buffer, BYTES };
	if (!guest_disk(&storvsc, &disk))
		return;
	bus = storvsc.channel->bus;
	for (round = 0; round < 10; round++) {
		requests_in_flight();
		vsc_vmbus_init(bus, bus->os, bus->context, 0);
		rc = vsc_vmbus_connect(bus, round % 2 ? VMBUS_VERSION_4_0 : 0);
		if (!check(rc == 0, "round %u: connecting gives %d", round, rc))
			return;
		/* From its answer on the host may not touch what the kernel before had shared. */
		memset(buffer, 0x5a, BYTES);
		rc = vsc_vmbus_request_offers(bus);
		check(rc == 0, "round %u: offers give %d", round, rc);
		delay_us(3000);
		for (i = 0; i < BYTES && buffer[i] == 0x5a; i++)
			;
		check(i == BYTES, "round %u: byte %u was written after the new start", round, i);
		rc = vsc_storvsc_open(&storvsc, vsc_vmbus_find(bus, &class, 0), page_alloc(GUEST_RING_BYTES / 4096), GUEST_RING_BYTES);
		if (!check(rc == 0, "round %u: opening gives %d", round, rc))
			return;
		rc = vsc_disk_read(&disk, 0, buffer, 4096);
		check(rc == 0, "round %u: reading gives %d", round, rc);
	}
}

/* The disk remembers what memory must not: the mark says that this is the boot after the reset. */
GUEST_TEST(reset, "resets itself with requests in flight, and starts anew")
{
	static uint64_t leftover;
	uint64_t *block;
	int rc;

	if (!guest_disk(&storvsc, &disk))
		return;
	block = page_alloc(1);
	segment = (struct vsc_segment){ page_alloc(BYTES / 4096), BYTES };
	if (!check(vsc_disk_read(&disk, 8, block, 4096) == 0, "reading the mark"))
		return;
	check(leftover == 0, "the image was not loaded anew");
	if (block[0] == MARK && block[1] > 0) {
		print("boot %lu\n", 4 - block[1]);
		if (--block[1] == 0)
			memset(block, 0, 4096);
	} else {
		block[0] = MARK;
		block[1] = 3;
		print("first boot\n");
	}
	rc = vsc_disk_write(&disk, 8, block, 4096);
	if (!check(rc == 0 && vsc_disk_flush(&disk) == 0, "writing the mark") || block[0] != MARK)
		return;
	leftover = MARK;
	requests_in_flight();
	if (block[1] == 3)
		wrmsr(HV_X64_MSR_RESET, 1);
	else if (block[1] == 2)
		outb(0xcf9, 6);
	else
		wrmsr(HV_X64_MSR_RESET, 1);
	delay_us(1000000);
	failure("still here");
}
