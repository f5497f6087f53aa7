/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of a partition that come, go and change: what is called reads its arguments here and is answered by api_done. */
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/disks.h"
#include "root-partition/daemon/interfaces.h"

int api_run_attach_interface(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *file, *text;
	int stored, rc = sd_bus_message_read(call, "ssb", &file, &text, &stored);

	(void)e;
	if (rc >= 0)
		partition_attach_interface(p, file, text, stored, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

int api_run_detach_interface(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *mac;
	int stored, rc = sd_bus_message_read(call, "sb", &mac, &stored);

	(void)e;
	if (rc >= 0)
		partition_detach_interface(p, mac, stored, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

int api_run_set_link(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *mac;
	int up, stored, rc = sd_bus_message_read(call, "sbb", &mac, &up, &stored);

	(void)e;
	if (rc >= 0)
		partition_set_link(p, mac, up, stored, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

int api_run_attach_disk(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *file, *text;
	int stored, rc = sd_bus_message_read(call, "ssb", &file, &text, &stored);

	(void)e;
	if (rc >= 0)
		partition_attach_disk(p, file, text, stored, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

int api_run_detach_disk(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *target;
	int stored, rc = sd_bus_message_read(call, "sb", &target, &stored);

	(void)e;
	if (rc >= 0)
		partition_detach_disk(p, target, stored, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}

int api_run_resize_disk(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	const char *target;
	uint64_t bytes;
	int rc = sd_bus_message_read(call, "st", &target, &bytes);

	(void)e;
	if (rc >= 0)
		partition_resize_disk(p, target, bytes, api_done, sd_bus_message_ref(call));
	return rc < 0 ? rc : 1;
}
