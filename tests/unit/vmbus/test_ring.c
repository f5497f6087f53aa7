/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring, both ends in one process. ASan watches the pages' bounds: every page is an allocation of its own where it matters. */
#include <pthread.h>
#include <semaphore.h>

#include "ring_fixture.h"
#include "tests/unit/run_tests.h"

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
	TCase *tcase = tcase_create("ring");

	tcase_add_loop_test(tcase, wraps_at_every_offset, 0, 2);
	tcase_add_test(tcase, layout_of_a_packet);
	tcase_add_loop_test(tcase, never_fills_completely, 0, 2);
	tcase_add_loop_test(tcase, fills_and_drains_in_order, 0, 2);
	tcase_add_test(tcase, writer_signals_empty_to_not_empty);
	tcase_add_test(tcase, masked_reader_is_not_signalled_and_looks_again);
	tcase_add_loop_test(tcase, reader_signals_when_room_suffices, 0, 2);
	tcase_add_test(tcase, full_batch_is_published_before_waiting);
	tcase_add_test(tcase, no_signal_is_lost);
	tcase_add_test(tcase, resumes_at_kept_positions);
	tcase_add_test(tcase, sizes_that_are_no_ring);
	return run_cases("ring", &tcase, 1);
}
