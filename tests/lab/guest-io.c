/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload of the lab's children: finds the SCSI disk, mounts its ext4 and proves on the console, line by line, what
 * went to that disk and came back. The kernel's command line tells what to do:
 *
 *   lab.mode=io      writes /data unless a former start did, verifies it, then does lab.rounds rounds of write and verify
 *   lab.mode=verify  only verifies /data
 *   lab.seed=N       what the data are made from (default 1)     lab.mib=N      size of /data (default 64)
 *   lab.rounds=N     how many rounds of 8 MiB each (default 0)   lab.disk=NAME  which disk (default: the first)
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <openssl/sha.h>

enum { MIB = 1 << 20, ROUND_MIB = 8, DISK_DEADLINE_S = 30 };

#define MOUNT_POINT "/mnt"

static unsigned char *buffer; /* 1 MiB, page aligned for O_DIRECT */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

_Noreturn static void die(const char *what, const char *name)
{
	printf("guest-io: FAILED: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

/* The value of name= on the kernel's command line, in a buffer that the next call overwrites. */
static const char *parameter(const char *name, const char *otherwise)
{
	static char line[4096];
	FILE *file = fopen("/proc/cmdline", "re");
	size_t length = strlen(name);

	if (!file || !fgets(line, sizeof line, file))
		die("read", "/proc/cmdline");
	fclose(file);
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, name, length) && word[length] == '=')
			return word + length + 1;
	return otherwise;
}

static uint64_t parameter_number(const char *name, const char *otherwise)
{
	return strtoull(parameter(name, otherwise), NULL, 0);
}

/* splitmix64: each mebibyte is a function of the seed and its place alone. */
static void fill(uint64_t seed, uint64_t mebibyte)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u ^ mebibyte << 32;

	for (size_t i = 0; i < MIB / sizeof(uint64_t); i++) {
		uint64_t z = state += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		memcpy(buffer + i * sizeof z, &z, sizeof z);
	}
}

static void hex(SHA256_CTX *hash, char text[2 * SHA256_DIGEST_LENGTH + 1])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256_Final(digest, hash);
	for (size_t i = 0; i < sizeof digest; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

/* Writes path when write is set, waits for the disk, and gives the hash of what belongs there. */
static void produce(const char *path, uint64_t seed, uint64_t mib, bool write_file, char *text)
{
	int fd = -1;
	SHA256_CTX hash;

	SHA256_Init(&hash);
	if (write_file) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			die("create", path);
	}
	for (uint64_t i = 0; i < mib; i++) {
		fill(seed, i);
		SHA256_Update(&hash, buffer, MIB);
		if (fd >= 0 && write(fd, buffer, MIB) != MIB)
			die("write", path);
	}
	if (fd >= 0 && (fsync(fd) || close(fd)))
		die("fsync", path);
	hex(&hash, text);
}

/* The hash of what the disk holds: the page cache is dropped first and then passed by. */
static uint64_t consume(const char *path, char *text)
{
	int drop = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint64_t size = 0;
	SHA256_CTX hash;
	ssize_t n;

	if (drop < 0 || write(drop, "3", 1) != 1 || close(drop))
		die("write", "drop_caches");
	if (fd < 0)
		die("open", path);
	SHA256_Init(&hash);
	while ((n = read(fd, buffer, MIB)) > 0) {
		SHA256_Update(&hash, buffer, n);
		size += n;
	}
	if (n < 0)
		die("read", path);
	close(fd);
	hex(&hash, text);
	return size;
}

/* One line on the console either way. Ends the program when the data are not what they must be. */
static void write_and_verify(const char *what, const char *path, uint64_t seed, uint64_t mib, bool write_file)
{
	char expected[2 * SHA256_DIGEST_LENGTH + 1], found[sizeof expected];
	double start = now(), written;
	uint64_t size;

	produce(path, seed, mib, write_file, expected);
	written = now();
	size = consume(path, found);
	if (size != mib * MIB || strcmp(expected, found)) {
		printf("guest-io: FAILED: %s: %" PRIu64 " bytes, sha256 %s, expected %s\n", what, size, found, expected);
		exit(1);
	}
	printf("guest-io: %s verified: %" PRIu64 " MiB, sha256 %s, %s %.2f s, read %.2f s\n", what, mib, found,
	       write_file ? "write" : "compute", written - start, now() - written);
}

/* Disks appear when the bus has been scanned, some time after the drivers were loaded. */
static const char *find_disk(void)
{
	static char path[64];
	const char *name = parameter("lab.disk", "sd*");
	double deadline = now() + DISK_DEADLINE_S;
	glob_t found;

	snprintf(path, sizeof path, "/dev/%s", name);
	while (glob(path, 0, NULL, &found)) {
		if (now() > deadline) {
			errno = ENODEV;
			die("find", path);
		}
		usleep(20 * 1000);
	}
	snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
	globfree(&found);
	return path;
}

int main(void)
{
	const char *disk = find_disk();
	char mode[16];
	uint64_t seed, mib, rounds;
	bool fresh;

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(mode, sizeof mode, "%s", parameter("lab.mode", "io"));
	seed = parameter_number("lab.seed", "1");
	mib = parameter_number("lab.mib", "64");
	rounds = parameter_number("lab.rounds", "0");
	buffer = aligned_alloc(4096, MIB);
	if (!buffer)
		die("allocate", "buffer");

	if (mount(disk, MOUNT_POINT, "ext4", 0, NULL))
		die("mount", disk);
	printf("guest-io: mounted %s read-write\n", disk);
	fresh = access(MOUNT_POINT "/data", F_OK) && !strcmp(mode, "io");
	/* /data appears only when it is whole: a start after a kill may count on it. */
	write_and_verify(fresh ? "data" : "old data", fresh ? MOUNT_POINT "/data.new" : MOUNT_POINT "/data", seed, mib, fresh);
	if (fresh) {
		if (rename(MOUNT_POINT "/data.new", MOUNT_POINT "/data"))
			die("rename", MOUNT_POINT "/data");
		sync();
		printf("guest-io: data kept\n");
	}
	for (uint64_t round = 1; round <= rounds && !strcmp(mode, "io"); round++) {
		char what[32];

		snprintf(what, sizeof what, "round %" PRIu64, round);
		write_and_verify(what, MOUNT_POINT "/round", seed + round, ROUND_MIB, true);
	}
	printf("guest-io: finished\n");
	return 0;
}
