/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the next daemon must know of a partition: RUN_DIR/NAME/state, replaced as a whole. Written before a worker's first
 * instruction, so that there is no moment at which a worker runs and no record names it.
 */
#ifndef BULKHEAD_DAEMON_RECORD_H
#define BULKHEAD_DAEMON_RECORD_H

#include "root-partition/daemon/partition.h"

struct record {
	char     boot_id[40];
	unsigned state;              /* enum partition_state */
	int64_t  pid;                /* 0: no worker */
	uint64_t ticks;              /* its start, in clock ticks since boot: tells it from a later process of that number */
	uint64_t started_us, since_us;
	uint32_t replacements;       /* of its worker, since it was started */
	uint32_t crash_count;
	uint64_t crashes[PARTITION_CRASHES];
	char     reason[512];
};

void record_of(const struct partition *partition, struct record *ret);
int record_write(int run_fd, const struct record *record);
/** 0, or a negative errno; -ESTALE when it was written before the machine's last boot. */
int record_read(int run_fd, const char *boot_id, struct record *ret);

/** Field 22 of /proc/PID/stat; 0: no such process, or it has ended. */
uint64_t process_start_ticks(pid_t pid);
uint64_t realtime_us(void);

#endif
