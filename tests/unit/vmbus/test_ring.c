/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring, both ends in one process. ASan watches the pages' bounds: every page is an allocation of its own where it matters. */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
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

static void set_up(struct fixture *f, bool scattered)
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

static void tear_down(struct fixture *f)
{
	for (unsigned i = 0; i <= DATA_PAGES; i++)
		free(f->pages[i]);
	free(f->linear);
}

static void start_at(struct fixture *f, uint32_t index)
{
	f->header->read_index = f->header->write_index = index;
	ck_assert_int_eq(vmbus_ring_reader_start(&f->reader), VMBUS_RING_OK);
	ck_assert_int_eq(vmbus_ring_writer_start(&f->writer), VMBUS_RING_OK);
}

static int put(struct fixture *f, uint64_t id, const void *payload, size_t bytes)
{
	struct vmbus_ring_part part = { payload, bytes };

	return vmbus_ring_write(&f->writer, VMBUS_PACKET_INBAND, 0, id, 0, &part, 1);
}

static void poke(struct fixture *f, uint32_t index, const void *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (index + i) % SIZE;
		uint8_t *byte = f->linear ? f->linear + PAGE + at : f->pages[1 + at / PAGE] + at % PAGE;

		*byte = ((const uint8_t *)bytes)[i];
	}
}

/* Whatever offset a packet starts at, it comes out as it went in, wherever page and ring end cut it. */
START_TEST(wraps_at_every_offset)
{
	uint8_t payload[301], back[304];
	struct vmbus_ring_packet p;
	struct fixture f;

	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	set_up(&f, _i);
	for (uint32_t index = 0; index < SIZE; index += 8) {
		size_t bytes = index / 8 % sizeof payload;
		uint32_t padded = ((uint32_t)bytes + 7) & ~7u;

		start_at(&f, index);
		ck_assert_int_eq(put(&f, index, payload, bytes), VMBUS_RING_OK);
		ck_assert(vmbus_ring_write_end(&f.writer));
		ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_OK);
		ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
		ck_assert_uint_eq(p.transaction_id, index);
		ck_assert_uint_eq(p.header_bytes, 16);
		ck_assert_uint_eq(p.total_bytes, 16 + padded);
		ck_assert(vmbus_ring_copy(&f.reader, &p, p.header_bytes, back, padded));
		ck_assert_int_eq(memcmp(back, payload, bytes), 0);
		for (uint32_t i = (uint32_t)bytes; i < padded; i++)
			ck_assert_uint_eq(back[i], 0);
		vmbus_ring_consume(&f.reader, &p);
		ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_EMPTY);
		ck_assert(!vmbus_ring_read_end(&f.reader));
		ck_assert_uint_eq(f.header->read_index, f.header->write_index);
		ck_assert_uint_eq(f.header->write_index, (index + 16 + padded + 8) % SIZE);
	}
	tear_down(&f);
}
END_TEST

/* Parts are joined, the extension moves the payload's offset, the trailer is the packet's start in the upper half. */
START_TEST(layout_of_a_packet)
{
	static const uint8_t head[8] = "header!", one[5] = "abcd", two[6] = "efghi";
	struct vmbus_ring_part parts[] = { { head, 8 }, { one, 5 }, { two, 6 } };
	struct vmbus_descriptor d;
	uint64_t trailer;
	struct fixture f;
	char text[16];

	set_up(&f, false);
	start_at(&f, 64);
	ck_assert_int_eq(vmbus_ring_write(&f.writer, VMBUS_PACKET_TRANSFER_PAGES, 1, 42, 8, parts, 3), VMBUS_RING_OK);
	vmbus_ring_write_end(&f.writer);
	memcpy(&d, f.linear + PAGE + 64, sizeof d);
	ck_assert_uint_eq(d.type, 7);
	ck_assert_uint_eq(d.offset8, 3);
	ck_assert_uint_eq(d.length8, 5);
	ck_assert_uint_eq(d.flags, 1);
	ck_assert_uint_eq(d.transaction_id, 42);
	memcpy(text, f.linear + PAGE + 64 + 24, sizeof text);
	ck_assert_int_eq(memcmp(text, "abcd\0efghi\0\0\0\0\0\0", 16), 0);
	memcpy(&trailer, f.linear + PAGE + 64 + 40, sizeof trailer);
	ck_assert(trailer == (uint64_t)64 << 32);
	ck_assert_uint_eq(f.header->write_index, 64 + 48);
	ck_assert_uint_eq(f.header->features & 1, 1);
	ck_assert_int_eq(vmbus_ring_write(&f.writer, 6, 0, 0, 4, parts, 3), VMBUS_RING_TOO_BIG);
	ck_assert_int_eq(vmbus_ring_write(&f.writer, 6, 0, 0, 24, parts, 3), VMBUS_RING_TOO_BIG);
	tear_down(&f);
}
END_TEST

