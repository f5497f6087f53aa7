/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon as a whole: its folders, its partitions, who may be told what. One thread: the loop's. */
#ifndef BULKHEAD_DAEMON_MANAGER_H
#define BULKHEAD_DAEMON_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "root-partition/config/config.h"
#include "root-partition/daemon/kernel_cache.h"

struct options {
	const char *definitions, *run_dir, *log_dir, *cache_dir, *worker, *unpacker, *mshv, *worker_user, *group;
	int64_t memory_floor;        /* bytes that a start leaves to the root; -1: by the size of the machine */
	bool system_bus;
};

struct manager {
	uv_loop_t *loop;
	const struct options *options;
	int definitions_fd, run_fd, log_fd;      /* folders */
	uid_t worker_uid;
	gid_t worker_gid, group_gid;             /* group_gid (gid_t)-1: there is none */
	struct partition *partitions;            /* sorted by name */
	struct events *events;
	struct api *api;
	struct timer *memory_timer;
	struct kernel_cache kernels;
	char boot_id[40];
};

/** Opens the folders, takes the lock, reads the definitions, adopts workers. Returns 0 or -1 (said why). */
int manager_open(struct manager *manager, uv_loop_t *loop, const struct options *options);
/** Starts what is to be started with the machine, in <autostart order=>. */
void manager_autostart(struct manager *manager);
/** A folder, made if it is not there. Returns a descriptor or -1 (said why). */
int manager_open_folder(const char *path, mode_t mode);
/** Lets go of everything; workers go on. */
void manager_close(struct manager *manager);

struct partition *manager_find(const struct manager *manager, const char *name);

/**
 * Stores a definition. `file` is named in errors. Returns 0 with the partition's name, or an errno value with a message.
 * A running partition goes on with what it was started with.
 */
int manager_define(struct manager *manager, const char *file, const char *text, size_t size, char name[CONFIG_NAME_MAX + 1],
		   bool *created, struct config_error *error);
/** Replaces the stored text by an edited one, which it takes over (NULL: no memory). The running instance is not concerned. */
int manager_edit(struct manager *manager, struct partition *partition, char *text, const char *what, struct config_error *error);
int manager_undefine(struct manager *manager, const char *name, struct config_error *error);
int manager_set_autostart(struct manager *manager, const char *name, bool autostart, struct config_error *error);

#endif
