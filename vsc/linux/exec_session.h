/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's end of one connection, from EXEC_START to the end of its command. */
#ifndef BULKHEAD_VSC_LINUX_EXEC_SESSION_H
#define BULKHEAD_VSC_LINUX_EXEC_SESSION_H

#define EXEC_START_PATIENCE_MS 10000   /* from the connection to a whole EXEC_START */
#define EXEC_HANGUP_MS          2000   /* from SIGHUP to SIGKILL, when the connection has gone before the command */

/** Serves a connected stream socket, which it takes over. Returns when all is over; a command never outlives the connection that asked for it. */
void exec_session_run(int fd);

#endif
