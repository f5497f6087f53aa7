/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of a network interface, vsp/network and vsc/netvsc, wired together in one process; one end of a socket pair is the TAP. */
#ifndef BULKHEAD_TEST_VSC_NETVSC_PAIR_H
#define BULKHEAD_TEST_VSC_NETVSC_PAIR_H

#include <linux/virtio_net.h>

#include "vsc/netvsc/netvsc.h"
#include "vsp/network/netvsp_state.h"
#include "wired.h"

#define PAIR_RING_BYTES    (32u * 4096)
#define PAIR_RECEIVE_BYTES (2u << 20)
#define PAIR_SEND_BYTES    (64u * 6144)
#define PAIR_PAGES_BYTES   (32u * 4096)

struct tap_frame {
	struct virtio_net_hdr header;
	uint8_t bytes[VSC_NETVSC_FRAME_MAX + 8];
} __attribute__((packed));

struct netvsc_pair {
	struct wired w;
	struct netvsp *host;
	struct netvsp_state host_state;
	struct vsc_netvsc guest;
	struct vsc_netvsc_config config;
	struct vsc_channel *channel;
	int tap, worker;             /* the test's end, the provider's */
	bool deferred, gone;
	/* The guest's side. */
	uint8_t frame[VSC_NETVSC_FRAME_MAX];
	uint8_t *pages;              /* PAIR_PAGES_BYTES of its memory */
	struct vsc_frame last;       /* points to `frame` */
	unsigned int received, rooms, links, sent, failed;
	bool link;
	/** What to do with each frame; may be NULL. */
	void (*received_one)(struct netvsc_pair *p, const struct vsc_frame *frame);
};

extern const uint8_t pair_mac[6];

/** Offers the interface and connects; p->config is ready to be changed. */
void netvsc_pair_begin(struct netvsc_pair *p);
void netvsc_pair_end(struct netvsc_pair *p);
/** Opens with p->config; with a filter when it has opened. */
int netvsc_pair_open(struct netvsc_pair *p);
/** A frame of that many bytes from the guest's address to somebody. */
void netvsc_pair_frame(uint8_t *frame, uint32_t bytes, uint32_t seed);
/** At the TAP. -1: nothing there. */
int netvsc_pair_tap_take(struct netvsc_pair *p, struct tap_frame *frame);
/** False: it is full. */
bool netvsc_pair_tap_put(struct netvsc_pair *p, const struct tap_frame *frame, uint32_t bytes);
/** Until nothing happens any more. */
void netvsc_pair_settle(struct netvsc_pair *p);

#endif
