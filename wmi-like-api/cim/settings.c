/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings: the stored definition as Msvm_VirtualSystemSettingData and what belongs to it. ids.h says how each is named. */
#include <stdio.h>
#include <string.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/result.h"

void provide_settings(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		const struct definition *d = v->definition;
		struct cim_instance *i = instance_new(r, class);
		const char *notes = d->description;

		put_format(r, i, "InstanceID", "Microsoft:%s", v->uuid);
		put_text(r, i, "Caption", "Virtual Machine Settings");
		put_text(r, i, "Description", d->title);
		put_text(r, i, "ElementName", v->name);
		put_text(r, i, "VirtualSystemIdentifier", v->uuid);
		put_text(r, i, "VirtualSystemType", "Microsoft:Hyper-V:System:Realized");
		put_text(r, i, "VirtualSystemSubType", "Microsoft:Hyper-V:SubType:2");
		put_text(r, i, "ConfigurationID", v->uuid);
		put_texts(r, i, "Notes", &notes, notes ? 1 : 0);
		put_number(r, i, "AutomaticStartupAction", d->autostart ? 4 : 2);
		put_number(r, i, "AutomaticStartupActionSequenceNumber", d->autostart_order);
		put_number(r, i, "AutomaticRecoveryAction", d->restart_on_crash ? 3 : 2);
		put_bool(r, i, "IsSaved", false);
		put_bool(r, i, "AllowFullSCSICommandSet", false);
		put_bool(r, i, "IncrementalBackupEnabled", false);
		put_bool(r, i, "VirtualNumaEnabled", false);
		put_bool(r, i, "SecureBootEnabled", false);
		instance_add(r, i);
	}
}

static void put_resource(struct result *r, struct cim_instance *i, const char *id, const char *name, unsigned type, const char *subtype)
{
	put_text(r, i, "InstanceID", id);
	put_text(r, i, "ElementName", name);
	put_text(r, i, "Caption", name);
	put_number(r, i, "ResourceType", type);
	put_format(r, i, "ResourceSubType", "Microsoft:Hyper-V:%s", subtype);
}

static void put_quantity(struct result *r, struct cim_instance *i, uint64_t quantity, uint64_t reservation, uint64_t limit, unsigned weight)
{
	put_number(r, i, "VirtualQuantity", quantity);
	put_number(r, i, "Reservation", reservation);
	put_number(r, i, "Limit", limit);
	put_number(r, i, "Weight", weight);
}

static void put_parent(struct result *r, struct cim_instance *i, const char *name, const char *class, const char *id)
{
	put_text(r, i, name, path_format(&r->pool, r->world->model->host.name, settings_path(&r->pool, class, id)));
}

static void processor(struct result *r, const struct cim_class *class, const char *id, unsigned count)
{
	struct cim_instance *i = instance_new(r, class);

	put_resource(r, i, id, "Processor", 3, "Processor");
	put_text(r, i, "AllocationUnits", "percent / 1000");
	put_text(r, i, "VirtualQuantityUnits", "count");
	/* Nothing reserved, nothing capped, as heavy as the others: the definition says nothing else. */
	put_quantity(r, i, count, 0, 100000, 100);
	put_bool(r, i, "LimitCPUID", false);
	put_bool(r, i, "LimitProcessorFeatures", false);
	instance_add(r, i);
}

static void provide_processor_settings(struct result *r, const struct cim_class *class)
{
	static const struct { const char *kind; unsigned count; } definitions[] = { { "Default", 1 }, { "Minimum", 1 }, { "Maximum", 64 } };
	char id[ID_MAX];

	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		id_processor(id, v->uuid);
		processor(r, class, id, v->definition->vps);
	}
	for (unsigned i = 0; !r->world->only && i < 3; i++) {
		snprintf(id, sizeof id, "Microsoft:Definition\\" PROCESSOR_GUID "\\%s", definitions[i].kind);
		processor(r, class, id, definitions[i].count);
	}
}

