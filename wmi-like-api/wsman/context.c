/* SPDX-License-Identifier: BSD-2-Clause */
/* Enumeration contexts and subscriptions: random names, one user each, an end when nobody asks, and a number that a user cannot exceed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "wmi-like-api/wsman/call.h"

#define LIFETIME_MAX_MS 600000u

static int lifetime(struct wsman_call *call, const char *text, uint64_t *ret)
{
	int64_t ms;

	*ret = call->wsman->options.context_ms;
	if (!text || !*text)
		return 0;
	ms = duration_parse(text);
	if (ms == 0)
		return fault_set(&call->fault, FAULT_EXPIRATION_TIME, NULL, "expires at once: '%.60s'", text);
	if (ms > 0)   /* a date is not refused: the lifetime is ours then, and the answer says so */
		*ret = ms < LIFETIME_MAX_MS ? (uint64_t)ms : LIFETIME_MAX_MS;
	return 0;
}

static unsigned count_of(const struct wsman *wsman, const char *user)
{
	unsigned count = 0;

	for (const struct context *c = wsman->contexts; c; c = c->next)
		count += !strcmp(c->user, user);
	return count;
}

struct context *context_new(struct wsman_call *call, const char *expires)
{
	struct wsman *wsman = call->wsman;
	struct context *context;
	uint64_t ms;

	if (lifetime(call, expires, &ms))
		return NULL;
	contexts_expire(wsman);
	if (count_of(wsman, call->user) >= wsman->options.contexts_per_user) {
		call_audit(call, "refused", call->envelope.action, call->envelope.target.uri, "too many open enumerations");
		fault_set(&call->fault, FAULT_QUOTA_LIMIT, NULL, "user '%s' has %u enumerations and subscriptions open; release them or wait for their end",
			  call->user, wsman->options.contexts_per_user);
		return NULL;
	}
	context = calloc(1, sizeof *context);
	if (!context || make_id(context->id) || make_id(context->identifier)) {
		free(context);
		fault_set(&call->fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
		return NULL;
	}
	snprintf(context->user, sizeof context->user, "%s", call->user);
	context->wsman = wsman;
	context->lifetime_ms = ms;
	context->style = call->style;
	context->last = &context->first;
	context_touch(context);
	context->next = wsman->contexts;
	wsman->contexts = context;
	wsman->counters.contexts++;
	return context;
}

void context_touch(struct context *context)
{
	context->expires = call_now(context->wsman) + context->lifetime_ms;
}

static bool same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !CRYPTO_memcmp(a, b, strlen(a));
}

static struct context *find(struct wsman_call *call, const char *id, bool by_identifier, enum fault_code code)
{
	struct context *c;

	contexts_expire(call->wsman);
	for (c = call->wsman->contexts; c; c = c->next)
		if (same(by_identifier ? c->identifier : c->id, id))
			break;
	if (c && !strcmp(c->user, call->user))
		return c;
	if (c)
		call_audit(call, "refused", call->envelope.action, id, "the context belongs to another user");
	fault_set(&call->fault, code, NULL, "there is no such %s: it has ended, has expired, or was never there",
		  by_identifier ? "subscription" : "enumeration");
	return NULL;
}

struct context *context_find(struct wsman_call *call, const char *id)
{
	return find(call, id, false, FAULT_INVALID_CONTEXT);
}

struct context *context_find_subscription(struct wsman_call *call, const char *identifier)
{
	return find(call, identifier, true, FAULT_NO_SUBSCRIPTION);
}

void context_free(struct context *context)
{
	struct context **at = &context->wsman->contexts;
	struct wsman_call *waiting = context->waiting;
	struct event *next;

	while (*at != context)
		at = &(*at)->next;
	*at = context->next;
	context->wsman->counters.contexts--;
	if (context->subscription) {
		cim_unsubscribe(context->subscription);
		context->wsman->counters.subscriptions--;
	}
	for (struct event *event = context->first; event; event = next) {
		next = event->next;
		cim_list_free(event->list);
		free(event);
	}
	cim_list_free(context->list);
	free(context);
	if (waiting) {
		fault_set(&waiting->fault, FAULT_INVALID_CONTEXT, NULL, "the subscription has ended");
		reply_fault(waiting);
	}
}

bool contexts_forget(const struct wsman_call *call)
{
	for (struct context *c = call->wsman->contexts; c; c = c->next)
		if (c->waiting == call) {
			c->waiting = NULL;
			context_touch(c);
			return true;
		}
	return false;
}

void contexts_expire(struct wsman *wsman)
{
	uint64_t now = call_now(wsman);
	struct context *next;

	for (struct context *c = wsman->contexts; c; c = next) {
		struct wsman_call *waiting = c->waiting;

		next = c->next;
		if (waiting && now >= waiting->deadline) {
			c->waiting = NULL;
			context_touch(c);
			fault_set(&waiting->fault, FAULT_TIMED_OUT, NULL, "no event came in time; pull again");
			reply_fault(waiting);
		} else if (!waiting && now >= c->expires) {
			context_free(c);
		}
	}
}
