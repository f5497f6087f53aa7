/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bhctl exec and bhctl login say to bulkhead-guest-exec over an AF_VSOCK stream: one command a connection, in frames. Ours; all numbers little-endian.
 *
 *   host                                guest
 *   EXEC_START (first)          ->
 *                               <-      EXEC_STARTED, or EXEC_FAILED and the end
 *   EXEC_DATA/EXEC_END stdin    ->
 *                               <-      EXEC_DATA/EXEC_END stdout, stderr
 *   EXEC_RESIZE, EXEC_SIGNAL    ->
 *                               <-      EXEC_EXIT, after all output; then the host closes
 *
 * Each stream has a window of its own: a sender has EXEC_WINDOW bytes at the start and what EXEC_CREDIT adds, so that a receiver can always read the
 * connection and a stream that nobody reads holds up no other. A reader who has gone sends EXEC_END for the stream that it received.
 */
#ifndef BULKHEAD_VSC_LINUX_EXEC_PROTOCOL_H
#define BULKHEAD_VSC_LINUX_EXEC_PROTOCOL_H

#include <stdint.h>

#define EXEC_PORT      5000u
#define EXEC_VERSION   1u
#define EXEC_WINDOW    (256u * 1024)
#define EXEC_DATA_MAX  (32u * 1024)    /* payload of every frame but EXEC_START */
#define EXEC_START_MAX (512u * 1024)
#define EXEC_STRINGS_MAX 16384u        /* arguments, and likewise variables */

enum exec_type {
	EXEC_START = 1,                /* struct exec_start and strings */
	EXEC_RESIZE,                   /* struct exec_resize; ignored without a terminal */
	EXEC_SIGNAL,                   /* uint32_t: number, sent to the command's process group */
	EXEC_DATA,                     /* of `stream`; at least one byte */
	EXEC_END,                      /* of `stream`, from its sender or its receiver; no payload */
	EXEC_CREDIT,                   /* uint32_t: bytes of `stream` that the receiver has got rid of */
	EXEC_STARTED,                  /* no payload */
	EXEC_EXIT,                     /* struct exec_exit */
	EXEC_FAILED,                   /* struct exec_failed */
};

enum exec_stream_number { EXEC_STDIN, EXEC_STDOUT, EXEC_STDERR, EXEC_STREAMS };

struct exec_header {
	uint8_t type;                  /* enum exec_type */
	uint8_t stream;                /* enum exec_stream_number; 0 where a type has none */
	uint16_t reserved;             /* 0 */
	uint32_t size;                 /* of the payload that follows */
};
_Static_assert(sizeof(struct exec_header) == 8, "wire");

enum {
	EXEC_FLAG_TERMINAL = 1,        /* stdin, stdout and stderr are one new terminal; output comes as stdout */
	EXEC_FLAG_LOGIN = 2,           /* the user's login shell instead of a command: argument_count is 0 */
};

/** Followed by strings, each with its NUL: the user ("" is root), the arguments, the variables (KEY=VALUE); nothing behind them. */
struct exec_start {
	uint32_t version;              /* EXEC_VERSION */
	uint32_t flags;
	uint16_t rows, columns;        /* of the terminal; 0: not known */
	uint32_t argument_count;
	uint32_t variable_count;
};
_Static_assert(sizeof(struct exec_start) == 20, "wire");

struct exec_resize {
	uint16_t rows, columns;
};
_Static_assert(sizeof(struct exec_resize) == 4, "wire");

enum { EXEC_EXITED, EXEC_KILLED };

struct exec_exit {
	uint32_t how;                  /* EXEC_EXITED, EXEC_KILLED */
	uint32_t code;                 /* 0 to 255, or the signal's number, 1 to 64 */
};
_Static_assert(sizeof(struct exec_exit) == 8, "wire");

/** Why no command runs. Followed by up to EXEC_REASON_MAX bytes of text, without a NUL. */
struct exec_failed {
	uint32_t status;               /* as a shell would say it: 127 not found, 126 not to be executed, 125 anything else */
};
#define EXEC_REASON_MAX 512u

#endif
