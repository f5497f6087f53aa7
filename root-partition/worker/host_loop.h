/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of a worker's main thread. Disk requests and guest signals go through one io_uring, so that a single system call
 * submits what is new and waits for what comes; the libuv loop with everything slower hangs in it by its backend descriptor.
 *
 * A round: libuv if it has something, one system call, then the sources that were signalled, then each client's completions. Where the
 * loop's thread runs the guest too, the guest has it whenever the loop has nothing to do.
 */
#ifndef BULKHEAD_WORKER_HOST_LOOP_H
#define BULKHEAD_WORKER_HOST_LOOP_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define HOST_LOOP_ENTRIES 512u
#define HOST_LOOP_CLIENTS 8u
#define HOST_LOOP_FILES   64u

struct host_loop;

/**
 * An eventfd that is watched. It is never read: each signal wakes the watch, whatever the count is, and one request in the ring serves
 * for all of them. Or a device with input, which ready takes until there is none. Its memory must live until removed was called.
 */
struct host_source {
	/** It was signalled. True: call again in the next round, signalled or not. */
	bool (*ready)(struct host_source *source);
	void (*removed)(struct host_source *source); /* after host_loop_remove, when the kernel has let go; may be NULL */
	struct host_loop *loop;
	struct host_source *next;    /* in the list of those that have something due */
	int fd;
	bool armed, queued, fired, removing;
	bool muted;                  /* set by ready: the kernel is not asked again, whatever it has to say */
};

/** Somebody with requests of his own in the ring. */
struct host_client {
	/** Takes one completion note; called while completions are gathered, so nothing may be started here. */
	void (*completed)(struct host_client *client, void *user_data, int32_t result);
	/** Once in a round in which something was completed, or after host_loop_again. */
	void (*process)(struct host_client *client);
	struct host_loop *loop;
	unsigned int index;
	bool due;
};

struct host_loop {
	struct io_uring ring;
	uv_loop_t *uv;
	struct host_source *due;     /* to be armed, called or removed */
	struct host_client *client[HOST_LOOP_CLIENTS];
	struct __kernel_timespec timeout; /* read by the kernel when it is submitted */
	uint64_t timeout_at;         /* ms, monotonic: when the armed timeout fires; 0: none is armed */
	/** Set by the owner, may be NULL. True: the guest waits, so the loop may; false: there may be something for the loop. */
	bool (*run_guest)(void *context);
	void *guest_context;
	bool uv_armed, uv_due, again, stopped, registered_files;
	uint64_t files;              /* numbers in use, a bit each */
	uint64_t waits;              /* system calls that could wait: for measurements */
};

int host_loop_init(struct host_loop *loop, uv_loop_t *uv);
/** Runs until host_loop_stop. */
void host_loop_run(struct host_loop *loop);
/** Ends host_loop_run after this round. Its thread only. */
void host_loop_stop(struct host_loop *loop);
void host_loop_close(struct host_loop *loop);

/** Calls source->ready (set by the caller) each time its eventfd was signalled. */
void host_loop_add(struct host_loop *loop, struct host_source *source, int fd);
void host_loop_remove(struct host_source *source);
/** The kernel has let go of the descriptor when this returns; removed comes in the next round. */
void host_loop_remove_now(struct host_source *source);
/** ready is called in this round or the next, signalled or not. */
void host_loop_call(struct host_source *source);

/** 0 or -ENOSPC. The caller has set the functions. */
int host_loop_add_client(struct host_loop *loop, struct host_client *client);
/** With none of its requests in flight. */
void host_loop_remove_client(struct host_client *client);
/**
 * A request for the ring, submitted with the next system call; NULL: no room now. The caller prepares it, then gives it to
 * host_loop_set_owner. user_data: any pointer to at least 2-aligned memory.
 */
struct io_uring_sqe *host_loop_get_sqe(struct host_loop *loop);
/**
 * For requests to disks that were just prepared: the kernel starts three and more of one system call as a batch, in that call. Fewer
 * it leaves to a thread of its own when the disk has a scheduler, so they are joined by requests that do nothing.
 */
void host_loop_fill_batch(struct host_loop *loop);
void host_loop_set_owner(struct io_uring_sqe *sqe, const struct host_client *client, void *user_data);
/** The file's number for IOSQE_FIXED_FILE, or -1: use the descriptor itself. */
int host_loop_register_file(struct host_loop *loop, int fd);
/** With none of its requests in flight. The kernel may keep the file open for a second more. */
void host_loop_unregister_file(struct host_loop *loop, int number);
/** Submits and waits for at least one completion of anybody; sources that it finds signalled are called in the next round. */
void host_loop_wait_completion(struct host_loop *loop);
/** process is called in the next round, which does not wait. */
void host_loop_again(struct host_client *client);

#endif
