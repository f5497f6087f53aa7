/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_stream.h. */
#include "vsc/linux/exec_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_SHORT (128u * 1024)

static void close_end(int *fd, bool owned)
{
	if (*fd >= 0 && owned)
		close(*fd);
	*fd = -1;
}

void exec_source_init(struct exec_source *s, uint8_t stream, int fd, bool owned)
{
	*s = (struct exec_source){ .fd = fd, .owned = owned, .stream = stream, .credit = EXEC_WINDOW };
}

bool exec_source_wants(const struct exec_source *s, const struct exec_link *link)
{
	return s->fd >= 0 && s->credit && exec_link_queued(link) < QUEUE_SHORT;
}

int exec_source_end(struct exec_source *s, struct exec_link *link, bool tell)
{
	if (s->fd < 0)
		return 0;
	close_end(&s->fd, s->owned);
	return tell ? exec_link_send(link, EXEC_END, s->stream, NULL, 0, NULL, 0) : 0;
}

int exec_source_pump(struct exec_source *s, struct exec_link *link, size_t most)
{
	uint8_t data[EXEC_DATA_MAX];
	ssize_t n;
	int rc;

	if (s->fd < 0 || !s->credit || !most)
		return 0;
	if (most > sizeof data)
		most = sizeof data;
	n = read(s->fd, data, most < s->credit ? most : s->credit);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return exec_source_end(s, link, true);
	if (s->seen)
		s->seen(s->seen_arg, data, (size_t)n);
	rc = exec_link_send(link, EXEC_DATA, s->stream, data, (size_t)n, NULL, 0);
	s->credit -= (uint32_t)n;
	return rc ? rc : (int)n;
}

bool exec_source_credit(struct exec_source *s, const struct exec_frame *frame)
{
	uint32_t bytes;

	if (frame->size != sizeof bytes)
		return false;
	memcpy(&bytes, frame->payload, sizeof bytes);
	if (bytes > EXEC_WINDOW - s->credit)
		return false;
	s->credit += bytes;
	return true;
}

void exec_sink_init(struct exec_sink *s, uint8_t stream, int fd, bool owned, size_t piece)
{
	*s = (struct exec_sink){ .fd = fd, .owned = owned, .stream = stream, .piece = piece };
}

void exec_sink_free(struct exec_sink *s)
{
	close_end(&s->fd, s->owned);
	free(s->ring);
	s->ring = NULL;
}

/* Told in quarters of the window, so that credits cost little and the sender never starves. */
static int give_credit(struct exec_sink *s, struct exec_link *link, uint32_t bytes)
{
	s->uncredited += bytes;
	if (s->uncredited < EXEC_WINDOW / 4)
		return 0;
	bytes = s->uncredited;
	s->uncredited = 0;
	return exec_link_send(link, EXEC_CREDIT, s->stream, &bytes, sizeof bytes, NULL, 0);
}

int exec_sink_data(struct exec_sink *s, const struct exec_frame *frame, struct exec_link *link)
{
	uint32_t at, first;

	if (!frame->size || s->ending || frame->size > EXEC_WINDOW - s->filled - s->uncredited)
		return -EPROTO;
	if (s->fd < 0)   /* nobody reads it any more, and what was under way is dropped */
		return give_credit(s, link, frame->size);
	if (!s->ring && !(s->ring = malloc(EXEC_WINDOW)))
		return -ENOMEM;
	at = (s->start + s->filled) % EXEC_WINDOW;
	first = EXEC_WINDOW - at < frame->size ? EXEC_WINDOW - at : frame->size;
	memcpy(s->ring + at, frame->payload, first);
	memcpy(s->ring, frame->payload + first, frame->size - first);
	s->filled += frame->size;
	return 0;
}

void exec_sink_end(struct exec_sink *s)
{
	s->ending = true;
	if (!s->filled)
		close_end(&s->fd, s->owned);
}

int exec_sink_pump(struct exec_sink *s, struct exec_link *link)
{
	uint32_t size = EXEC_WINDOW - s->start < s->filled ? EXEC_WINDOW - s->start : s->filled;
	ssize_t n;
	int rc;

	if (!exec_sink_wants(s))
		return 0;
	n = write(s->fd, s->ring + s->start, size < s->piece ? size : s->piece);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		close_end(&s->fd, s->owned);
		rc = s->ending ? 0 : exec_link_send(link, EXEC_END, s->stream, NULL, 0, NULL, 0);
		n = (ssize_t)s->filled;
		s->filled = 0;
		return rc ? rc : give_credit(s, link, (uint32_t)n);
	}
	s->start = (s->start + (uint32_t)n) % EXEC_WINDOW;
	s->filled -= (uint32_t)n;
	rc = give_credit(s, link, (uint32_t)n);
	if (s->ending && !s->filled)
		close_end(&s->fd, s->owned);
	return rc;
}
