/* SPDX-License-Identifier: BSD-2-Clause */
/* See vsock_client.h. */
#include "vsock_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 256u

/* The directory's path may be longer than a socket's address. */
static int connect_in(const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, rc;

	if (folder < 0)
		return -errno;
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/connect", folder);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		/* A socket without its listener: the worker is gone. */
		rc = errno == ECONNREFUSED ? -ECONNRESET : -errno;
		if (fd >= 0)
			close(fd);
		close(folder);
		return rc;
	}
	close(folder);
	return fd;
}

/* Byte by byte: what follows the line is the guest's. */
static int read_answer(int fd, char answer[ANSWER_MAX])
{
	for (size_t used = 0; used < ANSWER_MAX;) {
		ssize_t n = read(fd, answer + used, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ECONNRESET;
		if (answer[used] == '\n') {
			answer[used] = '\0';
			return 0;
		}
		used++;
	}
	return -EPROTO;
}

int vsock_client_connect(const char *directory, uint32_t port, char *why, size_t size)
{
	char line[ANSWER_MAX];
	int fd = connect_in(directory), rc, length;

	if (fd < 0)
		return fd;
	length = snprintf(line, sizeof line, "CONNECT %u\n", port);
	/* A worker that refuses before it has read answers all the same. */
	(void)!send(fd, line, (size_t)length, MSG_NOSIGNAL);
	rc = read_answer(fd, line);
	if (rc == 0 && strcmp(line, "OK") == 0)
		return fd;
	if (rc == 0) {
		snprintf(why, size, "%s", strncmp(line, "ERROR ", 6) == 0 ? line + 6 : line);
		rc = -ECONNREFUSED;
	}
	close(fd);
	return rc;
}
