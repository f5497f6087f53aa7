/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUN_DIR/NAME/vsock: `connect`, where the root's programs ask for ports of the guest, and the folder `listen`, where they serve ports of the
 * host. The worker makes the folder its root: no other socket of this machine is in its reach.
 */
#include "root-partition/daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/daemon/sockets.h"

static int find_owner(struct spawn *s, const char *name, uid_t *ret)
{
	struct passwd entry, *found = NULL;
	char buffer[1024], *end;

	*ret = (uid_t)-1;
	if (!*name)
		return 0;
	*ret = (uid_t)strtoul(name, &end, 10);
	if (!*end)
		return 0;
	getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
	if (!found)
		return spawn_fail(s, ENOENT, "vsock: there is no user '%s'; its definition names it as owner", name);
	*ret = found->pw_uid;
	return 0;
}

static int find_group(struct spawn *s, const char *name, gid_t *ret)
{
	struct group entry, *found = NULL;
	char buffer[4096], *end;

	*ret = s->group_gid;
	if (!*name)
		return 0;
	*ret = (gid_t)strtoul(name, &end, 10);
	if (!*end)
		return 0;
	getgrnam_r(name, &entry, buffer, sizeof buffer, &found);
	if (!found)
		return spawn_fail(s, ENOENT, "vsock: there is no group '%s'; its definition names it", name);
	*ret = found->gr_gid;
	return 0;
}

static int open_folder_at(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Who may connect to guest ports may also serve host ports. The worker only passes through the folder: each service says by its socket's mode
 * whether the worker may connect. */
static int make_listen_folder(int vsock, uid_t uid, gid_t gid, uint32_t mode)
{
	int fd = open_folder_at(vsock, "listen"), rc = -1;

	if (fd < 0)
		return -1;
	mode |= (mode & 0444) >> 2;
	if (fchmod(fd, (mode & 0777) | 0111) == 0 && (fchown(fd, uid, gid) == 0 || errno == EPERM))
		rc = 0;
	close(fd);
	return rc;
}

static void copy_ports(const struct config_ports *ports, struct worker_port_range *ret, uint32_t *ret_count)
{
	*ret_count = ports->count;
	for (uint32_t i = 0; i < ports->count; i++)
		ret[i] = (struct worker_port_range){ .first = ports->ranges[i].first, .last = ports->ranges[i].last };
}

int spawn_open_vsock(struct spawn *s, struct worker_config *ret)
{
	const struct config_vsock *config = &s->config->vsock;
	struct worker_vsock *v = &ret->vsock;
	int folder, listener;
	uid_t uid;
	gid_t gid;

	v->directory_fd = v->listen_fd = -1;
	if (!config->offered)
		return 0;
	if (find_owner(s, config->owner, &uid) || find_group(s, config->group, &gid))
		return -1;
	folder = open_folder_at(s->run_fd, "vsock");
	if (folder < 0)
		return spawn_fail(s, errno, "%s/%s/vsock: %s", s->options->run_dir, s->name, strerror(errno));
	v->directory_fd = spawn_give(s, folder);
	if (make_listen_folder(folder, uid, gid, config->mode))
		return spawn_fail(s, errno, "%s/%s/vsock/listen: %s", s->options->run_dir, s->name, strerror(errno));
	listener = socket_listen_at(folder, "connect", SOCK_STREAM, config->mode, gid);
	if (listener < 0)
		return spawn_fail(s, -listener, "%s/%s/vsock/connect: %s", s->options->run_dir, s->name, strerror(-listener));
	v->listen_fd = spawn_give(s, listener);
	if (uid != (uid_t)-1 && fchownat(folder, "connect", uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
		return spawn_fail(s, errno, "%s/%s/vsock/connect: %s", s->options->run_dir, s->name, strerror(errno));
	copy_ports(&config->listen, v->listen, &v->listen_count);
	copy_ports(&config->connect, v->connect, &v->connect_count);
	return 0;
}

_Static_assert(CONFIG_MAX_PORT_RANGES == WORKER_MAX_PORT_RANGES, "a definition fits");
