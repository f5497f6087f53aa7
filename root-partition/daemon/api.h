/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The D-Bus interface: /org/bulkhead (org.bulkhead.Manager1) and /org/bulkhead/partition/NAME (org.bulkhead.Partition1), spoken
 * with each client of RUN_DIR/bulkhead.sock directly, and as org.bulkhead.Manager1 on the system bus when there is one.
 *
 * Root and members of the group may do everything; everybody else may look: list, show, host, events.
 */
#ifndef BULKHEAD_DAEMON_API_H
#define BULKHEAD_DAEMON_API_H

struct api;
struct event;
struct manager;

/** NULL: said why. */
struct api *api_open(struct manager *manager);
void api_close(struct api *api);

/** The signal Event to every client. Never waits: a client that does not read is dropped. */
void api_send_event(struct api *api, const struct event *event);

#endif
