/* SPDX-License-Identifier: BSD-2-Clause */
/* See events.h. The file holds one event a line, fields divided by tabs, and is rewritten when it has grown to several times what is kept. */
#include "root-partition/daemon/events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/daemon/api.h"
#include "root-partition/daemon/manager.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/text.h"

#define FILE_LINES (4u * EVENTS_KEPT)
#define FILE_MAX   (FILE_LINES * 768u)

struct events {
	uint64_t last;
	unsigned lines;              /* in the file */
	int fd;
	struct event kept[EVENTS_KEPT];  /* number n at n % EVENTS_KEPT */
};

static void keep(struct events *e, const struct event *event)
{
	e->kept[event->sequence % EVENTS_KEPT] = *event;
	e->last = event->sequence;
	e->lines++;
}

static void read_events(struct events *e, char *text)
{
	char *state;

	for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		struct event event = { 0 };

		if (sscanf(line, "%" SCNu64 "\t%" SCNu64 "\t%63[^\t]\t%23[^\t]\t%15[^\t]\t%511[^\n]", &event.sequence, &event.realtime_us,
			   event.partition, event.kind, event.state, event.text) >= 5 && event.sequence > e->last) {
			text_clean(event.text);
			keep(e, &event);
		}
	}
}

static int write_event(int fd, const struct event *event)
{
	return dprintf(fd, "%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\t%s\n", event->sequence, event->realtime_us, event->partition,
		       event->kind, event->state, event->text);
}

/* A new file with what is kept. */
static void rewrite(struct events *e, int run_fd)
{
	int fd = openat(run_fd, ".events.new", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	e->lines = 0;
	for (const struct event *event = events_next(e, 0); event; event = events_next(e, event->sequence)) {
		write_event(fd, event);
		e->lines++;
	}
	if (renameat(run_fd, ".events.new", run_fd, ".events") < 0) {
		close(fd);
		return;
	}
	if (e->fd >= 0)
		close(e->fd);
	e->fd = fd;
}

struct events *events_open(struct manager *manager)
{
	struct events *e = calloc(1, sizeof *e);
	size_t size;
	char *text;

	if (!e)
		return NULL;
	e->fd = -1;
	if (!config_read_file(manager->run_fd, ".events", FILE_MAX, &text, &size)) {
		read_events(e, text);
		free(text);
	}
	rewrite(e, manager->run_fd);
	return e;
}

void events_close(struct events *e)
{
	if (e && e->fd >= 0)
		close(e->fd);
	free(e);
}

void events_add(struct manager *manager, const char *partition, const char *kind, const char *state, const char *text)
{
	struct events *e = manager->events;
	struct event event = { .sequence = e->last + 1, .realtime_us = realtime_us() };

	snprintf(event.partition, sizeof event.partition, "%s", partition);
	snprintf(event.kind, sizeof event.kind, "%s", kind);
	snprintf(event.state, sizeof event.state, "%s", state);
	snprintf(event.text, sizeof event.text, "%s", text ? text : "");
	text_clean(event.text);
	keep(e, &event);
	if (e->fd >= 0)
		write_event(e->fd, &event);
	if (e->lines > FILE_LINES)
		rewrite(e, manager->run_fd);
	if (manager->api)
		api_send_event(manager->api, &event);
}

const struct event *events_next(const struct events *e, uint64_t after)
{
	if (e->last > EVENTS_KEPT && after < e->last - EVENTS_KEPT)
		after = e->last - EVENTS_KEPT;
	for (uint64_t n = after + 1; n <= e->last; n++)
		if (e->kept[n % EVENTS_KEPT].sequence == n)
			return &e->kept[n % EVENTS_KEPT];
	return NULL;
}

uint64_t events_last(const struct events *e)
{
	return e->last;
}
