/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods: who may call them, which partition they mean, and the answer, at once or when the work is done. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/replace.h"
#include "root-partition/daemon/text.h"

#define EVENTS_A_CALL 512u

const char *api_error_name(int error)
{
	switch (error) {
	case ENOENT:
		return "org.bulkhead.Error.NotFound";
	case EEXIST:
	case EBUSY:
		return "org.bulkhead.Error.Refused";
	case EINVAL:
		return "org.bulkhead.Error.InvalidDefinition";
	case ENOTCONN:
		return "org.bulkhead.Error.NotReady";
	case ETIMEDOUT:
		return "org.bulkhead.Error.TimedOut";
	case EPERM:
		return "org.bulkhead.Error.AccessDenied";
	default:
		return "org.bulkhead.Error.Failed";
	}
}

bool api_may_change(sd_bus_message *message, const struct manager *m)
{
	sd_bus_creds *creds = NULL;
	bool allowed = false;
	const gid_t *groups;
	uid_t uid;
	gid_t gid;
	int n;

	if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID | SD_BUS_CREDS_EGID | SD_BUS_CREDS_SUPPLEMENTARY_GIDS | SD_BUS_CREDS_AUGMENT,
				      &creds) < 0)
		return false;
	if (sd_bus_creds_get_euid(creds, &uid) >= 0)
		allowed = !uid || uid == geteuid();
	if (!allowed && m->group_gid != (gid_t)-1) {
		if (sd_bus_creds_get_egid(creds, &gid) >= 0)
			allowed = gid == m->group_gid;
		n = sd_bus_creds_get_supplementary_gids(creds, &groups);
		for (int i = 0; i < n; i++)
			allowed |= groups[i] == m->group_gid;
	}
	sd_bus_creds_unref(creds);
	return allowed;
}

int api_fail(sd_bus_error *e, int error, const char *text)
{
	char clean[1024];

	snprintf(clean, sizeof clean, "%s", text);
	text_clean(clean);
	return sd_bus_error_set(e, api_error_name(error), clean);
}

/* The answer to a call that was kept. A caller that has gone is no error. */
void api_done(void *arg, int error, const char *text)
{
	sd_bus_message *call = arg;
	char clean[1024];

	snprintf(clean, sizeof clean, "%s", text);
	text_clean(clean);
	if (error)
		sd_bus_reply_method_errorf(call, api_error_name(error), "%s", clean);
	else
		sd_bus_reply_method_return(call, "s", clean);
	sd_bus_message_unref(call);
}

struct described {
	sd_bus_message *call;
	struct manager *manager;
	char name[CONFIG_NAME_MAX + 1];
};

static void on_stats(void *arg, const struct worker_stats *stats, const char *why_not)
{
	struct described *d = arg;
	const struct partition *p = manager_find(d->manager, d->name);   /* it may be gone since */
	sd_bus_message *reply = NULL;

	if (!p)
		sd_bus_reply_method_errorf(d->call, api_error_name(ENOENT), "is not defined any more");
	else if (sd_bus_message_new_method_return(d->call, &reply) >= 0 && api_append_details(reply, p, stats, why_not) >= 0)
		sd_bus_send(NULL, reply, NULL);
	else
		sd_bus_reply_method_errorf(d->call, api_error_name(ENOMEM), "out of memory");
	sd_bus_message_unref(reply);
	sd_bus_message_unref(d->call);
	free(d);
}

static int run_describe(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct described *d = malloc(sizeof *d);

	if (!d)
		return api_fail(e, ENOMEM, "out of memory");
	d->call = sd_bus_message_ref(call);
	d->manager = p->manager;
	memcpy(d->name, p->name, sizeof d->name);
	partition_stats(p, on_stats, d);
	return 1;
}

