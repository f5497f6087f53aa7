/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits one after another: each reads the definition anew, changes it and stores it, and is answered when the snapshot shows it. So
 * two clients that change different things of a partition do not undo each other's.
 */
#include "wmi-like-api/cim/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/query.h"

static const struct cim_instance *instance_copy(struct pool *pool, const struct cim_instance *in)
{
	struct cim_instance *copy = pool_take(pool, sizeof *copy);
	struct cim_named_value *properties = pool_take(pool, in->property_count * sizeof *properties);

	for (unsigned i = 0; i < in->property_count; i++) {
		properties[i].name = pool_text(pool, in->properties[i].name);
		properties[i].value = *value_copy(pool, &in->properties[i].value);
	}
	copy->class_name = pool_text(pool, in->class_name ? in->class_name : "");
	copy->properties = properties;
	copy->property_count = in->property_count;
	return copy;
}

static const struct cim_path *path_copy(struct pool *pool, const struct cim_path *path)
{
	struct cim_path *copy = pool_take(pool, sizeof *copy);
	struct cim_named_value *keys = pool_take(pool, path->key_count * sizeof *keys);

	for (unsigned i = 0; i < path->key_count; i++) {
		keys[i].name = path->keys[i].name ? pool_text(pool, path->keys[i].name) : NULL;
		keys[i].value = *value_copy(pool, &path->keys[i].value);
	}
	*copy = (struct cim_path){ pool_text(pool, path->space ? path->space : V2), pool_text(pool, path->class), keys, path->key_count };
	return copy;
}

struct cim_value *value_copy(struct pool *pool, const struct cim_value *value)
{
	struct cim_value *copy = pool_take(pool, sizeof *copy);
	struct cim_item *items = pool_take(pool, value->count * sizeof *items);

	*copy = *value;
	copy->items = items;
	for (unsigned i = 0; i < value->count; i++) {
		const struct cim_item *item = &value->items[i];

		items[i].text = item->text ? pool_text(pool, item->text) : NULL;
		items[i].path = item->path ? path_copy(pool, item->path) : NULL;
		items[i].instance = item->instance ? instance_copy(pool, item->instance) : NULL;
	}
	return copy;
}

static void begin(struct change *c);

static void answer(struct change *c)
{
	struct cim_item code = { .text = pool_format(&c->pool, "%u", c->code) }, items[CHANGE_RESULTS] = { 0 };
	struct cim_named_value results[] = {
		{ "ReturnValue", { .count = 1, .items = &code } },
		{ "ResultingResourceSettings", { .array = true, .count = c->result_count, .items = items } },
	};
	struct cim_error error;

	for (unsigned i = 0; i < c->result_count; i++)
		items[i].path = c->results[i];
	if (!c->put) {
		c->fn(c->arg, results, !c->code && (c->kind == CHANGE_ADD || c->kind == CHANGE_MODIFY) ? 2 : 1, NULL);
		return;
	}
	error_set(&error, c->code == RETURN_ACCESS_DENIED ? CIM_ACCESS_DENIED : c->code == RETURN_NOT_SUPPORTED ? CIM_NOT_SUPPORTED
			: CIM_INVALID_ARGUMENT, "not changed: %u", c->code);
	c->fn(c->arg, NULL, 0, c->code ? &error : NULL);
}

static void end(struct change *c)
{
	struct cim *cim = c->cim;

	cim->changes = c->next;
	if (!c->next)
		cim->changes_end = &cim->changes;
	answer(c);
	free(c->text);
	free(c->attach);
	free(c->detach);
	free(c->link);
	pool_release(&c->pool);
	free(c);
	if (cim->changes)
		begin(cim->changes);
}

static void on_shown(void *arg, struct view *view)
{
	(void)view;
	end(arg);
}

static void on_stored(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct change *c = arg;

	(void)text;
	if (!reply)
		c->code = code_of(name);
	model_refresh(&c->cim->model, c->name, on_shown, c);
}

static void store(struct change *c)
{
	daemon_call(c->cim->model.daemon, on_stored, c, "Define", "ss", "", c->text ? c->text : "");
}

/* What runs has been changed; the definition follows. */
static void on_done_now(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct change *c = arg;

	if (reply && c->edited)
		store(c);
	else
		on_stored(arg, reply, name, text);
}

static unsigned apply(struct change *c, struct view *v, struct edit *e)
{
	unsigned code = 0;

	for (unsigned i = 0; !code && i < c->inputs->count; i++) {
		const struct cim_item *item = &c->inputs->items[i];

		if (c->kind == CHANGE_REMOVE)
			code = item->path ? change_remove(c, v, e, item->path) : RETURN_INVALID_PARAMETER;
		else if (!item->instance)
			code = RETURN_INVALID_PARAMETER;
		else if (c->kind == CHANGE_SYSTEM)
			code = change_system(c, v, e, item->instance);
		else
			code = c->kind == CHANGE_ADD ? change_add(c, v, e, item->instance) : change_modify(c, v, e, item->instance);
	}
	return code;
}

