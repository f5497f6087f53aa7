/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From XML text to a partition_config: bounds (markup.c), syntax (libxml2), structure (rules.c, walked here), values (values.c),
 * and last the schema, which must find nothing more to say. Errors carry the position of the element's '<'.
 */
#include "root-partition/config/reader.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>

static void set_error(struct config_error *error, const char *file, uint32_t line, uint32_t column, const char *message)
{
	snprintf(error->text, sizeof error->text, "%s:%u:%u: %s", file, line, column, message);
}

/* Nodes carry the number of their start tag, from 1, in _private. */
static void node_place(const struct reader *r, const xmlNode *node, uint32_t *line, uint32_t *column)
{
	uintptr_t number = node ? (uintptr_t)node->_private : 1;

	*line = *column = 1;
	if (number && number <= r->markup->count) {
		*line = r->markup->tags[number - 1].line;
		*column = r->markup->tags[number - 1].column;
	}
}

int reader_fail(struct reader *r, const xmlNode *node, const char *format, ...)
{
	char message[512], whole[640];
	uint32_t line, column;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "<%.64s>: %s", (const char *)node->name, message);
	node_place(r, node, &line, &column);
	set_error(r->error, r->file, line, column, whole);
	return -1;
}

int reader_fail_attribute(struct reader *r, const xmlNode *node, const char *attribute, const char *format, ...)
{
	const char *value = reader_attribute(r, node, attribute);
	char message[384], whole[640];
	uint32_t line, column;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "<%.64s %.64s='%.64s'>: %s", (const char *)node->name, attribute, value ? value : "", message);
	node_place(r, node, &line, &column);
	set_error(r->error, r->file, line, column, whole);
	return -1;
}

static const char *keep(struct reader *r, xmlChar *text)
{
	struct kept *kept = text ? malloc(sizeof *kept) : NULL;

	if (!kept) {
		xmlFree(text);
		return NULL;
	}
	*kept = (struct kept){ .next = r->kept, .text = text };
	r->kept = kept;
	return (const char *)text;
}

const char *reader_attribute(struct reader *r, const xmlNode *node, const char *name)
{
	return keep(r, xmlGetNoNsProp(node, (const xmlChar *)name));
}

void reader_release(struct reader *r)
{
	while (r->kept) {
		struct kept *next = r->kept->next;

		xmlFree(r->kept->text);
		free(r->kept);
		r->kept = next;
	}
}

static unsigned distance(const char *a, const char *b)
{
	unsigned row[33], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

	if (la > 32 || lb > 32)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned above = row[j], best = diagonal + (tolower(a[i - 1]) != tolower(b[j - 1]));

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}

static int fail_unknown_element(struct reader *r, const xmlNode *node, const struct element_rule *parent)
{
	const struct element_rule *nearest = NULL;
	char allowed[320] = "";
	unsigned best = 3;

	for (const struct element_rule *rule = parent->children; rule->name; rule++) {
		unsigned d = distance((const char *)node->name, rule->name);
		size_t used = strlen(allowed);

		if (d < best) {
			best = d;
			nearest = rule;
		}
		snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "", rule->name);
	}
	if (nearest)
		return reader_fail(r, node, "unknown element in <%s>; did you mean <%s>?", parent->name, nearest->name);
	return reader_fail(r, node, "unknown element in <%s>; allowed here: %s", parent->name, allowed);
}

static int check_attributes(struct reader *r, const xmlNode *node, const struct element_rule *rule)
{
	const char *const none[] = { NULL };
	const char *const *names = rule->attributes ? rule->attributes : none;

	for (const xmlAttr *a = node->properties; a; a = a->next) {
		const char *const *name = names;

		while (*name && (a->ns || strcmp(**name == '!' ? *name + 1 : *name, (const char *)a->name)))
			name++;
		if (!*name) {
			char allowed[128] = "";

			for (name = names; *name; name++) {
				size_t used = strlen(allowed);

				snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "; allowed: ",
					 **name == '!' ? *name + 1 : *name);
			}
			return reader_fail(r, node, "unknown attribute '%.64s'%s", (const char *)a->name,
					   *allowed ? allowed : "; this element has none");
		}
	}
	for (const char *const *name = names; *name; name++)
		if (**name == '!' && !xmlHasProp(node, (const xmlChar *)(*name + 1)))
			return reader_fail(r, node, "attribute '%s' is missing", *name + 1);
	return 0;
}

