/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bhctl --host attach-interface, detach-interface, set-link, attach-disk, detach-disk: a port and its connection to a switch, a drive and the
 * image in it. What runs and the definition change together always.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "root-partition/cli/remote.h"
#include "root-partition/config/config.h"

#define PORT       "Msvm_SyntheticEthernetPortSettingData"
#define CONNECTION "Msvm_EthernetPortAllocationSettingData"
#define SETTINGS   "Msvm_VirtualSystemSettingData"
#define RESOURCE   "Msvm_ResourceAllocationSettingData"
#define STORAGE    "Msvm_StorageAllocationSettingData"

static const struct remote_argument nothing = { 0 };

static int find(struct arguments *args, const char *name, char uuid[40])
{
	struct remote_partition p;
	int rc;

	if (!args->config) {
		complain(NULL, "%s: by WS-Management it gets into the definition always; say --config", name);
		return EXIT_USAGE;
	}
	rc = remote_find(args, name, &p);
	if (!rc)
		memcpy(uuid, p.uuid, sizeof p.uuid);
	value_free(rc ? NULL : p.system);
	return rc;
}

/* A path between quotes within an object path: its own quotes and backslashes escaped. For free(). */
static char *path_of(const char *class, const char *key, const char *value)
{
	char *quoted = remote_quote(value), *path = NULL;

	if (asprintf(&path, "\\\\.\\root\\virtualization\\v2:%s.%s=\"%s\"", class, key, quoted) < 0)
		abort();
	free(quoted);
	return path;
}

/* Adds a resource and tells the InstanceID that it got. For free(). */
static int add(struct arguments *args, const char *name, const char *uuid, const char *class, const struct remote_argument *parts, char **id)
{
	char settings[60];
	const struct remote_argument keys[] = { { .name = "InstanceID", .text = settings }, nothing };
	const struct remote_argument arguments[] = {
		{ .name = "AffectedConfiguration", .reference = SETTINGS, .parts = keys },
		{ .name = "ResourceSettings", .instance = class, .parts = parts }, nothing,
	};
	struct remote_reply reply;
	int rc;

	snprintf(settings, sizeof settings, "Microsoft:%s", uuid);
	rc = remote_serve(args, name, "AddResourceSettings", arguments, &reply);
	if (rc)
		return rc;
	*id = strdup(value_text(value_get(reply.items->first, "ResultingResourceSettings"), "InstanceID"));
	if (!*id)
		abort();
	remote_reply_free(&reply);
	return EXIT_OK;
}

static int take_away(struct arguments *args, const char *name, const char *class, const char *id)
{
	const struct remote_argument keys[] = { { .name = "InstanceID", .text = id }, nothing };

	return remote_serve(args, name, "RemoveResourceSettings",
			    (const struct remote_argument[]){ { .name = "ResourceSettings", .reference = class, .parts = keys }, nothing }, NULL);
}

/* The switch of that name as a path; a bridge that no definition names yet has none, and goes by its name. For free(). */
static int find_switch(struct arguments *args, const char *bridge, char **ret)
{
	char *quoted = remote_quote(bridge), *wql = NULL;
	struct value *list = NULL;
	int rc;

	if (asprintf(&wql, "SELECT * FROM Msvm_VirtualEthernetSwitch WHERE ElementName = '%s'", quoted) < 0)
		abort();
	rc = remote_query(args, bridge, REMOTE_V2, wql, &list);
	free(quoted);
	free(wql);
	if (rc)
		return rc;
	*ret = list->first ? path_of("Msvm_VirtualEthernetSwitch", "CreationClassName=\"Msvm_VirtualEthernetSwitch\",Name", value_text(list->first, "Name"))
			   : strdup(bridge);
	if (!*ret)
		abort();
	value_free(list);
	return EXIT_OK;
}

