/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring indices out of range, unaligned, behind the reader; descriptors whose lengths lie. The host stops using the channel; closing and opening
 * it again makes it work. Nothing else of this child is hurt, nothing of others.
 */
#include "lib/guest.h"
#include "lib/vmbus.h"

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static void *scratch;
static uint8_t *rings;

static void signal_host(void)
{
	struct vsc_channel *c = storvsc.channel;

	c->bus->os->signal_event(c->bus->context, c->offer.connection_id);
}

static void works_again(const char *what)
{
	int rc;

	delay_us(2000);
	guest_vmbus_poll();
	rc = vsc_storvsc_close(&storvsc);
	if (check(rc == 0, "%s: closing gives %d", what, rc)) {
		rc = vsc_storvsc_open(&storvsc, storvsc.channel, rings, GUEST_RING_BYTES);
		check(rc == 0, "%s: opening again gives %d", what, rc);
		rc = vsc_disk_read(&disk, 0, scratch, 4096);
		check(rc == 0, "%s: reading then gives %d", what, rc);
	}
}

static void indices(void)
{
	uint32_t size = storvsc.channel->out.size, i;
	const uint32_t bad[] = { size, size + 8, size - 8, 1, 4, 7, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff };

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		storvsc.channel->out.header->write_index = bad[i];
		signal_host();
		works_again("write index");
		storvsc.channel->in.header->read_index = bad[i];
		vsc_disk_flush(&disk);
		works_again("read index");
		storvsc.channel->out.header->pending_send_size = bad[i];
		storvsc.channel->in.header->pending_send_size = bad[i];
		storvsc.channel->in.header->interrupt_mask = bad[i];
		storvsc.channel->out.header->interrupt_mask = bad[i];
		signal_host();
		works_again("sizes and masks");
	}
}

static void descriptors(void)
{
	static const uint16_t lengths[] = { 0, 1, 2, 3, 0x7fff, 0xfff8, 0xffff };
	unsigned int i, j, type;

	for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		for (j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
			for (type = 0; type < 16; type += 3) {
				struct vmbus_ring *ring = &storvsc.channel->out;
				struct vmbus_descriptor d = { (uint16_t)type, lengths[i], lengths[j], 1, 1 };

				if (ring->next > ring->size - 256)
					works_again("turn of the ring");
				memcpy(ring->data + ring->next, &d, sizeof d);
				ring->header->write_index = ring->next + 128;
				signal_host();
			}
			works_again("descriptor");
		}
	}
}

GUEST_TEST(badring, "ring indices and descriptors that lie")
{
	if (!guest_disk(&storvsc, &disk))
		return;
	scratch = page_alloc(1);
	rings = page_alloc(GUEST_RING_BYTES / 4096);
	guest_vmbus_patience(300);
	indices();
	descriptors();
	guest_vmbus_patience(20000);
	works_again("the end");
}