/* A packet that would take the last free byte does not go in: full would look like empty. Eight bytes less do. */
START_TEST(never_fills_completely)
{
	static uint8_t payload[SIZE];
	struct vmbus_ring_packet p;
	struct fixture f;

	set_up(&f, _i);
	for (uint32_t index = 0; index < SIZE; index += 1000) {
		start_at(&f, index & ~7u);
		ck_assert_int_eq(put(&f, 1, payload, SIZE - 24), VMBUS_RING_TOO_BIG);
		ck_assert_int_eq(put(&f, 1, payload, SIZE - 32), VMBUS_RING_OK);
		vmbus_ring_write_end(&f.writer);
		ck_assert_uint_ne(f.header->write_index, f.header->read_index);
		ck_assert_int_eq(put(&f, 2, NULL, 0), VMBUS_RING_FULL);
		ck_assert_uint_eq(f.header->pending_send_size, 24);
		ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_OK);
		ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
		ck_assert_uint_eq(p.total_bytes, SIZE - 16);
		vmbus_ring_consume(&f.reader, &p);
		ck_assert(vmbus_ring_read_end(&f.reader));
		ck_assert_int_eq(put(&f, 2, NULL, 0), VMBUS_RING_OK);
		ck_assert_uint_eq(f.header->pending_send_size, 0);
	}
	tear_down(&f);
}
END_TEST

/* Of a ring full of small packets each is there once and in order; the writer is refused exactly when the next would not fit. */
START_TEST(fills_and_drains_in_order)
{
	struct vmbus_ring_packet p;
	uint64_t in = 0, out = 0;
	struct fixture f;

	set_up(&f, _i);
	start_at(&f, 4096 - 8);
	for (int round = 0; round < 50; round++) {
		while (put(&f, in, &in, sizeof in) == VMBUS_RING_OK)
			in++;
		ck_assert_uint_eq(in - out, (SIZE - 8) / 32);
		vmbus_ring_write_end(&f.writer);
		ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_OK);
		while (vmbus_ring_peek(&f.reader, &p) == VMBUS_RING_OK) {
			uint64_t value;

			ck_assert(vmbus_ring_copy(&f.reader, &p, p.header_bytes, &value, sizeof value));
			ck_assert(value == out && p.transaction_id == out);
			out++;
			vmbus_ring_consume(&f.reader, &p);
		}
		ck_assert(in == out);
		vmbus_ring_read_end(&f.reader);
	}
	tear_down(&f);
}
END_TEST

static void take_one(struct fixture *f)
{
	struct vmbus_ring_packet p;

	ck_assert_int_eq(vmbus_ring_read_begin(&f->reader), VMBUS_RING_OK);
	ck_assert_int_eq(vmbus_ring_peek(&f->reader, &p), VMBUS_RING_OK);
	vmbus_ring_consume(&f->reader, &p);
}

/* A writer signals on the step from empty to not empty, and only when the reader has not masked. */
START_TEST(writer_signals_empty_to_not_empty)
{
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	put(&f, 1, NULL, 0);
	ck_assert(vmbus_ring_write_end(&f.writer));
	ck_assert(!vmbus_ring_write_end(&f.writer));
	put(&f, 2, NULL, 0);
	ck_assert(!vmbus_ring_write_end(&f.writer));
	/* One of two taken: the reader is still busy. */
	take_one(&f);
	vmbus_ring_read_end(&f.reader);
	put(&f, 3, NULL, 0);
	ck_assert(!vmbus_ring_write_end(&f.writer));
	take_one(&f);
	take_one(&f);
	vmbus_ring_read_end(&f.reader);
	/* A batch of three is one step. */
	put(&f, 4, NULL, 0);
	put(&f, 5, NULL, 0);
	put(&f, 6, NULL, 0);
	ck_assert_uint_eq(f.header->write_index, 3 * 24);
	ck_assert(vmbus_ring_write_end(&f.writer));
	tear_down(&f);
}
END_TEST

