/* SPDX-License-Identifier: BSD-2-Clause */
/* See wql.h: whether an instance fits. Null is neither equal nor unequal to anything, and what follows from it is unknown. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/path.h"
#include "wmi-like-api/cim/wql.h"

bool cim_class_is(const struct cim_class *class, const char *name)
{
	if (!strcasecmp(class->name, name))
		return true;
	for (const char *const *at = class->ancestors; *at; at++)
		if (!strcasecmp(*at, name))
			return true;
	return false;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* One place of a pattern: a character, _ or [a-z]. Returns what follows it, or NULL: it does not fit. */
static const char *fits_one(const char *pattern, char c)
{
	bool inverted, found = false;
	const char *at, *end;

	if (*pattern == '_')
		return pattern + 1;
	end = *pattern == '[' && pattern[1] ? strchr(pattern + 2, ']') : NULL;
	if (!end)
		return lower(*pattern) == lower(c) ? pattern + 1 : NULL;
	at = pattern + 1;
	inverted = *at == '^' || *at == '!';
	if (inverted && at + 1 == end) {
		end = strchr(end + 1, ']');
		if (!end)
			return NULL;
	}
	for (at += inverted; at < end; at++) {
		if (at + 2 < end && at[1] == '-') {
			found |= lower(c) >= lower(*at) && lower(c) <= lower(at[2]);
			at += 2;
		} else {
			found |= lower(*at) == lower(c);
		}
	}
	return found != inverted ? end + 1 : NULL;
}

/* Only the last % is ever gone back to: whatever an earlier one took, a later one can make up for. */
bool wql_like(const char *text, const char *pattern)
{
	const char *again = NULL, *from = NULL, *rest;

	while (*text) {
		if (*pattern == '%') {
			again = ++pattern;
			from = text;
			continue;
		}
		rest = *pattern ? fits_one(pattern, *text) : NULL;
		if (rest) {
			pattern = rest;
			text++;
		} else if (again) {
			pattern = again;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '%')
		pattern++;
	return !*pattern;
}

static bool number_of(const char *text, __int128 *ret)
{
	bool negative = *text == '-';
	unsigned long long value;
	char *end;

	if (*text == '-' || *text == '+')
		text++;
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
	*ret = negative ? -(__int128)value : (__int128)value;
	return !errno && !*end;
}

static bool truth_of(const char *text, int *ret)
{
	*ret = !strcasecmp(text, "true") || !strcmp(text, "1") || !strcmp(text, "-1");
	return *ret || !strcasecmp(text, "false") || !strcmp(text, "0");
}

static bool path_fits(const struct cim_item *item, const char *literal)
{
	struct pool pool = { NULL };
	const struct cim_path *given = path_parse(&pool, literal, strlen(literal), ""), *own = item->path;
	bool equal;

	if (!own && item->text)
		own = path_parse(&pool, item->text, strlen(item->text), "");
	equal = given && own && path_equal(own, given);
	pool_release(&pool);
	return equal;
}

/* The order of a value and a literal: < 0, 0, > 0. Returns false where there is none. */
static bool order(enum cim_type type, const struct cim_item *item, const char *literal, int *ret)
{
	__int128 a, b;
	double x, y;
	int s, t;
	char *end;

	if (type == CIM_REFERENCE) {
		*ret = !path_fits(item, literal);
		return true;
	}
	if (!item->text)
		return false;
	switch (type) {
	case CIM_STRING:
	case CIM_DATETIME:
		*ret = strcasecmp(item->text, literal);
		return true;
	case CIM_BOOLEAN:
		if (!truth_of(item->text, &s) || !truth_of(literal, &t))
			return false;
		*ret = s - t;
		return true;
	case CIM_REAL32:
	case CIM_REAL64:
		x = strtod(item->text, NULL);
		y = strtod(literal, &end);
		*ret = x < y ? -1 : x > y;
		return !*end;
	default:
		if (!number_of(item->text, &a) || !number_of(literal, &b))
			return false;
		*ret = a < b ? -1 : a > b;
		return true;
	}
}

static enum wql_truth compare(const struct wql_node *n, const struct wql_value *v, const char *literal)
{
	int by;

	if (n->op == WQL_IS_NULL)
		return !v->value || v->value->null ? WQL_TRUE : WQL_FALSE;
	if (n->op == WQL_ISA)
		return v->class && cim_class_is(v->class, n->literal) ? WQL_TRUE : WQL_FALSE;
	if (!v->value || v->value->null || v->value->array || !v->value->count || (!n->quoted && !n->named && !strcasecmp(literal, "NULL")))
		return WQL_UNKNOWN;
	if (n->op == WQL_LIKE)
		return !v->value->items->text ? WQL_UNKNOWN : wql_like(v->value->items->text, literal) ? WQL_TRUE : WQL_FALSE;
	if (!order(v->type, v->value->items, literal, &by))
		return WQL_UNKNOWN;
	switch (n->op) {
	case WQL_EQ:
		return by ? WQL_FALSE : WQL_TRUE;
	case WQL_NE:
		return by ? WQL_TRUE : WQL_FALSE;
	case WQL_LT:
		return by < 0 ? WQL_TRUE : WQL_FALSE;
	case WQL_GT:
		return by > 0 ? WQL_TRUE : WQL_FALSE;
	case WQL_LE:
		return by <= 0 ? WQL_TRUE : WQL_FALSE;
	default:
		return by >= 0 ? WQL_TRUE : WQL_FALSE;
	}
}

/* AND and OR lean to the left, so that a long chain of them is deep there: that way is walked, not called. */
enum wql_truth wql_match(const struct wql_node *n, wql_look_fn look, void *arg, const char **unknown)
{
	const struct wql_node *chain = n;
	struct wql_value value = { .type = CIM_STRING }, right = { .type = CIM_STRING };
	enum wql_truth result, other;
	enum wql_operator op = n->op;

	switch (op) {
	case WQL_NOT:
		result = wql_match(n->left, look, arg, unknown);
		return result == WQL_UNKNOWN ? result : result == WQL_TRUE ? WQL_FALSE : WQL_TRUE;
	case WQL_AND:
	case WQL_OR:
		result = op == WQL_AND ? WQL_TRUE : WQL_FALSE;
		for (; chain; chain = chain->op == op ? chain->left : NULL) {
			other = wql_match(chain->op == op ? chain->right : chain, look, arg, unknown);
			if (other == (op == WQL_AND ? WQL_FALSE : WQL_TRUE))
				result = other;
			else if (other == WQL_UNKNOWN && result == (op == WQL_AND ? WQL_TRUE : WQL_FALSE))
				result = other;
		}
		return result;
	default:
		if (!look(arg, n->name, &value)) {
			if (!*unknown)
				*unknown = n->name;
			return WQL_UNKNOWN;
		}
		if (!n->named || n->op == WQL_ISA)
			return compare(n, &value, n->literal);
		if (!look(arg, n->literal, &right)) {
			if (!*unknown)
				*unknown = n->literal;
			return WQL_UNKNOWN;
		}
		if (!right.value || right.value->null || right.value->array || !right.value->count || !right.value->items->text)
			return WQL_UNKNOWN;
		return compare(n, &value, right.value->items->text);
	}
}
