/* SPDX-License-Identifier: BSD-2-Clause */
/* See sandbox.h. */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

void sandbox_close_others(const struct worker_config *c, const int *keep, unsigned int keep_count)
{
	int fds[3 + 13 + WORKER_MAX_DISKS + WORKER_MAX_INTERFACES * WORKER_MAX_QUEUES + 8] = { 0, 1, 2, c->mshv_fd, c->state_fd, c->memory_fd, c->kernel_fd,
						  c->initrd_fd, c->console_fd, c->console_log_fd, c->log_fd,
						  c->vsock.directory_fd, c->vsock.listen_fd, c->partition_fd,
						  c->life_fd[0], c->life_fd[1] };
	unsigned int n = 16, i, j;
	int next = 0;

	for (i = 0; i < c->disk_count; i++)
		fds[n++] = c->disk[i].fd;
	for (i = 0; i < c->interface_count; i++)
		for (j = 0; j < c->interface[i].queue_count; j++)
			fds[n++] = c->interface[i].fd[j];
	for (i = 0; i < keep_count && i < 8; i++)
		fds[n++] = keep[i];
	qsort(fds, n, sizeof fds[0], compare);
	for (i = 0; i < n; i++) {
		if (fds[i] > next)
			close_range((unsigned int)next, (unsigned int)fds[i] - 1, 0);
		if (fds[i] >= next)
			next = fds[i] + 1;
	}
	close_range((unsigned int)next, ~0u, 0);
}

static int fail(const char *what)
{
	int rc = -errno;

	log_line("sandbox: %s: %s", what, strerror(errno));
	return rc;
}

/* A directory that holds nothing but the partition's sockets becomes the working directory and the root. */
static int enter(int directory)
{
	if (directory < 0)
		return 0;
	if (fchdir(directory) < 0 || (geteuid() == 0 && chroot(".") < 0))
		return fail("vsock directory");
	return 0;
}

int sandbox_drop(uint32_t uid, uint32_t gid, int directory)
{
	const struct rlimit none = { 0, 0 }, unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int rc;

	/* The guest's memory is pinned, again at every reset. */
	if (geteuid() == 0 && setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return fail("RLIMIT_MEMLOCK");
	if (geteuid() == 0 && unshare(CLONE_NEWNET) < 0)
		log_line("sandbox: no network namespace of its own: %s", strerror(errno));
	rc = enter(directory);
	if (rc < 0)
		return rc;
	if (gid != 0 && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0))
		return fail("group");
	if (uid != 0 && setresuid(uid, uid, uid) < 0)
		return fail("user");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("no_new_privs");
	/* Neither a core dump nor ptrace by processes of the same user may read the guest. */
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail("core dumps");
	return 0;
}

/* What a running worker calls. Everything else kills it: the daemon then reports signal 31 (SIGSYS). */
static const struct {
	int number;
	const char *reason;
} allowed[] = {
	{ SCMP_SYS(ioctl),            "RUN_VP, hypercalls, signals to the guest; terminals" },
	{ SCMP_SYS(io_uring_enter),   "disk requests" },
	{ SCMP_SYS(io_uring_setup),   "a controller that is opened anew" },
	{ SCMP_SYS(io_uring_register), "its event descriptor" },
	{ SCMP_SYS(epoll_wait),       "the loop" },
	{ SCMP_SYS(epoll_pwait),      "the loop" },
	{ SCMP_SYS(epoll_ctl),        "the loop" },
	{ SCMP_SYS(epoll_create1),    "libuv" },
	{ SCMP_SYS(eventfd2),         "a channel's signal" },
	{ SCMP_SYS(read),             "eventfds, console input" },
	{ SCMP_SYS(write),            "logs, eventfds" },
	{ SCMP_SYS(writev),           "stdio, frames from the guest" },
	{ SCMP_SYS(readv),            "frames to the guest" },
	{ SCMP_SYS(pread64),          "kernel and initrd at a reset" },
	{ SCMP_SYS(preadv),           "disks" },
	{ SCMP_SYS(pwritev),          "disks" },
	{ SCMP_SYS(pwrite64),         "disks" },
	{ SCMP_SYS(fallocate),        "UNMAP" },
	{ SCMP_SYS(fdatasync),        "flush" },
	{ SCMP_SYS(ftruncate),        "a console log that has grown too large, a disk that grows" },
	{ SCMP_SYS(fstat),            "sizes of files" },
	{ SCMP_SYS(newfstatat),       "fstat in newer C libraries" },
	{ SCMP_SYS(lseek),            "stdio" },
	{ SCMP_SYS(fcntl),            "non-blocking sockets" },
	{ SCMP_SYS(close),            "sockets, VPs at a reset" },
	{ SCMP_SYS(accept4),          "console viewers, the daemon" },
	{ SCMP_SYS(sendto),           "console viewers, the daemon" },
	{ SCMP_SYS(sendmsg),          "the daemon, with what it holds for a successor" },
	{ SCMP_SYS(recvfrom),         "the daemon" },
	{ SCMP_SYS(recvmsg),          "the daemon, with descriptors of disks and interfaces" },
	{ SCMP_SYS(shutdown),         "half-closed vsock streams" },
	{ SCMP_SYS(getsockopt),       "libuv" },
	{ SCMP_SYS(munmap),           "VP pages, heap" },
	{ SCMP_SYS(madvise),          "heap" },
	{ SCMP_SYS(brk),              "heap" },
	{ SCMP_SYS(mremap),           "heap" },
	{ SCMP_SYS(futex),            "locks" },
	{ SCMP_SYS(clock_gettime),    "time, where the vDSO cannot" },
	{ SCMP_SYS(clock_nanosleep),  "delays" },
	{ SCMP_SYS(gettimeofday),     "time, where the vDSO cannot" },
	{ SCMP_SYS(timerfd_settime),  "timers" },
	{ SCMP_SYS(rt_sigreturn),     "signals" },
	{ SCMP_SYS(rt_sigprocmask),   "signals" },
	{ SCMP_SYS(rt_sigaction),     "restoring handlers" },
	{ SCMP_SYS(restart_syscall),  "signals" },
	{ SCMP_SYS(getpid),           "status" },
	{ SCMP_SYS(gettid),           "locks, abort" },
	{ SCMP_SYS(tgkill),           "abort" },
	{ SCMP_SYS(sched_setscheduler), "pace.c: SCHED_BATCH and back" },
	{ SCMP_SYS(sched_yield),      "polling" },
	{ SCMP_SYS(getrandom),        "heap" },
	{ SCMP_SYS(set_robust_list),  "end of a thread" },
	{ SCMP_SYS(rseq),             "end of a thread" },
	{ SCMP_SYS(exit),             "end of a thread" },
	{ SCMP_SYS(exit_group),       "end" },
};

/* UNIX sockets of the partition's vsock directory, which is the root: there is no other in reach. */
static int allow_vsock(scmp_filter_ctx filter)
{
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));

	return rc < 0 ? rc : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
}

int sandbox_filter(bool vsock)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	unsigned int i;
	int rc = -ENOMEM;

	if (filter == NULL)
		goto out;
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A tree and not a list: RUN_VP and io_uring_enter are made often. */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (i = 0; i < sizeof allowed / sizeof allowed[0] && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].number, 0);
	/* Memory may be mapped or changed, but never made executable. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0 && vsock)
		rc = allow_vsock(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
out:
	if (rc < 0)
		log_line("sandbox: system call filter: %s", strerror(-rc));
	if (filter != NULL)
		seccomp_release(filter);
	return rc;
}
