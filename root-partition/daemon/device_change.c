/* SPDX-License-Identifier: BSD-2-Clause */
/* See device_change.h. */
#include "root-partition/daemon/device_change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/daemon/events.h"

void *device_change_new(size_t size, struct partition *p, bool stored, done_fn done, void *arg)
{
	struct device_change *c = calloc(1, size);

	if (!c) {
		done(arg, ENOMEM, "out of memory");
		return NULL;
	}
	c->manager = p->manager;
	memcpy(c->name, p->name, sizeof c->name);
	c->worker_pid = p->worker_pid;
	c->stored = stored;
	c->done = done;
	c->arg = arg;
	return c;
}

void device_change_finish(struct device_change *c, int error, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	c->done(c->arg, error, text);
	c->release(c);
}

bool device_change_allowed(struct device_change *c, const struct partition *p)
{
	const struct partition_config *running = p->worker_pid ? p->running : NULL;

	if (partition_is_active(p) && (!running || !p->link))
		device_change_finish(c, EBUSY, "is %s; its worker cannot be reached now", partition_state_names[p->state]);
	else if (!running && !c->stored)
		device_change_finish(c, EBUSY, "is %s; with --config its definition is changed", partition_state_names[p->state]);
	else if (c->stored && !p->config)
		device_change_finish(c, ENOENT, "is not defined any more; only the running instance can be changed, without --config");
	else
		return true;
	return false;
}

struct partition *device_change_partition(const struct device_change *c)
{
	struct partition *p = manager_find(c->manager, c->name);

	return p && p->link && p->running && p->worker_pid == c->worker_pid ? p : NULL;
}

int device_change_result(const struct worker_message *message, int error, const char **text)
{
	const struct worker_reply *reply = (const struct worker_reply *)message;

	if (!error && message->type != WORKER_REPLY) {
		*text = "the worker has given a wrong answer";
		return EPROTO;
	}
	if (error)
		return error;
	*text = reply->error && !*reply->text ? strerror(-reply->error) : reply->text;
	return -reply->error;
}

/* Its text is what the running instance has; changed, not yet written. */
static char *running_with(const struct device_change *c, const struct partition *p)
{
	char *text = NULL, *changed;
	size_t size;

	if (config_read_file(p->run_fd, "definition.xml", CONFIG_TEXT_MAX, &text, &size))
		return NULL;
	changed = c->apply(c, text, size, p->running);
	free(text);
	return changed;
}

struct partition_config *device_change_try(const struct device_change *c, const struct partition *p, struct config_error *error)
{
	struct partition_config *config = NULL;
	char *text = running_with(c, p);

	if (!text)
		snprintf(error->text, sizeof error->text, "what it runs with cannot be read");
	else if (config_parse("definition", text, strlen(text), &config, error))
		config = NULL;
	free(text);
	return config;
}

static void note_running(const struct device_change *c, struct partition *p)
{
	struct partition_config *config = NULL;
	char *text = running_with(c, p);
	struct config_error error;

	if (text && !config_parse(p->name, text, strlen(text), &config, &error)) {
		config_write_file(p->run_fd, "definition.xml", text, strlen(text), 0600);
		config_free(p->running);
		p->running = config;
	}
	free(text);
}

static int store(const struct device_change *c, struct partition *p, struct config_error *error)
{
	char *text = p->config ? c->apply(c, p->text, p->text_size, p->config) : NULL;

	if (!text) {
		snprintf(error->text, sizeof error->text, "its definition has no %s", c->device);
		return ENOENT;
	}
	return manager_edit(p->manager, p, text, c->event, error);
}

void device_change_succeed(struct device_change *c, struct partition *p, bool live, const char *text)
{
	struct config_error error;
	int rc;

	if (live)
		note_running(c, p);
	rc = c->stored ? store(c, p, &error) : 0;
	if (rc) {
		device_change_finish(c, rc, "%s%s", live ? "changed while it runs, but not in its definition: " : "", error.text);
		return;
	}
	if (live)
		events_add(p->manager, p->name, c->kind, partition_state_names[p->state], text);
	device_change_finish(c, 0, "%s%s", text, live ? "" : ", from its next start");
}
