/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Object paths as text: \\HOST\root\virtualization\v2:Class.Key="value",Key2=3 (DSP0004, and WMI's habits: any case, either quote,
 * server and namespace may be left out).
 */
#ifndef BULKHEAD_CIM_PATH_H
#define BULKHEAD_CIM_PATH_H

#include "wmi-like-api/cim/pool.h"
#include "wmi-like-api/cim/cim.h"

#define PATH_MAX_KEYS 16u

/** Returns NULL for text that is no path of an instance. Without a namespace in it, space is the result's. */
struct cim_path *path_parse(struct pool *pool, const char *text, size_t size, const char *space);
/** With server and namespace. */
char *path_format(struct pool *pool, const char *host, const struct cim_path *path);
/** Same class and same keys; GUIDs and everything else in any case. */
bool path_equal(const struct cim_path *a, const struct cim_path *b);
/** The value of a key, or NULL. */
const char *path_key(const struct cim_path *path, const char *name);

/** The path of an instance of the tables. */
struct cim_path *path_of(struct pool *pool, const struct cim_instance *instance);

#endif