START_TEST(masked_reader_is_not_signalled_and_looks_again)
{
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	vmbus_ring_mask(&f.reader);
	ck_assert_uint_eq(f.header->interrupt_mask, 1);
	put(&f, 1, NULL, 0);
	ck_assert(!vmbus_ring_write_end(&f.writer));
	ck_assert(vmbus_ring_unmask(&f.reader));
	ck_assert_uint_eq(f.header->interrupt_mask, 0);
	take_one(&f);
	vmbus_ring_read_end(&f.reader);
	ck_assert(!vmbus_ring_unmask(&f.reader));
	put(&f, 2, NULL, 0);
	ck_assert(vmbus_ring_write_end(&f.writer));
	tear_down(&f);
}
END_TEST

/* The reader signals once, when its reading takes the room from too little to enough; never without the feature bit. */
START_TEST(reader_signals_when_room_suffices)
{
	static uint8_t payload[1000];
	unsigned signals = 0;
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	while (put(&f, 1, payload, 1000) == VMBUS_RING_OK)
		;
	vmbus_ring_write_end(&f.writer);
	/* Eleven are in; 1,024 bytes are free, all of which one more would take. Now wait for 2,000. */
	ck_assert_uint_eq(f.header->pending_send_size, 1024);
	f.header->pending_send_size = 2000;
	take_one(&f);
	if (_i)
		f.header->features = 0;
	signals += vmbus_ring_read_end(&f.reader);
	ck_assert_uint_eq(signals, _i ? 0 : 1);
	/* Further room finds the writer awake already. */
	take_one(&f);
	ck_assert(!vmbus_ring_read_end(&f.reader));
	/* Not enough yet, then enough. */
	f.header->pending_send_size = 5000;
	take_one(&f);
	ck_assert(!vmbus_ring_read_end(&f.reader));
	take_one(&f);
	ck_assert_int_eq(vmbus_ring_read_end(&f.reader), !_i);
	/* Nobody waits. */
	f.header->pending_send_size = 0;
	take_one(&f);
	ck_assert(!vmbus_ring_read_end(&f.reader));
	tear_down(&f);
}
END_TEST

/*
 * A batch that runs into a full ring is published before the writer says what it waits for: the reader must not count
 * unpublished bytes as room.
 */
START_TEST(full_batch_is_published_before_waiting)
{
	static uint8_t payload[5000];
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	ck_assert_int_eq(put(&f, 1, payload, 5000), VMBUS_RING_OK);
	ck_assert_int_eq(put(&f, 2, payload, 5000), VMBUS_RING_OK);
	ck_assert_uint_eq(f.header->write_index, 0);
	ck_assert_int_eq(put(&f, 3, payload, 5000), VMBUS_RING_FULL);
	ck_assert_uint_ne(f.header->write_index, 0);
	ck_assert(!vmbus_ring_has_room(&f.writer));
	ck_assert(vmbus_ring_write_end(&f.writer));
	take_one(&f);
	ck_assert(vmbus_ring_read_end(&f.reader));
	ck_assert(vmbus_ring_has_room(&f.writer));
	tear_down(&f);
}
END_TEST

START_TEST(index_outside_the_ring_is_refused)
{
	static const uint32_t bad[] = { SIZE, SIZE + 8, 4, 1, 0xfffffff8u, 0xffffffffu, SIZE - 1, 0x80000000u };
	static uint8_t payload[4300];
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	f.header->write_index = bad[_i];
	ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_BAD);
	ck_assert_int_eq(vmbus_ring_writer_start(&f.writer), VMBUS_RING_BAD);
	ck_assert_int_eq(vmbus_ring_reader_resume(&f.reader, bad[_i]), VMBUS_RING_BAD);
	ck_assert_int_eq(vmbus_ring_writer_resume(&f.writer, bad[_i]), VMBUS_RING_BAD);
	start_at(&f, 0);
	put(&f, 1, payload, 4000);
	put(&f, 1, payload, 4000);
	f.header->read_index = bad[_i];
	ck_assert_int_eq(put(&f, 1, payload, 4300), VMBUS_RING_BAD);
	ck_assert(!vmbus_ring_has_room(&f.writer) || f.writer.pending == 0);
	ck_assert_int_eq(vmbus_ring_reader_start(&f.reader), VMBUS_RING_BAD);
	tear_down(&f);
}
END_TEST