static void on_read(void *arg, struct view *v)
{
	struct change *c = arg;
	struct daemon *d = c->cim->model.daemon;
	struct edit *e = v && v->text && v->definition ? edit_open(v->text) : NULL;
	struct view_pending before;

	if (!e) {
		c->code = RETURN_NOT_AVAILABLE;
		end(c);
		return;
	}
	before = v->pending;
	c->code = apply(c, v, e);
	if (!c->code && c->memory && c->link)   /* one thing that runs at a time */
		c->code = RETURN_IN_USE;
	if (c->code)
		v->pending = before;
	if (c->code || (!c->edited && !c->attach && !c->detach && !c->memory)) {
		edit_drop(e);
		end(c);
		return;
	}
	c->text = edit_close(e);
	if (c->memory)
		daemon_call(d, on_done_now, c, "SetMemory", "st", c->name, c->memory);
	else if (c->link)
		daemon_call(d, on_done_now, c, "SetLink", "ssbb", c->name, c->link, (int)c->link_up, 0);
	else if (c->attach)
		daemon_call(d, on_stored, c, c->disk ? "AttachDisk" : "AttachInterface", "sssb", c->name, "", c->attach, 1);
	else if (c->detach)
		daemon_call(d, on_stored, c, c->disk ? "DetachDisk" : "DetachInterface", "ssb", c->name, c->detach, 1);
	else
		store(c);
}

static void begin(struct change *c)
{
	model_refresh(&c->cim->model, c->name, on_read, c);
}

static void enqueue(struct call *call, enum change_kind kind, const struct view *v, const struct cim_value *inputs, bool put)
{
	struct change *c = calloc(1, sizeof *c);
	struct cim *cim = call->cim;

	if (!c)
		abort();
	c->cim = cim;
	c->kind = kind;
	snprintf(c->name, sizeof c->name, "%s", v->name);
	c->inputs = value_copy(&c->pool, inputs);
	c->put = put;
	c->fn = call->fn;
	c->arg = call->arg;
	*cim->changes_end = c;
	cim->changes_end = &c->next;
	if (cim->changes == c)
		begin(c);
}

void changes_free(struct cim *cim)
{
	struct change *next;

	for (struct change *c = cim->changes; c; c = next) {
		next = c->next;
		free(c->text);
		free(c->attach);
		free(c->detach);
		free(c->link);
		pool_release(&c->pool);
		free(c);
	}
	cim->changes = NULL;
	cim->changes_end = &cim->changes;
}

/* The partition that the inputs are of; each must be of the same. */
static struct view *view_of_inputs(struct cim *cim, const struct cim_value *inputs, bool *mixed)
{
	struct view *v = NULL, *other;

	for (unsigned i = 0; inputs && i < inputs->count; i++) {
		const struct cim_instance *in = inputs->items[i].instance;
		const struct cim_value *id = in ? input(in, "InstanceID") : NULL;
		struct cim_value path = { .count = 1, .items = &inputs->items[i] };

		other = view_of(cim, in ? id : &path);
		if (i && other != v)
			*mixed = true;
		v = other;
	}
	return v;
}

void method_edit(struct call *call)
{
	static const struct { const char *method, *argument; enum change_kind kind; } rows[] = {
		{ "ModifySystemSettings", "SystemSettings", CHANGE_SYSTEM }, { "AddResourceSettings", "ResourceSettings", CHANGE_ADD },
		{ "ModifyResourceSettings", "ResourceSettings", CHANGE_MODIFY }, { "RemoveResourceSettings", "ResourceSettings", CHANGE_REMOVE },
	};
	const struct cim_value *inputs;
	bool mixed = false;
	struct view *v;
	unsigned i = 0;

	while (strcmp(rows[i].method, call->method->name))
		i++;
	inputs = argument(call, rows[i].argument);
	if (rows[i].kind == CHANGE_ADD)
		v = view_of(call->cim, argument(call, "AffectedConfiguration"));
	else
		v = view_of_inputs(call->cim, inputs, &mixed);
	if (!v || !inputs || mixed || inputs->count > CHANGE_RESULTS)
		answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
	else
		enqueue(call, rows[i].kind, v, inputs, false);
}

void put_settings(struct call *call, const struct cim_class *class)
{
	const char *id = path_key(call->path, "InstanceID");
	struct cim_named_value *properties = calloc(call->count + 1, sizeof *properties);
	struct cim_item text = { .text = id }, item;
	struct cim_value name = { .count = 1, .items = &text }, inputs = { .count = 1, .items = &item };
	struct cim_instance in = { .class_name = class->name };
	struct view *v = view_of(call->cim, &name);
	struct cim_error error;

	if (!properties)
		abort();
	for (unsigned i = 0; i < call->count; i++)
		if (strcasecmp(call->arguments[i].name, "InstanceID"))
			properties[in.property_count++] = call->arguments[i];
	properties[in.property_count++] = (struct cim_named_value){ "InstanceID", name };
	in.properties = properties;
	item = (struct cim_item){ .instance = &in };
	if (v) {
		enqueue(call, strcmp(class->name, "Msvm_VirtualSystemSettingData") ? CHANGE_MODIFY : CHANGE_SYSTEM, v, &inputs, true);
	} else {
		error_set(&error, CIM_NOT_SUPPORTED, "this instance cannot be changed");
		call->fn(call->arg, NULL, 0, &error);
	}
	free(properties);
}
