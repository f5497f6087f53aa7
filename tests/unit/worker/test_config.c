/* SPDX-License-Identifier: BSD-2-Clause */
/* What the worker takes from the daemon, and what it refuses with a reason. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "tests/unit/run_tests.h"

static char why[256];

static struct worker_config valid(void)
{
	struct worker_config c = {
		.version = WORKER_PROTOCOL_VERSION, .size = sizeof c, .name = "web1", .memory_bytes = 256u << 20, .vp_count = 2,
		.mshv_fd = 0, .state_fd = 0, .memory_fd = 0, .kernel_fd = 0, .initrd_fd = -1, .console_fd = -1,
		.console_log_fd = -1, .log_fd = -1, .partition_fd = -1, .life_fd = { -1, -1 }, .disk_count = 2, .interface_count = 2,
	};

	c.disk[0] = (struct worker_disk){ .fd = 0, .block_size = 512 };
	c.disk[1] = (struct worker_disk){ .fd = 0, .lun = 1, .block_size = 4096 };
	c.interface[0] = (struct worker_interface){ .queue_count = 2, .mtu = 1500, .mac = { 0, 0x15, 0x5d, 0, 0, 1 } };
	c.interface[1] = (struct worker_interface){ .queue_count = 1, .mtu = 1500, .mac = { 0, 0x15, 0x5d, 0, 0, 2 } };
	return c;
}

START_TEST(accepts)
{
	struct worker_config c = valid(), read;
	int fd = memfd_create("config", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, &c, sizeof c), sizeof c);
	ck_assert_msg(config_read(fd, &read, why, sizeof why) == 0, "%s", why);
	ck_assert_int_eq(memcmp(&c, &read, sizeof c), 0);
	close(fd);
}
END_TEST

START_TEST(refuses)
{
	struct worker_config c;

#define REFUSED(change, word) \
	do { \
		c = valid(); \
		change; \
		why[0] = '\0'; \
		ck_assert_int_eq(config_check(&c, why, sizeof why), -EINVAL); \
		ck_assert_msg(strstr(why, word) != NULL, "'%s' lacks '%s'", why, word); \
	} while (0)
	REFUSED(c.version++, "version");
	REFUSED(c.size--, "version");
	REFUSED(c.name[0] = 0, "name");
	REFUSED(memset(c.name, 'x', sizeof c.name), "name");
	REFUSED(memset(c.cmdline, 'x', sizeof c.cmdline), "command line");
	REFUSED(c.memory_bytes = 0, "memory");
	REFUSED(c.memory_bytes += 4096, "memory");
	REFUSED(c.memory_bytes = UINT64_MAX - (2u << 20) + 1, "memory");
	REFUSED(c.vp_count = 0, "processors");
	REFUSED(c.vp_count = 65, "processors");
	REFUSED(c.disk_count = WORKER_MAX_DISKS + 1, "disks");
	REFUSED(c.kernel_fd = -1, "kernel");
	REFUSED(c.kernel_fd = 999, "kernel");
	REFUSED(c.initrd_fd = 999, "initrd");
	REFUSED(c.initrd_fd = -2, "initrd");
	REFUSED(c.disk[1].lun = 0, "address of disk 0");
	REFUSED(c.disk[1].lun = 64, "no such address");
	REFUSED(c.disk[1].controller = 4, "no such address");
	REFUSED(c.disk[1].block_size = 520, "block size");
	REFUSED(c.disk[1].fd = 999, "descriptor");
	REFUSED(c.interface_count = WORKER_MAX_INTERFACES + 1, "interfaces");
	REFUSED(c.interface[0].queue_count = 0, "queues");
	REFUSED(c.interface[0].queue_count = WORKER_MAX_QUEUES + 1, "queues");
	REFUSED(c.interface[0].fd[1] = 999, "descriptor");
	REFUSED(c.interface[1].mac[5] = 1, "MAC address of interface 0");
	REFUSED(c.interface[1].mac[0] = 1, "group");
	REFUSED(memset(c.interface[1].tap, 'x', sizeof c.interface[1].tap), "name");
#undef REFUSED
}
END_TEST

START_TEST(short_files)
{
	struct worker_config c = valid(), read;
	size_t n;

	for (n = 0; n < sizeof c; n += 97) {
		int fd = memfd_create("config", MFD_CLOEXEC);

		ck_assert_int_eq(write(fd, &c, n), (ssize_t)n);
		ck_assert_int_eq(config_read(fd, &read, why, sizeof why), -EINVAL);
		close(fd);
	}
	ck_assert_int_eq(config_read(-1, &read, why, sizeof why), -EBADF);
}
END_TEST

RUN_TESTS("worker config", accepts, refuses, short_files)
