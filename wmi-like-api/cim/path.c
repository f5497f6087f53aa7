/* SPDX-License-Identifier: BSD-2-Clause */
/* See path.h. */
#include "wmi-like-api/cim/path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct scan {
	struct pool *pool;
	const char *at, *end;
};

static void blanks(struct scan *s)
{
	while (s->at < s->end && isspace((unsigned char)*s->at))
		s->at++;
}

static char *word(struct scan *s)
{
	const char *start;

	blanks(s);
	for (start = s->at; s->at < s->end && (isalnum((unsigned char)*s->at) || *s->at == '_');)
		s->at++;
	return s->at > start ? pool_copy(s->pool, start, (size_t)(s->at - start)) : NULL;
}

/* Quoted, with \ before a quote or a \; or bare up to the next comma. */
static char *value(struct scan *s)
{
	char *out, *to, quote;
	const char *start;

	blanks(s);
	if (s->at == s->end)
		return NULL;
	if (*s->at != '"' && *s->at != '\'') {
		for (start = s->at; s->at < s->end && *s->at != ',';)
			s->at++;
		to = out = pool_copy(s->pool, start, (size_t)(s->at - start));
		for (to += strlen(out); to > out && isspace((unsigned char)to[-1]);)
			*--to = 0;
		return *out ? out : NULL;
	}
	quote = *s->at++;
	to = out = pool_take(s->pool, (size_t)(s->end - s->at) + 1);
	while (s->at < s->end && *s->at != quote) {
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
		*to++ = *s->at++;
	}
	if (s->at == s->end)
		return NULL;
	s->at++;
	return out;
}

/* \\host\root\virtualization\v2: with either slash, or nothing of it. Returns the namespace, or NULL: none is said. */
static char *prefix(struct scan *s)
{
	const char *colon, *stop, *start = s->at;
	char *space;

	for (stop = start; stop < s->end && *stop != '"' && *stop != '\'' && *stop != '=' && *stop != '.';)
		stop++;
	if (stop < s->end && *stop == '.' && start < s->end && (*start == '\\' || *start == '/')) {
		/* a server's name has dots */
		for (stop = start; stop < s->end && *stop != '"' && *stop != '\'' && *stop != '=';)
			stop++;
	}
	colon = memchr(start, ':', (size_t)(stop - start));
	if (!colon)
		return NULL;
	s->at = colon + 1;
	if (colon - start > 2 && (start[0] == '\\' || start[0] == '/') && start[1] == start[0]) {
		for (start += 2; start < colon && *start != '\\' && *start != '/';)
			start++;
		if (start < colon)
			start++;
	}
	space = pool_copy(s->pool, start, (size_t)(colon - start));
	for (char *c = space; *c; c++)
		if (*c == '\\')
			*c = '/';
	return space;
}

static bool add_key(struct scan *s, struct cim_path *path, char *name)
{
	struct cim_item *item = pool_take(s->pool, sizeof *item);
	struct cim_named_value *key;

	if (path->key_count == PATH_MAX_KEYS)
		return false;
	for (unsigned i = 0; i < path->key_count; i++)
		if (!strcasecmp(path->keys[i].name, name))
			return false;
	item->text = value(s);
	if (!item->text)
		return false;
	key = (struct cim_named_value *)&path->keys[path->key_count];
	*key = (struct cim_named_value){ .name = name, .value = { .count = 1, .items = item } };
	path->key_count++;
	return true;
}

