/* SPDX-License-Identifier: BSD-2-Clause */
/* See replace.h. */
#include "root-partition/daemon/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/daemon/events.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/spawn.h"

#define TAKEOVER_MS 60000u   /* from the process to a guest that goes on */
#define DISKS_MS    30000    /* for requests that the kernel has under way */

static bool is_replaceable(const struct partition *p)
{
	return p->running && p->running->on_worker_failure == CONFIG_WORKER_REPLACE && !p->killed;
}

static void close_held(struct held *held)
{
	for (unsigned i = 0; i < WORKER_HELD_COUNT; i++)
		if (held->fd[i] >= 0)
			close(held->fd[i]);
	*held = HELD_NONE;
}

void replace_on_hold(struct partition *p, const struct worker_hold *hold, const int *fds, unsigned count)
{
	struct held held = HELD_NONE;

	/* Only ever given to another worker: that they are what they are said to be is its concern. */
	for (unsigned i = 0; i < count && i < WORKER_HELD_COUNT; i++)
		held.fd[i] = fds[i];
	held.resets = hold->reset_count;
	if (count != WORKER_HELD_COUNT || !is_replaceable(p)) {
		close_held(&held);
		return;
	}
	close_held(&p->held);   /* its pipe's end is the same */
	p->held = held;
}

void replace_forget(struct partition *p)
{
	close_held(&p->held);
}

void replace_watch(struct partition *p, struct spawn *s)
{
	if (p->held.fd[WORKER_HELD_LIFE] >= 0)
		close(p->held.fd[WORKER_HELD_LIFE]);
	p->held.fd[WORKER_HELD_LIFE] = s->life_fd;
	s->life_fd = -1;
}

static bool within_limit(struct partition *p, char *reason, size_t size)
{
	const struct partition_config *c = p->running;
	uint64_t now = realtime_us() / 1000000u;
	uint32_t old = 0;

	while (old < p->replacement_count && p->replacements[old] + c->replace_within_s <= now)
		old++;
	p->replacement_count -= old;
	memmove(p->replacements, p->replacements + old, p->replacement_count * sizeof *p->replacements);
	if (p->replacement_count >= c->replace_limit) {
		snprintf(reason + strlen(reason), size - strlen(reason), "; not replaced again: %u worker%s within %u s was the limit",
			 c->replace_limit, c->replace_limit == 1 ? "" : "s", c->replace_within_s);
		return false;
	}
	p->replacements[p->replacement_count++] = now;
	return true;
}

static void on_spawned(struct spawn *s)
{
	struct partition *p = s->partition;
	struct worker_status status = p->status;
	char text[sizeof s->text + 64];
	bool ending = p->held.fd[WORKER_HELD_PARTITION] < 0;   /* turned off meanwhile */

	p->spawn = NULL;
	if (s->error) {
		snprintf(text, sizeof text, "its worker could not be replaced: %s", s->text);
		spawn_free(s);
		instance_lost(p, text);
		return;
	}
	p->log_offset = s->log_offset;
	replace_watch(p, s);
	instance_begin(p, s->pid, s->record.ticks, s->pidfd, true);
	p->status = status;
	s->pidfd = -1;
	spawn_free(s);
	if (ending)
		instance_kill(p, p->stop_path);
	else if (!p->stop_requested)
		instance_guard(p, TAKEOVER_MS);
}

bool replace_begin(struct partition *p, char *reason, size_t size)
{
	struct partition_config *config = NULL;
	struct config_error error;
	struct spawn *s = NULL;
	size_t text_size;
	char *text;

	if (p->held.fd[WORKER_HELD_PARTITION] < 0 || !is_replaceable(p))
		return false;
	if (p->replace_from == p->worker_pid)
		snprintf(reason, size, "worker %d ended as asked", (int)p->worker_pid);
	else if (!within_limit(p, reason, size))
		return false;
	p->replacement_total++;   /* before the spawn makes its record */
	/* With every device that came and went since the start. */
	if (config_read_file(p->run_fd, "definition.xml", CONFIG_TEXT_MAX, &text, &text_size))
		return false;
	instance_release_worker(p);   /* the next one makes its sockets where these were */
	if (!config_parse(p->name, text, text_size, &config, &error))
		s = spawn_begin(p, config, false, &p->held, on_spawned);
	free(text);
	if (!s)
		return false;
	p->spawn = s;
	log_message(LOG_WARNING, p->name, "%s; the guest goes on with another (%u of %u within %u s by failures)", reason,
		    p->replacement_count, p->running->replace_limit, p->running->replace_within_s);
	events_add(p->manager, p->name, "worker replaced", partition_state_names[p->state], reason);
	return true;
}

void partition_replace_worker(struct partition *p, done_fn done, void *arg)
{
	const char *why = NULL;

	if (p->state != PARTITION_RUNNING && p->state != PARTITION_PAUSED)
		why = "is not running";
	else if (p->held.fd[WORKER_HELD_PARTITION] < 0)
		why = "cannot do without its worker: its definition does not say <on_worker_failure>replace, or did not when it was started";
	else if (p->replace_from || p->spawn)
		why = "gets another worker already";
	if (why) {
		done(arg, EBUSY, why);
		return;
	}
	p->replace_from = p->worker_pid;
	p->replace_done = done;
	p->replace_arg = arg;
	instance_signal(p);
}

void replace_answer(struct partition *p, int error, const char *text)
{
	done_fn done = p->replace_done;

	p->replace_from = 0;
	p->replace_done = NULL;
	if (done)
		done(p->replace_arg, error, text);
}

int replace_wait(struct spawn *s)
{
	struct pollfd life = { .fd = s->held.fd[WORKER_HELD_LIFE], .events = POLLIN };
	int rc = poll(&life, 1, DISKS_MS);

	if (rc > 0 && life.revents & POLLHUP)
		return 0;
	return spawn_fail(s, ETIMEDOUT, "disk requests of the worker before it have not ended within %d s", DISKS_MS / 1000);
}
