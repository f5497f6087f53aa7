/* SPDX-License-Identifier: BSD-2-Clause */
/* See wql.h: text to tree. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/path.h"
#include "wmi-like-api/cim/wql.h"

enum token { END, WORD, STRING, NUMBER, SIGN, BAD };

struct parser {
	struct pool *pool;
	const char *text, *at, *space;
	enum token token;
	const char *value;            /* of the token */
	const char *start;            /* in the text */
	struct cim_error *error;
	bool failed;
	unsigned nodes;
};

static void *fail(struct parser *p, const char *format, ...)
{
	va_list args;
	char why[200];

	if (p->failed)
		return NULL;
	p->failed = true;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	p->error->status = CIM_INVALID_QUERY;
	snprintf(p->error->text, sizeof p->error->text, "query: %s at character %zu", why, (size_t)(p->start - p->text) + 1);
	return NULL;
}

/* \ takes the next character as it is. */
static void read_string(struct parser *p)
{
	char quote = *p->at++, *out, *to;
	size_t size = 0;

	for (const char *c = p->at; *c && *c != quote; c++, size++)
		if (*c == '\\' && c[1])
			c++;
	to = out = pool_take(p->pool, size + 1);
	while (*p->at && *p->at != quote) {
		if (*p->at == '\\' && p->at[1])
			p->at++;
		*to++ = *p->at++;
	}
	p->value = out;
	p->token = *p->at ? STRING : BAD;
	if (*p->at)
		p->at++;
}

static void next(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
	p->start = p->at;
	if (!*p->at) {
		p->token = END;
		p->value = "";
		return;
	}
	if (*p->at == '\'' || *p->at == '"') {
		read_string(p);
		return;
	}
	if (isalpha((unsigned char)*p->at) || *p->at == '_') {
		/* a name may go into an embedded instance: TargetInstance.Name */
		while (isalnum((unsigned char)*p->at) || *p->at == '_' || (*p->at == '.' && (isalpha((unsigned char)p->at[1]) || p->at[1] == '_')))
			p->at++;
		p->token = WORD;
	} else if (isdigit((unsigned char)*p->at) || ((*p->at == '-' || *p->at == '+') && isdigit((unsigned char)p->at[1]))) {
		for (p->at++; isalnum((unsigned char)*p->at) || *p->at == '.';)
			p->at++;
		p->token = NUMBER;
	} else {
		p->at += (strchr("<>!", *p->at) && p->at[1] == '=') || (*p->at == '<' && p->at[1] == '>') ? 2 : 1;
		p->token = SIGN;
	}
	p->value = pool_copy(p->pool, p->start, (size_t)(p->at - p->start));
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token == WORD && !strcasecmp(p->value, word);
}

static bool is_sign(const struct parser *p, const char *sign)
{
	return p->token == SIGN && !strcmp(p->value, sign);
}

static bool take_word(struct parser *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	next(p);
	return true;
}

static bool take_sign(struct parser *p, const char *sign)
{
	if (!is_sign(p, sign))
		return false;
	next(p);
	return true;
}

static const char *name(struct parser *p, const char *what)
{
	const char *value = p->value;

	if (p->token != WORD)
		return fail(p, "%s is missing", what);
	next(p);
	return value;
}

static struct wql_node *node(struct parser *p, enum wql_operator op, const struct wql_node *left, const struct wql_node *right)
{
	struct wql_node *n = pool_take(p->pool, sizeof *n);

	if (++p->nodes > WQL_MAX_NODES)
		fail(p, "more than %u conditions", WQL_MAX_NODES);
	n->op = op;
	n->left = left;
	n->right = right;
	return n;
}

static bool operator_of(struct parser *p, enum wql_operator *ret)
{
	static const struct { const char *text; enum wql_operator op; } signs[] = {
		{ "=", WQL_EQ }, { "!=", WQL_NE }, { "<>", WQL_NE }, { "<", WQL_LT }, { ">", WQL_GT }, { "<=", WQL_LE }, { ">=", WQL_GE },
	};

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (!take_sign(p, signs[i].text))
			continue;
		*ret = signs[i].op;
		return true;
	}
	if (take_word(p, "LIKE"))
		*ret = WQL_LIKE;
	else if (take_word(p, "ISA"))
		*ret = WQL_ISA;
	else if (take_word(p, "IS"))
		*ret = WQL_IS_NULL;
	else
		return false;
	return true;
}

