/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk operations by io_uring. The ring's own descriptor tells when something has ended: no eventfd that would have to be read. (That
 * rules out IORING_SETUP_DEFER_TASKRUN: polling such a ring misses completions on kernels after 6.1.)
 */
#include "vsp/storage/disk_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <stdlib.h>

#define SUBMISSIONS 256u
#define MAX_FILES   128u

struct disk_uring {
	struct disk_queue queue;     /* first */
	struct io_uring ring;
	bool registered;             /* files have numbers of the ring's own */
	bool taken[MAX_FILES];       /* those numbers */
};

static struct disk_uring *uring(struct disk_queue *queue)
{
	return (struct disk_uring *)queue;
}

static int add_file(struct disk_queue *queue, int fd)
{
	struct disk_uring *u = uring(queue);
	unsigned int number = 0;
	int rc;

	if (!u->registered)
		return fd;
	while (number < MAX_FILES && u->taken[number])
		number++;
	if (number == MAX_FILES)
		return -ENOSPC;
	rc = io_uring_register_files_update(&u->ring, number, &fd, 1);
	if (rc < 0)
		return rc;
	u->taken[number] = true;
	return (int)number;
}

static void remove_file(struct disk_queue *queue, int file)
{
	struct disk_uring *u = uring(queue);
	int none = -1;

	if (!u->registered)
		return;
	io_uring_register_files_update(&u->ring, (unsigned int)file, &none, 1);
	u->taken[file] = false;
}

static void prepare(struct io_uring_sqe *sqe, const struct disk_op *op)
{
	const struct iovec *iov = op->iov;

	switch (op->kind) {
	case DISK_READ:
		/* One piece needs no vector to be copied and checked. */
		if (op->iov_count == 1)
			io_uring_prep_read(sqe, op->file, iov->iov_base, (unsigned int)iov->iov_len, op->offset);
		else
			io_uring_prep_readv(sqe, op->file, iov, op->iov_count, op->offset);
		break;
	case DISK_WRITE:
		if (op->iov_count == 1)
			io_uring_prep_write(sqe, op->file, iov->iov_base, (unsigned int)iov->iov_len, op->offset);
		else
			io_uring_prep_writev(sqe, op->file, iov, op->iov_count, op->offset);
		sqe->rw_flags = op->durable ? RWF_DSYNC : 0;
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, op->file, IORING_FSYNC_DATASYNC);
		break;
	case DISK_PUNCH:
		io_uring_prep_fallocate(sqe, op->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset, (off_t)op->length);
		break;
	case DISK_ZERO:
		io_uring_prep_fallocate(sqe, op->file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset, (off_t)op->length);
		break;
	}
}

static struct io_uring_sqe *get_sqe(struct disk_uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&u->ring);
	return io_uring_get_sqe(&u->ring);
}

static bool start(struct disk_queue *queue, struct disk_op *op)
{
	struct disk_uring *u = uring(queue);
	struct io_uring_sqe *sqe = get_sqe(u);

	if (!sqe)
		return false;
	prepare(sqe, op);
	if (u->registered)
		sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, op);
	return true;
}

static void submit(struct disk_queue *queue)
{
	struct disk_uring *u = uring(queue);
	int rc;

	/* What the kernel refuses for now stays queued and goes with the next call: see reap. */
	while (io_uring_sq_ready(&u->ring)) {
		rc = io_uring_submit(&u->ring);
		if (rc <= 0 && rc != -EINTR)
			break;
	}
}

static unsigned int reap(struct disk_queue *queue, bool wait)
{
	struct disk_uring *u = uring(queue);
	struct io_uring_cqe *cqe;
	unsigned int count = 0;

	if (wait)
		io_uring_submit_and_wait(&u->ring, 1);
	else if (io_uring_sq_ready(&u->ring) || io_uring_cq_has_overflow(&u->ring))
		io_uring_submit_and_get_events(&u->ring);
	/* One at a time: done may start operations and so submit. */
	while (io_uring_peek_cqe(&u->ring, &cqe) == 0 && cqe) {
		struct disk_op *op = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		if (!op)
			continue; /* a nudge */
		queue->done(queue->context, op, result);
		count++;
	}
	return count;
}

static bool ready(const struct disk_queue *queue)
{
	return io_uring_cq_ready(&((const struct disk_uring *)queue)->ring) > 0;
}

static void nudge(struct disk_queue *queue)
{
	struct disk_uring *u = uring(queue);
	struct io_uring_sqe *sqe = get_sqe(u);

	/* None: so many are in flight that one of them will wake us. */
	if (!sqe)
		return;
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	submit(queue);
}

static void free_uring(struct disk_queue *queue)
{
	struct disk_uring *u = uring(queue);

	io_uring_queue_exit(&u->ring);
	free(u);
}

static const struct disk_queue_ops uring_ops = { add_file, remove_file, start, submit, reap, ready, nudge, free_uring };

int disk_uring_create(uint32_t depth, struct disk_queue **ret)
{
	/* Twice, for nudges; the kernel wants at least as many as there are submissions. */
	uint32_t completions = 2 * (depth > SUBMISSIONS ? depth : SUBMISSIONS);
	struct io_uring_params params = {
		.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = completions, /* completing interrupts nobody */
	};
	struct disk_uring *u = calloc(1, sizeof *u);
	int rc;

	if (!u)
		return -ENOMEM;
	rc = io_uring_queue_init_params(SUBMISSIONS, &u->ring, &params);
	if (rc == -EINVAL) {
		params = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = completions };
		rc = io_uring_queue_init_params(SUBMISSIONS, &u->ring, &params);
	}
	if (rc < 0) {
		free(u);
		return rc;
	}
	/* Both only save work at every request. */
	u->registered = io_uring_register_files_sparse(&u->ring, MAX_FILES) == 0;
	io_uring_register_ring_fd(&u->ring);
	u->queue.ops = &uring_ops;
	u->queue.event_fd = u->ring.ring_fd;
	*ret = &u->queue;
	return 0;
}
