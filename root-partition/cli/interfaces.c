/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces: listed, attached, detached, plugged and unplugged. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/table.h"
#include "root-partition/cli/value.h"
#include "root-partition/config/config.h"

void interfaces_table(const struct value *partition)
{
	static const char *const headings[] = { "INTERFACE", "LINK", "BRIDGE", "TAP", ">VLAN", ">RX PACKETS", ">RX", ">TX PACKETS", ">TX", ">DROPPED" };
	const struct value *list = value_get(partition, "interfaces");
	struct table *table;

	if (!list || !list->first)
		return;
	table = table_new(10, headings);
	for (const struct value *n = list->first; n; n = n->next) {
		char vlan[16] = "", rx[24] = "", tx[24] = "", dropped[24] = "", rx_bytes[32] = "", tx_bytes[32] = "";

		if (value_count(n, "vlan"))
			snprintf(vlan, sizeof vlan, "%" PRIu64, value_count(n, "vlan"));
		if (value_get(n, "rx_packets")) {
			snprintf(rx, sizeof rx, "%" PRIu64, value_count(n, "rx_packets"));
			snprintf(tx, sizeof tx, "%" PRIu64, value_count(n, "tx_packets"));
			snprintf(dropped, sizeof dropped, "%" PRIu64, value_count(n, "rx_dropped") + value_count(n, "tx_dropped"));
			format_bytes(value_count(n, "rx_bytes"), rx_bytes);
			format_bytes(value_count(n, "tx_bytes"), tx_bytes);
		}
		table_row(table, (const char *const[]){ value_text(n, "mac"), value_text(n, "link"), value_text(n, "bridge"), value_text(n, "tap"), vlan,
							rx, rx_bytes, tx, tx_bytes, dropped });
	}
	table_write(stdout, table, 0);
	table_free(table);
}

int command_list_interfaces(struct arguments *args)
{
	sd_bus_message *reply;
	struct value *details;
	const struct value *list;
	int rc = client_call(args, args->words[0], "asking", &reply, "Describe", "s", args->words[0]);

	if (rc)
		return rc;
	details = value_read(reply);
	sd_bus_message_unref(reply);
	list = details ? value_get(details, "interfaces") : NULL;
	if (!list) {
		complain(args->words[0], "the daemon's answer cannot be read; is it of another version?");
		rc = EXIT_REFUSED;
	} else if (args->json) {
		value_write_json(stdout, list, 0);
		putchar('\n');
	} else {
		interfaces_table(details);
	}
	value_free(details);
	return rc;
}

bool is_plain(const char *text)
{
	return !text || !strpbrk(text, "'<>&");
}

/* The options as the element that a file would hold. NULL: said why. */
static char *element_of(const struct arguments *args)
{
	char *text = NULL;

	if (!args->bridge) {
		complain(NULL, "attach-interface: give either a file or --bridge");
		return NULL;
	}
	if (!is_plain(args->bridge) || !is_plain(args->mac) || !is_plain(args->vlan) || !is_plain(args->mtu)) {
		complain(NULL, "attach-interface: ' < > & cannot be part of an option's value");
		return NULL;
	}
	if (asprintf(&text, "<interface type='bridge'><source bridge='%s'/>%s%s%s%s%s%s%s%s%s</interface>", args->bridge,
		     args->mac ? "<mac address='" : "", args->mac ? args->mac : "", args->mac ? "'/>" : "", args->vlan ? "<vlan><tag id='" : "",
		     args->vlan ? args->vlan : "", args->vlan ? "'/></vlan>" : "", args->mtu ? "<mtu size='" : "", args->mtu ? args->mtu : "",
		     args->mtu ? "'/>" : "") < 0)
		abort();
	return text;
}

char *device_read_element(const char *file, const char **label)
{
	const char *path = strcmp(file, "-") ? file : "/dev/stdin";
	size_t size;
	char *text;
	int rc = config_read_file(AT_FDCWD, path, CONFIG_TEXT_MAX, &text, &size);

	*label = strcmp(file, "-") ? file : "stdin";
	if (!rc)
		return text;
	complain(*label, "%s", rc == -EFBIG ? "too large for a device" : strerror(-rc));
	return NULL;
}

int device_report(const char *name, sd_bus_message *reply, int rc)
{
	const char *text = "done";

	if (!rc && sd_bus_message_read(reply, "s", &text) >= 0)
		printf("%s: %s\n", name, text);
	sd_bus_message_unref(reply);
	return rc;
}

int command_attach_interface(struct arguments *args)
{
	const char *name = args->words[0], *label = "options";
	struct config_interface interface;
	sd_bus_message *reply = NULL;
	struct config_error error;
	int rc = EXIT_REFUSED;
	char *text;

	if (args->count == 2 && (args->bridge || args->mac || args->vlan || args->mtu)) {
		complain(NULL, "attach-interface: give either a file or --bridge");
		return EXIT_USAGE;
	}
	text = args->count == 2 ? device_read_element(args->words[1], &label) : element_of(args);
	if (!text)
		return args->count == 2 ? EXIT_REFUSED : EXIT_USAGE;
	if (config_parse_interface(label, text, strlen(text), &interface, &error))
		complain(NULL, "%s", error.text);
	else
		rc = client_call(args, name, "attaching", &reply, "AttachInterface", "sssb", name, label, text, (int)args->config);
	free(text);
	return device_report(name, reply, rc);
}

int command_detach_interface(struct arguments *args)
{
	const char *name = args->words[0];
	sd_bus_message *reply = NULL;
	int rc = client_call(args, name, "detaching", &reply, "DetachInterface", "ssb", name, args->words[1], (int)args->config);

	return device_report(name, reply, rc);
}

int command_set_link(struct arguments *args)
{
	const char *name = args->words[0], *state = args->words[2];
	sd_bus_message *reply = NULL;
	int rc;

	if (strcmp(state, "up") && strcmp(state, "down")) {
		complain(name, "link '%s': use up or down", state);
		return EXIT_USAGE;
	}
	rc = client_call(args, name, "changing the link", &reply, "SetLink", "ssbb", name, args->words[1], (int)!strcmp(state, "up"), (int)args->config);
	return device_report(name, reply, rc);
}
