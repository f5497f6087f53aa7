/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks of a partition that come, go and grow: in the running instance, in the stored definition, or in both. */
#ifndef BULKHEAD_DAEMON_DISKS_H
#define BULKHEAD_DAEMON_DISKS_H

#include "root-partition/daemon/partition.h"

/**
 * Attaches the <disk> of the text; `file` is named in errors. stored: to the definition too. A partition without a worker is only changed with
 * stored. Here and below done may not be NULL.
 */
void partition_attach_disk(struct partition *partition, const char *file, const char *text, bool stored, done_fn done, void *arg);
/** target: as config_target_parse() takes it. Done when the file is let go of, or with words on what keeps it. */
void partition_detach_disk(struct partition *partition, const char *target, bool stored, done_fn done, void *arg);
/** A running partition's disk gets the size that its file or device has, or (bytes > 0, a file) that the file is to have. Never smaller. */
void partition_resize_disk(struct partition *partition, const char *target, uint64_t bytes, done_fn done, void *arg);

#endif
