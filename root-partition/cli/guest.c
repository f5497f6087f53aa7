/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's integration services say and do: guest-info, kvp, copy. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/table.h"
#include "root-partition/cli/value.h"

static int print_json(const struct value *value)
{
	value_write_json(stdout, value, 0);
	putchar('\n');
	return EXIT_OK;
}

static void print_addresses(const struct value *list)
{
	static const char *const headings[] = { "INTERFACE", "DHCP", "ADDRESS", "MASK", "GATEWAY", "DNS" };
	struct table *table;

	if (!list || !list->first)
		return;
	putchar('\n');
	table = table_new(6, headings);
	for (const struct value *n = list->first; n; n = n->next)
		table_row(table, (const char *const[]){ value_text(n, "mac"), value_count(n, "dhcp") ? "yes" : "no",
							*value_text(n, "missing") ? value_text(n, "missing") : value_text(n, "address"),
							value_text(n, "mask"), value_text(n, "gateway"), value_text(n, "dns") });
	table_write(stdout, table, 0);
	table_free(table);
}

void guest_info_view(const struct arguments *args, const struct value *info)
{
	static const char *const headings[] = { "SERVICE", "STATE", "VERSION", "FRAMEWORK" };
	static const struct { const char *label, *key; } lines[] = {
		{ "name", "FullyQualifiedDomainName" }, { "system", "OSName" }, { "version", "OSVersion" }, { "build", "OSBuildNumber" },
		{ "processor", "ProcessorArchitecture" }, { "IPv4", "NetworkAddressIPv4" }, { "IPv6", "NetworkAddressIPv6" },
		{ "integration", "IntegrationServicesVersion" },
	};
	const struct value *items = value_get(info, "items"), *services = value_get(info, "services");
	struct table *table;

	if (args->json) {
		print_json(info);
		return;
	}
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (*value_text(items, lines[i].key))
			printf("%-16s %s\n", lines[i].label, value_text(items, lines[i].key));
	printf("%-16s %s\n", "heartbeat", value_text(info, "heartbeat"));
	if (value_count(info, "frozen"))
		printf("%-16s %s\n", "file systems", "frozen for a backup");
	if (*value_text(info, "items_missing"))
		printf("%-16s %s\n", "nothing more", value_text(info, "items_missing"));
	putchar('\n');
	table = table_new(4, headings);
	for (const struct value *s = services ? services->first : NULL; s; s = s->next)
		table_row(table, (const char *const[]){ value_text(s, "name"), value_text(s, "state"), value_text(s, "version"), value_text(s, "framework") });
	table_write(stdout, table, 0);
	table_free(table);
	print_addresses(value_get(info, "interfaces"));
}

int command_guest_info(struct arguments *args)
{
	sd_bus_message *reply = NULL;
	struct value *info;
	int rc = client_call(args, args->words[0], "asking the guest", &reply, "GuestInfo", "s", args->words[0]);

	if (rc)
		return rc;
	info = value_read(reply);
	sd_bus_message_unref(reply);
	if (!info) {
		complain(NULL, "the daemon's answer cannot be read; is it of another version?");
		return EXIT_REFUSED;
	}
	guest_info_view(args, info);
	value_free(info);
	return EXIT_OK;
}

int command_set_addresses(struct arguments *args)
{
	const char *const *words = (const char *const *)args->words;
	const char *gateways = args->words[3] ? args->words[3] : "", *dns = args->words[3] && args->words[4] ? args->words[4] : "";
	sd_bus_message *reply;
	int rc = client_call(args, words[0], "setting addresses", &reply, "SetAddresses", "sssss", words[0], words[1], words[2], gateways, dns);

	if (!rc)
		sd_bus_message_unref(reply);
	return rc;
}

static bool read_pool(const char *text, uint32_t *ret)
{
	static const char *const names[] = { "external", "guest", "auto", "auto-external", "auto-internal" };

	for (uint32_t i = 0; i < 5; i++)
		if (!strcmp(text, names[i]) || (text[0] == (char)('0' + i) && !text[1])) {
			*ret = i;
			return true;
		}
	complain(NULL, "--pool %s: there are external, guest, auto, auto-external, auto-internal", text);
	return false;
}

