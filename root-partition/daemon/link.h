/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's end of a worker's control socket: requests with their replies and time-outs, and status messages. Never waits. */
#ifndef BULKHEAD_DAEMON_LINK_H
#define BULKHEAD_DAEMON_LINK_H

#include <stddef.h>
#include <stdint.h>
#include "root-partition/lib/worker_protocol.h"

struct partition;

/** reply: a worker_reply, worker_stats or worker_kvp_reply, or NULL with error (an errno value) and text. */
typedef void (*reply_fn)(void *arg, const struct worker_message *reply, int error, const char *text);

/** Connects to RUN_DIR/NAME/control.sock. Status messages go to instance_on_status(). NULL: errno says why. */
struct link *link_open(struct partition *partition);
/** Answers every open request with ECONNRESET. */
void link_free(struct link **link);
/** Handles what is in the socket already; the worker has ended. */
void link_drain(struct link *link);

/** message->type and size are set by the caller, the sequence here. */
void link_request(struct link *link, struct worker_message *message, uint64_t timeout_ms, reply_fn fn, void *arg);

/** The same with descriptors, at most WORKER_MAX_QUEUES, which stay the caller's. */
void link_request_with(struct link *link, struct worker_message *message, const int *fds, unsigned fd_count, uint64_t timeout_ms, reply_fn fn,
		       void *arg);

#endif
