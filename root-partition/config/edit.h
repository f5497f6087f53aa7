/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of a definition's text by the byte offsets that markup.c finds. Results are allocated; NULL: no memory. */
#ifndef BULKHEAD_CONFIG_EDIT_H
#define BULKHEAD_CONFIG_EDIT_H

#include <stdbool.h>
#include "root-partition/config/markup.h"

/** Whether the tag is a start tag of that name. */
bool edit_tag_is(const char *text, const struct markup_tag *tag, const char *name);
/** text[0, from) + middle + text[to, size) */
char *edit_replace(const char *text, size_t size, size_t from, size_t to, const char *middle);
/** Puts an element behind the tag's: on a line of its own, indented alike, if that one's is the first on its line. */
char *edit_insert_behind(const char *text, size_t size, const struct markup_tag *tag, const char *element);

#endif
