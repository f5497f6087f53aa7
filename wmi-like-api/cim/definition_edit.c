/* SPDX-License-Identifier: BSD-2-Clause */
/* See definition.h: editing. The document keeps its blanks and comments, so that what is not touched is written as it was. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/definition.h"
#include "wmi-like-api/cim/definition_internal.h"

struct edit {
	xmlDoc *doc;
	xmlNode *root;
};

struct edit *edit_open(const char *text)
{
	struct edit *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->doc = definition_document(text);
	if (!e->doc) {
		free(e);
		return NULL;
	}
	e->root = xmlDocGetRootElement(e->doc);
	return e;
}

void edit_drop(struct edit *e)
{
	if (!e)
		return;
	xmlFreeDoc(e->doc);
	free(e);
}

char *edit_close(struct edit *e)
{
	xmlBuffer *buffer = xmlBufferCreate();
	char *text = NULL;

	if (buffer) {
		for (xmlNode *node = e->doc->children; node; node = node->next) {
			xmlNodeDump(buffer, e->doc, node, 0, 0);
			xmlBufferCat(buffer, (const xmlChar *)"\n");
		}
		text = strdup((const char *)xmlBufferContent(buffer));
	}
	xmlBufferFree(buffer);
	edit_drop(e);
	return text;
}

static void set_attribute(xmlNode *node, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void set_attribute(xmlNode *node, const char *name, const char *format, ...)
{
	char text[4200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)text);
}

static void set_text(xmlNode *node, const char *text)
{
	xmlNode *content = xmlNewDocText(node->doc, (const xmlChar *)text);

	xmlNodeSetContent(node, NULL);
	if (content)
		xmlAddChild(node, content);
}

/* A child at the end of its parent, on a line of its own. */
static xmlNode *append(xmlNode *parent, const char *name, unsigned depth)
{
	static const char blanks[] = "\n                ";
	xmlNode *node = xmlNewDocNode(parent->doc, NULL, (const xmlChar *)name, NULL), *last = parent->last;
	char indent[20];

	if (!node)
		return NULL;
	snprintf(indent, sizeof indent, "%.*s", (int)(1 + 2 * depth), blanks);
	if (last && last->type == XML_TEXT_NODE && xmlIsBlankNode(last))
		xmlNodeSetContent(last, (const xmlChar *)indent);
	else
		xmlAddChild(parent, xmlNewDocText(parent->doc, (const xmlChar *)indent));
	xmlAddChild(parent, node);
	snprintf(indent, sizeof indent, "%.*s", (int)(1 + 2 * (depth - 1)), blanks);
	xmlAddChild(parent, xmlNewDocText(parent->doc, (const xmlChar *)indent));
	return node;
}

static void drop_node(xmlNode *node)
{
	xmlNode *before = node->prev;

	if (before && before->type == XML_TEXT_NODE && xmlIsBlankNode(before)) {
		xmlUnlinkNode(before);
		xmlFreeNode(before);
	}
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

static xmlNode *child(xmlNode *parent, const char *name, unsigned depth)
{
	xmlNode *node = element_child(parent, name);

	return node ? node : append(parent, name, depth);
}

static void set_or_drop(struct edit *e, const char *name, const char *text)
{
	xmlNode *node = element_child(e->root, name);

	if (text && *text)
		set_text(child(e->root, name, 1), text);
	else if (node)
		drop_node(node);
}

void edit_set_vps(struct edit *e, unsigned count)
{
	char text[16];

	snprintf(text, sizeof text, "%u", count);
	set_text(child(e->root, "vcpu", 1), text);
}

void edit_set_description(struct edit *e, const char *description)
{
	set_or_drop(e, "description", description);
}

void edit_set_title(struct edit *e, const char *title)
{
	set_or_drop(e, "title", title);
}

void edit_set_autostart(struct edit *e, bool on, int order)
{
	xmlNode *node = child(e->root, "autostart", 1);

	set_text(node, on ? "yes" : "no");
	if (order >= 0)
		set_attribute(node, "order", "%d", order);
}

void edit_set_restart(struct edit *e, bool on)
{
	set_text(child(e->root, "on_crash", 1), on ? "restart" : "stop");
}

static void set_size(xmlNode *node, uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof text, "%llu", (unsigned long long)(bytes >> 20));
	set_text(node, text);
	set_attribute(node, "unit", "MiB");
}

void edit_set_memory(struct edit *e, const struct edit_memory *memory)
{
	xmlNode *current = element_child(e->root, "currentMemory"), *dynamic = element_child(e->root, "dynamicMemory");

	set_size(child(e->root, "memory", 1), memory->maximum);
	if (!memory->dynamic) {
		if (current)
			drop_node(current);
		if (dynamic)
			drop_node(dynamic);
		return;
	}
	set_size(child(e->root, "currentMemory", 1), memory->startup);
	dynamic = child(e->root, "dynamicMemory", 1);
	set_attribute(dynamic, "unit", "MiB");
	set_attribute(dynamic, "minimum", "%llu", (unsigned long long)(memory->minimum >> 20));
	set_attribute(dynamic, "buffer", "%u", memory->buffer);
	set_attribute(dynamic, "priority", "%u", memory->priority);
}

static xmlNode *find_disk(const struct edit *e, unsigned controller, unsigned lun)
{
	const xmlNode *devices = element_child(e->root, "devices");
	unsigned at, unit;

	for (xmlNode *node = devices ? devices->children : NULL; node; node = node->next)
		if (element_is(node, "disk") && disk_address(node, &at, &unit) && at == controller && unit == lun)
			return node;
	return NULL;
}

