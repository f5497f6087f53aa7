/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of a guest's network interfaces, asked of it and set in it through its key-value service; the words are those of vsp/ic/ic.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/text.h"
#include "vsp/ic/ic.h"

#define ASK_MS 60000u

struct walk {
	struct manager *manager;
	char name[CONFIG_NAME_MAX + 1];
	sd_bus_message *reply;
	uint32_t index;              /* of the interface that is asked for next */
	char mac[18];                /* of the one before */
	int rc;
	void (*done)(void *arg, int rc);
	void *arg;
};

static void format_mac(const uint8_t mac[CONFIG_MAC_BYTES], char text[18])
{
	snprintf(text, 18, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void on_addresses(void *arg, const struct worker_message *reply, int error, const char *text);

static void ask_next(struct walk *w)
{
	struct worker_kvp m = { .header = { .type = WORKER_KVP, .size = sizeof m }, .operation = IC_KVP_GET_ADDRESSES };
	struct partition *p = manager_find(w->manager, w->name);

	if (w->rc >= 0 && p && p->link && p->running && w->index < p->running->interface_count) {
		format_mac(p->running->interfaces[w->index++].mac, w->mac);
		memcpy(m.key, w->mac, sizeof w->mac);
		link_request(p->link, &m.header, ASK_MS, on_addresses, w);
		return;
	}
	api_close_entry(&w->rc, w->reply);
	w->done(w->arg, w->rc);
	free(w);
}

/* "name=value name=value" as entries. */
static void put_words(struct walk *w, char *words)
{
	char *rest = NULL;

	for (char *word = strtok_r(words, " ", &rest); word && w->rc >= 0; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(word, "dhcp"))
			api_put(&w->rc, w->reply, word, "b", *value == '1');
		else
			api_put(&w->rc, w->reply, word, "s", value);
	}
}

static void on_addresses(void *arg, const struct worker_message *reply, int error, const char *text)
{
	const struct worker_kvp_reply *answer = (const struct worker_kvp_reply *)reply;
	char value[WORKER_KVP_VALUE] = "";
	struct walk *w = arg;

	if (!error && reply->type != WORKER_KVP_REPLY)
		error = EPROTO;
	if (!error && !(error = -answer->error))
		snprintf(value, sizeof value, "%.*s", (int)sizeof value - 1, answer->value);
	text_clean(value);
	if (w->rc >= 0)
		w->rc = sd_bus_message_open_container(w->reply, 'a', "{sv}");
	api_put(&w->rc, w->reply, "mac", "s", w->mac);
	if (error)
		api_put(&w->rc, w->reply, "missing", "s", reply ? "the guest does not tell" : text);
	put_words(w, value);
	if (w->rc >= 0)
		w->rc = sd_bus_message_close_container(w->reply);
	ask_next(w);
}

void api_append_addresses(struct partition *p, sd_bus_message *reply, void (*done)(void *arg, int rc), void *arg)
{
	struct walk *w = calloc(1, sizeof *w);

	if (!w) {
		done(arg, -ENOMEM);
		return;
	}
	w->manager = p->manager;
	memcpy(w->name, p->name, sizeof w->name);
	w->reply = reply;
	w->done = done;
	w->arg = arg;
	api_open_entry(&w->rc, reply, "interfaces", "aa{sv}");
	ask_next(w);
}

/* The mask of so many bits, in the family's way of writing; false: too many. */
static bool mask_text(int family, unsigned long bits, char text[INET6_ADDRSTRLEN])
{
	uint8_t mask[16] = { 0 };

	if (bits > (family == AF_INET ? 32 : 128))
		return false;
	for (unsigned long i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return inet_ntop(family, mask, text, INET6_ADDRSTRLEN) != NULL;
}

static int family_of(const char *text)
{
	uint8_t address[16];

	return inet_pton(AF_INET, text, address) == 1 ? AF_INET : inet_pton(AF_INET6, text, address) == 1 ? AF_INET6 : 0;
}

struct lists {
	char address[512], mask[512];
};

static bool append(char *list, size_t size, const char *text)
{
	const size_t used = strlen(list);

	return (size_t)snprintf(list + used, size - used, "%s%s", used ? ";" : "", text) < size - used;
}

/* "10.0.0.5/24,fd00::5/64" */
static bool read_prefixes(const char *text, struct lists *ret)
{
	char copy[512], mask[INET6_ADDRSTRLEN], *rest = NULL;

	if (strlen(text) >= sizeof copy)
		return false;
	strcpy(copy, text);
	for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		char *slash = strchr(one, '/'), *end = NULL;
		unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : 0;
		int family;

		if (!slash || end == slash + 1 || *end || slash[1] == '-')
			return false;
		*slash = 0;
		family = family_of(one);
		if (!family || !mask_text(family, bits, mask) || !append(ret->address, sizeof ret->address, one) ||
		    !append(ret->mask, sizeof ret->mask, mask))
			return false;
	}
	return *ret->address;
}

/* "10.0.0.1,fd00::1", or nothing, as name=list. */
static bool append_list(char *words, size_t size, const char *name, const char *text)
{
	char copy[512], list[512] = "", *rest = NULL;
	const size_t used = strlen(words);

	if (strlen(text) >= sizeof copy)
		return false;
	strcpy(copy, text);
	for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
		if (!family_of(one) || !append(list, sizeof list, one))
			return false;
	return !*list || (size_t)snprintf(words + used, size - used, " %s=%s", name, list) < size - used;
}

static void on_set(void *arg, const struct worker_message *reply, int error, const char *text)
{
	char why[sizeof((struct worker_kvp_reply *)0)->text] = "the worker has given a wrong answer";

	if (!error) {
		error = EPROTO;
		if (reply->type == WORKER_KVP_REPLY) {
			error = -((const struct worker_kvp_reply *)reply)->error;
			snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, ((const struct worker_kvp_reply *)reply)->text);
		}
		/* 80004005h of Linux' daemon: the script's, or that it is not there. */
		text = error == EIO ? "the guest failed, its log may say why; a Linux guest sets addresses by a script hv_set_ifconfig, which the package bulkhead-guest brings" : why;
	}
	api_done(arg, error, error ? text : "done");
}

