/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-run LABEL COUNTERS COMMAND...: runs a child's process with its console on stdout, passes on what the guest measures, and adds
 * what only the root can see: the time from the start of COMMAND to the guest's first process, memory beyond the guest's, and the
 * change of COUNTERS (a file of "name value" words, or -) over each disk pattern. Prints "LABEL name value" lines.
 * bench-run LABEL syscalls COMMAND...: only counts the process's system calls for each pattern; tracing them takes time.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNTER_MAX 24

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident memory of the process, without its largest mapping, which is the guest's memory. KiB. */
static long memory_beyond(pid_t pid)
{
	char path[64], line[512];
	long size = 0, rss = 0, largest_size = 0, largest_rss = 0, total = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "Size: %ld kB", &size) == 1)
			continue;
		if (sscanf(line, "Rss: %ld kB", &rss) != 1)
			continue;
		total += rss;
		if (size > largest_size) {
			largest_size = size;
			largest_rss = rss;
		}
	}
	fclose(f);
	return total - largest_rss;
}

/* Sums of the counters that matter, by name; the file repeats a name for each VP. */
static const char *const counter_names[] = { "dispatches", "interrupts", "signals", "intr", "hlt", "cpuid", "msr_read", "msr_write",
					     "io", "npf", "hypercall", "other", "exits" };
#define COUNTERS (sizeof counter_names / sizeof counter_names[0])

static void read_counters(const char *path, double value[COUNTERS])
{
	char name[64], word[64];
	FILE *f = fopen(path, "r");

	memset(value, 0, COUNTERS * sizeof *value);
	if (f == NULL)
		return;
	name[0] = '\0';
	while (fscanf(f, "%63s", word) == 1) {
		for (size_t i = 0; i < COUNTERS; i++)
			if (strcmp(name, counter_names[i]) == 0)
				value[i] += strtod(word, NULL);
		snprintf(name, sizeof name, "%s", word);
	}
	fclose(f);
	/* One plain number: a file of KVM's, its exits. */
	f = fopen(path, "r");
	if (f != NULL && fscanf(f, "%63s%63s", word, name) == 1)
		value[COUNTERS - 1] = strtod(word, NULL);
	if (f != NULL)
		fclose(f);
}

#define TRACE "/sys/kernel/tracing/events/raw_syscalls/sys_enter/"

/* The kernel counts by thread from here on. */
static void count_syscalls(void)
{
	FILE *f = fopen(TRACE "trigger", "w");

	if (f == NULL || fputs("hist:keys=common_pid:size=4096", f) < 0 || fclose(f) != 0)
		perror("bench-run: " TRACE "trigger");
}

static bool is_thread(pid_t pid, long tid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%ld", pid, tid);
	return access(path, F_OK) == 0;
}

static double read_syscalls(pid_t pid)
{
	FILE *f = fopen(TRACE "hist", "r");
	char line[256];
	double sum = 0;
	long tid;
	unsigned long long hits;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "{ common_pid: %ld } hitcount: %llu", &tid, &hits) == 2 && is_thread(pid, tid))
			sum += (double)hits;
	if (f != NULL)
		fclose(f);
	return sum;
}

static double exits(const double v[COUNTERS])
{
	double sum = v[COUNTERS - 1];

	for (size_t i = 3; i < COUNTERS - 1; i++)
		sum += v[i];
	return sum;
}

int main(int argc, char **argv)
{
	double start, before[COUNTERS], after[COUNTERS], calls = 0;
	const char *label, *counters;
	char line[512], name[64], value[64];
	int out[2], status, ok = 0;
	unsigned long long ops;
	bool syscalls;
	FILE *console;
	pid_t pid;

	if (argc < 4) {
		fprintf(stderr, "usage: bench-run LABEL COUNTERS|-|syscalls COMMAND...\n");
		return 2;
	}
	label = argv[1];
	counters = argv[2];
	syscalls = strcmp(counters, "syscalls") == 0;
	if (syscalls)
		count_syscalls();
	if (pipe(out) < 0) {
		perror("bench-run: pipe");
		return 1;
	}
	start = now();
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execvp(argv[3], argv + 3);
		fprintf(stderr, "bench-run: %s: %s\n", argv[3], strerror(errno));
		_exit(127);
	}
	close(out[1]);
	console = fdopen(out[0], "r");
	while (console != NULL && fgets(line, sizeof line, console) != NULL) {
		char *mark = strstr(line, "BENCH");

		if (mark == NULL) {
			fprintf(stderr, "%s: %s", label, line);
			continue;
		}
		if (syscalls && sscanf(mark, "BENCH-BEGIN %63s", name) == 1) {
			calls = read_syscalls(pid);
		} else if (syscalls && sscanf(mark, "BENCH-END %63s %llu", name, &ops) == 2 && ops > 0) {
			printf("%s syscalls_per_%s %.3f\n", label, name, (read_syscalls(pid) - calls) / (double)ops);
		} else if (syscalls) {
			ok |= strncmp(mark, "BENCH-DONE", 10) == 0;
		} else if (strncmp(mark, "BENCH-INIT", 10) == 0) {
			printf("%s start_to_init_ms %.1f\n", label, (now() - start) * 1000);
		} else if (sscanf(mark, "BENCH-BEGIN %63s", name) == 1) {
			read_counters(counters, before);
		} else if (sscanf(mark, "BENCH-END %63s %llu", name, &ops) == 2 && ops > 0) {
			read_counters(counters, after);
			printf("%s exits_per_%s %.3f\n", label, name, (exits(after) - exits(before)) / (double)ops);
			for (size_t i = 3; i < COUNTERS - 1; i++)
				if (after[i] > before[i])
					printf("%s %s_per_%s %.3f\n", label, counter_names[i], name,
					       (after[i] - before[i]) / (double)ops);
			if (after[0] > 0) {
				printf("%s dispatches_per_%s %.3f\n", label, name, (after[0] - before[0]) / (double)ops);
				printf("%s signals_per_%s %.3f\n", label, name, (after[2] - before[2]) / (double)ops);
			}
		} else if (strncmp(mark, "BENCH-DONE", 10) == 0) {
			printf("%s memory_kib %ld\n", label, memory_beyond(pid));
			ok = 1;
		} else if (sscanf(mark, "BENCH %63s %63s", name, value) == 2) {
			printf("%s %s %s\n", label, name, value);
		} else {
			fprintf(stderr, "%s: %s", label, line);
		}
		fflush(stdout);
	}
	waitpid(pid, &status, 0);
	if (!ok)
		fprintf(stderr, "bench-run: %s: the guest did not finish (status %#x)\n", label, status);
	return !ok;
}
