/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is freed all at once: what a query answers with, what a text is parsed into. */
#ifndef BULKHEAD_CIM_POOL_H
#define BULKHEAD_CIM_POOL_H

#include <stddef.h>

struct pool {
	struct pool_block *blocks;
};

/** Zeroed and aligned for anything. The program ends when there is no memory: nothing here could go on without. */
void *pool_take(struct pool *pool, size_t size);
char *pool_copy(struct pool *pool, const char *text, size_t size);
char *pool_text(struct pool *pool, const char *text);
char *pool_format(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** What was taken since the mark is given back. */
struct pool_mark {
	struct pool_block *block;
	size_t used;
};
struct pool_mark pool_mark(const struct pool *pool);
void pool_rewind(struct pool *pool, struct pool_mark mark);
void pool_release(struct pool *pool);

#endif
