/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition around the real server: guest memory in two regions, a message slot, event flags, a recording device, and the
 * guest's half of the protocol as far as the tests need it. Each message posted is taken at once unless `slot_taken`.
 */
#ifndef BULKHEAD_TEST_VMBUS_HARNESS_H
#define BULKHEAD_TEST_VMBUS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/ring/ring.h"
#include "vmbus/server/server.h"

#define GUEST_LOW  0x100000u      /* one region at 0, one at 4 GiB, of this size each */
#define GUEST_HIGH 0x100000000ull
#define GUEST_VPS  2u
#define MESSAGES   2048u

struct posted {
	uint32_t type;
	uint32_t vp;
	size_t size;
	uint8_t bytes[VMBUS_MESSAGE_MAX];
};

struct device {
	unsigned opens, resumes, signals, closes, failures, withdrawals;
	bool open;
	int open_result;
	uint8_t user[VMBUS_USER_BYTES];
	struct vmbus_channel *channel;
	/* What `signal` does; NULL: takes everything and remembers transaction ids. */
	void (*on_signal)(struct device *device, struct vmbus_channel *channel);
	void (*on_close)(struct device *device, struct vmbus_channel *channel);
	uint64_t taken[256];
	unsigned taken_count;
	int last_result;
	struct vmbus_packet packet;
	uint8_t payload[4096];
	struct iovec iov[64];
};

struct partition {
	struct vmbus_state *state;
	struct vmbus_server *server;
	struct guest_map map;
	uint8_t *low, *high;
	struct posted messages[MESSAGES];
	unsigned message_count;
	unsigned slots_free;          /* how many messages are taken before -EAGAIN */
	unsigned events[2048];
	uint32_t event_vp;
	bool connected[2048];
	unsigned logs;
	char log[192];
};

/** The guest's end of an open channel. */
struct guest_channel {
	uint32_t relid, gpadl;
	uint8_t *pages[64];
	uint64_t pfns[64];
	uint32_t page_count, downstream;
	struct vmbus_ring out, in;    /* guest->host, host->guest */
};

extern const struct vmbus_server_ops harness_ops;
extern const struct vmbus_channel_ops harness_device_ops;

void partition_init(struct partition *p);
void partition_done(struct partition *p);
/** A successor on the same state; nothing is offered or started. */
void partition_succeed(struct partition *p);

/** Posts a message of `size` bytes on the right connection. */
int guest_post(struct partition *p, const void *message, size_t size);
int guest_post_header(struct partition *p, uint32_t type);
int guest_post_relid(struct partition *p, uint32_t type, uint32_t relid);
void guest_contact(struct partition *p, uint32_t version);
/** Contact with 5.3 and RequestOffers. */
void guest_connect(struct partition *p);

/** The n-th message of the type since the last partition_forget, NULL if there are fewer. */
const struct posted *message_of(const struct partition *p, uint32_t type, unsigned n);
unsigned count_of(const struct partition *p, uint32_t type);
/** Forgets messages and events seen so far. */
void partition_forget(struct partition *p);

struct vmbus_channel *offer_device(struct partition *p, struct device *d, uint8_t instance, uint16_t subchannel);

/** Posts a GPADL of one range as header and bodies; returns the status of the reply, ~0 without one. */
uint32_t guest_gpadl(struct partition *p, uint32_t relid, uint32_t id, uint32_t bytes, const uint64_t *pfns, uint32_t count);
/** Scattered rings of `pages` pages (half each), GPADL and Open; returns the OpenResult's status. */
uint32_t guest_open(struct partition *p, struct guest_channel *g, uint32_t relid, uint32_t pages, uint32_t vp);
/** Puts a packet into the guest->host ring; true: the protocol asks for a signal. */
bool guest_put(struct guest_channel *g, uint16_t type, uint64_t id, const void *extension, uint32_t extension_bytes,
	const void *payload, uint32_t bytes);
/** Takes a packet from the host->guest ring: payload bytes, -1 if there is none. */
int guest_take(struct guest_channel *g, uint16_t *type, uint64_t *id, void *payload, uint32_t capacity);

#endif
