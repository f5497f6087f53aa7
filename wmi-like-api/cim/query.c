/* SPDX-License-Identifier: BSD-2-Clause */
/* See query.h. */
#include "wmi-like-api/cim/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/ids.h"

void error_set(struct cim_error *error, enum cim_status status, const char *format, ...)
{
	va_list args;

	error->status = status;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
}

const char *query_space(const char *space)
{
	static const char *const spaces[] = { V2, CIMV2 };
	char plain[64];

	if (strlen(space) >= sizeof plain)
		return NULL;
	strcpy(plain, space);
	for (char *c = plain; *c; c++)
		if (*c == '\\')
			*c = '/';
	for (unsigned i = 0; i < sizeof spaces / sizeof *spaces; i++)
		if (!strcasecmp(spaces[i], plain))
			return spaces[i];
	return NULL;
}

static const struct { const char *class; void (*provide)(struct result *, const struct cim_class *); } providers[] = {
	{ "Msvm_ComputerSystem", provide_systems },
	{ "Msvm_ConcreteJob", provide_jobs },
	{ "Msvm_VirtualSystemSettingData", provide_settings },
	{ "Msvm_Processor", provide_processors },
	{ "Msvm_ShutdownComponent", provide_devices },
	{ "Msvm_HeartbeatComponent", provide_devices },
	{ "Msvm_Keyboard", provide_devices },
	{ "Msvm_KvpExchangeComponent", provide_devices },
	{ "Msvm_VirtualSystemManagementService", provide_services },
	{ "Msvm_VirtualEthernetSwitchManagementService", provide_services },
	{ "Bulkhead_DefinitionService", provide_services },
	{ "Msvm_VirtualEthernetSwitch", provide_switches },
	{ "Msvm_SummaryInformation", provide_summaries },
};

bool provide(struct result *r, const struct cim_class *class)
{
	const char *parent = *class->ancestors ? *class->ancestors : "";

	for (unsigned i = 0; i < sizeof providers / sizeof *providers; i++)
		if (!strcmp(providers[i].class, class->name)) {
			providers[i].provide(r, class);
			return true;
		}
	if (!strcmp(class->space, CIMV2) && strcmp(class->name, "Win32_ComputerSystemProcessor")) {
		provide_host(r, class);
		return true;
	}
	if (cim_class_is(class, "CIM_ResourceAllocationSettingData")) {
		provide_resources(r, class);
		return true;
	}
	if (!strcmp(class->name, "Win32_ComputerSystemProcessor") || !strcmp(parent, "CIM_SettingsDefineState") ||
	    cim_class_is(class, "CIM_Component") || !strcmp(parent, "CIM_AffectedJobElement")) {
		provide_associations(r, class);
		return true;
	}
	return false;
}

static struct cim_list *finish(struct result *r)
{
	r->world = NULL;
	r->where = NULL;
	r->keep = NULL;
	return &r->list;
}

/* A GUID among the keys: nothing of another partition can be meant. */
static const char *scope_of(const struct cim_path *path, char guid[37])
{
	for (unsigned i = 0; i < path->key_count; i++) {
		const struct cim_item *item = path->keys[i].value.items;

		if (item && item->text && id_find_guid(item->text, guid))
			return guid;
		if (item && item->path && scope_of(item->path, guid))
			return guid;
	}
	return NULL;
}

/* Name = 'GUID' AND ...: likewise, for the properties that only a partition's own things have. */
static const char *scope_of_condition(const struct wql_node *node, char guid[37])
{
	static const char *const names[] = { "Name", "SystemName", "InstanceID", "VirtualSystemIdentifier" };

	for (; node; node = node->op == WQL_AND ? node->left : NULL) {
		const struct wql_node *leaf = node->op == WQL_AND ? node->right : node;

		for (unsigned i = 0; leaf->op == WQL_EQ && !leaf->named && i < sizeof names / sizeof *names; i++)
			if (!strcasecmp(leaf->name, names[i]) && id_find_guid(leaf->literal, guid))
				return guid;
	}
	return NULL;
}

static bool keep_path(void *arg, const struct cim_instance *instance)
{
	struct pool pool = { NULL };
	bool equal = path_equal(path_of(&pool, instance), arg);

	pool_release(&pool);
	return equal;
}

static void add_instance(struct result *r, const struct cim_path *path)
{
	const struct cim_class *class = cim_class_find(path->space, path->class);

	if (!class)
		return;
	r->keep = keep_path;
	r->arg = (void *)path;
	provide(r, class);
	r->keep = NULL;
}

struct cim_list *query_get(const struct world *world, const struct cim_path *path, struct cim_error *error)
{
	const char *space = query_space(path->space);
	const struct cim_class *class = space ? cim_class_find(space, path->class) : NULL;
	struct world narrow = *world;
	struct result *r;
	char guid[37];

	if (!class) {
		error_set(error, CIM_NO_SUCH_CLASS, "there is no class %s in %s", path->class, path->space);
		return NULL;
	}
	narrow.only = scope_of(path, guid);
	/* What names no partition by its GUID may still be one's: a Name of a performance counter. */
	r = result_new(&narrow);
	r->keep = keep_path;
	r->arg = (void *)path;
	provide(r, class);
	if (r->list.count)
		return finish(r);
	result_free(r);
	error_set(error, CIM_NOT_FOUND, "there is no such %s", class->name);
	return NULL;
}

