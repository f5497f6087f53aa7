/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host list, show, list-interfaces, host: CIM instances put together as the daemon's answers, for the same views. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "root-partition/cli/remote.h"

static void put_text(struct value *dict, const char *key, const char *text)
{
	struct value *v = value_new(VALUE_STRING, key);

	if (!v || !(v->string = strdup(text)))
		abort();
	value_add(dict, v);
}

static void put_number(struct value *dict, const char *key, uint64_t number, enum value_type type)
{
	struct value *v = value_new(type, key);

	if (!v)
		abort();
	v->number = number;
	value_add(dict, v);
}

static uint64_t number_of(const struct value *dict, const char *key)
{
	return strtoull(value_text(dict, key), NULL, 10);
}

uint64_t remote_time_us(const char *text)
{
	unsigned us = 0, offset = 0;
	struct tm tm = { 0 };
	char sign = '+';
	time_t t;

	/* CIM's, or XML Schema's when the server has it as a <Datetime> */
	if (sscanf(text, strchr(text, 'T') ? "%4d-%2d-%2dT%2d:%2d:%2d.%6u" : "%4d%2d%2d%2d%2d%2d.%6u%c%3u", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &us, &sign, &offset) < 7 || tm.tm_year < 1970)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = timegm(&tm) - (sign == '-' ? -1 : 1) * (time_t)offset * 60;
	return t < 0 ? 0 : (uint64_t)t * 1000000u + us;
}

/* The instance whose property holds this GUID somewhere, in whatever case. */
static const struct value *of_partition(const struct value *list, const char *property, const char *uuid)
{
	const struct value *v = list ? list->first : NULL;

	while (v && !strcasestr(value_text(v, property), uuid))
		v = v->next;
	return v;
}

static const char *heartbeat_of(const char *state, const struct value *summary)
{
	uint64_t heartbeat = number_of(summary, "Heartbeat");

	if (strcmp(state, "running") || !summary)
		return "";
	return heartbeat == 2 ? "ok" : heartbeat == 13 ? "lost" : "none";
}

struct answers {
	struct value *systems, *summaries, *settings, *memory, *processors;
};

static void put_summary(struct value *p, const struct value *system, const struct answers *a)
{
	const char *uuid = value_text(system, "Name"), *state = remote_state(system), *reason = value_text(system, "StatusDescriptions");
	const struct value *summary = of_partition(a->summaries, "Name", uuid), *memory = of_partition(a->memory, "InstanceID", uuid);
	char lower[40];

	snprintf(lower, sizeof lower, "%s", uuid);
	for (char *c = lower; *c; c++)
		*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
	if (!strcmp(reason, "Operating normally") || !strcmp(reason, "In service"))
		reason = "";
	put_text(p, "name", value_text(system, "ElementName"));
	put_text(p, "uuid", lower);
	put_text(p, "state", state);
	put_text(p, "reason", reason);
	put_number(p, "vps", value_get(summary, "NumberOfProcessors") ? number_of(summary, "NumberOfProcessors")
		   : number_of(of_partition(a->processors, "InstanceID", uuid), "VirtualQuantity"), VALUE_NUMBER);
	put_number(p, "memory_bytes", number_of(memory, value_get(memory, "Limit") ? "Limit" : "VirtualQuantity") << 20, VALUE_NUMBER);
	put_number(p, "assigned_bytes", number_of(summary, "MemoryUsage") << 20, VALUE_NUMBER);
	put_number(p, "uptime_s", number_of(system, "OnTimeInMilliseconds") / 1000, VALUE_NUMBER);
	put_number(p, "since_us", remote_time_us(value_text(system, "TimeOfLastStateChange")), VALUE_NUMBER);
	put_text(p, "heartbeat", heartbeat_of(state, summary));
	put_number(p, "pid", number_of(system, "ProcessID"), VALUE_NUMBER);
	put_number(p, "autostart", number_of(of_partition(a->settings, "InstanceID", uuid), "AutomaticStartupAction") == 4, VALUE_BOOL);
	put_number(p, "defined", 1, VALUE_BOOL);
}

