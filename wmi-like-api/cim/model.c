/* SPDX-License-Identifier: BSD-2-Clause */
/* See model.h. */
#include "wmi-like-api/cim/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "wmi-like-api/cim/model_internal.h"

#define PERIOD_MS 5000u     /* for what no event tells: demand, heartbeat, processors, the host's memory */
#define ITEMS_LOOKS 12u     /* of those until a guest is asked for its items again */

uint64_t model_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

struct view *model_by_uuid(const struct model *m, const char *uuid)
{
	for (struct view *v = m->views; v; v = v->next)
		if (!strcasecmp(v->uuid, uuid))
			return v;
	return NULL;
}

struct view *model_by_name(const struct model *m, const char *name)
{
	for (struct view *v = m->views; v; v = v->next)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

static void view_free(struct view *v)
{
	view_drop_answers(v);
	definition_free(v->definition);
	free(v->text);
	free(v);
}

static void view_remove(struct model *m, struct view *v)
{
	struct view **at = &m->views;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	/* Only what is off can be undefined: the event of that may have been missed. */
	v->state = VIEW_OFF;
	v->pid = 0;
	if (m->told)
		m->changed(m->arg, v, NULL);
	view_free(v);
}

/* A view is shown once it has its identity. */
static struct view *view_new(struct model *m, const char *name)
{
	struct view *v = calloc(1, sizeof *v), **at = &m->views;

	if (!v)
		return NULL;
	snprintf(v->name, sizeof v->name, "%s", name);
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	v->next = *at;
	*at = v;
	return v;
}

static bool differs(const struct view *a, const struct view *b)
{
	return a->state != b->state || a->heartbeat != b->heartbeat || a->pid != b->pid || a->definition != b->definition ||
	       strcmp(a->reason, b->reason) || a->shutdown_ready != b->shutdown_ready;
}

static void tell(struct model *m, const struct view *before, const struct view *after)
{
	if (!m->told)
		return;
	if (!*before->uuid)
		m->changed(m->arg, NULL, after);
	else if (differs(before, after))
		m->changed(m->arg, before, after);
}

struct view *model_take_summary(struct model *m, const struct summary *s)
{
	struct view *v = model_by_name(m, s->view.name), before;

	if (!v)
		v = view_new(m, s->view.name);
	if (!v)
		return NULL;
	before = *v;
	v->state = s->view.state;
	v->heartbeat = s->view.heartbeat;
	memcpy(v->uuid, s->view.uuid, sizeof v->uuid);
	memcpy(v->reason, s->view.reason, sizeof v->reason);
	v->vps = s->view.vps;
	v->pid = s->view.pid;
	v->memory_bytes = s->view.memory_bytes;
	v->assigned_bytes = s->view.assigned_bytes;
	v->demand_bytes = s->view.demand_bytes;
	v->since_us = s->view.since_us;
	v->started_us = s->uptime_s || s->view.pid ? model_now_us() - s->uptime_s * 1000000u : 0;
	v->shutdown_ready = s->view.shutdown_ready;
	v->seen = true;
	if (v->definition || *before.uuid)
		tell(m, &before, v);
	if (!v->pid || v->pid != before.pid)
		view_drop_answers(v);
	if (v->state == VIEW_RUNNING && (before.state != VIEW_RUNNING || v->pid != before.pid)) {
		v->processors_due = true;
		model_read_items(m, v->name);
		model_read_times(m);
	}
	return v;
}

void model_take_text(struct model *m, struct view *v, const char *text)
{
	struct view before = *v;

	v->stale = false;
	if (v->text && !strcmp(v->text, text))
		return;
	v->text = strdup(text);
	v->definition = v->text ? definition_parse(text) : NULL;
	if (!before.definition)
		*before.uuid = 0;   /* nobody has been told of it */
	tell(m, &before, v);
	free(before.text);
	definition_free(before.definition);
}

void model_sweep(struct model *m)
{
	struct view *next;

	for (struct view *v = m->views; v; v = next) {
		next = v->next;
		if (!v->seen)
			view_remove(m, v);
	}
}

void model_forget(struct model *m, const char *name)
{
	struct view *v = model_by_name(m, name);

	if (v)
		view_remove(m, v);
}

static void on_up(void *arg)
{
	struct model *m = arg;

	model_list_stop(m);
	m->complete = false;
	m->reading = 0;
	for (struct view *v = m->views; v; v = v->next) {
		v->stale = true;
		v->asked = false;
	}
	model_list(m);
}

static void on_down(void *arg)
{
	struct model *m = arg;

	model_list_stop(m);
	m->complete = false;
	m->memory.known = false;
}

static void on_event(void *arg, const char *partition, const char *kind)
{
	static const char *const of_text[] = { "defined", "redefined", "interface", "adopted" };
	struct model *m = arg;
	bool text = false;

	for (size_t i = 0; i < sizeof of_text / sizeof *of_text; i++)
		text |= !strcmp(kind, of_text[i]);
	if (!strcmp(kind, "undefined"))
		model_forget(m, partition);
	else if (text)
		model_refresh(m, partition, NULL, NULL);
	else
		model_refresh_state(m, partition);
	if (!strcmp(kind, "integration") || !strcmp(kind, "items"))
		model_read_items(m, partition);
}

/* What a guest changes by itself no event tells: its items are read again now and then, not of all guests at once. */
static void on_timer(uv_timer_t *timer)
{
	struct model *m = timer->data;
	unsigned turn = m->looks++;

	if (!daemon_is_up(m->daemon))
		return;
	model_list(m);
	for (struct view *v = m->views; v; v = v->next) {
		v->processors_due = v->state == VIEW_RUNNING || v->state == VIEW_PAUSED;
		if (v->heartbeat == VIEW_HEARTBEAT_OK && (!v->items[VIEW_INTRINSIC_ITEMS].known || turn++ % ITEMS_LOOKS == 0))
			model_read_items(m, v->name);
	}
	model_read_times(m);
}

void model_open(struct model *m, const struct cim_options *options, model_change_fn changed, void (*closed)(void *), void *arg)
{
	struct daemon_events events = { on_up, on_down, on_event, m };

	memset(m, 0, sizeof *m);
	m->changed = changed;
	m->closed = closed;
	m->arg = arg;
	host_read(&m->host);
	uv_timer_init(options->loop, &m->timer);
	uv_idle_init(options->loop, &m->slices);
	m->timer.data = m->slices.data = m;
	m->handles = 2;
	uv_timer_start(&m->timer, on_timer, PERIOD_MS, PERIOD_MS);
	m->daemon = daemon_open(options, &events);
	if (!m->daemon)
		abort();
}

static void on_closed(uv_handle_t *handle)
{
	struct model *m = handle->data;

	if (!--m->handles)
		m->closed(m->arg);
}

void model_close(struct model *m)
{
	struct view *next;

	daemon_close(m->daemon);
	model_list_stop(m);
	for (struct view *v = m->views; v; v = next) {
		next = v->next;
		view_free(v);
	}
	m->views = NULL;
	uv_close((uv_handle_t *)&m->timer, on_closed);
	uv_close((uv_handle_t *)&m->slices, on_closed);
}
