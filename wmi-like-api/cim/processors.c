/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual processors of what runs: as devices, and as Windows' counters of them. Of time, only what workers told is known. */
#include <stdio.h>
#include "wmi-like-api/cim/ids.h"
#include "wmi-like-api/cim/result.h"

#define UNIX_IN_FILETIME 116444736000000000ull   /* 100 ns from 1601 to 1970 */

void provide_processors(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		for (unsigned k = 0; v->pid && k < v->vps; k++) {
			struct cim_instance *i = instance_new(r, class);
			unsigned ok = 2;
			char id[64];

			snprintf(id, sizeof id, PROCESSOR_GUID "\\%u", k);
			put_device(r, i, v, "Virtual Processor", id);
			put_numbers(r, i, "OperationalStatus", 1, &ok);
			put_number(r, i, "HealthState", 5);
			put_text(r, i, "Role", "Virtual Processor");
			put_number(r, i, "AddressWidth", 64);
			put_number(r, i, "DataWidth", 64);
			if (k < v->processor_count && v->processors[k].load >= 0)
				put_number(r, i, "LoadPercentage", (uint64_t)v->processors[k].load);
			instance_add(r, i);
		}
}

/* Raw counters: times in 100 ns, and when they were so. */
void provide_processor_counters(struct result *r, const struct cim_class *class)
{
	for (const struct view *v = first_view(r); v; v = next_view(r, v))
		for (unsigned k = 0; v->pid && k < v->vps; k++) {
			struct cim_instance *i = instance_new(r, class);

			put_format(r, i, "Name", "%s:Hv VP %u", v->name, k);
			if (k < v->processor_count) {
				const struct view_processor *p = &v->processors[k];

				put_number(r, i, "PercentGuestRunTime", p->guest_ns / 100);
				put_number(r, i, "PercentHypervisorRunTime", p->hypervisor_ns / 100);
				put_number(r, i, "PercentTotalRunTime", (p->guest_ns + p->hypervisor_ns) / 100);
				put_number(r, i, "Timestamp_Sys100NS", v->processors_us * 10 + UNIX_IN_FILETIME);
				put_number(r, i, "Frequency_Sys100NS", 10000000);
			}
			instance_add(r, i);
		}
}
