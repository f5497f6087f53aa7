/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of single values. Each sets its output, or the reader's error with what was wrong and what to write instead, and
 * returns 0 or -1. `attribute` NULL: the text of the element.
 */
#ifndef BULKHEAD_CONFIG_VALUES_H
#define BULKHEAD_CONFIG_VALUES_H

#include "root-partition/config/reader.h"

struct value_choice {
	const char *word;            /* NULL ends the table */
	unsigned value;
};

int value_choose(struct reader *reader, const xmlNode *node, const char *attribute, const char *text,
		 const struct value_choice *choices, unsigned *ret);
int value_number(struct reader *reader, const xmlNode *node, const char *attribute, const char *text, uint32_t min, uint32_t max,
		 uint32_t *ret);
int value_memory(struct reader *reader, const xmlNode *node, const char *text, uint64_t *ret);
int value_path(struct reader *reader, const xmlNode *node, const char *attribute, const char *text, char **ret);
int value_copy(struct reader *reader, const xmlNode *node, const char *text, size_t max, char **ret);
/** <target dev='sdb'/> or <target controller='0' lun='1'/>. */
int value_target(struct reader *reader, const xmlNode *node, struct config_disk *disk);

#endif
