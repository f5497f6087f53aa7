/* SPDX-License-Identifier: BSD-2-Clause */
/* See interfaces.h. The TAP of one that is attached is made on a thread; everything else is for the loop. */
#include "root-partition/daemon/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/daemon/device_change.h"

struct change {
	struct device_change base;               /* first */
	uv_work_t work;
	enum change_kind { ATTACH, DETACH, SET_LINK } kind;
	bool up;
	char mac[CONFIG_MAC_TEXT];
	char *element;                           /* ATTACH: its text */
	struct config_interface interface;       /* DETACH, SET_LINK: mac alone */
	uint32_t queue_count;
	struct tap tap;
	int error;
	char why[384];
};

static void change_release(struct device_change *base)
{
	struct change *c = (struct change *)base;

	tap_close(&c->tap);
	free(c->element);
	free(c);
}

static int find(const struct partition_config *config, const uint8_t mac[CONFIG_MAC_BYTES])
{
	for (uint32_t i = 0; config && i < config->interface_count; i++)
		if (config->interfaces[i].has_mac && !memcmp(config->interfaces[i].mac, mac, CONFIG_MAC_BYTES))
			return (int)i;
	return -1;
}

const struct partition *interface_owner(const struct manager *m, const uint8_t mac[CONFIG_MAC_BYTES], const struct partition *but)
{
	for (const struct partition *p = m->partitions; p; p = p->next)
		if (p != but && (find(p->config, mac) >= 0 || find(p->running, mac) >= 0))
			return p;
	return NULL;
}

char *interfaces_settle(char *text, const struct partition_config *config, const struct partition_config *old)
{
	for (uint32_t i = 0; text && i < config->interface_count; i++) {
		uint8_t mac[CONFIG_MAC_BYTES];
		char *next;

		if (config->interfaces[i].has_mac)
			continue;
		if (old && i < old->interface_count && find(config, old->interfaces[i].mac) < 0)
			memcpy(mac, old->interfaces[i].mac, sizeof mac);
		else if (config_mac_generate(mac))
			return text;     /* without, it is refused by whoever stores it */
		next = config_text_with_mac(text, strlen(text), i, mac);
		free(text);
		text = next;
	}
	return text;
}

static char *apply(const struct device_change *base, const char *text, size_t size, const struct partition_config *config)
{
	const struct change *c = (const struct change *)base;
	int index = find(config, c->interface.mac);

	if (c->kind == ATTACH)
		return config_text_with_device(text, size, c->element);
	if (index < 0)
		return NULL;
	if (c->kind == DETACH)
		return config_text_without_device(text, size, "interface", (uint32_t)index);
	return config_text_with_link(text, size, (uint32_t)index, c->up);
}

static void succeed(struct change *c, struct partition *p, bool live)
{
	static const char *const done[] = { [ATTACH] = "attached", [DETACH] = "detached", [SET_LINK] = "link" };
	const char *more = c->kind != SET_LINK ? "" : c->up ? " up" : " down";
	char text[160], tap[48] = "";

	if (live && c->kind == ATTACH)
		snprintf(tap, sizeof tap, " to %s as %s", c->interface.bridge, c->tap.name);
	snprintf(text, sizeof text, "%s %s%s%s", c->base.device, done[c->kind], more, tap);
	device_change_succeed(&c->base, p, live, text);
}

static void on_reply(void *arg, const struct worker_message *message, int error, const char *text)
{
	struct change *c = arg;
	struct partition *p = device_change_partition(&c->base);

	error = device_change_result(message, error, &text);
	if (error)
		device_change_finish(&c->base, error, "%s: %s", c->base.device, text);
	else if (!p)
		device_change_finish(&c->base, ECONNRESET, "%s: the worker has ended", c->base.device);
	else
		succeed(c, p, true);
}

static void send_attach(struct change *c, struct partition *p)
{
	struct worker_attach message = { .header = { .type = WORKER_ATTACH_INTERFACE, .size = sizeof message } };

	interface_describe(&c->interface, &c->tap, &message.interface);
	link_request_with(p->link, &message.header, c->tap.fds, c->tap.queue_count, DEVICE_REQUEST_MS, on_reply, c);
}

static void open_tap(uv_work_t *work)
{
	struct change *c = work->data;

	c->error = tap_open(c->base.name, &c->interface, c->queue_count, &c->tap, c->why, sizeof c->why);
}

static void opened_tap(uv_work_t *work, int status)
{
	struct change *c = work->data;
	struct partition *p = device_change_partition(&c->base);

	if (status < 0)
		device_change_finish(&c->base, -status, "%s", uv_strerror(status));
	else if (c->error)
		device_change_finish(&c->base, c->error, "%s: %s", c->base.device, c->why);
	else if (!p)
		device_change_finish(&c->base, ECONNRESET, "the worker has ended");
	else
		send_attach(c, p);
}

