/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of a worker's main thread. Disk requests and guest signals go through one io_uring, so that a single system call
 * submits what is new and waits for what comes; the libuv loop with everything slower hangs in it by its backend descriptor.
 *
 * user_data of a request: 0 is nobody's; odd is a source of this file; even belongs to whoever submitted it (storage), and
 * goes to the handler given to host_loop_init.
 */
#ifndef BULKHEAD_WORKER_HOST_LOOP_H
#define BULKHEAD_WORKER_HOST_LOOP_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define HOST_LOOP_ENTRIES 512u

struct host_loop;

/** An eventfd that is read again and again. */
struct host_source {
	void (*ready)(struct host_source *source);
	void (*removed)(struct host_source *source); /* after host_loop_remove, when the kernel has let go */
	struct host_loop *loop;
	struct host_source *next;    /* in the list of those that are to be armed */
	int fd;                      /* in blocking mode: the kernel waits, not we */
	bool armed, queued, removing;
	uint64_t value;
};

struct host_loop {
	struct io_uring ring;
	uv_loop_t *uv;
	struct host_source *to_arm;
	void (*complete)(void *context, void *user_data, int32_t result);
	void (*round_end)(void *context); /* after each round of completions, before the next wait; may be NULL */
	void *context;
	bool uv_armed, uv_due, stopped;
	uint64_t rounds;             /* system calls that waited: for measurements */
};

int host_loop_init(struct host_loop *loop, uv_loop_t *uv, void (*complete)(void *context, void *user_data, int32_t result),
		   void (*round_end)(void *context), void *context);
/** Runs until host_loop_stop. */
void host_loop_run(struct host_loop *loop);
/** Ends host_loop_run after this round. Its thread only. */
void host_loop_stop(struct host_loop *loop);
void host_loop_close(struct host_loop *loop);

/** Calls source->ready (set by the caller) each time its eventfd was signalled. Its memory must live until removed was called. */
void host_loop_add(struct host_loop *loop, struct host_source *source, int fd);
void host_loop_remove(struct host_source *source);
/** libuv handles were changed outside libuv's own callbacks: let libuv look at them before the next wait. */
void host_loop_uv_changed(struct host_loop *loop);

#endif
