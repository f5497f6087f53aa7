/* SPDX-License-Identifier: BSD-2-Clause */
/* See cgroup.h. */
#include "root-partition/daemon/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/config/config.h"

/* The folder for a partition's worker. A daemon that was started without a unit of its own has nothing to divide: false. */
static bool group_path(const char *partition, char *path, size_t size)
{
	char *text, *own;
	size_t length;
	bool found = false;

	if (config_read_file(AT_FDCWD, "/proc/self/cgroup", 4096, &text, &length))
		return false;
	own = strstr(text, "0::/");
	if (own) {
		own += 3;
		own[strcspn(own, "\n")] = 0;
		found = strstr(own, ".service") && snprintf(path, size, "/sys/fs/cgroup%s/worker-%s", own, partition) < (int)size;
	}
	free(text);
	return found;
}

void cgroup_enter(const char *partition, pid_t pid)
{
	char path[1024];
	size_t length;
	int fd;

	if (!group_path(partition, path, sizeof path - 16))
		return;
	mkdir(path, 0755);
	length = strlen(path);
	strcpy(path + length, "/cgroup.procs");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (dprintf(fd, "%d", (int)pid) < 0) {
		path[length] = 0;
		rmdir(path);
	}
	close(fd);
}

void cgroup_remove(const char *partition)
{
	char path[1024];

	if (group_path(partition, path, sizeof path))
		rmdir(path);
}
