/* SPDX-License-Identifier: BSD-2-Clause */
/* The command engine alone, against SPC-4 and SBC-3. */
#include "run.h"
#include "vsp/storage/scsi.h"

#include <string.h>

static struct scsi_disk disk;
static uint8_t reply[SCSI_REPLY_BYTES];
static struct scsi_plan plan;

static void setup(void)
{
	disk = (struct scsi_disk){ .blocks = 2048, .block_size = 512, .max_transfer = 1u << 20, .granularity = 4096, .unmap = true,
		.serial = "abc-123", .lun = 3 };
	memset(reply, 0xee, sizeof reply);
}

static void run(const uint8_t *bytes, uint32_t length)
{
	uint8_t cdb[16] = { 0 };

	memcpy(cdb, bytes, length);
	scsi_plan_command(&disk, 0x9, cdb, length, reply, &plan);
}
#define RUN(...) run((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Linux believes WRITE SAME and the VPD pages of a disk whose vendor is "Msft    ". */
START_TEST(inquiry_names_a_disk_of_spc4)
{
	RUN(0x12, 0, 0, 0, 36, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_REPLY);
	ck_assert_uint_eq(plan.bytes, 36);
	ck_assert_uint_eq(reply[0], 0);
	ck_assert_uint_eq(reply[2], 6);
	ck_assert_uint_eq(reply[3] & 0xf, 2);
	ck_assert_uint_eq(reply[4], 91);
	ck_assert_mem_eq(reply + 8, "Msft    Virtual Disk    ", 24);
	RUN(0x12, 0, 0, 4, 0, 0);
	ck_assert_uint_eq(plan.bytes, 96);
	/* A page code without EVPD. */
	RUN(0x12, 0, 0x80, 0, 36, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
}
END_TEST

/* Linux rewrites a failed INQUIRY to success: only the first byte tells it that there is no disk. */
START_TEST(an_absent_lun_answers_inquiry_with_7f_and_nothing_else)
{
	uint8_t cdb[16] = { 0x12, 0, 0, 0, 36 };

	scsi_plan_command(NULL, 1, cdb, 6, reply, &plan);
	ck_assert_int_eq(plan.action, SCSI_DO_REPLY);
	ck_assert_uint_eq(reply[0], 0x7f);
	cdb[1] = 1;
	cdb[2] = 0x83;
	scsi_plan_command(NULL, 1, cdb, 6, reply, &plan);
	ck_assert_uint_eq(reply[0], 0x7f);
	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		cdb[0] = (uint8_t)opcode;
		scsi_plan_command(NULL, 1, cdb, 16, reply, &plan);
		if (opcode != SCSI_INQUIRY && opcode != SCSI_REPORT_LUNS)
			ck_assert_int_eq(plan.action, SCSI_DO_REJECT_LUN);
	}
}
END_TEST

START_TEST(every_listed_page_is_there_and_says_its_length)
{
	uint8_t pages[16];
	uint32_t count;

	RUN(0x12, 1, 0, 0, 255, 0);
	count = reply[3];
	ck_assert_uint_eq(count, 6);
	memcpy(pages, reply + 4, count);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t cdb[6] = { 0x12, 1, pages[i], 1, 0, 0 };

		run(cdb, 6);
		ck_assert_int_eq(plan.action, SCSI_DO_REPLY);
		ck_assert_uint_eq(reply[1], pages[i]);
		ck_assert_uint_eq(scsi_get16(reply + 2) + 4, plan.bytes);
	}
	RUN(0x12, 1, 0x89, 0, 255, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x12, 1, 0x80, 0, 255, 0);
	ck_assert_mem_eq(reply + 4, "abc-123", 7);
}
END_TEST

START_TEST(designators_end_with_the_page_and_tell_disks_apart)
{
	uint8_t first[64];
	uint32_t at = 4, size;

	RUN(0x12, 1, 0x83, 0, 255, 0);
	size = plan.bytes;
	while (at < size)
		at += 4u + reply[at + 3];
	ck_assert_uint_eq(at, size);
	ck_assert_uint_eq(reply[size - 8] >> 4, 3);
	memcpy(first, reply, size);
	disk.serial[0] = 'b';
	RUN(0x12, 1, 0x83, 0, 255, 0);
	ck_assert_mem_ne(first + size - 8, reply + size - 8, 8);
}
END_TEST

