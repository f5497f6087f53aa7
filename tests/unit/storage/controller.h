/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SCSI controller with disks on files, and the guest that talks to it through real rings: storvsc's half of the protocol as far as
 * the tests need it.
 */
#ifndef BULKHEAD_TEST_STORAGE_CONTROLLER_H
#define BULKHEAD_TEST_STORAGE_CONTROLLER_H

#include "fake_queue.h"
#include "tests/unit/vmbus/harness.h"
#include "vsp/storage/storvsp.h"
#include "vsp/storage/storvsp_protocol.h"

/* Guest memory for data: pages from here on of the low region, then of the high one. */
#define DATA_PAGE   8u
#define DATA_PAGES  96u

struct controller {
	struct partition p;
	struct storvsp_state *state;
	struct storvsp *vsp;
	struct fake_queue fake;
	bool real;                       /* io_uring rather than the fake */
	uint32_t vps;
	struct guest_channel g;          /* primary */
	uint64_t next_id;
	unsigned int answers;            /* taken so far */
	unsigned int logs;
	char log[256];
};

struct answer {
	uint64_t id;
	struct storvsp_packet packet;
};

/** A partition with a controller; disks are added between init and start. */
void controller_init(struct controller *c, bool real);
void controller_start(struct controller *c);
/** The guest finds the controller, opens it, negotiates. */
void controller_connect(struct controller *c);
void controller_done(struct controller *c);
/** Ends as a killed worker would, but without leaks; a successor is there afterwards, with no disks and not started. */
void controller_succeed(struct controller *c);

/** A file of that size, unlinked; flags as of open(2). It lies in the working folder. */
int disk_file(uint64_t bytes, int flags);
void controller_add(struct controller *c, int fd, uint8_t target, uint8_t lun, uint32_t block_size, bool read_only);

/** Host's view of the n-th data page. */
uint8_t *data_page(struct controller *c, uint32_t n);
void data_write(struct controller *c, uint32_t offset, const void *from, uint32_t bytes);
void data_read(struct controller *c, uint32_t offset, void *to, uint32_t bytes);

/** A packet without data; true: the guest would signal. */
bool put_packet(struct controller *c, struct guest_channel *g, uint64_t id, const struct storvsp_packet *packet);
/** EXECUTE_SRB with a buffer of bytes at offset of the data pages (bytes 0: none). Returns its id. Signals. */
uint64_t put_command(struct controller *c, struct guest_channel *g, uint8_t target, uint8_t lun, const uint8_t *cdb, uint8_t cdb_length,
	uint8_t data_in, uint32_t offset, uint32_t bytes);
/** The next answer, false if there is none now. */
bool take_answer(struct controller *c, struct guest_channel *g, struct answer *answer);
/** Lets the controller work until there is an answer; aborts after a while. */
void wait_answer(struct controller *c, struct guest_channel *g, struct answer *answer);
/** Negotiation step or reset, and its answer's status. */
uint32_t control(struct controller *c, struct storvsp_packet *packet);
/** A command on target 0, LUN lun, buffer at the data pages' start, and its answer. */
struct storvsp_srb command(struct controller *c, uint8_t lun, const uint8_t *cdb, uint8_t cdb_length, uint8_t data_in, uint32_t bytes);
/** READ (10) or WRITE (10) of blocks to or from the data pages' start. */
struct storvsp_srb transfer(struct controller *c, uint8_t lun, bool write, uint32_t lba, uint16_t blocks, uint32_t block_size);
void rw_cdb(uint8_t cdb[10], bool write, uint32_t lba, uint16_t blocks);

/** Key, code, qualifier in one number; 0: the answer has no sense data. */
uint32_t sense_of(const struct storvsp_srb *srb);

#endif
