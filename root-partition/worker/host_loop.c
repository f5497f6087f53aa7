/* SPDX-License-Identifier: BSD-2-Clause */
/* See host_loop.h. */
#include "host_loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/*
 * user_data: 0 is nobody's. Bit 0 set: ours, the address of a source or one of the small numbers below. Else a client's pointer
 * with the client's index in the top byte, which no user address has.
 */
#define TAG_OURS    1ull
#define UV_POLL     (2ull | TAG_OURS)
#define UV_TIMEOUT  (4ull | TAG_OURS)
/* More than the kernel's IO_PLUG_THRESHOLD. */
#define BATCH 3u
#define INDEX_SHIFT 56
#define ADDRESS_MASK ((1ull << INDEX_SHIFT) - 2)

int host_loop_init(struct host_loop *l, uv_loop_t *uv)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
					  .cq_entries = 8 * HOST_LOOP_ENTRIES };
	int rc;

	*l = (struct host_loop){ .uv = uv, .uv_due = true };
	/* One thread submits and waits: the kernel need not interrupt it to complete. Older kernels do without. */
	rc = io_uring_queue_init_params(HOST_LOOP_ENTRIES, &l->ring, &params);
	if (rc == -EINVAL) {
		params = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 8 * HOST_LOOP_ENTRIES };
		rc = io_uring_queue_init_params(HOST_LOOP_ENTRIES, &l->ring, &params);
	}
	if (rc < 0)
		return rc;
	/* Both only save work at every request. */
	l->registered_files = io_uring_register_files_sparse(&l->ring, HOST_LOOP_FILES) == 0;
	io_uring_register_ring_fd(&l->ring);
	return 0;
}

void host_loop_close(struct host_loop *l)
{
	io_uring_queue_exit(&l->ring);
}

struct io_uring_sqe *host_loop_get_sqe(struct host_loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (sqe == NULL) {
		io_uring_submit(&l->ring);
		sqe = io_uring_get_sqe(&l->ring);
	}
	return sqe;
}

void host_loop_fill_batch(struct host_loop *l)
{
	struct io_uring_sqe *sqe;

	if (io_uring_sq_ready(&l->ring) == 0)
		return;
	while (io_uring_sq_ready(&l->ring) < BATCH) {
		sqe = io_uring_get_sqe(&l->ring);
		if (sqe == NULL)
			break;
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
		io_uring_sqe_set_data64(sqe, 0);
	}
}

void host_loop_set_owner(struct io_uring_sqe *sqe, const struct host_client *client, void *user_data)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)user_data | (uint64_t)client->index << INDEX_SHIFT);
}

int host_loop_register_file(struct host_loop *l, int fd)
{
	unsigned int number = ~l->files == 0 ? HOST_LOOP_FILES : (unsigned int)__builtin_ctzll(~l->files);

	if (!l->registered_files || number == HOST_LOOP_FILES || io_uring_register_files_update(&l->ring, number, &fd, 1) < 0)
		return -1;
	l->files |= 1ull << number;
	return (int)number;
}

void host_loop_unregister_file(struct host_loop *l, int number)
{
	int none = -1;

	io_uring_register_files_update(&l->ring, (unsigned int)number, &none, 1);
	l->files &= ~(1ull << number);
}

int host_loop_add_client(struct host_loop *l, struct host_client *client)
{
	unsigned int i;

	for (i = 0; i < HOST_LOOP_CLIENTS; i++) {
		if (l->client[i] != NULL)
			continue;
		client->loop = l;
		client->index = i;
		client->due = false;
		l->client[i] = client;
		return 0;
	}
	return -ENOSPC;
}

void host_loop_remove_client(struct host_client *client)
{
	client->loop->client[client->index] = NULL;
}

void host_loop_again(struct host_client *client)
{
	client->due = true;
	client->loop->again = true;
}

static void enqueue(struct host_source *s)
{
	if (s->queued)
		return;
	s->queued = true;
	s->next = s->loop->due;
	s->loop->due = s;
}

void host_loop_add(struct host_loop *l, struct host_source *s, int fd)
{
	s->loop = l;
	s->fd = fd;
	s->armed = s->queued = s->fired = s->removing = s->muted = false;
	enqueue(s);
}

void host_loop_remove(struct host_source *s)
{
	s->removing = true;
	enqueue(s);
}

void host_loop_call(struct host_source *s)
{
	s->fired = true;
	s->loop->again = true;
	enqueue(s);
}

void host_loop_stop(struct host_loop *l)
{
	l->stopped = true;
}

/** Asks the kernel for the next signal, or to forget about it. False: no room in the ring now. */
static bool arm_source(struct host_source *s)
{
	struct io_uring_sqe *sqe = host_loop_get_sqe(s->loop);

	if (sqe == NULL)
		return false;
	if (s->removing) {
		io_uring_prep_cancel64(sqe, (uintptr_t)s | TAG_OURS, 0);
		io_uring_sqe_set_data64(sqe, 0);
	} else {
		io_uring_prep_poll_multishot(sqe, s->fd, POLLIN);
		io_uring_sqe_set_data64(sqe, (uintptr_t)s | TAG_OURS);
		s->armed = true;
	}
	return true;
}

static struct host_source *take_due(struct host_loop *l)
{
	struct host_source *list = l->due;

	l->due = NULL;
	return list;
}

