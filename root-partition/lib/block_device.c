/* SPDX-License-Identifier: BSD-2-Clause */
/* See block_device.h. */
#include "root-partition/lib/block_device.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

bool block_device_zeroes(int fd)
{
	static const char *const places[] = { "queue", "../queue" }; /* a disk's own, a partition's */
	unsigned long long bytes = 0;
	struct stat st;
	char path[96];
	FILE *file;

	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	for (int i = 0; i < 2 && !bytes; i++) {
		snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s/write_zeroes_max_bytes", major(st.st_rdev), minor(st.st_rdev), places[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%llu", &bytes) != 1)
			bytes = 0;
		fclose(file);
	}
	return bytes > 0;
}
