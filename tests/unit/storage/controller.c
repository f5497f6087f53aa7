/* SPDX-License-Identifier: BSD-2-Clause */
#undef NDEBUG
#include "controller.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_PAGES 10u

static void take_log(void *context, const char *text)
{
	struct controller *c = context;

	c->logs++;
	snprintf(c->log, sizeof c->log, "%s", text);
}

static void make(struct controller *c)
{
	struct storvsp_config config = { .instance = { { 7 } }, .vp_count = c->vps, .log = take_log, .log_context = c };

	if (!c->real) {
		fake_queue_init(&c->fake);
		config.queue = &c->fake.queue;
	}
	assert(storvsp_create(c->p.server, c->state, &config, &c->vsp) == 0);
}

void controller_init(struct controller *c, bool real)
{
	memset(c, 0, sizeof *c);
	partition_init(&c->p);
	/* Guest memory as a worker has it: whole pages. */
	free(c->p.low);
	free(c->p.high);
	c->p.low = aligned_alloc(4096, GUEST_LOW);
	c->p.high = aligned_alloc(4096, GUEST_LOW);
	memset(c->p.low, 0, GUEST_LOW);
	memset(c->p.high, 0, GUEST_LOW);
	c->p.map.regions[0].host = c->p.low;
	c->p.map.regions[1].host = c->p.high;
	c->state = calloc(1, STORVSP_STATE_BYTES);
	c->real = real;
	c->vps = GUEST_VPS;
	c->next_id = 100;
	make(c);
}

void controller_start(struct controller *c)
{
	assert(storvsp_start(c->vsp) == 0);
	vmbus_server_start(c->p.server);
}

void controller_connect(struct controller *c)
{
	static const uint32_t steps[] = {
		STORVSP_BEGIN_INITIALIZATION, STORVSP_QUERY_PROTOCOL_VERSION, STORVSP_QUERY_PROPERTIES, STORVSP_END_INITIALIZATION,
	};

	guest_connect(&c->p);
	assert(guest_open(&c->p, &c->g, 1, RING_PAGES, 0) == 0);
	for (uint32_t i = 0; i < 4; i++) {
		struct storvsp_packet packet = { .operation = steps[i] };

		if (steps[i] == STORVSP_QUERY_PROTOCOL_VERSION)
			packet.version.major_minor = STORVSP_VERSION_6_2;
		assert(control(c, &packet) == STORVSP_STATUS_SUCCESS);
	}
	assert(storvsp_version(c->vsp) == STORVSP_VERSION_6_2);
}

void controller_done(struct controller *c)
{
	storvsp_free(c->vsp);
	assert(c->real || c->fake.freed);
	partition_done(&c->p);
	free(c->state);
}

void controller_succeed(struct controller *c)
{
	struct storvsp *old = c->vsp;

	partition_succeed(&c->p);
	storvsp_detach(old);
	make(c);
}

