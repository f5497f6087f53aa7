/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. */
#include "wmi-like-api/gateway/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BURST      200
#define PER_SECOND 20

static int audit_fd = -1;

static bool is_journal(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

static void emit(int fd, const char *text, size_t size)
{
	(void)!write(fd, text, size);   /* one call a line: lines of several processes do not mix */
}

void gateway_log(int priority, const char *format, ...)
{
	char text[1200];
	va_list args;
	int n;

	n = is_journal() ? snprintf(text, sizeof text, "<%d>", priority) : snprintf(text, sizeof text, "bulkhead-wsmand: ");
	va_start(args, format);
	vsnprintf(text + n, sizeof text - (size_t)n - 1, format, args);
	va_end(args);
	strcat(text, "\n");
	emit(STDERR_FILENO, text, strlen(text));
}

void gateway_audit_open(int fd)
{
	audit_fd = fd;
}

static void put(char *line, size_t size, const char *name, const char *value)
{
	size_t used = strlen(line);
	char *at = line + used, *end = line + size - 8;

	at += snprintf(at, (size_t)(end - at), " %s=\"", name);
	for (const unsigned char *c = (const unsigned char *)(value ? value : ""); *c && at + 4 < end; c++) {
		if (*c == '"' || *c == '\\')
			at += sprintf(at, "\\%c", *c);
		else if (*c < ' ' || *c == 127)
			at += sprintf(at, "\\x%02x", *c);
		else
			*at++ = (char)*c;
	}
	strcpy(at, "\"");
}

/*
 * What anybody can cause without credentials must not fill the disk: a burst of 200 lines, then 20 a second, then the number of those that were
 * left out. Lines with a user are never left out.
 */
static bool may_log(const char *user)
{
	static double room = BURST;
	static time_t last;
	static unsigned dropped;
	time_t now = time(NULL);

	if (user && *user)
		return true;
	room += (double)(now - last) * PER_SECOND;
	last = now;
	if (room > BURST)
		room = BURST;
	if (room < 1) {
		dropped++;
		return false;
	}
	room--;
	if (dropped)
		gateway_log(LOG_WARNING, "%u refusals of clients without credentials were not logged", dropped);
	dropped = 0;
	return true;
}

void gateway_audit(const char *result, const char *user, const char *address, const char *action, const char *target, const char *text)
{
	char line[2048], when[40];
	time_t now = time(NULL);
	struct tm utc;

	if (!may_log(user))
		return;
	gmtime_r(&now, &utc);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(line, sizeof line, "%s%s audit %s", audit_fd < 0 && is_journal() ? "<5>" : "", when, result);
	/* What a caller can make long comes last and is cut. */
	put(line, 400, "user", user);
	put(line, 500, "address", address);
	put(line, 800, "action", action);
	put(line, 1400, "target", target);
	put(line, sizeof line, "text", text);
	strcat(line, "\n");
	emit(audit_fd < 0 ? STDERR_FILENO : audit_fd, line, strlen(line));
}
