/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's end of vsc/linux/exec_protocol.h: one command in a guest, its streams, this process's signals, its end. The guest is not trusted. */
#ifndef BULKHEAD_CLI_EXEC_RELAY_H
#define BULKHEAD_CLI_EXEC_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include "vsc/linux/exec_request.h"

struct exec_io {
	int in, out, err;            /* in -1: the command gets an empty input */
	bool raw;                    /* in is a raw terminal: three Ctrl-] within a second leave */
	int64_t timeout_ms;          /* until the command has to have ended; -1: none */
};

enum exec_outcome {
	EXEC_OUTCOME_ENDED,          /* status is the command's, or 128 and its signal's number */
	EXEC_OUTCOME_REFUSED,        /* status as the guest says it; why */
	EXEC_OUTCOME_LOST,           /* the connection ended before the command; why */
	EXEC_OUTCOME_TIMED_OUT,
	EXEC_OUTCOME_LEFT,           /* by the keys, or by a second SIGINT or SIGTERM */
};

struct exec_result {
	enum exec_outcome outcome;
	int status;
	char why[EXEC_REASON_MAX + 1];   /* printable */
};

/**
 * Runs request over a connected stream socket, which stays the caller's; closing it ends a command that still runs. Returns after all output is
 * written. Meanwhile SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to the command, SIGWINCH to its terminal.
 */
void exec_relay(int fd, const struct exec_request *request, const struct exec_io *io, struct exec_result *ret);

#endif
