/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One partition: its definition, its state, the worker that runs it and the callers that wait for something. Everything that
 * a list shows is here in memory; nothing that reads it waits for a worker.
 */
#ifndef BULKHEAD_DAEMON_PARTITION_H
#define BULKHEAD_DAEMON_PARTITION_H

#include "root-partition/daemon/link.h"
#include "root-partition/daemon/loop.h"
#include "root-partition/daemon/manager.h"
#include "root-partition/lib/worker_protocol.h"

enum partition_state {
	PARTITION_OFF, PARTITION_STARTING, PARTITION_RUNNING, PARTITION_PAUSED, PARTITION_STOPPING, PARTITION_FAILED,
	PARTITION_RESTARTING,                    /* waits for its next start by <on_crash>restart */
};

/** error 0: done, text says how; else an errno value, text says why. */
typedef void (*done_fn)(void *arg, int error, const char *text);

enum waiting { WAIT_STARTED, WAIT_STOPPED, WAIT_REBOOTED };

struct waiter {
	struct waiter *next;
	struct partition *partition;
	enum waiting what;
	bool force;                              /* WAIT_STOPPED: turn off at the time-out */
	uint32_t reset_count;                    /* WAIT_REBOOTED: before */
	uint64_t since_ms;
	struct timer *timer;
	done_fn done;
	void *arg;
};

#define PARTITION_CRASHES 1024u

/* What a worker's successor gets: see enum worker_held. -1: not held. */
struct held {
	int fd[WORKER_HELD_COUNT];
	uint32_t resets;
};

struct partition {
	struct manager *manager;
	struct partition *next;
	char name[CONFIG_NAME_MAX + 1];

	/* the stored definition; NULL: undefined, only the running instance is left */
	char *text;
	size_t text_size;
	struct partition_config *config;

	enum partition_state state;
	uint64_t since_us;                       /* real time of the last change */
	char reason[512];                        /* why it stopped, or why it is not well */
	char last_failure[640];                  /* with its date; kept until it is undefined */
	int run_fd;                              /* RUN_DIR/NAME; -1: not yet */

	/* the running instance; worker_pid 0: none */
	pid_t worker_pid;
	uint64_t worker_ticks, started_us;       /* start in clock ticks since boot, and in real time */
	bool worker_is_child, changed;           /* changed: redefined since it was started */
	int pidfd, memory_fd, state_fd;
	struct held held;                        /* with <on_worker_failure>replace */
	struct watch *pidfd_watch;
	struct link *link;
	struct timer *link_timer;                /* connects again */
	struct spawn *spawn;                     /* on its way to a worker */
	struct worker_status status;
	struct partition_config *running;        /* what the instance was started with */
	int64_t log_offset;

	/* dynamic memory */
	struct worker_memory memory;             /* the last report; flags 0: none yet */
	unsigned memory_requests;                /* targets told that the worker has not answered */
	uint64_t memory_target, memory_fixed;    /* what it is to have; what a caller has fixed it at, 0: the policy decides */
	uint32_t memory_surplus;                 /* rounds for which it has had too much */

	/* how it is being stopped */
	bool stop_requested, killed;
	char stop_path[192];                     /* "shut down by its integration component", ... */
	struct timer *guard;                     /* the worker must have started, or ended, by then; else it is killed */
	bool reset_expected;                     /* the next reset is the caller's, not the guest's */

	/* <on_crash>restart */
	bool policy_start;                       /* this start is one of the policy's */
	uint32_t crash_count;                    /* within the window, times in crashes[] */
	uint64_t crashes[PARTITION_CRASHES];     /* seconds of real time, oldest first */
	struct timer *restart_timer;
	struct timer *crash_timer;               /* the guest reported a crash: it must do something about it by then */

	/* <on_worker_failure>replace */
	uint32_t replacement_total;              /* since the guest was started */
	uint32_t replacement_count;              /* within the window, times in replacements[] */
	uint64_t replacements[CONFIG_REPLACE_MAX]; /* seconds of real time, oldest first */
	pid_t replace_from;                      /* the worker that was asked to end; 0: none */
	done_fn replace_done;
	void *replace_arg;

	struct waiter *waiters;
};

extern const char *const partition_state_names[];
extern const char *const partition_service_names[WORKER_ICS];   /* bit i of enum worker_ic */

struct partition *partition_new(struct manager *manager, const char *name);
/** Takes text and config over. */
void partition_set_definition(struct partition *partition, char *text, size_t size, struct partition_config *config);
void partition_free(struct partition *partition);

/** Creates and opens RUN_DIR/NAME. Returns 0 or a negative errno. */
int partition_open_run_dir(struct partition *partition);

/** reason NULL: none. Tells the world and those who wait. */
void partition_set_state(struct partition *partition, enum partition_state state, const char *reason);

/** Puts a caller among those who wait. timeout_ms 0: for ever. */
struct waiter *partition_wait(struct partition *partition, enum waiting what, uint64_t timeout_ms, done_fn done, void *arg);
/** Calls the callers for which the partition's state is an answer. */
void partition_wake_waiters(struct partition *partition);
void partition_fail_waiters(struct partition *partition, enum waiting what, int error, const char *text);

/* instance.c: a worker from its first descriptor to its end */
/** Watches a worker that was spawned or found. Takes pidfd over. */
void instance_begin(struct partition *partition, pid_t pid, uint64_t ticks, int pidfd, bool is_child);
void instance_on_status(struct partition *partition, const struct worker_status *status);
void instance_on_link_lost(struct partition *partition);
/** The partition failed: kept, shown, and acted on by <on_crash>. */
void instance_failed(struct partition *partition, const char *reason, bool was_running);
/** The guest is lost while it has no worker. */
void instance_lost(struct partition *partition, const char *reason);
/** Lets go of a worker that has ended: its process, link and sockets. */
void instance_release_worker(struct partition *partition);
/** SIGKILL to the worker. */
void instance_signal(const struct partition *partition);
/** SIGKILL, when a request was not answered; path is what will be said of it. */
void instance_kill(struct partition *partition, const char *path);
/** Kills the worker with that path unless it has come to the next state in time. */
void instance_guard(struct partition *partition, uint64_t milliseconds);

/* policy.c: <on_crash> */
void policy_forget(struct partition *partition);
/** Decides on a failure, with the number of seconds until the next start, or none (-1); adds to reason what was decided. */
int policy_on_failure(struct partition *partition, char *reason, size_t size);
/** Called with each status: a guest that reported a crash and then stands still is a failure after a time. */
void policy_watch_guest(struct partition *partition);
void policy_schedule(struct partition *partition, uint64_t milliseconds);

/* verbs.c */
/** timeout_ms: how long the caller waits; the start goes on. done may be NULL, here and below. */
void partition_start(struct partition *partition, bool paused, uint64_t timeout_ms, done_fn done, void *arg);
void partition_shutdown(struct partition *partition, uint64_t timeout_ms, bool force, bool reboot, done_fn done, void *arg);
void partition_turn_off(struct partition *partition, const char *path, done_fn done, void *arg);
void partition_pause(struct partition *partition, done_fn done, void *arg);
void partition_resume(struct partition *partition, done_fn done, void *arg);
void partition_reset(struct partition *partition, done_fn done, void *arg);

/** Asks for the worker's counters; NULL when there is no answer within a second. */
typedef void (*stats_fn)(void *arg, const struct worker_stats *stats, const char *why_not);
void partition_stats(struct partition *partition, stats_fn fn, void *arg);

static inline bool partition_is_active(const struct partition *partition)
{
	return partition->worker_pid || partition->spawn;
}

#endif
