/* SPDX-License-Identifier: BSD-2-Clause */
#undef NDEBUG
#include "fake_queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

static struct fake_queue *fake_of(const struct disk_queue *queue)
{
	return (struct fake_queue *)(uintptr_t)queue;
}

static int add_file(struct disk_queue *queue, int fd)
{
	(void)queue;
	return fd;
}

static void remove_file(struct disk_queue *queue, int file)
{
	const struct fake_queue *fake = fake_of(queue);

	for (unsigned int i = 0; i < fake->count; i++)
		assert(fake->ops[i]->file != file);
}

static bool start(struct disk_queue *queue, struct disk_op *op)
{
	struct fake_queue *fake = fake_of(queue);

	assert(fake->room <= FAKE_OPS);
	if (fake->count >= fake->room)
		return false;
	fake->ops[fake->count++] = op;
	fake->begun[op->kind]++;
	return true;
}

static void submit(struct disk_queue *queue)
{
	fake_of(queue)->submitted++;
}

static int transfer(const struct fake_queue *fake, const struct disk_op *op)
{
	struct iovec first = op->iov[0];
	ssize_t rc;

	if (fake->short_bytes) {
		if (first.iov_len > fake->short_bytes)
			first.iov_len = fake->short_bytes;
		rc = op->kind == DISK_READ ? preadv(op->file, &first, 1, (off_t)op->offset) : pwritev(op->file, &first, 1, (off_t)op->offset);
	} else if (op->kind == DISK_READ) {
		rc = preadv(op->file, op->iov, (int)op->iov_count, (off_t)op->offset);
	} else {
		rc = pwritev(op->file, op->iov, (int)op->iov_count, (off_t)op->offset);
	}
	return rc < 0 ? -errno : (int)rc;
}

static int perform(const struct fake_queue *fake, const struct disk_op *op)
{
	int mode = op->kind == DISK_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (fake->error[op->kind])
		return fake->error[op->kind];
	if (op->kind == DISK_FLUSH)
		return fdatasync(op->file) < 0 ? -errno : 0;
	if (op->kind == DISK_READ || op->kind == DISK_WRITE)
		return transfer(fake, op);
	return fallocate(op->file, mode | FALLOC_FL_KEEP_SIZE, (off_t)op->offset, (off_t)op->length) < 0 ? -errno : 0;
}

void fake_finish(struct fake_queue *fake, unsigned int n)
{
	struct disk_op *op;

	assert(n < fake->count);
	op = fake->ops[n];
	memmove(fake->ops + n, fake->ops + n + 1, (--fake->count - n) * sizeof fake->ops[0]);
	fake->queue.done(fake->queue.context, op, perform(fake, op));
}

static unsigned int reap(struct disk_queue *queue, bool wait)
{
	struct fake_queue *fake = fake_of(queue);
	unsigned int count = 0;

	while (fake->count && (wait || !fake->hold)) {
		fake_finish(fake, 0);
		count++;
	}
	return count;
}

static bool ready(const struct disk_queue *queue)
{
	const struct fake_queue *fake = fake_of(queue);

	return fake->count && !fake->hold;
}

static void nudge(struct disk_queue *queue)
{
	fake_of(queue)->nudges++;
}

static void free_queue(struct disk_queue *queue)
{
	struct fake_queue *fake = fake_of(queue);

	assert(fake->count == 0 && !fake->freed);
	fake->freed = true;
}

static const struct disk_queue_ops fake_ops = { add_file, remove_file, start, submit, reap, ready, nudge, free_queue };

void fake_queue_init(struct fake_queue *fake)
{
	memset(fake, 0, sizeof *fake);
	fake->queue.ops = &fake_ops;
	fake->queue.event_fd = -1;
	fake->room = FAKE_OPS;
}
