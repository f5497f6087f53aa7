/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client wired to the project's own VMBus server in one process: one arena is the guest's memory, messages and signals
 * are queued and handed over when somebody waits.
 */
#ifndef BULKHEAD_TEST_VSC_WIRED_H
#define BULKHEAD_TEST_VSC_WIRED_H

#include "vmbus/server/server.h"
#include "vsc/vmbus/client.h"

#define ARENA_GPA   0x200000ull
#define ARENA_BYTES (8u << 20)
#define QUEUE       512u

struct queued {
	uint32_t bytes;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};

struct wired {
	struct vsc_vmbus bus;
	uint8_t *arena;
	size_t used;                 /* of the arena, by wired_memory */
	struct vmbus_state *state;
	struct vmbus_server *server;
	struct guest_map map;
	struct queued queue[QUEUE];  /* to the guest */
	unsigned int head, tail;
	bool events[VMBUS_MAX_RELID + 1];
	uint32_t relid_of[4096];     /* by connection id */
	uint32_t oldest_refused;     /* the host refuses versions from this one on; 0: none */
	bool silent;                 /* the host's messages are lost */
	unsigned int busy;           /* so many posts are told to come again */
	unsigned int posts, signals; /* of the guest */
	unsigned int patience;       /* rounds without anything new before wait gives up */
	/** More work of the host's in every round: a device's completions. True: it did something. */
	bool (*host_work)(void *device);
	void *device;
};

void wired_init(struct wired *w);
void wired_done(struct wired *w);
/** Page-aligned guest memory, zeroed. */
void *wired_memory(struct wired *w, size_t bytes);
/** Connects with 5.3 and takes the offers. */
void wired_connect(struct wired *w);
/** Hands over what is queued, in both directions. */
bool wired_pump(struct wired *w);

#endif
