/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's answers: dictionaries into views. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/model_internal.h"

#define SLICE       32u              /* partitions of a list that are taken in before others have their turn */
#define MAX_READING 128u             /* definitions on their way at a time: the daemon's queue for a client is bounded */

struct pending {
	struct model *model;
	char name[64];
	model_refreshed_fn fn;
	void *arg;
	bool counted;                    /* in model->reading */
};

static struct pending *pending_new(struct model *m, const char *name, model_refreshed_fn fn, void *arg)
{
	struct pending *p = calloc(1, sizeof *p);

	if (!p)
		abort();
	p->model = m;
	snprintf(p->name, sizeof p->name, "%s", name);
	p->fn = fn;
	p->arg = arg;
	return p;
}

static void read_missing_text(struct model *m);

static void finish(struct pending *p)
{
	if (p->counted && p->model->reading) {
		p->model->reading--;
		read_missing_text(p->model);
	}
	if (p->fn)
		p->fn(p->arg, model_by_name(p->model, p->name));
	free(p);
}

static enum view_state state_of(const char *word)
{
	static const char *const words[] = { "off", "starting", "running", "paused", "stopping", "failed", "restarting" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(words[i], word))
			return i;
	return VIEW_OFF;
}

static void take_text(struct summary *s, const char *key, const char *text)
{
	struct view *v = &s->view;

	if (!strcmp(key, "name"))
		snprintf(v->name, sizeof v->name, "%s", text);
	else if (!strcmp(key, "state"))
		v->state = state_of(text);
	else if (!strcmp(key, "reason"))
		snprintf(v->reason, sizeof v->reason, "%s", text);
	else if (!strcmp(key, "heartbeat"))
		v->heartbeat = !strcmp(text, "ok") ? VIEW_HEARTBEAT_OK : !strcmp(text, "lost") ? VIEW_HEARTBEAT_LOST : VIEW_NO_HEARTBEAT;
	else if (!strcmp(key, "uuid"))
		for (unsigned i = 0; i < 36 && text[i]; i++)
			v->uuid[i] = (char)toupper((unsigned char)text[i]);
}

static void take_number(struct summary *s, const char *key, uint64_t number)
{
	struct view *v = &s->view;

	if (!strcmp(key, "vps"))
		v->vps = (unsigned)number;
	else if (!strcmp(key, "pid"))
		v->pid = (uint32_t)number;
	else if (!strcmp(key, "memory_bytes"))
		v->memory_bytes = number;
	else if (!strcmp(key, "assigned_bytes"))
		v->assigned_bytes = number;
	else if (!strcmp(key, "demand_bytes"))
		v->demand_bytes = number;
	else if (!strcmp(key, "since_us"))
		v->since_us = number;
	else if (!strcmp(key, "uptime_s"))
		s->uptime_s = number;
	else if (!strcmp(key, "shutdown_ready"))
		v->shutdown_ready = number;
}

