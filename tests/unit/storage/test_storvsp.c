/* SPDX-License-Identifier: BSD-2-Clause */
/* Negotiation and packets: what a guest gets to hear, whatever it sends. */
#include "controller.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct controller c;
static int fd;

static void setup(void)
{
	controller_init(&c, false);
	fd = disk_file(1 << 20, O_RDWR);
	controller_add(&c, fd, 0, 0, 512, false);
	controller_start(&c);
}

static void teardown(void)
{
	controller_done(&c);
	close(fd);
}

static uint32_t step(uint32_t operation, uint16_t value)
{
	struct storvsp_packet packet = { .operation = operation };

	if (operation == STORVSP_QUERY_PROTOCOL_VERSION)
		packet.version.major_minor = value;
	if (operation == STORVSP_CREATE_SUB_CHANNELS)
		packet.subchannel_count = value;
	return control(&c, &packet);
}

static void open_primary(void)
{
	guest_connect(&c.p);
	ck_assert_uint_eq(guest_open(&c.p, &c.g, 1, 10, 0), 0);
}

START_TEST(versions_from_6_2_to_5_1_are_spoken)
{
	static const uint16_t known[] = { 0x0602, 0x0600, 0x0501 };

	for (uint32_t i = 0; i < 3; i++) {
		if (i) {
			guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
			guest_post_header(&c.p, VMBUS_MSG_UNLOAD);
			partition_forget(&c.p);
		}
		open_primary();
		ck_assert_uint_eq(step(STORVSP_BEGIN_INITIALIZATION, 0), 0);
		ck_assert_uint_eq(step(STORVSP_QUERY_PROTOCOL_VERSION, 0x0703), STORVSP_STATUS_REVISION_MISMATCH);
		ck_assert_uint_eq(step(STORVSP_QUERY_PROTOCOL_VERSION, 0x0402), STORVSP_STATUS_REVISION_MISMATCH);
		ck_assert_uint_eq(step(STORVSP_QUERY_PROTOCOL_VERSION, known[i]), 0);
		ck_assert_uint_eq(step(STORVSP_QUERY_PROPERTIES, 0), 0);
		ck_assert_uint_eq(storvsp_version(c.vsp), 0);
		ck_assert_uint_eq(step(STORVSP_END_INITIALIZATION, 0), 0);
		ck_assert_uint_eq(storvsp_version(c.vsp), known[i]);
	}
}
END_TEST

START_TEST(steps_out_of_order_are_refused_and_change_nothing)
{
	struct storvsp_packet srb = { .operation = STORVSP_EXECUTE_SRB, .srb.cdb_length = 6, .srb.data_in = 2 };

	open_primary();
	ck_assert_uint_eq(step(STORVSP_END_INITIALIZATION, 0), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(step(STORVSP_QUERY_PROTOCOL_VERSION, 0x0602), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(control(&c, &srb), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(srb.srb.srb_status, SRB_STATUS_INVALID_REQUEST);
	ck_assert_uint_eq(step(STORVSP_BEGIN_INITIALIZATION, 0), 0);
	ck_assert_uint_eq(step(STORVSP_BEGIN_INITIALIZATION, 0), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(step(STORVSP_QUERY_PROPERTIES, 0), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(step(STORVSP_FCHBA_DATA, 0), STORVSP_STATUS_INVALID_DEVICE_REQUEST);
	ck_assert_uint_eq(step(77, 0), STORVSP_STATUS_INVALID_DEVICE_REQUEST);
	ck_assert_uint_eq(step(STORVSP_QUERY_PROTOCOL_VERSION, 0x0602), 0);
}
END_TEST

START_TEST(properties_say_how_many_subchannels_there_are)
{
	struct storvsp_packet packet = { .operation = STORVSP_QUERY_PROPERTIES };

	open_primary();
	step(STORVSP_BEGIN_INITIALIZATION, 0);
	step(STORVSP_QUERY_PROTOCOL_VERSION, 0x0602);
	ck_assert_uint_eq(control(&c, &packet), 0);
	ck_assert_uint_eq(packet.properties.max_subchannels, GUEST_VPS - 1);
	ck_assert_uint_eq(packet.properties.flags, STORVSP_PROPERTY_MULTI_CHANNEL);
	ck_assert_uint_eq(packet.properties.max_transfer, STORVSP_MAX_TRANSFER);
}
END_TEST

/* A subchannel has the controller's type and instance; requests on it are answered on it. It goes when the primary channel does. */
START_TEST(subchannels_come_on_demand_and_carry_commands)
{
	static const uint8_t test_unit_ready[6];
	struct vmbus_offer_message first, second;
	struct guest_channel sub;
	struct answer answer;
	uint64_t id;

	controller_connect(&c);
	ck_assert_uint_eq(step(STORVSP_CREATE_SUB_CHANNELS, 2), STORVSP_STATUS_INVALID_PARAMETER);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_OFFER), 1);
	ck_assert_uint_eq(step(STORVSP_CREATE_SUB_CHANNELS, 1), 0);
	ck_assert_uint_eq(step(STORVSP_CREATE_SUB_CHANNELS, 1), STORVSP_STATUS_INVALID_DEVICE_STATE);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_OFFER), 2);
	memcpy(&first, message_of(&c.p, VMBUS_MSG_OFFER, 0)->bytes, sizeof first);
	memcpy(&second, message_of(&c.p, VMBUS_MSG_OFFER, 1)->bytes, sizeof second);
	ck_assert(vmbus_guid_equal(&first.instance, &second.instance) && vmbus_guid_equal(&first.type, &second.type));
	ck_assert_uint_eq(second.subchannel_index, 1);
	ck_assert_uint_eq(guest_open(&c.p, &sub, second.relid, 10, 1), 0);
	id = put_command(&c, &sub, 0, 0, test_unit_ready, 6, STORVSP_DATA_NONE, 0, 0);
	wait_answer(&c, &sub, &answer);
	ck_assert_uint_eq(answer.id, id);
	ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_SUCCESS);
	put_packet(&c, &sub, 5, &(struct storvsp_packet){ .operation = STORVSP_BEGIN_INITIALIZATION });
	wait_answer(&c, &sub, &answer);
	ck_assert_uint_eq(answer.packet.status, STORVSP_STATUS_INVALID_DEVICE_REQUEST);
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, sub.relid);
	guest_post_relid(&c.p, VMBUS_MSG_CLOSE, 1);
	ck_assert_uint_eq(count_of(&c.p, VMBUS_MSG_RESCIND), 1);
}
END_TEST

