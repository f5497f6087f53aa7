/* SPDX-License-Identifier: BSD-2-Clause */
/* See xml.h. */
#include "wmi-like-api/wsman/xml.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>

/* Of one document while it is read; the parser's own user data stays its context. */
struct bounds {
	unsigned depth, nodes;
	const char *broken;
};

static void stop(xmlParserCtxt *parser, const char *reason)
{
	struct bounds *bounds = parser->_private;

	if (!bounds->broken)
		bounds->broken = reason;
	xmlStopParser(parser);
}

static void on_document_type(void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	(void)name;
	(void)public_id;
	(void)system_id;
	stop(context, "document type declarations are not allowed in SOAP");
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces, const xmlChar **declared,
		     int attributes, int defaulted, const xmlChar **values)
{
	xmlParserCtxt *parser = context;
	struct bounds *bounds = parser->_private;

	bounds->nodes += 1u + (unsigned)namespaces + (unsigned)attributes;
	bounds->depth++;
	if (bounds->depth > XML_DEPTH_MAX)
		stop(parser, "elements are nested too deeply");
	else if (bounds->nodes > XML_NODES_MAX)
		stop(parser, "too many elements and attributes");
	else
		xmlSAX2StartElementNs(context, name, prefix, uri, namespaces, declared, attributes, defaulted, values);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	xmlParserCtxt *parser = context;
	struct bounds *bounds = parser->_private;

	bounds->depth--;
	xmlSAX2EndElementNs(context, name, prefix, uri);
}

static void on_instruction(void *context, const xmlChar *target, const xmlChar *data)
{
	(void)target;
	(void)data;
	stop(context, "processing instructions are not allowed in SOAP");
}

static void ignore_error(void *context, xmlError *error)
{
	(void)context;
	(void)error;
}

static void explain(const xmlParserCtxt *parser, const struct bounds *bounds, char *why, size_t size)
{
	const char *text = bounds->broken ? bounds->broken : parser->lastError.message;

	snprintf(why, size, "line %d: %s", parser->lastError.line > 0 ? parser->lastError.line : 1, text ? text : "no XML");
	why[strcspn(why, "\n")] = 0;
}

xmlDoc *xml_parse(const char *text, size_t size, bool utf8, char *why, size_t why_size)
{
	xmlParserCtxt *parser = size && size < INT_MAX ? xmlNewParserCtxt() : NULL;
	struct bounds bounds = { 0 };
	xmlDoc *doc = NULL;

	snprintf(why, why_size, "no XML");
	if (!parser)
		return NULL;
	parser->_private = &bounds;
	parser->sax->internalSubset = on_document_type;
	parser->sax->externalSubset = on_document_type;
	parser->sax->startElementNs = on_start;
	parser->sax->endElementNs = on_end;
	parser->sax->processingInstruction = on_instruction;
	parser->sax->comment = NULL;
	parser->sax->serror = ignore_error;
	doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT | (utf8 ? XML_PARSE_IGNORE_ENC : 0));
	if (!doc || bounds.broken || !parser->wellFormed || doc->intSubset || !xmlDocGetRootElement(doc)) {
		explain(parser, &bounds, why, why_size);
		xmlFreeDoc(doc);
		doc = NULL;
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

static xmlNode *element_from(xmlNode *node)
{
	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

xmlNode *node_first(const xmlNode *parent)
{
	return parent ? element_from(parent->children) : NULL;
}

xmlNode *node_next(const xmlNode *element)
{
	return element_from(element->next);
}

bool node_is(const xmlNode *element, const char *uri, const char *name)
{
	if (!element || strcmp((const char *)element->name, name))
		return false;
	return !uri || (element->ns && !strcmp((const char *)element->ns->href, uri));
}

xmlNode *node_child(const xmlNode *parent, const char *uri, const char *name)
{
	xmlNode *child = node_first(parent);

	while (child && !node_is(child, uri, name))
		child = node_next(child);
	return child;
}

char *node_text_exact(struct scratch *scratch, const xmlNode *element)
{
	xmlChar *text = xmlNodeGetContent(element);
	char *copy = scratch_copy(scratch, text ? (char *)text : "", text ? strlen((char *)text) : 0);

	xmlFree(text);
	return copy;
}

char *node_text(struct scratch *scratch, const xmlNode *element)
{
	char *text = node_text_exact(scratch, element), *end;

	if (!text)
		return NULL;
	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

static const xmlAttr *attribute(const xmlNode *element, const char *name)
{
	for (const xmlAttr *a = element->properties; a; a = a->next)
		if (!strcmp((const char *)a->name, name))
			return a;
	return NULL;
}

char *node_attribute(struct scratch *scratch, const xmlNode *element, const char *name)
{
	const xmlAttr *a = attribute(element, name);

	return a ? node_text(scratch, (const xmlNode *)a) : NULL;
}

bool node_is_nil(const xmlNode *element)
{
	const xmlAttr *a = attribute(element, "nil");
	const char *value = a && a->children && a->children->content ? (const char *)a->children->content : "";

	return !strcmp(value, "true") || !strcmp(value, "1");
}