int read_dictionary(sd_bus_message *m, text_fn text, number_fn number, void *arg)
{
	int rc = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (rc > 0 && (rc = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const char *key = "", *word, *type = "";
		uint64_t t = 0;
		uint32_t u;
		int b;
		char kind;

		rc = sd_bus_message_read(m, "s", &key);
		if (rc >= 0)
			rc = sd_bus_message_peek_type(m, &kind, &type);
		if (rc >= 0 && !strcmp(type, "s")) {
			rc = sd_bus_message_read(m, "v", "s", &word);
			if (rc >= 0)
				text(arg, key, word);
		} else if (rc >= 0 && number && (!strcmp(type, "t") || !strcmp(type, "u") || !strcmp(type, "b"))) {
			rc = sd_bus_message_read(m, "v", type, *type == 't' ? (void *)&t : *type == 'u' ? (void *)&u : (void *)&b);
			if (rc >= 0)
				number(arg, key, *type == 't' ? t : *type == 'u' ? u : (uint64_t)b);
		} else if (rc >= 0) {
			rc = sd_bus_message_skip(m, "v");
		}
		if (rc >= 0)
			rc = sd_bus_message_exit_container(m);
	}
	return rc < 0 ? rc : sd_bus_message_exit_container(m);
}

static void summary_text(void *arg, const char *key, const char *text)
{
	take_text(arg, key, text);
}

static void summary_number(void *arg, const char *key, uint64_t number)
{
	take_number(arg, key, number);
}

static int read_summary(sd_bus_message *m, struct summary *s)
{
	memset(s, 0, sizeof *s);
	return read_dictionary(m, summary_text, summary_number, s);
}

static void on_text(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct pending *p = arg;
	struct view *v = model_by_name(p->model, p->name);
	const char *text;

	(void)name, (void)why;
	if (reply && v && sd_bus_message_read(reply, "s", &text) >= 0)
		model_take_text(p->model, v, text);
	finish(p);
}

static void on_summary(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct pending *p = arg;
	struct summary s;

	(void)why;
	if (!reply && name && !strcmp(name, "org.bulkhead.Error.NotFound"))
		model_forget(p->model, p->name);
	if (!reply || read_summary(reply, &s) < 0 || !model_take_summary(p->model, &s)) {
		finish(p);
		return;
	}
	daemon_call(p->model->daemon, on_text, p, "DumpXml", "s", p->name);
}

void model_refresh(struct model *m, const char *name, model_refreshed_fn fn, void *arg)
{
	daemon_call(m->daemon, on_summary, pending_new(m, name, fn, arg), "Summary", "s", name);
}

static void on_state(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct model *m = arg;
	struct summary s;

	(void)name, (void)why;
	/* What is not known yet comes with the event of its definition. */
	if (reply && read_summary(reply, &s) >= 0 && model_by_name(m, s.view.name))
		model_take_summary(m, &s);
}

void model_refresh_state(struct model *m, const char *name)
{
	daemon_call(m->daemon, on_state, m, "Summary", "s", name);
}

static void read_missing_text(struct model *m)
{
	if (!daemon_is_up(m->daemon))
		return;
	for (struct view *v = m->views; v && m->reading < MAX_READING; v = v->next) {
		struct pending *p;

		if (v->asked || (v->text && !v->stale))
			continue;
		p = pending_new(m, v->name, NULL, NULL);
		p->counted = v->asked = true;
		m->reading++;
		daemon_call(m->daemon, on_text, p, "DumpXml", "s", v->name);
	}
	if (!m->reading && !m->listing)
		m->complete = m->told = true;
}

static void end_list(struct model *m)
{
	uv_idle_stop(&m->slices);
	m->list = sd_bus_message_unref(m->list);
	m->listing = false;
}

void model_list_stop(struct model *m)
{
	if (m->list)
		end_list(m);
	m->listing = false;
}

/* What an event has brought since the list came is newer. */
static void take_listed(struct model *m, const struct summary *s)
{
	const struct view *v = model_by_name(m, s->view.name);

	if (!v || !v->seen)
		model_take_summary(m, s);
}

/* A part of the list at a time: clients are served between two. */
static void on_slice(uv_idle_t *idle)
{
	struct model *m = idle->data;
	struct summary s;
	int end = 0;

	for (unsigned i = 0; i < SLICE && !end; i++) {
		end = sd_bus_message_at_end(m->list, 0);
		if (!end && read_summary(m->list, &s) < 0)
			end = -1;
		if (!end)
			take_listed(m, &s);
	}
	if (!end)
		return;
	end_list(m);
	if (end < 0)
		return;
	model_sweep(m);
	for (struct view *v = m->views; v && !m->reading; v = v->next)
		v->asked = false;   /* what could not be read is tried again */
	read_missing_text(m);
}

static void on_list(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct model *m = arg;

	(void)name, (void)why;
	if (!reply || sd_bus_message_enter_container(reply, 'a', "a{sv}") <= 0) {
		m->listing = false;
		return;
	}
	for (struct view *v = m->views; v; v = v->next)
		v->seen = false;
	m->list = sd_bus_message_ref(reply);
	uv_idle_start(&m->slices, on_slice);
}

static void host_text(void *arg, const char *key, const char *text)
{
	struct host_memory_facts *f = arg;

	if (!strcmp(key, "hypervisor_version"))
		snprintf(f->hypervisor_version, sizeof f->hypervisor_version, "%s", text);
	else if (!strcmp(key, "daemon_version"))
		snprintf(f->daemon_version, sizeof f->daemon_version, "%s", text);
}

static void host_number(void *arg, const char *key, uint64_t number)
{
	struct host_memory_facts *f = arg;

	if (!strcmp(key, "root_available_bytes"))
		f->available_bytes = number;
	else if (!strcmp(key, "root_memory_bytes"))
		f->total_bytes = number;
}

static void on_host(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct model *m = arg;

	(void)name, (void)why;
	m->memory.known = reply && read_dictionary(reply, host_text, host_number, &m->memory) >= 0;
}

void model_list(struct model *m)
{
	if (m->listing)
		return;
	m->listing = true;
	daemon_call(m->daemon, on_list, m, "ListPartitions", "");
	daemon_call(m->daemon, on_host, m, "HostInfo", "");
}