static int ask(struct arguments *args, const char *subject, const char *columns, const char *class, const char *where, struct value **ret)
{
	char wql[600];

	snprintf(wql, sizeof wql, "SELECT %s FROM %s%s", columns, class, where);
	return remote_query(args, subject, REMOTE_V2, wql, ret);
}

/* Of one partition: where tells its UUID in the property that the class has it in. */
static int ask_all(struct arguments *args, const char *name, const char *uuid, struct answers *a)
{
	char by_name[100] = "", by_id[120] = "";
	int rc;

	if (uuid) {
		snprintf(by_name, sizeof by_name, " WHERE Name = '%s'", uuid);
		snprintf(by_id, sizeof by_id, " WHERE InstanceID LIKE 'Microsoft:%s%%'", uuid);
	}
	rc = ask(args, name, "*", "Msvm_SummaryInformation", by_name, &a->summaries);
	if (!rc)
		rc = ask(args, name, "*", "Msvm_VirtualSystemSettingData", by_id, &a->settings);
	if (!rc)
		rc = ask(args, name, "*", "Msvm_MemorySettingData", by_id, &a->memory);
	if (!rc)
		rc = ask(args, name, "InstanceID,VirtualQuantity", "Msvm_ProcessorSettingData", by_id, &a->processors);
	return rc;
}

bool remote_disk_place(const char *id, unsigned *controller, unsigned *lun)
{
	const char *at = id + strlen(id);

	for (int slashes = 0; at > id && slashes < 3; slashes += *at == '\\')
		at--;
	return sscanf(at, "\\%u\\%u\\", controller, lun) == 2;
}

static void put_disks(struct value *p, const struct value *list)
{
	struct value *disks = value_new(VALUE_LIST, "disks"), *d;
	unsigned controller, lun;
	char target[32];

	if (!disks)
		abort();
	for (const struct value *v = list->first; v; v = v->next) {
		if (!remote_disk_place(value_text(v, "InstanceID"), &controller, &lun) || !(d = value_new(VALUE_DICT, NULL)))
			continue;
		snprintf(target, sizeof target, "%u:%u", controller, lun);
		put_text(d, "target", target);
		put_number(d, "controller", controller, VALUE_NUMBER);
		put_number(d, "lun", lun, VALUE_NUMBER);
		put_text(d, "source", value_text(v, "HostResource"));
		put_number(d, "readonly", number_of(v, "Access") == 1, VALUE_BOOL);
		value_add(disks, d);
	}
	value_add(p, disks);
}

static void put_mac(struct value *n, const char *address)
{
	char mac[18] = "", *to = mac;

	for (unsigned i = 0; strlen(address) == 12 && i < 12; i++) {
		if (i && i % 2 == 0)
			*to++ = ':';
		*to++ = address[i] | (address[i] >= 'A' && address[i] <= 'F' ? 0x20 : 0);
	}
	put_text(n, "mac", mac);
}

static void put_interfaces(struct value *p, const struct value *ports, const struct value *connections, const struct value *switches)
{
	struct value *interfaces = value_new(VALUE_LIST, "interfaces"), *n;

	if (!interfaces)
		abort();
	for (const struct value *v = ports->first; v; v = v->next) {
		const char *id = value_text(v, "InstanceID");
		const struct value *connection = connections->first, *bridge = switches->first;

		while (connection && strncasecmp(value_text(connection, "InstanceID"), id, strlen(id)))
			connection = connection->next;
		while (bridge && !strcasestr(value_text(connection, "HostResource"), value_text(bridge, "Name")))
			bridge = bridge->next;
		n = value_new(VALUE_DICT, NULL);
		if (!n)
			abort();
		put_mac(n, value_text(v, "Address"));
		put_text(n, "bridge", value_text(bridge, "ElementName"));
		put_text(n, "link", number_of(connection, "EnabledState") == 2 ? "up" : "down");
		value_add(interfaces, n);
	}
	value_add(p, interfaces);
}

