/* SPDX-License-Identifier: BSD-2-Clause */
/* A network interface whose TAP is one end of a socket pair, and the guest's half of NVSP and RNDIS as far as the tests need it. */
#ifndef BULKHEAD_TEST_NETWORK_INTERFACE_H
#define BULKHEAD_TEST_NETWORK_INTERFACE_H

#include <linux/virtio_net.h>

#include "tests/unit/vmbus/harness.h"
#include "vsp/network/netvsp_state.h"
#include "vmbus/protocol/nvsp.h"
#include "vmbus/protocol/rndis.h"

#define RECEIVE_PAGES 320u   /* half in each region, from page 0 on, in turn */
#define SEND_PAGES    8u     /* of the low region, behind them */
#define REQUEST_PAGE  200u   /* of the low region: what the guest names directly */

struct interface {
	struct partition p;
	struct netvsp *vsp;
	struct netvsp_state state;
	struct guest_channel g;
	int tap;                     /* the test's end */
	int worker;                  /* the provider's */
	uint32_t queues;
	bool allow_spoofing;
	unsigned deferred, wanted;
	uint64_t next_id;
	uint64_t returned;           /* slot of the last message taken */
};

struct frame {
	struct virtio_net_hdr header;
	uint8_t bytes[65600];
} __attribute__((packed));

extern const uint8_t guest_mac[6];

void interface_init(struct interface *i, bool allow_spoofing);
/** The same with so many queues, all of them one descriptor. */
void interface_init_queues(struct interface *i, bool allow_spoofing, uint32_t queues);
void interface_done(struct interface *i);
/** Ends as a killed worker would, but without leaks; a successor has started afterwards. */
void interface_succeed(struct interface *i);
/** Open channel, version 6.1, both buffers. capabilities as in NDIS_CONFIG. */
void interface_connect(struct interface *i, uint64_t capabilities);
/** And the RNDIS part, with a filter. */
void interface_up(struct interface *i);

/** An NVSP message and its completion. */
struct nvsp_message nvsp_ask(struct interface *i, const struct nvsp_message *message);
/** An RNDIS control message; the answer's bytes behind its header. Returns its type. */
uint32_t rndis_ask(struct interface *i, uint32_t type, const void *body, uint32_t bytes, void *answer, uint32_t capacity);
uint32_t rndis_query(struct interface *i, uint32_t oid, uint32_t wanted, void *info, uint32_t capacity);
uint32_t rndis_set(struct interface *i, uint32_t oid, const void *info, uint32_t bytes);

/** Puts an RNDIS message (header included) in a send section and signals. Returns the completion's status. */
uint32_t send_section(struct interface *i, uint32_t section, const void *message, uint32_t bytes);
/** Wraps a frame with per-packet information. Returns the message's size. */
uint32_t wrap(uint8_t *to, const void *frame, uint32_t bytes, const uint32_t *info, uint32_t info_count);
/** The next frame at the TAP's other end: its bytes, -1: none. */
int tap_take(struct interface *i, struct frame *frame);
void tap_put(struct interface *i, const struct frame *frame, uint32_t bytes);
/** The next message of the host in the receive buffer, parts joined as they lie: its size, -1: none. The slot is not returned. */
int receive_take(struct interface *i, uint32_t *parts, uint8_t *to, uint32_t capacity);
void receive_return(struct interface *i, uint64_t id);

#endif