static void send_request(struct change *c, struct partition *p)
{
	struct worker_interface_request message = {
		.header = { .type = c->kind == DETACH ? WORKER_DETACH_INTERFACE : WORKER_SET_LINK, .size = sizeof message },
		.up = c->up,
	};

	memcpy(message.mac, c->interface.mac, sizeof message.mac);
	link_request(p->link, &message.header, DEVICE_REQUEST_MS, on_reply, c);
}

static struct change *change_new(struct partition *p, enum change_kind kind, bool stored, done_fn done, void *arg)
{
	static const char *const events[] = { [ATTACH] = "interface attached", [DETACH] = "interface detached", [SET_LINK] = "link changed" };
	struct change *c = device_change_new(sizeof *c, p, stored, done, arg);

	if (!c)
		return NULL;
	c->base.kind = "interface";
	c->base.event = events[kind];
	c->base.apply = apply;
	c->base.release = change_release;
	c->work.data = c;
	c->kind = kind;
	return c;
}

/* What both the running instance and the definition must allow. False: c was answered. */
static bool may_change(struct change *c, const struct partition *p)
{
	const struct partition_config *running = p->worker_pid ? p->running : NULL;
	const struct partition *owner;

	config_mac_format(c->interface.mac, c->mac);
	snprintf(c->base.device, sizeof c->base.device, "interface %s", c->mac);
	if (!device_change_allowed(&c->base, p))
		return false;
	if (c->kind != ATTACH && ((running && find(running, c->interface.mac) < 0) || (!running && find(p->config, c->interface.mac) < 0))) {
		device_change_finish(&c->base, ENOENT, "has no interface %s; 'bhctl list-interfaces %s' lists them", c->mac, p->name);
	} else if (c->kind == ATTACH && (find(running, c->interface.mac) >= 0 || (c->base.stored && find(p->config, c->interface.mac) >= 0))) {
		device_change_finish(&c->base, EEXIST, "has an interface %s already", c->mac);
	} else if (c->kind == ATTACH && (owner = interface_owner(p->manager, c->interface.mac, p))) {
		device_change_finish(&c->base, EEXIST, "MAC address %s belongs to '%s'; use another, or leave <mac> out", c->mac, owner->name);
	} else if (c->kind == ATTACH && ((running && running->interface_count == CONFIG_MAX_INTERFACES) ||
					 (c->base.stored && p->config->interface_count == CONFIG_MAX_INTERFACES))) {
		device_change_finish(&c->base, EBUSY, "has %u interfaces; there can be no more", CONFIG_MAX_INTERFACES);
	} else {
		return true;
	}
	return false;
}

void partition_attach_interface(struct partition *p, const char *file, const char *text, bool stored, done_fn done, void *arg)
{
	struct change *c = change_new(p, ATTACH, stored, done, arg);
	struct config_error error;

	if (!c)
		return;
	if (config_parse_interface(file, text, strlen(text), &c->interface, &error)) {
		device_change_finish(&c->base, EINVAL, "%s", error.text);
		return;
	}
	if (!c->interface.has_mac && config_mac_generate(c->interface.mac)) {
		device_change_finish(&c->base, EIO, "no random numbers for a MAC address");
		return;
	}
	c->element = config_device_element(text, strlen(text), c->interface.has_mac ? NULL : c->interface.mac);
	if (!c->element) {
		device_change_finish(&c->base, ENOMEM, "out of memory");
		return;
	}
	c->interface.has_mac = true;
	if (!may_change(c, p))
		return;
	if (!p->worker_pid) {
		succeed(c, p, false);
		return;
	}
	c->queue_count = tap_queues(&c->interface, p->running->vp_count);
	if (uv_queue_work(p->manager->loop, &c->work, open_tap, opened_tap))
		device_change_finish(&c->base, ENOMEM, "out of memory");
}

static void change_existing(struct partition *p, enum change_kind kind, const char *mac, bool up, bool stored, done_fn done, void *arg)
{
	struct change *c = change_new(p, kind, stored, done, arg);

	if (!c)
		return;
	c->up = up;
	if (config_mac_parse(mac, c->interface.mac))
		device_change_finish(&c->base, EINVAL, "'%.64s' is no MAC address; 'bhctl list-interfaces %s' lists them", mac, p->name);
	else if (!may_change(c, p))
		return;
	else if (p->worker_pid)
		send_request(c, p);
	else
		succeed(c, p, false);
}

void partition_detach_interface(struct partition *p, const char *mac, bool stored, done_fn done, void *arg)
{
	change_existing(p, DETACH, mac, false, stored, done, arg);
}

void partition_set_link(struct partition *p, const char *mac, bool up, bool stored, done_fn done, void *arg)
{
	change_existing(p, SET_LINK, mac, up, stored, done, arg);
}
