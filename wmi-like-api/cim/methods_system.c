/* SPDX-License-Identifier: BSD-2-Clause */
/* DefineSystem, DestroySystem, GetSummaryInformation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/change.h"
#include "wmi-like-api/cim/ids.h"

struct defining {
	struct cim *cim;
	char name[64];
	cim_result_fn fn;
	void *arg;
	unsigned code;
	struct view_pending pending;             /* of what is being defined */
};

static struct defining *defining_new(struct call *call, const char *name)
{
	struct defining *d = calloc(1, sizeof *d);

	if (!d)
		abort();
	d->cim = call->cim;
	d->fn = call->fn;
	d->arg = call->arg;
	snprintf(d->name, sizeof d->name, "%s", name);
	return d;
}

static void on_defined_shown(void *arg, struct view *v)
{
	struct defining *d = arg;
	struct pool pool = { NULL };
	struct cim_item code = { .text = "0" }, system = { 0 };
	struct cim_named_value results[] = {
		{ "ReturnValue", { .count = 1, .items = &code } }, { "ResultingSystem", { .count = 1, .items = &system } },
	};

	if (d->code || !v) {
		answer_code(d->fn, d->arg, d->code ? d->code : RETURN_FAILED);
	} else {
		v->pending = d->pending;
		system.path = system_path(&pool, v->uuid);
		d->fn(d->arg, results, 2, NULL);
		pool_release(&pool);
	}
	free(d);
}

static void on_defined(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct defining *d = arg;

	(void)text;
	if (!reply)
		d->code = code_of(name);
	model_refresh(&d->cim->model, d->name, on_defined_shown, d);
}

