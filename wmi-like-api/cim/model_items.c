/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests and workers answer themselves, through the daemon: key-value items, times of processors. No answer, nothing known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/model_internal.h"

#define MAX_ITEMS  256u   /* of a pool */
#define MAX_TIMING 16u    /* workers that are asked at a time */
#define MAX_VPS    64u

struct question {
	struct model *model;
	char name[64];
	enum view_pool pool;
	model_refreshed_fn fn;
	void *arg;
	struct view_items items;
};

static struct question *question_new(struct model *m, const char *name)
{
	struct question *q = calloc(1, sizeof *q);

	if (!q)
		abort();
	q->model = m;
	snprintf(q->name, sizeof q->name, "%s", name);
	return q;
}

static void drop_items(struct view_items *items)
{
	for (unsigned i = 0; i < items->count; i++) {
		free(items->pairs[i].key);
		free(items->pairs[i].value);
	}
	free(items->pairs);
	items->pairs = NULL;
	items->count = 0;
	items->known = false;
}

static void drop_processors(struct view *v)
{
	free(v->processors);
	v->processors = NULL;
	v->processor_count = 0;
}

void view_drop_answers(struct view *v)
{
	for (unsigned i = 0; i < VIEW_POOLS; i++)
		drop_items(&v->items[i]);
	drop_processors(v);
}

static void take_item(void *arg, const char *key, const char *text)
{
	struct view_items *items = arg;
	void *more = items->count < MAX_ITEMS ? realloc(items->pairs, (items->count + 1) * sizeof *items->pairs) : NULL;

	if (!more)
		return;
	items->pairs = more;
	items->pairs[items->count].key = strdup(key);
	items->pairs[items->count].value = strdup(text);
	if (!items->pairs[items->count].key || !items->pairs[items->count].value)
		abort();
	items->count++;
}

static void on_items(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct question *q = arg;
	struct view *v = model_by_name(q->model, q->name);
	struct view_items *items = v ? &v->items[q->pool] : NULL;

	(void)name, (void)why;
	if (items) {
		drop_items(items);
		items->asked -= items->asked != 0;
	}
	if (items && reply && v->pid && read_dictionary(reply, take_item, NULL, &q->items) >= 0) {
		items->known = true;
		items->pairs = q->items.pairs;
		items->count = q->items.count;
		q->items = (struct view_items){ 0 };
	}
	drop_items(&q->items);
	if (items && items->again && !items->asked) {
		items->again = false;
		model_refresh_items(q->model, q->name, q->pool, NULL, NULL);
	}
	if (q->fn)
		q->fn(q->arg, v);
	free(q);
}

void model_refresh_items(struct model *m, const char *name, enum view_pool pool, model_refreshed_fn fn, void *arg)
{
	struct question *q = question_new(m, name);
	struct view *v = model_by_name(m, name);

	q->pool = pool;
	q->fn = fn;
	q->arg = arg;
	if (v)
		v->items[pool].asked++;
	daemon_call(m->daemon, on_items, q, "KvpList", "su", name, (uint32_t)pool);
}

void model_read_items(struct model *m, const char *name)
{
	struct view *v = model_by_name(m, name);

	for (unsigned i = 0; v && v->state == VIEW_RUNNING && i < VIEW_POOLS; i++)
		if (v->items[i].asked)
			v->items[i].again = true;
		else
			model_refresh_items(m, name, i, NULL, NULL);
}

static unsigned read_times(sd_bus_message *reply, struct view_processor times[MAX_VPS])
{
	unsigned count = 0;
	int rc = sd_bus_message_enter_container(reply, 'a', "(tt)");

	while (rc > 0 && count < MAX_VPS) {
		rc = sd_bus_message_read(reply, "(tt)", &times[count].guest_ns, &times[count].hypervisor_ns);
		times[count].load = -1;
		count += rc > 0;
	}
	return rc < 0 ? 0 : count;
}

/* -1 when what is counted did not begin before the last look: another instance's. */
static int load(const struct view_processor *before, const struct view_processor *now, uint64_t passed_ns)
{
	uint64_t earlier = before->guest_ns + before->hypervisor_ns, later = now->guest_ns + now->hypervisor_ns;

	if (later < earlier || !passed_ns)
		return -1;
	return later - earlier >= passed_ns ? 100 : (int)((double)(later - earlier) * 100 / (double)passed_ns + 0.5);
}

static void take_times(struct view *v, sd_bus_message *reply)
{
	struct view_processor times[MAX_VPS];
	unsigned count = read_times(reply, times);
	uint64_t now = uv_hrtime();

	for (unsigned i = 0; i < count && i < v->processor_count; i++)
		times[i].load = load(&v->processors[i], &times[i], now - v->processors_hr);
	drop_processors(v);
	v->processors = count ? malloc(count * sizeof *times) : NULL;
	if (!v->processors)
		return;
	memcpy(v->processors, times, count * sizeof *times);
	v->processor_count = count;
	v->processors_hr = now;
	v->processors_us = model_now_us();
}

static void on_times(void *arg, sd_bus_message *reply, const char *name, const char *why)
{
	struct question *q = arg;
	struct model *m = q->model;
	struct view *v = model_by_name(m, q->name);

	(void)name, (void)why;
	/* Of a worker that does not answer, what it last said holds, and when that was. */
	if (reply && v && v->pid)
		take_times(v, reply);
	free(q);
	m->timing--;
	if (daemon_is_up(m->daemon))
		model_read_times(m);
}

void model_read_times(struct model *m)
{
	for (struct view *v = m->views; v && m->timing < MAX_TIMING; v = v->next)
		if (v->processors_due) {
			v->processors_due = false;
			m->timing++;
			daemon_call(m->daemon, on_times, question_new(m, v->name), "ProcessorTimes", "s", v->name);
		}
}
