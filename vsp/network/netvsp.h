/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network provider: one synthetic network interface (NVSP and RNDIS, as hv_netvsc speaks them) on the queues of a TAP device, each frame
 * behind a struct virtio_net_hdr, so that a large segment stays one packet end to end. One thread calls everything.
 *
 * Knows the VMBus server and descriptors, not the worker: whoever owns it watches the descriptors and calls netvsp_input.
 */
#ifndef BULKHEAD_VSP_NETVSP_H
#define BULKHEAD_VSP_NETVSP_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/server/server.h"

#define NETVSP_MAX_QUEUES 8u

struct netvsp;
struct netvsp_state;

struct netvsp_config {
	struct vmbus_guid instance;
	uint8_t  mac[6];             /* the guest's */
	uint32_t mtu;                /* what the guest may send at most */
	bool     link_up;
	bool     allow_spoofing;     /* frames from other source addresses are let through */
	uint32_t vp_count;
	uint32_t queue_count;        /* 1..NETVSP_MAX_QUEUES; the guest opens a channel for each if it has the VPs */
	int      fd[NETVSP_MAX_QUEUES]; /* non-blocking; stay the owner's, who closes them after netvsp_free */
	/** One line for people; may be NULL. */
	void   (*log)(void *context, const char *text);
	/** Answers to the guest are gathered: netvsp_flush is wanted within a millisecond or so. */
	void   (*defer)(void *context);
	/** Input of that queue is wanted again, after netvsp_input had stopped with some left. */
	void   (*want_input)(void *context, uint32_t queue);
	/** The device behind that queue has gone; its descriptor has nothing more. Once a queue; may be NULL. */
	void   (*lost)(void *context, uint32_t queue);
	void    *context;
};

/**
 * Offers the interface, hot if the guest is there. `state` (netvsp_state.h) outlives it: zeros, or what a predecessor with the same instance left; then
 * vmbus_server_start goes on with it. 0 or a negative errno: -ENOTSUP for another layout of the state.
 */
int netvsp_create(struct vmbus_server *server, struct netvsp_state *state, const struct netvsp_config *config, struct netvsp **ret);
/**
 * Takes the offer back from a guest that may be using it: its frames go nowhere and are answered until it has let go of the interface.
 * Then gone(context) is called, maybe from inside this call; netvsp_free is all that may follow. The descriptors are not used any more.
 */
void netvsp_remove(struct netvsp *netvsp, void (*gone)(void *context));
/**
 * In a successor: goes on from the state of an interface that was being removed, until the guest has let go of it, as netvsp_remove does; the
 * configuration's descriptors are not used. -ENOENT: the guest has already.
 */
int netvsp_remove_on(struct vmbus_server *server, struct netvsp_state *state, const struct netvsp_config *config, void (*gone)(void *context),
		     struct netvsp **ret);
/** Takes the offer back at once. Not from inside a callback other than gone. */
void netvsp_free(struct netvsp *netvsp);
/** Frees it without a word to the guest: a successor goes on from the state. The server is not used. */
void netvsp_detach(struct netvsp *netvsp);

/**
 * The descriptor of the queue has input: takes frames until there are none. True: there may be more, call again in the next round. False
 * with some left when the guest has no room: want_input follows.
 */
bool netvsp_input(struct netvsp *netvsp, uint32_t queue);
/** Tells the guest what was gathered. Harmless when there is nothing. */
void netvsp_flush(struct netvsp *netvsp);

/** Puts the cable in or pulls it out. */
void netvsp_set_link(struct netvsp *netvsp, bool up);

/** As the guest sees it: rx is what it gets. */
struct netvsp_stats {
	uint64_t rx_packets, rx_bytes, rx_dropped, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_dropped, tx_errors;
	uint64_t spoofed;            /* of tx_dropped: another source address */
	uint32_t queues;             /* channels in use */
	bool     link_up, ready;     /* ready: the guest's driver has set a filter */
};
void netvsp_get_stats(const struct netvsp *netvsp, struct netvsp_stats *ret);

#endif
