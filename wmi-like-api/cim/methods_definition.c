/* SPDX-License-Identifier: BSD-2-Clause */
/* Bulkhead_DefinitionService: a definition as its own text, which the daemon checks. Hyper-V's classes have no word for a kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/methods.h"

struct exchange {
	struct cim *cim;
	cim_result_fn fn;
	void *arg;
	char name[64];
	bool created;
};

static struct exchange *exchange_new(struct call *call)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (!x)
		abort();
	x->cim = call->cim;
	x->fn = call->fn;
	x->arg = call->arg;
	return x;
}

static void answer_set(const struct exchange *x, unsigned code, const char *message)
{
	char number[12];
	struct cim_item items[] = { { .text = number }, { .text = x->name }, { .text = x->created ? "true" : "false" }, { .text = message } };
	struct cim_named_value results[] = {
		{ "ReturnValue", { .count = 1, .items = &items[0] } }, { "Name", { .null = code, .count = 1, .items = &items[1] } },
		{ "Created", { .null = code, .count = 1, .items = &items[2] } }, { "Message", { .null = !code, .count = 1, .items = &items[3] } },
	};

	snprintf(number, sizeof number, "%u", code);
	x->fn(x->arg, results, 4, NULL);
}

static void on_shown(void *arg, struct view *v)
{
	(void)v;
	answer_set(arg, RETURN_DONE, NULL);
	free(arg);
}

static void on_stored(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct exchange *x = arg;
	const char *stored;
	int created;

	if (reply && sd_bus_message_read(reply, "sb", &stored, &created) >= 0) {
		snprintf(x->name, sizeof x->name, "%s", stored);
		x->created = created;
		model_refresh(&x->cim->model, x->name, on_shown, x);
		return;
	}
	answer_set(x, reply ? RETURN_FAILED : code_of(name), text ? text : "the daemon's answer cannot be read");
	free(x);
}

void method_set_definition(struct call *call)
{
	const char *file = argument_text(call, "File"), *text = argument_text(call, "Definition");

	if (text)
		daemon_call(call->cim->model.daemon, on_stored, exchange_new(call), "Define", "ss", file ? file : "definition", text);
	else
		answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
}

static void on_text(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct exchange *x = arg;
	struct cim_item items[] = { { .text = "0" }, { 0 } };
	struct cim_named_value results[] = {
		{ "ReturnValue", { .count = 1, .items = &items[0] } }, { "Definition", { .count = 1, .items = &items[1] } },
	};

	(void)why;
	if (reply && sd_bus_message_read(reply, "s", &items[1].text) >= 0)
		x->fn(x->arg, results, 2, NULL);
	else
		answer_code(x->fn, x->arg, reply ? RETURN_FAILED : code_of(name));
	free(x);
}

void method_get_definition(struct call *call)
{
	const char *name = argument_text(call, "Name");

	if (name)
		daemon_call(call->cim->model.daemon, on_text, exchange_new(call), "DumpXml", "s", name);
	else
		answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
}
