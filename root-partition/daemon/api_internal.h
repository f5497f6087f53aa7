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
/** a(tt): of each VP, what it ran in the guest and in the hypervisor, in nanoseconds; empty when the worker does not know. */
int api_append_processor_times(sd_bus_message *reply, const struct worker_stats *stats);
int api_append_host(sd_bus_message *reply, const struct manager *manager, char *why, size_t size);

/** One entry of a dictionary, type 's', 't', 'u' or 'b'. After an error nothing more is added. */
void api_put(int *rc, sd_bus_message *message, const char *key, const char *type, ...);
/** Opens and closes "key": variant(type) of a dictionary. */
void api_open_entry(int *rc, sd_bus_message *message, const char *key, const char *type);
void api_close_entry(int *rc, sd_bus_message *message);
/** "ok", "lost", "none" (the guest's service is not there yet), or "": it does not run. */
const char *api_heartbeat(const struct partition *partition);

/** The error of a method. */
int api_fail(sd_bus_error *error, int number, const char *text);
/** A done_fn that answers the call that it is given, with a text, and lets go of it. */
void api_done(void *call, int error, const char *text);

/* api_guest.c: through the guest's integration services */
int api_run_guest_info(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_kvp_list(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_kvp_get(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
/** KvpSet and KvpDelete. */
int api_run_kvp(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
/* api_addresses.c */
/** Adds "interfaces": aa{sv}, what the guest says of the addresses of each; done is told of an error of filling it. */
void api_append_addresses(struct partition *partition, sd_bus_message *reply, void (*done)(void *arg, int rc), void *arg);
int api_run_set_addresses(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_freeze(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_open_disk(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_copy(sd_bus_message *call, struct partition *partition, sd_bus_error *error);

/* api_devices.c */
int api_run_attach_interface(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_detach_interface(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_set_link(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_attach_disk(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_detach_disk(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
int api_run_resize_disk(sd_bus_message *call, struct partition *partition, sd_bus_error *error);

#endif