int remote_attach_interface(struct arguments *args)
{
	const char *name = args->words[0];
	char uuid[40], *port = NULL, *connection = NULL, *parent = NULL, *bridge = NULL;
	int rc;

	if (args->count != 1 || !args->bridge || args->vlan || args->mtu) {
		complain(NULL, "attach-interface: WS-Management has --bridge and --mac only; use bhctl on the host itself for more");
		return EXIT_USAGE;
	}
	rc = find(args, name, uuid);
	if (!rc)
		rc = find_switch(args, args->bridge, &bridge);
	if (!rc)
		rc = add(args, name, uuid, PORT, (const struct remote_argument[]){ { .name = "ResourceType", .text = "10" },
			 { .name = "ResourceSubType", .text = "Microsoft:Hyper-V:Synthetic Ethernet Port" },
			 args->mac ? (struct remote_argument){ .name = "Address", .text = args->mac } : nothing, nothing }, &port);
	if (rc)
		goto out;
	parent = path_of(PORT, "InstanceID", port);
	rc = add(args, name, uuid, CONNECTION, (const struct remote_argument[]){ { .name = "ResourceType", .text = "33" },
		 { .name = "ResourceSubType", .text = "Microsoft:Hyper-V:Ethernet Connection" }, { .name = "Parent", .text = parent },
		 { .name = "HostResource", .text = bridge }, nothing }, &connection);
	if (rc)
		take_away(args, name, PORT, port);
	else
		printf("%s: attached\n", name);
out:
	free(connection);
	free(parent);
	free(bridge);
	free(port);
	return rc;
}

/* "00:15:5d:…" as Hyper-V writes it. */
static void plain_address(const char *mac, char ret[13])
{
	size_t n = 0;

	for (; *mac && n < 12; mac++)
		if (*mac != ':' && *mac != '-')
			ret[n++] = *mac;
	ret[n] = 0;
}

/* The part of the partition's settings whose property begins so. *id for free(); NULL: there is none. */
static int find_part(struct arguments *args, const char *name, const char *uuid, const char *class, const char *property, const char *wanted, char **id)
{
	struct value *list = NULL;
	char wql[300];
	int rc;

	snprintf(wql, sizeof wql, "SELECT * FROM %s WHERE InstanceID LIKE 'Microsoft:%s%%'", class, uuid);
	rc = remote_query(args, name, REMOTE_V2, wql, &list);
	for (const struct value *v = rc ? NULL : list->first; v && !*id; v = v->next)
		if (!strncasecmp(value_text(v, property), wanted, strlen(wanted)))
			*id = strdup(value_text(v, "InstanceID"));
	value_free(rc ? NULL : list);
	return rc;
}

static int find_port(struct arguments *args, const char *name, const char *uuid, const char *mac, char **id)
{
	char address[13];
	int rc;

	plain_address(mac, address);
	rc = find_part(args, name, uuid, PORT, "Address", strlen(address) == 12 ? address : "-", id);
	if (!rc && !*id) {
		complain(name, "there is no interface with address %s; 'bhctl list-interfaces %s' shows them", mac, name);
		rc = EXIT_REFUSED;
	}
	return rc;
}

int remote_detach_interface(struct arguments *args)
{
	const char *name = args->words[0];
	char uuid[40], *id = NULL;
	int rc = find(args, name, uuid);

	if (!rc)
		rc = find_port(args, name, uuid, args->words[1], &id);
	if (!rc)
		rc = take_away(args, name, PORT, id);
	if (!rc)
		printf("%s: detached\n", name);
	free(id);
	return rc;
}

int remote_set_link(struct arguments *args)
{
	const char *name = args->words[0], *state = args->words[2];
	char uuid[40], *port = NULL, *id = NULL;
	int rc;

	if (strcmp(state, "up") && strcmp(state, "down")) {
		complain(name, "link '%s': use up or down", state);
		return EXIT_USAGE;
	}
	rc = find(args, name, uuid);
	if (!rc)
		rc = find_port(args, name, uuid, args->words[1], &port);
	if (!rc)
		rc = find_part(args, name, uuid, CONNECTION, "InstanceID", port, &id);
	if (!rc && !id) {
		complain(name, "the interface with address %s is not connected", args->words[1]);
		rc = EXIT_REFUSED;
	}
	if (!rc)
		rc = remote_serve(args, name, "ModifyResourceSettings", (const struct remote_argument[]){ { .name = "ResourceSettings",
				  .instance = CONNECTION, .parts = (const struct remote_argument[]){ { .name = "InstanceID", .text = id },
				  { .name = "EnabledState", .text = strcmp(state, "up") ? "3" : "2" }, nothing } }, nothing }, NULL);
	if (!rc)
		printf("%s: link %s\n", name, state);
	free(port);
	free(id);
	return rc;
}

