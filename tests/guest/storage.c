/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A well-behaved client of the synthetic disk: writes a seeded pattern one way, reads it back another way, checks every byte, flushes. `mib=`
 * says how much, `rounds=` how often at least, `ms=` for how long at least, `seed=` with what. As a neighbour of misbehaving guests it shows that their doings are theirs alone.
 */
#include "lib/guest.h"
#include "lib/vmbus.h"

#define CHUNK (256u * 1024)
#define SMALL 4096u
#define DEPTH 32u

static struct vsc_storvsc storvsc;
static struct vsc_disk disk;
static uint64_t *chunk, *expected;
static uint8_t *buffers;

static void fill(uint64_t *buffer, uint32_t bytes, uint64_t seed, uint64_t block)
{
	struct random r = { (seed << 32 ^ block * 0x9e3779b97f4a7c15ull) | 1 };
	uint32_t i;

	for (i = 0; i < bytes / 8; i++)
		buffer[i] = random_next(&r);
}

static bool write_all(uint64_t bytes, uint64_t seed)
{
	uint64_t at, small;
	int rc = 0;

	for (at = 0; rc == 0 && at < bytes; at += CHUNK) {
		for (small = 0; small < CHUNK; small += SMALL)
			fill(chunk + small / 8, SMALL, seed, (at + small) / SMALL);
		rc = vsc_disk_write(&disk, at / disk.block_bytes, chunk, CHUNK);
	}
	if (rc == 0)
		rc = vsc_disk_flush(&disk);
	return check(rc == 0, "write at %lu: error %d", at, rc);
}

/* In pieces of 4 KiB, many at once, in an order of their own. */
static bool read_all(uint64_t bytes, uint64_t seed)
{
	static struct vsc_scsi requests[DEPTH];
	static struct vsc_segment segments[DEPTH];
	static uint64_t piece_of[DEPTH];
	uint64_t pieces = bytes / SMALL, next = 0, done = 0;
	struct vsc_vmbus *bus = storvsc.channel->bus;
	unsigned int i;

	for (i = 0; i < DEPTH; i++)
		requests[i].done = true;
	for (i = 0; done < pieces; i = (i + 1) % DEPTH) {
		if (segments[i].memory && requests[i].done) {
			fill(expected, SMALL, seed, piece_of[i]);
			if (!check(requests[i].error == 0, "read of piece %lu: error %d", piece_of[i], requests[i].error) ||
			    !check(memcmp(expected, segments[i].memory, SMALL) == 0, "piece %lu is not what was written", piece_of[i]))
				return false;
			segments[i].memory = NULL;
			done++;
		}
		if (!segments[i].memory && next < pieces) {
			piece_of[i] = next++ * 7919 % pieces;
			segments[i] = (struct vsc_segment){ buffers + i * SMALL, SMALL };
			vsc_disk_prepare(&disk, &requests[i], VSTOR_READ, piece_of[i] * SMALL / disk.block_bytes, &segments[i], 1);
			vsc_storvsc_submit(&storvsc, &requests[i]);
		}
		if (i == DEPTH - 1 && storvsc.in_flight && !vsc_storvsc_poll(&storvsc) && !bus->os->wait(bus->context)) {
			failure("%u reads are never answered", storvsc.in_flight);
			return false;
		}
	}
	return true;
}

GUEST_TEST(storage, "writes, flushes, reads back and verifies through storvsc")
{
	uint64_t bytes = option_number("mib", 4) << 20, rounds = option_number("rounds", 1), seed = option_number("seed", 1), start, end, i;

	if (!guest_disk(&storvsc, &disk))
		return;
	if (bytes > disk.blocks * disk.block_bytes)
		bytes = disk.blocks * disk.block_bytes & ~(CHUNK - 1ull);
	print("'%s' '%s' %lu blocks of %u; storvsc %x, VMBus %x\n", disk.vendor, disk.product, disk.blocks, disk.block_bytes, storvsc.version,
	      storvsc.channel->bus->version);
	chunk = page_alloc(CHUNK / 4096);
	expected = page_alloc(1);
	buffers = page_alloc(DEPTH);
	start = rdtsc();
	end = start + tsc_hz / 1000 * option_number("ms", 0);
	for (i = 0; i < rounds || rdtsc() < end; i++)
		if (!write_all(bytes, seed + i) || !read_all(bytes, seed + i))
			return;
	print("%lu rounds\nGUEST-VALUE storage-ms %lu\n", i, (rdtsc() - start) / (tsc_hz / 1000));
	print("packets %lu out %lu in, signals %lu out %lu in\n", storvsc.channel->packets_out, storvsc.channel->packets_in,
	      storvsc.channel->signals_out, storvsc.channel->signals_in);
	check(storvsc.refused == 0, "%lu answers made no sense", storvsc.refused);
	check(vsc_storvsc_close(&storvsc) == 0, "the channel cannot be closed");
}
