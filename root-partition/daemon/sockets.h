/* SPDX-License-Identifier: BSD-2-Clause */
/* UNIX sockets named in a folder that is held open: no limit on how long the folder's own path is. */
#ifndef BULKHEAD_DAEMON_SOCKETS_H
#define BULKHEAD_DAEMON_SOCKETS_H

#include <sys/types.h>

/** A close-on-exec, non-blocking socket that listens on dirfd/name (replaced if it is there). Returns it or a negative errno. */
int socket_listen_at(int dirfd, const char *name, int type, mode_t mode, gid_t group);

/** Non-blocking; -1 with errno (EAGAIN: the queue is full). */
int socket_connect_at(int dirfd, const char *name, int type);

#endif