/* A reader cannot have read what was not published, nor go back: such an index would hand the writer room that is in use. */
START_TEST(read_index_must_lie_in_what_was_published)
{
	static uint8_t payload[4300];
	struct vmbus_ring_packet p;
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	put(&f, 1, payload, 4000);
	put(&f, 2, payload, 4000);
	vmbus_ring_write_end(&f.writer);
	f.header->read_index = 8056;
	ck_assert_int_eq(put(&f, 3, payload, 4300), VMBUS_RING_BAD);
	f.header->read_index = SIZE - 8;
	ck_assert_int_eq(put(&f, 3, payload, 4300), VMBUS_RING_BAD);
	vmbus_ring_read_begin(&f.reader);
	ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
	vmbus_ring_consume(&f.reader, &p);
	vmbus_ring_read_end(&f.reader);
	ck_assert_int_eq(put(&f, 3, payload, 4300), VMBUS_RING_OK);
	f.header->read_index = 0;
	ck_assert_int_eq(put(&f, 4, payload, 4000), VMBUS_RING_BAD);
	tear_down(&f);
}
END_TEST

/* Scribbling over the owner's own index moves nothing: it is kept privately and written again with the next step. */
START_TEST(own_index_in_shared_memory_is_not_read_back)
{
	struct vmbus_ring_packet p;
	struct fixture f;

	set_up(&f, false);
	start_at(&f, 0);
	put(&f, 1, NULL, 0);
	vmbus_ring_write_end(&f.writer);
	f.header->write_index = 16;
	put(&f, 2, NULL, 0);
	vmbus_ring_write_end(&f.writer);
	ck_assert_uint_eq(f.header->write_index, 48);
	f.header->read_index = 40;
	vmbus_ring_read_begin(&f.reader);
	ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
	ck_assert_uint_eq(p.transaction_id, 1);
	vmbus_ring_consume(&f.reader, &p);
	vmbus_ring_read_end(&f.reader);
	ck_assert_uint_eq(f.header->read_index, 24);
	tear_down(&f);
}
END_TEST

START_TEST(malformed_descriptor_is_refused)
{
	/* Packet of 64 bytes and trailer are announced by the indices. */
	static const struct { uint16_t offset8, length8; int expected; } cases[] = {
		{ 2, 8, VMBUS_RING_OK }, { 8, 8, VMBUS_RING_OK }, { 2, 2, VMBUS_RING_OK },
		{ 2, 9, VMBUS_RING_BAD }, { 9, 8, VMBUS_RING_BAD }, { 1, 8, VMBUS_RING_BAD }, { 0, 8, VMBUS_RING_BAD },
		{ 2, 1, VMBUS_RING_BAD }, { 2, 0, VMBUS_RING_BAD }, { 0, 0, VMBUS_RING_BAD }, { 2, 0xffff, VMBUS_RING_BAD },
		{ 0xffff, 0xffff, VMBUS_RING_BAD }, { 0xffff, 8, VMBUS_RING_BAD }, { 3, 2, VMBUS_RING_BAD },
	};
	struct vmbus_ring_packet p;
	struct fixture f;

	set_up(&f, true);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vmbus_descriptor d = { .type = 6, .offset8 = cases[i].offset8, .length8 = cases[i].length8 };

		start_at(&f, SIZE - 24);
		poke(&f, SIZE - 24, &d, sizeof d);
		f.header->write_index = 48;
		ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_OK);
		ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), cases[i].expected);
	}
	/* Less than a descriptor and a trailer. */
	for (uint32_t bytes = 8; bytes < 24; bytes += 8) {
		start_at(&f, 0);
		f.header->write_index = bytes;
		vmbus_ring_read_begin(&f.reader);
		ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_BAD);
	}
	tear_down(&f);
}
END_TEST

/*
 * A guest that rewrites indices or descriptor between the check and the use must not make the reader leave the packet that it
 * checked: both were copied. (Class of CVE-2021-28476.)
 */