static void put_memory(struct value *p, const struct value *memory)
{
	bool dynamic = !strcmp(value_text(memory, "DynamicMemoryEnabled"), "true");

	put_number(p, "dynamic_memory", dynamic, VALUE_BOOL);
	if (!dynamic)
		return;
	put_number(p, "startup_bytes", number_of(memory, "VirtualQuantity") << 20, VALUE_NUMBER);
	put_number(p, "minimum_bytes", number_of(memory, "Reservation") << 20, VALUE_NUMBER);
	put_number(p, "memory_buffer", number_of(memory, "TargetMemoryBuffer"), VALUE_NUMBER);
	put_number(p, "memory_priority", number_of(memory, "Weight") / 100, VALUE_NUMBER);
}

static int put_devices(struct arguments *args, struct value *p, const char *name, const char *uuid)
{
	struct value *disks = NULL, *ports = NULL, *connections = NULL, *switches = NULL;
	char by_id[120];
	int rc;

	snprintf(by_id, sizeof by_id, " WHERE InstanceID LIKE 'Microsoft:%s%%'", uuid);
	rc = ask(args, name, "*", "Msvm_StorageAllocationSettingData", by_id, &disks);
	if (!rc)
		rc = ask(args, name, "*", "Msvm_SyntheticEthernetPortSettingData", by_id, &ports);
	if (!rc && ports->first)
		rc = ask(args, name, "*", "Msvm_EthernetPortAllocationSettingData", by_id, &connections);
	if (!rc && ports->first)
		rc = ask(args, name, "Name,ElementName", "Msvm_VirtualEthernetSwitch", "", &switches);
	if (!rc)
		put_disks(p, disks);
	if (!rc)
		put_interfaces(p, ports, ports->first ? connections : ports, ports->first ? switches : ports);
	value_free(disks);
	value_free(ports);
	value_free(connections);
	value_free(switches);
	return rc;
}

/* Times in 100 ns. Nothing when the host does not know them: of what is off, or has just been started. */
static int put_processors(struct arguments *args, struct value *p, const char *name)
{
	struct value *list = NULL, *processors = value_new(VALUE_LIST, "processors"), *v;
	char prefix[100], wql[300];
	int rc;

	if (!processors)
		abort();
	snprintf(prefix, sizeof prefix, "%.80s:Hv VP ", name);
	snprintf(wql, sizeof wql, "SELECT Name,PercentGuestRunTime,PercentHypervisorRunTime FROM "
		 "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor WHERE Name LIKE '%s%%'", prefix);
	rc = remote_query(args, name, REMOTE_CIMV2, wql, &list);
	for (const struct value *one = rc ? NULL : list->first; one; one = one->next) {
		if (strncmp(value_text(one, "Name"), prefix, strlen(prefix)) || !value_get(one, "PercentGuestRunTime"))
			continue;
		v = value_new(VALUE_DICT, NULL);
		if (!v)
			abort();
		put_number(v, "guest_ns", number_of(one, "PercentGuestRunTime") * 100, VALUE_NUMBER);
		put_number(v, "hypervisor_ns", number_of(one, "PercentHypervisorRunTime") * 100, VALUE_NUMBER);
		value_add(processors, v);
	}
	if (processors->first)
		value_add(p, processors);
	else
		value_free(processors);
	value_free(list);
	return rc;
}

static int describe(struct arguments *args, const struct value *system, const struct answers *a, struct value *p)
{
	const char *uuid = value_text(system, "Name"), *name = value_text(system, "ElementName");
	int rc;

	put_text(p, "title", value_text(of_partition(a->settings, "InstanceID", uuid), "Description"));
	put_memory(p, of_partition(a->memory, "InstanceID", uuid));
	rc = put_devices(args, p, name, uuid);
	return rc || !value_get(system, "ProcessID") ? rc : put_processors(args, p, name);
}

