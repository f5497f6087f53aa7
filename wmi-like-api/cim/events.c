/* SPDX-License-Identifier: BSD-2-Clause */
/* See events.h. */
#include "wmi-like-api/cim/events.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
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

static const struct cim_instance *system_in(struct result *r, const struct view *v)
{
	const struct cim_instance *instance;

	provide_system_of(r, cim_class_find(V2, "Msvm_ComputerSystem"), v);
	instance = r->list.instances[0];
	r->list.count = 0;
	return instance;
}

static void put_instance(struct result *r, struct cim_instance *event, const char *name, const struct cim_instance *instance)
{
	struct cim_value *value = (struct cim_value *)instance_value(event, name);
	struct cim_item *item = pool_take(&r->pool, sizeof *item);

	item->instance = instance;
	*value = (struct cim_value){ .count = 1, .items = item };
}

static void tell_one(const struct cim_subscription *s, const struct world *world, const struct view *before, const struct view *after)
{
	const char *name = !before ? "__InstanceCreationEvent" : !after ? "__InstanceDeletionEvent" : "__InstanceModificationEvent";
	const struct cim_class *class = cim_class_find(V2, name);
	const struct cim_instance *target, *previous = NULL;
	struct cim_instance *event;
	struct result *r;

	if (!cim_class_is(class, s->query->class))
		return;
	r = result_new(world);
	target = system_in(r, after ? after : before);
	if (before && after)
		previous = system_in(r, before);
	event = instance_new(r, class);
	put_instance(r, event, "TargetInstance", target);
	if (previous)
		put_instance(r, event, "PreviousInstance", previous);
	put_number(r, event, "TIME_CREATED", model_now_us() * 10u + UNIX_IN_FILETIME);
	r->where = s->query->where;
	instance_add(r, event);
	r->where = NULL;
	if (r->list.count)
		s->fn(s->arg, &r->list);
	else
		result_free(r);
}

void subscriptions_tell(struct subscriptions *all, const struct world *world, const struct view *before, const struct view *after)
{
	struct cim_subscription *next;

	if ((before && !before->definition) || (after && !after->definition))
		return;
	for (struct cim_subscription *s = all->first; s; s = next) {
		next = s->next;
		tell_one(s, world, before, after);
	}
}
