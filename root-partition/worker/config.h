/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration that the daemon passes in a memfd, and its checks. */
#ifndef BULKHEAD_WORKER_CONFIG_H
#define BULKHEAD_WORKER_CONFIG_H

#include <stddef.h>

#include "root-partition/lib/worker_protocol.h"

/** Reads and checks the configuration. Returns 0 or a negative errno with one line for people in why. */
int config_read(int fd, struct worker_config *ret, char *why, size_t why_size);
/** The checks alone: values, terminated strings, open descriptors, unique disk addresses. */
int config_check(const struct worker_config *config, char *why, size_t why_size);
/** Those of one disk, which can come later too. */
int config_check_disk(const struct worker_disk *disk, char *why, size_t why_size);
/** Those of one interface, which can come later too. */
int config_check_interface(const struct worker_interface *interface, char *why, size_t why_size);

#endif
