/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-unpack-kernel: run by the daemon for each kernel once, without privileges; by hand with file names. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack.h"

#define BLOCK 65536u

static const char usage[] =
	"Usage: bulkhead-unpack-kernel [KERNEL OUTPUT]\n"
	"Unpack a Linux bzImage, so that a partition starts without doing so. Without names: from standard input to standard output,\n"
	"which must be regular files.\n"
	"\n"
	"exit status: 0 unpacked, 1 an error, 2 usage, 3 a kernel that has to be started as it is\n";

enum { EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_AS_IT_IS = 3 };

static int fail(const char *what)
{
	fprintf(stderr, "bulkhead-unpack-kernel: %s: %s\n", what, strerror(errno));
	return EXIT_ERROR;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Blocks of zeros become holes, which the worker does not read. */
static int write_sparse(int fd, const uint8_t *bytes, size_t size)
{
	if (ftruncate(fd, (off_t)size) < 0)
		return -1;
	for (size_t at = 0; at < size;) {
		size_t n = size - at < BLOCK ? size - at : BLOCK;
		ssize_t written = is_zero(bytes + at, n) ? (ssize_t)n : pwrite(fd, bytes + at, n, (off_t)at);

		if (written < 0 && errno != EINTR)
			return -1;
		at += written < 0 ? 0 : (size_t)written;
	}
	return 0;
}

/* The kernel is the administrator's, but may have come from anywhere. */
static void confine(void)
{
	const struct rlimit seconds = { 120, 120 }, bytes = { 2ull << 30, 2ull << 30 };

	setrlimit(RLIMIT_CPU, &seconds);
	setrlimit(RLIMIT_AS, &bytes);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int main(int argc, char **argv)
{
	int in = STDIN_FILENO, out = STDOUT_FILENO;
	struct unpacked result = { 0 };
	char why[200] = "";
	uint8_t *file;
	struct stat st;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc != 1 && argc != 3) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	confine();
	if (argc == 3 && (in = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0)
		return fail(argv[1]);
	if (fstat(in, &st) < 0 || st.st_size <= 0)
		return fail(argc == 3 ? argv[1] : "standard input");
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, in, 0);
	if (file == MAP_FAILED)
		return fail(argc == 3 ? argv[1] : "standard input");
	if (unpack_kernel(file, (size_t)st.st_size, &result, why, sizeof why)) {
		fprintf(stderr, "bulkhead-unpack-kernel: %s\n", why);
		return EXIT_AS_IT_IS;
	}
	if (argc == 3 && (out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
		return fail(argv[2]);
	if (write_sparse(out, result.bytes, result.size) < 0 || fsync(out) < 0)
		return fail(argc == 3 ? argv[2] : "standard output");
	return 0;
}
