/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest-end PATH [ERROR]: plays a worker with hvsock and the guest behind it: each connection to the UNIX socket PATH asks for a port and becomes an
 * exec session on this machine; or it is refused with ERROR.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vsc/linux/exec_session.h"

static void serve(int fd, const char *error)
{
	char line[64] = "", answer[256];
	size_t used = 0;

	while (used < sizeof line - 1 && read(fd, line + used, 1) == 1 && line[used] != '\n')
		used++;
	line[used] = 0;
	if (strcmp(line, "CONNECT 5000"))
		error = "not a request for port 5000";
	snprintf(answer, sizeof answer, error ? "ERROR %s\n" : "OK\n", error);
	if (write(fd, answer, strlen(answer)) == (ssize_t)strlen(answer) && !error)
		exec_session_run(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (argc < 2)
		return 2;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
	unlink(argv[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			close(listener);
			serve(fd, argv[2]);
			_exit(0);
		}
		close(fd);
	}
	return 1;
}
