/* SPDX-License-Identifier: BSD-2-Clause */
/* See sandbox.h. */
#include "wmi-like-api/gateway/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(char *why, size_t size, const char *what)
{
	snprintf(why, size, "%s: %s", what, strerror(errno));
	return -1;
}

static int become(const char *user, const char *folder, char *why, size_t size)
{
	const struct passwd *entry = getpwnam(user);

	if (!entry) {
		snprintf(why, size, "there is no user '%s'; 'systemd-sysusers bulkhead-wsmand.conf' makes it, or name another with 'user ='", user);
		return -1;
	}
	if (initgroups(user, entry->pw_gid) < 0)
		return fail(why, size, "groups");
	if (chdir(folder) < 0 || chroot(".") < 0)
		return fail(why, size, folder);
	if (setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 || setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return fail(why, size, user);
	return 0;
}

int gateway_sandbox_drop(const char *user, const char *folder, bool *inside, char *why, size_t size)
{
	const struct rlimit none = { 0, 0 };

	*inside = geteuid() == 0;
	if (*inside && become(user, folder, why, size))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, size, "no_new_privs");
	/* Neither a core dump nor a process of the same user may read the key. */
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(why, size, "core dumps");
	return 0;
}

static const struct {
	int number;
	const char *reason;
} allowed[] = {
	{ SCMP_SYS(epoll_wait),      "the loop" },
	{ SCMP_SYS(epoll_pwait),     "the loop" },
	{ SCMP_SYS(epoll_ctl),       "the loop" },
	{ SCMP_SYS(ppoll),           "sd-bus" },
	{ SCMP_SYS(poll),            "sd-bus" },
	{ SCMP_SYS(read),            "clients, the loop's wake-ups" },
	{ SCMP_SYS(readv),           "clients" },
	{ SCMP_SYS(write),           "clients, logs" },
	{ SCMP_SYS(writev),          "clients" },
	{ SCMP_SYS(sendto),          "the helper" },
	{ SCMP_SYS(sendmsg),         "the daemon" },
	{ SCMP_SYS(recvfrom),        "the daemon" },
	{ SCMP_SYS(recvmsg),         "the daemon, the helper" },
	{ SCMP_SYS(accept4),         "clients" },
	{ SCMP_SYS(close),           "clients" },
	{ SCMP_SYS(shutdown),        "clients" },
	{ SCMP_SYS(fcntl),           "descriptors that do not block" },
	{ SCMP_SYS(ioctl),           "FIONBIO" },
	{ SCMP_SYS(fstat),           "sd-bus, stdio" },
	{ SCMP_SYS(newfstatat),      "fstat in newer C libraries" },
	{ SCMP_SYS(getsockname),     "libuv, sd-bus" },
	{ SCMP_SYS(getpeername),     "who a client is" },
	{ SCMP_SYS(getsockopt),      "sd-bus" },
	{ SCMP_SYS(setsockopt),      "TCP_NODELAY, sd-bus" },
	{ SCMP_SYS(connect),         "the daemon, when it was started anew" },
	{ SCMP_SYS(munmap),          "heap" },
	{ SCMP_SYS(madvise),         "heap" },
	{ SCMP_SYS(brk),             "heap" },
	{ SCMP_SYS(mremap),          "heap" },
	{ SCMP_SYS(futex),           "locks" },
	{ SCMP_SYS(clock_gettime),   "time, where the vDSO cannot" },
	{ SCMP_SYS(gettimeofday),    "time, where the vDSO cannot" },
	{ SCMP_SYS(time),            "time, where the vDSO cannot" },
	{ SCMP_SYS(timerfd_settime), "sd-bus, libuv" },
	{ SCMP_SYS(rt_sigreturn),    "signals" },
	{ SCMP_SYS(rt_sigprocmask),  "signals" },
	{ SCMP_SYS(rt_sigaction),    "the end" },
	{ SCMP_SYS(restart_syscall), "signals" },
	{ SCMP_SYS(getrandom),       "names of contexts, TLS" },
	{ SCMP_SYS(getpid),          "OpenSSL, sd-bus" },
	{ SCMP_SYS(gettid),          "sd-bus, abort" },
	{ SCMP_SYS(getuid),          "sd-bus" },
	{ SCMP_SYS(geteuid),         "sd-bus" },
	{ SCMP_SYS(getgid),          "sd-bus" },
	{ SCMP_SYS(getegid),         "sd-bus" },
	{ SCMP_SYS(prctl),           "sd-bus: the process's name" },
	{ SCMP_SYS(uname),           "the host's name" },
	{ SCMP_SYS(tgkill),          "abort" },
	{ SCMP_SYS(exit),            "end of a thread" },
	{ SCMP_SYS(exit_group),      "end" },
};

int gateway_sandbox_filter(char *why, size_t size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? 0 : -ENOMEM;

	if (!rc)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0] && !rc; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].number, 0);
	/* Files are not there: a library that looks for one goes on without. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 0);
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(readlink), 0);
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* Memory may be mapped or changed, but never made executable. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_load(filter);
	if (rc < 0)
		snprintf(why, size, "system call filter: %s", strerror(-rc));
	if (filter)
		seccomp_release(filter);
	return rc < 0 ? -1 : 0;
}
