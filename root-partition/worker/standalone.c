/* SPDX-License-Identifier: BSD-2-Clause */
/* See standalone.h. */
#include "standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "root-partition/lib/block_device.h"

const char standalone_help[] =
	"usage: bulkhead-worker --control FD --config FD     (started by bulkheadd)\n"
	"       bulkhead-worker --standalone [options]       (development, tests, measurements)\n"
	"\n"
	"  --kernel FILE       bzImage, what bulkhead-unpack-kernel made of one, or a 64-bit ELF kernel (required)\n"
	"  --initrd FILE       initial RAM disk\n"
	"  --append TEXT       kernel command line\n"
	"  --memory SIZE       as 256MiB or 2GiB; default 256MiB\n"
	"  --cpus N            virtual processors, 1 to 64; default 1\n"
	"  --disk FILE[,OPT]   SCSI disk on controller 0, in order of LUN; OPT: ro, 4096 (block size), unsafe (no flush),\n"
	"                      buffered (no O_DIRECT). May be repeated.\n"
	"  --tap NAME[,MAC]    network interface on that TAP device, made if there is none; may be repeated\n"
	"  --cpuid LEAF.REG=VALUE/MASK   bits of a CPUID leaf, all hexadecimal, as 40000003.eax=8000/8000; may be repeated\n"
	"  --console WHERE     stdio (default; Ctrl-] ends the guest), or the path of a socket to listen on\n"
	"  --console-log FILE  appends what the guest prints\n"
	"  --name NAME         for log lines; default standalone\n"
	"  --user UID:GID      what to become before the guest runs; default: stay\n"
	"  --no-ic             offer no integration components\n"
	"  --no-sandbox        no system call filter, for debuggers\n"
	"  --help              this text\n"
	"\n"
	"exit status: 0 the guest turned itself off (or was turned off), 1 cannot be started, 2 the guest crashed,\n"
	"             3 the guest ended through the debug exit port (F4h) with a code other than 0\n";

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "bulkhead-worker: %s: %s\n", what, why);
	return -1;
}

static int open_file(const char *path, int flags, int *ret)
{
	*ret = open(path, flags | O_CLOEXEC, 0600);
	return *ret < 0 ? complain(path, strerror(errno)) : 0;
}

static int parse_memory(const char *text, uint64_t *ret)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || number > 1u << 20)
		return complain(text, "not a size");
	if (strcmp(end, "MiB") == 0)
		*ret = number << 20;
	else if (strcmp(end, "GiB") == 0)
		*ret = number << 30;
	else
		return complain(text, "unknown unit; use MiB or GiB");
	return 0;
}

static int parse_number(const char *text, uint32_t *ret)
{
	unsigned long number;
	char *end;

	number = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || number > UINT32_MAX)
		return complain(text, "not a number");
	*ret = (uint32_t)number;
	return 0;
}

