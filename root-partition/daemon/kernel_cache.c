/* SPDX-License-Identifier: BSD-2-Clause */
/* See kernel_cache.h. An empty file stands for a kernel that has to be started as it is. */
#include "root-partition/daemon/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/manager.h"
#include "root-partition/lib/unpacked_kernel.h"

#define NEW ".new"
#define KEPT 8u                  /* kernels; the ones used last */
#define EXIT_AS_IT_IS 3          /* bulkhead-unpack-kernel(8) */

static int name_of(int kernel_fd, char *ret, size_t size)
{
	struct stat st;

	if (fstat(kernel_fd, &st) < 0)
		return -1;
	snprintf(ret, size, "v%u-%llx-%llu-%llu-%lld.%09ld-%lld.%09ld", UNPACKED_KERNEL_VERSION, (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static bool is_whole(int fd, const struct stat *st)
{
	struct unpacked_kernel head;

	return pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head && head.magic == UNPACKED_KERNEL_MAGIC &&
	       head.version == UNPACKED_KERNEL_VERSION && head.image_size <= UNPACKED_KERNEL_MAX &&
	       (uint64_t)st->st_size == UNPACKED_KERNEL_IMAGE + head.image_size + 4 * ((uint64_t)head.add32 + head.sub32 + head.add64);
}

int kernel_cache_open(int dir_fd, int kernel_fd, bool *ret_wanted)
{
	struct stat st;
	char name[128];
	int fd;

	*ret_wanted = false;
	if (dir_fd < 0 || name_of(kernel_fd, name, sizeof name))
		return -1;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		*ret_wanted = errno == ENOENT;
		return -1;
	}
	utimensat(dir_fd, name, NULL, 0);
	if (fstat(fd, &st) == 0 && st.st_size > 0 && is_whole(fd, &st))
		return fd;
	if (st.st_size > 0) {
		unlinkat(dir_fd, name, 0);
		*ret_wanted = true;
	}
	close(fd);
	return -1;
}

/* Removes the one that was used longest ago when there are too many. */
static void make_room(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct timespec when = { 0 };
	unsigned int count = 0;
	char oldest[128] = "";
	struct stat st;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof oldest || fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		count++;
		if (*oldest && (st.st_mtim.tv_sec > when.tv_sec || (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec >= when.tv_nsec)))
			continue;
		memcpy(oldest, e->d_name, strlen(e->d_name) + 1);
		when = st.st_mtim;
	}
	closedir(dir);
	if (count > KEPT)
		unlinkat(dir_fd, oldest, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct kernel_cache *c = handle->data;

	c->busy = false;
}

static void on_exit(uv_process_t *process, int64_t status, int signal_number)
{
	struct kernel_cache *c = process->data;
	int fd;

	uv_close((uv_handle_t *)process, on_closed);
	if (status == EXIT_AS_IT_IS && !signal_number) {
		fd = openat(c->dir_fd, NEW, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			close(fd);
	} else if (status || signal_number) {
		log_message(LOG_WARNING, NULL, "%s: status %d, signal %d; starts go on with the kernel as it is", c->manager->options->unpacker,
			    (int)status, signal_number);
		unlinkat(c->dir_fd, NEW, 0);
		return;
	}
	if (renameat(c->dir_fd, NEW, c->dir_fd, c->name) == 0)
		make_room(c->dir_fd);
}

void kernel_cache_fill(struct kernel_cache *c, int kernel_fd)
{
	const struct options *o = c->manager->options;
	char *arguments[] = { (char *)o->unpacker, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_INHERIT_FD, .data.fd = kernel_fd },
		{ .flags = UV_INHERIT_FD },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	uv_process_options_t options = {
		.file = o->unpacker, .args = arguments, .cwd = "/", .stdio = stdio, .stdio_count = 3, .exit_cb = on_exit,
		.flags = geteuid() == 0 ? UV_PROCESS_SETUID | UV_PROCESS_SETGID : 0,
		.uid = c->manager->worker_uid, .gid = c->manager->worker_gid,
	};
	int fd, rc;

	if (c->busy || c->dir_fd < 0 || name_of(kernel_fd, c->name, sizeof c->name))
		return;
	unlinkat(c->dir_fd, NEW, 0);
	fd = openat(c->dir_fd, NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	stdio[1].data.fd = fd;
	c->process.data = c;
	rc = uv_spawn(c->manager->loop, &c->process, &options);
	c->busy = true;
	if (rc < 0) {
		log_message(LOG_WARNING, NULL, "%s: %s; starts go on with the kernel as it is", o->unpacker, uv_strerror(rc));
		unlinkat(c->dir_fd, NEW, 0);
		uv_close((uv_handle_t *)&c->process, on_closed);
	}
	close(fd);
}

void kernel_cache_init(struct kernel_cache *c, struct manager *m)
{
	c->manager = m;
	c->dir_fd = m->options->cache_dir ? manager_open_folder(m->options->cache_dir, 0700) : -1;
}

void kernel_cache_close(struct kernel_cache *c)
{
	if (c->busy && !uv_is_closing((uv_handle_t *)&c->process)) {
		uv_process_kill(&c->process, SIGKILL);
		uv_close((uv_handle_t *)&c->process, on_closed);
	}
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	c->dir_fd = -1;
}