static bool name_fits(const char *name)
{
	return *name && strlen(name) < 64 && *name != '.' && *name != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

/* What a Parent names, in whatever form. NULL: nothing. */
static const char *parent_name(struct change *c, const struct cim_instance *in)
{
	const struct cim_value *value = input(in, "Parent");
	const struct cim_path *path = value ? value->items->path : NULL;
	const char *text = value ? value->items->text : NULL;

	if (!path && text)
		path = path_parse(&c->pool, text, strlen(text), V2);
	return path ? path_key(path, "InstanceID") : text;
}

/* A Parent is another of the call's instances, by the InstanceID that the client gave it; ids has those that they got. */
static const struct cim_instance *with_parent(struct change *c, const struct cim_value *inputs, unsigned at, const char *const *ids)
{
	const struct cim_instance *in = inputs->items[at].instance;
	const char *parent = parent_name(c, in), *id = NULL, *own;
	struct cim_named_value *properties;
	struct cim_instance *copy;
	struct cim_item *item;

	for (unsigned i = 0; parent && !id && i < at; i++) {
		own = input_text(inputs->items[i].instance, "InstanceID");
		id = own && !strcasecmp(own, parent) ? ids[i] : NULL;
	}
	if (!id)
		return in;
	properties = pool_take(&c->pool, in->property_count * sizeof *properties);
	copy = pool_take(&c->pool, sizeof *copy);
	item = pool_take(&c->pool, sizeof *item);
	item->text = id;
	for (unsigned i = 0; i < in->property_count; i++) {
		properties[i] = in->properties[i];
		if (!strcasecmp(properties[i].name, "Parent"))
			properties[i].value = (struct cim_value){ .count = 1, .items = item };
	}
	*copy = *in;
	copy->properties = properties;
	return copy;
}

/* Processors and memory are there by themselves and are given their values; the rest is added, each behind its parent. */
static unsigned apply_resources(struct change *c, struct view *v, struct edit *edit, const struct cim_value *resources)
{
	const char *ids[CHANGE_RESULTS] = { NULL };
	unsigned code = 0;
	uint64_t type;

	if (resources && resources->count > CHANGE_RESULTS)
		return RETURN_INVALID_PARAMETER;
	for (unsigned i = 0; !code && resources && i < resources->count; i++) {
		const struct cim_instance *in = resources->items[i].instance;
		unsigned before = c->result_count;

		if (!in || input_number(in, "ResourceType", 65535, &type))
			code = RETURN_INVALID_PARAMETER;
		else if (type == 3)
			code = change_processors(edit, in);
		else if (type == 4)
			code = change_memory(v->definition, edit, in);
		else
			code = change_add(c, v, edit, with_parent(c, resources, i, ids));
		if (c->result_count > before)
			ids[i] = path_key(c->results[before], "InstanceID");
	}
	return code;
}

void method_define(struct call *call)
{
	const struct cim_value *value = argument(call, "SystemSettings");
	const struct cim_instance *in = value ? value->items->instance : NULL;
	const char *name = in ? input_text(in, "ElementName") : NULL, *uuid = in ? input_text(in, "VirtualSystemIdentifier") : NULL;
	struct change scratch = { .cim = call->cim };
	struct definition *now = NULL;
	struct defining *defining;
	struct edit *edit = NULL;
	struct view fake = { 0 };
	char guid[37], *text = NULL;
	unsigned code = RETURN_INVALID_PARAMETER;

	if (!name || !name_fits(name) || model_by_name(&call->cim->model, name) || (uuid && *uuid && !id_find_guid(uuid, guid)))
		goto out;
	if (!uuid || !*uuid)
		id_new(guid);
	text = definition_new_text(name, guid, call->cim->kernel, call->cim->initrd, call->cim->cmdline);
	now = text ? definition_parse(text) : NULL;
	edit = text ? edit_open(text) : NULL;
	if (!now || !edit)
		goto out;
	snprintf(fake.name, sizeof fake.name, "%s", name);
	memcpy(fake.uuid, guid, sizeof fake.uuid);
	fake.definition = now;
	code = change_system(&scratch, &fake, edit, in);
	if (!code)
		code = apply_resources(&scratch, &fake, edit, argument(call, "ResourceSettings"));
	if (code)
		goto out;
	free(text);
	text = edit_close(edit);
	edit = NULL;
	defining = defining_new(call, name);
	defining->pending = fake.pending;
	daemon_call(call->cim->model.daemon, on_defined, defining, "Define", "ss", "", text ? text : "");
out:
	if (code)
		answer_code(call->fn, call->arg, code);
	edit_drop(edit);
	definition_free(now);
	free(text);
	pool_release(&scratch.pool);
}

static void on_destroyed_shown(void *arg, struct view *v)
{
	struct defining *d = arg;

	answer_code(d->fn, d->arg, d->code ? d->code : v ? RETURN_FAILED : RETURN_DONE);
	free(d);
}

static void on_destroyed(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct defining *d = arg;

	(void)text;
	if (!reply)
		d->code = code_of(name);
	model_refresh(&d->cim->model, d->name, on_destroyed_shown, d);
}

/* Only what is off: turned off first, then taken away, as Hyper-V wants it. */
void method_destroy(struct call *call)
{
	struct view *v = view_of(call->cim, argument(call, "AffectedSystem"));

	if (!v)
		answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
	else if (v->state != VIEW_OFF && v->state != VIEW_FAILED)
		answer_code(call->fn, call->arg, RETURN_INVALID_STATE);
	else
		daemon_call(call->cim->model.daemon, on_destroyed, defining_new(call, v->name), "Undefine", "s", v->name);
}

void method_summary(struct call *call)
{
	const struct cim_class *class = cim_class_find(V2, "Msvm_SummaryInformation");
	const struct cim_value *of = argument(call, "SettingData");
	struct cim_item code = { .text = "0" }, *items;
	struct result *r = result_new(&call->cim->world);

	for (unsigned i = 0; of && i < of->count; i++) {
		struct cim_value one = { .count = 1, .items = &of->items[i] };
		const struct view *v = view_of(call->cim, &one);

		if (v && v->definition)
			provide_summary_of(r, class, v);
	}
	if (!of)
		provide_summaries(r, class);
	items = pool_take(&r->pool, (r->list.count + 1) * sizeof *items);
	for (unsigned i = 0; i < r->list.count; i++)
		items[i].instance = r->list.instances[i];
	call->fn(call->arg, (const struct cim_named_value[]){
		{ "ReturnValue", { .count = 1, .items = &code } },
		{ "SummaryInformation", { .array = true, .count = r->list.count, .items = items } },
	}, 2, NULL);
	result_free(r);
}
