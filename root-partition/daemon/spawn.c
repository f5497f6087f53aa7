/* SPDX-License-Identifier: BSD-2-Clause */
/* See spawn.h: memory, files, then fork and exec with exactly the descriptors of worker_protocol.h. */
#include "root-partition/daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "root-partition/daemon/cgroup.h"
#include "root-partition/daemon/replace.h"

#define SPARE_FD 256   /* above all numbers that the worker's descriptors get */
_Static_assert(SPARE_FD > 3 + SPAWN_MAX_FDS, "no copy is overwritten");

int spawn_fail(struct spawn *s, int error, const char *format, ...)
{
	va_list args;

	s->error = error;
	va_start(args, format);
	vsnprintf(s->text, sizeof s->text, format, args);
	va_end(args);
	return -1;
}

/* In the child: only async-signal-safe calls, other threads' locks may be held for ever. */
static _Noreturn void become_worker(const struct spawn *s, int go, int null, char *const argv[])
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	int spare[SPAWN_MAX_FDS];
	sigset_t none;
	char byte;

	sigemptyset(&none);
	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		signal(signal_number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	/* The daemon writes the record, then the byte. If it dies between the two there must be no worker that nobody knows. */
	if (read(go, &byte, 1) != 1)
		_exit(125);
	for (unsigned i = 0; i < s->fd_count; i++)
		if ((spare[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, SPARE_FD)) < 0)
			_exit(126);
	if (dup2(null, 0) < 0 || dup2(s->worker_log, 1) < 0 || dup2(s->worker_log, 2) < 0)
		_exit(126);
	for (unsigned i = 0; i < s->fd_count; i++)
		if (dup2(spare[i], 3 + (int)i) < 0)
			_exit(126);
	syscall(SYS_close_range, 3 + s->fd_count, ~0u, 0);
	if (chdir("/") < 0)
		_exit(126);
	execve(argv[0], argv, environment);
	dprintf(2, "%s: cannot be run: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start_process(struct spawn *s)
{
	char *argv[] = { (char *)s->options->worker, "--control", "3", "--config", "4", NULL };
	int go[2] = { -1, -1 }, null = open("/dev/null", O_RDWR | O_CLOEXEC), rc = -1;

	if (null < 0 || pipe2(go, O_CLOEXEC) < 0) {
		spawn_fail(s, errno, "worker: %s", strerror(errno));
		goto out;
	}
	s->pid = fork();
	if (s->pid < 0) {
		s->pid = 0;
		spawn_fail(s, errno, "worker: %s", strerror(errno));
		goto out;
	}
	if (!s->pid) {
		close(go[1]);
		become_worker(s, go[0], null, argv);
	}
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	s->record.pid = s->pid;
	s->record.ticks = process_start_ticks(s->pid);
	cgroup_enter(s->name, s->pid);
	if (s->pidfd < 0) {
		spawn_fail(s, errno, "worker: %s", strerror(errno));
		goto out;
	}
	rc = record_write(s->run_fd, &s->record);
	if (rc) {
		rc = spawn_fail(s, -rc, "%s/%s/state: %s", s->options->run_dir, s->name, strerror(-rc));
		goto out;
	}
	if (write(go[1], "", 1) != 1)
		rc = spawn_fail(s, errno, "worker: %s", strerror(errno));
out:
	close(null);
	close(go[0]);
	close(go[1]);   /* without the byte the child ends here */
	if (rc && s->pid > 0) {
		waitpid(s->pid, NULL, 0);
		s->pid = 0;
	}
	return rc;
}

static void close_all(struct spawn *s)
{
	for (unsigned i = 0; i < s->fd_count; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	s->fd_count = 0;
	if (s->worker_log >= 0)
		close(s->worker_log);
	s->worker_log = -1;
}

static void on_thread(uv_work_t *work)
{
	struct spawn *s = work->data;
	struct worker_config config;
	int rc;

	if (access(s->options->worker, X_OK) < 0) {
		spawn_fail(s, errno, "worker %s: %s", s->options->worker, strerror(errno));
		return;
	}
	if (spawn_is_successor(s)) {
		if (!replace_wait(s) && !spawn_open_files(s, &config))
			start_process(s);
		goto out;
	}
	rc = config_write_file(s->run_fd, "definition.xml", s->definition, s->definition_size, 0600);
	if (rc)
		spawn_fail(s, -rc, "%s/%s/definition.xml: %s", s->options->run_dir, s->name, strerror(-rc));
	else if (!spawn_open_files(s, &config))
		start_process(s);
out:
	close_all(s);
	if (s->error) {
		unlinkat(s->run_fd, "control.sock", 0);
		unlinkat(s->run_fd, "console.sock", 0);
		unlinkat(s->run_fd, "vsock/connect", 0);
	}
}

static void on_loop(uv_work_t *work, int status)
{
	struct spawn *s = work->data;

	if (status < 0)
		spawn_fail(s, -status, "worker: %s", uv_strerror(status));
	if (s->unpack_fd >= 0 && !s->error)
		kernel_cache_fill(&s->partition->manager->kernels, s->unpack_fd);
	s->done(s);
}

static int copy_held(struct held *to, const struct held *from)
{
	int rc = 0;

	for (unsigned i = 0; i < WORKER_HELD_COUNT; i++) {
		to->fd[i] = fcntl(from->fd[i], F_DUPFD_CLOEXEC, 0);
		rc |= to->fd[i] < 0;
	}
	to->resets = from->resets;
	return rc;
}

struct spawn *spawn_begin(struct partition *p, struct partition_config *config, bool paused, const struct held *held,
			  void (*done)(struct spawn *spawn))
{
	struct spawn *s = calloc(1, sizeof *s);

	if (!s) {
		config_free(config);
		return NULL;
	}
	s->work.data = s;
	s->partition = p;
	s->done = done;
	snprintf(s->name, sizeof s->name, "%s", p->name);
	s->options = p->manager->options;
	s->config = config;
	s->paused = paused;
	s->held = HELD_NONE;
	s->run_fd = p->run_fd;
	s->log_dir_fd = p->manager->log_fd;
	s->cache_fd = p->manager->kernels.dir_fd;
	s->uid = p->manager->worker_uid;
	s->gid = p->manager->worker_gid;
	s->group_gid = p->manager->group_gid;
	s->definition = held ? strdup("") : strndup(p->text, p->text_size);
	s->definition_size = held ? 0 : p->text_size;
	s->pidfd = s->memory_fd = s->state_fd = s->life_fd = s->worker_log = s->unpack_fd = -1;
	record_of(p, &s->record);
	if (!s->definition || (held && copy_held(&s->held, held)) || uv_queue_work(p->manager->loop, &s->work, on_thread, on_loop)) {
		spawn_free(s);
		return NULL;
	}
	return s;
}

void spawn_free(struct spawn *s)
{
	if (!s)
		return;
	close_all(s);
	if (s->pidfd >= 0)
		close(s->pidfd);
	if (s->memory_fd >= 0)
		close(s->memory_fd);
	if (s->state_fd >= 0)
		close(s->state_fd);
	if (s->unpack_fd >= 0)
		close(s->unpack_fd);
	if (s->life_fd >= 0)
		close(s->life_fd);
	for (unsigned i = 0; i < WORKER_HELD_COUNT; i++)
		if (s->held.fd[i] >= 0)
			close(s->held.fd[i]);
	free((char *)s->definition);
	config_free(s->config);
	free(s);
}
