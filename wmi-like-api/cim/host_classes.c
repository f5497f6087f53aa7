/* SPDX-License-Identifier: BSD-2-Clause */
/* root/cimv2: the host as Windows would describe one. Processors are its sockets; what Windows alone has is null. */
#include <string.h>
#include "wmi-like-api/cim/result.h"

static const char *known(const char *text)
{
	return *text ? text : NULL;
}

static void computer(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;
	struct cim_instance *i = instance_new(r, class);

	put_text(r, i, "Name", host->name);
	put_text(r, i, "Caption", host->name);
	put_text(r, i, "DNSHostName", host->name);
	put_text(r, i, "CreationClassName", class->name);
	put_text(r, i, "Domain", known(host->domain));
	put_bool(r, i, "PartOfDomain", false);
	put_text(r, i, "Manufacturer", known(host->vendor));
	put_text(r, i, "Model", known(host->product));
	put_number(r, i, "NumberOfProcessors", host->sockets);
	put_number(r, i, "NumberOfLogicalProcessors", (uint64_t)host->sockets * host->threads);
	put_number(r, i, "TotalPhysicalMemory", host->memory_bytes);
	put_text(r, i, "SystemType", "x64-based PC");
	put_text(r, i, "Status", "OK");
	instance_add(r, i);
}

static void processors(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;

	for (unsigned k = 0; k < host->sockets; k++) {
		struct cim_instance *i = instance_new(r, class);

		put_format(r, i, "DeviceID", "CPU%u", k);
		put_text(r, i, "CreationClassName", class->name);
		put_text(r, i, "SystemCreationClassName", "Win32_ComputerSystem");
		put_text(r, i, "SystemName", host->name);
		/* libvirt has room for 31 characters */
		put_format(r, i, "Name", "%.31s", host->cpu);
		put_text(r, i, "Description", known(host->cpu));
		put_text(r, i, "Manufacturer", known(host->cpu_vendor));
		put_number(r, i, "AddressWidth", 64);
		put_number(r, i, "DataWidth", 64);
		put_number(r, i, "Architecture", 9);
		if (host->mhz) {
			put_number(r, i, "MaxClockSpeed", host->mhz);
			put_number(r, i, "CurrentClockSpeed", host->mhz);
		}
		put_number(r, i, "NumberOfCores", host->cores);
		put_number(r, i, "NumberOfLogicalProcessors", host->threads);
		put_text(r, i, "Role", "CPU");
		put_number(r, i, "ProcessorType", 3);
		put_text(r, i, "Status", "OK");
		instance_add(r, i);
	}
}

static void system_of_root(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;
	const struct host_memory_facts *memory = &r->world->model->memory;
	struct cim_instance *i = instance_new(r, class);

	put_text(r, i, "Name", host->os);
	put_text(r, i, "Caption", host->os);
	put_text(r, i, "CreationClassName", class->name);
	put_text(r, i, "CSCreationClassName", "Win32_ComputerSystem");
	put_text(r, i, "CSName", host->name);
	put_text(r, i, "Version", host->version);
	put_text(r, i, "BuildNumber", host->release);
	put_text(r, i, "OSArchitecture", "64-bit");
	put_number(r, i, "OSType", 36);   /* LINUX */
	put_time(r, i, "LastBootUpTime", host->boot_us);
	put_time(r, i, "LocalDateTime", model_now_us());
	put_number(r, i, "CurrentTimeZone", 0);
	put_number(r, i, "TotalVisibleMemorySize", host->memory_bytes >> 10);
	if (memory->known)
		put_number(r, i, "FreePhysicalMemory", memory->available_bytes >> 10);
	put_bool(r, i, "Primary", true);
	put_text(r, i, "Status", "OK");
	instance_add(r, i);
}

static void product(struct result *r, const struct cim_class *class)
{
	const struct host_facts *host = &r->world->model->host;
	struct cim_instance *i = instance_new(r, class);

	put_text(r, i, "UUID", host->uuid);
	put_text(r, i, "Name", host->product);
	put_text(r, i, "Caption", "Computer System Product");
	put_text(r, i, "IdentifyingNumber", host->serial);
	put_text(r, i, "Vendor", known(host->vendor));
	put_text(r, i, "Version", "");
	instance_add(r, i);
}

void provide_host(struct result *r, const struct cim_class *class)
{
	static const struct { const char *class; void (*provide)(struct result *, const struct cim_class *); } rows[] = {
		{ "Win32_ComputerSystem", computer },
		{ "Win32_Processor", processors },
		{ "Win32_OperatingSystem", system_of_root },
		{ "Win32_ComputerSystemProduct", product },
		{ "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor", provide_processor_counters },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].class, class->name))
			rows[i].provide(r, class);
}
