/* SPDX-License-Identifier: BSD-2-Clause */
/* See adopt.h. */
#include "root-partition/daemon/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/partition.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/text.h"

#define START_MS 120000u

static void read_last_failure(struct partition *p)
{
	size_t size;
	char *text;

	if (config_read_file(p->run_fd, "last-failure", sizeof p->last_failure - 1, &text, &size))
		return;
	text_clean(text);
	snprintf(p->last_failure, sizeof p->last_failure, "%s", text);
	free(text);
}

/* What the instance was started with, which need not be what is stored now. */
static void read_running(struct partition *p)
{
	struct config_error error;
	size_t size;
	char *text;

	if (config_read_file(p->run_fd, "definition.xml", CONFIG_TEXT_MAX, &text, &size))
		return;
	if (config_parse("definition.xml", text, size, &p->running, &error))
		p->running = NULL;
	p->changed = p->running && (!p->text || p->text_size != size || memcmp(p->text, text, size));
	free(text);
}

/* A pidfd of the recorded worker, or -1 when it has ended. The start time is compared after opening: the number cannot change hands then. */
static int find_worker(const struct record *record)
{
	int pidfd = record->pid > 0 ? (int)syscall(SYS_pidfd_open, (pid_t)record->pid, 0) : -1;

	if (pidfd >= 0 && process_start_ticks((pid_t)record->pid) != record->ticks) {
		close(pidfd);
		return -1;
	}
	return pidfd;
}

static void adopt_worker(struct partition *p, const struct record *record, int pidfd)
{
	char text[64];

	p->state = record->state == PARTITION_STARTING || record->state == PARTITION_PAUSED ? (enum partition_state)record->state
											      : PARTITION_RUNNING;
	p->started_us = record->started_us;
	read_running(p);
	instance_begin(p, (pid_t)record->pid, record->ticks, pidfd, false);
	if (p->state == PARTITION_STARTING)
		instance_guard(p, START_MS);
	snprintf(text, sizeof text, "worker %lld adopted", (long long)record->pid);
	log_message(LOG_INFO, p->name, "%s", text);
	events_add(p->manager, p->name, "adopted", partition_state_names[p->state], text);
}

static void restore(struct partition *p)
{
	struct record record;
	int pidfd;

	read_last_failure(p);
	if (record_read(p->run_fd, p->manager->boot_id, &record))
		return;
	p->replacement_total = record.replacements;
	p->crash_count = record.crash_count;
	memcpy(p->crashes, record.crashes, record.crash_count * sizeof *p->crashes);
	p->since_us = record.since_us;
	text_clean(record.reason);
	snprintf(p->reason, sizeof p->reason, "%s", record.reason);
	pidfd = find_worker(&record);
	if (pidfd >= 0) {
		adopt_worker(p, &record, pidfd);
	} else if (record.pid && record.state == PARTITION_STOPPING) {
		partition_set_state(p, PARTITION_OFF, "stopped while no daemon was running");
	} else if (record.pid) {
		unlinkat(p->run_fd, "control.sock", 0);
		unlinkat(p->run_fd, "console.sock", 0);
		unlinkat(p->run_fd, "vsock/connect", 0);
		instance_failed(p, "worker ended while no daemon was running; how is not known", true);
	} else if (record.state == PARTITION_RESTARTING && p->config) {
		p->state = PARTITION_RESTARTING;
		policy_schedule(p, 1000);
	} else if (record.state == PARTITION_FAILED) {
		p->state = PARTITION_FAILED;
	} else if (record.state != PARTITION_OFF) {
		partition_set_state(p, PARTITION_OFF, "was not started: the daemon had ended");
	}
}

static void adopt_one(struct manager *m, const char *name)
{
	struct partition *p = manager_find(m, name);
	struct stat st;

	if (fstatat(m->run_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (!p)
		p = partition_new(m, name);
	if (!p)
		return;
	if (!partition_open_run_dir(p))
		restore(p);
	if (!p->config && !partition_is_active(p))
		partition_free(p);
}

void adopt_all(struct manager *m)
{
	int fd = dup(m->run_fd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	rewinddir(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (config_name_valid(entry->d_name))
			adopt_one(m, entry->d_name);
	closedir(dir);
}
