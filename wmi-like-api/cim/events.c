/* SPDX-License-Identifier: BSD-2-Clause */
/* See events.h. */
#include "wmi-like-api/cim/events.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/jobs.h"
#include "wmi-like-api/cim/query.h"

#define UNIX_IN_FILETIME 116444736000000000ull   /* 100 ns from 1601 to 1970 */

struct cim_subscription {
	struct cim_subscription *next;
	struct subscriptions *all;
	struct pool pool;
	const struct wql_query *query;
	cim_event_fn fn;
	void *arg;
};

struct cim_subscription *subscription_new(struct subscriptions *all, const char *space, const char *wql, cim_event_fn fn, void *arg,
					  struct cim_error *error)
{
	struct cim_subscription *s = calloc(1, sizeof *s);
	const char *plain = query_space(space);

	if (!s)
		abort();
	if (!plain)
		error_set(error, CIM_NO_SUCH_CLASS, "there is no namespace %.100s", space);
	else
		s->query = wql_parse(&s->pool, wql, plain, error);
	if (s->query && (s->query->kind != WQL_SELECT || strncasecmp(s->query->class, "__Instance", 10))) {
		error_set(error, CIM_INVALID_QUERY, "query: subscribe to __InstanceCreationEvent, __InstanceModificationEvent, "
						    "__InstanceDeletionEvent or __InstanceOperationEvent");
		s->query = NULL;
	}
	if (!s->query) {
		pool_release(&s->pool);
		free(s);
		return NULL;
	}
	s->fn = fn;
	s->arg = arg;
	s->all = all;
	s->next = all->first;
	all->first = s;
	return s;
}

void cim_unsubscribe(struct cim_subscription *s)
{
	struct cim_subscription **at = &s->all->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pool_release(&s->pool);
	free(s);
}

void subscriptions_free(struct subscriptions *all)
{
	while (all->first)
		cim_unsubscribe(all->first);
}

static void put_instance(struct result *r, struct cim_instance *event, const char *name, const struct cim_instance *instance)
{
	struct cim_value *value = (struct cim_value *)instance_value(event, name);
	struct cim_item *item = pool_take(&r->pool, sizeof *item);

	item->instance = instance;
	*value = (struct cim_value){ .count = 1, .items = item };
}

/* The class's instances as one of two worlds has them, in the result's memory; world NULL: none. */
static struct cim_list instances_of(struct result *r, const struct cim_class *class, const struct world *world)
{
	struct cim_list list = { 0 };
	const struct cim_instance **copy;

	if (!world)
		return list;
	r->world = world;
	provide(r, class);
	copy = pool_take(&r->pool, (r->list.count + 1) * sizeof *copy);
	if (r->list.count)
		memcpy(copy, r->list.instances, r->list.count * sizeof *copy);
	list = (struct cim_list){ copy, r->list.count };
	r->list.count = 0;
	return list;
}

static bool equal(const struct cim_instance *a, const struct cim_instance *b, bool keys_only)
{
	for (unsigned i = 0; i < a->class->property_count; i++) {
		const struct cim_value *x = &a->values[i], *y = &b->values[i];

		if (keys_only && !a->class->properties[i].key)
			continue;
		if (x->null != y->null || (!x->null && x->count != y->count))
			return false;
		for (unsigned k = 0; !x->null && k < x->count; k++)
			if (x->items[k].text && y->items[k].text && strcmp(x->items[k].text, y->items[k].text))
				return false;
	}
	return true;
}

static const struct cim_instance *same_in(const struct cim_list *list, const struct cim_instance *instance)
{
	for (unsigned i = 0; i < list->count; i++)
		if (equal(list->instances[i], instance, true))
			return list->instances[i];
	return NULL;
}

