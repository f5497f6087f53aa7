/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <autostart>: once after the machine's start, not after each of the daemon's: what somebody has turned off stays off. One after
 * the other by order and name; one that fails does not hold up the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/partition.h"

struct round {
	struct manager *manager;
	uint32_t order;              /* of the last one */
	char name[CONFIG_NAME_MAX + 1];
};

static void start_next(struct round *round);

static void on_started(void *arg, int error, const char *text)
{
	struct round *round = arg;
	struct partition *p = error ? manager_find(round->manager, round->name) : NULL;

	if (p && p->state == PARTITION_OFF && error != ECANCELED)   /* refused before it began: nobody else is told */
		instance_failed(p, text, false);
	else if (error)
		log_message(LOG_ERR, round->name, "autostart: %s", text);
	if (error == ECANCELED)   /* the daemon ends */
		free(round);
	else
		start_next(round);
}

static void start_next(struct round *round)
{
	struct partition *next = NULL;

	for (struct partition *p = round->manager->partitions; p; p = p->next) {
		if (!p->config || !p->config->autostart || partition_is_active(p) || p->config->autostart_order < round->order ||
		    (p->config->autostart_order == round->order && strcmp(p->name, round->name) <= 0))
			continue;
		if (!next || p->config->autostart_order < next->config->autostart_order)
			next = p;
	}
	if (!next) {
		free(round);
		return;
	}
	round->order = next->config->autostart_order;
	snprintf(round->name, sizeof round->name, "%s", next->name);
	partition_start(next, false, 0, on_started, round);
}

void manager_autostart(struct manager *m)
{
	struct round *round;
	char *text;
	size_t size;

	if (!config_read_file(m->run_fd, ".autostarted", 64, &text, &size)) {
		bool done = !strcmp(text, m->boot_id);

		free(text);
		if (done)
			return;
	}
	config_write_file(m->run_fd, ".autostarted", m->boot_id, strlen(m->boot_id), 0644);
	round = calloc(1, sizeof *round);
	if (!round)
		return;
	round->manager = m;
	start_next(round);
}
