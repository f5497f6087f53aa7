/* SPDX-License-Identifier: BSD-2-Clause */
/* Msvm_ComputerSystem, its devices and services, summaries: what a partition is doing, in Hyper-V's words. */
#include <stdio.h>
#include <string.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/result.h"
#include "wmi-like-api/cim/states.h"

unsigned state_enabled(const struct view *v)
{
	switch (v->state) {
	case VIEW_RUNNING:
		return 2;
	case VIEW_PAUSED:
		return 9;
	case VIEW_STARTING:
	case VIEW_RESTARTING:
		return 10;
	case VIEW_STOPPING:
		return 4;
	default:
		return 3;
	}
}

unsigned state_health(const struct view *v)
{
	return v->state == VIEW_FAILED ? 20 : 5;
}

/* In service: something is under way. */
unsigned state_operational(const struct view *v)
{
	if (v->state == VIEW_FAILED)
		return 3;
	return v->state == VIEW_STARTING || v->state == VIEW_RESTARTING || v->state == VIEW_STOPPING ? 11 : 2;
}

static void put_status(struct result *r, struct cim_instance *i, const struct view *v)
{
	unsigned status = state_operational(v);
	const char *description = *v->reason ? v->reason : status == 11 ? "In service" : "Operating normally";

	put_numbers(r, i, "OperationalStatus", 1, &status);
	put_texts(r, i, "StatusDescriptions", &description, 1);
	put_number(r, i, "HealthState", state_health(v));
}

static void put_requests(struct result *r, struct cim_instance *i, const struct view *v)
{
	static const unsigned of_off[] = { 2 }, of_running[] = { 3, 9, 10, 11 }, of_paused[] = { 2, 3, 11 };

	switch (v->state) {
	case VIEW_OFF:
	case VIEW_FAILED:
		put_numbers(r, i, "AvailableRequestedStates", 1, of_off);
		break;
	case VIEW_RUNNING:
		put_numbers(r, i, "AvailableRequestedStates", 4, of_running);
		break;
	case VIEW_PAUSED:
		put_numbers(r, i, "AvailableRequestedStates", 3, of_paused);
		break;
	default:
		put_numbers(r, i, "AvailableRequestedStates", 0, NULL);
	}
}

static uint64_t uptime_ms(const struct view *v)
{
	uint64_t now = model_now_us();

	return v->pid && v->started_us && now > v->started_us ? (now - v->started_us) / 1000u : 0;
}

void provide_system_of(struct result *r, const struct cim_class *class, const struct view *v)
{
	struct cim_instance *i = instance_new(r, class);

	put_text(r, i, "CreationClassName", class->name);
	put_text(r, i, "Name", v->uuid);
	put_text(r, i, "ElementName", v->name);
	put_text(r, i, "Caption", "Virtual Machine");
	/* libvirt before 10 tells partitions from the host by this text. */
	put_text(r, i, "Description", "Microsoft Virtual Machine");
	put_status(r, i, v);
	put_number(r, i, "EnabledState", state_enabled(v));
	put_number(r, i, "RequestedState", 12);
	put_number(r, i, "EnabledDefault", v->definition->autostart ? 2 : 3);
	put_requests(r, i, v);
	put_time(r, i, "TimeOfLastStateChange", v->since_us);
	put_number(r, i, "OnTimeInMilliseconds", uptime_ms(v));
	if (v->pid)
		put_number(r, i, "ProcessID", v->pid);
	put_number(r, i, "NumberOfNumaNodes", 1);
	put_number(r, i, "ReplicationState", 0);
	put_number(r, i, "ReplicationHealth", 0);
	put_number(r, i, "ReplicationMode", 0);
	instance_add(r, i);
}

