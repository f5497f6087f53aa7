/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kexec-tools do with `kexec -s`, by the same system calls, for the lab's children:
 *
 *   guest-kexec load KERNEL INITRD COMMAND-LINE     what execute will start
 *   guest-kexec panic KERNEL INITRD COMMAND-LINE    what a panic will start, in the memory that crashkernel= keeps for it
 *   guest-kexec execute
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "guest-kexec: %s: %s\n", what, strerror(errno));
	return 1;
}

static int load(char **argv, unsigned long flags)
{
	int kernel = open(argv[2], O_RDONLY | O_CLOEXEC), initrd = open(argv[3], O_RDONLY | O_CLOEXEC);

	if (kernel < 0 || initrd < 0)
		return fail(kernel < 0 ? argv[2] : argv[3]);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4], flags) < 0)
		return fail("kexec_file_load");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "load"))
		return load(argv, 0);
	if (argc == 5 && !strcmp(argv[1], "panic"))
		return load(argv, KEXEC_FILE_ON_CRASH);
	if (argc != 2 || strcmp(argv[1], "execute")) {
		fprintf(stderr, "usage: guest-kexec {load|panic} KERNEL INITRD COMMAND-LINE; guest-kexec execute\n");
		return 2;
	}
	reboot(LINUX_REBOOT_CMD_KEXEC);
	return fail("reboot");
}