/* The controller's InstanceID. *id for free(). */
static int find_controller(struct arguments *args, const char *name, const char *uuid, unsigned controller, char **id)
{
	struct value *list = NULL;
	char wql[300];
	int rc;

	snprintf(wql, sizeof wql, "SELECT * FROM " RESOURCE " WHERE InstanceID LIKE 'Microsoft:%s%%' AND ResourceType = 6", uuid);
	rc = remote_query(args, name, REMOTE_V2, wql, &list);
	if (rc)
		return rc;
	for (const struct value *v = list->first; v && !*id; v = v->next)
		if (strtoul(value_text(v, "Address"), NULL, 10) == controller && *value_text(v, "Address"))
			*id = strdup(value_text(v, "InstanceID"));
	value_free(list);
	if (*id)
		return EXIT_OK;
	complain(name, "it has no controller %u there; use bhctl on the host itself, or another target", controller);
	return EXIT_REFUSED;
}

int remote_attach_disk(struct arguments *args)
{
	const char *name = args->words[0], *source = args->words[1];
	char uuid[40], lun_text[8], *controller_id = NULL, *drive = NULL, *disk = NULL, *parent = NULL;
	uint8_t controller, lun;
	int rc;

	if (args->count != 3 || args->cache || args->serial || *source != '/') {
		complain(NULL, "attach-disk: WS-Management has a full path on the host, a target and --readonly; use bhctl on the host itself for more");
		return EXIT_USAGE;
	}
	if (config_target_parse(args->words[2], &controller, &lun)) {
		complain(NULL, "attach-disk: '%s' is no disk name; use sda to sdp, or CONTROLLER:LUN", args->words[2]);
		return EXIT_USAGE;
	}
	snprintf(lun_text, sizeof lun_text, "%u", lun);
	rc = find(args, name, uuid);
	if (!rc)
		rc = find_controller(args, name, uuid, controller, &controller_id);
	if (rc)
		goto out;
	parent = path_of(RESOURCE, "InstanceID", controller_id);
	rc = add(args, name, uuid, RESOURCE, (const struct remote_argument[]){ { .name = "ResourceType", .text = "17" },
		 { .name = "ResourceSubType", .text = "Microsoft:Hyper-V:Synthetic Disk Drive" }, { .name = "Parent", .text = parent },
		 { .name = "AddressOnParent", .text = lun_text }, nothing }, &drive);
	if (rc)
		goto out;
	free(parent);
	parent = path_of(RESOURCE, "InstanceID", drive);
	rc = add(args, name, uuid, STORAGE, (const struct remote_argument[]){ { .name = "ResourceType", .text = "31" },
		 { .name = "ResourceSubType", .text = "Microsoft:Hyper-V:Virtual Hard Disk" }, { .name = "Parent", .text = parent },
		 { .name = "HostResource", .text = source }, { .name = "Access", .text = args->read_only ? "1" : "3" }, nothing }, &disk);
	if (rc)
		take_away(args, name, RESOURCE, drive);
	else
		printf("%s: attached\n", name);
out:
	free(controller_id);
	free(parent);
	free(drive);
	free(disk);
	return rc;
}

int remote_detach_disk(struct arguments *args)
{
	const char *name = args->words[0];
	struct value *list = NULL;
	const struct value *disk;
	uint8_t controller, lun;
	char uuid[40], wql[300];
	unsigned at, unit;
	int rc;

	if (config_target_parse(args->words[1], &controller, &lun)) {
		complain(NULL, "detach-disk: '%s' is no disk name; use sda to sdp, or CONTROLLER:LUN", args->words[1]);
		return EXIT_USAGE;
	}
	rc = find(args, name, uuid);
	if (rc)
		return rc;
	snprintf(wql, sizeof wql, "SELECT * FROM " STORAGE " WHERE InstanceID LIKE 'Microsoft:%s%%'", uuid);
	rc = remote_query(args, name, REMOTE_V2, wql, &list);
	if (rc)
		return rc;
	for (disk = list->first; disk; disk = disk->next)
		if (remote_disk_place(value_text(disk, "InstanceID"), &at, &unit) && at == controller && unit == lun)
			break;
	if (disk)
		rc = take_away(args, name, STORAGE, value_text(disk, "InstanceID"));
	else
		complain(name, "has no disk %s; 'bhctl show %s' lists them", args->words[1], name), rc = EXIT_REFUSED;
	if (!rc)
		printf("%s: detached\n", name);
	value_free(list);
	return rc;
}
