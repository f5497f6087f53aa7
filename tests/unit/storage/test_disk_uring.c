/* SPDX-License-Identifier: BSD-2-Clause */
/* Real files through io_uring: direct and buffered, holes, durability, many at once. Left out, saying so, where io_uring is disabled. */
#include "controller.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BYTES (8u << 20)

static struct controller c;
static int fd;

static void begin(int flags)
{
	controller_init(&c, true);
	fd = disk_file(BYTES, O_RDWR | flags);
	if (fd < 0) /* a file system without direct I/O */
		fd = disk_file(BYTES, O_RDWR);
	ck_assert_int_ge(fd, 0);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
	controller_connect(&c);
}

static void end(void)
{
	controller_done(&c);
	close(fd);
}

static void fill(uint8_t *data, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

/* Aligned buffers go to the device as they are, others by way of a copy; the data must not know the difference. */
static void write_and_read(uint32_t offset, uint32_t blocks, uint32_t lba)
{
	static uint8_t data[512 << 10], back[512 << 10];
	uint32_t bytes = blocks * 512;
	struct answer answer;
	uint8_t cdb[10];

	fill(data, bytes, lba);
	data_write(&c, offset, data, bytes);
	rw_cdb(cdb, true, lba, (uint16_t)blocks);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, offset, bytes);
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	for (uint32_t i = 0; i < 2 * DATA_PAGES; i++)
		memset(data_page(&c, i), 0, 4096);
	cdb[0] = 0x28;
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_IN, offset, bytes);
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	data_read(&c, offset, back, bytes);
	ck_assert_mem_eq(back, data, bytes);
	/* Nothing beside the buffer was touched. */
	ck_assert_uint_eq(data_page(&c, (offset + bytes) / 4096)[(offset + bytes) % 4096], 0);
}

START_TEST(data_through_direct_and_buffered_files)
{
	begin(_i ? O_DIRECT : 0);
	write_and_read(0, 8, 0);
	write_and_read(0, 1, 9);
	write_and_read(512, 8, 16);
	write_and_read(8, 8, 32);
	write_and_read(4095, 3, 41);
	write_and_read(0, 1024, 1000);
	write_and_read(3 * 4096 + 512, 700, 5001);
	end();
}
END_TEST

static uint64_t allocated(void)
{
	off_t at = 0, total = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		off_t hole = lseek(fd, at, SEEK_HOLE);

		total += hole - at;
		at = hole;
	}
	return (uint64_t)total;
}

START_TEST(unmap_makes_holes)
{
	uint8_t list[24] = { 0, 22, 0, 16, [14] = 8, [18] = 16 }, cdb[10] = { 0x42, [8] = 24 }, page[12];
	struct storvsp_srb srb;

	begin(_i ? O_DIRECT : 0);
	memset(data_page(&c, 0), 0xaa, 4096);
	for (uint32_t lba = 0; lba < BYTES / 512; lba += 8)
		ck_assert_uint_eq(transfer(&c, 0, true, lba, 8, 512).srb_status, SRB_STATUS_SUCCESS);
	fsync(fd);
	ck_assert_uint_eq(allocated(), BYTES);
	/* Only if the disk says that it can. */
	command(&c, 0, (const uint8_t[]){ 0x12, 1, 0xb2, 0, 12, 0 }, 6, STORVSP_DATA_IN, 12);
	data_read(&c, 0, page, sizeof page);
	if (page[5] & 0x80) {
		data_write(&c, 0, list, sizeof list);
		srb = command(&c, 0, cdb, 10, STORVSP_DATA_OUT, 24);
		ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
		ck_assert_uint_eq(allocated(), BYTES - 4096 * 512);
		ck_assert_int_eq(lseek(fd, 0, SEEK_HOLE), 2048 * 512);
		ck_assert_uint_eq(transfer(&c, 0, false, 2048, 8, 512).srb_status, SRB_STATUS_SUCCESS);
		ck_assert_uint_eq(data_page(&c, 0)[0], 0);
		ck_assert_uint_eq(transfer(&c, 0, false, 2040, 8, 512).srb_status, SRB_STATUS_SUCCESS);
		ck_assert_uint_eq(data_page(&c, 0)[4095], 0xaa);
	}
	end();
}
END_TEST

START_TEST(flush_fua_and_write_same)
{
	uint8_t fua[10], same[16] = { 0x93, 0x08, [9] = 64, [13] = 128 };
	struct storvsp_disk_stats stats;

	begin(_i ? O_DIRECT : 0);
	rw_cdb(fua, true, 64, 8);
	fua[1] = 0x08;
	memset(data_page(&c, 0), 0x55, 4096);
	ck_assert_uint_eq(command(&c, 0, fua, 10, STORVSP_DATA_OUT, 4096).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(command(&c, 0, (const uint8_t[10]){ 0x35 }, 10, STORVSP_DATA_NONE, 0).srb_status, SRB_STATUS_SUCCESS);
	memset(data_page(&c, 0), 0, 512);
	ck_assert_uint_eq(command(&c, 0, same, 16, STORVSP_DATA_OUT, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(transfer(&c, 0, false, 64, 8, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(data_page(&c, 0)[4095], 0);
	same[1] = 0;
	ck_assert_uint_eq(command(&c, 0, same, 16, STORVSP_DATA_OUT, 512).srb_status, SRB_STATUS_SUCCESS);
	memset(data_page(&c, 0), 0x77, 512);
	ck_assert_uint_eq(command(&c, 0, same, 16, STORVSP_DATA_OUT, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(transfer(&c, 0, false, 184, 8, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(data_page(&c, 0)[4095], 0x77);
	ck_assert(storvsp_get_stats(c.vsp, 0, 0, &stats));
	ck_assert_uint_eq(stats.flushes, 1);
	ck_assert_uint_eq(stats.errors, 0);
	end();
}
END_TEST

/* Writes and reads of many pages, as many at once as the ring holds; then closing in the middle of it. */
START_TEST(many_at_once)
{
	unsigned int sent = 0, got = 0;
	struct answer answer;
	uint8_t cdb[10];

	begin(_i ? O_DIRECT : 0);
	while (got < 1500) {
		while (sent < 1500 && sent - got < 100) {
			rw_cdb(cdb, sent % 3 == 0, sent % 1000 * 8, 8);
			put_command(&c, &c.g, 0, 0, cdb, 10, sent % 3 == 0 ? STORVSP_DATA_OUT : STORVSP_DATA_IN, sent % DATA_PAGES * 4096, 4096);
			sent++;
		}
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
		got++;
	}
	ck_assert(!take_answer(&c, &c.g, &answer));
	for (int i = 0; i < 40; i++)
		put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_IN, 0, 4096);
	end();
}
END_TEST

int main(void)
{
	struct disk_queue *queue;
	TCase *t = tcase_create("io_uring");
	int rc = disk_uring_create(8, &queue);

	if (rc == -EPERM || rc == -ENOSYS) {
		printf("io_uring is disabled here: nothing tested\n");
		return 0;
	}
	queue->ops->free(queue);
	tcase_set_timeout(t, 20);
	tcase_add_loop_test(t, data_through_direct_and_buffered_files, 0, 2);
	tcase_add_loop_test(t, unmap_makes_holes, 0, 2);
	tcase_add_loop_test(t, flush_fua_and_write_same, 0, 2);
	tcase_add_loop_test(t, many_at_once, 0, 2);
	return run_cases("io_uring", t);
}