START_TEST(limits_and_provisioning_say_what_unmap_can_do)
{
	RUN(0x12, 1, 0xb0, 0, 255, 0);
	ck_assert_uint_eq(plan.bytes, 64);
	ck_assert_uint_eq(scsi_get32(reply + 8), 2048);
	ck_assert_uint_eq(scsi_get32(reply + 20), SCSI_MAX_RANGE / 512);
	ck_assert_uint_eq(scsi_get32(reply + 24), SCSI_MAX_UNMAP_EXTENTS);
	ck_assert_uint_eq(scsi_get32(reply + 28), 8);
	ck_assert_uint_eq(scsi_get64(reply + 36), SCSI_MAX_RANGE / 512);
	RUN(0x12, 1, 0xb2, 0, 255, 0);
	ck_assert_uint_eq(reply[5], 0xe4);
	ck_assert_uint_eq(reply[6], 2);
	disk.unmap = false;
	RUN(0x12, 1, 0xb0, 0, 255, 0);
	ck_assert_uint_eq(scsi_get32(reply + 20), 0);
	RUN(0x12, 1, 0xb2, 0, 255, 0);
	ck_assert_uint_eq(reply[5], 0);
	RUN(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_OPCODE);
}
END_TEST

START_TEST(capacity_is_the_last_block)
{
	RUN(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(plan.bytes, 8);
	ck_assert_uint_eq(scsi_get32(reply), 2047);
	ck_assert_uint_eq(scsi_get32(reply + 4), 512);
	RUN(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	ck_assert_uint_eq(plan.bytes, 32);
	ck_assert_uint_eq(scsi_get64(reply), 2047);
	ck_assert_uint_eq(scsi_get32(reply + 8), 512);
	ck_assert_uint_eq(reply[13], 3);
	ck_assert_uint_eq(reply[14], 0xc0);
	disk.blocks = 1ull << 33;
	RUN(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(scsi_get32(reply), UINT32_MAX);
	RUN(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0);
	ck_assert_uint_eq(plan.bytes, 12);
	ck_assert_uint_eq(scsi_get64(reply), (1ull << 33) - 1);
	RUN(0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
}
END_TEST

START_TEST(report_luns_lists_those_of_the_target)
{
	RUN(0xa0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0);
	ck_assert_uint_eq(plan.bytes, 8 + 16);
	ck_assert_uint_eq(scsi_get32(reply), 16);
	ck_assert_uint_eq(reply[9], 0);
	ck_assert_uint_eq(reply[17], 3);
	RUN(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0);
	ck_assert_uint_eq(plan.bytes, 16);
	RUN(0xa0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0);
	ck_assert_uint_eq(scsi_get32(reply), 0);
	RUN(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
}
END_TEST

START_TEST(transfers_of_every_length_of_cdb)
{
	RUN(0x08, 0x00, 0x00, 0x05, 0, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_READ);
	ck_assert_uint_eq(plan.lba, 5);
	ck_assert_uint_eq(plan.blocks, 256);
	RUN(0x0a, 0, 1, 0, 2, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_WRITE);
	ck_assert_uint_eq(plan.lba, 256);
	RUN(0x2a, 0x08, 0, 0, 0x01, 0x02, 0, 0x00, 0x03, 0);
	ck_assert(plan.fua && plan.data_out && !plan.data_in);
	ck_assert_uint_eq(plan.lba, 0x102);
	ck_assert_uint_eq(plan.bytes, 3 * 512);
	RUN(0xa8, 0, 0, 0, 0, 1, 0, 0, 0x01, 0, 0, 0);
	ck_assert_uint_eq(plan.blocks, 256);
	ck_assert(plan.data_in && !plan.fua);
	RUN(0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0);
	ck_assert_uint_eq(plan.lba, 9);
	ck_assert_uint_eq(plan.blocks, 1);
	/* Nothing to transfer is no error. */
	RUN(0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_NOTHING);
	ck_assert_uint_eq(plan.sense, 0);
}
END_TEST

/* The sum of address and length must not wrap: 2^64 - 1 plus 1 is 0. */
START_TEST(ranges_beyond_the_end_are_refused)
{
	RUN(0x28, 0, 0, 0, 0x08, 0x00, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	ck_assert_uint_eq(plan.lba, 2048);
	RUN(0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, 0);
	RUN(0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 2, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	RUN(0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	RUN(0x8a, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	RUN(0x35, 0, 255, 255, 255, 255, 0, 0, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	disk.blocks = 1u << 20;
	RUN(0x28, 0, 0, 0, 0, 0, 0, 0x08, 0x01, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB); /* above MAXIMUM TRANSFER LENGTH */
}
END_TEST

START_TEST(a_read_only_disk_refuses_what_writes)
{
	disk.read_only = true;
	disk.unmap = false;
	RUN(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_WRITE_PROTECTED);
	RUN(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	ck_assert_uint_eq(plan.sense, SCSI_WRITE_PROTECTED);
	RUN(0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_WRITE_PROTECTED);
	RUN(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_READ);
	RUN(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_FLUSH);
}
END_TEST

START_TEST(write_same_with_and_without_data)
{
	RUN(0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_WRITE_SAME);
	ck_assert(plan.unmap && plan.data_out);
	ck_assert_uint_eq(plan.bytes, 512);
	RUN(0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0);
	ck_assert_uint_eq(plan.bytes, 0);
	ck_assert(!plan.data_out);
	RUN(0x41, 0, 0, 0, 0, 8, 0, 0, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB); /* WSNZ */
	RUN(0x41, 0x10, 0, 0, 0, 8, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB); /* ANCHOR */
}
END_TEST

START_TEST(commands_that_are_not_there)
{
	static const uint8_t opcodes[] = { 0x3b, 0x7f, 0xa3, 0xc0, 0xff, 0x85 };

	for (uint32_t i = 0; i < sizeof opcodes; i++) {
		uint8_t cdb[16] = { opcodes[i] };

		run(cdb, 16);
		ck_assert_uint_eq(plan.sense, SCSI_INVALID_OPCODE);
	}
	/* A command block that ends before its command does. */
	RUN(0x28, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x00, 0, 0, 0, 0, 0x04);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB); /* NACA */
	RUN(0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB); /* RDPROTECT */
}
END_TEST

START_TEST(small_commands)
{
	RUN(0x00, 0, 0, 0, 0, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_NOTHING);
	ck_assert_uint_eq(plan.sense, 0);
	RUN(0x03, 0, 0, 0, 252, 0);
	ck_assert_uint_eq(plan.bytes, 18);
	ck_assert_uint_eq(reply[0], 0x70);
	ck_assert_uint_eq(reply[2], 0);
	RUN(0x03, 1, 0, 0, 252, 0);
	ck_assert_uint_eq(plan.bytes, 8);
	ck_assert_uint_eq(reply[0], 0x72);
	RUN(0x1b, 0, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, 0);
	RUN(0x1b, 0, 0, 0, 2, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x2f, 0, 0, 0, 0, 1, 0, 0, 1, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_VERIFY);
}
END_TEST

/* BYTCHK: 1 brings all blocks, 3 one for all of them, 2 is none. */
START_TEST(verify_with_data)
{
	RUN(0x2f, 0x02, 0, 0, 0, 1, 0, 0, 4, 0);
	ck_assert(plan.action == SCSI_DO_COMPARE && plan.data_out && plan.bytes == 2048 && plan.blocks == 4);
	RUN(0x8f, 0x06, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0);
	ck_assert(plan.action == SCSI_DO_COMPARE && plan.data_out && plan.bytes == 512 && plan.blocks == 4);
	RUN(0x2f, 0x04, 0, 0, 0, 1, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x2f, 0x22, 0, 0, 0, 1, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x2f, 0x02, 0, 0, 8, 0, 0, 0, 1, 0);
	ck_assert_uint_eq(plan.sense, SCSI_LBA_OUT_OF_RANGE);
	RUN(0x2f, 0x02, 0, 0, 0, 1, 0, 0, 0, 0);
	ck_assert(plan.action == SCSI_DO_NOTHING && !plan.sense);
	/* More than one transfer takes; with one block there is no such limit. */
	disk.blocks = 8192;
	RUN(0x2f, 0x02, 0, 0, 0, 0, 0, 0x08, 0x01, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x2f, 0x06, 0, 0, 0, 0, 0, 0x08, 0x01, 0);
	ck_assert_int_eq(plan.action, SCSI_DO_COMPARE);
}
END_TEST

static uint32_t parse(const uint8_t *list, uint32_t bytes, struct scsi_extent *extents, uint32_t *count)
{
	/* Exactly as long as it says, so that a look beyond is seen. */
	uint8_t *copy = malloc(bytes ? bytes : 1);
	uint32_t sense;

	memcpy(copy, list, bytes);
	sense = scsi_parse_unmap(&disk, copy, bytes, extents, count);
	free(copy);
	return sense;
}

START_TEST(unmap_lists_are_checked_descriptor_by_descriptor)
{
	struct scsi_extent extents[SCSI_MAX_UNMAP_EXTENTS];
	uint8_t list[8 + 48] = { 0 };
	uint32_t count;

	scsi_put16(list, 54);
	scsi_put16(list + 2, 48);
	scsi_put64(list + 8, 8);
	scsi_put32(list + 16, 8);
	scsi_put64(list + 40, 2040);
	scsi_put32(list + 48, 8);
	ck_assert_uint_eq(parse(list, sizeof list, extents, &count), 0);
	ck_assert_uint_eq(count, 2); /* the empty one is left out */
	ck_assert_uint_eq(extents[1].lba, 2040);
	scsi_put32(list + 48, 9);
	ck_assert_uint_eq(parse(list, sizeof list, extents, &count), SCSI_LBA_OUT_OF_RANGE);
	scsi_put64(list + 40, UINT64_MAX);
	scsi_put32(list + 48, UINT32_MAX);
	ck_assert_uint_eq(parse(list, sizeof list, extents, &count), SCSI_LBA_OUT_OF_RANGE);
	/* Claims more than there is. */
	ck_assert_uint_eq(parse(list, 40, extents, &count), SCSI_PARAMETER_LIST_LENGTH_ERROR);
	ck_assert_uint_eq(parse(list, 7, extents, &count), SCSI_PARAMETER_LIST_LENGTH_ERROR);
	scsi_put16(list + 2, 24); /* the second is cut off */
	ck_assert_uint_eq(parse(list, 32, extents, &count), 0);
	ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(unmap_lists_above_the_limits_are_refused)
{
	struct scsi_extent extents[SCSI_MAX_UNMAP_EXTENTS];
	uint32_t count, bytes = 8 + 16 * (SCSI_MAX_UNMAP_EXTENTS + 1);
	uint8_t *list = calloc(1, bytes);

	scsi_put16(list + 2, (uint16_t)(bytes - 8));
	ck_assert_uint_eq(parse(list, bytes, extents, &count), SCSI_INVALID_FIELD_IN_PARAMETERS);
	disk.blocks = 1ull << 40;
	scsi_put16(list + 2, 32);
	scsi_put32(list + 16, SCSI_MAX_RANGE / 512);
	scsi_put32(list + 32, 1);
	ck_assert_uint_eq(parse(list, 40, extents, &count), SCSI_INVALID_FIELD_IN_PARAMETERS);
	free(list);
}
END_TEST

START_TEST(sense_data_has_the_fixed_format)
{
	uint8_t data[SCSI_SENSE_BYTES];

	scsi_sense_data(SCSI_UNRECOVERED_READ_ERROR, true, 0x01020304, data);
	ck_assert_uint_eq(data[0], 0xf0);
	ck_assert_uint_eq(data[2], 3);
	ck_assert_uint_eq(scsi_get32(data + 3), 0x01020304);
	ck_assert_uint_eq(data[7], 10);
	ck_assert_uint_eq(data[12], 0x11);
	scsi_sense_data(SCSI_SPACE_ALLOCATION_FAILED, true, 1ull << 32, data);
	ck_assert_uint_eq(data[0], 0x70);
	ck_assert_uint_eq(data[12], 0x27);
	ck_assert_uint_eq(data[13], 0x07);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("scsi");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, inquiry_names_a_disk_of_spc4);
	tcase_add_test(t, an_absent_lun_answers_inquiry_with_7f_and_nothing_else);
	tcase_add_test(t, every_listed_page_is_there_and_says_its_length);
	tcase_add_test(t, designators_end_with_the_page_and_tell_disks_apart);
	tcase_add_test(t, limits_and_provisioning_say_what_unmap_can_do);
	tcase_add_test(t, capacity_is_the_last_block);
	tcase_add_test(t, report_luns_lists_those_of_the_target);
	tcase_add_test(t, transfers_of_every_length_of_cdb);
	tcase_add_test(t, ranges_beyond_the_end_are_refused);
	tcase_add_test(t, a_read_only_disk_refuses_what_writes);
	tcase_add_test(t, write_same_with_and_without_data);
	tcase_add_test(t, commands_that_are_not_there);
	tcase_add_test(t, small_commands);
	tcase_add_test(t, verify_with_data);
	tcase_add_test(t, unmap_lists_are_checked_descriptor_by_descriptor);
	tcase_add_test(t, unmap_lists_above_the_limits_are_refused);
	tcase_add_test(t, sense_data_has_the_fixed_format);
	return run_cases("scsi", t);
}