static void provide_host_system(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;
	struct cim_instance *i = instance_new(r, class);
	unsigned ok = 2;

	put_text(r, i, "CreationClassName", class->name);
	put_text(r, i, "Name", host->name);
	put_text(r, i, "ElementName", host->name);
	put_text(r, i, "Caption", "Hosting Computer System");
	put_text(r, i, "Description", "Microsoft Hosting Computer System");
	put_numbers(r, i, "OperationalStatus", 1, &ok);
	put_number(r, i, "HealthState", 5);
	put_number(r, i, "EnabledState", 2);
	put_number(r, i, "RequestedState", 12);
	put_number(r, i, "EnabledDefault", 2);
	if (host->boot_us && model_now_us() > host->boot_us)
		put_number(r, i, "OnTimeInMilliseconds", (model_now_us() - host->boot_us) / 1000u);
	instance_add(r, i);
}

void provide_systems(struct result *r, const struct cim_class *class)
{
	if (!r->world->only)
		provide_host_system(r, class);
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		provide_system_of(r, class, v);
}

void put_device(struct result *r, struct cim_instance *i, const struct view *v, const char *name, const char *id)
{
	put_text(r, i, "SystemCreationClassName", "Msvm_ComputerSystem");
	put_text(r, i, "SystemName", v->uuid);
	put_text(r, i, "CreationClassName", i->class->name);
	put_format(r, i, "DeviceID", "Microsoft:%s\\%s", v->uuid, id);
	put_text(r, i, "ElementName", name);
	put_text(r, i, "Caption", name);
	put_number(r, i, "EnabledState", 2);
	put_number(r, i, "RequestedState", 12);
}

/* A partition has none. libvirt's send-key dies without an instance; its methods answer that they are not supported. */
static void put_keyboard(struct result *r, struct cim_instance *i, const struct view *v)
{
	const char *text = "A partition has no keyboard";
	unsigned status = 12;

	put_device(r, i, v, "Keyboard", "58F75A6D-D949-4320-99E1-A2A2576D581C");
	put_number(r, i, "EnabledState", 3);
	put_numbers(r, i, "OperationalStatus", 1, &status);
	put_texts(r, i, "StatusDescriptions", &text, 1);
}

static void put_device_status(struct result *r, struct cim_instance *i, unsigned status)
{
	const char *text = status == 2 ? "OK" : status == 13 ? "Lost Communication" : "No Contact";

	put_numbers(r, i, "OperationalStatus", 1, &status);
	put_texts(r, i, "StatusDescriptions", &text, 1);
	put_number(r, i, "HealthState", 5);
}

/* As text: <INSTANCE> of the CIM operations' XML (DSP0201), which is what Hyper-V has in these arrays. */
static const char *item_text(struct pool *pool, const char *key, const char *value, unsigned source)
{
	char *text = pool_take(pool, 6 * (strlen(key) + strlen(value)) + 400), *to = text;
	const char *parts[] = { "<INSTANCE CLASSNAME=\"Msvm_KvpExchangeDataItem\"><PROPERTY NAME=\"Caption\" TYPE=\"string\"></PROPERTY>"
				"<PROPERTY NAME=\"Data\" TYPE=\"string\"><VALUE>", value,
				"</VALUE></PROPERTY><PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>", key,
				"</VALUE></PROPERTY><PROPERTY NAME=\"Source\" TYPE=\"uint16\"><VALUE>" };

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		for (const char *c = parts[i]; *c; c++)
			if (i % 2 && strchr("<>&\"", *c))
				to += sprintf(to, "&#%d;", *c);
			else
				*to++ = *c;
	sprintf(to, "%u</VALUE></PROPERTY></INSTANCE>", source);
	return text;
}

void put_items(struct result *r, struct cim_instance *i, const char *name, const struct view *v, enum view_pool pool)
{
	const struct view_items *items = &v->items[pool];
	const char **texts = pool_take(&r->pool, (items->count + 1) * sizeof *texts);

	for (unsigned k = 0; k < items->count; k++)
		texts[k] = item_text(&r->pool, items->pairs[k].key, items->pairs[k].value, pool);   /* Source has the pools' numbers */
	if (items->known)
		put_texts(r, i, name, texts, items->count);
}

