/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk_file.h. */
#include "root-partition/daemon/disk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/lib/block_device.h"

/*
 * The lock belongs to the open file description, which the worker keeps: it holds as long as the worker lives, whatever becomes
 * of the daemon, and ends with it.
 */
static bool lock_disk(const struct config_disk *disk, int fd)
{
	struct flock lock = { .l_type = disk->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	/* A file system without locks is no reason to refuse. */
	return fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

static int disk_block_size(const struct config_disk *disk, int fd)
{
	int size = 512;

	if (disk->block_size)
		return (int)disk->block_size;
	if (disk->block && ioctl(fd, BLKSSZGET, &size) == 0 && size == 4096)
		return 4096;
	return 512;
}

/* Whether direct I/O in units of block_size works: a read of one block tells on every kernel. */
static bool direct_io_fits(int fd, int block_size)
{
	void *buffer;
	ssize_t n;

	if (posix_memalign(&buffer, 4096, 4096))
		return false;
	n = pread(fd, buffer, (size_t)block_size, 0);
	free(buffer);
	return n >= 0 || errno != EINVAL;
}

static int fail(char *why, size_t size, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int fail(char *why, size_t size, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return error;
}

/*
 * A block device is claimed for as long as it is written to. A claim that was given up a moment ago may last: a worker's io_uring keeps a file
 * open for up to a second.
 */
static int open_patiently(const char *path, int flags)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int fd = open(path, flags);

	for (int i = 0; i < 15 && fd < 0 && errno == EBUSY; i++) {
		nanosleep(&pause, NULL);
		fd = open(path, flags);
	}
	return fd;
}

int disk_file_open(const struct config_disk *disk, int *ret_fd, struct worker_disk *ret, char *why, size_t size)
{
	int flags = (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int direct = disk->cache == CONFIG_CACHE_NONE ? O_DIRECT : 0, fd, block_size;
	struct stat st;

	if (disk->block && !disk->read_only)
		flags |= O_EXCL;   /* refused while it is mounted */
	fd = open_patiently(disk->source, flags | direct);
	if (fd < 0 && errno == EINVAL && direct) {
		direct = 0;        /* tmpfs and others know no direct I/O */
		fd = open(disk->source, flags);
	}
	if (fd < 0)
		return fail(why, size, errno, "disk %s: %s: %s%s", disk->target, disk->source, strerror(errno),
			    errno == EBUSY ? "; it is mounted or used otherwise" : "");
	if (fstat(fd, &st) < 0 || !(disk->block ? S_ISBLK(st.st_mode) : S_ISREG(st.st_mode))) {
		close(fd);
		return fail(why, size, EINVAL, "disk %s: %s is no %s; its type in the definition is '%s'", disk->target, disk->source,
			    disk->block ? "block device" : "regular file", disk->block ? "block" : "file");
	}
	block_size = disk_block_size(disk, fd);
	if (direct && !direct_io_fits(fd, block_size))
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_DIRECT);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	if (!lock_disk(disk, fd)) {
		close(fd);
		return fail(why, size, EBUSY, "disk %s: %s is in use by another partition or program", disk->target, disk->source);
	}
	*ret = (struct worker_disk){
		.fd = -1,
		.flags = (disk->read_only ? WORKER_DISK_READ_ONLY : 0) | (disk->cache == CONFIG_CACHE_UNSAFE ? WORKER_DISK_NO_FLUSH : 0) |
			 (block_device_zeroes(fd) ? WORKER_DISK_ZEROES : 0),
		.controller = disk->controller, .lun = disk->lun, .block_size = (uint32_t)block_size,
	};
	memcpy(ret->serial, disk->serial, strlen(disk->serial));
	*ret_fd = fd;
	return 0;
}
