/* SPDX-License-Identifier: BSD-2-Clause */
/* See host.h. */
#include "root-partition/daemon/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/partition.h"

#define MIB (1ull << 20)

void host_enable_huge_pages(void)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
	char *text, *mark;
	size_t size;
	int fd, rc;

	rc = config_read_file(AT_FDCWD, path, 256, &text, &size);
	if (rc) {
		log_message(LOG_NOTICE, NULL, "%s: %s; guest memory goes without huge pages", path, strerror(-rc));
		return;
	}
	mark = strchr(text, '[');
	if (mark && strncmp(mark, "[never]", 7)) {   /* advise, or an administrator's stronger choice */
		free(text);
		return;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "advise", 6) != 6)
		log_message(LOG_NOTICE, NULL, "%s: %s; guest memory goes without huge pages", path, strerror(errno));
	else
		log_message(LOG_INFO, NULL, "%s set to advise; it was never", path);
	if (fd >= 0)
		close(fd);
	free(text);
}

static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

void host_memory(const struct manager *m, struct host_memory *ret)
{
	size_t size;
	char *text;

	*ret = (struct host_memory){ 0 };
	if (!config_read_file(AT_FDCWD, "/proc/meminfo", 65536, &text, &size)) {
		ret->total = meminfo(text, "MemTotal:");
		ret->available = meminfo(text, "MemAvailable:");
		free(text);
	}
	if (m->options->memory_floor >= 0) {
		ret->floor = (uint64_t)m->options->memory_floor;
	} else {
		ret->floor = ret->total / 16;
		if (ret->floor < 64 * MIB)
			ret->floor = 64 * MIB;
		if (ret->floor > 1024 * MIB)
			ret->floor = 1024 * MIB;
	}
}

uint64_t host_memory_used(const struct partition *p)
{
	struct stat st;

	if (p->memory_fd < 0)
		return p->memory.resident_bytes;
	return fstat(p->memory_fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

uint64_t host_promised(const struct partition *p)
{
	uint64_t used = host_memory_used(p);

	/* One that an earlier daemon started has most of its memory by now. */
	if (p->memory_fd < 0 && p->worker_pid && !used)
		return 0;
	return memory_committed(p) > used ? memory_committed(p) - used : 0;
}

int host_check_memory(const struct manager *m, uint64_t bytes, char *why, size_t size)
{
	uint64_t need = bytes + bytes / 256 + 16 * MIB, promised = 0;   /* with page tables and the worker itself */
	struct host_memory memory;

	host_memory(m, &memory);
	if (!memory.total)
		return 0;
	for (const struct partition *p = m->partitions; p; p = p->next)
		promised += host_promised(p);
	if (memory.available >= memory.floor + promised && need <= memory.available - memory.floor - promised)
		return 0;
	snprintf(why, size, "needs %llu MiB, but of %llu MiB available %llu MiB stay with the root%s; give it less memory or turn off others",
		 (unsigned long long)(need / MIB), (unsigned long long)(memory.available / MIB), (unsigned long long)(memory.floor / MIB),
		 promised ? " and some is promised to partitions that run" : "");
	return -1;
}

int host_info(const struct manager *m, struct bulkhead_host_info *ret, char *why, size_t size)
{
	const char *path = m->options->mshv;
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0) {
		snprintf(why, size, "%s: %s; the hypervisor is not loaded, 'modprobe bulkhead' loads it", path, strerror(errno));
		return -1;
	}
	memset(ret, 0, sizeof *ret);
	rc = ioctl(fd, BULKHEAD_HOST_INFO, ret);
	if (rc < 0)
		snprintf(why, size, "%s: %s; it does not belong to Bulkhead's driver", path, strerror(errno));
	ret->vendor[sizeof ret->vendor - 1] = 0;
	close(fd);
	return rc < 0 ? -1 : 0;
}
