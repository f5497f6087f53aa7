/* SPDX-License-Identifier: BSD-2-Clause */
/* See sockets.h. */
#include "root-partition/daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_at(int dirfd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dirfd, name);
	return address;
}

int socket_listen_at(int dirfd, const char *name, int type, mode_t mode, gid_t group)
{
	struct sockaddr_un address = address_at(dirfd, name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

	if (fd < 0)
		return -errno;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		goto fail;
	/* Nobody can connect before listen(), so the mode is right in time. */
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || fchmodat(dirfd, name, mode, 0) < 0)
		goto fail;
	if (group != (gid_t)-1 && fchownat(dirfd, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM)
		goto fail;
	if (listen(fd, 64) < 0)
		goto fail;
	return fd;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

int socket_connect_at(int dirfd, const char *name, int type)
{
	struct sockaddr_un address = address_at(dirfd, name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
