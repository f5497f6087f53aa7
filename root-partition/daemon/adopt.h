/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking up where an earlier daemon ended, and the first start after the machine's. */
#ifndef BULKHEAD_DAEMON_ADOPT_H
#define BULKHEAD_DAEMON_ADOPT_H

struct manager;

/**
 * Reads RUN_DIR/NAME/state of every partition, also of those without a definition. Workers that live are connected to, those that
 * have ended meanwhile are failures. The earlier daemon's descriptors for a guest's memory and state are gone with it; the
 * worker has its own.
 */
void adopt_all(struct manager *manager);

#endif
