/* SPDX-License-Identifier: BSD-2-Clause */
/* <memory>, <currentMemory>, <dynamicMemory>: how much a partition has at most, at its start, and at least. */
#include "root-partition/config/reader.h"

#include <inttypes.h>

#include "root-partition/config/values.h"

int memory_read(struct reader *r, const xmlNode *node, const char *text)
{
	return value_memory(r, node, text, &r->config->memory_bytes);
}

int memory_read_current(struct reader *r, const xmlNode *node, const char *text)
{
	return value_memory(r, node, text, &r->config->startup_bytes);
}

int memory_read_dynamic(struct reader *r, const xmlNode *node, const char *text)
{
	const char *buffer = reader_attribute(r, node, "buffer"), *priority = reader_attribute(r, node, "priority");
	struct partition_config *c = r->config;

	(void)text;
	c->dynamic_memory = true;
	if (value_memory(r, node, reader_attribute(r, node, "minimum"), &c->minimum_bytes))
		return -1;
	if (buffer && value_number(r, node, "buffer", buffer, 0, 500, &c->memory_buffer))
		return -1;
	if (priority && value_number(r, node, "priority", priority, 0, 100, &c->memory_priority))
		return -1;
	return 0;
}

static const xmlNode *child(const xmlNode *root, const char *name)
{
	const xmlNode *node = root->children;

	while (node && (node->type != XML_ELEMENT_NODE || xmlStrcmp(node->name, (const xmlChar *)name)))
		node = node->next;
	return node ? node : root;
}

int check_memory(struct reader *r, const xmlNode *root)
{
	struct partition_config *c = r->config;

	if (!c->startup_bytes)
		c->startup_bytes = c->memory_bytes;
	if (c->startup_bytes > c->memory_bytes)
		return reader_fail(r, child(root, "currentMemory"), "%" PRIu64 " MiB at the start are more than the maximum, the %" PRIu64
				   " MiB of <memory>", c->startup_bytes >> 20, c->memory_bytes >> 20);
	if (c->startup_bytes < c->memory_bytes && !c->dynamic_memory)
		return reader_fail(r, child(root, "currentMemory"), "less than <memory> at the start needs <dynamicMemory>; add it, or leave "
				   "<currentMemory> out");
	if (c->dynamic_memory && c->minimum_bytes > c->startup_bytes)
		return reader_fail_attribute(r, child(root, "dynamicMemory"), "minimum", "more than the partition has at its start, %" PRIu64
					     " MiB", c->startup_bytes >> 20);
	return 0;
}
