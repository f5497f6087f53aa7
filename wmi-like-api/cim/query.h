/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries over the snapshot. */
#ifndef BULKHEAD_CIM_QUERY_H
#define BULKHEAD_CIM_QUERY_H

#include "wmi-like-api/cim/result.h"

/** As cim_query() and cim_get(). */
struct cim_list *query_run(const struct world *world, const char *space, const char *class, const char *wql, struct cim_error *error);
struct cim_list *query_get(const struct world *world, const struct cim_path *path, struct cim_error *error);

/** "ROOT\Virtualization\V2" is "root/virtualization/v2"; NULL: there is no such namespace. */
const char *query_space(const char *space);
/** Sets status and text. */
void error_set(struct cim_error *error, enum cim_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
