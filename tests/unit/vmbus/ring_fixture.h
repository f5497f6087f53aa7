/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring on memory of its own, contiguous as a guest has it or scattered as the server does, with both ends at hand. */
#ifndef BULKHEAD_TEST_VMBUS_RING_FIXTURE_H
#define BULKHEAD_TEST_VMBUS_RING_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmbus/ring/ring.h"

#define PAGE 4096u
#define DATA_PAGES 3u
#define SIZE (DATA_PAGES * PAGE)

/* A ring of pages that are anything but neighbours, and one in a piece; both ends look at it. */
struct fixture {
	uint8_t *pages[1 + DATA_PAGES];
	uint8_t *linear;
	struct vmbus_ring_header *header;
	struct vmbus_ring reader, writer;
};

static inline void set_up(struct fixture *f, bool scattered)
{
	memset(f, 0, sizeof *f);
	if (scattered) {
		for (unsigned i = 0; i <= DATA_PAGES; i++)
			f->pages[i] = calloc(1, PAGE);
		f->header = (struct vmbus_ring_header *)f->pages[0];
		ck_assert(vmbus_ring_init_pages(&f->reader, f->pages, 1 + DATA_PAGES));
		ck_assert(vmbus_ring_init_pages(&f->writer, f->pages, 1 + DATA_PAGES));
	} else {
		f->linear = calloc(1 + DATA_PAGES, PAGE);
		f->header = (struct vmbus_ring_header *)f->linear;
		ck_assert(vmbus_ring_init(&f->reader, f->linear, (1 + DATA_PAGES) * PAGE));
		ck_assert(vmbus_ring_init(&f->writer, f->linear, (1 + DATA_PAGES) * PAGE));
	}
	ck_assert_uint_eq(f->reader.size, SIZE);
}

static inline void tear_down(struct fixture *f)
{
	for (unsigned i = 0; i <= DATA_PAGES; i++)
		free(f->pages[i]);
	free(f->linear);
}

static inline void start_at(struct fixture *f, uint32_t index)
{
	f->header->read_index = f->header->write_index = index;
	ck_assert_int_eq(vmbus_ring_reader_start(&f->reader), VMBUS_RING_OK);
	ck_assert_int_eq(vmbus_ring_writer_start(&f->writer), VMBUS_RING_OK);
}

static inline int put(struct fixture *f, uint64_t id, const void *payload, size_t bytes)
{
	struct vmbus_ring_part part = { payload, bytes };

	return vmbus_ring_write(&f->writer, VMBUS_PACKET_INBAND, 0, id, 0, &part, 1);
}

static inline void poke(struct fixture *f, uint32_t index, const void *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (index + i) % SIZE;
		uint8_t *byte = f->linear ? f->linear + PAGE + at : f->pages[1 + at / PAGE] + at % PAGE;

		*byte = ((const uint8_t *)bytes)[i];
	}
}

#endif