/* 2 = Name is Name = 2. */
static enum wql_operator mirrored(enum wql_operator op)
{
	return op == WQL_LT ? WQL_GT : op == WQL_GT ? WQL_LT : op == WQL_LE ? WQL_GE : op == WQL_GE ? WQL_LE : op;
}

static bool is_literal(const struct parser *p)
{
	return p->token == STRING || p->token == NUMBER || is_word(p, "TRUE") || is_word(p, "FALSE") || is_word(p, "NULL");
}

static const struct wql_node *comparison(struct parser *p)
{
	struct wql_node *n = node(p, WQL_EQ, NULL, NULL);
	bool swapped = is_literal(p), not;

	if (swapped) {
		n->literal = p->value;
		n->quoted = p->token == STRING;
		next(p);
	} else {
		n->name = name(p, "a property's name");
	}
	if (p->failed)
		return NULL;
	if (!operator_of(p, &n->op))
		return fail(p, "an operator (=, !=, <, >, <=, >=, LIKE, ISA, IS) is missing");
	if (n->op == WQL_IS_NULL) {
		not = take_word(p, "NOT");
		if (swapped || !take_word(p, "NULL"))
			return fail(p, "NULL is missing");
		return not ? node(p, WQL_NOT, n, NULL) : n;
	}
	if (swapped) {
		if (n->op == WQL_LIKE || n->op == WQL_ISA)
			return fail(p, "the property stands left of this operator");
		n->op = mirrored(n->op);
		n->name = name(p, "a property's name");
		return p->failed ? NULL : n;
	}
	if (n->op == WQL_ISA && p->token == WORD) {
		n->literal = name(p, "a class");
		return n;
	}
	n->named = p->token == WORD && !is_literal(p);
	if (!is_literal(p) && !n->named)
		return fail(p, "a value is missing, or a string without its end");
	n->literal = p->value;
	n->quoted = p->token == STRING;
	if (!n->quoted && !strcasecmp(n->literal, "NULL") && (n->op == WQL_EQ || n->op == WQL_NE)) {
		next(p);
		not = n->op == WQL_NE;
		n->op = WQL_IS_NULL;
		return not ? node(p, WQL_NOT, n, NULL) : n;
	}
	next(p);
	return n;
}

static const struct wql_node *condition(struct parser *p, unsigned depth);

static const struct wql_node *factor(struct parser *p, unsigned depth)
{
	const struct wql_node *inner;

	if (depth > WQL_MAX_DEPTH)
		return fail(p, "more than %u levels", WQL_MAX_DEPTH);
	if (take_word(p, "NOT")) {
		inner = factor(p, depth + 1);
		return inner ? node(p, WQL_NOT, inner, NULL) : NULL;
	}
	if (!take_sign(p, "("))
		return comparison(p);
	inner = condition(p, depth + 1);
	if (inner && !take_sign(p, ")"))
		return fail(p, "')' is missing");
	return inner;
}

static const struct wql_node *term(struct parser *p, unsigned depth)
{
	const struct wql_node *left = factor(p, depth), *right;

	while (left && !p->failed && take_word(p, "AND")) {
		right = factor(p, depth);
		left = right ? node(p, WQL_AND, left, right) : NULL;
	}
	return left;
}

static const struct wql_node *condition(struct parser *p, unsigned depth)
{
	const struct wql_node *left = term(p, depth), *right;

	while (left && !p->failed && take_word(p, "OR")) {
		right = term(p, depth);
		left = right ? node(p, WQL_OR, left, right) : NULL;
	}
	return left;
}

