/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second VP rewrites descriptors, packet headers and indices while the host reads them. The host works on copies: what it does may be wrong for this
 * guest, but it does it to nobody else, and a channel that is closed and opened again works. (Class of CVE-2021-28476.)
 */
#include "lib/guest.h"
#include "lib/smp.h"
#include "lib/vmbus.h"

#define TEST_UNIT_READY_BYTES 6u
#define HEADER_BYTES 28u             /* descriptor, then operation, flags, status: nothing that names memory */
#define PACKET_BYTES (16u + 64 + 8)

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static volatile uint64_t stop, started;
static uint64_t flips;

static void flip(void *argument)
{
	struct random r = { option_number("seed", 0xf11b) };
	struct vmbus_ring *ring = argument;

	__atomic_store_n(&started, 1, __ATOMIC_RELEASE);
	while (!stop) {
		uint64_t n = random_next(&r);
		uint32_t packet = (uint32_t)(n >> 32) % (ring->size / PACKET_BYTES) * PACKET_BYTES;
		volatile uint8_t *at = ring->data + (packet + n % HEADER_BYTES) % ring->size;
		uint8_t before = *at;

		*at ^= (uint8_t)(n >> 16);
		if (n >> 60 == 0)
			ring->header->write_index ^= 8u << (n >> 24 & 31);
		*at = before;
		flips++;
	}
}

/* Requests without data: a type that is flipped cannot make the host write into this program. */
static void requests(uint64_t until)
{
	static struct vsc_scsi scsi[VSC_STORVSC_REQUESTS];
	uint64_t answered = rdtsc();
	unsigned int i;

	for (i = 0; i < VSC_STORVSC_REQUESTS; i++)
		scsi[i].done = true;
	/* The host gives up a ring that makes no sense; then no answer comes any more. */
	while (rdtsc() < until && !storvsc.channel->failed && rdtsc() - answered < tsc_hz / 50) {
		for (i = 0; i < VSC_STORVSC_REQUESTS; i++) {
			if (!scsi[i].done)
				continue;
			memset(&scsi[i], 0, sizeof scsi[i]);
			scsi[i].cdb_bytes = TEST_UNIT_READY_BYTES;
			if (vsc_storvsc_submit(&storvsc, &scsi[i]) != 0) {
				scsi[i].done = true;
				break;
			}
		}
		guest_vmbus_poll();
		if (vsc_storvsc_poll(&storvsc))
			answered = rdtsc();
	}
}

GUEST_TEST(flipring, "descriptors and indices rewritten while they are read")
{
	uint64_t end;
	unsigned int rounds = 0;
	void *scratch, *rings;

	if (smp_count() < 2) {
		skip("one VP");
		return;
	}
	if (!guest_disk(&storvsc, &disk) || !check(smp_start(1), "VP 1 does not start"))
		return;
	scratch = page_alloc(1);
	rings = page_alloc(GUEST_RING_BYTES / 4096);
	end = rdtsc() + tsc_hz / 1000 * option_number("ms", 3000);
	for (; rdtsc() < end; rounds++) {
		stop = started = 0;
		smp_run(1, flip, &storvsc.channel->out);
		wait_count(&started, 1, 1000000);
		requests(rdtsc() + tsc_hz / 10);
		stop = 1;
		if (!check(smp_wait(1, 5000000), "VP 1 does not stop"))
			return;
		if (!check(vsc_storvsc_close(&storvsc) == 0, "round %u: cannot be closed", rounds) ||
		    !check(vsc_storvsc_open(&storvsc, storvsc.channel, rings, GUEST_RING_BYTES) == 0, "round %u: cannot be opened again", rounds) ||
		    !check(vsc_disk_read(&disk, 0, scratch, 4096) == 0, "round %u: cannot be read any more", rounds))
			return;
	}
	print("%u rounds, %lu bytes flipped\n", rounds, flips);
}
