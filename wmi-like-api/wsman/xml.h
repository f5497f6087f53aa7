/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XML from the network by libxml2: no document type, so no entity but the five of XML itself, no external reference; depth and number
 * of elements and attributes are bounded while it is read. And the few ways in which the readers above look at a tree.
 */
#ifndef BULKHEAD_WSMAN_XML_H
#define BULKHEAD_WSMAN_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <libxml/tree.h>
#include "wmi-like-api/wsman/buffer.h"

#define XML_DEPTH_MAX 48u      /**< elements within each other */
#define XML_NODES_MAX 20000u   /**< elements, attributes and namespace declarations of a document */

/**
 * A tree that xmlFreeDoc frees, or NULL with a reason in why. Its strings are UTF-8, whatever the encoding was. utf8: the text was decoded
 * before, its declaration says something that is over.
 */
xmlDoc *xml_parse(const char *text, size_t size, bool utf8, char *why, size_t why_size);

/** First child element, or the next element after one. */
xmlNode *node_first(const xmlNode *parent);
xmlNode *node_next(const xmlNode *element);
/** Whether it is an element of that name; uri NULL: of any namespace. */
bool node_is(const xmlNode *element, const char *uri, const char *name);
/** The first child element of that name, in any of the namespaces if uri is NULL. */
xmlNode *node_child(const xmlNode *parent, const char *uri, const char *name);
/** Text of an element and of all in it, without white space around; lives in the scratch. "" for none, NULL: out of memory. */
char *node_text(struct scratch *scratch, const xmlNode *element);
/** The same with all white space. */
char *node_text_exact(struct scratch *scratch, const xmlNode *element);
/** An attribute's value by its local name in any namespace or none, in the scratch; NULL: not there. */
char *node_attribute(struct scratch *scratch, const xmlNode *element, const char *name);
/** Whether it says xsi:nil="true". */
bool node_is_nil(const xmlNode *element);

#endif
