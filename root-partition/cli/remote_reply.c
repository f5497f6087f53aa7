/* SPDX-License-Identifier: BSD-2-Clause */
/* See remote_reply.h. Names are taken without their prefixes: a body says which they are by its place, and servers choose prefixes freely. */
#include "root-partition/cli/remote_reply.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 12u    /* of embedded instances; a reply's own envelope comes on top */

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static const xmlNode *first_element(const xmlNode *node)
{
	for (node = node ? node->children : NULL; node && node->type != XML_ELEMENT_NODE;)
		node = node->next;
	return node;
}

static const xmlNode *next_element(const xmlNode *node)
{
	do {
		node = node->next;
	} while (node && node->type != XML_ELEMENT_NODE);
	return node;
}

static const xmlNode *child(const xmlNode *node, const char *name)
{
	for (node = first_element(node); node && !is(node, name);)
		node = next_element(node);
	return node;
}

static char *text_of(const xmlNode *node)
{
	xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
	char *text = content ? strdup((const char *)content) : NULL;

	xmlFree(content);
	return text;
}

static bool is_nil(const xmlNode *node)
{
	xmlChar *nil = xmlGetNsProp((xmlNode *)node, (const xmlChar *)"nil", (const xmlChar *)"http://www.w3.org/2001/XMLSchema-instance");
	bool ret = nil && (!strcmp((char *)nil, "true") || !strcmp((char *)nil, "1"));

	xmlFree(nil);
	return ret;
}

static struct value *string_value(const char *key, const xmlNode *node)
{
	struct value *v = value_new(VALUE_STRING, key);

	if (v)
		v->string = text_of(node);
	return v;
}

static struct value *read_selectors(const char *key, const xmlNode *parameters)
{
	const xmlNode *set = child(parameters, "SelectorSet");
	struct value *v = value_new(VALUE_DICT, key), **at = v ? &v->first : NULL;

	for (const xmlNode *s = v ? first_element(set) : NULL; s; s = next_element(s)) {
		xmlChar *name = xmlGetNoNsProp((xmlNode *)s, (const xmlChar *)"Name");

		*at = name ? string_value((char *)name, s) : NULL;
		xmlFree(name);
		if (*at)
			at = &(*at)->next;
	}
	return v;
}

/* A property's value, or an instance's. NULL: no memory, or too deep. */
static struct value *read_value(const xmlNode *node, unsigned depth)
{
	const char *key = (const char *)node->name;
	const xmlNode *inner = first_element(node), *parameters = child(node, "ReferenceParameters");
	struct value *v, **at;

	if (depth > DEPTH_MAX)
		return NULL;
	if (parameters)
		return read_selectors(key, parameters);
	if (!inner && depth)
		return string_value(key, node);
	if (inner && (is(inner, "Datetime") || is(inner, "Interval")))
		return string_value(key, inner);
	v = value_new(VALUE_DICT, key);
	at = v ? &v->first : NULL;
	for (; v && inner; inner = next_element(inner)) {
		if (is_nil(inner))
			continue;
		*at = read_value(inner, depth + 1);
		if (!*at) {
			value_free(v);
			return NULL;
		}
		at = &(*at)->next;
	}
	return v;
}

static bool read_items(struct remote_reply *reply, const xmlNode *first, bool all)
{
	struct value **at = &reply->items->first;

	for (const xmlNode *item = first; item; item = all ? next_element(item) : NULL) {
		/* objects with their references come in pairs; the objects are enough */
		const xmlNode *object = is(item, "Item") && first_element(item) ? first_element(item) : item;

		*at = read_value(object, 0);
		if (!*at)
			return false;
		at = &(*at)->next;
	}
	return true;
}

static void read_fault(struct remote_reply *reply, const xmlNode *fault)
{
	const xmlNode *code = child(fault, "Code"), *deeper;
	char *name, *colon;

	while (code && (deeper = child(code, "Subcode")))
		code = deeper;
	name = text_of(child(code, "Value"));
	colon = name ? strrchr(name, ':') : NULL;
	reply->fault_code = strdup(colon ? colon + 1 : name ? name : "");
	free(name);
	reply->fault = text_of(child(child(fault, "Reason"), "Text"));
	if (!reply->fault)
		reply->fault = strdup("a fault without a reason");
}

static int read_body(struct remote_reply *reply, const xmlNode *body, char why[200])
{
	const char *name = (const char *)body->name;
	const xmlNode *items = child(body, "Items");

	reply->items = value_new(VALUE_LIST, NULL);
	if (!reply->items)
		return snprintf(why, 200, "no memory"), -1;
	if (!strcmp(name, "Fault")) {
		read_fault(reply, body);
		return 0;
	}
	if (!strcmp(name, "EnumerateResponse") || !strcmp(name, "PullResponse") || !strcmp(name, "SubscribeResponse")) {
		reply->context = child(body, "EndOfSequence") ? NULL : text_of(child(body, "EnumerationContext"));
		if (reply->context && !*reply->context) {
			free(reply->context);
			reply->context = NULL;
		}
		body = first_element(items);
	}
	if (body && !read_items(reply, body, items))
		return snprintf(why, 200, "an answer that is nested too deeply"), -1;
	return 0;
}

int remote_reply_parse(const char *text, size_t size, struct remote_reply *ret, char why[200])
{
	struct remote_reply reply = { 0 };
	const xmlNode *root, *body;
	xmlDoc *doc = NULL;
	int rc = -1;

	if (size <= REPLY_MAX)
		doc = xmlReadMemory(text, (int)size, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (!root || doc->intSubset || !is(root, "Envelope")) {
		snprintf(why, 200, "the answer is no SOAP; is this the address of a WS-Management service?");
		goto out;
	}
	body = child(root, "Body");
	if (!body) {
		snprintf(why, 200, "the answer has no body");
		goto out;
	}
	body = first_element(body);
	if (body)
		rc = read_body(&reply, body, why);
	else                                /* Unsubscribe's has none */
		rc = (reply.items = value_new(VALUE_LIST, NULL)) ? 0 : -1;
	if (rc)
		goto out;
	*ret = reply;
	memset(&reply, 0, sizeof reply);
out:
	remote_reply_free(&reply);
	xmlFreeDoc(doc);
	return rc;
}

struct value *remote_embedded_parse(const char *text)
{
	xmlDoc *doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	const xmlNode *root = doc && !doc->intSubset ? xmlDocGetRootElement(doc) : NULL;
	struct value *dict = root && is(root, "INSTANCE") ? value_new(VALUE_DICT, NULL) : NULL;

	for (const xmlNode *p = dict ? first_element(root) : NULL; p; p = next_element(p)) {
		const xmlNode *value = is(p, "PROPERTY") ? child(p, "VALUE") : NULL;
		xmlChar *name = value ? xmlGetNoNsProp(p, (const xmlChar *)"NAME") : NULL;
		struct value *v = name ? string_value((char *)name, value) : NULL;

		if (v)
			value_add(dict, v);
		xmlFree(name);
	}
	xmlFreeDoc(doc);
	return dict;
}

void remote_reply_free(struct remote_reply *reply)
{
	value_free(reply->items);
	free(reply->context);
	free(reply->fault);
	free(reply->fault_code);
	memset(reply, 0, sizeof *reply);
}
