/* SPDX-License-Identifier: BSD-2-Clause */
/* The file or block device behind a disk, opened and locked for the worker that gets it. */
#ifndef BULKHEAD_DAEMON_DISK_FILE_H
#define BULKHEAD_DAEMON_DISK_FILE_H

#include <stddef.h>
#include "root-partition/config/config.h"
#include "root-partition/lib/worker_protocol.h"

/**
 * May wait as long as a broken disk pleases: not for the loop. Returns 0 with a descriptor that the caller closes and what a worker is told of
 * it (without its number), or an errno value with one line for people in why.
 */
int disk_file_open(const struct config_disk *disk, int *ret_fd, struct worker_disk *ret, char *why, size_t why_size);

#endif