static const struct config_interface *find_interface(const struct partition *p, const char *mac)
{
	char text[18];

	for (uint32_t i = 0; p->running && i < p->running->interface_count; i++) {
		format_mac(p->running->interfaces[i].mac, text);
		if (!strcasecmp(text, mac))
			return &p->running->interfaces[i];
	}
	return NULL;
}

int api_run_set_addresses(sd_bus_message *call, struct partition *p, sd_bus_error *e)
{
	struct worker_kvp m = { .header = { .type = WORKER_KVP, .size = sizeof m }, .operation = IC_KVP_SET_ADDRESSES };
	const char *mac, *addresses, *gateways, *dns;
	const struct config_interface *interface;
	struct lists lists = { 0 };
	int rc = sd_bus_message_read(call, "ssss", &mac, &addresses, &gateways, &dns);

	if (rc < 0)
		return rc;
	if (!p->link)
		return api_fail(e, EBUSY, p->worker_pid ? "the worker cannot be reached" : "is not running");
	interface = find_interface(p, mac);
	if (!interface)
		return api_fail(e, ENOENT, "has no interface with that MAC address; 'bhctl list-interfaces' shows them");
	format_mac(interface->mac, m.key);
	if (!strcmp(addresses, "dhcp"))
		snprintf(m.value, sizeof m.value, "dhcp=1");
	else if (read_prefixes(addresses, &lists))
		snprintf(m.value, sizeof m.value, "dhcp=0 address=%s mask=%s", lists.address, lists.mask);
	if (!*m.value || !append_list(m.value, sizeof m.value, "gateway", gateways) || !append_list(m.value, sizeof m.value, "dns", dns))
		return api_fail(e, EINVAL, "addresses are dhcp, or as 10.0.0.5/24,fd00::5/64; gateways and DNS servers as 10.0.0.1,fd00::1");
	link_request(p->link, &m.header, ASK_MS, on_set, sd_bus_message_ref(call));
	return 1;
}
