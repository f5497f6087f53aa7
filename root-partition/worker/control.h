/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: one daemon at a time, status to it, its requests to the machine. Loop only. */
#ifndef BULKHEAD_WORKER_CONTROL_H
#define BULKHEAD_WORKER_CONTROL_H

#include <uv.h>

#include "machine.h"

struct control {
	struct machine *machine;
	int listen_fd, client_fd;    /* client_fd -1: no daemon now */
	uv_poll_t listener, client;
};

/** listen_fd: a listening SOCK_SEQPACKET socket. */
int control_init(struct control *control, struct machine *machine, int listen_fd);
/** Sends how its dynamic memory is, if it has any and a daemon is there. */
void control_send_memory(struct control *control);
/** Sends the machine's status, if a daemon is there. */
void control_send_status(struct control *control);

#endif