/* The trimmed text of an element that may hold nothing else. */
static int element_text(struct reader *r, const xmlNode *node, const char **ret)
{
	const xmlChar *content;
	char *text, *end;

	for (const xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			return reader_fail(r, child, "unexpected in <%s>, which holds only text", (const char *)node->name);
	content = (const xmlChar *)keep(r, xmlNodeGetContent(node));
	if (!content)
		return reader_fail(r, node, "out of memory");
	text = (char *)content;
	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	*ret = text;
	return 0;
}

static int walk(struct reader *r, const xmlNode *node, const struct element_rule *rule);

static int walk_children(struct reader *r, const xmlNode *node, const struct element_rule *rule)
{
	uint64_t seen = 0;

	for (const xmlNode *child = node->children; child; child = child->next) {
		const struct element_rule *found = rule->children;

		if (child->type == XML_COMMENT_NODE || child->type == XML_PI_NODE)
			continue;
		if (child->type != XML_ELEMENT_NODE) {
			if (xmlIsBlankNode(child))
				continue;
			return reader_fail(r, node, "text between its elements; only elements may stand here");
		}
		if (rule->content == HOLDS_NOTHING)
			return reader_fail(r, child, "unexpected in <%s>, which is empty", rule->name);
		while (found->name && (child->ns || strcmp(found->name, (const char *)child->name)))
			found++;
		if (!found->name)
			return fail_unknown_element(r, child, rule);
		if (seen & 1ull << (found - rule->children) && !(found->flags & MANY))
			return reader_fail(r, child, "given twice in <%s>; keep one", rule->name);
		seen |= 1ull << (found - rule->children);
		if (walk(r, child, found))
			return -1;
	}
	if (rule->content == HOLDS_ELEMENTS)
		for (const struct element_rule *child = rule->children; child->name; child++)
			if (child->flags & REQUIRED && !(seen & 1ull << (child - rule->children)))
				return reader_fail(r, node, "<%s> is missing", child->name);
	return 0;
}

static int walk(struct reader *r, const xmlNode *node, const struct element_rule *rule)
{
	const char *text = NULL;

	if (rule->content == HOLDS_ANYTHING)
		return 0;
	if (check_attributes(r, node, rule) || (rule->content == HOLDS_TEXT && element_text(r, node, &text)))
		return -1;
	if (rule->begin && rule->begin(r, node, text))
		return -1;
	if (rule->content != HOLDS_TEXT && walk_children(r, node, rule))
		return -1;
	return rule->end ? rule->end(r, node) : 0;
}

int reader_walk(struct reader *r, const xmlNode *root, const struct element_rule *rule)
{
	if (root->ns || strcmp((const char *)root->name, rule->name))
		return reader_fail(r, root, "unknown root element; %s is %s <%s>", rule == &partition_rule ? "a definition" : "this",
				   rule == &interface_rule ? "an" : "a", rule->name);
	return walk(r, root, rule);
}

static void number_nodes(xmlNode *node, uintptr_t *count)
{
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE) {
			node->_private = (void *)++*count;
			number_nodes(node->children, count);
		}
}

