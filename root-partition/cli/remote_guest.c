/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host guest-info, kvp: key-value items as Hyper-V has them, embedded instances in arrays of texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/remote.h"

#define NOT_READY "the guest's key-value service is not ready; does hv_kvp_daemon run in it?"

enum { POOL_HOST, POOL_GUEST, POOL_GUEST_SELF, POOLS };

static void put(struct value *dict, const char *key, const char *text)
{
	struct value *v = value_new(VALUE_STRING, key);

	if (!v || !(v->string = strdup(text)))
		abort();
	value_add(dict, v);
}

static void put_items(struct value *dict, const struct value *instance, const char *property)
{
	for (const struct value *v = instance ? instance->first : NULL; v; v = v->next) {
		struct value *item = !strcmp(v->key, property) && v->string ? remote_embedded_parse(v->string) : NULL;

		if (item && *value_text(item, "Name"))
			put(dict, value_text(item, "Name"), value_text(item, "Data"));
		value_free(item);
	}
}

/* Of a class that has one instance for each partition: key names the property that has its UUID. */
static int ask_one(struct arguments *args, const char *name, const char *class, const char *key, const char *uuid, struct value **ret)
{
	char wql[300];

	snprintf(wql, sizeof wql, "SELECT * FROM %s WHERE %s LIKE '%%%s%%'", class, key, uuid);
	return remote_query(args, name, REMOTE_V2, wql, ret);
}

static bool is_ready(const struct value *list)
{
	return list->first && !strcmp(value_text(list->first, "OperationalStatus"), "2");
}

/* What runs, by its name. */
static int find_running(struct arguments *args, const char *name, char uuid[40])
{
	struct remote_partition p;
	int rc = remote_find(args, name, &p);

	if (rc)
		return rc;
	memcpy(uuid, p.uuid, sizeof p.uuid);
	value_free(p.system);
	if (!strcmp(p.state, "running"))
		return EXIT_OK;
	complain(name, "it is %s", p.state);
	return EXIT_REFUSED;
}

static int read_items(struct arguments *args, const char *name, const char *uuid, uint32_t pool, struct value **ret)
{
	static const char *const properties[] = { "HostExchangeItems", "GuestExchangeItems", "GuestIntrinsicExchangeItems" };
	struct value *component = NULL, *settings = NULL;
	int rc = ask_one(args, name, "Msvm_KvpExchangeComponent", "SystemName", uuid, &component);

	if (!rc && !is_ready(component)) {
		complain(name, NOT_READY);
		rc = EXIT_REFUSED;
	}
	if (!rc && pool == POOL_HOST)
		rc = ask_one(args, name, "Msvm_KvpExchangeComponentSettingData", "InstanceID", uuid, &settings);
	if (!rc) {
		*ret = value_new(VALUE_DICT, NULL);
		if (!*ret)
			abort();
		put_items(*ret, pool == POOL_HOST ? settings->first : component->first, properties[pool]);
	}
	value_free(component);
	value_free(settings);
	return rc;
}

static int change(struct arguments *args, const char *name, const char *uuid, bool delete)
{
	const struct remote_argument system[] = {
		{ .name = "CreationClassName", .text = "Msvm_ComputerSystem" }, { .name = "Name", .text = uuid }, { 0 },
	};
	const struct remote_argument item[] = {
		{ .name = "Name", .text = args->words[2] }, { .name = "Data", .text = delete ? "" : args->words[3] }, { .name = "Source", .text = "0" }, { 0 },
	};
	const struct remote_argument arguments[] = {
		{ .name = "TargetSystem", .reference = "Msvm_ComputerSystem", .parts = system },
		{ .name = "DataItems", .instance = "Msvm_KvpExchangeDataItem", .parts = item }, { 0 },
	};

	return remote_serve(args, name, delete ? "RemoveKvpItems" : "AddKvpItems", arguments, NULL);
}

int remote_kvp(struct arguments *args)
{
	const char *name = args->words[0];
	struct value *pairs = NULL;
	enum kvp_verb verb;
	uint32_t pool;
	char uuid[40];
	int rc;

	if (!kvp_verb_parse(args, &verb, &pool))
		return EXIT_USAGE;
	if (pool >= (verb == KVP_SET || verb == KVP_DELETE ? POOL_GUEST : POOLS)) {
		complain(NULL, "kvp: WS-Management changes the pool external, and tells what is in guest and auto; use bhctl on the host itself");
		return EXIT_USAGE;
	}
	rc = find_running(args, name, uuid);
	if (rc)
		return rc;
	if (verb == KVP_SET || verb == KVP_DELETE)
		return change(args, name, uuid, verb == KVP_DELETE);
	rc = read_items(args, name, uuid, pool, &pairs);
	if (rc)
		return rc;
	if (verb == KVP_LIST) {
		kvp_view(args, pairs);
	} else if (value_get(pairs, args->words[2])) {
		puts(value_text(pairs, args->words[2]));
	} else {
		complain(name, "there is no such key");
		rc = EXIT_REFUSED;
	}
	value_free(pairs);
	return rc;
}

/* Of services that Hyper-V has as components, whether they are ready; of their versions it says nothing. */
static int put_services(struct arguments *args, const char *name, const char *uuid, struct value *info)
{
	static const char *const rows[][2] = {
		{ "shutdown", "Msvm_ShutdownComponent" }, { "heartbeat", "Msvm_HeartbeatComponent" }, { "kvp", "Msvm_KvpExchangeComponent" },
	};
	struct value *services = value_new(VALUE_LIST, "services");
	int rc = EXIT_OK;

	if (!services)
		abort();
	value_add(info, services);
	for (unsigned i = 0; !rc && i < sizeof rows / sizeof *rows; i++) {
		struct value *list = NULL, *service = value_new(VALUE_DICT, NULL);

		if (!service)
			abort();
		value_add(services, service);
		rc = ask_one(args, name, rows[i][1], "SystemName", uuid, &list);
		put(service, "name", rows[i][0]);
		put(service, "state", !rc && is_ready(list) ? "ready" : "not ready");
		value_free(list);
	}
	return rc;
}

int remote_guest_info(struct arguments *args)
{
	const char *name = args->words[0];
	struct value *info = value_new(VALUE_DICT, NULL), *items = value_new(VALUE_DICT, "items"), *component = NULL, *summary = NULL;
	char uuid[40];
	int rc = find_running(args, name, uuid);

	if (!info || !items)
		abort();
	if (!rc)
		rc = remote_partitions(args, name, &summary);
	if (!rc)
		rc = ask_one(args, name, "Msvm_KvpExchangeComponent", "SystemName", uuid, &component);
	if (!rc) {
		put(info, "name", name);
		put(info, "state", "running");
		put(info, "heartbeat", value_text(summary->first, "heartbeat"));
		rc = put_services(args, name, uuid, info);
		put_items(items, component->first, "GuestIntrinsicExchangeItems");
		value_add(info, items);
		items = NULL;
		if (!is_ready(component))
			put(info, "items_missing", NOT_READY);
	}
	if (!rc)
		guest_info_view(args, info);
	value_free(component);
	value_free(summary);
	value_free(items);
	value_free(info);
	return rc;
}
