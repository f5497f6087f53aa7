/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_process.h. */
#include "vsc/linux/exec_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PATH_ROOT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_USER "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

extern char **environ;

struct account {
	char name[256], home[PATH_MAX], shell[PATH_MAX];
	uid_t uid;
	gid_t gid;
	bool known;                    /* there is an entry for it */
};

/* What the new process tells through a pipe that a successful exec closes. */
struct start_error {
	int error;
	bool at_exec;
	char what[64];
};

static bool find_account(const char *user, struct account *ret)
{
	const char *name = *user ? user : "root";
	const struct passwd *p = getpwnam(name);

	memset(ret, 0, sizeof *ret);
	if (!p && strcmp(name, "root"))
		return false;
	/* A system as small as an initramfs may have no list of users; root is there all the same. */
	snprintf(ret->name, sizeof ret->name, "%s", name);
	snprintf(ret->home, sizeof ret->home, "%s", p && *p->pw_dir ? p->pw_dir : "/");
	snprintf(ret->shell, sizeof ret->shell, "%s", p && *p->pw_shell ? p->pw_shell : "/bin/sh");
	ret->uid = p ? p->pw_uid : 0;
	ret->gid = p ? p->pw_gid : 0;
	ret->known = p;
	return true;
}

static _Noreturn void give_up(int report, const char *what, bool at_exec)
{
	struct start_error e = { .error = errno, .at_exec = at_exec };

	snprintf(e.what, sizeof e.what, "%s", what);
	(void)!write(report, &e, sizeof e);
	_exit(125);
}

static void set_environment(const struct exec_request *r, const struct account *a)
{
	const char *lang = getenv("LANG");
	char *kept = lang ? strdup(lang) : NULL;

	clearenv();
	setenv("PATH", a->uid ? PATH_USER : PATH_ROOT, 1);
	setenv("HOME", a->home, 1);
	setenv("USER", a->name, 1);
	setenv("LOGNAME", a->name, 1);
	setenv("SHELL", a->shell, 1);
	if (kept)
		setenv("LANG", kept, 1);
	for (const char *const *v = r->variables; *v; v++)
		putenv((char *)*v);
	free(kept);
}

static void become(const struct account *a, int report)
{
	if (a->uid == geteuid() && a->uid)   /* an ordinary user who serves only himself */
		return;
	if (initgroups(a->name, a->gid) < 0 || setgid(a->gid) < 0 || setuid(a->uid) < 0)
		give_up(report, "change user", false);
}

/* runuser(1) opens a session (PAM) and hands the shell's exit status on, which login(1) does not; without it, the shell alone. */
static _Noreturn void exec_login(const struct account *a, int report)
{
	static const char *const programs[] = { "/usr/sbin/runuser", "/sbin/runuser" };
	const char *base = strrchr(a->shell, '/');
	char first[PATH_MAX + 1];

	for (size_t i = 0; a->known && !geteuid() && i < 2; i++)
		execl(programs[i], "runuser", "-l", a->name, (char *)NULL);
	become(a, report);
	if (chdir(a->home) < 0 && chdir("/") < 0)
		give_up(report, "/", false);
	snprintf(first, sizeof first, "-%s", base ? base + 1 : a->shell);
	execl(a->shell, first, (char *)NULL);
	give_up(report, a->shell, true);
}

static _Noreturn void run_child(const struct exec_request *r, const struct account *a, const int stdio[3], bool terminal, int report)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		sigaction(n, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(stdio[i], i) < 0)
			give_up(report, "standard streams", false);
	if (terminal && ioctl(0, TIOCSCTTY, 0) < 0)
		give_up(report, "controlling terminal", false);
	umask(022);
	set_environment(r, a);
	if (r->flags & EXEC_FLAG_LOGIN)
		exec_login(a, report);
	if (terminal && a->uid)   /* as login does: the user may open it again */
		(void)!fchown(0, a->uid, (gid_t)-1);
	become(a, report);
	if (chdir(a->home) < 0 && chdir("/") < 0)
		give_up(report, "/", false);
	execvp(r->arguments[0], (char *const *)r->arguments);
	give_up(report, r->arguments[0], true);
}

/* A pair [read, write], of which our side (0 or 1) does not block. */
static int open_pipe(int pair[2], int ours)
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	return fcntl(pair[ours], F_SETFL, O_NONBLOCK);
}

