/* SPDX-License-Identifier: BSD-2-Clause */
/* Between reading (definition.c) and editing (definition_edit.c). */
#ifndef BULKHEAD_CIM_DEFINITION_INTERNAL_H
#define BULKHEAD_CIM_DEFINITION_INTERNAL_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>

bool element_is(const xmlNode *node, const char *name);
/** The first element of that name; parent may be NULL. */
xmlNode *element_child(const xmlNode *parent, const char *name);
/** Trimmed; empty for NULL. */
void element_text(const xmlNode *node, char *ret, size_t size);
void element_attribute(const xmlNode *node, const char *name, char *ret, size_t size);
/** NULL: no definition. */
xmlDoc *definition_document(const char *text);
bool disk_address(const xmlNode *disk, unsigned *controller, unsigned *lun);

#endif
