/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest sets in its disk: mode pages, and reservations as sg_persist and cluster software use them (SPC-4 5.13, 7.5). */
#include "run.h"
#include "vsp/storage/scsi.h"

#include <stdlib.h>
#include <string.h>

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE };

static struct scsi_disk disk;
static uint8_t reply[SCSI_REPLY_BYTES];
static struct scsi_plan plan;

static void setup(void)
{
	disk = (struct scsi_disk){ .blocks = 2048, .block_size = 512, .max_transfer = 1u << 20 };
}

static void run(const uint8_t *bytes, uint32_t length)
{
	uint8_t cdb[16] = { 0 };

	memcpy(cdb, bytes, length);
	scsi_plan_command(&disk, 1, cdb, length, reply, &plan);
}
#define RUN(...) run((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* WCE decides whether a guest flushes at all, DPOFUA whether it uses FUA, WP whether it mounts read-write. */
START_TEST(mode_pages_tell_cache_and_write_protection)
{
	RUN(0x1a, 0, 0x08, 0, 255, 0);
	ck_assert_uint_eq(plan.bytes, 4 + 8 + 20);
	ck_assert_uint_eq(reply[0], plan.bytes - 1);
	ck_assert_uint_eq(reply[2], 0x10);
	ck_assert_uint_eq(reply[3], 8);
	ck_assert_uint_eq(scsi_get32(reply + 4), 2048);
	ck_assert_uint_eq(reply[12], 0x08);
	ck_assert_uint_eq(reply[13], 18);
	ck_assert_uint_eq(reply[14], 0x04);
	/* What can be changed: WCE, and nothing where it has no meaning. */
	RUN(0x1a, 0x08, 0x48, 0, 255, 0);
	ck_assert_uint_eq(reply[3], 0);
	ck_assert_uint_eq(reply[4], 0x08);
	ck_assert_uint_eq(reply[6], 0x04);
	disk.cache_fixed = true;
	RUN(0x1a, 0x08, 0x48, 0, 255, 0);
	ck_assert_uint_eq(reply[6], 0);
	disk.cache_fixed = false;
	/* Turned off, it is still the default. */
	disk.write_through = true;
	RUN(0x1a, 0x08, 0x08, 0, 255, 0);
	ck_assert_uint_eq(reply[6], 0);
	RUN(0x1a, 0x08, 0x88, 0, 255, 0);
	ck_assert_uint_eq(reply[6], 0x04);
	disk.write_through = false;
	disk.read_only = disk.cache_fixed = true;
	RUN(0x5a, 0x08, 0x3f, 0, 0, 0, 0, 1, 0, 0);
	ck_assert_uint_eq(scsi_get16(reply), plan.bytes - 2);
	ck_assert_uint_eq(plan.bytes, 8 + 20 + 12 + 12);
	ck_assert_uint_eq(reply[3], 0x90);
	ck_assert_uint_eq(reply[8 + 2], 0);
	RUN(0x1a, 0, 0x19, 0, 255, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	ck_assert_int_eq(plan.action, SCSI_DO_NOTHING);
	RUN(0x1a, 0, 0xc8, 0, 255, 0);
	ck_assert_uint_eq(plan.sense, SCSI_SAVING_NOT_SUPPORTED);
}
END_TEST

/* Exactly as long as it says, so that a look beyond is seen. */
static uint32_t select_mode(bool ten, const uint8_t *list, uint32_t bytes, bool *write_through)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	uint32_t sense;

	memcpy(copy, list, bytes);
	sense = scsi_mode_select(&disk, ten, copy, bytes, write_through);
	free(copy);
	return sense;
}

