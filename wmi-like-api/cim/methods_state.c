/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods on a running partition: states, shutdown, key-value pairs. What takes time is a job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/methods.h"

#define REBOOT_MS 120000u   /* that a guest has to reboot when it is asked to */
#define FORCE_MS  30000u    /* and to shut down before it is turned off */
#define MAX_ITEMS 64u

struct task {
	struct cim *cim;
	struct job *job;
	char name[64], text[400];
	unsigned code;
	/* key-value pairs, one call each */
	bool delete;
	unsigned item, item_count;
	char *keys[MAX_ITEMS], *values[MAX_ITEMS];
	/* a shutdown: answered before the guest is done */
	uv_timer_t timer;
	cim_result_fn fn;
	void *arg;
	bool replied;
};

static struct task *task_new(struct call *call, const struct view *v)
{
	struct task *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->cim = call->cim;
	snprintf(t->name, sizeof t->name, "%s", v->name);
	return t;
}

static void task_free(struct task *t)
{
	for (unsigned i = 0; i < t->item_count; i++) {
		free(t->keys[i]);
		free(t->values[i]);
	}
	free(t);
}

/* The snapshot is as new as the answer when the job says that it is done. */
static void on_refreshed(void *arg, struct view *view)
{
	struct task *t = arg;

	(void)view;
	job_end(t->job, t->code, t->text);
	task_free(t);
}

static void on_reply(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct task *t = arg;

	if (!reply) {
		t->code = code_of(name);
		snprintf(t->text, sizeof t->text, "%s", text);
	}
	model_refresh(&t->cim->model, t->name, on_refreshed, t);
}

static void start_job(struct call *call, struct view *v, const char *member)
{
	struct task *t = task_new(call, v);
	struct daemon *d = call->cim->model.daemon;

	t->job = job_new(&call->cim->jobs, call->method->name, v->uuid);
	if (!strcmp(member, "Start"))
		daemon_call(d, on_reply, t, member, "sbt", v->name, 0, (uint64_t)0);
	else if (!strcmp(member, "Reboot"))
		daemon_call(d, on_reply, t, "Shutdown", "stbb", v->name, (uint64_t)REBOOT_MS, 0, 1);
	else if (!strcmp(member, "Shutdown"))
		daemon_call(d, on_reply, t, member, "stbb", v->name, (uint64_t)0, 0, 0);
	else
		daemon_call(d, on_reply, t, member, "s", v->name);
	answer_job(call->fn, call->arg, t->job);
}

/* What a request means in a state; NULL: not in this one. */
static const char *verb_of(const struct view *v, unsigned wanted)
{
	bool off = v->state == VIEW_OFF || v->state == VIEW_FAILED, running = v->state == VIEW_RUNNING, paused = v->state == VIEW_PAUSED;

	switch (wanted) {
	case 2:
		return off ? "Start" : paused ? "Resume" : NULL;
	case 3:
		return off ? NULL : "TurnOff";
	case 4:
		return running && v->shutdown_ready ? "Shutdown" : NULL;
	case 9:
	case 32768:
		return running ? "Pause" : NULL;
	case 10:
		return running && v->shutdown_ready ? "Reboot" : running ? "Reset" : NULL;
	case 11:
		return running || paused ? "Reset" : NULL;
	default:
		return NULL;
	}
}

void method_request_state(struct call *call)
{
	struct view *v = model_by_uuid(&call->cim->model, path_key(call->path, "Name") ? path_key(call->path, "Name") : "");
	const char *text = argument_text(call, "RequestedState"), *verb;
	unsigned long wanted = text ? strtoul(text, NULL, 10) : 0;

	if (!v) {   /* the host */
		answer_code(call->fn, call->arg, RETURN_NOT_SUPPORTED);
		return;
	}
	verb = wanted <= 65535 ? verb_of(v, (unsigned)wanted) : NULL;
	if (verb)
		start_job(call, v, verb);
	else if (wanted == 6 || wanted == 32769 || wanted == 32773 || wanted == 32779)   /* saved state: there is none yet */
		answer_code(call->fn, call->arg, RETURN_NOT_SUPPORTED);
	else if ((wanted >= 2 && wanted <= 4) || (wanted >= 9 && wanted <= 11) || wanted == 32768)
		answer_code(call->fn, call->arg, RETURN_INVALID_STATE);
	else
		answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
}

