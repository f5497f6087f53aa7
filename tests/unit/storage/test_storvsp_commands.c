/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands from the guest's buffers to the file and back: data, lengths, errors, order. */
#include "controller.h"
#include "run.h"
#include "vsp/storage/scsi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 4096u

static struct controller c;
static int fd, other_fd;
static uint8_t block[64 * 1024], back[64 * 1024];

static void setup(void)
{
	controller_init(&c, false);
	fd = disk_file(BLOCKS * 512, O_RDWR);
	other_fd = disk_file(BLOCKS * 512, O_RDWR);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_add(&c, other_fd, 0, 5, 512, true);
	controller_start(&c);
	controller_connect(&c);
	for (uint32_t i = 0; i < sizeof block; i++)
		block[i] = (uint8_t)(i * 7 + i / 512);
}

static void teardown(void)
{
	controller_done(&c);
	close(fd);
	close(other_fd);
}

START_TEST(what_is_written_is_read_back)
{
	struct storvsp_disk_stats stats;
	struct storvsp_srb srb;

	data_write(&c, 0, block, 8192);
	srb = transfer(&c, 0, true, 100, 16, 512);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(srb.scsi_status, 0);
	ck_assert_uint_eq(srb.transfer_length, 8192);
	ck_assert_int_eq(pread(fd, back, 8192, 51200), 8192);
	ck_assert_mem_eq(back, block, 8192);
	memset(data_page(&c, 0), 0, 4096);
	ck_assert_uint_eq(transfer(&c, 0, false, 104, 8, 512).srb_status, SRB_STATUS_SUCCESS);
	data_read(&c, 0, back, 4096);
	ck_assert_mem_eq(back, block + 2048, 4096);
	ck_assert(storvsp_get_stats(c.vsp, 0, 0, &stats));
	ck_assert_uint_eq(stats.writes, 1);
	ck_assert_uint_eq(stats.reads, 1);
	ck_assert_uint_eq(stats.written_bytes, 8192);
	ck_assert_uint_eq(stats.read_bytes, 4096);
	ck_assert_uint_eq(stats.pending, 0);
	ck_assert(!storvsp_get_stats(c.vsp, 0, 1, &stats));
}
END_TEST

/* A buffer that begins inside a page and reaches over two regions of guest memory. */
START_TEST(scattered_and_unaligned_buffers)
{
	uint32_t offset = (DATA_PAGES - 4) * 4096 + 512 + 8;
	struct answer answer;
	uint8_t cdb[10];

	data_write(&c, offset, block, 32768);
	rw_cdb(cdb, true, 8, 64);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, offset, 32768);
	wait_answer(&c, &c.g, &answer);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_int_eq(pread(fd, back, 32768, 4096), 32768);
	ck_assert_mem_eq(back, block, 32768);
	rw_cdb(cdb, false, 8, 64);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_IN, 24, 32768);
	wait_answer(&c, &c.g, &answer);
	memset(back, 0, sizeof back);
	data_read(&c, 24, back, 32768);
	ck_assert_mem_eq(back, block, 32768);
}
END_TEST

START_TEST(short_transfers_go_on_where_they_stopped)
{
	struct storvsp_srb srb;

	c.fake.short_bytes = 1000;
	data_write(&c, 0, block, 8192);
	ck_assert_uint_eq(transfer(&c, 0, true, 0, 16, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_gt(c.fake.begun[DISK_WRITE], 8);
	ck_assert_int_eq(pread(fd, back, 8192, 0), 8192);
	ck_assert_mem_eq(back, block, 8192);
	/* The file was cut behind the disk's back. */
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	srb = transfer(&c, 0, false, 0, 16, 512);
	ck_assert_uint_eq(sense_of(&srb), 0x031100);
}
END_TEST

/* A buffer larger than the command: as much as the command says. A smaller one: nothing is done, an overrun is reported. */
START_TEST(lengths_that_disagree_with_the_command)
{
	struct storvsp_srb srb;
	uint8_t cdb[10];

	data_write(&c, 0, block, 4096);
	rw_cdb(cdb, true, 0, 2);
	srb = command(&c, 0, cdb, 10, STORVSP_DATA_OUT, 4096);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(srb.transfer_length, 1024);
	rw_cdb(cdb, true, 0, 9);
	srb = command(&c, 0, cdb, 10, STORVSP_DATA_OUT, 4096);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_DATA_OVERRUN);
	ck_assert_uint_eq(srb.transfer_length, 0);
	ck_assert_uint_eq(c.fake.begun[DISK_WRITE], 1);
	rw_cdb(cdb, false, 0, 8);
	srb = command(&c, 0, cdb, 10, STORVSP_DATA_OUT, 4096);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_INVALID_REQUEST);
	srb = command(&c, 0, (const uint8_t[]){ 0x12, 0, 0, 0, 96, 0 }, 6, STORVSP_DATA_IN, 36);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_DATA_OVERRUN);
	ck_assert_uint_eq(srb.transfer_length, 36);
	srb = command(&c, 0, (const uint8_t[]){ 0x12, 0, 0, 0, 36, 0 }, 6, STORVSP_DATA_IN, 255);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(srb.transfer_length, 36);
}
END_TEST

