/* SPDX-License-Identifier: BSD-2-Clause */
/* See render.h. */
#include "wmi-like-api/wsman/render.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/names.h"

#define DEPTH_MAX 4u   /* instances within instances */

static void properties(struct buffer *b, enum render_style style, const char *prefix, const struct cim_instance *instance, unsigned depth);

void render_class_uri(struct buffer *b, enum render_style style, const char *space, const char *class)
{
	if (style == RENDER_CIM_SCHEMA) {
		buffer_put(b, URI_CIM_SCHEMA);
	} else {
		buffer_put(b, URI_WMI);
		buffer_put_escaped(b, space);
		buffer_put(b, "/");
	}
	buffer_put_escaped(b, class);
}

/* yyyymmddhhmmss.mmmmmmsutc, DSP0004; returns false when it is none. */
static bool is_cim_time(const char *text)
{
	if (strlen(text) != 25 || text[14] != '.')
		return false;
	for (unsigned i = 0; i < 25; i++)
		if (i != 14 && i != 21 && !isdigit((unsigned char)text[i]))
			return false;
	return text[21] == '+' || text[21] == '-' || text[21] == ':';
}

static void put_time(struct buffer *b, const char *text)
{
	int offset = atoi(text + 22);

	if (!is_cim_time(text)) {
		buffer_put_escaped(b, text);
	} else if (text[21] == ':') {
		buffer_format(b, "<c:Interval xmlns:c=\"%s\">P%dDT%.2sH%.2sM%.2s.%.6sS</c:Interval>", NS_CIM, (int)strtol((char[]){ text[0], text[1],
			      text[2], text[3], text[4], text[5], text[6], text[7], 0 }, NULL, 10), text + 8, text + 10, text + 12, text + 15);
	} else {
		buffer_format(b, "<c:Datetime xmlns:c=\"%s\">%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.%.6s", NS_CIM, text, text + 4, text + 6, text + 8,
			      text + 10, text + 12, text + 15);
		if (offset)
			buffer_format(b, "%c%02d:%02d", text[21], offset / 60, offset % 60);
		else
			buffer_put(b, "Z");
		buffer_put(b, "</c:Datetime>");
	}
}

static void key(struct buffer *b, enum render_style style, const struct cim_named_value *named)
{
	const struct cim_item *item = named->value.count ? &named->value.items[0] : NULL;

	buffer_put(b, "<w:Selector Name=\"");
	buffer_put_escaped(b, named->name);
	buffer_put(b, "\">");
	if (item && item->path) {
		buffer_put(b, "<a:EndpointReference>");
		render_reference(b, style, item->path);
		buffer_put(b, "</a:EndpointReference>");
	} else if (item && item->text) {
		buffer_put_escaped(b, item->text);
	}
	buffer_put(b, "</w:Selector>");
}

static void reference_begin(struct buffer *b, enum render_style style, const char *space, const char *class)
{
	buffer_put(b, "<a:Address>" URI_ANONYMOUS "</a:Address><a:ReferenceParameters><w:ResourceURI>");
	render_class_uri(b, style, space, class);
	buffer_put(b, "</w:ResourceURI><w:SelectorSet>");
	if (style == RENDER_CIM_SCHEMA) {
		buffer_put(b, "<w:Selector Name=\"__cimnamespace\">");
		buffer_put_escaped(b, space);
		buffer_put(b, "</w:Selector>");
	}
}

void render_reference(struct buffer *b, enum render_style style, const struct cim_path *path)
{
	reference_begin(b, style, path->space, path->class);
	for (unsigned i = 0; i < path->key_count; i++)
		key(b, style, &path->keys[i]);
	buffer_put(b, "</w:SelectorSet></a:ReferenceParameters>");
}

void render_instance_reference(struct buffer *b, enum render_style style, const struct cim_instance *instance)
{
	const struct cim_class *class = instance->class;

	buffer_put(b, "<a:EndpointReference>");
	reference_begin(b, style, class->space, class->name);
	for (unsigned i = 0; i < class->property_count; i++)
		if (class->properties[i].key)
			key(b, style, &(struct cim_named_value){ class->properties[i].name, instance->values[i] });
	buffer_put(b, "</w:SelectorSet></a:ReferenceParameters></a:EndpointReference>");
}

static void nested(struct buffer *b, enum render_style style, const char *prefix, const char *name, const struct cim_instance *instance,
		   unsigned depth)
{
	char inner[2] = { (char)('q' + depth), 0 };   /* q, r, s is SOAP's: see DEPTH_MAX */

	if (inner[0] >= 's')
		inner[0] = (char)(inner[0] + 5);
	buffer_format(b, "<%s:%s xmlns:%s=\"", prefix, name, inner);
	render_class_uri(b, style, instance->class->space, instance->class->name);
	buffer_format(b, "\" xsi:type=\"%s:%s_Type\">", inner, instance->class->name);
	properties(b, style, inner, instance, depth + 1);
	buffer_format(b, "</%s:%s>", prefix, name);
}

static void item(struct buffer *b, enum render_style style, const char *prefix, const char *name, enum cim_type type, const struct cim_item *item,
		 unsigned depth)
{
	if (item->instance && depth < DEPTH_MAX) {
		nested(b, style, prefix, name, item->instance, depth);
		return;
	}
	buffer_format(b, "<%s:%s>", prefix, name);
	if (item->path)
		render_reference(b, style, item->path);
	else if (item->text && type == CIM_DATETIME)
		put_time(b, item->text);
	else if (item->text)
		buffer_put_escaped(b, item->text);
	buffer_format(b, "</%s:%s>", prefix, name);
}

static void put_value(struct buffer *b, enum render_style style, const char *prefix, const char *name, enum cim_type type,
		      const struct cim_value *value, unsigned depth)
{
	if (value->null) {
		if (!value->array)
			buffer_format(b, "<%s:%s xsi:nil=\"true\"/>", prefix, name);
		return;
	}
	for (unsigned i = 0; i < value->count; i++)
		item(b, style, prefix, name, type, &value->items[i], depth);
}

void render_value(struct buffer *b, enum render_style style, const char *prefix, const char *name, enum cim_type type, const struct cim_value *value)
{
	put_value(b, style, prefix, name, type, value, 0);
}

static void properties(struct buffer *b, enum render_style style, const char *prefix, const struct cim_instance *instance, unsigned depth)
{
	const struct cim_class *class = instance->class;

	for (unsigned i = 0; i < class->property_count; i++)
		if (!instance->selected || instance->selected[i])
			put_value(b, style, prefix, class->properties[i].name, class->properties[i].type, &instance->values[i], depth);
}

void render_instance(struct buffer *b, enum render_style style, const struct cim_instance *instance)
{
	buffer_format(b, "<p:%s xmlns:p=\"", instance->class->name);
	render_class_uri(b, style, instance->class->space, instance->class->name);
	buffer_format(b, "\" xsi:type=\"p:%s_Type\">", instance->class->name);
	properties(b, style, "p", instance, 0);
	buffer_format(b, "</p:%s>", instance->class->name);
}
