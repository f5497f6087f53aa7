/* SPDX-License-Identifier: BSD-2-Clause */
/* See buffer.h. */
#include "wmi-like-api/wsman/buffer.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 8192u

static bool reserve(struct buffer *b, size_t more)
{
	size_t room = b->room ? b->room : 512;
	char *text;

	if (b->failed || more >= SIZE_MAX / 4 - b->size) {
		b->failed = true;
		return false;
	}
	if (b->size + more < b->room)
		return true;
	while (room <= b->size + more)
		room *= 2;
	text = realloc(b->text, room);
	if (!text) {
		b->failed = true;
		return false;
	}
	b->text = text;
	b->room = room;
	return true;
}

void buffer_put_bytes(struct buffer *b, const char *bytes, size_t size)
{
	if (!reserve(b, size))
		return;
	memcpy(b->text + b->size, bytes, size);
	b->size += size;
	b->text[b->size] = 0;
}

void buffer_put(struct buffer *b, const char *text)
{
	buffer_put_bytes(b, text, strlen(text));
}

/* Bytes of the character at s, or 0 when XML 1.0 has no such character or it is no UTF-8. */
static unsigned character(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (length == 1)
		return s[0] >= ' ' || s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
	if (s[0] < 0xc0 || s[0] > 0xf4)
		return 0;
	code = s[0] & (0xffu >> (length + 1));
	for (unsigned i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)   /* also the end of the text */
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff)
		return 0;
	return length;
}

static const char *entity(unsigned char c)
{
	switch (c) {
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '&': return "&amp;";
	case '"': return "&quot;";
	case '\'': return "&apos;";
	case '\r': return "&#13;";
	default: return NULL;
	}
}

void buffer_put_escaped(struct buffer *b, const char *text)
{
	const char *start = text, *replacement;
	unsigned length;

	while (*text) {
		length = character((const unsigned char *)text);
		replacement = length ? entity((unsigned char)*text) : "?";
		if (replacement) {
			buffer_put_bytes(b, start, (size_t)(text - start));
			buffer_put(b, replacement);
			start = text + 1;
		}
		text += length ? length : 1;
	}
	buffer_put_bytes(b, start, (size_t)(text - start));
}

void buffer_format(struct buffer *b, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0) {
		b->failed = true;
		return;
	}
	buffer_put_bytes(b, text, (size_t)size);
	free(text);
}

void buffer_truncate(struct buffer *b, size_t size)
{
	if (size < b->size) {
		b->size = size;
		b->text[size] = 0;
	}
}

char *buffer_steal(struct buffer *b, size_t *ret_size)
{
	char *text = b->failed ? NULL : b->text;

	if (b->failed)
		free(b->text);
	*ret_size = text ? b->size : 0;
	*b = (struct buffer){ 0 };
	return text;
}

void buffer_free(struct buffer *b)
{
	free(b->text);
	*b = (struct buffer){ 0 };
}

struct scratch_chunk {
	struct scratch_chunk *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void *scratch_alloc(struct scratch *a, size_t size)
{
	struct scratch_chunk *chunk = a->chunks;
	size_t room;
	void *at;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!chunk || chunk->size - chunk->used < size) {
		room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		chunk = calloc(1, sizeof *chunk + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->next = a->chunks;
		a->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

char *scratch_copy(struct scratch *a, const char *text, size_t size)
{
	char *copy = scratch_alloc(a, size + 1);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

char *scratch_format(struct scratch *a, const char *format, ...)
{
	char *text, *copy = NULL;
	va_list args;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size >= 0) {
		copy = scratch_copy(a, text, (size_t)size);
		free(text);
	}
	return copy;
}

void scratch_free(struct scratch *a)
{
	struct scratch_chunk *next;

	for (struct scratch_chunk *chunk = a->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	a->chunks = NULL;
}
