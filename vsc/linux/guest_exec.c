/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-guest-exec: takes connections of the host, each served by a process of its own; what runs and how is exec_session.c's matter. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#include "vsc/linux/exec_protocol.h"
#include "vsc/linux/exec_session.h"

#define SESSIONS_MAX 500u

static const char usage[] =
	"Usage: bulkhead-guest-exec [--port NUMBER | --unix PATH]\n\n"
	"Runs commands for the host (bhctl exec, bhctl login).\n"
	"  --port NUMBER   the AF_VSOCK port (5000); only the host itself may connect\n"
	"  --unix PATH     a UNIX socket instead\n";

static void complain(const char *what)
{
	fprintf(stderr, "bulkhead-guest-exec: %s: %s\n", what, strerror(errno));
}

static int listen_vsock(unsigned int port)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0)
		return fd;
	complain(errno == EAFNOSUPPORT ? "AF_VSOCK (is the module hv_sock there?)" : "AF_VSOCK");
	return -1;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		complain(path);
		return -1;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0)
		return fd;
	complain(path);
	return -1;
}

/* Tells the service manager that connections are taken from now on. */
static void notify_ready(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t size = path ? strlen(path) : 0;
	int fd;

	if (!size || size >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, path, size);
	if (*path == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
	close(fd);
}

/* Whoever is in the guest, or in another one, has no business here: commands run as any user. */
static bool from_host(const struct sockaddr_storage *peer)
{
	const struct sockaddr_vm *vm = (const struct sockaddr_vm *)peer;

	return peer->ss_family != AF_VSOCK || vm->svm_cid == VMADDR_CID_HOST;
}

static void take_connection(int listener, int children, unsigned int *sessions)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t size = sizeof peer;
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
	pid_t pid;

	if (fd < 0)
		return;
	if (!from_host(&peer)) {
		fprintf(stderr, "bulkhead-guest-exec: a connection from CID %u, which is not the host, was refused\n",
			((struct sockaddr_vm *)&peer)->svm_cid);
	} else if (*sessions >= SESSIONS_MAX) {
		fprintf(stderr, "bulkhead-guest-exec: %u commands run already; a connection was refused\n", *sessions);
	} else if ((pid = fork()) == 0) {
		close(listener);
		close(children);
		exec_session_run(fd);
		_exit(0);
	} else if (pid < 0) {
		complain("fork");
	} else {
		++*sessions;
	}
	close(fd);
}

static void reap(int children, unsigned int *sessions)
{
	struct signalfd_siginfo info;

	while (read(children, &info, sizeof info) > 0)
		;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		--*sessions;
}

static int serve(int listener)
{
	unsigned int sessions = 0;
	sigset_t child;
	int children;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0) {
		complain("signalfd");
		return 1;
	}
	notify_ready();
	for (;;) {
		struct pollfd polls[2] = { { .fd = listener, .events = POLLIN }, { .fd = children, .events = POLLIN } };

		if (poll(polls, 2, -1) < 0)
			continue;
		if (polls[1].revents)
			reap(children, &sessions);
		if (polls[0].revents)
			take_connection(listener, children, &sessions);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' }, { "unix", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 }
	};
	unsigned long port = EXEC_PORT;
	const char *path = NULL;
	char *end;
	int listener;

	for (int c; (c = getopt_long(argc, argv, "hV", options, NULL)) >= 0;) {
		switch (c) {
		case 'p':
			port = strtoul(optarg, &end, 10);
			if (end != optarg && !*end && port < VMADDR_PORT_ANY)
				break;
			fprintf(stderr, "bulkhead-guest-exec: --port %s: not a port number\n", optarg);
			return 2;
		case 'u':
			path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("bulkhead-guest-exec " BULKHEAD_VERSION);
			return 0;
		default:
			return 2;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	listener = path ? listen_unix(path) : listen_vsock((unsigned int)port);
	return listener < 0 ? 1 : serve(listener);
}
