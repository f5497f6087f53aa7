/* SPDX-License-Identifier: BSD-2-Clause */
/* WS-Enumeration with DSP0226's additions: Enumerate, Pull, Release. A context is not tied to the URI that a Pull names. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/call.h"

#define OPTIMISED_ITEMS 1u   /* DSP0226 8.2.3: what an optimised Enumerate returns when MaxElements is not said */

void render_item(struct buffer *b, enum item_mode mode, enum render_style style, const struct cim_instance *instance)
{
	if (mode == ITEM_BOTH)
		buffer_put(b, "<w:Item>");
	if (mode != ITEM_REFERENCE)
		render_instance(b, style, instance);
	if (mode != ITEM_OBJECT)
		render_instance_reference(b, style, instance);
	if (mode == ITEM_BOTH)
		buffer_put(b, "</w:Item>");
}

static int parse_mode(struct wsman_call *call, const xmlNode *request, enum item_mode *ret)
{
	const xmlNode *element = node_child(request, NS_WSMAN, "EnumerationMode");
	const char *text = element ? node_text(&call->envelope.scratch, element) : "";

	*ret = ITEM_OBJECT;
	if (!text || !*text || !strcmp(text, "EnumerateObject"))
		return 0;
	if (!strcmp(text, "EnumerateEPR"))
		*ret = ITEM_REFERENCE;
	else if (!strcmp(text, "EnumerateObjectAndEPR"))
		*ret = ITEM_BOTH;
	else
		return fault_set(&call->fault, FAULT_UNSUPPORTED_FEATURE, "EnumerationMode", "EnumerationMode '%.100s' is unknown", text);
	return 0;
}

static int parse_max_elements(struct wsman_call *call, const xmlNode *request, const char *uri, unsigned *ret)
{
	const xmlNode *element = node_child(request, uri, "MaxElements");
	const char *text = element ? node_text(&call->envelope.scratch, element) : NULL;
	char *end;
	unsigned long long number;

	if (!text)
		return 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || !number)
		return fault_set(&call->fault, FAULT_INVALID_PARAMETER, "InvalidValue", "MaxElements '%.60s' is no positive number", text);
	*ret = number < 1000000 ? (unsigned)number : 1000000;
	return 0;
}

/* Names go into a query as literals of WQL. */
static void put_quoted(struct buffer *b, const char *text)
{
	buffer_put(b, "'");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buffer_put(b, "\\");
		buffer_put_bytes(b, text, 1);
	}
	buffer_put(b, "'");
}

static bool is_word(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text);
}

static const char *const association_words[][2] = {
	{ "AssociationClassName", "AssocClass" }, { "ResultClassName", "ResultClass" }, { "Role", "Role" }, { "ResultRole", "ResultRole" },
};

/* DSP0227's association filter says what WQL can say. */
static char *association_query(struct wsman_call *call, const xmlNode *filter)
{
	const xmlNode *what = node_first(filter), *object = what ? node_child(what, NULL, "Object") : NULL;
	bool references = what && node_is(what, NULL, "AssociationInstances"), any = false;
	struct scratch *scratch = &call->envelope.scratch;
	struct reference *source = scratch_alloc(scratch, sizeof *source);
	struct buffer b = { 0 };
	char *query;
	size_t size;

	if (!source || !object || (!references && !node_is(what, NULL, "AssociatedInstances")) ||
	    reference_parse(scratch, object, source, 0, &call->fault) || !is_word(source->class)) {
		fault_set(&call->fault, FAULT_CANNOT_PROCESS_FILTER, NULL, "the association filter names no object");
		return NULL;
	}
	buffer_format(&b, "%s OF {%s", references ? "REFERENCES" : "ASSOCIATORS", source->class);
	for (unsigned i = 0; i < source->count; i++) {
		if (!source->selectors[i].value || !is_word(source->selectors[i].name))
			continue;
		buffer_format(&b, "%s%s=", i ? "," : ".", source->selectors[i].name);
		put_quoted(&b, source->selectors[i].value);
	}
	buffer_put(&b, "}");
	for (unsigned i = 0; i < 4; i++) {
		const xmlNode *element = node_child(what, NULL, association_words[i][0]);
		const char *text = element ? node_text(scratch, element) : NULL;

		if (!text || !is_word(text))
			continue;
		/* REFERENCES OF has its result class as an association's class. */
		buffer_format(&b, "%s %s = %s", any ? "" : " WHERE", references && !i ? "ResultClass" : association_words[i][1], text);
		any = true;
	}
	query = buffer_steal(&b, &size);
	if (query) {
		char *copy = scratch_copy(scratch, query, size);

		free(query);
		query = copy;
	}
	return query;
}

