/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * WQL (MS-WMI 2.2.1 and DSP0202's habits): SELECT with projection and conditions, ASSOCIATORS OF, REFERENCES OF. Parsing knows no
 * class; matching asks for a property's value by name. Both are bounded in depth, and what a client sends is all that they read.
 */
#ifndef BULKHEAD_CIM_WQL_H
#define BULKHEAD_CIM_WQL_H

#include "wmi-like-api/cim/pool.h"
#include "wmi-like-api/cim/cim.h"

#define WQL_MAX_TEXT    65536u
#define WQL_MAX_DEPTH   32u
#define WQL_MAX_COLUMNS 512u
#define WQL_MAX_NODES   256u    /* of a condition: it is looked at for each instance, and nobody else is served meanwhile */

enum wql_kind { WQL_SELECT, WQL_ASSOCIATORS, WQL_REFERENCES };
enum wql_operator { WQL_EQ, WQL_NE, WQL_LT, WQL_GT, WQL_LE, WQL_GE, WQL_LIKE, WQL_ISA, WQL_IS_NULL, WQL_AND, WQL_OR, WQL_NOT };
enum wql_truth { WQL_FALSE, WQL_TRUE, WQL_UNKNOWN };

struct wql_node {
	enum wql_operator op;
	const struct wql_node *left, *right;     /* WQL_AND, WQL_OR; WQL_NOT: left */
	const char *name, *literal;              /* the others; "Name", "TargetInstance.Name" */
	bool quoted;                             /* the literal was a string */
	bool named;                              /* the literal is a property's name: Name != __SERVER */
};

struct wql_query {
	enum wql_kind kind;
	/* WQL_SELECT */
	const char *class;
	const char **columns;
	unsigned column_count;                   /* 0: all */
	const struct wql_node *where;            /* NULL: all */
	/* the others */
	const struct cim_path *object;
	const char *assoc_class, *result_class, *role, *result_role;
	bool keys_only;
};

/** space: what a path without a namespace is of. NULL: error says what is wrong and where. */
const struct wql_query *wql_parse(struct pool *pool, const char *text, const char *space, struct cim_error *error);

/** What a name stands for; false: there is no such property. */
struct wql_value {
	enum cim_type type;
	const struct cim_value *value;           /* NULL: null */
	const struct cim_class *class;           /* for ISA: of an instance */
};
typedef bool (*wql_look_fn)(void *arg, const char *name, struct wql_value *ret);

/** *unknown becomes the first name that is no property. */
enum wql_truth wql_match(const struct wql_node *node, wql_look_fn look, void *arg, const char **unknown);

/** Whether text fits a LIKE pattern; any case. */
bool wql_like(const char *text, const char *pattern);
/** Whether the class is of that name or a child of it. */
bool cim_class_is(const struct cim_class *class, const char *name);

#endif
