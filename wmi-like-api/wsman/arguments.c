/* SPDX-License-Identifier: BSD-2-Clause */
/* See arguments.h; embedded.c has the form of DSP0201. */
#include "wmi-like-api/wsman/arguments.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/wsman/names.h"

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
}

static int path_at_depth(struct scratch *scratch, const struct reference *reference, struct cim_path *ret, unsigned depth, struct fault *fault)
{
	struct cim_named_value *keys = scratch_alloc(scratch, sizeof *keys * (reference->count + 1));
	struct cim_item *items = scratch_alloc(scratch, sizeof *items * (reference->count + 1));

	if (!keys || !items)
		return out_of_memory(fault);
	for (unsigned i = 0; i < reference->count; i++) {
		const struct selector *selector = &reference->selectors[i];

		keys[i].name = selector->name;
		keys[i].value = (struct cim_value){ .count = 1, .items = &items[i] };
		items[i].text = selector->value;
		if (selector->reference) {
			struct cim_path *inner = scratch_alloc(scratch, sizeof *inner);

			if (!inner)
				return out_of_memory(fault);
			if (depth >= EPR_DEPTH_MAX || path_at_depth(scratch, selector->reference, inner, depth + 1, fault))
				return -1;
			items[i].path = inner;
		}
	}
	*ret = (struct cim_path){ .space = reference->space, .class = reference->class, .keys = keys, .key_count = reference->count };
	return 0;
}

int arguments_path(struct scratch *scratch, const struct reference *reference, struct cim_path *ret, struct fault *fault)
{
	return path_at_depth(scratch, reference, ret, 0, fault);
}

static int parse_reference(struct scratch *scratch, const xmlNode *element, struct cim_item *item, struct fault *fault)
{
	struct reference *reference = scratch_alloc(scratch, sizeof *reference);
	struct cim_path *path = scratch_alloc(scratch, sizeof *path);

	if (!reference || !path)
		return out_of_memory(fault);
	if (reference_parse(scratch, element, reference, 0, fault) || arguments_path(scratch, reference, path, fault))
		return -1;
	item->path = path;
	return 0;
}

/* "p:Msvm_X_Type" of xsi:type, else the last word of the namespace of what is inside. */
static const char *class_of(struct scratch *scratch, const xmlNode *element)
{
	const char *type = node_attribute(scratch, element, "type"), *name;
	const xmlNode *inside = node_first(element);
	size_t size;

	if (type) {
		name = strrchr(type, ':') ? strrchr(type, ':') + 1 : type;
		size = strlen(name);
		if (size > 5 && !strcmp(name + size - 5, "_Type"))
			size -= 5;
		return scratch_copy(scratch, name, size);
	}
	if (!inside || !inside->ns || !strrchr((const char *)inside->ns->href, '/'))
		return "";
	name = strrchr((const char *)inside->ns->href, '/') + 1;
	return scratch_copy(scratch, name, strlen(name));
}

static int parse_instance(struct scratch *scratch, const xmlNode *element, struct cim_item *item, struct fault *fault)
{
	struct cim_instance *instance = scratch_alloc(scratch, sizeof *instance);
	struct argument_list list;
	const char *text;

	if (!instance)
		return out_of_memory(fault);
	item->instance = instance;
	if (!node_first(element)) {
		text = node_text(scratch, element);
		return text ? embedded_parse(scratch, text, strlen(text), instance, fault) : out_of_memory(fault);
	}
	if (arguments_parse_properties(scratch, element, &list, fault))
		return -1;
	instance->class_name = class_of(scratch, element);
	instance->properties = list.values;
	instance->property_count = list.count;
	return instance->class_name ? 0 : out_of_memory(fault);
}

static int parse_item(struct scratch *scratch, const xmlNode *element, enum cim_type type, struct cim_item *item, struct fault *fault)
{
	if (type == CIM_REFERENCE)
		return parse_reference(scratch, element, item, fault);
	if (type == CIM_INSTANCE)
		return parse_instance(scratch, element, item, fault);
	item->text = type == CIM_STRING ? node_text_exact(scratch, element) : node_text(scratch, element);
	return item->text ? 0 : out_of_memory(fault);
}