static void provide_memory(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		const struct definition *d = v->definition;
		struct cim_instance *i = instance_new(r, class);
		char id[ID_MAX];

		id_memory(id, v->uuid);
		put_resource(r, i, id, "Memory", 4, "Memory");
		put_text(r, i, "AllocationUnits", "byte * 2^20");
		put_text(r, i, "VirtualQuantityUnits", "byte * 2^20");
		put_quantity(r, i, d->startup_bytes >> 20, d->minimum_bytes >> 20, d->memory_bytes >> 20,
			     d->dynamic_memory ? d->memory_priority * 100 : 5000);
		put_bool(r, i, "DynamicMemoryEnabled", d->dynamic_memory);
		if (d->dynamic_memory)
			put_number(r, i, "TargetMemoryBuffer", d->memory_buffer);
		put_bool(r, i, "IsVirtualized", true);
		put_bool(r, i, "SwapFilesInUse", false);
		instance_add(r, i);
	}
}

static void drive(struct result *r, const struct cim_class *class, const struct view *v, unsigned controller, unsigned lun)
{
	struct cim_instance *i = instance_new(r, class);
	char id[ID_MAX];

	id_drive(id, v->uuid, controller, lun, 'D');
	put_resource(r, i, id, "Hard Drive", 17, "Synthetic Disk Drive");
	id_controller(id, v->uuid, controller);
	put_parent(r, i, "Parent", RASD, id);
	put_number(r, i, "AddressOnParent", lun);
	put_texts(r, i, "HostResource", NULL, 0);
	instance_add(r, i);
}

static void provide_drives(struct result *r, const struct cim_class *class)
{
	char id[ID_MAX], number[8];

	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		const struct definition *d = v->definition;
		unsigned controllers = 1u | v->pending.controllers;

		for (unsigned k = 0; k < d->disk_count; k++)
			controllers |= 1u << d->disks[k].controller;
		for (unsigned k = 0; k < v->pending.drive_count; k++)
			controllers |= 1u << v->pending.drives[k].controller;
		for (unsigned k = 0; k < DEFINITION_CONTROLLERS; k++) {
			struct cim_instance *i;

			if (!(controllers & 1u << k))
				continue;
			i = instance_new(r, class);
			id_controller(id, v->uuid, k);
			put_resource(r, i, id, "SCSI Controller", 6, "Synthetic SCSI Controller");
			snprintf(number, sizeof number, "%u", k);
			put_text(r, i, "Address", number);
			put_texts(r, i, "HostResource", NULL, 0);
			instance_add(r, i);
		}
		for (unsigned k = 0; k < d->disk_count; k++)
			drive(r, class, v, d->disks[k].controller, d->disks[k].lun);
		for (unsigned k = 0; k < v->pending.drive_count; k++)
			drive(r, class, v, v->pending.drives[k].controller, v->pending.drives[k].lun);
	}
}

static void provide_disks(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		for (unsigned k = 0; k < v->definition->disk_count; k++) {
			const struct definition_disk *disk = &v->definition->disks[k];
			struct cim_instance *i = instance_new(r, class);
			char id[ID_MAX];

			id_drive(id, v->uuid, disk->controller, disk->lun, 'L');
			put_resource(r, i, id, "Hard Disk Image", 31, "Virtual Hard Disk");
			id_drive(id, v->uuid, disk->controller, disk->lun, 'D');
			put_parent(r, i, "Parent", RASD, id);
			put_texts(r, i, "HostResource", (const char *const[]){ disk->source }, 1);
			put_number(r, i, "Access", disk->read_only ? 1 : 3);
			put_bool(r, i, "PersistentReservationsSupported", false);
			instance_add(r, i);
		}
}

/* What the host tells the guest is kept by the guest: of one that does not run it is not known. */
static void provide_items(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		struct cim_instance *i = instance_new(r, class);

		put_format(r, i, "InstanceID", "Microsoft:%s\\" KVP_GUID, v->uuid);
		put_text(r, i, "ElementName", "Key-Value Pair Exchange");
		put_text(r, i, "Caption", "Key-Value Pair Exchange");
		put_number(r, i, "ResourceType", 1);
		put_number(r, i, "EnabledState", v->definition->no_items ? 3 : 2);
		put_items(r, i, "HostExchangeItems", v, VIEW_HOST_ITEMS);
		instance_add(r, i);
	}
}