bool kvp_verb_parse(const struct arguments *args, enum kvp_verb *ret, uint32_t *pool)
{
	static const struct { const char *verb; int words; } verbs[] = { { "list", 2 }, { "get", 3 }, { "set", 4 }, { "delete", 3 } };
	unsigned i = 0;

	while (i < 4 && strcmp(verbs[i].verb, args->words[1]))
		i++;
	if (i == 4 || args->count != verbs[i].words) {
		complain(args->words[0], "kvp: use list, get KEY, set KEY VALUE or delete KEY");
		return false;
	}
	*ret = i;
	*pool = 0;
	return !args->pool || read_pool(args->pool, pool);
}

void kvp_view(const struct arguments *args, const struct value *pairs)
{
	if (args->json)
		print_json(pairs);
	for (const struct value *v = args->json ? NULL : pairs->first; v; v = v->next)
		printf("%s=%s\n", v->key, v->string);
}

static int list_pairs(struct arguments *args, uint32_t pool)
{
	const char *name = args->words[0];
	sd_bus_message *reply = NULL;
	struct value *pairs;
	int rc = client_call(args, name, "asking the guest", &reply, "KvpList", "su", name, pool);

	if (rc)
		return rc;
	pairs = value_read(reply);
	sd_bus_message_unref(reply);
	if (pairs)
		kvp_view(args, pairs);
	value_free(pairs);
	return EXIT_OK;
}

int command_kvp(struct arguments *args)
{
	const char *name = args->words[0], *text = "";
	sd_bus_message *reply = NULL;
	enum kvp_verb verb;
	uint32_t pool;
	int rc;

	if (!kvp_verb_parse(args, &verb, &pool))
		return EXIT_USAGE;
	if (verb == KVP_LIST)
		return list_pairs(args, pool);
	if (verb == KVP_SET)
		rc = client_call(args, name, "asking the guest", &reply, "KvpSet", "suss", name, pool, args->words[2], args->words[3]);
	else
		rc = client_call(args, name, "asking the guest", &reply, verb == KVP_GET ? "KvpGet" : "KvpDelete", "sus", name, pool, args->words[2]);
	if (!rc && verb == KVP_GET && sd_bus_message_read(reply, "s", &text) >= 0)
		puts(text);
	sd_bus_message_unref(reply);
	return rc;
}

/*
 * The guest's folder, with a separator at its end (Linux' daemon creates only what one stands behind), and the name in it. A destination
 * that ends with a separator is a folder.
 */
static int split(const char *source, const char *destination, char *path, char *file, size_t size)
{
	const char *slash = strrchr(destination, '/'), *back = strrchr(destination, '\\');
	const char *name, *own = strrchr(source, '/');

	if (back && (!slash || back > slash))
		slash = back;
	if (!slash)
		return -1;
	name = slash[1] ? slash + 1 : own ? own + 1 : source;
	snprintf(path, size, "%.*s", (int)(slash + 1 - destination), destination);
	snprintf(file, size, "%s", name);
	return strlen(destination) < size && strlen(name) < size ? 0 : -1;
}

int command_copy(struct arguments *args)
{
	const char *name = args->words[0], *source = args->words[1], *destination = args->words[2];
	char path[1024], file[1024];
	sd_bus_message *reply = NULL;
	int fd, rc;

	if (split(source, destination, path, file, sizeof path)) {
		complain(name, "%s: not an absolute path in the guest", destination);
		return EXIT_USAGE;
	}
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		complain(name, "%s: %s", source, strerror(errno));
		return EXIT_REFUSED;
	}
	rc = client_call(args, name, "copying", &reply, "CopyFile", "shssbb", name, fd, path, file, (int)args->overwrite, (int)args->make_path);
	if (!rc)
		printf("%s: %s copied to %s%s\n", name, source, path, file);
	sd_bus_message_unref(reply);
	close(fd);
	return rc;
}