static void set_source(xmlNode *disk, const char *path)
{
	bool block = !strncmp(path, "/dev/", 5);
	xmlNode *source = child(disk, "source", 3);

	set_attribute(disk, "type", "%s", block ? "block" : "file");
	xmlUnsetProp(source, (const xmlChar *)(block ? "file" : "dev"));
	set_attribute(source, block ? "dev" : "file", "%s", path);
}

static void fill_disk(xmlNode *disk, unsigned controller, unsigned lun, const char *path, bool read_only)
{
	xmlNode *target;

	set_source(disk, path);
	target = append(disk, "target", 3);
	set_attribute(target, "controller", "%u", controller);
	set_attribute(target, "lun", "%u", lun);
	if (read_only)
		append(disk, "readonly", 3);
}

void edit_add_disk(struct edit *e, unsigned controller, unsigned lun, const char *path, bool read_only)
{
	fill_disk(append(child(e->root, "devices", 1), "disk", 2), controller, lun, path, read_only);
}

bool edit_remove_disk(struct edit *e, unsigned controller, unsigned lun)
{
	xmlNode *disk = find_disk(e, controller, lun);

	if (disk)
		drop_node(disk);
	return disk;
}

bool edit_set_disk_source(struct edit *e, unsigned controller, unsigned lun, const char *path)
{
	xmlNode *disk = find_disk(e, controller, lun);

	if (disk)
		set_source(disk, path);
	return disk;
}

static void set_vlan(xmlNode *interface, unsigned vlan)
{
	xmlNode *node = element_child(interface, "vlan");

	if (vlan)
		set_attribute(child(child(interface, "vlan", 3), "tag", 4), "id", "%u", vlan);
	else if (node)
		drop_node(node);
}

static void fill_interface(xmlNode *node, const char *bridge, const char *mac, unsigned vlan)
{
	set_attribute(node, "type", "bridge");
	set_attribute(append(node, "source", 3), "bridge", "%s", bridge);
	if (*mac)
		set_attribute(append(node, "mac", 3), "address", "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", mac, mac + 2, mac + 4, mac + 6, mac + 8, mac + 10);
	set_vlan(node, vlan);
}

void edit_add_interface(struct edit *e, const char *bridge, const char *mac, unsigned vlan)
{
	fill_interface(append(child(e->root, "devices", 1), "interface", 2), bridge, mac, vlan);
}

static xmlNode *find_interface(const struct edit *e, unsigned index)
{
	const xmlNode *devices = element_child(e->root, "devices");

	for (xmlNode *node = devices ? devices->children : NULL; node; node = node->next)
		if (element_is(node, "interface") && !index--)
			return node;
	return NULL;
}

bool edit_remove_interface(struct edit *e, unsigned index)
{
	xmlNode *node = find_interface(e, index);

	if (node)
		drop_node(node);
	return node;
}

bool edit_set_interface(struct edit *e, unsigned index, const char *bridge, int vlan, int allow_spoofing)
{
	xmlNode *node = find_interface(e, index);

	if (!node)
		return false;
	if (bridge)
		set_attribute(child(node, "source", 3), "bridge", "%s", bridge);
	if (vlan >= 0)
		set_vlan(node, (unsigned)vlan);
	if (allow_spoofing >= 0)
		set_attribute(child(node, "port", 3), "macspoofing", "%s", allow_spoofing ? "on" : "off");
	return true;
}

bool edit_set_link(struct edit *e, unsigned index, bool up)
{
	xmlNode *node = find_interface(e, index);

	if (node)
		set_attribute(child(node, "link", 3), "state", "%s", up ? "up" : "down");
	return node;
}

/* An element by itself, to be filled and given to lone_text. NULL: no memory. */
static xmlNode *lone_element(const char *name)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *node = doc ? xmlNewDocNode(doc, NULL, (const xmlChar *)name, NULL) : NULL;

	if (node)
		xmlDocSetRootElement(doc, node);
	else
		xmlFreeDoc(doc);
	return node;
}

/* Frees it. */
static char *lone_text(xmlNode *node)
{
	xmlBuffer *buffer = xmlBufferCreate();
	char *text = NULL;

	if (buffer && xmlNodeDump(buffer, node->doc, node, 0, 0) >= 0)
		text = strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	xmlFreeDoc(node->doc);
	return text;
}

char *definition_disk_text(unsigned controller, unsigned lun, const char *source, bool read_only)
{
	xmlNode *node = lone_element("disk");

	if (!node)
		return NULL;
	fill_disk(node, controller, lun, source, read_only);
	return lone_text(node);
}

char *definition_interface_text(const char *bridge, const char *mac, unsigned vlan)
{
	xmlNode *node = lone_element("interface");

	if (!node)
		return NULL;
	fill_interface(node, bridge, mac, vlan);
	return lone_text(node);
}

char *definition_new_text(const char *name, const char *uuid, const char *kernel, const char *initrd, const char *cmdline)
{
	struct edit *e = edit_open("<partition/>");
	xmlNode *os;

	if (!e)
		return NULL;
	set_text(append(e->root, "name", 1), name);
	if (uuid && *uuid)
		set_text(append(e->root, "uuid", 1), uuid);
	set_size(append(e->root, "memory", 1), 512ull << 20);
	set_text(append(e->root, "vcpu", 1), "1");
	os = append(e->root, "os", 1);
	set_text(append(os, "kernel", 2), kernel);
	if (initrd)
		set_text(append(os, "initrd", 2), initrd);
	if (cmdline && *cmdline)
		set_text(append(os, "cmdline", 2), cmdline);
	append(e->root, "devices", 1);
	return edit_close(e);
}