/* Marks the columns of each instance's class. */
static bool project(struct result *r, const struct wql_query *q, struct cim_error *error)
{
	const struct cim_class *class = NULL;
	uint8_t *selected = NULL;
	unsigned found;

	for (unsigned k = 0; k < r->list.count; k++) {
		struct cim_instance *instance = (struct cim_instance *)r->list.instances[k];

		if (instance->class != class) {
			class = instance->class;
			selected = pool_take(&r->pool, class->property_count + 1);
			found = 0;
			for (unsigned c = 0; c < q->column_count; c++)
				for (unsigned p = 0; p < class->property_count; p++)
					if (!strcasecmp(class->properties[p].name, q->columns[c]))
						selected[p] = 1, found++;
			for (unsigned c = 0; c < q->column_count; c++)
				found += !strncmp(q->columns[c], "__", 2);
			if (found < q->column_count && !strcasecmp(class->name, q->class)) {
				error_set(error, CIM_INVALID_QUERY, "query: a selected property is none of %s", class->name);
				return false;
			}
		}
		instance->selected = selected;
	}
	return true;
}

static struct cim_list *run_select(const struct world *world, const char *space, const struct wql_query *q, struct cim_error *error)
{
	struct world narrow = *world;
	struct result *r;
	bool known = false;
	char guid[37];

	narrow.only = q->where ? scope_of_condition(q->where, guid) : NULL;
	r = result_new(&narrow);
	r->where = q->where;
	for (const struct cim_class *const *at = cim_classes; *at; at++) {
		if (strcmp((*at)->space, space) || !cim_class_is(*at, q->class))
			continue;
		known = true;
		provide(r, *at);
	}
	if (!known)
		error_set(error, CIM_NO_SUCH_CLASS, "there is no class %.100s in %s", q->class, space);
	else if (r->unknown && !r->names_known)
		error_set(error, CIM_INVALID_QUERY, "query: %.100s has no property %.100s", q->class, r->unknown);
	else if (!q->column_count || project(r, q, error))
		return finish(r);
	result_free(r);
	return NULL;
}

static bool is_association(const struct cim_class *class)
{
	unsigned references = 0;

	for (unsigned i = 0; i < class->property_count; i++)
		references += class->properties[i].type == CIM_REFERENCE && class->properties[i].key;
	return references >= 2;
}

/* Which property of the association is the object; -1: none. */
static int end_of(const struct cim_instance *association, const struct cim_path *object, const char *role)
{
	for (unsigned i = 0; i < association->class->property_count; i++) {
		const struct cim_value *value = &association->values[i];

		if (!value->null && value->count && value->items->path && path_equal(value->items->path, object) &&
		    (!role || !strcasecmp(role, association->class->properties[i].name)))
			return (int)i;
	}
	return -1;
}

struct references {
	const struct wql_query *q;
};

static bool keep_reference(void *arg, const struct cim_instance *instance)
{
	const struct references *want = arg;

	return end_of(instance, want->q->object, want->q->role) >= 0;
}

static bool has_path(const struct result *r, const struct cim_path *path)
{
	for (unsigned i = 0; i < r->list.count; i++)
		if (keep_path((void *)path, r->list.instances[i]))
			return true;
	return false;
}

static void add_far_ends(struct result *r, const struct cim_instance *association, const struct wql_query *q)
{
	int near = end_of(association, q->object, q->role);

	for (unsigned i = 0; near >= 0 && i < association->class->property_count; i++) {
		const struct cim_path *path = association->values[i].null ? NULL : association->values[i].items->path;
		const struct cim_class *class = path && (int)i != near ? cim_class_find(path->space, path->class) : NULL;

		if (!class || (q->result_class && !cim_class_is(class, q->result_class)) ||
		    (q->result_role && strcasecmp(q->result_role, association->class->properties[i].name)))
			continue;
		if (!has_path(r, path))
			add_instance(r, path);
	}
}

static struct cim_list *run_related(const struct world *world, const struct wql_query *q, struct cim_error *error)
{
	const char *space = query_space(q->object->space);
	struct references want = { q };
	struct world narrow = *world;
	struct result *r, *all;
	char guid[37];

	if (!space || !cim_class_find(space, q->object->class)) {
		error_set(error, CIM_NO_SUCH_CLASS, "there is no class %.100s in %.60s", q->object->class, q->object->space);
		return NULL;
	}
	narrow.only = scope_of(q->object, guid);
	r = result_new(&narrow);
	for (const struct cim_class *const *at = cim_classes; *at; at++) {
		if (strcmp((*at)->space, space) || !is_association(*at) || (q->assoc_class && !cim_class_is(*at, q->assoc_class)))
			continue;
		if (q->kind == WQL_REFERENCES) {
			if (q->result_class && !cim_class_is(*at, q->result_class))
				continue;
			r->keep = keep_reference;
			r->arg = &want;
			provide(r, *at);
			continue;
		}
		all = result_new(&narrow);
		provide(all, *at);
		for (unsigned i = 0; i < all->list.count; i++)
			add_far_ends(r, all->list.instances[i], q);
		result_free(all);
	}
	return finish(r);
}

struct cim_list *query_run(const struct world *world, const char *space, const char *class, const char *wql, struct cim_error *error)
{
	const char *plain = query_space(space);
	struct pool pool = { NULL };
	const struct wql_query *q, all = { .kind = WQL_SELECT, .class = class };
	struct cim_list *list;

	if (!plain) {
		error_set(error, CIM_NO_SUCH_CLASS, "there is no namespace %.100s", space);
		return NULL;
	}
	if (!wql)
		return run_select(world, plain, &all, error);
	q = wql_parse(&pool, wql, plain, error);
	list = !q ? NULL : q->kind == WQL_SELECT ? run_select(world, plain, q, error) : run_related(world, q, error);
	pool_release(&pool);
	return list;
}
