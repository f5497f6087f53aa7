/* SPDX-License-Identifier: BSD-2-Clause */
/* See methods.h: finding the method, and what all of them need. */
#include "wmi-like-api/cim/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/query.h"

void answer_code(cim_result_fn fn, void *arg, unsigned code)
{
	char text[12];
	struct cim_item item = { .text = text };
	struct cim_named_value result = { "ReturnValue", { .count = 1, .items = &item } };

	snprintf(text, sizeof text, "%u", code);
	fn(arg, &result, 1, NULL);
}

void answer_job(cim_result_fn fn, void *arg, const struct job *job)
{
	struct pool pool = { NULL };
	struct cim_item code = { .text = "4096" }, path = { .path = job_path(&pool, job) };
	struct cim_named_value results[] = { { "ReturnValue", { .count = 1, .items = &code } }, { "Job", { .count = 1, .items = &path } } };

	fn(arg, results, 2, NULL);
	pool_release(&pool);
}

unsigned code_of(const char *name)
{
	static const struct { const char *name; unsigned code; } rows[] = {
		{ "NotFound", RETURN_NOT_AVAILABLE }, { "InvalidDefinition", RETURN_INVALID_PARAMETER }, { "Refused", RETURN_INVALID_STATE },
		{ "NotReady", RETURN_INVALID_STATE }, { "AccessDenied", RETURN_ACCESS_DENIED }, { "TimedOut", RETURN_TIMED_OUT },
	};
	const char *last = strrchr(name, '.');

	for (size_t i = 0; last && i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].name, last + 1))
			return rows[i].code;
	return RETURN_FAILED;
}

const struct cim_value *argument(const struct call *call, const char *name)
{
	for (unsigned i = 0; i < call->count; i++)
		if (!strcasecmp(call->arguments[i].name, name))
			return call->arguments[i].value.null || !call->arguments[i].value.count ? NULL : &call->arguments[i].value;
	return NULL;
}

const char *argument_text(const struct call *call, const char *name)
{
	const struct cim_value *value = argument(call, name);

	return value ? value->items->text : NULL;
}

const struct cim_value *input(const struct cim_instance *in, const char *name)
{
	for (unsigned i = 0; i < in->property_count; i++)
		if (!strcasecmp(in->properties[i].name, name))
			return in->properties[i].value.null || !in->properties[i].value.count ? NULL : &in->properties[i].value;
	return NULL;
}

const char *input_text(const struct cim_instance *in, const char *name)
{
	const struct cim_value *value = input(in, name);

	return value ? value->items->text : NULL;
}

int input_number(const struct cim_instance *in, const char *name, uint64_t most, uint64_t *ret)
{
	const char *text = input_text(in, name);
	char *end;

	if (!text)
		return -1;
	if (strspn(text, "0123456789") != strlen(text) || !*text || strlen(text) > 18)
		return -2;
	*ret = strtoull(text, &end, 10);
	return *ret > most ? -2 : 0;
}

int input_bool(const struct cim_instance *in, const char *name, bool *ret)
{
	const char *text = input_text(in, name);

	if (!text)
		return -1;
	*ret = !strcasecmp(text, "true") || !strcmp(text, "1");
	return *ret || !strcasecmp(text, "false") || !strcmp(text, "0") ? 0 : -2;
}

struct view *view_of(struct cim *cim, const struct cim_value *value)
{
	const struct cim_path *path = value ? value->items->path : NULL;
	char guid[37];

	if (path) {
		for (unsigned i = 0; i < path->key_count; i++)
			if (path->keys[i].value.count && path->keys[i].value.items->text &&
			    id_find_guid(path->keys[i].value.items->text, guid))
				return model_by_uuid(&cim->model, guid);
		return NULL;
	}
	return value && value->items->text && id_find_guid(value->items->text, guid) ? model_by_uuid(&cim->model, guid) : NULL;
}

/* What has no partition to ask: Hyper-V's own answer for what it cannot do. */
static void not_supported(struct call *call)
{
	answer_code(call->fn, call->arg, RETURN_NOT_SUPPORTED);
}

static void no_error(struct call *call)
{
	const char *id = path_key(call->path, "InstanceID");
	const struct job *job = id ? job_find(&call->cim->jobs, id) : NULL;
	bool list = !strcasecmp(call->method->name, "GetErrorEx");
	struct cim_item code = { .text = "0" }, text = { .text = job ? job->text : "" };
	struct cim_named_value results[] = {
		{ "ReturnValue", { .count = 1, .items = &code } },
		{ list ? "Errors" : "Error", { .null = !*text.text, .array = list, .count = 1, .items = &text } },
	};

	call->fn(call->arg, results, 2, NULL);
}

