/* SPDX-License-Identifier: BSD-2-Clause */
/* Association classes: which system has which settings, which settings have which parts, which system has which devices. */
#include <string.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/jobs.h"
#include "wmi-like-api/cim/result.h"

static void add(struct result *r, const struct cim_class *class, const char *left, const struct cim_path *a, const char *right,
		const struct cim_path *b)
{
	struct cim_instance *i = instance_new(r, class);

	put_path(r, i, left, a);
	put_path(r, i, right, b);
	instance_add(r, i);
}

static struct cim_path *settings_of(struct result *r, const char *uuid)
{
	return settings_path(&r->pool, "Msvm_VirtualSystemSettingData", pool_format(&r->pool, "Microsoft:%s", uuid));
}

/* Each instance of the class, as a part of its partition or of that one's settings. */
static void parts(struct result *r, const struct cim_class *class, const char *of, bool device)
{
	const struct cim_class *part_class = cim_class_find(V2, of);
	struct result *all = result_new(r->world);

	provide(all, part_class);
	for (unsigned k = 0; k < all->list.count; k++) {
		const struct cim_instance *part = all->list.instances[k];
		const char *id = instance_text(part, device ? "DeviceID" : "InstanceID");
		struct cim_path *path;
		char uuid[37];

		if (!id_find_guid(id, uuid) || !strncmp(id, "Microsoft:Definition", 20))
			continue;
		if (device)
			path = name_path(&r->pool, part_class->name, 4,
					 (const char *const[]){ "SystemCreationClassName", "Msvm_ComputerSystem", "SystemName", uuid,
								"CreationClassName", part_class->name, "DeviceID", id });
		else
			path = settings_path(&r->pool, part_class->name, id);
		add(r, class, "GroupComponent", device ? system_path(&r->pool, uuid) : settings_of(r, uuid), "PartComponent", path);
	}
	result_free(all);
}

void provide_associations(struct result *r, const struct cim_class *class)
{
	static const char *const resources[] = {
		"Msvm_ProcessorSettingData", "Msvm_MemorySettingData", RASD, SASD, "Msvm_SerialPortSettingData",
		"Msvm_KvpExchangeComponentSettingData",
		"Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData",
	};
	static const char *const devices[] = {
		"Msvm_Processor", "Msvm_ShutdownComponent", "Msvm_HeartbeatComponent", "Msvm_KvpExchangeComponent", "Msvm_Keyboard",
	};
	const struct host_facts *host = &r->world->model->host;

	if (!strcmp(class->name, "Msvm_SettingsDefineState"))
		for (const struct view *v = first_view(r); v; v = next_view(r, v))
			add(r, class, "ManagedElement", system_path(&r->pool, v->uuid), "SettingData", settings_of(r, v->uuid));
	if (!strcmp(class->name, "Msvm_VirtualSystemSettingDataComponent"))
		for (unsigned i = 0; i < sizeof resources / sizeof *resources; i++)
			parts(r, class, resources[i], false);
	if (!strcmp(class->name, "Msvm_SystemDevice"))
		for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
			parts(r, class, devices[i], true);
	if (!strcmp(class->name, "Msvm_AffectedJobElement"))
		for (const struct job *job = r->world->jobs->first; job; job = job->next)
			if (*job->uuid)
				add(r, class, "AffectedElement", system_path(&r->pool, job->uuid), "AffectingElement", job_path(&r->pool, job));
	if (!strcmp(class->name, "Win32_ComputerSystemProcessor"))
		for (unsigned i = 0; i < host->sockets; i++)
			add(r, class, "GroupComponent",
			    name_path(&r->pool, "Win32_ComputerSystem", 1, (const char *const[]){ "Name", host->name }), "PartComponent",
			    name_path(&r->pool, "Win32_Processor", 1,
				      (const char *const[]){ "DeviceID", pool_format(&r->pool, "CPU%u", i) }));
}
