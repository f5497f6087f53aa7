/* SPDX-License-Identifier: BSD-2-Clause */
/* A D-Bus answer as a tree, so that a table, a page of details and JSON are three views of one thing. */
#ifndef BULKHEAD_CLI_VALUE_H
#define BULKHEAD_CLI_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

struct value {
	enum value_type { VALUE_STRING, VALUE_NUMBER, VALUE_BOOL, VALUE_LIST, VALUE_DICT } type;
	char *key;                   /* in a dictionary */
	char *string;
	uint64_t number;             /* also of a bool */
	struct value *first, *next;  /* children; siblings */
};

/** The next complete value of the message. NULL: a type that the API does not use, or no memory. */
struct value *value_read(sd_bus_message *message);
void value_free(struct value *value);

struct value *value_new(enum value_type type, const char *key);
/** Adds a child behind the others. */
void value_add(struct value *parent, struct value *child);

/** The entry of a dictionary, or NULL. */
const struct value *value_get(const struct value *dict, const char *key);
/** Its text or "", its number or 0. */
const char *value_text(const struct value *dict, const char *key);
uint64_t value_count(const struct value *dict, const char *key);

void value_write_json(FILE *out, const struct value *value, int indent);

#endif
