/* SPDX-License-Identifier: BSD-2-Clause */
/* See table.h. */
#include "root-partition/cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct table {
	unsigned columns, rows, room;
	const char *const *headings;
	char **cells;                /* rows * columns */
};

struct table *table_new(unsigned columns, const char *const headings[])
{
	struct table *t = calloc(1, sizeof *t);

	if (!t || columns > TABLE_COLUMNS)
		abort();
	t->columns = columns;
	t->headings = headings;
	return t;
}

void table_row(struct table *t, const char *const cells[])
{
	if (t->rows == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->cells = realloc(t->cells, (size_t)t->room * t->columns * sizeof *t->cells);
		if (!t->cells)
			abort();
	}
	for (unsigned i = 0; i < t->columns; i++) {
		char *copy = strdup(*cells[i] ? cells[i] : "-");

		if (!copy)
			abort();
		for (char *c = copy; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				*c = '?';
		t->cells[t->rows * t->columns + i] = copy;
	}
	t->rows++;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* Bytes that make up the first `width` characters. */
static int bytes_of(const char *text, unsigned width)
{
	const char *at = text;

	for (; *at; at++)
		if ((*at & 0xc0) != 0x80 && !width--)
			break;
	return (int)(at - text);
}

static void write_row(FILE *out, const struct table *t, const char *const *cells, const unsigned *widths, unsigned limit)
{
	unsigned used = 0;

	for (unsigned i = 0; i < t->columns; i++) {
		const char *text = t->headings == cells && *cells[i] == '>' ? cells[i] + 1 : cells[i];
		unsigned width = width_of(text), pad = widths[i] - width;

		if (i == t->columns - 1) {
			if (limit && used + width > limit)
				width = limit > used ? limit - used : 0;
			fprintf(out, "%.*s\n", bytes_of(text, width), text);
		} else if (*t->headings[i] == '>') {
			fprintf(out, "%*s%s  ", (int)pad, "", text);
		} else {
			fprintf(out, "%s%*s  ", text, (int)pad, "");
		}
		used += widths[i] + 2;
	}
}

void table_write(FILE *out, const struct table *t, unsigned width)
{
	unsigned widths[TABLE_COLUMNS];

	for (unsigned i = 0; i < t->columns; i++) {
		widths[i] = width_of(t->headings[i]) - (*t->headings[i] == '>');
		for (unsigned row = 0; row < t->rows; row++)
			if (width_of(t->cells[row * t->columns + i]) > widths[i])
				widths[i] = width_of(t->cells[row * t->columns + i]);
	}
	write_row(out, t, t->headings, widths, width);
	for (unsigned row = 0; row < t->rows; row++)
		write_row(out, t, (const char *const *)t->cells + row * t->columns, widths, width);
}

void table_free(struct table *t)
{
	for (unsigned i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void format_bytes(uint64_t bytes, char text[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;
	uint64_t tenths;

	while (unit < 4 && bytes >> (10 * (unit + 1)))
		unit++;
	/* in tenths without overflow: the rest below the unit is less than 2^40 */
	tenths = (bytes >> (10 * unit)) * 10 + ((bytes & ((1ull << (10 * unit)) - 1)) * 10 >> (10 * unit));
	if (tenths % 10)
		snprintf(text, 32, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
	else
		snprintf(text, 32, "%" PRIu64 " %s", tenths / 10, units[unit]);
}

void format_duration(uint64_t seconds, char text[32])
{
	uint64_t days = seconds / 86400;
	unsigned rest = (unsigned)(seconds % 86400);

	if (days)
		snprintf(text, 32, "%" PRIu64 "d %02u:%02u:%02u", days, rest / 3600, rest / 60 % 60, rest % 60);
	else
		snprintf(text, 32, "%02u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
}

unsigned terminal_width(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}
