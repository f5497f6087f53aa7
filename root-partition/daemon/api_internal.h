/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of the API: connections (api.c), methods (api_methods.c), the dictionaries they answer with (api_describe.c). */
#ifndef BULKHEAD_DAEMON_API_INTERNAL_H
#define BULKHEAD_DAEMON_API_INTERNAL_H

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include "root-partition/daemon/partition.h"

#define API_PATH           "/org/bulkhead"
#define API_PARTITION_PATH "/org/bulkhead/partition"
#define API_MANAGER        "org.bulkhead.Manager1"
#define API_PARTITION      "org.bulkhead.Partition1"

/** Objects, methods and properties on one connection. Returns 0 or a negative errno. */
int api_add_objects(sd_bus *bus, struct manager *manager);

/** Whether the sender may change things. */
bool api_may_change(sd_bus_message *message, const struct manager *manager);

/** org.bulkhead.Error.* for an errno value. */
const char *api_error_name(int error);

/** a{sv} of what a list shows. */
int api_append_summary(sd_bus_message *reply, const struct partition *partition);
/** a{sv} of everything. stats NULL: why_not says why there are none ("": the partition is off). */
int api_append_details(sd_bus_message *reply, const struct partition *partition, const struct worker_stats *stats, const char *why_not);
int api_append_host(sd_bus_message *reply, const struct manager *manager, char *why, size_t size);

#endif
