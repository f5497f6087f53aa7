/* SPDX-License-Identifier: BSD-2-Clause */
/* See record.h. Lines of "key value"; unknown keys are skipped. */
#include "root-partition/daemon/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORD_MAX (64u * 1024u)

void record_of(const struct partition *p, struct record *ret)
{
	memset(ret, 0, sizeof *ret);
	memcpy(ret->boot_id, p->manager->boot_id, sizeof ret->boot_id);
	ret->state = p->state;
	ret->pid = p->worker_pid;
	ret->ticks = p->worker_ticks;
	ret->started_us = p->started_us;
	ret->since_us = p->since_us;
	ret->replacements = p->replacement_total;
	ret->crash_count = p->crash_count;
	memcpy(ret->crashes, p->crashes, p->crash_count * sizeof *p->crashes);
	snprintf(ret->reason, sizeof ret->reason, "%s", p->reason);
}

int record_write(int run_fd, const struct record *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (!out)
		return -ENOMEM;
	fprintf(out, "boot_id %s\nstate %s\npid %" PRId64 "\nticks %" PRIu64 "\nstarted_us %" PRIu64 "\nsince_us %" PRIu64 "\n", r->boot_id,
		partition_state_names[r->state], r->pid, r->ticks, r->started_us, r->since_us);
	fprintf(out, "replacements %" PRIu32 "\n", r->replacements);
	for (uint32_t i = 0; i < r->crash_count; i++)
		fprintf(out, "crash %" PRIu64 "\n", r->crashes[i]);
	fprintf(out, "reason %s\n", r->reason);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	rc = config_write_file(run_fd, "state", text, size, 0644);
	free(text);
	return rc;
}

static void read_line(struct record *r, const char *key, const char *value)
{
	if (!strcmp(key, "boot_id")) {
		snprintf(r->boot_id, sizeof r->boot_id, "%s", value);
	} else if (!strcmp(key, "state")) {
		for (unsigned i = 0; i <= PARTITION_RESTARTING; i++)
			if (!strcmp(value, partition_state_names[i]))
				r->state = i;
	} else if (!strcmp(key, "pid")) {
		r->pid = strtoll(value, NULL, 10);
	} else if (!strcmp(key, "ticks")) {
		r->ticks = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "started_us")) {
		r->started_us = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "since_us")) {
		r->since_us = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "replacements")) {
		r->replacements = (uint32_t)strtoul(value, NULL, 10);
	} else if (!strcmp(key, "crash")) {
		if (r->crash_count < PARTITION_CRASHES)
			r->crashes[r->crash_count++] = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "reason")) {
		snprintf(r->reason, sizeof r->reason, "%s", value);
	}
}

int record_read(int run_fd, const char *boot_id, struct record *ret)
{
	char *text, *line, *state, *value;
	size_t size;
	int rc = config_read_file(run_fd, "state", RECORD_MAX, &text, &size);

	if (rc)
		return rc;
	memset(ret, 0, sizeof *ret);
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = 0;
		read_line(ret, line, value);
	}
	free(text);
	return strcmp(ret->boot_id, boot_id) ? -ESTALE : 0;
}

uint64_t process_start_ticks(pid_t pid)
{
	char path[64], *text, *at;
	uint64_t ticks = 0;
	size_t size;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (config_read_file(AT_FDCWD, path, 4096, &text, &size))
		return 0;
	at = strrchr(text, ')');   /* the name in field 2 may hold anything */
	if (at && (at[2] == 'Z' || at[2] == 'X'))
		at = NULL;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at, NULL, 10);
	free(text);
	return ticks;
}

uint64_t realtime_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}
