/* SPDX-License-Identifier: BSD-2-Clause */
/* See pool.h. */
#include "wmi-like-api/cim/pool.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384u

struct pool_block {
	struct pool_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void *pool_take(struct pool *pool, size_t size)
{
	struct pool_block *block = pool->blocks;
	size_t room;
	void *at;

	if (size > (size_t)-1 / 4)
		abort();
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->used < size) {
		room = size > BLOCK / 4 ? size : BLOCK;
		block = calloc(1, sizeof *block + room);
		if (!block)
			abort();
		block->size = room;
		block->next = pool->blocks;
		pool->blocks = block;
	}
	at = block->bytes + block->used;
	block->used += size;
	return at;
}

char *pool_copy(struct pool *pool, const char *text, size_t size)
{
	char *copy = pool_take(pool, size + 1);

	memcpy(copy, text, size);
	return copy;
}

char *pool_text(struct pool *pool, const char *text)
{
	return pool_copy(pool, text, strlen(text));
}

char *pool_format(struct pool *pool, const char *format, ...)
{
	va_list args, again;
	int size;
	char *text;

	va_start(args, format);
	va_copy(again, args);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = pool_take(pool, (size_t)(size < 0 ? 0 : size) + 1);
	vsnprintf(text, (size_t)(size < 0 ? 0 : size) + 1, format, again);
	va_end(again);
	return text;
}

struct pool_mark pool_mark(const struct pool *pool)
{
	return (struct pool_mark){ pool->blocks, pool->blocks ? pool->blocks->used : 0 };
}

void pool_rewind(struct pool *pool, struct pool_mark mark)
{
	struct pool_block *block;

	while (pool->blocks != mark.block) {
		block = pool->blocks;
		pool->blocks = block->next;
		free(block);
	}
	if (!mark.block)
		return;
	memset(mark.block->bytes + mark.used, 0, mark.block->used - mark.used);
	mark.block->used = mark.used;
}

void pool_release(struct pool *pool)
{
	struct pool_block *next;

	for (struct pool_block *block = pool->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	pool->blocks = NULL;
}