static xmlDoc *parse_xml(const char *file, const char *text, size_t size, struct config_error *error)
{
	xmlParserCtxt *parser = xmlNewParserCtxt();
	const xmlError *reason;
	xmlDoc *doc = NULL;
	char message[256];

	if (!parser) {
		set_error(error, file, 1, 1, "out of memory");
		return NULL;
	}
	doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (!doc) {
		reason = xmlCtxtGetLastError(parser);
		snprintf(message, sizeof message, "%s", reason && reason->message ? reason->message : "not XML");
		message[strcspn(message, "\n")] = 0;
		set_error(error, file, reason && reason->line > 0 ? (uint32_t)reason->line : 1,
			  reason && reason->int2 > 0 ? (uint32_t)reason->int2 : 1, message);
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

/* The text as a checked tree of elements, each with its number: the reader can say where it is. NULL: error is set. */
static xmlDoc *read_text(const char *file, const char *text, size_t size, struct markup *markup, struct config_error *error)
{
	struct markup_error place;
	uintptr_t count = 0;
	char message[96];
	xmlDoc *doc;

	if (size > CONFIG_TEXT_MAX) {
		snprintf(message, sizeof message, "%zu bytes are too many for a definition; at most %u", size, CONFIG_TEXT_MAX);
		set_error(error, file, 1, 1, message);
		return NULL;
	}
	if (markup_scan(text, size, markup, &place)) {
		set_error(error, file, place.line, place.column, place.message);
		return NULL;
	}
	doc = parse_xml(file, text, size, error);
	if (doc)
		number_nodes(doc->children, &count);
	return doc;
}

static struct partition_config *new_config(const char *file, struct config_error *error)
{
	struct partition_config *config = calloc(1, sizeof *config);

	if (!config) {
		set_error(error, file, 1, 1, "out of memory");
		return NULL;
	}
	config->vp_count = 1;
	config->integration = CONFIG_IC_ALL;
	config->memory_buffer = 20;
	config->memory_priority = 50;
	config->crash_limit = 3;
	config->crash_within_s = 600;
	config->crash_wait_s = 60;
	config->replace_limit = 10;
	config->replace_within_s = 600;
	config->console_log = true;
	vsock_defaults(&config->vsock);
	return config;
}

int config_parse(const char *file, const char *text, size_t size, struct partition_config **ret, struct config_error *error)
{
	struct partition_config *config = NULL;
	struct markup markup = { 0 };
	struct reader reader = { .file = file, .markup = &markup, .error = error };
	const xmlNode *node = NULL, *root;
	char message[256];
	int rc = -1;
	xmlDoc *doc = read_text(file, text, size, &markup, error);

	if (!doc || !(config = new_config(file, error)))
		goto out;
	root = xmlDocGetRootElement(doc);
	reader.config = config;
	if (reader_walk(&reader, root, &partition_rule) || check_memory(&reader, root) || check_whole(&reader, root))
		goto out;
	if (schema_validate(doc, &node, message, sizeof message)) {
		reader_fail(&reader, node ? node : root, "%s", message);
		goto out;
	}
	*ret = config;
	config = NULL;
	rc = 0;
out:
	config_free(config);
	xmlFreeDoc(doc);
	reader_release(&reader);
	markup_free(&markup);
	return rc;
}

/* The text of one device, as the only one of a partition_config. NULL: error is set. */
static struct partition_config *parse_device(const char *file, const char *text, size_t size, const struct element_rule *rule,
					     struct config_error *error)
{
	struct partition_config *config = NULL;
	struct markup markup = { 0 };
	struct reader reader = { .file = file, .markup = &markup, .error = error };
	xmlDoc *doc = read_text(file, text, size, &markup, error);

	if (doc)
		config = reader.config = new_config(file, error);
	if (config && reader_walk(&reader, xmlDocGetRootElement(doc), rule)) {
		config_free(config);
		config = NULL;
	}
	xmlFreeDoc(doc);
	reader_release(&reader);
	markup_free(&markup);
	return config;
}

int config_parse_interface(const char *file, const char *text, size_t size, struct config_interface *ret, struct config_error *error)
{
	struct partition_config *config = parse_device(file, text, size, &interface_rule, error);

	if (!config)
		return -1;
	*ret = config->interfaces[0];
	config_free(config);
	return 0;
}

int config_parse_disk(const char *file, const char *text, size_t size, struct config_disk *ret, struct config_error *error)
{
	struct partition_config *config = parse_device(file, text, size, &disk_rule, error);

	if (!config)
		return -1;
	*ret = config->disks[0];
	config->disks[0].source = NULL;
	config_free(config);
	return 0;
}

void config_free(struct partition_config *config)
{
	if (!config)
		return;
	for (uint32_t i = 0; i < CONFIG_MAX_DISKS; i++)
		free(config->disks[i].source);
	free(config->title);
	free(config->description);
	free(config->kernel);
	free(config->initrd);
	free(config->cmdline);
	free(config);
}