static const struct { const char *class, *method; void (*run)(struct call *call); } methods[] = {
	{ "Msvm_ComputerSystem", "RequestStateChange", method_request_state },
	{ "Msvm_ComputerSystem", "SetPowerState", not_supported },
	{ "Msvm_ConcreteJob", "RequestStateChange", not_supported },
	{ "Msvm_ConcreteJob", "GetError", no_error },
	{ "Msvm_ConcreteJob", "GetErrorEx", no_error },
	{ "Msvm_ShutdownComponent", "InitiateShutdown", method_shutdown },
	{ "Msvm_ShutdownComponent", "InitiateReboot", method_shutdown },
	{ "Msvm_VirtualSystemManagementService", "DefineSystem", method_define },
	{ "Msvm_VirtualSystemManagementService", "DestroySystem", method_destroy },
	{ "Msvm_VirtualSystemManagementService", "ModifySystemSettings", method_edit },
	{ "Msvm_VirtualSystemManagementService", "AddResourceSettings", method_edit },
	{ "Msvm_VirtualSystemManagementService", "ModifyResourceSettings", method_edit },
	{ "Msvm_VirtualSystemManagementService", "RemoveResourceSettings", method_edit },
	{ "Msvm_VirtualSystemManagementService", "GetSummaryInformation", method_summary },
	{ "Msvm_VirtualSystemManagementService", "GetVirtualSystemThumbnailImage", not_supported },
	{ "Msvm_VirtualSystemManagementService", "AddKvpItems", method_kvp },
	{ "Msvm_VirtualSystemManagementService", "ModifyKvpItems", method_kvp },
	{ "Msvm_VirtualSystemManagementService", "RemoveKvpItems", method_kvp },
	{ "Bulkhead_DefinitionService", "SetDefinition", method_set_definition },
	{ "Bulkhead_DefinitionService", "GetDefinition", method_get_definition },
};

static void fail(cim_result_fn fn, void *arg, const struct cim_error *error)
{
	fn(arg, NULL, 0, error);
}

/* A service is there once, however it is named; anything else must be what the path says. */
static bool is_there(struct cim *cim, const struct cim_path *path, const struct cim_class *class, struct cim_error *error)
{
	struct cim_list *list;

	if (cim_class_is(class, "CIM_Service"))
		return true;
	if (!strcmp(class->name, "Msvm_ComputerSystem") && path_key(path, "Name") && model_by_uuid(&cim->model, path_key(path, "Name")))
		return true;
	list = query_get(&cim->world, path, error);
	if (list)
		cim_list_free(list);
	return list;
}

void cim_invoke(struct cim *cim, const struct cim_path *path, const char *name, const struct cim_named_value *arguments, unsigned count,
		cim_result_fn fn, void *arg)
{
	const char *space = query_space(path->space);
	const struct cim_class *class = space ? cim_class_find(space, path->class) : NULL;
	const struct cim_method *method = class ? cim_method_find(class, name) : NULL;
	struct call call = { cim, path, method, arguments, count, fn, arg };
	struct cim_error error;

	if (!class)
		error_set(&error, CIM_NO_SUCH_CLASS, "there is no class %.100s in %.60s", path->class, path->space);
	else if (!method)
		error_set(&error, CIM_NO_SUCH_METHOD, "%s has no method %.100s", class->name, name);
	else if (!cim->model.complete)
		error_set(&error, CIM_UNAVAILABLE, "not connected to bulkheadd");
	else if (is_there(cim, path, class, &error))
		error.status = CIM_OK;
	for (unsigned i = 0; error.status == CIM_OK && i < count; i++) {
		unsigned k = 0;

		while (k < method->parameter_count && (!method->parameters[k].in || strcasecmp(method->parameters[k].name, arguments[i].name)))
			k++;
		if (k == method->parameter_count)
			error_set(&error, CIM_INVALID_ARGUMENT, "%s has no parameter %.100s", method->name, arguments[i].name);
	}
	if (error.status != CIM_OK) {
		fail(fn, arg, &error);
		return;
	}
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(methods[i].class, class->name) && !strcmp(methods[i].method, method->name)) {
			methods[i].run(&call);
			return;
		}
	not_supported(&call);
}

void cim_put(struct cim *cim, const struct cim_path *path, const struct cim_named_value *properties, unsigned count, cim_result_fn fn, void *arg)
{
	const char *space = query_space(path->space);
	const struct cim_class *class = space ? cim_class_find(space, path->class) : NULL;
	struct call call = { cim, path, NULL, properties, count, fn, arg };
	struct cim_error error;

	if (!class)
		error_set(&error, CIM_NO_SUCH_CLASS, "there is no class %.100s in %.60s", path->class, path->space);
	else if (!cim->model.complete)
		error_set(&error, CIM_UNAVAILABLE, "not connected to bulkheadd");
	else if (!cim_class_is(class, "CIM_SettingData"))
		error_set(&error, CIM_NOT_SUPPORTED, "an instance of %s is changed by methods only", class->name);
	else if (is_there(cim, path, class, &error)) {
		put_settings(&call, class);
		return;
	}
	fail(fn, arg, &error);
}
