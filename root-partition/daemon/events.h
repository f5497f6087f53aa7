/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, numbered. Kept in RUN_DIR/.events, so that numbers go on and a client can resume over a restart of the daemon.
 */
#ifndef BULKHEAD_DAEMON_EVENTS_H
#define BULKHEAD_DAEMON_EVENTS_H

#include <stdint.h>

#define EVENTS_KEPT 1024u

struct event {
	uint64_t sequence, realtime_us;
	char     partition[64];
	char     kind[24];           /* "state", "defined", "undefined", "redefined", "adopted", "integration", "crashed", "reset", "interface",
					"disk", "items" */
	char     state[16];
	char     text[512];
};

struct manager;
struct events;

struct events *events_open(struct manager *manager);
void events_close(struct events *events);

/** Adds one, writes it down and sends it to the API's clients. */
void events_add(struct manager *manager, const char *partition, const char *kind, const char *state, const char *text);

/** The first kept event with a number above `after`; NULL: none. Walk on with its own number. */
const struct event *events_next(const struct events *events, uint64_t after);
uint64_t events_last(const struct events *events);

#endif