int disk_file(uint64_t bytes, int flags)
{
	char name[] = "disk-XXXXXX";
	int fd = mkstemp(name), other;

	assert(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
	other = open(name, flags | O_CLOEXEC);
	unlink(name);
	close(fd);
	return other;
}

void controller_add(struct controller *c, int fd, uint8_t target, uint8_t lun, uint32_t block_size, bool read_only)
{
	struct storvsp_disk_config config = { .fd = fd, .target = target, .lun = lun, .block_size = block_size, .read_only = read_only };

	snprintf(config.serial, sizeof config.serial, "serial-%u-%u", target, lun);
	assert(storvsp_add_disk(c->vsp, &config) == 0);
}

uint8_t *data_page(struct controller *c, uint32_t n)
{
	assert(n < 2 * DATA_PAGES);
	return (n < DATA_PAGES ? c->p.low + (DATA_PAGE + n) * 4096u : c->p.high + (DATA_PAGE + n - DATA_PAGES) * 4096u);
}

void data_write(struct controller *c, uint32_t offset, const void *from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		data_page(c, (offset + i) / 4096)[(offset + i) % 4096] = ((const uint8_t *)from)[i];
}

void data_read(struct controller *c, uint32_t offset, void *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = data_page(c, (offset + i) / 4096)[(offset + i) % 4096];
}

static void guest_signal(struct controller *c, const struct guest_channel *g, bool wanted)
{
	if (wanted)
		while (vmbus_server_signal(c->p.server, g->relid))
			;
}

bool put_packet(struct controller *c, struct guest_channel *g, uint64_t id, const struct storvsp_packet *packet)
{
	bool wanted = guest_put(g, VMBUS_PACKET_INBAND, id, NULL, 0, packet, sizeof *packet);

	guest_signal(c, g, wanted);
	return wanted;
}

uint64_t put_command(struct controller *c, struct guest_channel *g, uint8_t target, uint8_t lun, const uint8_t *cdb, uint8_t cdb_length,
	uint8_t data_in, uint32_t offset, uint32_t bytes)
{
	struct storvsp_packet packet = {
		.operation = STORVSP_EXECUTE_SRB, .flags = STORVSP_FLAG_REQUEST_COMPLETION,
		.srb = { .length = sizeof packet.srb, .target = target, .lun = lun, .cdb_length = cdb_length, .sense_length = STORVSP_SENSE_BYTES,
			.data_in = data_in, .transfer_length = bytes },
	};
	uint32_t pages = (offset % 4096 + bytes + 4095) / 4096;
	uint64_t extension[2 + 2 * DATA_PAGES], id = ++c->next_id;
	bool wanted;

	memcpy(packet.srb.cdb, cdb, cdb_length);
	if (!bytes) {
		put_packet(c, g, id, &packet);
		return id;
	}
	((uint32_t *)extension)[0] = 0;
	((uint32_t *)extension)[1] = 1;
	((uint32_t *)extension)[2] = bytes;
	((uint32_t *)extension)[3] = offset % 4096;
	for (uint32_t i = 0; i < pages; i++) {
		uint32_t n = offset / 4096 + i;

		extension[2 + i] = n < DATA_PAGES ? DATA_PAGE + n : GUEST_HIGH / 4096 + DATA_PAGE + n - DATA_PAGES;
	}
	wanted = guest_put(g, VMBUS_PACKET_GPA_DIRECT, id, extension, 16 + 8 * pages, &packet, sizeof packet);
	guest_signal(c, g, wanted);
	return id;
}

bool take_answer(struct controller *c, struct guest_channel *g, struct answer *answer)
{
	uint16_t type;
	bool waited = g->in.header->pending_send_size != 0;
	int bytes = guest_take(g, &type, &answer->id, &answer->packet, sizeof answer->packet);

	if (bytes < 0)
		return false;
	assert(type == VMBUS_PACKET_COMPLETION && bytes == sizeof answer->packet);
	assert(answer->packet.operation == STORVSP_COMPLETE_IO);
	c->answers++;
	/* The host waits for room: here it is. */
	guest_signal(c, g, waited);
	return true;
}

void wait_answer(struct controller *c, struct guest_channel *g, struct answer *answer)
{
	for (int rounds = 0; !take_answer(c, g, answer); rounds++) {
		struct pollfd fd = { .fd = storvsp_event_fd(c->vsp), .events = POLLIN };

		assert(rounds < 1000);
		if (c->real)
			assert(poll(&fd, 1, 10000) == 1);
		storvsp_process_completions(c->vsp);
	}
}

uint32_t control(struct controller *c, struct storvsp_packet *packet)
{
	struct answer answer;

	put_packet(c, &c->g, UINT64_MAX - 2, packet);
	wait_answer(c, &c->g, &answer);
	assert(answer.id == UINT64_MAX - 2);
	*packet = answer.packet;
	return packet->status;
}

struct storvsp_srb command(struct controller *c, uint8_t lun, const uint8_t *cdb, uint8_t cdb_length, uint8_t data_in, uint32_t bytes)
{
	struct answer answer;
	uint64_t id = put_command(c, &c->g, 0, lun, cdb, cdb_length, data_in, 0, bytes);

	wait_answer(c, &c->g, &answer);
	assert(answer.id == id && answer.packet.status == 0);
	return answer.packet.srb;
}

void rw_cdb(uint8_t cdb[10], bool write, uint32_t lba, uint16_t blocks)
{
	uint8_t bytes[10] = {
		write ? 0x2a : 0x28, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16), (uint8_t)(lba >> 8), (uint8_t)lba, 0,
		(uint8_t)(blocks >> 8), (uint8_t)blocks,
	};

	memcpy(cdb, bytes, sizeof bytes);
}

struct storvsp_srb transfer(struct controller *c, uint8_t lun, bool write, uint32_t lba, uint16_t blocks, uint32_t block_size)
{
	uint8_t cdb[10];

	rw_cdb(cdb, write, lba, blocks);
	return command(c, lun, cdb, sizeof cdb, write ? STORVSP_DATA_OUT : STORVSP_DATA_IN, blocks * block_size);
}

uint32_t sense_of(const struct storvsp_srb *srb)
{
	if (!(srb->srb_status & SRB_STATUS_AUTOSENSE_VALID))
		return 0;
	assert(srb->scsi_status == 2 && srb->sense_length == 18 && srb->transfer_length == 0);
	assert((srb->sense[0] & 0x7f) == 0x70 && srb->sense[7] == 10);
	return (uint32_t)srb->sense[2] << 16 | srb->sense[12] << 8 | srb->sense[13];
}