static void provide_serial(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		struct cim_instance *i = instance_new(r, class);
		char id[ID_MAX];

		id_serial(id, v->uuid);
		put_resource(r, i, id, "COM 1", 21, "Serial Port");
		put_text(r, i, "Address", "1");
		put_texts(r, i, "Connection", NULL, 0);
		put_bool(r, i, "DebuggerMode", false);
		instance_add(r, i);
	}
}

static void port(struct result *r, const struct cim_class *class, const struct view *v, const char *mac)
{
	struct cim_instance *i = instance_new(r, class);
	char id[ID_MAX];

	id_port(id, v->uuid, mac, false);
	put_resource(r, i, id, "Network Adapter", 10, "Synthetic Ethernet Port");
	put_text(r, i, "Address", mac);
	put_bool(r, i, "StaticMacAddress", true);
	put_bool(r, i, "ClusterMonitored", false);
	instance_add(r, i);
}

static void provide_ports(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v)) {
		for (unsigned k = 0; k < v->definition->interface_count; k++)
			port(r, class, v, v->definition->interfaces[k].mac);
		for (unsigned k = 0; k < v->pending.port_count; k++)
			port(r, class, v, v->pending.ports[k]);
	}
}

static void provide_connections(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		for (unsigned k = 0; k < v->definition->interface_count; k++) {
			const struct definition_interface *n = &v->definition->interfaces[k];
			struct cim_instance *i = instance_new(r, class);
			char id[ID_MAX], guid[37];
			const char *resource;

			id_port(id, v->uuid, n->mac, true);
			put_resource(r, i, id, "Dynamic Ethernet Switch Port", 33, "Ethernet Connection");
			id_port(id, v->uuid, n->mac, false);
			put_parent(r, i, "Parent", "Msvm_SyntheticEthernetPortSettingData", id);
			id_switch(guid, n->bridge);
			resource = path_format(&r->pool, r->world->model->host.name, switch_path(&r->pool, guid));
			put_texts(r, i, "HostResource", &resource, 1);
			put_number(r, i, "EnabledState", n->link_down ? 3 : 2);
			instance_add(r, i);
		}
}

void provide_resources(struct result *r, const struct cim_class *class)
{
	static const struct { const char *class; void (*provide)(struct result *, const struct cim_class *); } rows[] = {
		{ "Msvm_ProcessorSettingData", provide_processor_settings },
		{ "Msvm_MemorySettingData", provide_memory },
		{ RASD, provide_drives },
		{ SASD, provide_disks },
		{ "Msvm_SerialPortSettingData", provide_serial },
		{ "Msvm_KvpExchangeComponentSettingData", provide_items },
		{ "Msvm_SyntheticEthernetPortSettingData", provide_ports },
		{ "Msvm_EthernetPortAllocationSettingData", provide_connections },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].class, class->name))
			rows[i].provide(r, class);
}

/* The bridges that definitions name: each once. */
void provide_switches(struct result *r, const struct cim_class *class)
{
	const char *seen[1024];
	unsigned count = 0, at, ok = 2;

	for (const struct view *v = r->world->model->views; v; v = v->next)
		for (unsigned k = 0; v->definition && k < v->definition->interface_count; k++) {
			const char *bridge = v->definition->interfaces[k].bridge;
			struct cim_instance *i;
			char guid[37];

			for (at = 0; at < count && strcmp(seen[at], bridge); at++)
				;
			if (at < count || count == sizeof seen / sizeof *seen)
				continue;
			seen[count++] = bridge;
			i = instance_new(r, class);
			id_switch(guid, bridge);
			put_text(r, i, "CreationClassName", class->name);
			put_text(r, i, "Name", guid);
			put_text(r, i, "ElementName", bridge);
			put_text(r, i, "Caption", "Virtual Switch");
			put_numbers(r, i, "OperationalStatus", 1, &ok);
			put_number(r, i, "HealthState", 5);
			put_number(r, i, "EnabledState", 5);
			put_number(r, i, "RequestedState", 12);
			instance_add(r, i);
		}
}
