/* SPDX-License-Identifier: BSD-2-Clause */
/* WS-Transfer's Get and Put, and methods (DSP0227 9.3): the action is the class's URI, a slash and the method. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/wsman/arguments.h"
#include "wmi-like-api/wsman/call.h"

#define TEXT_TOLD 120u   /* bytes of an argument in the audit log; of what is longer, its size */

static int target_path(struct wsman_call *call, struct cim_path *path)
{
	if (!*call->envelope.target.class || !strcmp(call->envelope.target.class, "*"))
		return fault_set(&call->fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "resource '%.200s' names no class",
				 call->envelope.target.uri);
	if (arguments_path(&call->envelope.scratch, &call->envelope.target, path, &call->fault))
		return -1;
	path->space = call_space(call);
	return 0;
}

static int answer_instance(struct wsman_call *call, const struct cim_path *path, const char *action)
{
	struct cim_error error = { 0 };
	struct buffer b = { 0 };
	struct cim_list *list = cim_get(call->wsman->options.cim, path, &error);

	if (!list)
		return fault_from_cim(&call->fault, &error);
	reply_begin(call, &b, action);
	if (list->count)
		render_instance(&b, call->style, list->instances[0]);
	cim_list_free(list);
	reply_end(call, &b);
	return 0;
}

int do_get(struct wsman_call *call)
{
	struct cim_path path;

	return target_path(call, &path) ? -1 : answer_instance(call, &path, ACTION_GET "Response");
}

/* "Class.Key=value,…", for the audit log. */
static const char *describe(struct wsman_call *call)
{
	const struct reference *target = &call->envelope.target;
	struct scratch *scratch = &call->envelope.scratch;
	const char *text = target->class;

	for (unsigned i = 0; i < target->count && text; i++)
		if (target->selectors[i].value && strcasecmp(target->selectors[i].name, "CreationClassName"))
			text = scratch_format(scratch, "%s%s%s=%.120s", text, text == target->class ? "." : ",", target->selectors[i].name,
					    target->selectors[i].value);
	return text ? text : "";
}

/* Arguments that say what a method of the service acts on: the first texts of references and names. */
static const char *describe_arguments(struct wsman_call *call, const struct cim_named_value *values, unsigned count)
{
	struct scratch *scratch = &call->envelope.scratch;
	const char *text = "";

	for (unsigned i = 0; i < count && text; i++) {
		const struct cim_item *item = values[i].value.count ? &values[i].value.items[0] : NULL;
		const char *value = item ? item->text : NULL;

		for (unsigned k = 0; item && item->path && k < item->path->key_count; k++)
			if (item->path->keys[k].value.count && strcasecmp(item->path->keys[k].name, "CreationClassName"))
				value = item->path->keys[k].value.items[0].text;
		if (item && item->instance)
			value = item->instance->class_name;
		if (value && strlen(value) > TEXT_TOLD)
			value = scratch_format(scratch, "(%zu bytes)", strlen(value));
		text = scratch_format(scratch, "%s%s%s=%s", text, *text ? " " : "", values[i].name, value ? value : "");
	}
	return text ? text : "";
}

static int check_right(struct wsman_call *call, enum wsman_role needed, const char *action)
{
	static const char *const names[] = { "nobody", "reader", "operator", "administrator" };

	if (call->role >= needed)
		return 0;
	call_audit(call, "refused", action, describe(call), "the user's role does not allow it");
	return fault_set(&call->fault, FAULT_ACCESS_DENIED, NULL, "%s needs the role %s; user '%s' is %s", action, names[needed], call->user,
			 names[call->role]);
}

static void put_results(struct buffer *b, struct wsman_call *call, const struct cim_named_value *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		enum cim_type type = CIM_UINT32;

		for (unsigned k = 0; k < call->method->parameter_count; k++)
			if (!strcasecmp(call->method->parameters[k].name, results[i].name))
				type = call->method->parameters[k].type;
		render_value(b, call->style, "p", results[i].name, type, &results[i].value);
	}
}

static const char *return_value(const struct cim_named_value *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(results[i].name, "ReturnValue") && results[i].value.count)
			return results[i].value.items[0].text;
	return "";
}

