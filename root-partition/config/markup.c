/* SPDX-License-Identifier: BSD-2-Clause */
/* See markup.h. One pass over the text, no recursion, memory bounded by MARKUP_MAX_TAGS. */
#include "root-partition/config/markup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
	const char *text;
	size_t size, at;
	uint32_t line, column;
	struct markup *markup;
	uint32_t open[MARKUP_MAX_DEPTH], depth;
	struct markup_error *error;
};

__attribute__((format(printf, 2, 3)))
static int fail(struct scanner *s, const char *format, ...)
{
	va_list args;

	s->error->line = s->line;
	s->error->column = s->column;
	va_start(args, format);
	vsnprintf(s->error->message, sizeof s->error->message, format, args);
	va_end(args);
	return -1;
}

static void advance(struct scanner *s, size_t to)
{
	for (; s->at < to; s->at++) {
		unsigned char c = (unsigned char)s->text[s->at];

		if (c == '\n') {
			s->line++;
			s->column = 1;
		} else if ((c & 0xc0) != 0x80) {   /* not a continuation byte of UTF-8 */
			s->column++;
		}
	}
}

static bool starts_with(const struct scanner *s, const char *prefix)
{
	size_t length = strlen(prefix);

	return s->size - s->at >= length && !memcmp(s->text + s->at, prefix, length);
}

/* Moves behind the next `terminator`, or to the end: the parser will say that it is missing. */
static void skip_past(struct scanner *s, const char *terminator)
{
	const char *found = memmem(s->text + s->at, s->size - s->at, terminator, strlen(terminator));

	advance(s, found ? (size_t)(found - s->text) + strlen(terminator) : s->size);
}

/* Offset behind the '>' that ends the tag at s->at; '>' may stand in quotes. 0: none within MARKUP_MAX_TAG. */
static size_t tag_end(const struct scanner *s)
{
	size_t limit = s->size - s->at > MARKUP_MAX_TAG ? s->at + MARKUP_MAX_TAG : s->size;
	char quote = 0;

	for (size_t i = s->at + 1; i < limit; i++) {
		char c = s->text[i];

		if (quote) {
			if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			return i + 1;
		}
	}
	return 0;
}

static int scan_tag(struct scanner *s)
{
	size_t end = tag_end(s);
	struct markup_tag *tag;

	if (!end) {
		if (s->size - s->at <= MARKUP_MAX_TAG) {
			advance(s, s->size);
			return 0;
		}
		return fail(s, "tag is longer than %u bytes", MARKUP_MAX_TAG);
	}
	if (s->text[s->at + 1] == '/') {
		if (s->depth) {
			tag = &s->markup->tags[s->open[--s->depth]];
			tag->inside_end = (uint32_t)s->at;
			tag->end = (uint32_t)end;
		}
		advance(s, end);
		return 0;
	}
	if (s->markup->count == MARKUP_MAX_TAGS)
		return fail(s, "more than %u elements", MARKUP_MAX_TAGS);
	tag = &s->markup->tags[s->markup->count];
	tag->start = (uint32_t)s->at;
	tag->inside = tag->inside_end = tag->end = (uint32_t)end;
	tag->line = s->line;
	tag->column = s->column;
	tag->depth = s->depth;
	if (s->text[end - 2] != '/') {
		if (s->depth == MARKUP_MAX_DEPTH)
			return fail(s, "elements are nested more than %u deep", MARKUP_MAX_DEPTH);
		s->open[s->depth++] = s->markup->count;
	}
	s->markup->count++;
	advance(s, end);
	return 0;
}

int markup_scan(const char *text, size_t size, struct markup *ret, struct markup_error *error)
{
	struct markup markup = { .tags = calloc(MARKUP_MAX_TAGS, sizeof *markup.tags) };
	struct scanner s = { .text = text, .size = size, .line = 1, .column = 1, .markup = &markup, .error = error };
	const char *next;
	int rc = 0;

	if (!markup.tags) {
		rc = fail(&s, "out of memory");
		goto out;
	}
	next = memchr(text, 0, size);
	if (next) {
		advance(&s, (size_t)(next - text));
		rc = fail(&s, "the text holds a NUL byte; it must be UTF-8");
		goto out;
	}
	if (starts_with(&s, "\xef\xbb\xbf"))   /* a byte order mark is no column */
		s.at = 3;
	while (!rc && (next = memchr(text + s.at, '<', size - s.at))) {
		advance(&s, (size_t)(next - text));
		if (starts_with(&s, "<!--"))
			skip_past(&s, "-->");
		else if (starts_with(&s, "<![CDATA["))
			skip_past(&s, "]]>");
		else if (starts_with(&s, "<?"))
			skip_past(&s, "?>");
		else if (starts_with(&s, "<!"))
			rc = fail(&s, "document type declarations and entities are refused; remove <!...>");
		else
			rc = scan_tag(&s);
	}
out:
	if (rc)
		markup_free(&markup);
	else
		*ret = markup;
	return rc;
}

void markup_free(struct markup *markup)
{
	free(markup->tags);
	markup->tags = NULL;
	markup->count = 0;
}