static void on_times(void *arg, const struct worker_stats *stats, const char *why_not)
{
	sd_bus_message *call = arg, *reply = NULL;

	if (!stats)
		sd_bus_reply_method_errorf(call, api_error_name(ENOTCONN), "%s", *why_not ? why_not : "is not running");
	else if (sd_bus_message_new_method_return(call, &reply) >= 0 && api_append_processor_times(reply, stats) >= 0)
		sd_bus_send(NULL, reply, NULL);
	else
		sd_bus_reply_method_errorf(call, api_error_name(ENOMEM), "out of memory");
	sd_bus_message_unref(reply);
	sd_bus_message_unref(call);
}

static int run_processor_times(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_stats(p, on_times, sd_bus_message_ref(call));
	return 1;
}

/* What a list shows, of one partition: waits for nobody. */
static int run_summary(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	sd_bus_message *reply = NULL;
	int rc = sd_bus_message_new_method_return(call, &reply);

	(void)e;
	if (rc >= 0)
		rc = api_append_summary(reply, p);
	if (rc >= 0)
		rc = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return rc < 0 ? rc : 1;
}

static int run_start(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	uint64_t timeout_ms;
	int paused, rc = sd_bus_message_read(call, "bt", &paused, &timeout_ms);

	(void)e;
	if (rc >= 0)
		partition_start(p, paused, timeout_ms, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

static int run_shutdown(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	uint64_t timeout_ms;
	int force, reboot, rc = sd_bus_message_read(call, "tbb", &timeout_ms, &force, &reboot);

	(void)e;
	if (rc >= 0)
		partition_shutdown(p, timeout_ms, force, reboot, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

static int run_turn_off(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_turn_off(p, NULL, api_done, sd_bus_message_ref(call));
	return 1;
}

static int run_pause(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_pause(p, api_done, sd_bus_message_ref(call));
	return 1;
}

static int run_resume(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_resume(p, api_done, sd_bus_message_ref(call));
	return 1;
}

static int run_reset(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_reset(p, api_done, sd_bus_message_ref(call));
	return 1;
}

static int run_replace_worker(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	(void)e;
	partition_replace_worker(p, api_done, sd_bus_message_ref(call));
	return 1;
}

static int run_dump_xml(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	if (!p->text)
		return api_fail(e, ENOENT, "is not defined any more");
	return sd_bus_reply_method_return(call, "s", p->text);
}

static int run_console(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	char path[4096];

	if (!p->worker_pid)
		return api_fail(e, EBUSY, "is not running; it has no console now");
	snprintf(path, sizeof path, "%s/%s/console.sock", p->manager->options->run_dir, p->name);
	return sd_bus_reply_method_return(call, "s", path);
}

static int run_vsock(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	char path[4096];

	if (!p->worker_pid)
		return api_fail(e, EBUSY, "is not running");
	snprintf(path, sizeof path, "%s/%s/vsock", p->manager->options->run_dir, p->name);
	return sd_bus_reply_method_return(call, "s", path);
}

static int run_set_autostart(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct config_error error;
	int on, rc = sd_bus_message_read(call, "b", &on);

	if (rc < 0)
		return rc;
	rc = manager_set_autostart(p->manager, p->name, on, &error);
	return rc ? api_fail(e, rc, error.text) : sd_bus_reply_method_return(call, "s", on ? "starts with the machine" : "does not start with the machine");
}

static int run_set_memory(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	uint64_t bytes;
	int rc = sd_bus_message_read(call, "t", &bytes);

	(void)e;
	if (rc >= 0)
		partition_set_memory(p, bytes, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

static int run_undefine(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	char name[CONFIG_NAME_MAX + 1];
	struct config_error error;
	const char *text;
	int rc;

	memcpy(name, p->name, sizeof name);
	rc = manager_undefine(p->manager, name, &error);
	if (!rc)
		return sd_bus_reply_method_return(call, "s", "undefined");
	text = strncmp(error.text, name, strlen(name)) ? error.text : error.text + strlen(name) + 2;   /* the caller knows the name */
	return api_fail(e, rc, text);
}

/* Verbs of a partition: org.bulkhead.Partition1, and with the name as first argument org.bulkhead.Manager1. */
static const struct verb_row {
	const char *member;
	bool changes;
	int (*run)(sd_bus_message *call, struct partition *partition, sd_bus_error *error);
} verbs[] = {
	{ "Describe", false, run_describe },
	{ "Summary", false, run_summary },
	{ "ProcessorTimes", false, run_processor_times },
	{ "Start", true, run_start },
	{ "Shutdown", true, run_shutdown },
	{ "TurnOff", true, run_turn_off },
	{ "Pause", true, run_pause },
	{ "Resume", true, run_resume },
	{ "Reset", true, run_reset },
	{ "ReplaceWorker", true, run_replace_worker },
	{ "DumpXml", true, run_dump_xml },        /* a command line may hold secrets */
	{ "Console", true, run_console },
	{ "Vsock", true, run_vsock },             /* whoever connects may run commands in the guest */
	{ "SetAutostart", true, run_set_autostart },
	{ "AttachInterface", true, api_run_attach_interface },
	{ "DetachInterface", true, api_run_detach_interface },
	{ "SetLink", true, api_run_set_link },
	{ "AttachDisk", true, api_run_attach_disk },
	{ "DetachDisk", true, api_run_detach_disk },
	{ "ResizeDisk", true, api_run_resize_disk },
	{ "SetMemory", true, run_set_memory },
	{ "Undefine", true, run_undefine },
	{ "GuestInfo", true, api_run_guest_info },
	{ "KvpList", true, api_run_kvp_list },
	{ "KvpGet", true, api_run_kvp_get },
	{ "KvpSet", true, api_run_kvp },
	{ "KvpDelete", true, api_run_kvp },
	{ "SetAddresses", true, api_run_set_addresses },
	{ "Freeze", true, api_run_freeze },
	{ "KeepFrozen", true, api_run_freeze },
	{ "Thaw", true, api_run_freeze },
	{ "OpenDisk", true, api_run_open_disk },
	{ "CopyFile", true, api_run_copy },
};

static int run_verb(sd_bus_message *call, struct manager *m, struct partition *p, sd_bus_error *e)
{
	const char *member = sd_bus_message_get_member(call);

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].member, member))
			continue;
		if (verbs[i].changes && !api_may_change(call, m))
			return api_fail(e, EPERM, "permission denied; only root and members of the administrators' group may do this");
		return verbs[i].run(call, p, e);
	}
	return sd_bus_error_set(e, SD_BUS_ERROR_UNKNOWN_METHOD, "unknown method");
}

static int on_partition_method(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	struct partition *p = userdata;

	return run_verb(call, p->manager, p, e);
}

static int on_named_method(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	struct manager *m = userdata;
	struct partition *p;
	const char *name;
	int rc = sd_bus_message_read(call, "s", &name);

	if (rc < 0)
		return rc;
	p = manager_find(m, name);
	if (!p)
		return api_fail(e, ENOENT, "no such partition");
	return run_verb(call, m, p, e);
}

static int on_list(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	const struct manager *m = userdata;
	sd_bus_message *reply = NULL;
	int rc = sd_bus_message_new_method_return(call, &reply);

	(void)e;
	if (rc >= 0)
		rc = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (const struct partition *p = m->partitions; p && rc >= 0; p = p->next)
		rc = api_append_summary(reply, p);
	if (rc >= 0)
		rc = sd_bus_message_close_container(reply);
	if (rc >= 0)
		rc = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return rc < 0 ? rc : 1;
}

static int on_define(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	char name[CONFIG_NAME_MAX + 1];
	struct config_error error;
	const char *file, *text;
	bool created;
	int rc;

	if (!api_may_change(call, userdata))
		return api_fail(e, EPERM, "permission denied; only root and members of the administrators' group may do this");
	rc = sd_bus_message_read(call, "ss", &file, &text);
	if (rc < 0)
		return rc;
	rc = manager_define(userdata, file, text, strlen(text), name, &created, &error);
	return rc ? api_fail(e, rc, error.text) : sd_bus_reply_method_return(call, "sb", name, created);
}

static int on_events(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	const struct manager *m = userdata;
	sd_bus_message *reply = NULL;
	const struct event *event;
	unsigned count = 0;
	uint64_t after;
	int rc = sd_bus_message_read(call, "t", &after);

	(void)e;
	if (rc >= 0)
		rc = sd_bus_message_new_method_return(call, &reply);
	if (rc >= 0)
		rc = sd_bus_message_append(reply, "t", events_last(m->events));
	if (rc >= 0)
		rc = sd_bus_message_open_container(reply, 'a', "(ttssss)");
	for (event = events_next(m->events, after); event && rc >= 0 && count++ < EVENTS_A_CALL; event = events_next(m->events, event->sequence))
		rc = sd_bus_message_append(reply, "(ttssss)", event->sequence, event->realtime_us, event->partition, event->kind, event->state,
					   event->text);
	if (rc >= 0)
		rc = sd_bus_message_close_container(reply);
	if (rc >= 0)
		rc = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return rc < 0 ? rc : 1;
}

static int on_host(sd_bus_message *call, void *userdata, sd_bus_error *e)
{
	sd_bus_message *reply = NULL;
	char why[256] = "";
	int rc = sd_bus_message_new_method_return(call, &reply);

	if (rc >= 0)
		rc = api_append_host(reply, userdata, why, sizeof why);
	if (rc >= 0)
		rc = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	if (*why)
		return api_fail(e, ENODEV, why);
	return rc < 0 ? rc : 1;
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply, void *userdata,
		    sd_bus_error *e)
{
	const struct partition *p = userdata;

	(void)bus, (void)path, (void)interface, (void)e;
	return sd_bus_message_append(reply, "s", !strcmp(property, "Name") ? p->name
					       : !strcmp(property, "State") ? partition_state_names[p->state] : p->reason);
}

#define METHOD(name, in, out, handler) SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_table[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("ListPartitions", "", "aa{sv}", on_list),
	METHOD("Define", "ss", "sb", on_define),
	METHOD("Events", "t", "ta(ttssss)", on_events),
	METHOD("HostInfo", "", "a{sv}", on_host),
	METHOD("Describe", "s", "a{sv}", on_named_method),
	METHOD("Summary", "s", "a{sv}", on_named_method),
	METHOD("ProcessorTimes", "s", "a(tt)", on_named_method),
	METHOD("Start", "sbt", "s", on_named_method),
	METHOD("Shutdown", "stbb", "s", on_named_method),
	METHOD("TurnOff", "s", "s", on_named_method),
	METHOD("Pause", "s", "s", on_named_method),
	METHOD("Resume", "s", "s", on_named_method),
	METHOD("Reset", "s", "s", on_named_method),
	METHOD("ReplaceWorker", "s", "s", on_named_method),
	METHOD("DumpXml", "s", "s", on_named_method),
	METHOD("Console", "s", "s", on_named_method),
	METHOD("Vsock", "s", "s", on_named_method),
	METHOD("SetAutostart", "sb", "s", on_named_method),
	METHOD("AttachInterface", "sssb", "s", on_named_method),
	METHOD("DetachInterface", "ssb", "s", on_named_method),
	METHOD("SetLink", "ssbb", "s", on_named_method),
	METHOD("AttachDisk", "sssb", "s", on_named_method),
	METHOD("DetachDisk", "ssb", "s", on_named_method),
	METHOD("ResizeDisk", "sst", "s", on_named_method),
	METHOD("SetMemory", "st", "s", on_named_method),
	METHOD("Undefine", "s", "s", on_named_method),
	METHOD("GuestInfo", "s", "a{sv}", on_named_method),
	METHOD("KvpList", "su", "a{sv}", on_named_method),
	METHOD("KvpGet", "sus", "s", on_named_method),
	METHOD("KvpSet", "suss", "s", on_named_method),
	METHOD("SetAddresses", "sssss", "s", on_named_method),
	METHOD("KvpDelete", "sus", "s", on_named_method),
	METHOD("Freeze", "st", "s", on_named_method),
	METHOD("KeepFrozen", "st", "s", on_named_method),
	METHOD("Thaw", "s", "s", on_named_method),
	METHOD("OpenDisk", "ss", "h", on_named_method),
	METHOD("CopyFile", "shssbb", "s", on_named_method),
	SD_BUS_SIGNAL("Event", "ttssss", 0),
	SD_BUS_VTABLE_END
};

static const sd_bus_vtable partition_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("State", "s", get_text, 0, 0),
	SD_BUS_PROPERTY("Reason", "s", get_text, 0, 0),
	METHOD("Describe", "", "a{sv}", on_partition_method),
	METHOD("Summary", "", "a{sv}", on_partition_method),
	METHOD("ProcessorTimes", "", "a(tt)", on_partition_method),
	METHOD("Start", "bt", "s", on_partition_method),
	METHOD("Shutdown", "tbb", "s", on_partition_method),
	METHOD("TurnOff", "", "s", on_partition_method),
	METHOD("Pause", "", "s", on_partition_method),
	METHOD("Resume", "", "s", on_partition_method),
	METHOD("Reset", "", "s", on_partition_method),
	METHOD("ReplaceWorker", "", "s", on_partition_method),
	METHOD("DumpXml", "", "s", on_partition_method),
	METHOD("Console", "", "s", on_partition_method),
	METHOD("Vsock", "", "s", on_partition_method),
	METHOD("SetAutostart", "b", "s", on_partition_method),
	METHOD("AttachInterface", "ssb", "s", on_partition_method),
	METHOD("DetachInterface", "sb", "s", on_partition_method),
	METHOD("SetLink", "sbb", "s", on_partition_method),
	METHOD("AttachDisk", "ssb", "s", on_partition_method),
	METHOD("DetachDisk", "sb", "s", on_partition_method),
	METHOD("ResizeDisk", "st", "s", on_partition_method),
	METHOD("SetMemory", "t", "s", on_partition_method),
	METHOD("Undefine", "", "s", on_partition_method),
	METHOD("GuestInfo", "", "a{sv}", on_partition_method),
	METHOD("KvpList", "u", "a{sv}", on_partition_method),
	METHOD("KvpGet", "us", "s", on_partition_method),
	METHOD("KvpSet", "uss", "s", on_partition_method),
	METHOD("SetAddresses", "ssss", "s", on_partition_method),
	METHOD("KvpDelete", "us", "s", on_partition_method),
	METHOD("Freeze", "t", "s", on_partition_method),
	METHOD("KeepFrozen", "t", "s", on_partition_method),
	METHOD("Thaw", "", "s", on_partition_method),
	METHOD("OpenDisk", "s", "h", on_partition_method),
	METHOD("CopyFile", "hssbb", "s", on_partition_method),
	SD_BUS_VTABLE_END
};

