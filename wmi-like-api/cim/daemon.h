/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection to bulkheadd: sd-bus on the libuv loop, made again when it is lost. Calls are asynchronous, and each is answered
 * once: by the daemon, or by an error when the connection ends.
 */
#ifndef BULKHEAD_CIM_DAEMON_H
#define BULKHEAD_CIM_DAEMON_H

#include <systemd/sd-bus.h>
#include "wmi-like-api/cim/cim.h"

struct daemon;

struct daemon_events {
	/** A connection was made: what was known is old. */
	void (*up)(void *arg);
	void (*down)(void *arg);
	/** Signal Event: which partition, what happened. */
	void (*event)(void *arg, const char *partition, const char *kind);
	void *arg;
};

/** reply: of the method, NULL with an error. name is one of org.bulkhead.Error.*, or of D-Bus. */
typedef void (*daemon_reply_fn)(void *arg, sd_bus_message *reply, const char *name, const char *text);

struct daemon *daemon_open(const struct cim_options *options, const struct daemon_events *events);
/** Unanswered calls are answered by an error first. */
void daemon_close(struct daemon *daemon);
bool daemon_is_up(const struct daemon *daemon);

/** A method of org.bulkhead.Manager1. fn is never called before this returns. */
void daemon_call(struct daemon *daemon, daemon_reply_fn fn, void *arg, const char *member, const char *types, ...);

#endif
