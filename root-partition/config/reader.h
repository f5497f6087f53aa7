/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the configuration reader: the rules that say which element may stand where (rules.c), the walk that applies them
 * (reader.c), the checks of values (values.c) and the RELAX NG schema behind it all (schema.c).
 */
#ifndef BULKHEAD_CONFIG_READER_H
#define BULKHEAD_CONFIG_READER_H

#include <libxml/tree.h>
#include "root-partition/config/config.h"
#include "root-partition/config/markup.h"

struct reader {
	const char *file;
	const struct markup *markup;
	struct partition_config *config;
	struct config_disk *disk;        /* the one being read */
	struct config_interface *interface;
	struct config_error *error;
	struct kept { struct kept *next; xmlChar *text; } *kept;
};

enum element_content { HOLDS_NOTHING, HOLDS_TEXT, HOLDS_ELEMENTS, HOLDS_ANYTHING };
enum { REQUIRED = 1, MANY = 2 };

struct element_rule {
	const char *name;
	enum element_content content;
	unsigned flags;
	const char *const *attributes;           /* NULL-terminated; "!name" is required */
	const struct element_rule *children;     /* ended by a row without a name */
	/** Called before the children; text is the trimmed content of HOLDS_TEXT, else NULL. -1: error is set. */
	int (*begin)(struct reader *reader, const xmlNode *node, const char *text);
	int (*end)(struct reader *reader, const xmlNode *node);
};

extern const struct element_rule partition_rule, disk_rule;
/* interface.c */
extern const struct element_rule interface_rule, interface_children[];
int interface_begin(struct reader *reader, const xmlNode *node, const char *text);

/* vsock.c */
extern const struct element_rule vsock_children[];
int vsock_begin(struct reader *reader, const xmlNode *node, const char *text);
/** What holds without the element. */
void vsock_defaults(struct config_vsock *vsock);

/* memory.c */
int memory_read(struct reader *reader, const xmlNode *node, const char *text);
int memory_read_current(struct reader *reader, const xmlNode *node, const char *text);
int memory_read_dynamic(struct reader *reader, const xmlNode *node, const char *text);
int check_memory(struct reader *reader, const xmlNode *root);

/** Sets the error "file:line:column: <element>: message" for the node. Returns -1. */
int reader_fail(struct reader *reader, const xmlNode *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The same with the attribute in the element's quotation: <memory unit='MB'>. */
int reader_fail_attribute(struct reader *reader, const xmlNode *node, const char *attribute, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** An attribute's value, or NULL; lives as long as the reader. */
const char *reader_attribute(struct reader *reader, const xmlNode *node, const char *name);

/** root must be an element of that rule. */
int reader_walk(struct reader *reader, const xmlNode *root, const struct element_rule *rule);
void reader_release(struct reader *reader);

/** Rules between elements: addresses and files used twice. */
int check_whole(struct reader *reader, const xmlNode *root);
int check_interfaces(struct reader *reader, const xmlNode *root);

/** Returns 0, or -1 with a message and the node it is about (NULL: the root). Exposed for the tests. */
int schema_validate(xmlDoc *doc, const xmlNode **ret_node, char *message, size_t size);

#endif
