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
	uint32_t held_resets;        /* of the partition that the client has, plus 1; 0: it has none */
	uint64_t client_number;      /* how many there were: an answer is for who asked */
};

/** A request that is answered later. */
struct control_ticket {
	struct control *control;     /* NULL: nobody asked */
	uint64_t client, sequence;
};

/** listen_fd: a listening SOCK_SEQPACKET socket. */
int control_init(struct control *control, struct machine *machine, int listen_fd);
/** Sends how its dynamic memory is, if it has any and a daemon is there. */
void control_send_memory(struct control *control);
/** Answers it, by a struct worker_reply or by another message, whose sequence is set. Nothing happens when who asked has gone. */
void control_reply(const struct control_ticket *ticket, int error, const char *text);
void control_answer(const struct control_ticket *ticket, struct worker_message *message);
/** Sends the machine's status, if a daemon is there. */
void control_send_status(struct control *control);

#endif
