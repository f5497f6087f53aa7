/* SPDX-License-Identifier: BSD-2-Clause */
/* WQL as a client sends it: parsed, matched against a few values, and its object path written and read again. */
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/path.h"
#include "wmi-like-api/cim/wql.h"

static bool look(void *arg, const char *name, struct wql_value *ret)
{
	static const struct cim_item text = { .text = "6A45335D-4C3A-44B7" }, number = { .text = "42" };
	static const struct cim_value texts = { .count = 1, .items = &text }, numbers = { .count = 1, .items = &number };

	(void)arg;
	*ret = (struct wql_value){ .type = *name & 1 ? CIM_STRING : *name & 2 ? CIM_UINT32 : CIM_REFERENCE,
				   .value = *name & 2 ? &numbers : &texts };
	return *name != 'z';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct pool pool = { NULL };
	const struct wql_query *q;
	const struct cim_path *again;
	const char *unknown = NULL;
	struct cim_error error;
	char *path;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	q = wql_parse(&pool, text, "root/cimv2", &error);
	if (q && q->where)
		wql_match(q->where, look, NULL, &unknown);
	if (q && q->object && q->object->keys[0].name) {
		path = path_format(&pool, "h", q->object);
		again = path_parse(&pool, path, strlen(path), "");
		if (!again || !path_equal(again, q->object))
			abort();
	}
	pool_release(&pool);
	free(text);
	return 0;
}
