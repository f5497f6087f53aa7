/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ring_queue.h. Operations go to the kernel with the loop's next system call, and what ended is noted here until the
 * controller reaps it.
 */
#include "ring_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>

#define MAX_OPERATIONS 1024u         /* in flight; a power of two */
#define FIXED_FILE 0x10000           /* added to a file's number in the ring */

struct ring_queue {
	struct disk_queue queue;     /* first */
	struct host_client client;
	void (*process)(void *context);
	void *context;
	unsigned int in_flight;      /* started and not reaped */
	/* What ended, in order. */
	unsigned int head, count;
	struct {
		struct disk_op *op;
		int result;
	} ended[MAX_OPERATIONS];
};

static struct ring_queue *of_queue(struct disk_queue *queue)
{
	return (struct ring_queue *)queue;
}

static int add_file(struct disk_queue *queue, int fd)
{
	int number = host_loop_register_file(of_queue(queue)->client.loop, fd);

	return number < 0 ? fd : number + FIXED_FILE;
}

static void remove_file(struct disk_queue *queue, int file)
{
	if (file >= FIXED_FILE)
		host_loop_unregister_file(of_queue(queue)->client.loop, file - FIXED_FILE);
}

static void prepare(struct io_uring_sqe *sqe, const struct disk_op *op, int file)
{
	const struct iovec *iov = op->iov;

	switch (op->kind) {
	case DISK_READ:
		/* One piece needs no vector to be copied and checked. */
		if (op->iov_count == 1)
			io_uring_prep_read(sqe, file, iov->iov_base, (unsigned int)iov->iov_len, op->offset);
		else
			io_uring_prep_readv(sqe, file, iov, op->iov_count, op->offset);
		break;
	case DISK_WRITE:
		if (op->iov_count == 1)
			io_uring_prep_write(sqe, file, iov->iov_base, (unsigned int)iov->iov_len, op->offset);
		else
			io_uring_prep_writev(sqe, file, iov, op->iov_count, op->offset);
		sqe->rw_flags = op->durable ? RWF_DSYNC : 0;
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, file, IORING_FSYNC_DATASYNC);
		break;
	case DISK_PUNCH:
		io_uring_prep_fallocate(sqe, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
				       (off_t)op->length);
		break;
	case DISK_ZERO:
		io_uring_prep_fallocate(sqe, file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
				       (off_t)op->length);
		break;
	}
}

static bool start(struct disk_queue *queue, struct disk_op *op)
{
	struct ring_queue *q = of_queue(queue);
	bool fixed = op->file >= FIXED_FILE;
	struct io_uring_sqe *sqe;

	if (q->in_flight == MAX_OPERATIONS)
		return false;
	sqe = host_loop_get_sqe(q->client.loop);
	if (sqe == NULL)
		return false;
	prepare(sqe, op, fixed ? op->file - FIXED_FILE : op->file);
	if (fixed)
		sqe->flags |= IOSQE_FIXED_FILE;
	host_loop_set_owner(sqe, &q->client, op);
	q->in_flight++;
	return true;
}

/** The loop submits with its next wait, which comes right after whatever started the operations. */
static void submit(struct disk_queue *queue)
{
	host_loop_fill_batch(of_queue(queue)->client.loop);
}

static void completed(struct host_client *client, void *user_data, int32_t result)
{
	struct ring_queue *q = (struct ring_queue *)((char *)client - offsetof(struct ring_queue, client));
	unsigned int slot = (q->head + q->count++) % MAX_OPERATIONS;

	q->ended[slot].op = user_data;
	q->ended[slot].result = result;
}

static unsigned int reap(struct disk_queue *queue, bool wait)
{
	struct ring_queue *q = of_queue(queue);
	unsigned int reaped = 0;

	while (wait && q->count == 0 && q->in_flight > 0)
		host_loop_wait_completion(q->client.loop);
	while (q->count > 0) {
		struct disk_op *op = q->ended[q->head].op;
		int result = q->ended[q->head].result;

		q->head = (q->head + 1) % MAX_OPERATIONS;
		q->count--;
		q->in_flight--;
		reaped++;
		queue->done(queue->context, op, result);
	}
	return reaped;
}

static bool ready(const struct disk_queue *queue)
{
	return ((const struct ring_queue *)queue)->count > 0;
}

static void nudge(struct disk_queue *queue)
{
	host_loop_again(&of_queue(queue)->client);
}

static void process(struct host_client *client)
{
	struct ring_queue *q = (struct ring_queue *)((char *)client - offsetof(struct ring_queue, client));

	q->process(q->context);
}

static void free_queue(struct disk_queue *queue)
{
	struct ring_queue *q = of_queue(queue);

	host_loop_remove_client(&q->client);
	free(q);
}

static const struct disk_queue_ops ring_queue_ops = { add_file, remove_file, start, submit, reap, ready, nudge, free_queue };

int ring_queue_create(struct host_loop *loop, void (*process_ended)(void *context), void *context, struct disk_queue **ret)
{
	struct ring_queue *q = calloc(1, sizeof *q);
	int rc;

	if (q == NULL)
		return -ENOMEM;
	q->queue.ops = &ring_queue_ops;
	q->queue.event_fd = -1;      /* process is called instead */
	q->process = process_ended;
	q->context = context;
	q->client.completed = completed;
	q->client.process = process;
	rc = host_loop_add_client(loop, &q->client);
	if (rc < 0) {
		free(q);
		return rc;
	}
	*ret = &q->queue;
	return 0;
}