/* Linux turns a failed MODE SENSE into a good one: only the length says that there is nothing. */
START_TEST(a_failed_mode_sense_transfers_nothing)
{
	struct storvsp_srb srb = command(&c, 0, (const uint8_t[]){ 0x1a, 0, 0x19, 0, 192, 0 }, 6, STORVSP_DATA_IN, 192);

	ck_assert_uint_eq(sense_of(&srb), 0x052400);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID);
	ck_assert_uint_eq(srb.transfer_length, 0);
}
END_TEST

START_TEST(absent_luns_targets_and_paths)
{
	static const uint8_t inquiry[] = { 0x12, 0, 0, 0, 36, 0 }, test_unit_ready[6], luns[] = { 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
	uint8_t list[256];
	struct answer answer;

	for (uint8_t target = 0; target < 3; target++) {
		put_command(&c, &c.g, target, 3, inquiry, 6, STORVSP_DATA_IN, 0, 36);
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
		ck_assert_uint_eq(data_page(&c, 0)[0], 0x7f);
		put_command(&c, &c.g, target, 200, test_unit_ready, 6, STORVSP_DATA_NONE, 0, 0);
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_INVALID_LUN);
		put_command(&c, &c.g, target, 0, luns, 12, STORVSP_DATA_IN, 0, 256);
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
		data_read(&c, 0, list, sizeof list);
		ck_assert_uint_eq(list[3], target == 0 ? 16 : 0);
		if (target == 0)
			ck_assert_uint_eq(list[17], 5);
	}
}
END_TEST