static void on_invoked(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error)
{
	struct wsman_call *call = arg;
	const char *code = error ? error->text : return_value(results, count);
	char text[460];
	struct buffer b = { 0 };

	if (call->method->changes) {
		bool done = !error && (!strcmp(code, "0") || !strcmp(code, "4096"));

		snprintf(text, sizeof text, "%s%s", error ? "" : "ReturnValue ", code);
		call_audit(call, done ? "done" : "failed", call->method->name, describe(call), text);
	}
	if (error) {
		fault_from_cim(&call->fault, error);
		reply_fault(call);
		return;
	}
	snprintf(text, sizeof text, "%.400sResponse", call->envelope.action);
	reply_begin(call, &b, text);
	buffer_format(&b, "<p:%s_OUTPUT xmlns:p=\"", call->method->name);
	render_class_uri(&b, call->style, call_space(call), call->envelope.target.class);
	buffer_put(&b, "\">");
	put_results(&b, call, results, count);
	buffer_format(&b, "</p:%s_OUTPUT>", call->method->name);
	reply_end(call, &b);
}

/* From here on cim has the call. */
static void set_limit(struct wsman_call *call)
{
	call->runs = true;
	call->deadline = call->envelope.timeout_ms ? call_now(call->wsman) + call->envelope.timeout_ms : 0;
}

static const struct cim_method *find_method(struct wsman_call *call)
{
	const struct envelope *e = &call->envelope;
	const struct cim_class *class = cim_class_find(call_space(call), e->target.class);
	const char *name = strrchr(e->action, '/');
	const struct cim_method *method;

	if (!*e->target.uri) {
		fault_set(&call->fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "the request has no ResourceURI");
		return NULL;
	}
	if (!class) {
		fault_set(&call->fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "there is no class '%.100s' in %s", e->target.class,
			  call_space(call));
		return NULL;
	}
	method = name ? cim_method_find(class, name + 1) : NULL;
	if (!method)
		fault_set(&call->fault, FAULT_ACTION_NOT_SUPPORTED, NULL, "class %s has no method for action '%.200s'", class->name, e->action);
	return method;
}

int do_invoke(struct wsman_call *call)
{
	const struct cim_method *method = find_method(call);
	struct argument_list arguments = { 0 };
	struct cim_path path;

	if (!method || check_right(call, (enum wsman_role)method->right, method->name) || target_path(call, &path))
		return -1;
	call->method = method;
	call->wsman->counters.invokes++;
	if (call->envelope.body && arguments_parse(&call->envelope.scratch, call->envelope.body, method, &arguments, &call->fault))
		return -1;
	if (method->changes)
		call_audit(call, "asked", method->name, describe(call), describe_arguments(call, arguments.values, arguments.count));
	set_limit(call);
	cim_invoke(call->wsman->options.cim, &path, method->name, arguments.values, arguments.count, on_invoked, call);
	return 0;
}

static void on_put(void *arg, const struct cim_named_value *results, unsigned count, const struct cim_error *error)
{
	struct wsman_call *call = arg;
	struct cim_path path;

	(void)results;
	(void)count;
	call_audit(call, error ? "failed" : "done", "Put", describe(call), error ? error->text : "");
	if (error)
		fault_from_cim(&call->fault, error);
	if (error || target_path(call, &path) || answer_instance(call, &path, ACTION_PUT "Response"))
		reply_fault(call);
}

int do_put(struct wsman_call *call)
{
	struct argument_list properties = { 0 };
	struct cim_path path;

	if (check_right(call, WSMAN_ADMINISTRATOR, "Put") || target_path(call, &path))
		return -1;
	if (!call->envelope.body)
		return fault_set(&call->fault, FAULT_SCHEMA_VALIDATION, NULL, "the body of a Put holds no instance");
	if (arguments_parse_properties(&call->envelope.scratch, call->envelope.body, &properties, &call->fault))
		return -1;
	set_limit(call);
	cim_put(call->wsman->options.cim, &path, properties.values, properties.count, on_put, call);
	return 0;
}
