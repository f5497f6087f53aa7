/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's frame: which format, initrd placement, errors. See loader.h. */
#include "loader_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root-partition/lib/unpacked_kernel.h"

int loader_refuse(struct loader *l, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->why, l->why_size, format, args);
	va_end(args);
	return -error;
}

int loader_read(int fd, void *buffer, uint64_t offset, uint64_t size)
{
	uint8_t *p = buffer;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

int loader_read_guest(struct loader *l, int fd, uint64_t offset, uint64_t gpa, uint64_t size, const char *what)
{
	uint8_t *host = guest_memory_at(l->memory, gpa, size);
	int rc;

	if (host == NULL)
		return loader_refuse(l, ENOMEM, "%s: %llu bytes at %#llx do not fit the guest's memory", what,
				     (unsigned long long)size, (unsigned long long)gpa);
	rc = loader_read(fd, host, offset, size);
	if (rc < 0)
		return loader_refuse(l, -rc, "%s: %s", what,
				     rc == -ENODATA ? "file is shorter than its header says" : strerror(-rc));
	return 0;
}

/** As high as it may be: the kernel uncompresses itself upwards from its load address. */
static int load_initrd(struct loader *l)
{
	uint64_t top = l->memory->low_size, start;
	struct stat st;

	if (l->input->initrd_fd < 0)
		return 0;
	if (fstat(l->input->initrd_fd, &st) < 0)
		return loader_refuse(l, errno, "initrd: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return loader_refuse(l, EINVAL, "initrd: not a regular file");
	if (st.st_size == 0)
		return 0;
	if (top > l->initrd_max + 1)
		top = l->initrd_max + 1;
	if ((uint64_t)st.st_size > top)
		return loader_refuse(l, ENOMEM, "initrd: %lld bytes are more than the guest's memory", (long long)st.st_size);
	start = (top - (uint64_t)st.st_size) & ~4095ull;
	if (start < l->result.kernel_end)
		return loader_refuse(l, ENOMEM,
				     "initrd: %lld bytes do not fit above the kernel, which ends at %#llx; give the partition more memory",
				     (long long)st.st_size, (unsigned long long)l->result.kernel_end);
	l->result.initrd_start = start;
	l->result.initrd_size = (uint64_t)st.st_size;
	return loader_read_guest(l, l->input->initrd_fd, 0, start, (uint64_t)st.st_size, "initrd");
}

int loader_load(const struct guest_memory *memory, const struct loader_input *input, struct loader_result *ret, char *why,
		size_t why_size)
{
	struct loader l = { .memory = memory, .input = input, .why = why, .why_size = why_size };
	const uint64_t unpacked = UNPACKED_KERNEL_MAGIC;
	uint8_t magic[8] = { 0 };
	struct stat st;
	int rc;

	if (memory->low_size < LAYOUT_MEMORY_MIN)
		return loader_refuse(&l, ENOMEM, "memory: less than %llu MiB", LAYOUT_MEMORY_MIN >> 20);
	if (fstat(input->kernel_fd, &st) < 0)
		return loader_refuse(&l, errno, "kernel: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return loader_refuse(&l, EINVAL, "kernel: not a regular file");
	l.kernel_size = (uint64_t)st.st_size;
	rc = loader_read(input->kernel_fd, magic, 0, sizeof magic);
	if (rc < 0)
		return loader_refuse(&l, -rc, "kernel: %s", rc == -ENODATA ? "file is empty" : strerror(-rc));
	if (memcmp(magic, "\177ELF", 4) == 0)
		rc = loader_elf(&l);
	else if (memcmp(magic, &unpacked, sizeof unpacked) == 0)
		rc = loader_unpacked(&l);
	else
		rc = loader_bzimage(&l);
	if (rc == 0)
		rc = load_initrd(&l);
	if (rc == 0)
		rc = boot_state_write(&l);
	if (rc == 0)
		*ret = l.result;
	return rc;
}