START_TEST(index_changed_after_check_is_not_trusted)
{
	struct vmbus_descriptor d = { .type = 6, .offset8 = 2, .length8 = 0xffff };
	struct vmbus_ring_packet p, q;
	uint8_t bytes[64];
	struct fixture f;

	set_up(&f, true);
	start_at(&f, 0);
	put(&f, 7, "0123456789abcde", 16);
	vmbus_ring_write_end(&f.writer);
	vmbus_ring_read_begin(&f.reader);
	f.header->write_index = SIZE + 4096;
	ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
	poke(&f, 0, &d, sizeof d);
	ck_assert(!vmbus_ring_copy(&f.reader, &p, 16, bytes, 24));
	ck_assert(!vmbus_ring_copy(&f.reader, &p, 40, bytes, 0));
	ck_assert(!vmbus_ring_copy(&f.reader, &p, 0xfffffff0u, bytes, 16));
	ck_assert(vmbus_ring_copy(&f.reader, &p, 16, bytes, 16));
	ck_assert_str_eq((char *)bytes, "0123456789abcde");
	vmbus_ring_consume(&f.reader, &p);
	ck_assert_uint_eq(f.reader.next, 40);
	ck_assert_int_eq(vmbus_ring_peek(&f.reader, &q), VMBUS_RING_EMPTY);
	ck_assert(!vmbus_ring_read_end(&f.reader));
	ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_BAD);
	tear_down(&f);
}
END_TEST

struct scribbler {
	struct fixture *f;
	volatile bool stop;
};

/* Mostly plausible values, so that the reader gets far. */
static void *scribble(void *argument)
{
	struct scribbler *s = argument;
	uint32_t random = 1;

	while (!s->stop) {
		uint32_t at;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		at = random % SIZE & ~7u;
		if (random >> 28 == 0)
			__atomic_store_n(&s->f->header->write_index, random >> 4, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&s->f->header->write_index, at, __ATOMIC_RELAXED);
		__atomic_store_n(&s->f->header->pending_send_size, random & 0xfff, __ATOMIC_RELAXED);
		at = random / 7 % SIZE & ~7u;
		*(volatile uint64_t *)(s->f->pages[1 + at / PAGE] + at % PAGE) =
			6 | (uint64_t)(random >> 20 & 7) << 16 | (uint64_t)(random >> 25 & 31) << 32;
	}
	return NULL;
}

/* The same without rules: another thread writes all over the ring while it is read. Nothing but the ring may be touched. */
START_TEST(reader_survives_a_hostile_writer)
{
	struct scribbler s;
	struct fixture f;
	pthread_t thread;
	unsigned packets = 0;

	set_up(&f, true);
	start_at(&f, 0);
	f.header->features = 1;
	s = (struct scribbler){ .f = &f };
	ck_assert_int_eq(pthread_create(&thread, NULL, scribble, &s), 0);
	for (unsigned i = 0; i < 100000 || (packets < 1000 && i < 50000000); i++) {
		struct vmbus_ring_packet p;
		uint8_t bytes[4096];

		if (vmbus_ring_read_begin(&f.reader) != VMBUS_RING_OK)
			continue;
		while (vmbus_ring_peek(&f.reader, &p) == VMBUS_RING_OK) {
			ck_assert(p.header_bytes >= 16 && p.header_bytes <= p.total_bytes && p.total_bytes < SIZE);
			if (p.total_bytes <= sizeof bytes)
				ck_assert(vmbus_ring_copy(&f.reader, &p, 0, bytes, p.total_bytes));
			vmbus_ring_consume(&f.reader, &p);
			ck_assert(f.reader.next < SIZE && f.reader.next % 8 == 0);
			packets++;
		}
		vmbus_ring_read_end(&f.reader);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	ck_assert_uint_gt(packets, 0);
	tear_down(&f);
}
END_TEST

#define STREAM 200000u
struct stream {
	struct fixture f;
	sem_t data, room;
};

static void *produce(void *argument)
{
	struct stream *s = argument;

	for (uint64_t i = 0; i < STREAM;) {
		int rc = put(&s->f, i, &i, sizeof i);

		if (rc == VMBUS_RING_OK && ++i % 3)
			continue;
		if (vmbus_ring_write_end(&s->f.writer))
			sem_post(&s->data);
		if (rc == VMBUS_RING_FULL)
			sem_wait(&s->room);
	}
	if (vmbus_ring_write_end(&s->f.writer))
		sem_post(&s->data);
	return NULL;
}

/* Two threads, each asleep unless the other's signal wakes it: a signal too few and the test hangs. */
START_TEST(no_signal_is_lost)
{
	static struct stream s;
	struct vmbus_ring_packet p;
	uint64_t expected = 0;
	pthread_t thread;

	set_up(&s.f, true);
	start_at(&s.f, 0);
	sem_init(&s.data, 0, 0);
	sem_init(&s.room, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, produce, &s), 0);
	while (expected < STREAM) {
		sem_wait(&s.data);
		do {
			vmbus_ring_mask(&s.f.reader);
			while (vmbus_ring_read_begin(&s.f.reader) == VMBUS_RING_OK) {
				while (vmbus_ring_peek(&s.f.reader, &p) == VMBUS_RING_OK) {
					ck_assert(p.transaction_id == expected);
					expected++;
					vmbus_ring_consume(&s.f.reader, &p);
				}
				if (vmbus_ring_read_end(&s.f.reader))
					sem_post(&s.room);
			}
		} while (vmbus_ring_unmask(&s.f.reader));
	}
	pthread_join(thread, NULL);
	tear_down(&s.f);
}
END_TEST

