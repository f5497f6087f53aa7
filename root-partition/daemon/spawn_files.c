/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens what a worker is given: the kernel, its disks with their locks, memory, sockets and logs. */
#include "root-partition/daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "abi/tlfs.h"
#include "root-partition/daemon/disk_file.h"
#include "root-partition/daemon/sockets.h"

#define WORKER_FIRST_FD 3
#define LOCK_TRIES 40

int32_t spawn_give(struct spawn *s, int fd)
{
	s->fds[s->fd_count] = fd;
	return WORKER_FIRST_FD + (int32_t)s->fd_count++;
}

static int open_image(struct spawn *s, const char *what, const char *path, int32_t *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return spawn_fail(s, errno, "%s %s: %s", what, path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return spawn_fail(s, EINVAL, "%s %s: not a regular file", what, path);
	}
	*ret = spawn_give(s, fd);
	return 0;
}

/* Its unpacked form, where there is one. */
static int open_kernel(struct spawn *s, const char *path, int32_t *ret)
{
	bool wanted;
	int *fd, unpacked;

	if (open_image(s, "kernel", path, ret))
		return -1;
	fd = &s->fds[s->fd_count - 1];
	unpacked = kernel_cache_open(s->cache_fd, *fd, &wanted);
	if (wanted)
		s->unpack_fd = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
	if (unpacked >= 0) {
		close(*fd);
		*fd = unpacked;
	}
	return 0;
}

static int open_disk(struct spawn *s, const struct config_disk *disk, struct worker_disk *ret)
{
	char why[400];
	int fd = -1, rc = disk_file_open(disk, &fd, ret, why, sizeof why);

	/* Its predecessor's lock goes a moment after its last request. */
	for (int i = 0; rc == EBUSY && spawn_is_successor(s) && i < LOCK_TRIES; i++) {
		nanosleep(&(const struct timespec){ .tv_nsec = 50000000 }, NULL);
		rc = disk_file_open(disk, &fd, ret, why, sizeof why);
	}
	if (rc)
		return spawn_fail(s, rc, "%s", why);
	ret->fd = spawn_give(s, fd);
	return 0;
}

/* Added memory begins at a boundary of 128 MiB behind that of the start; a file takes only what is touched of it. */
static uint64_t memory_file_bytes(const struct partition_config *config)
{
	return config->memory_bytes + (config->dynamic_memory ? 128ull << 20 : 0);
}

static int32_t give_held(struct spawn *s, enum worker_held what)
{
	int fd = s->held.fd[what];

	s->held.fd[what] = -1;
	return spawn_give(s, fd);
}

/* A pipe whose writing end only the worker has. */
static int open_life(struct spawn *s, struct worker_config *ret)
{
	int life[2];

	ret->life_fd[0] = ret->life_fd[1] = -1;
	if (s->config->on_worker_failure != CONFIG_WORKER_REPLACE)
		return 0;
	if (pipe2(life, O_CLOEXEC) < 0)
		return spawn_fail(s, errno, "pipe: %s", strerror(errno));
	s->life_fd = fcntl(life[0], F_DUPFD_CLOEXEC, 0);
	ret->life_fd[0] = spawn_give(s, life[0]);
	ret->life_fd[1] = spawn_give(s, life[1]);
	return 0;
}

