/* SPDX-License-Identifier: BSD-2-Clause */
/* Aligned columns for people, and the units they read. */
#ifndef BULKHEAD_CLI_TABLE_H
#define BULKHEAD_CLI_TABLE_H

#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS 10u

struct table;

/** headings: one a column; one that begins with '>' is aligned to the right. At most TABLE_COLUMNS. */
struct table *table_new(unsigned columns, const char *const headings[]);
/** One cell a column, copied; control characters become '?', empty ones "-". */
void table_row(struct table *table, const char *const cells[]);
/** width 0: as wide as it is; else the last column is cut so that lines fit. */
void table_write(FILE *out, const struct table *table, unsigned width);
void table_free(struct table *table);

/** "512 MiB", "1.5 GiB", "12 KiB", "7 B": the largest unit that needs at most one decimal. */
void format_bytes(uint64_t bytes, char text[32]);
/** "00:01:02", "3d 04:05:06" */
void format_duration(uint64_t seconds, char text[32]);
/** The terminal's columns, or 0 when out is none. */
unsigned terminal_width(FILE *out);

#endif