/* A successor goes on where its predecessor's private positions were, whatever the shared indices say. */
START_TEST(resumes_at_kept_positions)
{
	struct vmbus_ring_packet p;
	struct fixture f;

	set_up(&f, true);
	start_at(&f, 0);
	put(&f, 1, NULL, 0);
	put(&f, 2, NULL, 0);
	/* Killed before it was published. */
	ck_assert_int_eq(vmbus_ring_writer_resume(&f.writer, f.writer.next), VMBUS_RING_OK);
	ck_assert_uint_eq(f.header->write_index, 48);
	f.header->read_index = 8;
	ck_assert_int_eq(vmbus_ring_reader_resume(&f.reader, 24), VMBUS_RING_OK);
	ck_assert_uint_eq(f.header->read_index, 24);
	ck_assert_int_eq(vmbus_ring_read_begin(&f.reader), VMBUS_RING_OK);
	ck_assert_int_eq(vmbus_ring_peek(&f.reader, &p), VMBUS_RING_OK);
	ck_assert_uint_eq(p.transaction_id, 2);
	tear_down(&f);
}
END_TEST

START_TEST(sizes_that_are_no_ring)
{
	static uint8_t memory[2 * PAGE];
	uint8_t *pages[2] = { memory, memory + PAGE };
	struct vmbus_ring ring;

	ck_assert(!vmbus_ring_init(&ring, memory, 0));
	ck_assert(!vmbus_ring_init(&ring, memory, PAGE));
	ck_assert(!vmbus_ring_init(&ring, memory, 2 * PAGE - 1));
	ck_assert(!vmbus_ring_init(&ring, memory, (size_t)1 << 32));
	ck_assert(vmbus_ring_init(&ring, memory, 2 * PAGE));
	ck_assert(!vmbus_ring_init_pages(&ring, pages, 1));
	ck_assert(vmbus_ring_init_pages(&ring, pages, 2));
	/* Neighbours are used as one piece. */
	ck_assert_ptr_eq(ring.data, memory + PAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, wraps_at_every_offset, 0, 2);
	tcase_add_test(tcase, layout_of_a_packet);
	tcase_add_loop_test(tcase, never_fills_completely, 0, 2);
	tcase_add_loop_test(tcase, fills_and_drains_in_order, 0, 2);
	tcase_add_test(tcase, writer_signals_empty_to_not_empty);
	tcase_add_test(tcase, masked_reader_is_not_signalled_and_looks_again);
	tcase_add_loop_test(tcase, reader_signals_when_room_suffices, 0, 2);
	tcase_add_test(tcase, full_batch_is_published_before_waiting);
	tcase_add_loop_test(tcase, index_outside_the_ring_is_refused, 0, 8);
	tcase_add_test(tcase, read_index_must_lie_in_what_was_published);
	tcase_add_test(tcase, own_index_in_shared_memory_is_not_read_back);
	tcase_add_test(tcase, malformed_descriptor_is_refused);
	tcase_add_test(tcase, index_changed_after_check_is_not_trusted);
	tcase_add_test(tcase, reader_survives_a_hostile_writer);
	tcase_add_test(tcase, no_signal_is_lost);
	tcase_add_test(tcase, resumes_at_kept_positions);
	tcase_add_test(tcase, sizes_that_are_no_ring);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
