/* SPDX-License-Identifier: BSD-2-Clause */
/* See value.h. */
#include "root-partition/cli/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct value *value_new(enum value_type type, const char *key)
{
	struct value *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->type = type;
	v->key = key ? strdup(key) : NULL;
	return v;
}

void value_free(struct value *v)
{
	while (v) {
		struct value *next = v->next;

		value_free(v->first);
		free(v->key);
		free(v->string);
		free(v);
		v = next;
	}
}

void value_add(struct value *parent, struct value *child)
{
	struct value **at = &parent->first;

	while (*at)
		at = &(*at)->next;
	*at = child;
}

static struct value *read_basic(sd_bus_message *m, char type)
{
	union { const char *s; uint64_t t; uint32_t u; int b; } x = { 0 };
	struct value *v = value_new(type == 's' ? VALUE_STRING : type == 'b' ? VALUE_BOOL : VALUE_NUMBER, NULL);

	if (!v || !strchr("stub", type) || sd_bus_message_read_basic(m, type, &x) <= 0) {
		value_free(v);
		return NULL;
	}
	switch (type) {
	case 's':
		v->string = strdup(x.s);
		break;
	case 't':
		v->number = x.t;
		break;
	case 'u':
		v->number = x.u;
		break;
	default:
		v->number = x.b != 0;
	}
	return v;
}

static struct value *read_entry(sd_bus_message *m, const char *contents)
{
	struct value *v = NULL;
	const char *key;

	if (sd_bus_message_enter_container(m, 'e', contents) <= 0 || sd_bus_message_read(m, "s", &key) <= 0)
		return NULL;
	v = value_read(m);
	if (v)
		v->key = strdup(key);
	sd_bus_message_exit_container(m);
	return v;
}

struct value *value_read(sd_bus_message *m)
{
	struct value *v, *child;
	const char *contents;
	bool is_dict;
	char type;
	int rc;

	if (sd_bus_message_peek_type(m, &type, &contents) <= 0)
		return NULL;
	if (type == 'v') {
		if (sd_bus_message_enter_container(m, 'v', contents) <= 0)
			return NULL;
		v = value_read(m);
		sd_bus_message_exit_container(m);
		return v;
	}
	if (type != 'a')
		return read_basic(m, type);
	is_dict = *contents == '{';
	v = value_new(is_dict ? VALUE_DICT : VALUE_LIST, NULL);
	if (!v || sd_bus_message_enter_container(m, 'a', contents) <= 0) {
		value_free(v);
		return NULL;
	}
	while ((rc = sd_bus_message_at_end(m, 0)) == 0) {
		char inner[16] = "";

		if (is_dict && strlen(contents) < sizeof inner + 2)
			snprintf(inner, sizeof inner, "%.*s", (int)strlen(contents) - 2, contents + 1);
		child = is_dict ? read_entry(m, inner) : value_read(m);
		if (!child) {
			value_free(v);
			return NULL;
		}
		value_add(v, child);
	}
	sd_bus_message_exit_container(m);
	return v;
}

const struct value *value_get(const struct value *dict, const char *key)
{
	const struct value *v = dict ? dict->first : NULL;

	while (v && (!v->key || strcmp(v->key, key)))
		v = v->next;
	return v;
}

const char *value_text(const struct value *dict, const char *key)
{
	const struct value *v = value_get(dict, key);

	return v && v->string ? v->string : "";
}

uint64_t value_count(const struct value *dict, const char *key)
{
	const struct value *v = value_get(dict, key);

	return v ? v->number : 0;
}

static void write_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < ' ')
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	fputc('"', out);
}

void value_write_json(FILE *out, const struct value *v, int indent)
{
	const char *ends = v->type == VALUE_DICT ? "{}" : "[]";

	switch (v->type) {
	case VALUE_STRING:
		write_string(out, v->string ? v->string : "");
		return;
	case VALUE_NUMBER:
		fprintf(out, "%" PRIu64, v->number);
		return;
	case VALUE_BOOL:
		fputs(v->number ? "true" : "false", out);
		return;
	default:
		break;
	}
	fputc(ends[0], out);
	for (const struct value *child = v->first; child; child = child->next) {
		fprintf(out, "\n%*s", 2 * (indent + 1), "");
		if (v->type == VALUE_DICT) {
			write_string(out, child->key ? child->key : "");
			fputs(": ", out);
		}
		value_write_json(out, child, indent + 1);
		if (child->next)
			fputc(',', out);
	}
	if (v->first)
		fprintf(out, "\n%*s", 2 * indent, "");
	fputc(ends[1], out);
}