static int partitions(struct arguments *args, const char *name, bool details, struct value **ret)
{
	struct value *list = value_new(VALUE_LIST, NULL), **at, *p;
	struct remote_partition one;
	struct answers a = { 0 };
	int rc;

	if (!list)
		abort();
	at = &list->first;
	if (name) {
		rc = remote_find(args, name, &one);
		a.systems = rc ? NULL : value_new(VALUE_LIST, NULL);
		if (a.systems)
			a.systems->first = one.system;
	} else {
		rc = ask(args, NULL, "*", "Msvm_ComputerSystem", "", &a.systems);
	}
	if (!rc)
		rc = ask_all(args, name, name ? one.uuid : NULL, &a);
	for (const struct value *v = rc ? NULL : a.systems->first; v && !rc; v = v->next) {
		/* The host itself is a system too; partitions are named by a GUID. */
		if (strlen(value_text(v, "Name")) != 36 || !(p = value_new(VALUE_DICT, NULL)))
			continue;
		put_summary(p, v, &a);
		rc = details ? describe(args, v, &a, p) : EXIT_OK;
		*at = p;
		at = &p->next;
	}
	value_free(a.systems);
	value_free(a.summaries);
	value_free(a.settings);
	value_free(a.memory);
	value_free(a.processors);
	if (rc)
		value_free(list);
	else
		*ret = list;
	return rc;
}

int remote_partitions(struct arguments *args, const char *name, struct value **ret)
{
	return partitions(args, name, false, ret);
}

int remote_list(struct arguments *args)
{
	struct value *list;
	int rc = partitions(args, NULL, false, &list);

	if (rc)
		return rc;
	list_view(args, list);
	value_free(list);
	return EXIT_OK;
}

int remote_show(struct arguments *args)
{
	int worst = EXIT_OK;
	bool first = true;

	for (int i = 0; i < args->count; i++) {
		struct value *list;
		int rc = partitions(args, args->words[i], true, &list);

		if (rc) {
			worst = rc;
			continue;
		}
		details_view(args, list->first, first);
		first = false;
		value_free(list);
	}
	return worst;
}

int remote_list_interfaces(struct arguments *args)
{
	struct value *list;
	int rc = partitions(args, args->words[0], true, &list);

	if (rc)
		return rc;
	if (args->json) {
		value_write_json(stdout, value_get(list->first, "interfaces"), 0);
		putchar('\n');
	} else {
		interfaces_table(list->first);
	}
	value_free(list);
	return EXIT_OK;
}

int remote_host(struct arguments *args)
{
	struct value *computer = NULL, *system = NULL, *all = NULL, *host = value_new(VALUE_DICT, NULL);
	uint64_t count = 0;
	int rc = remote_query(args, "host", REMOTE_CIMV2, "SELECT * FROM Win32_ComputerSystem", &computer);

	if (!rc)
		rc = remote_query(args, "host", REMOTE_CIMV2, "SELECT * FROM Win32_OperatingSystem", &system);
	if (!rc)
		rc = ask(args, "host", "Name", "Msvm_ComputerSystem", "", &all);
	if (!rc && host) {
		for (const struct value *v = all->first; v; v = v->next)
			count += strlen(value_text(v, "Name")) == 36;
		put_text(host, "name", value_text(computer->first, "Name"));
		put_text(host, "system_version", value_text(system->first, "Version"));
		put_number(host, "logical_processors", number_of(computer->first, "NumberOfLogicalProcessors"), VALUE_NUMBER);
		put_number(host, "partitions", count, VALUE_NUMBER);
		put_number(host, "root_memory_bytes", number_of(computer->first, "TotalPhysicalMemory"), VALUE_NUMBER);
		if (value_get(system->first, "FreePhysicalMemory"))
			put_number(host, "root_available_bytes", number_of(system->first, "FreePhysicalMemory") << 10, VALUE_NUMBER);
		host_view(args, host);
	}
	value_free(computer);
	value_free(system);
	value_free(all);
	value_free(host);
	return rc;
}
