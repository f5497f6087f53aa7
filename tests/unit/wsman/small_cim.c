/* SPDX-License-Identifier: BSD-2-Clause */
/* See small_cim.h. */
#include "small_cim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct cim_property properties[] = {
	{ .name = "CreationClassName", .type = CIM_STRING, .key = true },
	{ .name = "Name", .type = CIM_STRING, .key = true },
	{ .name = "ElementName", .type = CIM_STRING },
	{ .name = "EnabledState", .type = CIM_UINT16 },
	{ .name = "InstallDate", .type = CIM_DATETIME },
	{ .name = "Notes", .type = CIM_STRING, .array = true },
	{ .name = "Roles", .type = CIM_STRING, .array = true },
	{ .name = "Description", .type = CIM_STRING },
};
#define PROPERTIES 8u

static const struct cim_parameter change_parameters[] = {
	{ "RequestedState", CIM_UINT16, false, true, false }, { "Settings", CIM_INSTANCE, false, true, false },
	{ "System", CIM_REFERENCE, false, true, false },      { "Names", CIM_STRING, true, true, false },
	{ "Job", CIM_REFERENCE, false, false, true },
};
static const struct cim_method methods[] = {
	{ "RequestStateChange", change_parameters, 5, CIM_OPERATE, true },
	{ "GetSummary", NULL, 0, CIM_READ, false },
};
static const struct cim_class machine = { .name = SMALL_CLASS, .space = SMALL_SPACE, .properties = properties, .property_count = PROPERTIES,
					  .methods = methods, .method_count = 2 };

struct owned {
	struct cim_list list;
	const struct cim_instance **pointers;
	struct cim_instance *instances;
	struct cim_value *values;
	struct cim_item *items;
	char (*names)[16];
};

static struct small_cim *current;

struct cim *small_cim(struct small_cim *state)
{
	current = state;
	return (struct cim *)state;
}

const struct cim_class *cim_class_find(const char *space, const char *name)
{
	return !strcasecmp(space, SMALL_SPACE) && !strcasecmp(name, SMALL_CLASS) ? &machine : NULL;
}

const struct cim_method *cim_method_find(const struct cim_class *class, const char *name)
{
	for (unsigned i = 0; i < class->method_count; i++)
		if (!strcasecmp(class->methods[i].name, name))
			return &class->methods[i];
	return NULL;
}

static void fill(struct owned *owned, unsigned i)
{
	static const struct cim_item notes[] = { { .text = "first <&>" }, { .text = "second" } };
	struct cim_value *values = owned->values + i * PROPERTIES;
	struct cim_item *items = owned->items + i * PROPERTIES;

	snprintf(owned->names[i], sizeof owned->names[i], "vm-%u", i);
	for (unsigned k = 0; k < PROPERTIES; k++)
		values[k] = (struct cim_value){ .count = 1, .items = &items[k] };
	items[0].text = SMALL_CLASS;
	items[1].text = items[2].text = owned->names[i];
	items[3].text = "2";
	items[4].text = "20260102030405.000006+060";
	values[5] = (struct cim_value){ .array = true, .count = 2, .items = notes };
	values[6] = (struct cim_value){ .array = true, .null = true };
	values[7] = (struct cim_value){ .null = true };
	owned->instances[i] = (struct cim_instance){ .class = &machine, .values = values };
	owned->pointers[i] = &owned->instances[i];
}

static struct cim_list *make_list(unsigned count)
{
	struct owned *owned = calloc(1, sizeof *owned);

	owned->pointers = calloc(count + 1, sizeof *owned->pointers);
	owned->instances = calloc(count + 1, sizeof *owned->instances);
	owned->values = calloc(count + 1, PROPERTIES * sizeof *owned->values);
	owned->items = calloc(count + 1, PROPERTIES * sizeof *owned->items);
	owned->names = calloc(count + 1, sizeof *owned->names);
	for (unsigned i = 0; i < count; i++)
		fill(owned, i);
	owned->list = (struct cim_list){ owned->pointers, count };
	current->lists++;
	return &owned->list;
}

void cim_list_free(struct cim_list *list)
{
	struct owned *owned = (struct owned *)list;

	if (!list)
		return;
	current->lists--;
	free(owned->pointers);
	free(owned->instances);
	free(owned->values);
	free(owned->items);
	free(owned->names);
	free(owned);
}

static void *refuse(struct cim_error *error, enum cim_status status, const char *text)
{
	error->status = status;
	snprintf(error->text, sizeof error->text, "%s", text);
	return NULL;
}

