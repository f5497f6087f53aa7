/* SPDX-License-Identifier: BSD-2-Clause */
/* See interfaces.h. The TAP of one that is attached is made on a thread; everything else is for the loop. */
#include "root-partition/daemon/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/daemon/events.h"

#define REQUEST_MS 10000u            /* a guest under load may take its time to let go of a channel */

struct change {
	uv_work_t work;
	struct manager *manager;
	char name[CONFIG_NAME_MAX + 1];          /* the partition may be gone when an answer comes */
	pid_t worker_pid;
	enum change_kind { ATTACH, DETACH, SET_LINK } kind;
	bool stored, up;
	char mac[CONFIG_MAC_TEXT];
	char *element;                           /* ATTACH: its text */
	struct config_interface interface;       /* DETACH, SET_LINK: mac alone */
	uint32_t queue_count;
	struct tap tap;
	int error;
	char why[384];
	done_fn done;
	void *arg;
};

static void finish(struct change *c, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void finish(struct change *c, int error, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	c->done(c->arg, error, text);
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

/* The text with the change, allocated; NULL: config, which is the text's, has no such interface. */
static char *apply(const struct change *c, const char *text, size_t size, const struct partition_config *config)
{
	int index = find(config, c->interface.mac);

	if (c->kind == ATTACH)
		return config_text_with_interface(text, size, c->element);
	if (index < 0)
		return NULL;
	if (c->kind == DETACH)
		return config_text_without_interface(text, size, (uint32_t)index);
	return config_text_with_link(text, size, (uint32_t)index, c->up);
}

/* What the running instance has, here and for the next daemon. */
static void note_running(struct partition *p, const struct change *c)
{
	struct partition_config *config = NULL;
	char *text = NULL, *changed = NULL;
	struct config_error error;
	size_t size;

	if (config_read_file(p->run_fd, "definition.xml", CONFIG_TEXT_MAX, &text, &size))
		return;
	changed = apply(c, text, size, p->running);
	if (changed && !config_parse(p->name, changed, strlen(changed), &config, &error)) {
		config_write_file(p->run_fd, "definition.xml", changed, strlen(changed), 0600);
		config_free(p->running);
		p->running = config;
	}
	free(text);
	free(changed);
}

static int store(struct partition *p, const struct change *c, struct config_error *error)
{
	char *text = p->config ? apply(c, p->text, p->text_size, p->config) : NULL;

	if (!text) {
		snprintf(error->text, sizeof error->text, "its definition has no interface %s", c->mac);
		return ENOENT;
	}
	return manager_edit(p->manager, p, text, c->kind == ATTACH ? "interface attached" : c->kind == DETACH ? "interface detached" : "link changed",
			    error);
}

static void succeed(struct change *c, struct partition *p, bool live)
{
	static const char *const done[] = { [ATTACH] = "attached", [DETACH] = "detached", [SET_LINK] = "link" };
	const char *more = c->kind != SET_LINK ? "" : c->up ? " up" : " down", *where = !live ? ", from its next start" : "";
	struct config_error error;
	char text[160], tap[48] = "";
	int rc = c->stored ? store(p, c, &error) : 0;

	if (live && c->kind == ATTACH)
		snprintf(tap, sizeof tap, " to %s as %s", c->interface.bridge, c->tap.name);
	if (rc) {
		finish(c, rc, "%s%s", live ? "changed while it runs, but not in its definition: " : "", error.text);
		return;
	}
	snprintf(text, sizeof text, "interface %s %s%s%s%s", c->mac, done[c->kind], more, tap, where);
	if (live)
		events_add(p->manager, p->name, "interface", partition_state_names[p->state], text);
	finish(c, 0, "%s", text);
}

static struct partition *still_there(struct change *c)
{
	struct partition *p = manager_find(c->manager, c->name);

	return p && p->link && p->running && p->worker_pid == c->worker_pid ? p : NULL;
}

static void on_reply(void *arg, const struct worker_message *message, int error, const char *text)
{
	const struct worker_reply *reply = (const struct worker_reply *)message;
	struct change *c = arg;
	struct partition *p = still_there(c);

	if (!error && message->type != WORKER_REPLY)
		error = EPROTO, text = "the worker has given a wrong answer";
	else if (!error && reply->error)
		error = -reply->error, text = *reply->text ? reply->text : strerror(-reply->error);
	if (!error && !p)
		error = ECONNRESET, text = "the worker has ended";
	if (error) {
		finish(c, error, "interface %s: %s", c->mac, text);
		return;
	}
	note_running(p, c);
	succeed(c, p, true);
}

static void send_attach(struct change *c, struct partition *p)
{
	struct worker_attach message = { .header = { .type = WORKER_ATTACH_INTERFACE, .size = sizeof message } };

	interface_describe(&c->interface, &c->tap, &message.interface);
	link_request_with(p->link, &message.header, c->tap.fds, c->tap.queue_count, REQUEST_MS, on_reply, c);
}

static void open_tap(uv_work_t *work)
{
	struct change *c = work->data;

	c->error = tap_open(c->name, &c->interface, c->queue_count, &c->tap, c->why, sizeof c->why);
}

static void opened_tap(uv_work_t *work, int status)
{
	struct change *c = work->data;
	struct partition *p = still_there(c);

	if (status < 0)
		finish(c, -status, "%s", uv_strerror(status));
	else if (c->error)
		finish(c, c->error, "interface %s: %s", c->mac, c->why);
	else if (!p)
		finish(c, ECONNRESET, "the worker has ended");
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
	link_request(p->link, &message.header, REQUEST_MS, on_reply, c);
}

static struct change *change_new(struct partition *p, enum change_kind kind, bool stored, done_fn done, void *arg)
{
	struct change *c = calloc(1, sizeof *c);

	if (!c) {
		done(arg, ENOMEM, "out of memory");
		return NULL;
	}
	c->work.data = c;
	c->manager = p->manager;
	memcpy(c->name, p->name, sizeof c->name);
	c->worker_pid = p->worker_pid;
	c->kind = kind;
	c->stored = stored;
	c->done = done;
	c->arg = arg;
	return c;
}

/* What both the running instance and the definition must allow. False: c was answered. */
static bool may_change(struct change *c, const struct partition *p)
{
	const struct partition_config *running = p->worker_pid ? p->running : NULL;
	const struct partition *owner;

	config_mac_format(c->interface.mac, c->mac);
	if (partition_is_active(p) && (!running || !p->link)) {
		finish(c, EBUSY, "is %s; its worker cannot be reached now", partition_state_names[p->state]);
	} else if (!running && !c->stored) {
		finish(c, EBUSY, "is %s; with --config its definition is changed", partition_state_names[p->state]);
	} else if (c->stored && !p->config) {
		finish(c, ENOENT, "is not defined any more; only the running instance can be changed, without --config");
	} else if (c->kind != ATTACH && ((running && find(running, c->interface.mac) < 0) || (!running && find(p->config, c->interface.mac) < 0))) {
		finish(c, ENOENT, "has no interface %s; 'bhctl list-interfaces %s' lists them", c->mac, p->name);
	} else if (c->kind == ATTACH && (find(running, c->interface.mac) >= 0 || (c->stored && find(p->config, c->interface.mac) >= 0))) {
		finish(c, EEXIST, "has an interface %s already", c->mac);
	} else if (c->kind == ATTACH && (owner = interface_owner(p->manager, c->interface.mac, p))) {
		finish(c, EEXIST, "MAC address %s belongs to '%s'; use another, or leave <mac> out", c->mac, owner->name);
	} else if (c->kind == ATTACH && ((running && running->interface_count == CONFIG_MAX_INTERFACES) ||
					 (c->stored && p->config->interface_count == CONFIG_MAX_INTERFACES))) {
		finish(c, EBUSY, "has %u interfaces; there can be no more", CONFIG_MAX_INTERFACES);
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
		finish(c, EINVAL, "%s", error.text);
		return;
	}
	if (!c->interface.has_mac && config_mac_generate(c->interface.mac)) {
		finish(c, EIO, "no random numbers for a MAC address");
		return;
	}
	c->element = config_interface_element(text, strlen(text), c->interface.has_mac ? NULL : c->interface.mac);
	if (!c->element) {
		finish(c, ENOMEM, "out of memory");
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
		finish(c, ENOMEM, "out of memory");
}

static void change_existing(struct partition *p, enum change_kind kind, const char *mac, bool up, bool stored, done_fn done, void *arg)
{
	struct change *c = change_new(p, kind, stored, done, arg);

	if (!c)
		return;
	c->up = up;
	if (config_mac_parse(mac, c->interface.mac))
		finish(c, EINVAL, "'%.64s' is no MAC address; 'bhctl list-interfaces %s' lists them", mac, p->name);
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