void provide_devices(struct result *r, const struct cim_class *class)
{
	struct cim_instance *i;

	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		if (v->state != VIEW_RUNNING && v->state != VIEW_PAUSED)
			continue;
		i = instance_new(r, class);
		if (!strcmp(class->name, "Msvm_ShutdownComponent")) {
			put_device(r, i, v, "Shutdown", "9F8233AC-BE49-4C79-8EE3-E7E1985B2077");
			put_device_status(r, i, v->shutdown_ready ? 2 : 12);
		} else if (!strcmp(class->name, "Msvm_HeartbeatComponent")) {
			put_device(r, i, v, "Heartbeat", "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47");
			put_device_status(r, i, v->heartbeat == VIEW_HEARTBEAT_OK ? 2 : v->heartbeat == VIEW_HEARTBEAT_LOST ? 13 : 12);
		} else if (!strcmp(class->name, "Msvm_Keyboard")) {
			put_keyboard(r, i, v);
		} else {
			put_device(r, i, v, "Key-Value Pair Exchange", KVP_GUID);
			put_device_status(r, i, v->items[VIEW_INTRINSIC_ITEMS].known ? 2 : 12);
			put_items(r, i, "GuestIntrinsicExchangeItems", v, VIEW_INTRINSIC_ITEMS);
			put_items(r, i, "GuestExchangeItems", v, VIEW_GUEST_ITEMS);
		}
		instance_add(r, i);
	}
}

void provide_services(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;
	struct cim_instance *i;
	unsigned ok = 2;

	if (r->world->only)
		return;
	i = instance_new(r, class);
	put_text(r, i, "SystemCreationClassName", "Msvm_ComputerSystem");
	put_text(r, i, "SystemName", host->name);
	put_text(r, i, "CreationClassName", class->name);
	put_text(r, i, "Name", strstr(class->name, "Ethernet") ? "nvspwmi" : strstr(class->name, "Bulkhead") ? "definitions" : "vmms");
	put_text(r, i, "ElementName", "Bulkhead");
	put_numbers(r, i, "OperationalStatus", 1, &ok);
	put_number(r, i, "HealthState", 5);
	put_number(r, i, "EnabledState", 2);
	put_number(r, i, "RequestedState", 12);
	put_text(r, i, "StartMode", "Automatic");
	put_bool(r, i, "Started", true);
	instance_add(r, i);
}

static const char *guest_system(const struct view *v)
{
	const struct view_items *items = &v->items[VIEW_INTRINSIC_ITEMS];

	for (unsigned i = 0; i < items->count; i++)
		if (!strcmp(items->pairs[i].key, "OSName"))
			return items->pairs[i].value;
	return NULL;
}

/* Of all its processors. -1: not known. */
static int load_of(const struct view *v)
{
	int sum = 0;

	for (unsigned i = 0; i < v->processor_count; i++) {
		if (v->processors[i].load < 0)
			return -1;
		sum += v->processors[i].load;
	}
	return v->processor_count ? sum / (int)v->processor_count : -1;
}

void provide_summary_of(struct result *r, const struct cim_class *class, const struct view *v)
{
	struct cim_instance *i = instance_new(r, class);

	put_format(r, i, "InstanceID", "Microsoft:%s", v->uuid);
	put_text(r, i, "Name", v->uuid);
	put_text(r, i, "ElementName", v->name);
	put_text(r, i, "Notes", v->definition->description);
	put_number(r, i, "NumberOfProcessors", v->pid ? v->vps : v->definition->vps);
	put_number(r, i, "EnabledState", state_enabled(v));
	put_status(r, i, v);
	if (v->pid)
		put_number(r, i, "MemoryUsage", v->assigned_bytes >> 20);
	if (v->pid)
		put_number(r, i, "UpTime", uptime_ms(v));
	if (v->state == VIEW_RUNNING)
		put_number(r, i, "Heartbeat", v->heartbeat == VIEW_HEARTBEAT_OK ? 2 : v->heartbeat == VIEW_HEARTBEAT_LOST ? 13 : 12);
	if (load_of(v) >= 0)
		put_number(r, i, "ProcessorLoad", (uint64_t)load_of(v));
	put_text(r, i, "GuestOperatingSystem", guest_system(v));
	put_text(r, i, "HostComputerSystemName", r->world->model->host.name);
	instance_add(r, i);
}

void provide_summaries(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		provide_summary_of(r, class, v);
}
