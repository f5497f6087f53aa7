/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring contents that no honest other end writes: each is an error or stays inside the ring, never an access outside it. */
#include <pthread.h>
#include <semaphore.h>

#include "ring_fixture.h"
#include "tests/unit/run_tests.h"

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

int main(void)
{
	TCase *tcase = tcase_create("ring");

	tcase_add_loop_test(tcase, index_outside_the_ring_is_refused, 0, 8);
	tcase_add_test(tcase, read_index_must_lie_in_what_was_published);
	tcase_add_test(tcase, own_index_in_shared_memory_is_not_read_back);
	tcase_add_test(tcase, malformed_descriptor_is_refused);
	tcase_add_test(tcase, index_changed_after_check_is_not_trusted);
	tcase_add_test(tcase, reader_survives_a_hostile_writer);
	return run_cases("ring_hostile", &tcase, 1);
}