/* stdio[]: what the command gets. ret->in, out, err, terminal: ours. */
static int open_terminal(const struct exec_request *r, struct exec_process *ret, int stdio[3])
{
	struct winsize size = { .ws_row = r->rows, .ws_col = r->columns };
	int number, locked = 0;

	ret->out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (ret->out < 0 || ioctl(ret->out, TIOCSPTLCK, &locked) < 0 || ioctl(ret->out, TIOCGPTN, &number) < 0)
		return -1;
	ret->terminal = ioctl(ret->out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ret->in = fcntl(ret->out, F_DUPFD_CLOEXEC, 3);
	if (ret->terminal < 0 || ret->in < 0)
		return -1;
	ioctl(ret->out, TIOCSWINSZ, &size);
	for (int i = 0; i < 3; i++)
		if ((stdio[i] = fcntl(ret->terminal, F_DUPFD_CLOEXEC, 3)) < 0)
			return -1;
	return 0;
}

static int open_pipes(struct exec_process *ret, int stdio[3])
{
	int pair[2];

	if (open_pipe(pair, 1) < 0)
		return -1;
	stdio[0] = pair[0];
	ret->in = pair[1];
	if (open_pipe(pair, 0) < 0)
		return -1;
	ret->out = pair[0];
	stdio[1] = pair[1];
	if (open_pipe(pair, 0) < 0)
		return -1;
	ret->err = pair[0];
	stdio[2] = pair[1];
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int failed_start(const struct start_error *e, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", e->what, e->at_exec && e->error == ENOENT ? "command not found" : strerror(e->error));
	if (!e->at_exec)
		return 125;
	return e->error == ENOENT ? 127 : 126;
}

/* For the guest's journal: what was run for the host, in printable characters. */
static void note_start(const struct exec_request *r, const struct account *a, pid_t pid)
{
	char line[512];
	size_t used = (size_t)snprintf(line, sizeof line - 1, "bulkhead-guest-exec: process %d for %.32s:", (int)pid, a->name);

	if (r->flags & EXEC_FLAG_LOGIN)
		used += (size_t)snprintf(line + used, sizeof line - 1 - used, " login");
	for (const char *const *word = r->arguments; *word && used < sizeof line - 2; word++)
		used += (size_t)snprintf(line + used, sizeof line - 1 - used, " %s", *word);
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[used++] = '\n';
	(void)!write(STDERR_FILENO, line, used);
}

int exec_process_start(const struct exec_request *r, struct exec_process *ret, char *why, size_t size)
{
	bool terminal = r->flags & EXEC_FLAG_TERMINAL;
	int stdio[3] = { -1, -1, -1 }, report[2] = { -1, -1 }, status = 125;
	struct start_error error;
	struct account account;

	*ret = (struct exec_process){ .pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1, .terminal = -1 };
	if (!find_account(r->user, &account)) {
		snprintf(why, size, "there is no user '%s' in the guest", r->user);
		return status;
	}
	if ((terminal ? open_terminal(r, ret, stdio) : open_pipes(ret, stdio)) < 0 || pipe2(report, O_CLOEXEC) < 0)
		goto fail;
	ret->pid = fork();
	if (ret->pid == 0)
		run_child(r, &account, stdio, terminal, report[1]);
	if (ret->pid < 0)
		goto fail;
	close_fd(&report[1]);
	if (read(report[0], &error, sizeof error) == (ssize_t)sizeof error) {
		status = failed_start(&error, why, size);
		goto out;
	}
	ret->pidfd = pidfd_open(ret->pid, 0);
	if (ret->pidfd >= 0) {
		note_start(r, &account, ret->pid);
		status = 0;
		goto out;
	}
	kill(-ret->pid, SIGKILL);
fail:
	snprintf(why, size, "%s: %s", terminal ? "terminal" : "process", strerror(errno));
out:
	for (int i = 0; i < 3; i++)
		close_fd(&stdio[i]);
	close_fd(&report[0]);
	close_fd(&report[1]);
	if (status) {
		if (ret->pid > 0)
			waitpid(ret->pid, NULL, 0);
		close_fd(&ret->in);
		close_fd(&ret->out);
		close_fd(&ret->err);
		close_fd(&ret->terminal);
	}
	return status;
}

void exec_process_signal(const struct exec_process *p, int number)
{
	kill(-p->pid, number);
}

void exec_process_resize(const struct exec_process *p, uint16_t rows, uint16_t columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	if (p->terminal >= 0)
		ioctl(p->terminal, TIOCSWINSZ, &size);
}

uint8_t exec_process_eof_key(const struct exec_process *p)
{
	struct termios settings;

	if (p->terminal < 0 || tcgetattr(p->terminal, &settings) < 0 || !(settings.c_lflag & ICANON))
		return 0;
	return settings.c_cc[VEOF];
}

struct exec_exit exec_process_wait(const struct exec_process *p)
{
	siginfo_t how = { 0 };

	while (waitid(P_PID, (id_t)p->pid, &how, WEXITED) < 0 && errno == EINTR)
		;
	if (how.si_code == CLD_EXITED)
		return (struct exec_exit){ EXEC_EXITED, (uint32_t)how.si_status & 0xff };
	return (struct exec_exit){ EXEC_KILLED, (uint32_t)how.si_status };
}