/* A guest reads the pages, changes WCE, and gives them back: that is taken, and nothing else. */
START_TEST(mode_select_changes_the_cache_alone)
{
	uint8_t list[64];
	uint32_t bytes;
	bool off = false;

	RUN(0x15, 0x10, 0, 0, 24, 0);
	ck_assert(plan.action == SCSI_DO_MODE_SELECT && plan.data_out && plan.bytes == 24 && !plan.ten);
	RUN(0x55, 0x10, 0, 0, 0, 0, 0, 0, 28, 0);
	ck_assert(plan.action == SCSI_DO_MODE_SELECT && plan.bytes == 28 && plan.ten);
	RUN(0x15, 0x11, 0, 0, 24, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x15, 0x00, 0, 0, 24, 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	RUN(0x15, 0x10, 0, 0, 65, 0);
	ck_assert_uint_eq(plan.sense, SCSI_PARAMETER_LIST_LENGTH_ERROR);
	RUN(0x15, 0x10, 0, 0, 0, 0);
	ck_assert(plan.action == SCSI_DO_NOTHING && !plan.sense);

	/* all pages behind a block descriptor, long form */
	RUN(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0, 0);
	bytes = plan.bytes;
	memcpy(list, reply, bytes);
	scsi_put16(list, 0);
	ck_assert_uint_eq(select_mode(true, list, bytes, &off), 0);
	ck_assert(!off);
	list[16 + 2] = 0;
	ck_assert_uint_eq(select_mode(true, list, bytes, &off), 0);
	ck_assert(off);
	off = false;
	for (uint32_t shorter = 1; shorter < bytes; shorter++)
		if (shorter != 16 && shorter != 36 && shorter != 48 && shorter != 8)
			ck_assert_uint_eq(select_mode(true, list, shorter, &off), SCSI_PARAMETER_LIST_LENGTH_ERROR);
	off = false;
	for (uint32_t i = 16; i < bytes; i++) {
		list[i] ^= 0x01;
		ck_assert_uint_ne(select_mode(true, list, bytes, &off), 0);
		ck_assert(!off);
		list[i] ^= 0x01;
	}
	list[14] ^= 0x10; /* the block's length */
	ck_assert_uint_eq(select_mode(true, list, bytes, &off), SCSI_INVALID_FIELD_IN_PARAMETERS);
	disk.cache_fixed = true;
	list[14] ^= 0x10;
	ck_assert_uint_eq(select_mode(true, list, bytes, &off), SCSI_INVALID_FIELD_IN_PARAMETERS);
	ck_assert(!off);
}
END_TEST

static uint32_t out(uint8_t service, uint8_t type, uint64_t key, uint64_t new_key, uint8_t flags)
{
	uint8_t cdb[16] = { 0x5f, service, type, [8] = 24 }, list[24] = { [20] = flags };
	struct scsi_reservation now;
	uint32_t sense;

	scsi_plan_command(&disk, 1, cdb, 10, reply, &plan);
	if (plan.sense)
		return plan.sense;
	ck_assert(plan.action == SCSI_DO_RESERVE && plan.data_out && plan.bytes == 24);
	scsi_put64(list, key);
	scsi_put64(list + 8, new_key);
	sense = scsi_reservation_out(&disk, &plan, list, &now);
	if (!sense)
		disk.reservation = now;
	return sense;
}

/* The reply's length, and its generation. */
static uint32_t in(uint8_t service, uint32_t *generation)
{
	uint8_t cdb[16] = { 0x5e, service, [7] = 1 };

	scsi_plan_command(&disk, 1, cdb, 10, reply, &plan);
	if (plan.sense)
		return 0;
	*generation = scsi_get32(reply);
	ck_assert(service == 2 || plan.bytes == 8 + scsi_get32(reply + 4));
	return plan.bytes;
}

static uint32_t six(uint8_t opcode)
{
	scsi_plan_command(&disk, 1, (const uint8_t[16]){ opcode }, 6, reply, &plan);
	return plan.sense;
}

START_TEST(keys_come_and_go)
{
	uint32_t generation;

	ck_assert_uint_eq(in(0, &generation), 8);
	ck_assert_uint_eq(generation, 0);
	ck_assert_uint_eq(out(REGISTER, 0, 5, 7, 0), SCSI_RESERVATION_CONFLICT);
	ck_assert_uint_eq(out(REGISTER, 0, 0, 0, 0), 0);
	ck_assert_uint_eq(out(REGISTER, 0, 0, 7, 0), 0);
	ck_assert_uint_eq(in(0, &generation), 16);
	ck_assert(generation == 1 && scsi_get64(reply + 8) == 7);
	ck_assert_uint_eq(out(REGISTER, 0, 0, 8, 0), SCSI_RESERVATION_CONFLICT);
	ck_assert_uint_eq(out(REGISTER, 0, 7, 8, 0), 0);
	ck_assert_uint_eq(out(REGISTER_AND_IGNORE, 0, 99, 9, 0), 0);
	ck_assert_uint_eq(in(0, &generation), 16);
	ck_assert(generation == 3 && scsi_get64(reply + 8) == 9);
	ck_assert_uint_eq(out(REGISTER, 0, 9, 0, 0), 0);
	ck_assert_uint_eq(in(0, &generation), 8);
	/* To outlive a loss of power, or for other ports: neither is offered. */
	ck_assert_uint_eq(out(REGISTER, 0, 0, 7, 1), SCSI_INVALID_FIELD_IN_PARAMETERS);
	ck_assert_uint_eq(out(REGISTER, 0, 0, 7, 8), SCSI_INVALID_FIELD_IN_PARAMETERS);
}
END_TEST

START_TEST(a_reservation_is_of_who_registered)
{
	static const uint8_t types[] = { 1, 3, 5, 6, 7, 8 };
	uint32_t generation;

	ck_assert_uint_eq(out(RESERVE, 1, 0, 0, 0), SCSI_RESERVATION_CONFLICT);
	out(REGISTER, 0, 0, 7, 0);
	for (uint32_t i = 0; i < sizeof types; i++) {
		ck_assert_uint_eq(out(RESERVE, types[i], 6, 0, 0), SCSI_RESERVATION_CONFLICT);
		ck_assert_uint_eq(out(RESERVE, types[i], 7, 0, 0), 0);
		ck_assert_uint_eq(out(RESERVE, types[i], 7, 0, 0), 0);
		ck_assert_uint_eq(in(1, &generation), 24);
		ck_assert_uint_eq(reply[21], types[i]);
		ck_assert_uint_eq(scsi_get64(reply + 8), types[i] < 7 ? 7 : 0);
		ck_assert_uint_eq(out(RESERVE, types[i] == 1 ? 3 : 1, 7, 0, 0), SCSI_RESERVATION_CONFLICT);
		ck_assert_uint_eq(out(RELEASE, types[i] == 1 ? 3 : 1, 7, 0, 0), SCSI_INVALID_RELEASE);
		ck_assert_uint_eq(out(RELEASE, types[i], 7, 0, 0), 0);
		ck_assert_uint_eq(out(RELEASE, types[i], 7, 0, 0), 0);
		ck_assert_uint_eq(in(1, &generation), 8);
		ck_assert_uint_eq(generation, 1);
	}
	ck_assert_uint_eq(out(RESERVE, 2, 7, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	ck_assert_uint_eq(out(RESERVE, 9, 7, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	ck_assert_uint_eq(out(RESERVE, 0x11, 7, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	/* Without its registration there is none. */
	out(RESERVE, 5, 7, 0, 0);
	ck_assert_uint_eq(out(REGISTER, 0, 7, 0, 0), 0);
	ck_assert_uint_eq(in(1, &generation), 8);
}
END_TEST

START_TEST(preempting_and_clearing)
{
	uint32_t generation;

	out(REGISTER, 0, 0, 7, 0);
	out(RESERVE, 5, 7, 0, 0);
	ck_assert_uint_eq(out(PREEMPT, 1, 7, 8, 0), SCSI_RESERVATION_CONFLICT);
	ck_assert_uint_eq(out(PREEMPT, 1, 7, 0, 0), SCSI_INVALID_FIELD_IN_PARAMETERS);
	ck_assert_uint_eq(out(PREEMPT, 7, 7, 7, 0), 0);
	ck_assert_uint_eq(in(1, &generation), 24);
	ck_assert(reply[21] == 7 && generation == 2);
	ck_assert_uint_eq(out(PREEMPT_AND_ABORT, 1, 7, 0, 0), 0);
	ck_assert_uint_eq(in(1, &generation), 24);
	ck_assert_uint_eq(reply[21], 1);
	ck_assert_uint_eq(out(CLEAR, 0, 6, 0, 0), SCSI_RESERVATION_CONFLICT);
	ck_assert_uint_eq(out(CLEAR, 0, 7, 0, 0), 0);
	ck_assert_uint_eq(in(0, &generation), 8);
	ck_assert_uint_eq(in(1, &generation), 8);
	ck_assert_uint_eq(generation, 4);
}
END_TEST

START_TEST(what_is_not_offered)
{
	uint32_t generation;

	ck_assert_uint_eq(out(7, 1, 0, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	ck_assert_uint_eq(in(3, &generation), 0);
	ck_assert_uint_eq(plan.sense, SCSI_INVALID_FIELD_IN_CDB);
	scsi_plan_command(&disk, 1, (const uint8_t[16]){ 0x5f, [8] = 23 }, 10, reply, &plan);
	ck_assert_uint_eq(plan.sense, SCSI_PARAMETER_LIST_LENGTH_ERROR);
	ck_assert_uint_eq(in(2, &generation), 8);
	ck_assert_mem_eq(reply, ((const uint8_t[]){ 0, 8, 0, 0x80, 0xea, 0x01, 0, 0 }), 8);
	/* The older kind, for one initiator: nothing, but not beside the newer. */
	ck_assert_uint_eq(six(0x16), 0);
	ck_assert_uint_eq(six(0x17), 0);
	out(REGISTER, 0, 0, 7, 0);
	ck_assert_uint_eq(six(0x16), SCSI_RESERVATION_CONFLICT);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("settings");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, mode_pages_tell_cache_and_write_protection);
	tcase_add_test(t, mode_select_changes_the_cache_alone);
	tcase_add_test(t, keys_come_and_go);
	tcase_add_test(t, a_reservation_is_of_who_registered);
	tcase_add_test(t, preempting_and_clearing);
	tcase_add_test(t, what_is_not_offered);
	return run_cases("scsi settings", t);
}
