/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing text for replies, and memory that lives as long as one request. Out of memory is remembered and asked for once, at the end. */
#ifndef BULKHEAD_WSMAN_BUFFER_H
#define BULKHEAD_WSMAN_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *text;        /**< NUL-terminated once anything was put; the buffer's */
	size_t size;       /**< without the NUL */
	size_t room;
	bool failed;       /**< out of memory: the text is not whole */
};

void buffer_put(struct buffer *b, const char *text);
void buffer_put_bytes(struct buffer *b, const char *bytes, size_t size);
/** Character data or an attribute's value: markup is escaped, characters that XML 1.0 does not have become '?'. */
void buffer_put_escaped(struct buffer *b, const char *text);
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Cuts the text to an earlier size. */
void buffer_truncate(struct buffer *b, size_t size);
/** The text becomes the caller's, to be freed; NULL when it is not whole. The buffer is empty afterwards. */
char *buffer_steal(struct buffer *b, size_t *ret_size);
void buffer_free(struct buffer *b);

struct scratch_chunk;
struct scratch {
	struct scratch_chunk *chunks;
};

/** Zeroed, aligned for anything; NULL: out of memory. */
void *scratch_alloc(struct scratch *a, size_t size);
char *scratch_copy(struct scratch *a, const char *text, size_t size);
char *scratch_format(struct scratch *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void scratch_free(struct scratch *a);

#endif
