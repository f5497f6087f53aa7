/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. */
#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;
static char log_name[80];

void log_open(int fd, const char *name)
{
	time_t epoch = 0;
	struct tm tm;

	/* The C library reads the time zone's file at its first use: now, not in the sandbox. */
	gmtime_r(&epoch, &tm);
	log_fd = fd;
	snprintf(log_name, sizeof log_name, "%s", name);
}

/** Time of exec in clock ticks since boot: field 22 of /proc/self/stat. Read once; the sandbox has no /proc later. */
uint64_t log_elapsed_us(void)
{
	static uint64_t start_us;
	struct timespec now;
	uint64_t now_us;

	clock_gettime(CLOCK_BOOTTIME, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (start_us == 0) {
		unsigned long long ticks = 0;
		char text[1024] = "", *p;
		FILE *f = fopen("/proc/self/stat", "re");

		if (f != NULL) {
			size_t n = fread(text, 1, sizeof text - 1, f);

			text[n] = '\0';
			fclose(f);
		}
		p = strrchr(text, ')');
		if (p != NULL && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
					&ticks) == 1)
			start_us = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
		if (start_us == 0 || start_us > now_us)
			start_us = now_us;
	}
	return now_us - start_us;
}

#define WINDOW_SECONDS 10
#define WINDOW_LINES   400u

static pthread_mutex_t window_lock = PTHREAD_MUTEX_INITIALIZER;
static time_t window_start;
static unsigned int window_lines;

/** Whether there is room for one more line; *ret_left_out: so many there was none for before it. */
static bool admit(time_t now, unsigned int *ret_left_out)
{
	bool fits;

	pthread_mutex_lock(&window_lock);
	*ret_left_out = 0;
	if (now - window_start >= WINDOW_SECONDS || now < window_start) {
		if (window_lines > WINDOW_LINES)
			*ret_left_out = window_lines - WINDOW_LINES;
		window_start = now;
		window_lines = 0;
	}
	fits = window_lines++ < WINDOW_LINES;
	pthread_mutex_unlock(&window_lock);
	return fits;
}

static void write_line(const char *text)
{
	struct timespec now;
	struct tm tm;
	char stamp[40], line[1200];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line, sizeof line, "%s.%06ldZ %s\n", stamp, now.tv_nsec / 1000, text);
	if (n >= (int)sizeof line) {
		n = sizeof line - 1;
		line[n - 1] = '\n';
	}
	/* A full log file system must not stop a child: a line that cannot be written is lost. */
	if (log_fd >= 0 && write(log_fd, line, (size_t)n) < 0)
		n = 0;
	dprintf(STDERR_FILENO, "bulkhead-worker: %s: %s\n", log_name, text);
}

static void emit(const char *text)
{
	struct timespec now;
	unsigned int left_out;
	char note[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!admit(now.tv_sec, &left_out))
		return;
	if (left_out > 0) {
		snprintf(note, sizeof note, "%u lines were left out", left_out);
		write_line(note);
	}
	write_line(text);
}

void log_line(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	emit(text);
}

void log_guest_text(const char *prefix, const char *text, size_t size)
{
	char line[400];
	size_t at = 0, used;

	while (at < size && text[at] != '\0') {
		used = (size_t)snprintf(line, sizeof line, "%s", prefix);
		while (at < size && text[at] != '\0' && text[at] != '\n' && used < sizeof line - 1) {
			char c = text[at++];

			line[used++] = c >= ' ' && c < 127 ? c : '.';
		}
		if (at < size && text[at] == '\n')
			at++;
		line[used] = '\0';
		emit(line);
	}
}
