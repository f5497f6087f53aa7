/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of COM1: one ring of output that the log file and any number of viewers read at their own pace, one small
 * queue of input that all viewers write to. A viewer that connects gets what the ring still holds first. A slow viewer
 * misses output; it never stops the guest.
 */
#ifndef BULKHEAD_WORKER_CONSOLE_H
#define BULKHEAD_WORKER_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define CONSOLE_RING_SIZE  (128u << 10)
#define CONSOLE_INPUT_SIZE 1024u
#define CONSOLE_VIEWERS    16u
#define CONSOLE_LOG_MAX    (32u << 20)   /* the log file starts anew there: a guest must not fill the root's disk */

struct console;

/** What a successor needs; no pointers. */
struct console_state {
	uint64_t head;               /* bytes ever written */
	uint64_t log_position;       /* of them in the log */
	uint8_t  ring[CONSOLE_RING_SIZE];
};

struct console_viewer {
	uv_poll_t poll;
	struct console *console;
	uint64_t position;           /* of the next byte to send */
	int in_fd, out_fd;           /* the same socket but for stdio */
	bool open, blocked, no_input;
};

struct console {
	pthread_mutex_t lock;        /* ring, head and input: VP threads and the loop */
	struct console_state *state;
	uint8_t input[CONSOLE_INPUT_SIZE];
	uint32_t input_head, input_count;
	bool flush_asked;            /* the loop knows already */

	/* The loop's alone. */
	int listen_fd, log_fd;
	uint64_t log_size;
	uv_poll_t listener;
	uv_async_t wake;
	uv_timer_t timer;
	struct console_viewer viewers[CONSOLE_VIEWERS];
	void (*on_input)(void *context);     /* input waits: console_get gives it */
	void (*on_escape)(void *context);    /* stdio only: the user typed Ctrl-] */
	void *context;
};

/** listen_fd, log_fd: -1 = none; both stay the caller's. state: zeroed or a predecessor's. */
int console_init(struct console *console, struct console_state *state, uv_loop_t *loop, int listen_fd, int log_fd);
/** Makes a pair of descriptors a viewer: the terminal of a worker that was started by hand. */
int console_attach(struct console *console, int in_fd, int out_fd);
/** Any thread. */
void console_put(struct console *console, uint8_t byte);
size_t console_get(struct console *console, uint8_t *buffer, size_t size);
/** Loop: sends what there is, now. */
void console_flush(struct console *console);
/** Loop: flushes and closes everything; the handles are closed when the loop has run once more. */
void console_close(struct console *console);

#endif
