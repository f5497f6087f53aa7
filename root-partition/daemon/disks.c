/* SPDX-License-Identifier: BSD-2-Clause */
/* See disks.h. The file of one that is attached is opened on a thread; everything else is for the loop. */
#include "root-partition/daemon/disks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/daemon/device_change.h"
#include "root-partition/daemon/disk_file.h"
#include "root-partition/daemon/events.h"

struct change {
	struct device_change base;               /* first */
	uv_work_t work;
	const char *word;                        /* "attached" */
	uint8_t controller, lun;
	/* attaching */
	char *element;                           /* its text */
	struct partition_config *config;         /* what runs, with the disk */
	struct worker_disk described;
	int fd;
	int error;
	char why[400];
};

static void change_release(struct device_change *base)
{
	struct change *c = (struct change *)base;

	if (c->fd >= 0)
		close(c->fd);
	config_free(c->config);
	free(c->element);
	free(c);
}

static int find(const struct partition_config *config, uint8_t controller, uint8_t lun)
{
	for (uint32_t i = 0; config && i < config->disk_count; i++)
		if (config->disks[i].controller == controller && config->disks[i].lun == lun)
			return (int)i;
	return -1;
}

static char *apply(const struct device_change *base, const char *text, size_t size, const struct partition_config *config)
{
	const struct change *c = (const struct change *)base;
	int index = find(config, c->controller, c->lun);

	if (c->element)
		return config_text_with_device(text, size, c->element);
	return index < 0 ? NULL : config_text_without_device(text, size, "disk", (uint32_t)index);
}

static struct change *change_new(struct partition *p, const char *event, bool stored, done_fn done, void *arg)
{
	struct change *c = device_change_new(sizeof *c, p, stored, done, arg);

	if (!c)
		return NULL;
	c->base.kind = "disk";
	c->base.event = event;
	c->base.apply = apply;
	c->base.release = change_release;
	c->word = strchr(event, ' ') + 1;
	c->work.data = c;
	c->fd = -1;
	return c;
}

/* Done: more says what is still to come, or is empty. */
static void succeed(struct change *c, struct partition *p, bool live, const char *more)
{
	char text[400];

	snprintf(text, sizeof text, "%s %s%s%s", c->base.device, c->word, *more ? "; " : "", more);
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
		succeed(c, p, true, text);
}

static void open_file(uv_work_t *work)
{
	struct change *c = work->data;
	int index = find(c->config, c->controller, c->lun);

	c->error = disk_file_open(&c->config->disks[index], &c->fd, &c->described, c->why, sizeof c->why);
}

static void opened_file(uv_work_t *work, int status)
{
	struct worker_attach_disk message = { .header = { .type = WORKER_ATTACH_DISK, .size = sizeof message } };
	struct change *c = work->data;
	struct partition *p = device_change_partition(&c->base);

	if (status < 0) {
		device_change_finish(&c->base, -status, "%s", uv_strerror(status));
	} else if (c->error) {
		device_change_finish(&c->base, c->error, "%s", c->why);
	} else if (!p) {
		device_change_finish(&c->base, ECONNRESET, "the worker has ended");
	} else {
		message.disk = c->described;
		link_request_with(p->link, &message.header, &c->fd, 1, DEVICE_REQUEST_MS, on_reply, c);
	}
}

/* Whether the definition can have it: asked before anything is done to a running instance. False: c was answered. */
static bool may_store(struct change *c, const struct partition *p)
{
	char *text = c->base.stored ? apply(&c->base, p->text, p->text_size, p->config) : NULL;
	struct partition_config *config = NULL;
	struct config_error error;
	int rc = text ? config_parse("definition", text, strlen(text), &config, &error) : 0;

	config_free(config);
	free(text);
	if (rc)
		device_change_finish(&c->base, EINVAL, "%s", error.text);
	return !rc;
}

