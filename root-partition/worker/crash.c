/* SPDX-License-Identifier: BSD-2-Clause */
/* See crash.h. */
#include "crash.h"

#include <stdio.h>
#include <string.h>

/** Where the line begins behind "<6>" and "[    1.234567] ". */
static size_t skip_stamp(const char *line, size_t length)
{
	const char *end;
	size_t at = 0;

	if (length > 2 && line[0] == '<' && (end = memchr(line, '>', length)) != NULL)
		at = (size_t)(end - line) + 1;
	if (at < length && line[at] == '[' && (end = memchr(line + at, ']', length - at)) != NULL)
		at = (size_t)(end - line) + 1;
	while (at < length && line[at] == ' ')
		at++;
	return at;
}

static void copy_line(const char *line, size_t length, char *ret, size_t ret_size)
{
	size_t at = skip_stamp(line, length), used = 0;

	for (; at < length && used + 1 < ret_size; at++)
		ret[used++] = line[at] >= ' ' && line[at] < 127 ? line[at] : '.';
	ret[used] = '\0';
}

void crash_reason(const uint64_t p[5], const char *text, size_t size, char *ret, size_t ret_size)
{
	const char *newline;
	size_t length;

	ret[0] = '\0';
	size = strnlen(text, size);
	while (size > 0) {
		newline = memchr(text, '\n', size);
		length = newline != NULL ? (size_t)(newline - text) : size;
		if (skip_stamp(text, length) < length)
			copy_line(text, length, ret, ret_size);
		if (memmem(text, length, "panic", 5) != NULL)
			break;
		size -= length + (newline != NULL);
		text += length + (newline != NULL);
	}
	if (ret[0] == '\0')
		snprintf(ret, ret_size, "crash parameters %#llx %#llx %#llx %#llx %#llx", (unsigned long long)p[0],
			 (unsigned long long)p[1], (unsigned long long)p[2], (unsigned long long)p[3], (unsigned long long)p[4]);
}
