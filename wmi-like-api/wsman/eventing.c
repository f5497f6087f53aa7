/* SPDX-License-Identifier: BSD-2-Clause */
/* WS-Eventing with delivery by Pull (DSP0226 10.2.9.5): Subscribe, Renew, Unsubscribe, and the Pull that waits. */
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/call.h"

#define WAIT_MS     60000u    /* DSP0226: when OperationTimeout does not say */
#define WAIT_MAX_MS 600000u

static void answer_events(struct wsman_call *call, struct context *context)
{
	struct buffer b = { 0 };

	reply_begin(call, &b, ACTION_PULL "Response");
	buffer_format(&b, "<n:PullResponse><n:EnumerationContext>%s</n:EnumerationContext><n:Items>", context->id);
	for (unsigned n = 0; n < call->max_elements && context->first && b.size < call_room(call); n++) {
		struct event *event = context->first;

		for (unsigned i = 0; i < event->list->count; i++)
			render_item(&b, ITEM_OBJECT, context->style, event->list->instances[i]);
		context->first = event->next;
		if (!context->first)
			context->last = &context->first;
		context->events--;
		cim_list_free(event->list);
		free(event);
	}
	buffer_put(&b, "</n:Items></n:PullResponse>");
	context_touch(context);
	reply_end(call, &b);
}

static void on_event(void *arg, struct cim_list *list)
{
	struct context *context = arg;
	struct event *event = context->events < EVENTS_MAX ? calloc(1, sizeof *event) : NULL;
	struct wsman_call *waiting = context->waiting;

	if (!event) {
		context->lost = true;
		cim_list_free(list);
		return;
	}
	event->list = list;
	*context->last = event;
	context->last = &event->next;
	context->events++;
	if (!waiting)
		return;
	context->waiting = NULL;
	answer_events(waiting, context);
}

int pull_events(struct wsman_call *call, struct context *context)
{
	uint64_t wait = call->envelope.timeout_ms ? call->envelope.timeout_ms : WAIT_MS;

	if (context->waiting)
		return fault_set(&call->fault, FAULT_CONCURRENCY, NULL, "another Pull waits on this subscription");
	if (context->lost) {
		context_free(context);
		return fault_set(&call->fault, FAULT_QUOTA_LIMIT, NULL, "more than %u events waited and some were dropped; subscribe anew", EVENTS_MAX);
	}
	if (context->first) {
		answer_events(call, context);
		return 0;
	}
	context->waiting = call;
	call->deadline = call_now(call->wsman) + (wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);
	return 0;
}

static int check_delivery(struct wsman_call *call, const xmlNode *request)
{
	const xmlNode *delivery = node_child(request, NS_EVENTING, "Delivery");
	const char *mode = delivery ? node_attribute(&call->envelope.scratch, delivery, "Mode") : NULL;

	if (!mode || strcmp(mode, DELIVERY_PULL))
		return fault_set(&call->fault, FAULT_DELIVERY_MODE, NULL, "only delivery by Pull is served (%s)", DELIVERY_PULL);
	return 0;
}

static const char *filter_of(struct wsman_call *call, const xmlNode *request)
{
	const xmlNode *filter = node_child(request, NS_WSMAN, "Filter");
	const char *dialect;

	if (!filter)
		filter = node_child(request, NS_EVENTING, "Filter");
	dialect = filter ? node_attribute(&call->envelope.scratch, filter, "Dialect") : NULL;
	if (!dialect || (strcasecmp(dialect, DIALECT_WQL) && strcasecmp(dialect, DIALECT_CQL))) {
		fault_set(&call->fault, FAULT_FILTER_DIALECT, NULL, "a subscription needs a filter in %s, such as SELECT * FROM "
			  "__InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem'", DIALECT_WQL);
		return NULL;
	}
	return node_text(&call->envelope.scratch, filter);
}

static void put_expires(struct buffer *b, const struct context *context)
{
	buffer_format(b, "<e:Expires>PT%llu.%03uS</e:Expires>", (unsigned long long)(context->lifetime_ms / 1000), (unsigned)(context->lifetime_ms % 1000));
}

int do_subscribe(struct wsman_call *call)
{
	const xmlNode *request = call->envelope.body, *expires;
	struct cim_error error = { 0 };
	struct context *context;
	struct buffer b = { 0 };
	const char *wql;

	if (!node_is(request, NS_EVENTING, "Subscribe"))
		return fault_set(&call->fault, FAULT_SCHEMA_VALIDATION, NULL, "the body of a Subscribe holds no <Subscribe>");
	if (check_delivery(call, request) || !(wql = filter_of(call, request)))
		return -1;
	expires = node_child(request, NS_EVENTING, "Expires");
	context = context_new(call, expires ? node_text(&call->envelope.scratch, expires) : NULL);
	if (!context)
		return -1;
	context->subscription = cim_subscribe(call->wsman->options.cim, call_space(call), wql, on_event, context, &error);
	if (!context->subscription) {
		context_free(context);
		return fault_from_cim(&call->fault, &error);
	}
	call->wsman->counters.subscriptions++;
	reply_begin(call, &b, ACTION_SUBSCRIBE "Response");
	buffer_format(&b, "<e:SubscribeResponse><e:SubscriptionManager><a:Address>" URI_ANONYMOUS "</a:Address><a:ReferenceParameters>"
		      "<e:Identifier>%s</e:Identifier></a:ReferenceParameters></e:SubscriptionManager>", context->identifier);
	put_expires(&b, context);
	buffer_format(&b, "<n:EnumerationContext>%s</n:EnumerationContext></e:SubscribeResponse>", context->id);
	reply_end(call, &b);
	return 0;
}

static struct context *managed(struct wsman_call *call)
{
	struct context *context = context_find_subscription(call, call->envelope.identifier);

	if (context && !context->subscription) {
		fault_set(&call->fault, FAULT_NO_SUBSCRIPTION, NULL, "there is no such subscription");
		return NULL;
	}
	return context;
}

int do_unsubscribe(struct wsman_call *call)
{
	struct context *context = managed(call);
	struct buffer b = { 0 };

	if (!context)
		return -1;
	context_free(context);
	reply_begin(call, &b, ACTION_UNSUBSCRIBE "Response");
	reply_end(call, &b);
	return 0;
}

int do_renew(struct wsman_call *call)
{
	struct context *context = managed(call);
	struct buffer b = { 0 };

	if (!context)
		return -1;
	context_touch(context);
	reply_begin(call, &b, ACTION_RENEW "Response");
	buffer_put(&b, "<e:RenewResponse>");
	put_expires(&b, context);
	buffer_put(&b, "</e:RenewResponse>");
	reply_end(call, &b);
	return 0;
}
