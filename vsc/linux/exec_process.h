/* SPDX-License-Identifier: BSD-2-Clause */
/* The command in the guest: started as a user, on pipes or on a terminal of its own, in a session and process group of its own. */
#ifndef BULKHEAD_VSC_LINUX_EXEC_PROCESS_H
#define BULKHEAD_VSC_LINUX_EXEC_PROCESS_H

#include <stdio.h>
#include <sys/types.h>

#include "vsc/linux/exec_request.h"

struct exec_process {
	pid_t pid;                     /* also its process group */
	int pidfd;                     /* readable once it has ended */
	int in, out, err;              /* non-blocking; with a terminal in and out are its master side and err is -1 */
	int terminal;                  /* the terminal's own side, kept open until the command has ended; -1 without */
};

/**
 * Starts it. Returns 0; otherwise the status that a shell would give (127 not found, 126 not to be executed, 125 anything else) and says why.
 * The caller owns the descriptors and waits for the process.
 */
int exec_process_start(const struct exec_request *request, struct exec_process *ret, char *why, size_t size);
/** To its process group. */
void exec_process_signal(const struct exec_process *p, int number);
void exec_process_resize(const struct exec_process *p, uint16_t rows, uint16_t columns);
/** The key that means end of file on its terminal now, or 0 when there is none. */
uint8_t exec_process_eof_key(const struct exec_process *p);
/** Waits for it, without delay once pidfd is readable. */
struct exec_exit exec_process_wait(const struct exec_process *p);

#endif
