/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream's two ends, for both sides of the connection: a source reads a descriptor into EXEC_DATA as far as its credit goes; a sink keeps what came,
 * at most a window, writes it to a descriptor and gives credit back.
 */
#ifndef BULKHEAD_VSC_LINUX_EXEC_STREAM_H
#define BULKHEAD_VSC_LINUX_EXEC_STREAM_H

#include "vsc/linux/exec_link.h"

struct exec_source {
	int fd;                        /* -1 once ended; closed then if owned */
	bool owned;
	uint8_t stream;
	uint32_t credit;
	void (*seen)(void *arg, const uint8_t *data, size_t size);   /* may be NULL: is shown what is read */
	void *seen_arg;
};

struct exec_sink {
	int fd;                        /* -1 once ended; closed then if owned */
	bool owned, ending;            /* ending: the sender has said all */
	uint8_t stream;
	uint32_t start, filled;        /* in the ring */
	uint32_t uncredited;           /* written and not yet told */
	size_t piece;                  /* most bytes of one write: PIPE_BUF where the descriptor may block */
	uint8_t *ring;                 /* EXEC_WINDOW bytes; allocated with the first data */
};

void exec_source_init(struct exec_source *s, uint8_t stream, int fd, bool owned);
/** Worth polling for input: open, has credit, and the link's queue is short. */
bool exec_source_wants(const struct exec_source *s, const struct exec_link *link);
/**
 * Reads once, at most `most` bytes, and queues it; at the end queues EXEC_END and closes. A terminal whose other side has gone (EIO) has ended.
 * Returns the number of bytes, 0 for none now or the end (then fd is -1), or a negative errno of the link.
 */
int exec_source_pump(struct exec_source *s, struct exec_link *link, size_t most);
/** EXEC_CREDIT for it came. false: more than the window, a broken peer. */
bool exec_source_credit(struct exec_source *s, const struct exec_frame *frame);
/** Ends it: closes, and queues EXEC_END when `tell`. */
int exec_source_end(struct exec_source *s, struct exec_link *link, bool tell);

void exec_sink_init(struct exec_sink *s, uint8_t stream, int fd, bool owned, size_t piece);
void exec_sink_free(struct exec_sink *s);
/** EXEC_DATA for it came. 0, -EPROTO (empty, beyond the window, or behind the end), -ENOMEM. */
int exec_sink_data(struct exec_sink *s, const struct exec_frame *frame, struct exec_link *link);
/** EXEC_END from the sender. What is kept is still written. */
void exec_sink_end(struct exec_sink *s);
/** Something waits for its descriptor to become writable. */
static inline bool exec_sink_wants(const struct exec_sink *s)
{
	return s->fd >= 0 && s->filled;
}
/** Writes once and queues credit. A descriptor that nobody reads any more ends the sink and is told to the sender. 0 or a negative errno of the link. */
int exec_sink_pump(struct exec_sink *s, struct exec_link *link);

#endif
