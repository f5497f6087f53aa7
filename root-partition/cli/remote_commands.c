/* SPDX-License-Identifier: BSD-2-Clause */
/* Which commands go to another host by WS-Management. The others need this machine's sockets, or have no word there. */
#include <stddef.h>
#include <string.h>
#include "root-partition/cli/remote.h"

static const struct {
	const char *name;
	int (*run)(struct arguments *args);
} rows[] = {
	{ "list", remote_list },
	{ "show", remote_show },
	{ "list-interfaces", remote_list_interfaces },
	{ "attach-interface", remote_attach_interface },
	{ "detach-interface", remote_detach_interface },
	{ "set-link", remote_set_link },
	{ "attach-disk", remote_attach_disk },
	{ "detach-disk", remote_detach_disk },
	{ "guest-info", remote_guest_info },
	{ "kvp", remote_kvp },
	{ "host", remote_host },
	{ "events", remote_events },
	{ "start", remote_start },
	{ "shutdown", remote_shutdown },
	{ "turn-off", remote_turn_off },
	{ "pause", remote_pause },
	{ "resume", remote_resume },
	{ "reset", remote_reset },
	{ "define", remote_define },
	{ "dump-xml", remote_dump_xml },
	{ "undefine", remote_undefine },
	{ "autostart", remote_autostart },
	{ "set-memory", remote_set_memory },
};

int (*remote_command(const char *name))(struct arguments *args)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].run;
	return NULL;
}
