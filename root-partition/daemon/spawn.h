/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a definition to a running worker process. Opening files and disks can take as long as a broken disk pleases, so all of
 * it happens on a thread of libuv's pool; the loop gets the result.
 */
#ifndef BULKHEAD_DAEMON_SPAWN_H
#define BULKHEAD_DAEMON_SPAWN_H

#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/record.h"

#define SPAWN_MAX_FDS (16u + WORKER_MAX_DISKS + WORKER_MAX_INTERFACES * WORKER_MAX_QUEUES)

struct spawn {
	uv_work_t work;
	struct partition *partition;             /* for the loop's side only */
	void (*done)(struct spawn *spawn);

	/* in; the thread uses nothing else */
	char name[CONFIG_NAME_MAX + 1];
	const struct options *options;
	struct partition_config *config;
	bool paused;
	struct held held;                        /* a successor's, its own; else none */
	int run_fd, log_dir_fd, cache_fd;        /* borrowed */
	uid_t uid;
	gid_t gid, group_gid;
	struct record record;
	const char *definition;                  /* text to keep beside the record; borrowed until done */
	size_t definition_size;

	/* out */
	int error;                               /* 0 or an errno value with text */
	char text[512];
	pid_t pid;
	int pidfd, memory_fd, state_fd, life_fd; /* life_fd -1: the worker cannot be replaced */
	int unpack_fd;                           /* the kernel, if its unpacked form is wanted; -1 */
	int64_t log_offset;                      /* where this run's lines begin in the worker's log */

	/* between: what the worker will have from descriptor 3 on */
	unsigned fd_count;
	int fds[SPAWN_MAX_FDS];
	int worker_log;
};

/** Takes config over. held: NULL, or what the worker goes on with. done is called on the loop; then spawn_free(). NULL: out of memory. */
struct spawn *spawn_begin(struct partition *partition, struct partition_config *config, bool paused, const struct held *held,
			  void (*done)(struct spawn *spawn));
void spawn_free(struct spawn *spawn);

static inline bool spawn_is_successor(const struct spawn *spawn)
{
	return spawn->held.fd[WORKER_HELD_LIFE] >= 0;
}

/* spawn_files.c */
/** Opens everything that the worker gets and describes it. Returns 0, or -1 with error and text. */
int spawn_open_files(struct spawn *spawn, struct worker_config *ret);
/** The number that a descriptor will have in the worker. Takes fd over. */
int32_t spawn_give(struct spawn *spawn, int fd);
/** Sets error and text. Returns -1. */
int spawn_fail(struct spawn *spawn, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));


/* spawn_interfaces.c */
/** Makes a TAP device for each interface and describes them. Returns 0, or -1 with error and text. */
int spawn_open_interfaces(struct spawn *spawn, struct worker_config *ret);

/* spawn_vsock.c */
/** Makes the sockets' folder, unless the definition says no. Returns 0, or -1 with error and text. */
int spawn_open_vsock(struct spawn *spawn, struct worker_config *ret);

#endif
