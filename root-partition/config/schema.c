/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped RELAX NG schema, enforced. It comes last and adds no rule of its own: what it refuses here is a gap between it
 * and rules.c, and refusing is the safe side. The schema's text is compiled in (partition_rng.c is generated from partition.rng).
 */
#include "root-partition/config/reader.h"

#include <stdio.h>
#include <string.h>
#include <libxml/relaxng.h>

extern const char partition_rng[];
extern const size_t partition_rng_size;

static xmlRelaxNG *schema;   /* compiled at first use; the callers are single-threaded */

struct finding {
	const xmlNode *node;
	char *message;
	size_t size;
};

static void note_first(void *arg, xmlError *error)
{
	struct finding *finding = arg;

	if (*finding->message)
		return;
	snprintf(finding->message, finding->size, "%s", error->message ? error->message : "refused by the schema");
	finding->message[strcspn(finding->message, "\n")] = 0;
	finding->node = error->node;
}

static void ignore(void *arg, xmlError *error)
{
	(void)arg;
	(void)error;
}

static int compile(void)
{
	xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(partition_rng, (int)partition_rng_size);

	if (!parser)
		return -1;
	xmlRelaxNGSetParserStructuredErrors(parser, ignore, NULL);
	schema = xmlRelaxNGParse(parser);
	xmlRelaxNGFreeParserCtxt(parser);
	return schema ? 0 : -1;
}

int schema_validate(xmlDoc *doc, const xmlNode **ret_node, char *message, size_t size)
{
	struct finding finding = { .message = message, .size = size };
	xmlRelaxNGValidCtxt *validator;
	int rc;

	*message = 0;
	if ((!schema && compile()) || !(validator = xmlRelaxNGNewValidCtxt(schema))) {
		snprintf(message, size, "the schema cannot be loaded: out of memory");
		return -1;
	}
	xmlRelaxNGSetValidStructuredErrors(validator, note_first, &finding);
	rc = xmlRelaxNGValidateDoc(validator, doc);
	xmlRelaxNGFreeValidCtxt(validator);
	if (!rc)
		return 0;
	if (!*message)
		snprintf(message, size, "refused by the schema");
	*ret_node = finding.node && finding.node->type == XML_ELEMENT_NODE ? finding.node : NULL;
	return -1;
}

void config_schema_release(void)
{
	xmlRelaxNGFree(schema);
	schema = NULL;
}