/* Packets that are none get an answer too: the guest's request has no timeout. */
START_TEST(malformed_packets_are_answered_with_an_error)
{
	struct storvsp_packet packet = { .operation = STORVSP_EXECUTE_SRB, .srb = { .cdb_length = 6, .data_in = 2 } };
	uint32_t outside[8] = { 0, 1, 512, 0, 0x7fffffff, 0, 0, 0 };
	struct answer answer;

	controller_connect(&c);
	guest_put(&c.g, VMBUS_PACKET_INBAND, 11, NULL, 0, &packet, 48);
	guest_put(&c.g, VMBUS_PACKET_INBAND, 12, NULL, 0, c.p.low, 256);
	guest_put(&c.g, VMBUS_PACKET_GPA_DIRECT, 13, outside, 24, &packet, sizeof packet);
	guest_put(&c.g, VMBUS_PACKET_TRANSFER_PAGES, 14, outside, 8, &packet, sizeof packet);
	packet.srb.cdb_length = 17;
	guest_put(&c.g, VMBUS_PACKET_INBAND, 15, NULL, 0, &packet, sizeof packet);
	packet.operation = STORVSP_COMPLETE_IO;
	guest_put(&c.g, VMBUS_PACKET_INBAND, 16, NULL, 0, &packet, sizeof packet);
	vmbus_server_signal(c.p.server, 1);
	for (uint64_t id = 11; id <= 16; id++) {
		wait_answer(&c, &c.g, &answer);
		ck_assert_uint_eq(answer.id, id);
		ck_assert_uint_eq(answer.packet.srb.srb_status, SRB_STATUS_INVALID_REQUEST);
	}
	ck_assert(!take_answer(&c, &c.g, &answer));
}
END_TEST

/* What the guest does not want answered is done all the same; completions that it sends are ignored. */
START_TEST(packets_without_a_wish_for_an_answer_get_none)
{
	struct storvsp_packet packet = { .operation = STORVSP_EXECUTE_SRB, .srb = { .cdb_length = 10, .cdb = { 0x35 }, .data_in = 2 } };
	struct vmbus_ring_part part = { &packet, sizeof packet };
	struct answer answer;

	controller_connect(&c);
	vmbus_ring_write(&c.g.out, VMBUS_PACKET_INBAND, 0, 1, 0, &part, 1);
	vmbus_ring_write(&c.g.out, VMBUS_PACKET_COMPLETION, 0, 2, 0, &part, 1);
	vmbus_ring_write_end(&c.g.out);
	vmbus_server_signal(c.p.server, 1);
	storvsp_process_completions(c.vsp);
	ck_assert(!take_answer(&c, &c.g, &answer));
	ck_assert_uint_eq(c.fake.begun[DISK_FLUSH], 1);
}
END_TEST

START_TEST(disks_that_cannot_be_are_refused)
{
	struct storvsp_disk_config config = { .fd = fd, .lun = 1, .block_size = 512 };
	int pipes[2], empty = disk_file(0, O_RDWR);

	ck_assert_int_eq(pipe(pipes), 0);
	config.lun = 0;
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EEXIST);
	config.lun = STORVSP_LUNS;
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EINVAL);
	config.lun = 1;
	config.block_size = 1024;
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EINVAL);
	config.block_size = 512;
	config.fd = pipes[0];
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EINVAL);
	config.fd = empty;
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EINVAL);
	config.fd = 9999;
	ck_assert_int_eq(storvsp_add_disk(c.vsp, &config), -EBADF);
	close(pipes[0]);
	close(pipes[1]);
	close(empty);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("storvsp");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, versions_from_6_2_to_5_1_are_spoken);
	tcase_add_test(t, steps_out_of_order_are_refused_and_change_nothing);
	tcase_add_test(t, properties_say_how_many_subchannels_there_are);
	tcase_add_test(t, subchannels_come_on_demand_and_carry_commands);
	tcase_add_test(t, malformed_packets_are_answered_with_an_error);
	tcase_add_test(t, packets_without_a_wish_for_an_answer_get_none);
	tcase_add_test(t, disks_that_cannot_be_are_refused);
	return run_cases("storvsp", t);
}
