/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. */
#include "root-partition/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The file and line of this function would say nothing. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

void log_message(int priority, const char *partition, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!getenv("JOURNAL_STREAM")) {
		fprintf(stderr, "bulkheadd: %s%s%s\n", partition ? partition : "", partition ? ": " : "", text);
		return;
	}
	if (partition)
		sd_journal_send("PRIORITY=%d", priority, "MESSAGE=%s: %s", partition, text, "BULKHEAD_PARTITION=%s", partition, NULL);
	else
		sd_journal_send("PRIORITY=%d", priority, "MESSAGE=%s", text, NULL);
}
