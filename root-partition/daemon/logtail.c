/* SPDX-License-Identifier: BSD-2-Clause */
/* See logtail.h. */
#include "root-partition/daemon/logtail.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINES 3u

void log_tail(int log_dir_fd, const char *partition, int64_t offset, char *ret, size_t size)
{
	char name[96], prefix[96], text[2048], *line = text, *lines[LINES];
	unsigned count = 0;
	int64_t end;
	ssize_t n;
	int fd;

	*ret = 0;
	snprintf(name, sizeof name, "%s-worker.log", partition);
	fd = openat(log_dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	end = lseek(fd, 0, SEEK_END);
	if (end - offset > (int64_t)sizeof text - 1)
		offset = end - (int64_t)sizeof text + 1;
	n = pread(fd, text, sizeof text - 1, offset);
	close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	while (n && (text[n - 1] == '\n' || !text[n - 1]))
		text[--n] = 0;
	for (char *found; line; line = found) {
		found = strchr(line, '\n');
		if (found)
			*found++ = 0;
		if (!*line)
			continue;
		if (count == LINES)
			memmove(lines, lines + 1, sizeof lines - sizeof *lines);
		else
			count++;
		lines[count - 1] = line;
	}
	snprintf(prefix, sizeof prefix, "bulkhead-worker: %s: ", partition);
	for (unsigned i = 0; i < count; i++) {
		size_t used = strlen(ret), skip = strncmp(lines[i], prefix, strlen(prefix)) ? 0 : strlen(prefix);

		snprintf(ret + used, size - used, "%s%s", i ? " | " : "", lines[i] + skip);
	}
}
