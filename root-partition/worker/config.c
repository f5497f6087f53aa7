/* SPDX-License-Identifier: BSD-2-Clause */
/* See config.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/types.h"
#include "layout.h"

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return -EINVAL;
}

static int is_open(int fd)
{
	return fd >= 0 && fcntl(fd, F_GETFD) >= 0;
}

int config_check_disk(const struct worker_disk *d, char *why, size_t size)
{
	if (!is_open(d->fd))
		return refuse(why, size, "descriptor %d is not open", d->fd);
	if (d->controller > 3 || d->target > 1 || d->lun > 63)
		return refuse(why, size, "no such address: controller %u, target %u, lun %u", d->controller, d->target, d->lun);
	if (d->block_size != 512 && d->block_size != 4096)
		return refuse(why, size, "block size %u is neither 512 nor 4096", d->block_size);
	return 0;
}

static int check_disk(const struct worker_config *c, unsigned int index, char *why, size_t size)
{
	const struct worker_disk *d = &c->disk[index], *other;
	char reason[128];
	unsigned int i;

	if (config_check_disk(d, reason, sizeof reason) < 0)
		return refuse(why, size, "disk %u: %s", index, reason);
	for (i = 0; i < index; i++) {
		other = &c->disk[i];
		if (other->controller == d->controller && other->target == d->target && other->lun == d->lun)
			return refuse(why, size, "disk %u: has the address of disk %u", index, i);
	}
	return 0;
}

int config_check_interface(const struct worker_interface *n, char *why, size_t size)
{
	unsigned int i;

	if (n->queue_count < 1 || n->queue_count > WORKER_MAX_QUEUES)
		return refuse(why, size, "%u queues; from 1 to %u", n->queue_count, WORKER_MAX_QUEUES);
	if (n->mac[0] & 1)
		return refuse(why, size, "its MAC address is a group's");
	if (memchr(n->tap, 0, sizeof n->tap) == NULL)
		return refuse(why, size, "the TAP's name is not terminated");
	for (i = 0; i < n->queue_count; i++)
		if (!is_open(n->fd[i]))
			return refuse(why, size, "descriptor %d is not open", n->fd[i]);
	return 0;
}

static int check_interfaces(const struct worker_config *c, char *why, size_t size)
{
	char reason[128];
	unsigned int i, j;

	if (c->cpuid_count > WORKER_MAX_CPUID)
		return refuse(why, size, "CPUID leaves: %u; at most %u", c->cpuid_count, WORKER_MAX_CPUID);
	if (c->interface_count > WORKER_MAX_INTERFACES)
		return refuse(why, size, "interfaces: %u; at most %u", c->interface_count, WORKER_MAX_INTERFACES);
	for (i = 0; i < c->interface_count; i++) {
		if (config_check_interface(&c->interface[i], reason, sizeof reason) < 0)
			return refuse(why, size, "interface %u: %s", i, reason);
		for (j = 0; j < i; j++)
			if (memcmp(c->interface[i].mac, c->interface[j].mac, sizeof c->interface[i].mac) == 0)
				return refuse(why, size, "interface %u: has the MAC address of interface %u", i, j);
	}
	return 0;
}

static int check_vsock(const struct worker_vsock *v, char *why, size_t size)
{
	if (v->directory_fd == -1 && v->listen_fd == -1)
		return 0;
	if (!is_open(v->directory_fd) || !is_open(v->listen_fd))
		return refuse(why, size, "vsock: descriptor %d or %d is not open", v->directory_fd, v->listen_fd);
	if (v->listen_count > WORKER_MAX_PORT_RANGES || v->connect_count > WORKER_MAX_PORT_RANGES)
		return refuse(why, size, "vsock: more than %u ranges of ports", WORKER_MAX_PORT_RANGES);
	return 0;
}

int config_check(const struct worker_config *c, char *why, size_t size)
{
	const struct {
		const char *what;
		int fd;
		int optional;
	} descriptors[] = {
		{ "mshv", c->mshv_fd, 0 },       { "state", c->state_fd, 0 },
		{ "memory", c->memory_fd, 0 },   { "kernel", c->kernel_fd, 0 },
		{ "initrd", c->initrd_fd, 1 },   { "console", c->console_fd, 1 },
		{ "partition", c->partition_fd, 1 },
		{ "life", c->life_fd[0], 1 },  { "life", c->life_fd[1], 1 }, { "console log", c->console_log_fd, 1 }, { "log", c->log_fd, 1 },
	};
	unsigned int i;
	int rc;

	if (c->version != WORKER_PROTOCOL_VERSION || c->size != sizeof *c)
		return refuse(why, size, "configuration version %u, %u bytes; this worker knows version %u, %zu bytes", c->version,
			      c->size, WORKER_PROTOCOL_VERSION, sizeof *c);
	if (memchr(c->name, 0, sizeof c->name) == NULL || c->name[0] == '\0')
		return refuse(why, size, "configuration: no name");
	if (memchr(c->cmdline, 0, sizeof c->cmdline) == NULL)
		return refuse(why, size, "configuration: command line is not terminated");
	if (c->memory_bytes < LAYOUT_MEMORY_MIN || c->memory_bytes > LAYOUT_MEMORY_MAX || c->memory_bytes % (2u << 20) != 0)
		return refuse(why, size, "memory: %llu bytes; from %llu MiB to %llu GiB in steps of 2 MiB",
			      (unsigned long long)c->memory_bytes, LAYOUT_MEMORY_MIN >> 20, LAYOUT_MEMORY_MAX >> 30);
	if (c->startup_bytes != 0 && (c->startup_bytes < LAYOUT_MEMORY_MIN || c->startup_bytes % (2u << 20) != 0 ||
				      c->maximum_bytes < c->startup_bytes || c->maximum_bytes > c->memory_bytes))
		return refuse(why, size, "dynamic memory: %llu bytes at the start, %llu at most, of a file of %llu",
			      (unsigned long long)c->startup_bytes, (unsigned long long)c->maximum_bytes,
			      (unsigned long long)c->memory_bytes);
	if (c->vp_count < 1 || c->vp_count > HV_MAX_VPS)
		return refuse(why, size, "processors: %u; from 1 to %u", c->vp_count, HV_MAX_VPS);
	if (c->disk_count > WORKER_MAX_DISKS)
		return refuse(why, size, "disks: %u; at most %u", c->disk_count, WORKER_MAX_DISKS);
	for (i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
		if (!(descriptors[i].optional && descriptors[i].fd == -1) && !is_open(descriptors[i].fd))
			return refuse(why, size, "%s: descriptor %d is not open", descriptors[i].what, descriptors[i].fd);
	for (i = 0; i < c->disk_count; i++) {
		rc = check_disk(c, i, why, size);
		if (rc < 0)
			return rc;
	}
	rc = check_vsock(&c->vsock, why, size);
	return rc < 0 ? rc : check_interfaces(c, why, size);
}

int config_read(int fd, struct worker_config *ret, char *why, size_t size)
{
	struct worker_config config = { 0 };
	ssize_t n = pread(fd, &config, sizeof config, 0);
	int rc;

	if (n < 0) {
		rc = -errno;
		snprintf(why, size, "configuration: %s", strerror(errno));
		return rc;
	}
	if ((size_t)n != sizeof config)
		return refuse(why, size, "configuration: %zd bytes instead of %zu", n, sizeof config);
	rc = config_check(&config, why, size);
	if (rc == 0)
		*ret = config;
	return rc;
}
