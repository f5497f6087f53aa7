/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the tags of an XML text are. Runs before libxml2: refuses what no definition needs (DOCTYPE, deep nesting, endless
 * tags) while memory is still bounded, and gives later errors their columns and edits their byte offsets, which libxml2 does not keep.
 */
#ifndef BULKHEAD_CONFIG_MARKUP_H
#define BULKHEAD_CONFIG_MARKUP_H

#include <stddef.h>
#include <stdint.h>

#define MARKUP_MAX_TAGS  4096u
#define MARKUP_MAX_DEPTH 32u
#define MARKUP_MAX_TAG   8192u   /* bytes between '<' and '>' */

struct markup_tag {
	uint32_t start, inside;      /* offsets of '<' and of the first byte behind the start tag's '>' */
	uint32_t inside_end, end;    /* offsets of the end tag's '<' and behind its '>'; of <x/>: both the same as inside */
	uint32_t line, column;       /* of '<', from 1; columns count characters */
	uint32_t depth;              /* 0: the root */
};

struct markup {
	uint32_t count;
	struct markup_tag *tags;     /* start tags in document order: the n-th belongs to the n-th element */
};

struct markup_error {
	uint32_t line, column;
	char message[160];
};

/** Returns 0, or -1 with an error. Text that is not well-formed may pass: that is for the XML parser to say. */
int markup_scan(const char *text, size_t size, struct markup *ret, struct markup_error *error);
void markup_free(struct markup *markup);

#endif
