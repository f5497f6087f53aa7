/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding things in the tables that the schema was made into. */
#include <strings.h>
#include "wmi-like-api/cim/cim.h"

const struct cim_class *cim_class_find(const char *space, const char *name)
{
	for (const struct cim_class *const *at = cim_classes; *at; at++)
		if (!strcasecmp((*at)->name, name) && !strcasecmp((*at)->space, space))
			return *at;
	return NULL;
}

const struct cim_method *cim_method_find(const struct cim_class *class, const char *name)
{
	for (unsigned i = 0; i < class->method_count; i++)
		if (!strcasecmp(class->methods[i].name, name))
			return &class->methods[i];
	return NULL;
}