static void parse_columns(struct parser *p, struct wql_query *q)
{
	if (take_sign(p, "*"))
		return;
	q->columns = pool_take(p->pool, WQL_MAX_COLUMNS * sizeof *q->columns);
	do {
		const char *column = name(p, "a property's name");

		if (!column)
			return;
		if (q->column_count == WQL_MAX_COLUMNS) {
			fail(p, "more than %u properties", WQL_MAX_COLUMNS);
			return;
		}
		q->columns[q->column_count++] = column;
	} while (take_sign(p, ","));
}

static void parse_select(struct parser *p, struct wql_query *q)
{
	parse_columns(p, q);
	if (p->failed)
		return;
	if (!take_word(p, "FROM")) {
		fail(p, "FROM is missing");
		return;
	}
	q->class = name(p, "a class");
	if (p->failed)
		return;
	if (take_word(p, "WITHIN")) {
		if (p->token != NUMBER) {
			fail(p, "seconds are missing");
			return;
		}
		next(p);
	}
	if (take_word(p, "WHERE"))
		q->where = condition(p, 0);
}

/* {path}: up to the brace that is in no quotes. */
static void parse_object(struct parser *p, struct wql_query *q)
{
	const char *start, *c;
	char quote = 0;

	if (!is_sign(p, "{")) {
		fail(p, "{object path} is missing");
		return;
	}
	start = p->at;
	for (c = start; *c && (quote || *c != '}'); c++) {
		if (quote && *c == '\\' && c[1])
			c++;
		else if (*c == quote)
			quote = 0;
		else if (!quote && (*c == '"' || *c == '\''))
			quote = *c;
	}
	if (!*c) {
		fail(p, "'}' is missing");
		return;
	}
	q->object = path_parse(p->pool, start, (size_t)(c - start), p->space);
	if (!q->object) {
		fail(p, "this is no object path: Class.Key='value'");
		return;
	}
	p->at = c + 1;
	next(p);
}

static void parse_related(struct parser *p, struct wql_query *q)
{
	struct { const char *word; const char **to; } options[] = {
		{ "AssocClass", &q->assoc_class }, { "ResultClass", &q->result_class }, { "Role", &q->role }, { "ResultRole", &q->result_role },
	};
	size_t i;

	if (!take_word(p, "OF")) {
		fail(p, "OF is missing");
		return;
	}
	parse_object(p, q);
	if (p->failed || !take_word(p, "WHERE"))
		return;
	while (p->token == WORD && !p->failed) {
		if (take_word(p, "KeysOnly")) {
			q->keys_only = true;
			continue;
		}
		for (i = 0; i < sizeof options / sizeof *options && !take_word(p, options[i].word); i++)
			;
		if (i == sizeof options / sizeof *options) {
			fail(p, "'%.60s' is not known here; AssocClass, ResultClass, Role, ResultRole and KeysOnly are", p->value);
			return;
		}
		if (!take_sign(p, "="))
			fail(p, "'=' is missing");
		else
			*options[i].to = name(p, "a name");
	}
}

const struct wql_query *wql_parse(struct pool *pool, const char *text, const char *space, struct cim_error *error)
{
	struct wql_query *q = pool_take(pool, sizeof *q);
	struct parser p = { .pool = pool, .text = text, .at = text, .start = text, .space = space, .error = error };

	if (strnlen(text, WQL_MAX_TEXT + 1) > WQL_MAX_TEXT)
		return fail(&p, "more than %u characters", WQL_MAX_TEXT);
	next(&p);
	if (take_word(&p, "SELECT")) {
		parse_select(&p, q);
	} else if (take_word(&p, "ASSOCIATORS")) {
		q->kind = WQL_ASSOCIATORS;
		parse_related(&p, q);
	} else if (take_word(&p, "REFERENCES")) {
		q->kind = WQL_REFERENCES;
		parse_related(&p, q);
	} else {
		fail(&p, "it begins with SELECT, ASSOCIATORS or REFERENCES");
	}
	if (!p.failed && p.token != END)
		fail(&p, "'%.60s' is too much", p.value);
	return p.failed ? NULL : q;
}