static void on_timer_closed(uv_handle_t *handle)
{
	task_free(handle->data);
}

static void shutdown_answer(struct task *t, unsigned code)
{
	if (t->fn)
		answer_code(t->fn, t->arg, code);
	t->fn = NULL;
}

/* Not refused: the guest has been asked. That it is off is seen by its state. */
static void on_shutdown_timer(uv_timer_t *timer)
{
	shutdown_answer(timer->data, RETURN_DONE);
}

static void on_shutdown(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct task *t = arg;

	(void)text;
	shutdown_answer(t, reply ? RETURN_DONE : code_of(name));
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

void method_shutdown(struct call *call)
{
	const char *system = path_key(call->path, "SystemName"), *force_text = argument_text(call, "Force");
	struct view *v = model_by_uuid(&call->cim->model, system ? system : "");
	bool force = force_text && !strcasecmp(force_text, "true"), reboot = !strcmp(call->method->name, "InitiateReboot");
	struct task *t;

	if (!v || v->state != VIEW_RUNNING || (!v->shutdown_ready && !force)) {
		answer_code(call->fn, call->arg, v ? RETURN_INVALID_STATE : RETURN_NOT_AVAILABLE);
		return;
	}
	t = task_new(call, v);
	t->fn = call->fn;
	t->arg = call->arg;
	uv_timer_init(call->cim->model.timer.loop, &t->timer);
	t->timer.data = t;
	uv_timer_start(&t->timer, on_shutdown_timer, 300, 0);
	daemon_call(call->cim->model.daemon, on_shutdown, t, "Shutdown", "stbb", v->name, (uint64_t)(force && !reboot ? FORCE_MS : 0),
		    (int)(force && !reboot), (int)reboot);
}

static void next_item(struct task *t);

static void on_item(void *arg, sd_bus_message *reply, const char *name, const char *text)
{
	struct task *t = arg;

	if (!reply) {
		job_end(t->job, code_of(name), text);
		task_free(t);
		return;
	}
	job_progress(t->job, 100 * ++t->item / (t->item_count + 1));   /* the last step is that the snapshot shows it */
	next_item(t);
}

static void next_item(struct task *t)
{
	struct daemon *d = t->cim->model.daemon;

	if (t->item == t->item_count) {
		model_refresh_items(&t->cim->model, t->name, VIEW_HOST_ITEMS, on_refreshed, t);
	} else if (t->delete) {
		daemon_call(d, on_item, t, "KvpDelete", "sus", t->name, 0u, t->keys[t->item]);
	} else {
		daemon_call(d, on_item, t, "KvpSet", "suss", t->name, 0u, t->keys[t->item], t->values[t->item]);
	}
}

/* The pool that the host writes and the guest reads. */
void method_kvp(struct call *call)
{
	struct view *v = view_of(call->cim, argument(call, "TargetSystem"));
	const struct cim_value *items = argument(call, "DataItems");
	struct task *t;

	if (!v || !items || items->count > MAX_ITEMS) {
		answer_code(call->fn, call->arg, v ? RETURN_INVALID_PARAMETER : RETURN_NOT_AVAILABLE);
		return;
	}
	if (v->state != VIEW_RUNNING) {
		answer_code(call->fn, call->arg, RETURN_INVALID_STATE);
		return;
	}
	t = task_new(call, v);
	t->delete = !strcmp(call->method->name, "RemoveKvpItems");
	for (unsigned i = 0; i < items->count; i++) {
		const struct cim_instance *in = items->items[i].instance;
		const char *key = in ? input_text(in, "Name") : NULL, *value = in ? input_text(in, "Data") : NULL;

		if (!key || !*key || (!t->delete && !value)) {
			task_free(t);
			answer_code(call->fn, call->arg, RETURN_INVALID_PARAMETER);
			return;
		}
		t->keys[i] = strdup(key);
		t->values[i] = strdup(value ? value : "");
		t->item_count++;
		if (!t->keys[i] || !t->values[i])
			abort();
	}
	t->job = job_new(&call->cim->jobs, call->method->name, v->uuid);
	answer_job(call->fn, call->arg, t->job);
	next_item(t);
}