static bool is_sign(struct scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

struct cim_path *path_parse(struct pool *pool, const char *text, size_t size, const char *space)
{
	struct scan s = { pool, text, text + size };
	struct cim_path *path = pool_take(pool, sizeof *path);
	char *name;

	if (memchr(text, 0, size))
		return NULL;
	blanks(&s);
	path->space = prefix(&s);
	if (!path->space)
		path->space = space;
	path->class = word(&s);
	if (!path->class)
		return NULL;
	path->keys = pool_take(pool, PATH_MAX_KEYS * sizeof *path->keys);
	if (is_sign(&s, '=')) {
		if (is_sign(&s, '@'))
			goto end;
		if (!add_key(&s, path, NULL))
			return NULL;
		goto end;
	}
	if (!is_sign(&s, '.'))
		return NULL;
	do {
		name = word(&s);
		if (!name || !is_sign(&s, '=') || !add_key(&s, path, name))
			return NULL;
	} while (is_sign(&s, ','));
end:
	blanks(&s);
	return s.at == s.end ? path : NULL;
}

static void quoted(char **to, const char *text)
{
	*(*to)++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*(*to)++ = '\\';
		*(*to)++ = *text;
	}
	*(*to)++ = '"';
}

char *path_format(struct pool *pool, const char *host, const struct cim_path *path)
{
	size_t size = strlen(host) + strlen(path->space) + strlen(path->class) + 8;
	char *text, *to;

	for (unsigned i = 0; i < path->key_count; i++) {
		const struct cim_item *item = path->keys[i].value.items;

		size += strlen(path->keys[i].name) + 4;
		size += 2 * strlen(item->text ? item->text : item->path ? path_format(pool, host, item->path) : "");
	}
	text = pool_take(pool, size);
	to = text + sprintf(text, "\\\\%s\\%s:%s", host, path->space, path->class);
	for (char *c = text; c < to; c++)
		if (*c == '/')
			*c = '\\';
	for (unsigned i = 0; i < path->key_count; i++) {
		const struct cim_item *item = path->keys[i].value.items;

		to += sprintf(to, "%c%s=", i ? ',' : '.', path->keys[i].name);
		quoted(&to, item->text ? item->text : item->path ? path_format(pool, host, item->path) : "");
	}
	*to = 0;
	return text;
}

static bool item_equal(const struct cim_item *a, const struct cim_item *b)
{
	struct pool pool = { NULL };
	const struct cim_path *left = a->path, *right = b->path;
	bool equal;

	if (a->text && b->text)
		return !strcasecmp(a->text, b->text);
	if (!left && a->text)
		left = path_parse(&pool, a->text, strlen(a->text), "");
	if (!right && b->text)
		right = path_parse(&pool, b->text, strlen(b->text), "");
	equal = left && right && path_equal(left, right);
	pool_release(&pool);
	return equal;
}

bool path_equal(const struct cim_path *a, const struct cim_path *b)
{
	if (strcasecmp(a->class, b->class) || a->key_count != b->key_count)
		return false;
	for (unsigned i = 0; i < a->key_count; i++) {
		const struct cim_named_value *same = NULL;

		for (unsigned k = 0; k < b->key_count && !same; k++)
			if (!a->keys[i].name || !b->keys[k].name || !strcasecmp(a->keys[i].name, b->keys[k].name))
				same = &b->keys[k];
		if (!same || !item_equal(a->keys[i].value.items, same->value.items))
			return false;
	}
	return true;
}

const char *path_key(const struct cim_path *path, const char *name)
{
	for (unsigned i = 0; i < path->key_count; i++)
		if (path->keys[i].value.count && path->keys[i].value.items &&
		    (!path->keys[i].name || !strcasecmp(path->keys[i].name, name)))
			return path->keys[i].value.items->text;
	return NULL;
}

struct cim_path *path_of(struct pool *pool, const struct cim_instance *instance)
{
	const struct cim_class *class = instance->class;
	struct cim_path *path = pool_take(pool, sizeof *path);
	struct cim_named_value *keys;

	path->space = class->space;
	path->class = class->name;
	path->keys = keys = pool_take(pool, PATH_MAX_KEYS * sizeof *keys);
	for (unsigned i = 0; i < class->property_count && path->key_count < PATH_MAX_KEYS; i++)
		if (class->properties[i].key && !instance->values[i].null)
			keys[path->key_count++] = (struct cim_named_value){ class->properties[i].name, instance->values[i] };
	return path;
}