static int add_disk(struct worker_config *c, char *text)
{
	struct worker_disk *d = &c->disk[c->disk_count];
	char *path = strtok(text, ","), *option;
	int direct = O_DIRECT;

	if (c->disk_count == WORKER_MAX_DISKS || path == NULL)
		return complain("--disk", path == NULL ? "no file" : "too many");
	*d = (struct worker_disk){ .block_size = 512, .lun = (uint8_t)c->disk_count };
	while ((option = strtok(NULL, ",")) != NULL) {
		if (strcmp(option, "ro") == 0)
			d->flags |= WORKER_DISK_READ_ONLY;
		else if (strcmp(option, "unsafe") == 0)
			d->flags |= WORKER_DISK_NO_FLUSH;
		else if (strcmp(option, "4096") == 0)
			d->block_size = 4096;
		else if (strcmp(option, "buffered") == 0)
			direct = 0;
		else
			return complain(option, "unknown disk option; use ro, 4096, unsafe, buffered");
	}
	snprintf(d->serial, sizeof d->serial, "standalone-%u", c->disk_count);
	c->disk_count++;
	d->fd = open(path, (d->flags & WORKER_DISK_READ_ONLY ? O_RDONLY : O_RDWR) | direct | O_CLOEXEC);
	if (d->fd < 0 && errno == EINVAL && direct != 0)
		d->fd = open(path, (d->flags & WORKER_DISK_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (d->fd < 0)
		return complain(path, strerror(errno));
	d->flags |= block_device_zeroes(d->fd) ? WORKER_DISK_ZEROES : 0;
	return 0;
}

/** One queue; a TAP that exists must be of one queue, too. */
static int add_tap(struct worker_config *c, char *text)
{
	struct worker_interface *n = &c->interface[c->interface_count];
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	char *name = strtok(text, ","), *mac = strtok(NULL, ",");
	int header = sizeof(struct virtio_net_hdr);

	if (c->interface_count == WORKER_MAX_INTERFACES || name == NULL || strlen(name) >= sizeof n->tap)
		return complain("--tap", name == NULL ? "no name" : "too many, or too long a name");
	*n = (struct worker_interface){ .queue_count = 1, .mtu = 1500, .mac = { 0x00, 0x15, 0x5d, 0, 0, (uint8_t)(c->interface_count + 1) } };
	if (mac != NULL && sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &n->mac[0], &n->mac[1], &n->mac[2], &n->mac[3], &n->mac[4],
				  &n->mac[5]) != 6)
		return complain(mac, "no MAC address");
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	snprintf(n->tap, sizeof n->tap, "%s", name);
	n->fd[0] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (n->fd[0] < 0 || ioctl(n->fd[0], TUNSETIFF, &request) < 0 || ioctl(n->fd[0], TUNSETVNETHDRSZ, &header) < 0)
		return complain(name, strerror(errno));
	c->interface_count++;
	return 0;
}

static int add_cpuid(struct worker_config *c, const char *text)
{
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };
	struct worker_cpuid *to = &c->cpuid[c->cpuid_count];
	unsigned int leaf, value, mask, i;
	char name[4], end;

	if (c->cpuid_count == WORKER_MAX_CPUID)
		return complain("--cpuid", "too many");
	if (sscanf(text, "%x.%3[a-ex]=%x/%x%c", &leaf, name, &value, &mask, &end) != 4)
		return complain(text, "use LEAF.REG=VALUE/MASK, as 40000003.eax=8000/8000");
	for (i = 0; i < 4 && strcmp(name, names[i]) != 0; i++)
		;
	if (i == 4)
		return complain(text, "unknown register; use eax, ebx, ecx or edx");
	*to = (struct worker_cpuid){ .leaf = leaf };
	to->value[i] = value;
	to->mask[i] = mask;
	c->cpuid_count++;
	return 0;
}

static int listen_at(const char *path, int *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof address.sun_path)
		return complain(path, "too long for a socket");
	strcpy(address.sun_path, path);
	unlink(path);
	*ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*ret < 0 || bind(*ret, (struct sockaddr *)&address, sizeof address) < 0 || listen(*ret, 8) < 0)
		return complain(path, strerror(errno));
	return 0;
}

static struct termios saved_terminal;

static void restore_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
}

void standalone_raw_terminal(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_terminal) < 0)
		return;
	raw = saved_terminal;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		atexit(restore_terminal);
}

static int make_descriptors(struct worker_config *c)
{
	if (open_file("/dev/mshv", O_RDWR, &c->mshv_fd) < 0)
		return -1;
	c->state_fd = memfd_create("bulkhead-state", MFD_CLOEXEC);
	c->memory_fd = memfd_create("bulkhead-guest", MFD_CLOEXEC);
	if (c->state_fd < 0 || c->memory_fd < 0 || ftruncate(c->memory_fd, (off_t)c->memory_bytes) < 0)
		return complain("memory", strerror(errno));
	return 0;
}

