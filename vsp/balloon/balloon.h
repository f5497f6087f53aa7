/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic memory of a partition: takes pages from the guest and gives them back, adds memory, and hears how much the guest needs, over
 * VMBus to its hv_balloon. Knows the VMBus server, not the worker; one thread, the one that also calls the VMBus server. Who gets how
 * much is the caller's policy: it sets a target, and this moves the guest there, one transaction at a time.
 */
#ifndef BULKHEAD_VSP_BALLOON_BALLOON_H
#define BULKHEAD_VSP_BALLOON_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus/server/server.h"

struct balloon;
struct balloon_state;

/** The guest's memory in pages of 4 KiB: [0, low), [4 GiB, 4 GiB + high), and room for more behind that. */
struct balloon_config {
	struct vmbus_guid instance;
	uint64_t low_pages, high_pages;      /* at the start */
	uint64_t hot_add_gfn, hot_add_pages; /* where memory can be added; 0 pages: nowhere */
};

/** context is the one given to balloon_create. */
struct balloon_ops {
	/** The guest does not use these pages any more: give them to the root. They are the guest's memory again, empty, when it touches them. */
	void (*release)(void *context, uint64_t gfn, uint64_t pages);
	/** A report came, a transaction ended, or the guest's driver came or went. May be NULL. */
	void (*changed)(void *context);
	/** One line for people, without a newline. May be NULL. */
	void (*log)(void *context, const char *text);
};

struct balloon_status {
	bool ready;                  /* the guest's driver agreed on a version and told its capabilities */
	bool can_balloon, can_add;
	bool busy;                   /* a transaction waits for the guest */
	uint32_t version;            /* DM_VERSION_*; 0 before */
	uint64_t target_pages;
	uint64_t assigned_pages;     /* start + added - ballooned */
	uint64_t ballooned_pages, added_pages;
	bool reported;               /* the next three hold */
	uint64_t demand_pages;       /* what the guest has committed */
	uint64_t available_pages;    /* what it could still use without swapping */
};

/**
 * Offers the device. state (balloon_state.h) outlives it, and ops; zeros: the target is the memory at the start. Else a predecessor's, with whose guest
 * it goes on. 0; -EINVAL (the state, too, is another configuration's or none), -ENOTSUP (of another version), -ENOMEM, -ENOSPC (no VMBus slot).
 */
int balloon_create(struct vmbus_server *server, struct balloon_state *state, const struct balloon_config *config,
	const struct balloon_ops *ops, void *context, struct balloon **ret);
/** Takes the offer back. NULL is fine. */
void balloon_free(struct balloon *balloon);
/** Frees it without a word to the guest: a successor goes on from the state. The server is not used. */
void balloon_detach(struct balloon *balloon);
/** The partition is new, with the memory of its start. After vmbus_server_reset, or on a new server. What was added is released. */
void balloon_reset(struct balloon *balloon);

/** Steps of 2 MiB towards which the guest is moved from now on. What cannot be reached is approached and tried again. */
void balloon_set_target(struct balloon *balloon, uint64_t pages);
/** About once a second; now_ms: monotonic. */
void balloon_tick(struct balloon *balloon, uint64_t now_ms);
void balloon_get_status(const struct balloon *balloon, struct balloon_status *ret);

#endif