void partition_attach_disk(struct partition *p, const char *file, const char *text, bool stored, done_fn done, void *arg)
{
	struct change *c = change_new(p, "disk attached", stored, done, arg);
	struct config_error error;
	struct config_disk disk;

	if (!c)
		return;
	if (config_parse_disk(file, text, strlen(text), &disk, &error)) {
		device_change_finish(&c->base, EINVAL, "%s", error.text);
		return;
	}
	free(disk.source);
	c->controller = disk.controller;
	c->lun = disk.lun;
	snprintf(c->base.device, sizeof c->base.device, "disk %s", disk.target);
	c->element = config_device_element(text, strlen(text), NULL);
	if (!c->element)
		device_change_finish(&c->base, ENOMEM, "out of memory");
	else if (!device_change_allowed(&c->base, p) || !may_store(c, p))
		return;
	else if (!p->worker_pid)
		succeed(c, p, false, "");
	else if (!(c->config = device_change_try(&c->base, p, &error)))
		device_change_finish(&c->base, EINVAL, "%s", error.text);
	else if (uv_queue_work(p->manager->loop, &c->work, open_file, opened_file))
		device_change_finish(&c->base, ENOMEM, "out of memory");
}

/* The disk of that name where it is to be changed: in the running instance, else in the definition. -1: c was answered. */
static int find_existing(struct change *c, const struct partition *p, const char *target)
{
	const struct partition_config *config = p->worker_pid ? p->running : p->config;
	int index;

	if (config_target_parse(target, &c->controller, &c->lun)) {
		device_change_finish(&c->base, EINVAL, "'%.32s' is no disk name; use sda to sdp, or CONTROLLER:LUN", target);
		return -1;
	}
	snprintf(c->base.device, sizeof c->base.device, "disk %s", target);
	if (!device_change_allowed(&c->base, p))
		return -1;
	index = find(config, c->controller, c->lun);
	if (index < 0)
		device_change_finish(&c->base, ENOENT, "has no disk %s; 'bhctl show %s' lists them", target, p->name);
	return index;
}

static void send_request(struct change *c, struct partition *p, uint32_t type, uint64_t bytes, reply_fn fn)
{
	struct worker_disk_request message = {
		.header = { .type = type, .size = sizeof message }, .controller = c->controller, .lun = c->lun, .bytes = bytes,
	};

	link_request(p->link, &message.header, DEVICE_REQUEST_MS, fn, c);
}

void partition_detach_disk(struct partition *p, const char *target, bool stored, done_fn done, void *arg)
{
	struct change *c = change_new(p, "disk detached", stored, done, arg);

	if (!c || find_existing(c, p, target) < 0)
		return;
	if (p->worker_pid)
		send_request(c, p, WORKER_DETACH_DISK, 0, on_reply);
	else
		succeed(c, p, false, "");
}

static void on_resized(void *arg, const struct worker_message *message, int error, const char *text)
{
	struct change *c = arg;
	struct partition *p = device_change_partition(&c->base);
	char words[400];

	error = device_change_result(message, error, &text);
	snprintf(words, sizeof words, "%s: %.300s", c->base.device, text);
	if (!error && p)
		events_add(p->manager, p->name, "disk", partition_state_names[p->state], words);
	device_change_finish(&c->base, error, "%s", words);
}

void partition_resize_disk(struct partition *p, const char *target, uint64_t bytes, done_fn done, void *arg)
{
	struct change *c = change_new(p, "disk resized", false, done, arg);
	int index = c ? find_existing(c, p, target) : -1;

	if (index < 0)
		return;
	if (bytes && p->running->disks[index].block)
		device_change_finish(&c->base, EINVAL, "%s is a block device: make it larger by its own means, then leave the size out",
				     c->base.device);
	else if (bytes && p->running->disks[index].read_only)
		device_change_finish(&c->base, EINVAL, "%s is read-only: make its file larger by other means, then leave the size out",
				     c->base.device);
	else if (bytes % 4096 || bytes > INT64_MAX)
		device_change_finish(&c->base, EINVAL, "%llu bytes: use a multiple of 4096", (unsigned long long)bytes);
	else
		send_request(c, p, WORKER_RESIZE_DISK, bytes, on_resized);
}
