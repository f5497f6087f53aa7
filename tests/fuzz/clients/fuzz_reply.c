/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a WS-Management server's answer to bhctl --host. What is accepted is a list of instances, or a fault with a text. */
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/remote_reply.h"

static void check(const struct value *v, size_t size)
{
	for (; v; v = v->next) {
		if (!v->key || (v->type == VALUE_STRING ? !v->string || strlen(v->string) > 10 * size : v->type != VALUE_DICT))
			abort();
		check(v->first, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), why[200] = "";
	struct value *embedded = remote_embedded_parse(text);
	struct remote_reply reply;

	if (embedded)
		check(embedded->first, size);
	value_free(embedded);
	free(text);
	if (remote_reply_parse((const char *)data, size, &reply, why)) {
		if (!*why)
			abort();
		return 0;
	}
	if (!reply.items || (reply.fault && !reply.fault_code))
		abort();
	check(reply.items->first, size);
	remote_reply_free(&reply);
	return 0;
}