/* Adds what the subscription asks for. */
static void add_event(struct result *r, const struct cim_subscription *s, const struct cim_instance *before, const struct cim_instance *after)
{
	const char *name = !before ? "__InstanceCreationEvent" : !after ? "__InstanceDeletionEvent" : "__InstanceModificationEvent";
	const struct cim_class *class = cim_class_find(V2, name);
	struct cim_instance *event;

	if (!cim_class_is(class, s->query->class))
		return;
	event = instance_new(r, class);
	put_instance(r, event, "TargetInstance", after ? after : before);
	if (before && after)
		put_instance(r, event, "PreviousInstance", before);
	put_number(r, event, "TIME_CREATED", model_now_us() * 10u + UNIX_IN_FILETIME);
	instance_add(r, event);
}

/* always: an instance that is the same in both worlds is told as well: somebody knows that it has changed. */
static void tell_class(const struct cim_subscription *s, const struct cim_class *class, const struct world *before, const struct world *after, bool always)
{
	struct result *r = result_new(NULL);
	struct cim_list was = instances_of(r, class, before), is = instances_of(r, class, after);

	r->world = after ? after : before;
	r->where = s->query->where;
	for (unsigned i = 0; i < is.count; i++) {
		const struct cim_instance *old = same_in(&was, is.instances[i]);

		if (!old || always || !equal(old, is.instances[i], false))
			add_event(r, s, old, is.instances[i]);
	}
	for (unsigned i = 0; i < was.count; i++)
		if (!same_in(&is, was.instances[i]))
			add_event(r, s, was.instances[i], NULL);
	r->where = NULL;
	r->world = NULL;
	if (r->list.count)
		s->fn(s->arg, &r->list);
	else
		result_free(r);
}

/* A world with nothing but one partition in it. */
struct one_view {
	struct world world;
	struct model model;
	struct view view;
};

static const struct world *world_of_view(struct one_view *one, const struct world *world, const struct view *v)
{
	if (!v)
		return NULL;
	one->model = *world->model;
	one->view = *v;
	one->view.next = NULL;
	one->model.views = &one->view;
	one->world = (struct world){ &one->model, world->jobs, one->view.uuid };
	return &one->world;
}

void subscriptions_tell(struct subscriptions *all, const struct world *world, const struct view *before, const struct view *after)
{
	bool defined = !before || !after || before->definition != after->definition;
	const struct world *was, *is;
	struct cim_subscription *next;
	struct one_view ones[2];

	if (!all->first || (before && !before->definition) || (after && !after->definition))
		return;
	was = world_of_view(&ones[0], world, before);
	is = world_of_view(&ones[1], world, after);
	for (struct cim_subscription *s = all->first; s; s = next) {
		next = s->next;
		tell_class(s, cim_class_find(V2, "Msvm_ComputerSystem"), was, is, true);
		for (const struct cim_class *const *at = cim_classes; defined && *at; at++)
			if (cim_class_is(*at, "Msvm_VirtualSystemSettingData") || cim_class_is(*at, "CIM_ResourceAllocationSettingData"))
				tell_class(s, *at, was, is, false);
	}
}

struct one_job {
	struct world world;
	struct jobs jobs;
	struct job job;
};

static const struct world *world_of_job(struct one_job *one, const struct world *world, const struct job *job)
{
	if (!job)
		return NULL;
	one->job = *job;
	one->job.next = NULL;
	one->jobs = (struct jobs){ .first = &one->job, .count = 1 };
	one->world = (struct world){ world->model, &one->jobs, NULL };
	return &one->world;
}

void subscriptions_tell_job(struct subscriptions *all, const struct world *world, const struct job *before, const struct job *after)
{
	const struct world *was, *is;
	struct cim_subscription *next;
	struct one_job ones[2];

	if (!all->first)
		return;
	was = world_of_job(&ones[0], world, before);
	is = world_of_job(&ones[1], world, after);
	for (struct cim_subscription *s = all->first; s; s = next) {
		next = s->next;
		tell_class(s, cim_class_find(V2, "Msvm_ConcreteJob"), was, is, true);
	}
}