enum { OPT_KERNEL = 1, OPT_INITRD, OPT_APPEND, OPT_MEMORY, OPT_CPUS, OPT_DISK, OPT_CONSOLE, OPT_CONSOLE_LOG, OPT_NAME,
       OPT_USER, OPT_NO_IC, OPT_TAP, OPT_CPUID };

static const struct option options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },   { "initrd", required_argument, NULL, OPT_INITRD },
	{ "append", required_argument, NULL, OPT_APPEND },   { "memory", required_argument, NULL, OPT_MEMORY },
	{ "cpus", required_argument, NULL, OPT_CPUS },       { "disk", required_argument, NULL, OPT_DISK },
	{ "console", required_argument, NULL, OPT_CONSOLE }, { "console-log", required_argument, NULL, OPT_CONSOLE_LOG },
	{ "name", required_argument, NULL, OPT_NAME },       { "user", required_argument, NULL, OPT_USER },
	{ "no-ic", no_argument, NULL, OPT_NO_IC },           { "tap", required_argument, NULL, OPT_TAP },
	{ "cpuid", required_argument, NULL, OPT_CPUID },
	{ NULL, 0, NULL, 0 },
};

static int apply(struct standalone *s, int option, char *value)
{
	struct worker_config *c = &s->config;
	char *colon;

	switch (option) {
	case OPT_KERNEL:
		return open_file(value, O_RDONLY, &c->kernel_fd);
	case OPT_INITRD:
		return open_file(value, O_RDONLY, &c->initrd_fd);
	case OPT_APPEND:
		if (strlen(value) >= sizeof c->cmdline)
			return complain("--append", "too long");
		strcpy(c->cmdline, value);
		return 0;
	case OPT_MEMORY:
		return parse_memory(value, &c->memory_bytes);
	case OPT_CPUS:
		return parse_number(value, &c->vp_count);
	case OPT_DISK:
		return add_disk(c, value);
	case OPT_TAP:
		return add_tap(c, value);
	case OPT_CPUID:
		return add_cpuid(c, value);
	case OPT_CONSOLE:
		s->console_stdio = strcmp(value, "stdio") == 0;
		return s->console_stdio ? 0 : listen_at(value, &c->console_fd);
	case OPT_CONSOLE_LOG:
		return open_file(value, O_WRONLY | O_APPEND | O_CREAT, &c->console_log_fd);
	case OPT_NAME:
		snprintf(c->name, sizeof c->name, "%s", value);
		return 0;
	case OPT_USER:
		colon = strchr(value, ':');
		if (colon == NULL)
			return complain(value, "use UID:GID, both numbers");
		*colon = '\0';
		return parse_number(value, &c->uid) < 0 || parse_number(colon + 1, &c->gid) < 0 ? -1 : 0;
	case OPT_NO_IC:
		c->ic_mask = 0;
		return 0;
	default:
		return -1;           /* getopt has said why */
	}
}

int standalone_parse(struct standalone *s, int argc, char **argv)
{
	struct worker_config *c = &s->config;
	int option;

	*s = (struct standalone){
		.console_stdio = true,
		.config = {
			.version = WORKER_PROTOCOL_VERSION,
			.size = sizeof *c,
			.name = "standalone",
			.memory_bytes = 256u << 20,
			.vp_count = 1,
			.ic_mask = WORKER_IC_ALL,
			.mshv_fd = -1, .state_fd = -1, .memory_fd = -1, .kernel_fd = -1, .initrd_fd = -1,
			.console_fd = -1, .console_log_fd = -1, .log_fd = -1, .partition_fd = -1, .life_fd = { -1, -1 },
			.vsock = { .directory_fd = -1, .listen_fd = -1 },
		},
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (apply(s, option, optarg) < 0)
			return -1;
	if (optind < argc)
		return complain(argv[optind], "unexpected; see --help");
	if (c->kernel_fd < 0)
		return complain("--kernel", "is required; see --help");
	return make_descriptors(c);
}
