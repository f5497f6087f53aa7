/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host define, dump-xml: by Bulkhead's own service, as Hyper-V's classes have no word for a kernel. */
#include <stdio.h>
#include "root-partition/cli/remote.h"

#define SERVICE "Bulkhead_DefinitionService"

static const struct remote_argument keys[] = { { .name = "Name", .text = "definitions" }, { 0 } };

static int define(struct arguments *args, const char *label, const char *text)
{
	const struct remote_argument arguments[] = { { .name = "File", .text = label }, { .name = "Definition", .text = text }, { 0 } };
	const struct value *answer;
	struct remote_reply reply;
	uint64_t code;
	int rc = remote_call(args, label, SERVICE, keys, "SetDefinition", arguments, &reply, &code);

	if (rc)
		return rc;
	answer = reply.items->first;
	if (!code) {
		printf("%s: %s\n", value_text(answer, "Name"), *value_text(answer, "Created") == 't' ? "defined" : "redefined");
	} else if (value_get(answer, "Message")) {
		complain(NULL, "%s", value_text(answer, "Message"));
		rc = EXIT_REFUSED;
	} else {
		rc = remote_judge(label, code);
	}
	remote_reply_free(&reply);
	return rc;
}

int remote_define(struct arguments *args)
{
	return define_each(args, define);
}

int remote_dump_xml(struct arguments *args)
{
	const char *name = args->words[0];
	const struct remote_argument arguments[] = { { .name = "Name", .text = name }, { 0 } };
	struct remote_partition p;
	struct remote_reply reply;
	uint64_t code;
	int rc = remote_find(args, name, &p);

	if (rc)
		return rc;
	value_free(p.system);
	rc = remote_call(args, name, SERVICE, keys, "GetDefinition", arguments, &reply, &code);
	if (rc)
		return rc;
	rc = remote_judge(name, code);
	if (!rc)
		fputs(value_text(reply.items->first, "Definition"), stdout);
	remote_reply_free(&reply);
	return rc;
}
