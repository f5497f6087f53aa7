/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: attached, detached, made larger. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/config/config.h"

/* The words and options as the element that a file would hold. NULL: said why. */
static char *element_of(const struct arguments *args)
{
	const char *given = args->words[1], *target = args->words[2], *from = strchr(target, ':') ? NULL : target;
	char path[PATH_MAX], place[64], *text = NULL;
	uint8_t controller, lun;
	struct stat st;
	bool block;

	if (config_target_parse(target, &controller, &lun)) {
		complain(NULL, "attach-disk: '%s' is no disk name; use sda to sdp, or CONTROLLER:LUN", target);
		return NULL;
	}
	/* What cannot be seen from here is for the daemon to complain about. */
	if (!realpath(given, path))
		snprintf(path, sizeof path, "%s", given);
	if (!is_plain(path) || !is_plain(args->cache) || !is_plain(args->serial)) {
		complain(NULL, "attach-disk: ' < > & cannot be part of a value; use a file with the <disk> element");
		return NULL;
	}
	block = stat(path, &st) == 0 ? S_ISBLK(st.st_mode) : !strncmp(path, "/dev/", 5);
	if (from)
		snprintf(place, sizeof place, "dev='%s'", from);
	else
		snprintf(place, sizeof place, "controller='%u' lun='%u'", controller, lun);
	if (asprintf(&text, "<disk type='%s'><source %s='%s'/><target %s/>%s%s%s%s%s%s%s</disk>", block ? "block" : "file", block ? "dev" : "file",
		     path, place, args->cache ? "<driver cache='" : "", args->cache ? args->cache : "", args->cache ? "'/>" : "",
		     args->read_only ? "<readonly/>" : "", args->serial ? "<serial>" : "", args->serial ? args->serial : "",
		     args->serial ? "</serial>" : "") < 0)
		abort();
	return text;
}

int command_attach_disk(struct arguments *args)
{
	const char *name = args->words[0], *label = "options";
	bool from_file = args->count == 2;
	struct config_disk disk = { 0 };
	sd_bus_message *reply = NULL;
	struct config_error error;
	int rc = EXIT_REFUSED;
	char *text;

	if (from_file && (args->cache || args->serial || args->read_only)) {
		complain(NULL, "attach-disk: give either a file, or a source and a target with options");
		return EXIT_USAGE;
	}
	text = from_file ? device_read_element(args->words[1], &label) : element_of(args);
	if (!text)
		return from_file ? EXIT_REFUSED : EXIT_USAGE;
	if (config_parse_disk(label, text, strlen(text), &disk, &error))
		complain(NULL, "%s", error.text);
	else
		rc = client_call(args, name, "attaching", &reply, "AttachDisk", "sssb", name, label, text, (int)args->config);
	free(disk.source);
	free(text);
	return device_report(name, reply, rc);
}

int command_detach_disk(struct arguments *args)
{
	const char *name = args->words[0];
	sd_bus_message *reply = NULL;
	int rc = client_call(args, name, "detaching", &reply, "DetachDisk", "ssb", name, args->words[1], (int)args->config);

	return device_report(name, reply, rc);
}

int command_resize_disk(struct arguments *args)
{
	const char *name = args->words[0], *size = args->count == 3 ? args->words[2] : "auto";
	sd_bus_message *reply = NULL;
	uint64_t bytes;
	int rc;

	if (!memory_size_parse(size, &bytes)) {
		complain(name, "'%s' is no size; use a number with KiB, MiB or GiB, as in 20GiB", size);
		return EXIT_USAGE;
	}
	rc = client_call(args, name, "resizing", &reply, "ResizeDisk", "sst", name, args->words[1], bytes);
	return device_report(name, reply, rc);
}
