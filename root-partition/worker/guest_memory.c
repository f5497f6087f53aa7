/* SPDX-License-Identifier: BSD-2-Clause */
/* See guest_memory.h. */
#include "guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (2ull << 20)

void guest_memory_allow_huge_pages(void)
{
	char setting[80] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Advice only: if it cannot be changed, small pages do. */
	if (read(fd, setting, sizeof setting - 1) > 0 && strstr(setting, "[never]") != NULL && write(fd, "advise", 6) < 0)
		errno = 0;
	close(fd);
}

int guest_memory_map(struct guest_memory *memory, int memfd, uint64_t size)
{
	uint8_t *area, *aligned;
	int rc;

	/* Both guest-physical and host addresses are 2 MiB aligned, so that large pages can back large pages. */
	area = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return -errno;
	aligned = (uint8_t *)(((uintptr_t)area + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (mmap(aligned, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd, 0) == MAP_FAILED) {
		rc = -errno;
		munmap(area, size + HUGE_PAGE);
		return rc;
	}
	if (aligned > area)
		munmap(area, (size_t)(aligned - area));
	if (area + HUGE_PAGE > aligned)
		munmap(aligned + size, (size_t)(area + HUGE_PAGE - aligned));
	/* Advice only: neither is needed to be right. */
	madvise(aligned, size, MADV_HUGEPAGE);
	madvise(aligned, size, MADV_DONTDUMP);
	memory->host = aligned;
	memory->size = size;
	guest_memory_limit(memory, size);
	return 0;
}

void guest_memory_limit(struct guest_memory *memory, uint64_t start_size)
{
	memory->start_size = start_size;
	memory->low_size = start_size < LAYOUT_LOW_RAM_MAX ? start_size : LAYOUT_LOW_RAM_MAX;
}

void guest_memory_unmap(struct guest_memory *memory)
{
	if (memory->host != NULL)
		munmap(memory->host, memory->size);
	memory->host = NULL;
}