static int open_memory(struct spawn *s, struct worker_config *ret)
{
	ret->partition_fd = -1;
	if (spawn_is_successor(s)) {
		ret->partition_resets = s->held.resets;
		ret->memory_fd = give_held(s, WORKER_HELD_MEMORY);
		ret->state_fd = give_held(s, WORKER_HELD_STATE);
		ret->partition_fd = give_held(s, WORKER_HELD_PARTITION);
		return 0;
	}
	s->memory_fd = memfd_create("bulkhead-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	s->state_fd = memfd_create("bulkhead-state", MFD_CLOEXEC);
	if (s->memory_fd < 0 || s->state_fd < 0)
		return spawn_fail(s, errno, "memory: %s", strerror(errno));
	if (ftruncate(s->memory_fd, (off_t)memory_file_bytes(s->config)) < 0 ||
	    fcntl(s->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return spawn_fail(s, errno, "memory of %llu MiB: %s", (unsigned long long)s->config->memory_bytes >> 20, strerror(errno));
	ret->memory_fd = spawn_give(s, fcntl(s->memory_fd, F_DUPFD_CLOEXEC, 0));
	ret->state_fd = spawn_give(s, fcntl(s->state_fd, F_DUPFD_CLOEXEC, 0));
	return 0;
}

static int open_log(struct spawn *s, const char *kind)
{
	char name[CONFIG_NAME_MAX + 16];
	int fd;

	snprintf(name, sizeof name, "%s-%s.log", s->name, kind);
	fd = openat(s->log_dir_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0)
		spawn_fail(s, errno, "log %s/%s: %s", s->options->log_dir, name, strerror(errno));
	else if (s->group_gid != (gid_t)-1 && fchown(fd, (uid_t)-1, s->group_gid) < 0)
		errno = 0;   /* then only root reads it */
	return fd;
}

static int open_channels(struct spawn *s, struct worker_config *ret)
{
	int control, console, log;

	control = socket_listen_at(s->run_fd, "control.sock", SOCK_SEQPACKET, 0600, (gid_t)-1);
	if (control < 0)
		return spawn_fail(s, -control, "control.sock: %s", strerror(-control));
	spawn_give(s, control);   /* descriptor 3 */
	spawn_give(s, -1);        /* descriptor 4: the configuration, once it is complete */
	console = socket_listen_at(s->run_fd, "console.sock", SOCK_STREAM, 0660, s->group_gid);
	if (console < 0)
		return spawn_fail(s, -console, "console.sock: %s", strerror(-console));
	ret->console_fd = spawn_give(s, console);
	ret->console_log_fd = ret->log_fd = -1;   /* the worker's lines go to stderr, which is its log */
	if (s->config->console_log) {
		log = open_log(s, "console");
		if (log < 0)
			return -1;
		ret->console_log_fd = spawn_give(s, log);
	}
	s->worker_log = open_log(s, "worker");
	if (s->worker_log < 0)
		return -1;
	s->log_offset = lseek(s->worker_log, 0, SEEK_END);
	return 0;
}

static int seal_config(struct spawn *s, const struct worker_config *config)
{
	int fd = memfd_create("bulkhead-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return spawn_fail(s, errno, "configuration: %s", strerror(errno));
	s->fds[1] = fd;
	if (write(fd, config, sizeof *config) != (ssize_t)sizeof *config ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return spawn_fail(s, errno, "configuration: %s", strerror(errno));
	return 0;
}

int spawn_open_files(struct spawn *s, struct worker_config *ret)
{
	const struct partition_config *config = s->config;
	struct worker_config *w = ret;
	int mshv;

	memset(w, 0, sizeof *w);
	w->version = WORKER_PROTOCOL_VERSION;
	w->size = sizeof *w;
	snprintf(w->name, sizeof w->name, "%s", config->name);
	memcpy(w->uuid, config->uuid, sizeof w->uuid);
	w->memory_bytes = memory_file_bytes(config);
	w->startup_bytes = config->dynamic_memory ? config->startup_bytes : 0;
	w->maximum_bytes = config->memory_bytes;
	w->vp_count = config->vp_count;
	w->ic_mask = config->integration;
	if (config->invariant_tsc)
		w->cpuid[w->cpuid_count++] = (struct worker_cpuid){
			.leaf = HV_CPUID_FEATURES, .value = { HV_ACCESS_TSC_INVARIANT }, .mask = { HV_ACCESS_TSC_INVARIANT }
		};
	w->uid = s->uid;
	w->gid = s->gid;
	w->disk_count = config->disk_count;
	w->start_paused = s->paused;
	w->initrd_fd = -1;
	snprintf(w->cmdline, sizeof w->cmdline, "%s", config->cmdline ? config->cmdline : "");
	if (open_channels(s, w) || open_life(s, w))
		return -1;
	mshv = open(s->options->mshv, O_RDWR | O_CLOEXEC);
	if (mshv < 0)
		return spawn_fail(s, ENODEV, "%s: %s; is the hypervisor loaded? 'modprobe bulkhead' loads it", s->options->mshv, strerror(errno));
	w->mshv_fd = spawn_give(s, mshv);
	if (open_kernel(s, config->kernel, &w->kernel_fd) ||
	    (config->initrd && open_image(s, "initrd", config->initrd, &w->initrd_fd)) || open_memory(s, w))
		return -1;
	for (uint32_t i = 0; i < config->disk_count; i++)
		if (open_disk(s, &config->disks[i], &w->disk[i]))
			return -1;
	if (spawn_open_vsock(s, w) || spawn_open_interfaces(s, w))
		return -1;
	return seal_config(s, w);
}

_Static_assert(CONFIG_IC_SHUTDOWN == (int)WORKER_IC_SHUTDOWN && CONFIG_IC_HEARTBEAT == (int)WORKER_IC_HEARTBEAT &&
	       CONFIG_IC_TIMESYNC == (int)WORKER_IC_TIMESYNC && CONFIG_IC_KVP == (int)WORKER_IC_KVP && CONFIG_IC_VSS == (int)WORKER_IC_VSS &&
	       CONFIG_IC_FCOPY == (int)WORKER_IC_FCOPY && CONFIG_IC_ALL == (int)WORKER_IC_ALL, "one numbering of integration components");
_Static_assert(CONFIG_MAX_DISKS == WORKER_MAX_DISKS && CONFIG_NAME_MAX < WORKER_NAME_MAX, "a definition fits");
