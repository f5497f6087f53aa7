/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_link.h. */
#include "vsc/linux/exec_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Windows bound what is queued as data; beyond that only credits and signals pile up, for an end that never reads. */
#define OUT_MAX (2u * 1024 * 1024)

void exec_link_init(struct exec_link *link, int fd, uint32_t limit)
{
	memset(link, 0, sizeof *link);
	link->fd = fd;
	link->limit = limit;
}

void exec_link_free(struct exec_link *link)
{
	free(link->in.data);
	free(link->out.data);
	memset(&link->in, 0, sizeof link->in);
	memset(&link->out, 0, sizeof link->out);
}

/* Makes room for `more` bytes behind the end. */
static bool reserve(struct exec_buffer *b, size_t more)
{
	size_t used = b->end - b->start, wanted;
	uint8_t *data;

	if (b->capacity - b->end >= more)
		return true;
	if (b->start) {
		memmove(b->data, b->data + b->start, used);
		b->start = 0;
		b->end = used;
	}
	if (b->capacity - b->end >= more)
		return true;
	wanted = b->capacity * 2 > used + more ? b->capacity * 2 : used + more;
	data = realloc(b->data, wanted);
	if (!data)
		return false;
	b->data = data;
	b->capacity = wanted;
	return true;
}

int exec_link_read(struct exec_link *link)
{
	size_t used = link->in.end - link->in.start, room = sizeof(struct exec_header) + EXEC_DATA_MAX;
	ssize_t n;

	/* Never more than the frame under way and a little: who does not take frames does not read either. */
	if (used >= sizeof(struct exec_header) + link->limit)
		return 0;
	if (!reserve(&link->in, room))
		return -ENOMEM;
	do {
		n = recv(link->fd, link->in.data + link->in.end, room, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		link->ended = true;
	link->in.end += (size_t)n;
	return 0;
}

int exec_link_next(struct exec_link *link, struct exec_frame *ret)
{
	size_t used = link->in.end - link->in.start;
	struct exec_header header;

	if (used < sizeof header)
		return 0;
	memcpy(&header, link->in.data + link->in.start, sizeof header);
	if (header.type < EXEC_START || header.type > EXEC_FAILED || header.stream >= EXEC_STREAMS || header.reserved || header.size > link->limit)
		return -EPROTO;
	if (used - sizeof header < header.size)
		return 0;
	*ret = (struct exec_frame){ header.type, header.stream, header.size, link->in.data + link->in.start + sizeof header };
	link->in.start += sizeof header + header.size;
	return 1;
}

int exec_link_send(struct exec_link *link, uint8_t type, uint8_t stream, const void *head, size_t head_size, const void *tail, size_t tail_size)
{
	struct exec_header header = { .type = type, .stream = stream, .size = (uint32_t)(head_size + tail_size) };
	struct exec_buffer *b = &link->out;

	if (exec_link_queued(link) + sizeof header + head_size + tail_size > OUT_MAX)
		return -ENOBUFS;
	if (!reserve(b, sizeof header + head_size + tail_size))
		return -ENOMEM;
	memcpy(b->data + b->end, &header, sizeof header);
	b->end += sizeof header;
	if (head_size)
		memcpy(b->data + b->end, head, head_size);
	b->end += head_size;
	if (tail_size)
		memcpy(b->data + b->end, tail, tail_size);
	b->end += tail_size;
	return 0;
}

int exec_link_flush(struct exec_link *link)
{
	struct exec_buffer *b = &link->out;

	while (b->start < b->end) {
		ssize_t n = send(link->fd, b->data + b->start, b->end - b->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		b->start += (size_t)n;
	}
	b->start = b->end = 0;
	return 0;
}
