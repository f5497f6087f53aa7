/* SPDX-License-Identifier: BSD-2-Clause */
/* See result.h. */
#include "wmi-like-api/cim/result.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct result *result_new(const struct world *world)
{
	struct result *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	r->world = world;
	return r;
}

void result_free(struct result *r)
{
	if (!r)
		return;
	pool_release(&r->pool);
	free(r->instances);
	free(r);
}

struct cim_instance *instance_new(struct result *r, const struct cim_class *class)
{
	struct cim_instance *instance;
	struct cim_value *values;

	r->mark = pool_mark(&r->pool);
	instance = pool_take(&r->pool, sizeof *instance);
	values = pool_take(&r->pool, class->property_count * sizeof *values);
	instance->class = class;
	instance->values = values;
	for (unsigned i = 0; i < class->property_count; i++) {
		values[i].null = true;
		values[i].array = class->properties[i].array;
	}
	return instance;
}

static struct cim_value *slot(struct cim_instance *instance, const char *name)
{
	const struct cim_class *class = instance->class;

	for (unsigned i = 0; i < class->property_count; i++)
		if (!strcmp(class->properties[i].name, name))
			return (struct cim_value *)&instance->values[i];
	fprintf(stderr, "%s has no property %s\n", class->name, name);
	abort();
}

static void put_item(struct result *r, struct cim_instance *instance, const char *name, struct cim_item item)
{
	struct cim_value *value = slot(instance, name);
	struct cim_item *at = pool_take(&r->pool, sizeof *at);

	*at = item;
	*value = (struct cim_value){ .array = value->array, .count = 1, .items = at };
}

void put_text(struct result *r, struct cim_instance *instance, const char *name, const char *text)
{
	if (text)
		put_item(r, instance, name, (struct cim_item){ .text = pool_text(&r->pool, text) });
}

