/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of exec_protocol.h over a non-blocking stream socket, for both ends: what comes is copied into the link's own memory and handed out frame by
 * frame, its header checked; what goes is queued. Knows nothing of what frames mean.
 */
#ifndef BULKHEAD_VSC_LINUX_EXEC_LINK_H
#define BULKHEAD_VSC_LINUX_EXEC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vsc/linux/exec_protocol.h"

struct exec_buffer {
	uint8_t *data;
	size_t start, end, capacity;   /* [start, end) is filled */
};

struct exec_link {
	int fd;                        /* not owned */
	uint32_t limit;                /* largest payload that is taken now */
	bool ended;                    /* the other end has closed its direction */
	struct exec_buffer in, out;
};

struct exec_frame {
	uint8_t type, stream;
	uint32_t size;
	const uint8_t *payload;        /* in the link; good until the next exec_link_read */
};

/** limit: see the field; may be changed between frames. fd must be non-blocking. */
void exec_link_init(struct exec_link *link, int fd, uint32_t limit);
void exec_link_free(struct exec_link *link);

/** Reads what has come, up to one frame's worth. 0 (also with link->ended), or a negative errno: the connection is broken. */
int exec_link_read(struct exec_link *link);
/** Takes the next whole frame. 1 with it, 0 none yet, -EPROTO: no frame at all, the connection is of no use any more. */
int exec_link_next(struct exec_link *link, struct exec_frame *ret);

/** Queues a frame of one payload in two parts, either of which may be empty. 0, -ENOMEM, -ENOBUFS (the other end reads nothing). */
int exec_link_send(struct exec_link *link, uint8_t type, uint8_t stream, const void *head, size_t head_size, const void *tail, size_t tail_size);
/** Writes what the socket takes. 0 or a negative errno: the connection is broken. */
int exec_link_flush(struct exec_link *link);
/** Bytes that wait to be written. */
static inline size_t exec_link_queued(const struct exec_link *link)
{
	return link->out.end - link->out.start;
}

#endif