struct cim_list *cim_query(struct cim *cim, const char *space, const char *class, const char *wql, struct cim_error *error)
{
	(void)cim;
	snprintf(current->query, sizeof current->query, "%s", wql ? wql : class);
	if (!cim_class_find(space, SMALL_CLASS) || (class && !cim_class_find(space, class)))
		return refuse(error, CIM_NO_SUCH_CLASS, "no such class");
	if (wql && strncasecmp(wql, "SELECT", 6) && strncasecmp(wql, "ASSOCIATORS", 11) && strncasecmp(wql, "REFERENCES", 10))
		return refuse(error, CIM_INVALID_QUERY, "no WQL");
	return make_list(current->count);
}

static void describe(const struct cim_named_value *values, unsigned count)
{
	size_t room = sizeof current->arguments;
	char *text = current->arguments;

	for (unsigned i = 0; i < count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, room - used, "%s%s=", used ? " " : "", values[i].name);
		for (unsigned k = 0; k < values[i].value.count; k++) {
			const struct cim_item *item = &values[i].value.items[k];

			used = strlen(text);
			snprintf(text + used, room - used, "%s%s", k ? "," : "", item->text ? item->text : item->path ? item->path->class : item->instance->class_name);
			if (item->path)
				describe(item->path->keys, item->path->key_count);
			if (item->instance)
				describe(item->instance->properties, item->instance->property_count);
		}
		used = strlen(text);
		if (values[i].value.null)
			snprintf(text + used, room - used, "NULL");
	}
}

struct cim_list *cim_get(struct cim *cim, const struct cim_path *path, struct cim_error *error)
{
	(void)cim;
	if (!cim_class_find(path->space, path->class))
		return refuse(error, CIM_NO_SUCH_CLASS, "no such class");
	for (unsigned i = 0; i < path->key_count; i++)
		if (!strcasecmp(path->keys[i].name, "Name") && path->keys[i].value.items[0].text && !strcmp(path->keys[i].value.items[0].text, "vm-0"))
			return make_list(1);
	return refuse(error, CIM_NOT_FOUND, "no such instance");
}

void small_cim_finish(struct small_cim *state)
{
	const struct cim_item zero = { .text = "4096" }, id = { .text = "job-1" };
	const struct cim_named_value key = { "InstanceID", { .count = 1, .items = &id } };
	const struct cim_path path = { SMALL_SPACE, "Msvm_ConcreteJob", &key, 1 };
	const struct cim_item job = { .path = &path };
	const struct cim_named_value results[] = { { "Job", { .count = 1, .items = &job } }, { "ReturnValue", { .count = 1, .items = &zero } } };
	cim_result_fn fn = state->fn;

	state->fn = NULL;
	fn(state->arg, results, 2, NULL);
}

void cim_invoke(struct cim *cim, const struct cim_path *path, const char *method, const struct cim_named_value *arguments, unsigned count,
		cim_result_fn fn, void *arg)
{
	struct cim_error error;

	(void)cim;
	if (path->key_count && path->keys[0].value.items[0].text && !strcmp(path->keys[0].value.items[0].text, "none")) {
		refuse(&error, CIM_NOT_FOUND, "no such instance");
		fn(arg, NULL, 0, &error);
		return;
	}
	snprintf(current->method, sizeof current->method, "%s", method);
	current->arguments[0] = 0;
	describe(arguments, count);
	current->fn = fn;
	current->arg = arg;
	if (!current->defer)
		small_cim_finish(current);
}

void cim_put(struct cim *cim, const struct cim_path *path, const struct cim_named_value *values, unsigned count, cim_result_fn fn, void *arg)
{
	(void)cim;
	(void)path;
	current->arguments[0] = 0;
	describe(values, count);
	fn(arg, NULL, 0, NULL);
}

struct cim_subscription *cim_subscribe(struct cim *cim, const char *space, const char *wql, cim_event_fn fn, void *arg, struct cim_error *error)
{
	(void)cim;
	(void)space;
	if (strncasecmp(wql, "SELECT", 6))
		return refuse(error, CIM_INVALID_QUERY, "no WQL");
	current->event = fn;
	current->event_arg = arg;
	return (struct cim_subscription *)current;
}

void small_cim_event(struct small_cim *state)
{
	state->event(state->event_arg, make_list(1));
}

void cim_unsubscribe(struct cim_subscription *subscription)
{
	(void)subscription;
	current->event = NULL;
}