void put_format(struct result *r, struct cim_instance *instance, const char *name, const char *format, ...)
{
	char text[4200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	put_text(r, instance, name, text);
}

void put_number(struct result *r, struct cim_instance *instance, const char *name, uint64_t value)
{
	put_format(r, instance, name, "%" PRIu64, value);
}

void put_bool(struct result *r, struct cim_instance *instance, const char *name, bool value)
{
	put_item(r, instance, name, (struct cim_item){ .text = value ? "true" : "false" });
}

char *cim_time(struct pool *pool, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000u);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return pool_format(pool, "%04u%02u%02u%02u%02u%02u.%06u+000", (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
			    (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u,
			    (unsigned)(us % 1000000u));
}

char *cim_interval(struct pool *pool, uint64_t us)
{
	uint64_t s = us / 1000000u;

	return pool_format(pool, "%08" PRIu64 "%02u%02u%02u.%06u:000", s / 86400u % 100000000u, (unsigned)(s / 3600u % 24u),
			    (unsigned)(s / 60u % 60u), (unsigned)(s % 60u), (unsigned)(us % 1000000u));
}

void put_time(struct result *r, struct cim_instance *instance, const char *name, uint64_t us)
{
	if (us)
		put_item(r, instance, name, (struct cim_item){ .text = cim_time(&r->pool, us) });
}

void put_path(struct result *r, struct cim_instance *instance, const char *name, const struct cim_path *path)
{
	put_item(r, instance, name, (struct cim_item){ .path = path });
}

void put_texts(struct result *r, struct cim_instance *instance, const char *name, const char *const *texts, unsigned count)
{
	struct cim_item *items = pool_take(&r->pool, (count + 1) * sizeof *items);

	for (unsigned i = 0; i < count; i++)
		items[i].text = pool_text(&r->pool, texts[i]);
	*slot(instance, name) = (struct cim_value){ .array = true, .count = count, .items = items };
}

void put_numbers(struct result *r, struct cim_instance *instance, const char *name, unsigned count, const unsigned *values)
{
	char texts[8][12];
	const char *list[8];

	for (unsigned i = 0; i < count && i < 8; i++) {
		snprintf(texts[i], sizeof texts[i], "%u", values[i]);
		list[i] = texts[i];
	}
	put_texts(r, instance, name, list, count < 8 ? count : 8);
}

struct look {
	struct result *result;
	const struct cim_instance *instance;
};

static bool look_up(void *arg, const char *name, struct wql_value *ret)
{
	const struct look *look = arg;

	return instance_look(look->instance, name, look->result->world->model->host.name, &look->result->pool, ret);
}

static bool fits(struct result *r, const struct cim_instance *instance)
{
	struct look look = { r, instance };
	const char *unknown = NULL;
	bool fit;

	if (r->keep && !r->keep(r->arg, instance))
		return false;
	if (!r->where)
		return true;
	fit = wql_match(r->where, look_up, &look, &unknown) == WQL_TRUE;
	if (unknown)
		r->unknown = unknown;
	else
		r->names_known = true;
	return fit;
}

void instance_add(struct result *r, struct cim_instance *instance)
{
	if (!fits(r, instance)) {
		pool_rewind(&r->pool, r->mark);
		return;
	}
	if (r->list.count == r->room) {
		r->room = r->room ? 2 * r->room : 16;
		r->instances = reallocarray(r->instances, r->room, sizeof *r->instances);
		if (!r->instances)
			abort();
		r->list.instances = r->instances;
	}
	r->instances[r->list.count++] = instance;
}

const struct cim_value *instance_value(const struct cim_instance *instance, const char *name)
{
	const struct cim_class *class = instance->class;

	for (unsigned i = 0; i < class->property_count; i++)
		if (!strcasecmp(class->properties[i].name, name))
			return &instance->values[i];
	return NULL;
}

const char *instance_text(const struct cim_instance *instance, const char *name)
{
	const struct cim_value *value = instance_value(instance, name);

	return value && !value->null && value->count ? value->items->text : NULL;
}

static bool made(struct pool *pool, const char *text, struct wql_value *ret)
{
	struct cim_item *item = pool_take(pool, sizeof *item);
	struct cim_value *value = pool_take(pool, sizeof *value);

	item->text = text;
	value->count = 1;
	value->items = item;
	*ret = (struct wql_value){ .type = CIM_STRING, .value = value };
	return true;
}

/* Inside of an embedded instance: TargetInstance.Name. */
static bool look_inside(const struct cim_instance *instance, const char *name, const char *host, struct pool *pool, struct wql_value *ret)
{
	const char *dot = strchr(name, '.');
	const struct cim_value *outer = dot ? instance_value(instance, pool_copy(pool, name, (size_t)(dot - name))) : NULL;

	if (!outer)
		return false;
	if (outer->null || !outer->count || !outer->items->instance)
		return true;   /* null */
	return instance_look(outer->items->instance, dot + 1, host, pool, ret);
}

bool instance_look(const struct cim_instance *instance, const char *name, const char *host, struct pool *pool, struct wql_value *ret)
{
	const struct cim_class *class = instance->class;

	for (unsigned i = 0; i < class->property_count; i++) {
		const struct cim_value *value = &instance->values[i];

		if (strcasecmp(class->properties[i].name, name))
			continue;
		*ret = (struct wql_value){ .type = class->properties[i].type, .value = value };
		if (!value->null && value->count && value->items->instance)
			ret->class = value->items->instance->class;
		return true;
	}
	if (!strcasecmp(name, "__CLASS"))
		return made(pool, class->name, ret);
	if (!strcasecmp(name, "__THIS")) {
		*ret = (struct wql_value){ .type = CIM_STRING, .class = class };
		return true;
	}
	if (!strcasecmp(name, "__SERVER"))
		return made(pool, host, ret);
	if (!strcasecmp(name, "__NAMESPACE"))
		return made(pool, class->space, ret);
	if (!strcasecmp(name, "__SUPERCLASS"))
		return made(pool, *class->ancestors ? *class->ancestors : "", ret);
	if (!strcasecmp(name, "__PATH") || !strcasecmp(name, "__RELPATH")) {
		struct cim_item *item = pool_take(pool, sizeof *item);
		struct cim_value *value = pool_take(pool, sizeof *value);

		item->path = path_of(pool, instance);
		value->count = 1;
		value->items = item;
		*ret = (struct wql_value){ .type = CIM_REFERENCE, .value = value };
		return true;
	}
	return strchr(name, '.') && look_inside(instance, name, host, pool, ret);
}

struct cim_path *name_path(struct pool *pool, const char *class, unsigned count, const char *const *pairs)
{
	struct cim_path *path = pool_take(pool, sizeof *path);
	struct cim_named_value *keys = pool_take(pool, count * sizeof *keys);

	for (unsigned i = 0; i < count; i++) {
		struct cim_item *item = pool_take(pool, sizeof *item);

		item->text = pool_text(pool, pairs[2 * i + 1]);
		keys[i] = (struct cim_named_value){ pairs[2 * i], { .count = 1, .items = item } };
	}
	*path = (struct cim_path){ .space = strncmp(class, "Win32_", 6) ? V2 : CIMV2, .class = class, .keys = keys, .key_count = count };
	return path;
}

struct cim_path *system_path(struct pool *pool, const char *uuid)
{
	return name_path(pool, "Msvm_ComputerSystem", 2, (const char *const[]){ "CreationClassName", "Msvm_ComputerSystem", "Name", uuid });
}

struct cim_path *settings_path(struct pool *pool, const char *class, const char *id)
{
	return name_path(pool, class, 1, (const char *const[]){ "InstanceID", id });
}

static bool is_shown(const struct result *r, const struct view *v)
{
	return v->definition && (!r->world->only || !strcasecmp(r->world->only, v->uuid));
}

const struct view *next_view(const struct result *r, const struct view *v)
{
	for (v = v->next; v && !is_shown(r, v); v = v->next)
		;
	return v;
}

const struct view *first_view(const struct result *r)
{
	const struct view *v = r->world->model->views;

	return !v || is_shown(r, v) ? v : next_view(r, v);
}
