/* SPDX-License-Identifier: BSD-2-Clause */
/* See definition.h: reading. The daemon has checked what is read here; what would not fit is left out all the same. */
#include "wmi-like-api/cim/definition.h"

#include <ctype.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/definition_internal.h"

bool element_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

xmlNode *element_child(const xmlNode *parent, const char *name)
{
	for (xmlNode *child = parent ? parent->children : NULL; child; child = child->next)
		if (element_is(child, name))
			return child;
	return NULL;
}

void element_text(const xmlNode *node, char *ret, size_t size)
{
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	char *start = (char *)text, *end;

	*ret = 0;
	if (!text)
		return;
	while (isspace((unsigned char)*start))
		start++;
	for (end = start + strlen(start); end > start && isspace((unsigned char)end[-1]);)
		*--end = 0;
	snprintf(ret, size, "%s", start);
	xmlFree(text);
}

void element_attribute(const xmlNode *node, const char *name, char *ret, size_t size)
{
	xmlChar *text = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;

	snprintf(ret, size, "%s", text ? (char *)text : "");
	xmlFree(text);
}

static char *long_text(const xmlNode *node, size_t most)
{
	char *text;

	if (!node)
		return NULL;
	text = malloc(most);
	if (text)
		element_text(node, text, most);
	return text;
}

static uint64_t number(const xmlNode *node, uint64_t otherwise)
{
	char text[32];

	element_text(node, text, sizeof text);
	return *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t number_attribute(const xmlNode *node, const char *name, uint64_t otherwise)
{
	char text[32];

	element_attribute(node, name, text, sizeof text);
	return *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t scaled(uint64_t value, const xmlNode *node)
{
	char unit[8];

	element_attribute(node, "unit", unit, sizeof unit);
	return value << (!strcmp(unit, "GiB") ? 30 : !strcmp(unit, "MiB") ? 20 : 10);
}

bool disk_address(const xmlNode *disk, unsigned *controller, unsigned *lun)
{
	const xmlNode *target = element_child(disk, "target");
	char dev[8];

	element_attribute(target, "dev", dev, sizeof dev);
	*controller = (unsigned)number_attribute(target, "controller", 0);
	*lun = *dev ? (unsigned)(dev[2] - 'a') : (unsigned)number_attribute(target, "lun", 0);
	return *controller < DEFINITION_CONTROLLERS && *lun < DEFINITION_LUNS;
}

static void read_disk(struct definition *d, const xmlNode *node)
{
	struct definition_disk *disk = &d->disks[d->disk_count];
	const xmlNode *source = element_child(node, "source");
	char type[8], path[4200];

	if (d->disk_count == DEFINITION_DISKS || !disk_address(node, &disk->controller, &disk->lun))
		return;
	element_attribute(node, "type", type, sizeof type);
	disk->block = !strcmp(type, "block");
	disk->read_only = element_child(node, "readonly") != NULL;
	element_attribute(source, disk->block ? "dev" : "file", path, sizeof path);
	element_text(element_child(node, "serial"), disk->serial, sizeof disk->serial);
	disk->source = strdup(path);
	d->disk_count += disk->source != NULL;
}

static void read_interface(struct definition *d, const xmlNode *node)
{
	struct definition_interface *n = &d->interfaces[d->interface_count];
	char text[24], *to = n->mac;

	if (d->interface_count == DEFINITION_INTERFACES)
		return;
	element_attribute(element_child(node, "source"), "bridge", n->bridge, sizeof n->bridge);
	element_attribute(element_child(node, "mac"), "address", text, sizeof text);
	for (const char *c = text; *c && to < n->mac + 12; c++)
		if (isxdigit((unsigned char)*c))
			*to++ = (char)toupper((unsigned char)*c);
	n->vlan = (unsigned)number_attribute(element_child(element_child(node, "vlan"), "tag"), "id", 0);
	element_attribute(element_child(node, "link"), "state", text, sizeof text);
	n->link_down = !strcmp(text, "down");
	element_attribute(element_child(node, "port"), "macspoofing", text, sizeof text);
	n->allow_spoofing = !strcmp(text, "on");
	d->interface_count++;
}

static void read_memory(struct definition *d, const xmlNode *root)
{
	const xmlNode *memory = element_child(root, "memory"), *current = element_child(root, "currentMemory"), *dynamic = element_child(root, "dynamicMemory");

	d->memory_bytes = scaled(number(memory, 0), memory);
	d->startup_bytes = current ? scaled(number(current, 0), current) : d->memory_bytes;
	d->dynamic_memory = dynamic != NULL;
	d->minimum_bytes = dynamic ? scaled(number_attribute(dynamic, "minimum", 0), dynamic) : d->memory_bytes;
	if (dynamic && !d->minimum_bytes)
		d->minimum_bytes = d->startup_bytes;
	d->memory_buffer = (unsigned)number_attribute(dynamic, "buffer", 20);
	d->memory_priority = (unsigned)number_attribute(dynamic, "priority", 50);
}

xmlDoc *definition_document(const char *text)
{
	xmlDoc *doc = xmlReadMemory(text, (int)strlen(text), "definition", "UTF-8",
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

	if (root && !doc->intSubset && element_is(root, "partition"))
		return doc;
	xmlFreeDoc(doc);
	return NULL;
}

struct definition *definition_parse(const char *text)
{
	struct definition *d = calloc(1, sizeof *d);
	xmlDoc *doc = d ? definition_document(text) : NULL;
	const xmlNode *root, *devices;
	char word[16];

	if (!doc) {
		free(d);
		return NULL;
	}
	root = xmlDocGetRootElement(doc);
	element_text(element_child(root, "name"), d->name, sizeof d->name);
	element_text(element_child(root, "uuid"), d->uuid, sizeof d->uuid);
	for (char *c = d->uuid; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	d->title = long_text(element_child(root, "title"), 257);
	d->description = long_text(element_child(root, "description"), 8193);
	read_memory(d, root);
	d->vps = (unsigned)number(element_child(root, "vcpu"), 1);
	element_text(element_child(root, "autostart"), word, sizeof word);
	d->autostart = !strcmp(word, "yes");
	d->autostart_order = (unsigned)number_attribute(element_child(root, "autostart"), "order", 0);
	element_text(element_child(root, "on_crash"), word, sizeof word);
	d->restart_on_crash = !strcmp(word, "restart");
	element_attribute(element_child(element_child(element_child(root, "features"), "integration"), "kvp"), "state", word, sizeof word);
	d->no_items = !strcmp(word, "off");
	devices = element_child(root, "devices");
	for (const xmlNode *node = devices ? devices->children : NULL; node; node = node->next)
		if (element_is(node, "disk"))
			read_disk(d, node);
		else if (element_is(node, "interface"))
			read_interface(d, node);
	xmlFreeDoc(doc);
	return d;
}

void definition_free(struct definition *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->disk_count; i++)
		free(d->disks[i].source);
	free(d->title);
	free(d->description);
	free(d);
}
