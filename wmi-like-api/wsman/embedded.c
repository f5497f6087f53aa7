/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Embedded instances as DSP0201 writes them, which is how Hyper-V's clients send settings: properties in any order, those that change only.
 * The text is a document of its own and gets the same bounds as the one around it.
 */
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/arguments.h"

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
}

/* Some wrap it (DECLGROUP, VALUE.OBJECT, …). */
static const xmlNode *find_instance(const xmlNode *node, unsigned depth)
{
	const xmlNode *found;

	if (node_is(node, NULL, "INSTANCE"))
		return node;
	if (depth > 6)
		return NULL;
	for (const xmlNode *child = node_first(node); child; child = node_next(child)) {
		found = find_instance(child, depth + 1);
		if (found)
			return found;
	}
	return NULL;
}

static int parse_values(struct scratch *scratch, const xmlNode *parent, struct cim_value *value, struct fault *fault)
{
	struct cim_item *items;
	unsigned count = 0;

	for (const xmlNode *child = node_first(parent); child; child = node_next(child))
		count++;
	if (count > ITEMS_MAX)
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "an array of an embedded instance has more than %u values", ITEMS_MAX);
	items = scratch_alloc(scratch, (count + 1) * sizeof *items);
	if (!items)
		return out_of_memory(fault);
	value->items = items;
	for (const xmlNode *child = node_first(parent); child; child = node_next(child)) {
		if (!node_is(child, NULL, "VALUE"))
			return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "<%.100s> in an embedded instance: only VALUE is understood",
					 (const char *)child->name);
		items[value->count].text = node_text_exact(scratch, child);
		if (!items[value->count++].text)
			return out_of_memory(fault);
	}
	return 0;
}

static int parse_property(struct scratch *scratch, const xmlNode *property, struct cim_named_value *named, struct fault *fault)
{
	bool array = node_is(property, NULL, "PROPERTY.ARRAY");
	const xmlNode *values = array ? node_child(property, NULL, "VALUE.ARRAY") : property;

	named->name = node_attribute(scratch, property, "NAME");
	if (!named->name || !*named->name)
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidName", "a property of an embedded instance has no NAME");
	named->value = (struct cim_value){ .array = array };
	if (values && parse_values(scratch, values, &named->value, fault))
		return -1;
	if (!array && named->value.count > 1)
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "property '%.100s' of an embedded instance has two values", named->name);
	named->value.null = array ? !values : !named->value.count;
	return 0;
}

static int parse_instance(struct scratch *scratch, const xmlNode *element, struct cim_instance *ret, struct fault *fault)
{
	struct cim_named_value *properties = scratch_alloc(scratch, ARGUMENTS_MAX * sizeof *properties);

	*ret = (struct cim_instance){ .properties = properties, .class_name = node_attribute(scratch, element, "CLASSNAME") };
	if (!properties)
		return out_of_memory(fault);
	if (!ret->class_name || !*ret->class_name)
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "an embedded instance has no CLASSNAME");
	for (const xmlNode *child = node_first(element); child; child = node_next(child)) {
		if (!node_is(child, NULL, "PROPERTY") && !node_is(child, NULL, "PROPERTY.ARRAY"))
			continue;   /* qualifiers; references, which no setting that can be changed has */
		if (ret->property_count == ARGUMENTS_MAX)
			return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "an embedded instance has more than %u properties", ARGUMENTS_MAX);
		if (parse_property(scratch, child, &properties[ret->property_count++], fault))
			return -1;
	}
	return 0;
}

int embedded_parse(struct scratch *scratch, const char *text, size_t size, struct cim_instance *ret, struct fault *fault)
{
	const xmlNode *element;
	char why[256];
	xmlDoc *doc;
	int rc;

	doc = xml_parse(text, size, true, why, sizeof why);
	if (!doc)
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "an embedded instance is no well-formed XML: %s", why);
	element = find_instance(xmlDocGetRootElement(doc), 0);
	rc = element ? parse_instance(scratch, element, ret, fault)
		     : fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "there is no <INSTANCE> in an embedded instance");
	xmlFreeDoc(doc);
	return rc;
}