static const struct cim_parameter *parameter_of(const struct cim_method *method, const char *name)
{
	for (unsigned i = 0; i < method->parameter_count; i++)
		if (method->parameters[i].in && !strcasecmp(method->parameters[i].name, name))
			return &method->parameters[i];
	return NULL;
}

static bool came_before(const xmlNode *element)
{
	for (const xmlNode *node = element->prev; node; node = node->prev)
		if (node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, (const char *)element->name))
			return true;
	return false;
}

/* All values of one name, of which element is the first. */
static int parse_named(struct scratch *scratch, const xmlNode *element, enum cim_type type, bool array, struct cim_named_value *named, struct fault *fault)
{
	struct cim_item *items;
	unsigned count = 0, i = 0;

	for (const xmlNode *node = element; node; node = node_next(node))
		count += !strcmp((const char *)node->name, (const char *)element->name);
	if (count > ITEMS_MAX || (count > 1 && !array))
		return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidValue", "<%.100s>: %s", (const char *)element->name,
				 array ? "too many values" : "is there twice");
	items = scratch_alloc(scratch, count * sizeof *items);
	named->name = scratch_copy(scratch, (const char *)element->name, strlen((const char *)element->name));
	if (!items || !named->name)
		return out_of_memory(fault);
	named->value = (struct cim_value){ .array = array, .count = count, .items = items };
	if (count == 1 && node_is_nil(element)) {
		named->value.null = true;
		named->value.count = 0;
		return 0;
	}
	for (const xmlNode *node = element; node; node = node_next(node))
		if (!strcmp((const char *)node->name, (const char *)element->name) && parse_item(scratch, node, type, &items[i++], fault))
			return -1;
	return 0;
}

static int make_room(struct scratch *scratch, const xmlNode *parent, struct argument_list *ret, struct fault *fault)
{
	unsigned count = 0;

	for (const xmlNode *child = node_first(parent); child; child = node_next(child))
		count++;
	*ret = (struct argument_list){ 0 };
	if (count > ITEMS_MAX)
		return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "<%.100s> has more than %u values", (const char *)parent->name, ITEMS_MAX);
	ret->values = scratch_alloc(scratch, (count < ARGUMENTS_MAX ? count + 1 : ARGUMENTS_MAX) * sizeof *ret->values);
	return ret->values ? 0 : out_of_memory(fault);
}

int arguments_parse(struct scratch *scratch, const xmlNode *input, const struct cim_method *method, struct argument_list *ret, struct fault *fault)
{
	if (make_room(scratch, input, ret, fault))
		return -1;
	for (const xmlNode *child = node_first(input); child; child = node_next(child)) {
		const struct cim_parameter *parameter = parameter_of(method, (const char *)child->name);

		if (!parameter)
			return fault_set(fault, FAULT_INVALID_PARAMETER, "InvalidName", "%s has no parameter '%.100s'", method->name,
					 (const char *)child->name);
		if (came_before(child))
			continue;
		if (ret->count == ARGUMENTS_MAX)
			return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "more than %u arguments", ARGUMENTS_MAX);
		if (parse_named(scratch, child, parameter->type, parameter->array, &ret->values[ret->count], fault))
			return -1;
		ret->values[ret->count++].name = parameter->name;
	}
	return 0;
}

int arguments_parse_properties(struct scratch *scratch, const xmlNode *instance, struct argument_list *ret, struct fault *fault)
{
	if (make_room(scratch, instance, ret, fault))
		return -1;
	for (const xmlNode *child = node_first(instance); child; child = node_next(child)) {
		if (came_before(child))
			continue;
		if (ret->count == ARGUMENTS_MAX)
			return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "more than %u properties", ARGUMENTS_MAX);
		if (parse_named(scratch, child, node_child(child, NULL, "ReferenceParameters") ? CIM_REFERENCE : CIM_STRING, true,
				&ret->values[ret->count++], fault))
			return -1;
	}
	return 0;
}
