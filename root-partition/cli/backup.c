/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backup: the guest's file systems are frozen, the disk is copied, they are thawed. The freeze is a lease that this program keeps up while
 * it copies: when it dies, or the daemon does, the guest goes on within LEASE_MS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"

#define LEASE_MS   15000u
#define KEEP_MS    3000u
#define FROZEN_S   60u           /* for how long a guest is frozen unless told */
#define CHUNK      (4u << 20)

struct backup {
	struct arguments *args;
	const char *name, *file;
	char partial[4096];
	int from, to;
	int64_t size, done;
	uint64_t frozen_at, kept_at; /* ms */
	bool frozen;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static int call(struct backup *b, const char *member, bool lease)
{
	sd_bus_message *reply = NULL;
	int rc = lease ? client_call(b->args, b->name, "waiting for the guest", &reply, member, "st", b->name, (uint64_t)LEASE_MS)
		       : client_call(b->args, b->name, "waiting for the guest", &reply, member, "s", b->name);

	sd_bus_message_unref(reply);
	return rc;
}

/* Between two pieces: the lease, the limit, and what a person sees. */
static int keep(struct backup *b)
{
	uint64_t now = now_ms(), limit_s = b->args->has_timeout ? b->args->timeout_s : FROZEN_S;
	int rc;

	if (now - b->frozen_at > limit_s * 1000) {
		complain(b->name, "not copied within %llu s; the guest goes on. --timeout allows more, a file system with reflinks needs none",
			 (unsigned long long)limit_s);
		return EXIT_TIMED_OUT;
	}
	if (now - b->kept_at < KEEP_MS)
		return EXIT_OK;
	b->kept_at = now;
	fprintf(stderr, "bhctl: %s: %lld of %lld MiB\n", b->name, (long long)(b->done >> 20), (long long)(b->size >> 20));
	rc = call(b, "KeepFrozen", true);
	if (rc)
		b->frozen = false;
	return rc;
}

static int broken(struct backup *b, const char *what)
{
	complain(b->name, "%s: %s", what, strerror(errno));
	return EXIT_REFUSED;
}

static int copy_bytes(struct backup *b, int64_t end)
{
	static char buffer[CHUNK];

	while (b->done < end) {
		size_t want = end - b->done < (int64_t)CHUNK ? (size_t)(end - b->done) : CHUNK;
		ssize_t n = pread(b->from, buffer, want, b->done), written = 0;
		int rc;

		if (n <= 0)
			return n < 0 ? broken(b, "the disk") : (errno = EIO, broken(b, "the disk"));
		while (written < n) {
			ssize_t w = pwrite(b->to, buffer + written, (size_t)(n - written), b->done + written);

			if (w < 0)
				return broken(b, b->partial);
			written += w;
		}
		b->done += n;
		rc = keep(b);
		if (rc)
			return rc;
	}
	return EXIT_OK;
}

/* Data without its holes. */
static int copy_data(struct backup *b)
{
	if (ftruncate(b->to, b->size) < 0)
		return broken(b, b->partial);
	while (b->done < b->size) {
		off_t data = lseek(b->from, b->done, SEEK_DATA), hole;
		int rc;

		if (data < 0 && errno == ENXIO)
			break;               /* nothing but a hole is left */
		if (data < 0)
			data = b->done;      /* a device knows no holes */
		hole = lseek(b->from, data, SEEK_HOLE);
		if (hole < 0 || hole > b->size)
			hole = b->size;
		b->done = data;
		rc = copy_bytes(b, hole);
		if (rc)
			return rc;
	}
	return EXIT_OK;
}

static int open_disk(struct backup *b)
{
	sd_bus_message *reply = NULL;
	int fd, rc = client_call(b->args, b->name, "opening the disk", &reply, "OpenDisk", "ss", b->name, b->args->disk);

	if (rc)
		return rc;
	if (sd_bus_message_read(reply, "h", &fd) < 0 || (b->from = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
		complain(b->name, "the daemon gave no disk");
		rc = EXIT_REFUSED;
	} else {
		b->size = lseek(b->from, 0, SEEK_END);
	}
	sd_bus_message_unref(reply);
	return rc;
}

static int open_copy(struct backup *b)
{
	if (snprintf(b->partial, sizeof b->partial, "%s.partial", b->file) >= (int)sizeof b->partial)
		return errno = ENAMETOOLONG, broken(b, b->file);
	if (access(b->file, F_OK) == 0)
		return errno = EEXIST, broken(b, b->file);
	b->to = open(b->partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return b->to < 0 ? broken(b, b->partial) : EXIT_OK;
}

static int copy_frozen(struct backup *b)
{
	uint64_t frozen_ms;
	int rc, thawed;

	rc = call(b, "Freeze", true);
	if (rc)
		return rc;
	b->frozen = true;
	b->frozen_at = b->kept_at = now_ms();
	if (ioctl(b->to, FICLONE, b->from) < 0)
		rc = copy_data(b);
	/* A thaw that comes too late fails: what was copied is then not of one moment. */
	thawed = b->frozen ? call(b, "Thaw", false) : EXIT_REFUSED;
	frozen_ms = now_ms() - b->frozen_at;
	if (rc || thawed)
		return rc ? rc : thawed;
	if (fsync(b->to) < 0 || rename(b->partial, b->file) < 0)
		return broken(b, b->file);
	printf("%s: %s copied to %s, %lld MiB, frozen for %.1f s\n", b->name, b->args->disk, b->file, (long long)(b->size >> 20),
	       (double)frozen_ms / 1000);
	return EXIT_OK;
}

int command_backup(struct arguments *args)
{
	struct backup b = { .args = args, .name = args->words[0], .file = args->words[1], .from = -1, .to = -1 };
	int rc;

	if (!args->disk) {
		complain(b.name, "backup: --disk says which one, as 'bhctl show' names it");
		return EXIT_USAGE;
	}
	rc = open_disk(&b);
	if (!rc)
		rc = open_copy(&b);
	if (!rc) {
		rc = copy_frozen(&b);
		if (rc)
			unlink(b.partial);
		close(b.to);
	}
	if (b.from >= 0)
		close(b.from);
	return rc;
}