/** Calls the sources that were signalled. All end up in the list again: to be armed, removed, or called once more. */
static void call_sources(struct host_loop *l)
{
	struct host_source *s, *next;

	for (s = take_due(l); s != NULL; s = next) {
		next = s->next;
		s->queued = false;
		/* ready may remove this source and any other. */
		if (s->fired && !s->removing)
			s->fired = s->ready(s);
		enqueue(s);
	}
}

/** Arms or lets go of what waits for that. */
static void arm_sources(struct host_loop *l)
{
	struct host_source *s, *next;

	for (s = take_due(l); s != NULL; s = next) {
		next = s->next;
		s->queued = false;
		if (s->removing && !s->armed) {
			if (s->removed != NULL)
				s->removed(s);
		} else if ((s->fired && !s->removing) || ((s->removing || (!s->armed && !s->muted)) && !arm_source(s))) {
			enqueue(s);
			l->again = true;
		}
	}
}

static void dispatch(struct host_loop *l, uint64_t user_data, int32_t result, bool more)
{
	struct host_source *s;
	struct host_client *client;

	if (user_data == UV_POLL) {
		l->uv_armed = false;
		l->uv_due = true;
	} else if (user_data == UV_TIMEOUT) {
		l->timeout_at = 0;
		l->uv_due = true;
	} else if (user_data & TAG_OURS) {
		s = (struct host_source *)(uintptr_t)(user_data & ~TAG_OURS);
		s->armed = more;
		s->fired |= result > 0 && !s->muted;
		/* An error would only come again: such a source stays silent. One that is being removed waits for its last note. */
		if (s->removing ? !more : result >= 0)
			enqueue(s);
	} else if (user_data != 0) {
		client = l->client[user_data >> INDEX_SHIFT];
		client->due = true;
		client->completed(client, (void *)(uintptr_t)(user_data & ADDRESS_MASK), result);
	}
}

static void gather(struct host_loop *l)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(&l->ring, head, cqe)
	{
		dispatch(l, cqe->user_data, cqe->res, cqe->flags & IORING_CQE_F_MORE);
		count++;
	}
	io_uring_cq_advance(&l->ring, count);
}

void host_loop_wait_completion(struct host_loop *l)
{
	io_uring_submit_and_wait(&l->ring, 1);
	gather(l);
	l->again = true;
}

void host_loop_remove_now(struct host_source *s)
{
	host_loop_remove(s);
	while (s->armed && !arm_source(s))
		host_loop_wait_completion(s->loop);
	while (s->armed)
		host_loop_wait_completion(s->loop);
}

static void arm_uv(struct host_loop *l)
{
	struct io_uring_sqe *sqe;

	if (l->uv_armed)
		return;
	sqe = host_loop_get_sqe(l);
	if (sqe == NULL)
		return;
	io_uring_prep_poll_add(sqe, uv_backend_fd(l->uv), POLLIN);
	io_uring_sqe_set_data64(sqe, UV_POLL);
	l->uv_armed = true;
}

/**
 * One timeout stays armed over many rounds, so that waiting costs no timer. It may fire early, for a libuv timer that was
 * stopped: that is harmless.
 */
static void arm_timeout(struct host_loop *l)
{
	int timeout = uv_backend_timeout(l->uv);
	uint64_t at = uv_now(l->uv) + (uint64_t)timeout;
	struct io_uring_sqe *sqe;

	if (timeout < 0 || (l->timeout_at != 0 && l->timeout_at <= at))
		return;
	if (timeout == 0) {
		l->uv_due = l->again = true;
		return;
	}
	sqe = host_loop_get_sqe(l);
	if (sqe == NULL)
		return;
	l->timeout = (struct __kernel_timespec){ .tv_sec = (int64_t)(at / 1000), .tv_nsec = (long long)(at % 1000) * 1000000 };
	io_uring_prep_timeout(sqe, &l->timeout, 0, IORING_TIMEOUT_ABS);
	io_uring_sqe_set_data64(sqe, UV_TIMEOUT);
	l->timeout_at = at;
}

static void wait(struct host_loop *l)
{
	int rc;

	if (l->run_guest != NULL && !l->again) {
		/* What was started goes on while the guest runs. */
		if (io_uring_sq_ready(&l->ring) > 0)
			io_uring_submit(&l->ring);
		l->again = !l->run_guest(l->guest_context);
	}
	l->waits++;
	rc = l->again ? io_uring_submit_and_get_events(&l->ring) : io_uring_submit_and_wait(&l->ring, 1);
	l->again = false;
	/* A signal: libuv has it in its pipe. */
	if (rc == -EINTR)
		l->uv_due = true;
}

static void process_clients(struct host_loop *l)
{
	unsigned int i;

	for (i = 0; i < HOST_LOOP_CLIENTS; i++) {
		if (l->client[i] == NULL || !l->client[i]->due)
			continue;
		l->client[i]->due = false;
		l->client[i]->process(l->client[i]);
	}
}

void host_loop_run(struct host_loop *l)
{
	while (!l->stopped) {
		if (l->uv_due) {
			l->uv_due = false;
			uv_run(l->uv, UV_RUN_NOWAIT);
			if (l->stopped)
				break;
		}
		arm_sources(l);
		arm_uv(l);
		arm_timeout(l);
		wait(l);
		gather(l);
		call_sources(l);
		process_clients(l);
	}
}
