/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What attaching, detaching and changing a device have in common, whatever device it is: who asked, what the worker said, and the two
 * texts, that of the running instance (RUN_DIR/NAME/definition.xml, where the next daemon finds it) and the stored one. Loop only.
 */
#ifndef BULKHEAD_DAEMON_DEVICE_CHANGE_H
#define BULKHEAD_DAEMON_DEVICE_CHANGE_H

#include "root-partition/daemon/partition.h"

#define DEVICE_REQUEST_MS 10000u         /* a guest under load may take its time to let go of a device */

/** The first member of a change of its own. */
struct device_change {
	struct manager *manager;
	char name[CONFIG_NAME_MAX + 1];          /* the partition may be gone when an answer comes */
	pid_t worker_pid;
	bool stored;                             /* the definition gets it too */
	done_fn done;
	void *arg;
	const char *kind, *event;                /* "interface"; "interface attached" */
	char device[64];                         /* "interface 00:15:5d:00:00:01" */
	/** The text with the change, allocated; NULL: config, which is the text's, has no such device. */
	char *(*apply)(const struct device_change *change, const char *text, size_t size, const struct partition_config *config);
	void (*release)(struct device_change *change); /* frees it */
};

/** Allocated with `size` bytes; the caller sets kind, event, device, apply and release. NULL: the caller was answered. */
void *device_change_new(size_t size, struct partition *partition, bool stored, done_fn done, void *arg);
/** Answers and frees. */
void device_change_finish(struct device_change *change, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Whether the partition's state allows it, here and in the definition. False: it was answered. */
bool device_change_allowed(struct device_change *change, const struct partition *partition);
/** The partition if its worker is still the one that the change began with, else NULL. */
struct partition *device_change_partition(const struct device_change *change);
/** A worker's reply as 0 and its text, or as an errno value and why. */
int device_change_result(const struct worker_message *message, int error, const char **text);
/** Done, in the running instance (live) or only for the next start: notes it, stores it, tells the world, answers with text. */
void device_change_succeed(struct device_change *change, struct partition *partition, bool live, const char *text);
/** The configuration that the running instance would have with the change. NULL: error says why not. */
struct partition_config *device_change_try(const struct device_change *change, const struct partition *partition, struct config_error *error);

#endif
