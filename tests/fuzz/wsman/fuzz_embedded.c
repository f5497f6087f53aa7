/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an embedded instance. What is accepted has a class and properties with names and values of the promised number. */
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cim_instance instance = { 0 };
	struct fault fault = { 0 };
	struct scratch scratch = { 0 };

	if (embedded_parse(&scratch, (const char *)data, size, &instance, &fault)) {
		if (!fault.code || !fault.text[0])
			abort();
	} else {
		if (!instance.class_name[0] || instance.property_count > ARGUMENTS_MAX)
			abort();
		for (unsigned i = 0; i < instance.property_count; i++) {
			const struct cim_value *value = &instance.properties[i].value;

			if (!instance.properties[i].name[0] || (!value->array && value->count > 1) || (value->null && value->count))
				abort();
			for (unsigned k = 0; k < value->count; k++)
				if (strlen(value->items[k].text) > size)
					abort();
		}
	}
	scratch_free(&scratch);
	return 0;
}
