/* SPDX-License-Identifier: BSD-2-Clause */
/* A child's network interfaces: those that it starts with, and those that come and go. Loop only. */
#ifndef BULKHEAD_WORKER_NETWORK_H
#define BULKHEAD_WORKER_NETWORK_H

#include "machine.h"
#include "vmbus/server/server.h"

struct network_interface;

struct network {
	struct machine *machine;
	uv_timer_t flush;            /* what providers gather is told by then at the latest */
	uv_timer_t leave;            /* looks whether guests have stopped using what is being detached */
	struct vmbus_server *server;
	void (*on_input)(void *context);
	void *context;
	uint64_t past_frames;        /* of interfaces that were detached */
	struct network_interface *interface[WORKER_MAX_INTERFACES]; /* NULL: free */
};

/**
 * Offers the configuration's interfaces; before vmbus_server_start. on_input(context) is called when frames have been taken for the
 * guest. Returns 0 or a negative errno, logged.
 */
int network_create(struct network *network, struct machine *machine, struct vmbus_server *server, void (*on_input)(void *context),
		   void *context);
/** One more. Its descriptors are the network's from here on, whatever the result: 0, -EEXIST for its address, -ENOSPC or another errno. */
int network_attach(struct network *network, const struct worker_interface *config);
/** Takes it from the guest, which may be using it; done is called when its descriptors are closed, within 7 s. 0 or -ENOENT. */
int network_detach(struct network *network, const uint8_t mac[6], void (*done)(void *context, uint64_t sequence), void *context,
		   uint64_t sequence);
int network_set_link(struct network *network, const uint8_t mac[6], bool up);
/** "{guid}" by which a guest knows the interface with that MAC address. */
void network_instance_name(const uint8_t mac[6], char text[39]);
/** By the guest, through the interfaces that are there. */
uint64_t network_frames_sent(const struct network *network);
/** Both ways, since the start. */
uint64_t network_frames(const struct network *network);
void network_stats(const struct network *network, struct worker_stats *ret);

#endif
