/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl set-memory: how much a running partition with dynamic memory is to have. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/bhctl.h"

bool memory_size_parse(const char *text, uint64_t *ret)
{
	static const struct { const char *name; unsigned shift; } units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
	uint64_t value;
	char *end;

	if (!strcmp(text, "auto")) {
		*ret = 0;
		return true;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || !value)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(end, units[i].name) && value <= UINT64_MAX >> units[i].shift) {
			*ret = value << units[i].shift;
			return true;
		}
	return false;
}

int command_set_memory(struct arguments *args)
{
	const char *name = args->words[0], *text;
	sd_bus_message *reply;
	uint64_t bytes;
	int rc;

	if (!memory_size_parse(args->words[1], &bytes)) {
		complain(name, "'%s' is no size; use a number with KiB, MiB or GiB, as in 768MiB, or auto", args->words[1]);
		return EXIT_USAGE;
	}
	rc = client_call(args, name, "changing the memory", &reply, "SetMemory", "st", name, bytes);
	if (rc)
		return rc;
	if (sd_bus_message_read(reply, "s", &text) >= 0)
		printf("%s: %s\n", name, text);
	sd_bus_message_unref(reply);
	return EXIT_OK;
}