START_TEST(a_read_only_disk_stays_as_it_is)
{
	struct storvsp_srb srb = transfer(&c, 5, true, 0, 1, 512);

	ck_assert_uint_eq(sense_of(&srb), 0x072700);
	ck_assert_uint_eq(c.fake.begun[DISK_WRITE], 0);
	ck_assert_uint_eq(transfer(&c, 5, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
	command(&c, 5, (const uint8_t[]){ 0x1a, 0x08, 0x3f, 0, 192, 0 }, 6, STORVSP_DATA_IN, 192);
	ck_assert_uint_eq(data_page(&c, 0)[2], 0x90);
}
END_TEST

START_TEST(errors_of_the_file_become_sense_data)
{
	static const struct {
		enum disk_op_kind kind;
		int error;
		uint32_t sense;
	} cases[] = {
		{ DISK_READ, -EIO, 0x031100 }, { DISK_WRITE, -EIO, 0x030c00 }, { DISK_WRITE, -ENOSPC, 0x072707 },
		{ DISK_WRITE, -EROFS, 0x072700 }, { DISK_READ, -ENXIO, 0x044400 }, { DISK_WRITE, -EDQUOT, 0x072707 },
	};
	struct storvsp_disk_stats stats;

	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct storvsp_srb srb;

		c.fake.error[cases[i].kind] = cases[i].error;
		srb = transfer(&c, 0, cases[i].kind == DISK_WRITE, 77, 1, 512);
		ck_assert_uint_eq(sense_of(&srb), cases[i].sense);
		if (cases[i].error == -EIO)
			ck_assert_uint_eq(srb.sense[0] << 8 | srb.sense[6], 0xf000 | 77);
		c.fake.error[cases[i].kind] = 0;
	}
	storvsp_get_stats(c.vsp, 0, 0, &stats);
	ck_assert_uint_eq(stats.errors, sizeof cases / sizeof cases[0]);
	ck_assert_uint_eq(transfer(&c, 0, false, 0, 1, 512).srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* The flush begins after it was received and is answered after fdatasync, whatever else goes on. */
START_TEST(a_flush_is_answered_when_fdatasync_has_returned)
{
	static const uint8_t flush[10] = { 0x35 };
	struct answer answer;
	uint64_t id;

	c.fake.hold = true;
	id = put_command(&c, &c.g, 0, 0, flush, 10, STORVSP_DATA_NONE, 0, 0);
	ck_assert_uint_eq(c.fake.count, 1);
	ck_assert_int_eq(c.fake.ops[0]->kind, DISK_FLUSH);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
	fake_finish(&c.fake, 0);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

/* After a failed fdatasync the kernel may have dropped the data, and the next one would succeed: it must not be believed. */
START_TEST(after_a_failed_flush_none_succeeds)
{
	static const uint8_t flush[10] = { 0x35 };
	struct storvsp_srb srb;

	c.fake.error[DISK_FLUSH] = -EIO;
	srb = command(&c, 0, flush, 10, STORVSP_DATA_NONE, 0);
	ck_assert_uint_eq(sense_of(&srb), 0x030c00);
	c.fake.error[DISK_FLUSH] = 0;
	srb = command(&c, 0, flush, 10, STORVSP_DATA_NONE, 0);
	ck_assert_uint_eq(sense_of(&srb), 0x030c00);
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 1);
	ck_assert_uint_eq(c.logs, 1);
}
END_TEST

START_TEST(fua_makes_a_durable_write)
{
	uint8_t cdb[10];

	c.fake.hold = true;
	rw_cdb(cdb, true, 0, 1);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, 0, 512);
	cdb[1] = 0x08;
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, 0, 512);
	ck_assert(!c.fake.ops[0]->durable && c.fake.ops[1]->durable);
	c.fake.hold = false;
}
END_TEST

START_TEST(unmap_punches_each_extent)
{
	uint8_t list[40] = { 0, 38, 0, 32, [15] = 8, [19] = 16, [30] = 1, [35] = 8 };
	struct storvsp_disk_stats stats;
	struct storvsp_srb srb;

	ck_assert_int_eq(pwrite(fd, block, sizeof block, 0), sizeof block);
	ck_assert_int_eq(pwrite(fd, block, sizeof block, sizeof block), sizeof block);
	data_write(&c, 0, list, sizeof list);
	srb = command(&c, 0, (const uint8_t[]){ 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0 }, 10, STORVSP_DATA_OUT, 40);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(c.fake.begun[DISK_PUNCH], 2);
	ck_assert_int_eq(pread(fd, back, 16384, 0), 16384);
	ck_assert_mem_eq(back, block, 4096);
	for (uint32_t i = 4096; i < 12288; i++)
		ck_assert_uint_eq(back[i], 0);
	ck_assert_mem_eq(back + 12288, block + 12288, 4096);
	ck_assert_int_eq(pread(fd, back, 4096, 131072), 4096);
	ck_assert_uint_eq(back[5], 0);
	storvsp_get_stats(c.vsp, 0, 0, &stats);
	ck_assert_uint_eq(stats.unmaps, 1);
	list[19] = 0xff, list[18] = 0xff;
	data_write(&c, 0, list, sizeof list);
	srb = command(&c, 0, (const uint8_t[]){ 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0 }, 10, STORVSP_DATA_OUT, 40);
	ck_assert_uint_eq(sense_of(&srb), 0x052100);
	/* A file system that cannot: the data stays, which UNMAP allows. */
	list[19] = 16, list[18] = 0;
	data_write(&c, 0, list, sizeof list);
	c.fake.error[DISK_PUNCH] = -EOPNOTSUPP;
	srb = command(&c, 0, (const uint8_t[]){ 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0 }, 10, STORVSP_DATA_OUT, 40);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
}
END_TEST

static void write_same(uint8_t flags, uint8_t lba, uint16_t blocks, const uint8_t *pattern)
{
	uint8_t cdb[16] = { 0x93, flags, [9] = lba, [12] = (uint8_t)(blocks >> 8), [13] = (uint8_t)blocks };

	data_write(&c, 0, pattern, 512);
	ck_assert_uint_eq(command(&c, 0, cdb, 16, STORVSP_DATA_OUT, 512).srb_status, SRB_STATUS_SUCCESS);
}

static void expect(uint64_t from, uint64_t to, const uint8_t *pattern)
{
	for (; from < to; from += 512) {
		ck_assert_int_eq(pread(fd, back, 512, (off_t)from), 512);
		ck_assert_mem_eq(back, pattern, 512);
	}
}

START_TEST(write_same_of_zeros_and_of_data)
{
	static const uint8_t zeros[512];

	ck_assert_int_eq(pwrite(fd, block, 8192, 0), 8192);
	write_same(0x08, 8, 8, zeros);
	ck_assert_uint_eq(c.fake.begun[DISK_PUNCH], 1);
	expect(4096, 8192, zeros);
	expect(0, 512, block);
	write_same(0, 0, 4, zeros);
	ck_assert_uint_eq(c.fake.begun[DISK_ZERO], 1);
	expect(0, 2048, zeros);
	/* Larger than the piece that is written at once. */
	write_same(0, 3, 2000, block);
	expect(3 * 512, 2003 * 512, block);
	expect(2003 * 512, 2004 * 512, zeros);
	ck_assert_uint_eq(c.fake.begun[DISK_WRITE], 4);
	/* Zeros are promised even where nothing can be deallocated. */
	c.fake.error[DISK_PUNCH] = -EOPNOTSUPP;
	write_same(0x08, 3, 2000, zeros);
	expect(3 * 512, 2003 * 512, zeros);
}
END_TEST

START_TEST(verify_reads_the_medium)
{
	static const uint8_t verify[] = { 0x2f, 0, 0, 0, 0, 0, 0, 0x04, 0x00, 0 };
	struct storvsp_srb srb = command(&c, 0, verify, 10, STORVSP_DATA_NONE, 0);

	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(c.fake.begun[DISK_READ], 2);
	c.fake.error[DISK_READ] = -EIO;
	srb = command(&c, 0, verify, 10, STORVSP_DATA_NONE, 0);
	ck_assert_uint_eq(sense_of(&srb), 0x031100);
}
END_TEST

/* BYTCHK 1 over more than one piece of the range, 3 with one block for all. */
START_TEST(verify_compares)
{
	static const uint8_t all[] = { 0x2f, 0x02, 0, 0, 0, 0, 0, 0x02, 0x58, 0 }, one[] = { 0x2f, 0x06, 0, 0, 0, 0, 0, 0x02, 0x58, 0 };
	struct storvsp_srb srb;

	for (uint32_t i = 0; i < 600; i++) {
		ck_assert_int_eq(pwrite(fd, block + i % 60 * 512, 512, i * 512), 512);
		data_write(&c, i * 512, block + i % 60 * 512, 512);
	}
	srb = command(&c, 0, all, 10, STORVSP_DATA_OUT, 600 * 512);
	ck_assert_uint_eq(srb.srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(c.fake.begun[DISK_READ], 2);
	data_page(&c, 74)[4095] ^= 1;
	srb = command(&c, 0, all, 10, STORVSP_DATA_OUT, 600 * 512);
	ck_assert_uint_eq(sense_of(&srb), 0x0e1d00);
	data_page(&c, 74)[4095] ^= 1;
	srb = command(&c, 0, one, 10, STORVSP_DATA_OUT, 512);
	ck_assert_uint_eq(sense_of(&srb), 0x0e1d00);
	for (uint32_t i = 0; i < 600; i++)
		ck_assert_int_eq(pwrite(fd, block, 512, i * 512), 512);
	ck_assert_uint_eq(command(&c, 0, one, 10, STORVSP_DATA_OUT, 512).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(command(&c, 0, all, 10, STORVSP_DATA_OUT, 4096).srb_status, SRB_STATUS_DATA_OVERRUN);
}
END_TEST

static struct storvsp_srb set_cache(uint8_t lun, bool on)
{
	static const uint8_t sense[] = { 0x1a, 0x08, 0x08, 0, 24, 0 }, select[] = { 0x15, 0x10, 0, 0, 24, 0 };

	ck_assert_uint_eq(command(&c, lun, sense, 6, STORVSP_DATA_IN, 24).transfer_length, 24);
	data_page(&c, 0)[0] = 0;
	data_page(&c, 0)[6] = on ? 4 : 0;
	return command(&c, lun, select, 6, STORVSP_DATA_OUT, 24);
}

/* Without a cache everything that changes the medium is durable when it is answered, and what was in it is flushed. */
START_TEST(with_the_cache_off_writes_are_durable)
{
	static const uint8_t zeros[512], select_off[] = { 0x15, 0x10, 0, 0, 24, 0 };
	struct storvsp_srb srb;
	struct answer answer;
	uint8_t cdb[10];

	ck_assert_uint_eq(set_cache(0, true).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 0);
	ck_assert_uint_eq(set_cache(0, false).srb_status, SRB_STATUS_SUCCESS);
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 1);
	write_same(0x08, 8, 8, zeros);
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 2);
	write_same(0, 8, 8, block);
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 3);
	/* A write that began before and ends after. */
	set_cache(0, true);
	c.fake.hold = true;
	rw_cdb(cdb, true, 0, 8);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, 4096, 4096);
	data_page(&c, 0)[6] = 0;
	put_command(&c, &c.g, 0, 0, select_off, 6, STORVSP_DATA_OUT, 0, 24);
	fake_finish(&c.fake, 1);
	ck_assert(take_answer(&c, &c.g, &answer));
	fake_finish(&c.fake, 0);
	ck_assert(!take_answer(&c, &c.g, &answer));
	fake_finish(&c.fake, 0);
	ck_assert(take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 5);
	c.fake.hold = true;
	rw_cdb(cdb, true, 0, 8);
	put_command(&c, &c.g, 0, 0, cdb, 10, STORVSP_DATA_OUT, 0, 4096);
	ck_assert(c.fake.ops[0]->kind == DISK_WRITE && c.fake.ops[0]->durable);
	controller_succeed(&c);
	c.fake.hold = true;
	controller_add(&c, fd, 0, 0, 512, false);
	controller_add(&c, other_fd, 0, 5, 512, true);
	controller_start(&c);
	ck_assert(c.fake.count == 1 && c.fake.ops[0]->durable);
	c.fake.hold = false;
	/* A flush that fails is a write that failed. The read-only disk has no cache to be turned on. */
	c.fake.error[DISK_FLUSH] = -EIO;
	storvsp_process_completions(c.vsp);
	take_answer(&c, &c.g, &answer);
	data_write(&c, 0, (const uint8_t[24]){ 0, 22, 0, 16, [15] = 8, [19] = 8 }, 24);
	srb = command(&c, 0, (const uint8_t[10]){ 0x42, [8] = 24 }, 10, STORVSP_DATA_OUT, 24);
	ck_assert_uint_eq(sense_of(&srb), 0x030c00);
	srb = set_cache(5, true);
	ck_assert_uint_eq(sense_of(&srb), SCSI_INVALID_FIELD_IN_PARAMETERS);
}
END_TEST