static int find_partition(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *e)
{
	char *name = NULL;

	(void)bus, (void)interface, (void)e;
	if (sd_bus_path_decode(path, API_PARTITION_PATH, &name) <= 0)
		return 0;
	*ret = manager_find(userdata, name);
	free(name);
	return *ret != NULL;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *e)
{
	const struct manager *m = userdata;
	size_t count = 0;
	char **paths;

	(void)bus, (void)prefix, (void)e;
	for (const struct partition *p = m->partitions; p; p = p->next)
		count++;
	paths = calloc(count + 1, sizeof *paths);
	if (!paths)
		return -ENOMEM;
	count = 0;
	for (const struct partition *p = m->partitions; p; p = p->next)
		if (sd_bus_path_encode(API_PARTITION_PATH, p->name, &paths[count]) >= 0)
			count++;
	*ret = paths;
	return 1;
}

int api_add_objects(sd_bus *bus, struct manager *m)
{
	int rc = sd_bus_add_object_vtable(bus, NULL, API_PATH, API_MANAGER, manager_table, m);

	if (rc >= 0)
		rc = sd_bus_add_fallback_vtable(bus, NULL, API_PARTITION_PATH, API_PARTITION, partition_table, find_partition, m);
	if (rc >= 0)
		rc = sd_bus_add_node_enumerator(bus, NULL, API_PARTITION_PATH, enumerate, m);
	return rc;
}