/* The query of a Filter: NULL in *ret when there is none. */
static int parse_filter(struct wsman_call *call, const xmlNode *request, const char **ret)
{
	const xmlNode *filter = node_child(request, NS_WSMAN, "Filter");
	const char *dialect;

	if (!filter)
		filter = node_child(request, NS_ENUMERATION, "Filter");
	if (!filter)
		return 0;
	dialect = node_attribute(&call->envelope.scratch, filter, "Dialect");
	if (dialect && !strcmp(dialect, DIALECT_ASSOCIATION)) {
		*ret = association_query(call, filter);
		return *ret ? 0 : fault_set(&call->fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
	}
	if (!dialect || (strcasecmp(dialect, DIALECT_WQL) && strcasecmp(dialect, DIALECT_CQL)))
		return fault_set(&call->fault, FAULT_FILTER_DIALECT, NULL, "filter dialect '%.200s' is not served; %s is", dialect ? dialect : "",
				 DIALECT_WQL);
	*ret = node_text(&call->envelope.scratch, filter);
	return *ret ? 0 : fault_set(&call->fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
}

static struct cim_list *query(struct wsman_call *call, const xmlNode *request)
{
	const char *class = call->envelope.target.class, *wql = NULL;
	struct cim_error error = { 0 };
	struct cim_list *list;

	if (!*call->envelope.target.uri) {
		fault_set(&call->fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "the request has no ResourceURI");
		return NULL;
	}
	if (parse_filter(call, request, &wql))
		return NULL;
	if (!wql && (!*class || !strcmp(class, "*"))) {
		fault_set(&call->fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "resource '%.200s' names no class, and there is no filter",
			  call->envelope.target.uri);
		return NULL;
	}
	list = cim_query(call->wsman->options.cim, call_space(call), wql ? NULL : class, wql, &error);
	if (!list)
		fault_from_cim(&call->fault, &error);
	return list;
}

/* Items from *position on, at least one if there is one, up to max and to what the client takes. Returns -1 when not even one fits. */
static int put_items(struct wsman_call *call, struct buffer *b, const struct context *context, unsigned *position, unsigned max)
{
	size_t start = b->size, before, room = call_room(call);

	for (unsigned n = 0; n < max && *position < context->list->count; n++) {
		before = b->size;
		render_item(b, context->mode, context->style, context->list->instances[*position]);
		if (b->size - start > room) {
			if (!n)
				return fault_set(&call->fault, FAULT_ENCODING_LIMIT, "MaxEnvelopeSizeExceeded",
						 "one item alone is larger than MaxEnvelopeSize; ask for fewer properties or raise it");
			buffer_truncate(b, before);
			break;
		}
		++*position;
	}
	return 0;
}

static void put_expires(struct buffer *b, const struct context *context)
{
	buffer_format(b, "<n:Expires>PT%llu.%03uS</n:Expires>", (unsigned long long)(context->lifetime_ms / 1000), (unsigned)(context->lifetime_ms % 1000));
}

static int answer_enumerate(struct wsman_call *call, struct context *context, bool optimised, unsigned max)
{
	struct buffer b = { 0 }, items = { 0 };
	bool done = false;

	if (optimised) {
		if (put_items(call, &items, context, &context->position, max)) {
			buffer_free(&items);
			context_free(context);
			return -1;
		}
		done = context->position == context->list->count;
	}
	reply_begin(call, &b, ACTION_ENUMERATE "Response");
	buffer_put(&b, "<n:EnumerateResponse>");
	if (done) {
		buffer_put(&b, "<n:EnumerationContext/>");
	} else {
		put_expires(&b, context);
		buffer_format(&b, "<n:EnumerationContext>%s</n:EnumerationContext>", context->id);
	}
	if (optimised) {
		buffer_put(&b, "<w:Items>");
		if (items.size)
			buffer_put_bytes(&b, items.text, items.size);
		b.failed |= items.failed;
		buffer_put(&b, "</w:Items>");
	}
	if (done)
		buffer_put(&b, "<w:EndOfSequence/>");
	buffer_put(&b, "</n:EnumerateResponse>");
	buffer_free(&items);
	if (done)
		context_free(context);
	reply_end(call, &b);
	return 0;
}

int do_enumerate(struct wsman_call *call)
{
	const xmlNode *request = call->envelope.body, *expires;
	unsigned max = OPTIMISED_ITEMS;
	struct context *context;
	struct cim_list *list;
	enum item_mode mode;

	if (!node_is(request, NS_ENUMERATION, "Enumerate"))
		return fault_set(&call->fault, FAULT_SCHEMA_VALIDATION, NULL, "the body of an Enumerate holds no <Enumerate>");
	if (node_child(request, NS_ENUMERATION, "EndTo"))
		return fault_set(&call->fault, FAULT_UNSUPPORTED_FEATURE, "AddressingMode", "EndTo is not served: nothing is sent unasked");
	if (parse_mode(call, request, &mode) || parse_max_elements(call, request, NS_WSMAN, &max))
		return -1;
	list = query(call, request);
	if (!list)
		return -1;
	expires = node_child(request, NS_ENUMERATION, "Expires");
	context = context_new(call, expires ? node_text(&call->envelope.scratch, expires) : NULL);
	if (!context) {
		cim_list_free(list);
		return -1;
	}
	context->list = list;
	context->mode = mode;
	return answer_enumerate(call, context, node_child(request, NS_WSMAN, "OptimizeEnumeration") != NULL, max);
}

static struct context *named_context(struct wsman_call *call, const char *element)
{
	const xmlNode *request = call->envelope.body, *named;
	const char *id;

	named = node_is(request, NS_ENUMERATION, element) ? node_child(request, NS_ENUMERATION, "EnumerationContext") : NULL;
	if (!named) {
		fault_set(&call->fault, FAULT_SCHEMA_VALIDATION, NULL, "the body holds no <%s> with an EnumerationContext", element);
		return NULL;
	}
	id = node_text(&call->envelope.scratch, named);
	return context_find(call, id ? id : "");
}

int do_pull(struct wsman_call *call)
{
	struct context *context = named_context(call, "Pull");
	struct buffer b = { 0 };
	unsigned max = 1;
	bool done;

	if (!context || parse_max_elements(call, call->envelope.body, NS_ENUMERATION, &max))
		return -1;
	call->wsman->counters.pulls++;
	context_touch(context);
	call->max_elements = max;
	if (context->subscription)
		return pull_events(call, context);
	reply_begin(call, &b, ACTION_PULL "Response");
	buffer_put(&b, "<n:PullResponse>");
	if (context->position < context->list->count) {
		struct buffer items = { 0 };

		if (put_items(call, &items, context, &context->position, max)) {
			buffer_free(&items);
			buffer_free(&b);
			return -1;
		}
		done = context->position == context->list->count;
		if (!done)
			buffer_format(&b, "<n:EnumerationContext>%s</n:EnumerationContext>", context->id);
		buffer_put(&b, "<n:Items>");
		buffer_put_bytes(&b, items.text, items.size);
		b.failed |= items.failed;
		buffer_put(&b, "</n:Items>");
		buffer_free(&items);
	} else {
		done = true;
		buffer_put(&b, "<n:Items/>");
	}
	if (done) {
		buffer_put(&b, "<n:EndOfSequence/>");
		context_free(context);
	}
	buffer_put(&b, "</n:PullResponse>");
	reply_end(call, &b);
	return 0;
}

int do_release(struct wsman_call *call)
{
	struct context *context = named_context(call, "Release");
	struct buffer b = { 0 };

	if (!context)
		return -1;
	context_free(context);
	reply_begin(call, &b, ACTION_RELEASE "Response");
	reply_end(call, &b);
	return 0;
}