/* A conflict is a status without sense data; what is registered outlives the worker and the guest's driver, not the disk. */
START_TEST(reservations_are_kept)
{
	static const uint8_t register_key[] = { 0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0 }, read_keys[] = { 0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0 };
	uint8_t list[24] = { [15] = 7 };
	struct storvsp_srb srb;

	data_write(&c, 0, list, 24);
	ck_assert_uint_eq(command(&c, 0, register_key, 10, STORVSP_DATA_OUT, 24).scsi_status, SCSI_STATUS_GOOD);
	srb = command(&c, 0, register_key, 10, STORVSP_DATA_OUT, 24);
	ck_assert_uint_eq(srb.scsi_status, SCSI_STATUS_CONFLICT);
	ck_assert_uint_eq(sense_of(&srb), 0);
	controller_succeed(&c);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_add(&c, other_fd, 0, 5, 512, true);
	controller_start(&c);
	ck_assert_uint_eq(command(&c, 0, read_keys, 10, STORVSP_DATA_IN, 64).transfer_length, 16);
	ck_assert_uint_eq(data_page(&c, 0)[15], 7);
	ck_assert_uint_eq(command(&c, 5, read_keys, 10, STORVSP_DATA_IN, 64).transfer_length, 8);
	ck_assert_int_eq(storvsp_remove_disk(c.vsp, 0, 0, NULL, NULL), 0);
	ck_assert_uint_eq(c.state->reservations[0][0].registered, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("commands");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_written_is_read_back);
	tcase_add_test(t, scattered_and_unaligned_buffers);
	tcase_add_test(t, short_transfers_go_on_where_they_stopped);
	tcase_add_test(t, lengths_that_disagree_with_the_command);
	tcase_add_test(t, a_failed_mode_sense_transfers_nothing);
	tcase_add_test(t, absent_luns_targets_and_paths);
	tcase_add_test(t, a_read_only_disk_stays_as_it_is);
	tcase_add_test(t, errors_of_the_file_become_sense_data);
	tcase_add_test(t, a_flush_is_answered_when_fdatasync_has_returned);
	tcase_add_test(t, after_a_failed_flush_none_succeeds);
	tcase_add_test(t, fua_makes_a_durable_write);
	tcase_add_test(t, unmap_punches_each_extent);
	tcase_add_test(t, write_same_of_zeros_and_of_data);
	tcase_add_test(t, verify_reads_the_medium);
	tcase_add_test(t, verify_compares);
	tcase_add_test(t, with_the_cache_off_writes_are_durable);
	tcase_add_test(t, reservations_are_kept);
	return run_cases("storvsp commands", t);
}
