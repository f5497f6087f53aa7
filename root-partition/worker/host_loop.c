/* SPDX-License-Identifier: BSD-2-Clause */
/* See host_loop.h. */
#include "host_loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define TAG_SOURCE 1u                /* user_data: address of a source, plus this */
#define UV_POLL    3u                /* the backend descriptor is readable */

int host_loop_init(struct host_loop *l, uv_loop_t *uv, void (*complete)(void *context, void *user_data, int32_t result),
		   void (*round_end)(void *context), void *context)
{
	int rc;

	*l = (struct host_loop){ .uv = uv, .complete = complete, .round_end = round_end, .context = context, .uv_due = true };
	/* One thread submits and waits: the kernel need not interrupt it to complete. Older kernels do without. */
	rc = io_uring_queue_init(HOST_LOOP_ENTRIES, &l->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (rc == -EINVAL)
		rc = io_uring_queue_init(HOST_LOOP_ENTRIES, &l->ring, 0);
	return rc;
}

void host_loop_close(struct host_loop *l)
{
	io_uring_queue_exit(&l->ring);
}

static struct io_uring_sqe *get_sqe(struct host_loop *l)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (sqe == NULL) {
		io_uring_submit(&l->ring);
		sqe = io_uring_get_sqe(&l->ring);
	}
	return sqe;
}

static void enqueue(struct host_source *s)
{
	if (s->queued)
		return;
	s->queued = true;
	s->next = s->loop->to_arm;
	s->loop->to_arm = s;
}

void host_loop_add(struct host_loop *l, struct host_source *s, int fd)
{
	s->loop = l;
	s->fd = fd;
	s->armed = s->removing = s->queued = false;
	enqueue(s);
}

void host_loop_remove(struct host_source *s)
{
	if (s->removing)
		return;
	s->removing = true;
	enqueue(s);
}

void host_loop_uv_changed(struct host_loop *l)
{
	l->uv_due = true;
}

void host_loop_stop(struct host_loop *l)
{
	l->stopped = true;
}

/** Arms what is to be armed and cancels what is to be removed. Sources for which the ring has no room stay in the list. */
static void arm_sources(struct host_loop *l)
{
	struct io_uring_sqe *sqe;

	while (l->to_arm != NULL) {
		struct host_source *s = l->to_arm;

		if (s->removing && !s->armed) {
			l->to_arm = s->next;
			s->queued = false;
			if (s->removed != NULL)
				s->removed(s);
			continue;
		}
		if (s->removing || !s->armed) {
			sqe = get_sqe(l);
			if (sqe == NULL)
				return;
			if (s->removing) {
				io_uring_prep_cancel64(sqe, (uintptr_t)s | TAG_SOURCE, 0);
				io_uring_sqe_set_data64(sqe, 0);
			} else {
				io_uring_prep_read(sqe, s->fd, &s->value, sizeof s->value, 0);
				io_uring_sqe_set_data64(sqe, (uintptr_t)s | TAG_SOURCE);
				s->armed = true;
			}
		}
		l->to_arm = s->next;
		s->queued = false;
	}
}

static void arm_uv(struct host_loop *l)
{
	struct io_uring_sqe *sqe;

	if (l->uv_armed)
		return;
	sqe = get_sqe(l);
	if (sqe == NULL)
		return;
	io_uring_prep_poll_add(sqe, uv_backend_fd(l->uv), POLLIN);
	io_uring_sqe_set_data64(sqe, UV_POLL);
	l->uv_armed = true;
}

static void source_done(struct host_source *s, int32_t result)
{
	s->armed = false;
	if (!s->removing && result == (int32_t)sizeof s->value)
		s->ready(s);
	/* To be armed again, or to be reported as removed: even after an error, of which only -ECANCELED is expected. */
	if (s->removing || result >= 0 || result == -EINTR || result == -EAGAIN)
		enqueue(s);
}

static void dispatch(struct host_loop *l, uint64_t user_data, int32_t result)
{
	if (user_data == UV_POLL) {
		l->uv_armed = false;
		l->uv_due = true;
	} else if (user_data & TAG_SOURCE) {
		source_done((struct host_source *)(uintptr_t)(user_data & ~(uint64_t)TAG_SOURCE), result);
	} else if (user_data != 0) {
		l->complete(l->context, (void *)(uintptr_t)user_data, result);
	}
}

static void take_completions(struct host_loop *l)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&l->ring, &cqe) == 0) {
		uint64_t user_data = cqe->user_data;
		int32_t result = cqe->res;

		io_uring_cqe_seen(&l->ring, cqe);
		dispatch(l, user_data, result);
	}
}

static void wait(struct host_loop *l)
{
	struct __kernel_timespec limit;
	struct io_uring_cqe *cqe;
	int timeout = uv_backend_timeout(l->uv);
	int rc;

	l->rounds++;
	if (timeout < 0) {
		rc = io_uring_submit_and_wait(&l->ring, 1);
	} else {
		limit.tv_sec = timeout / 1000;
		limit.tv_nsec = timeout % 1000 * 1000000ll;
		rc = io_uring_submit_and_wait_timeout(&l->ring, &cqe, 1, &limit, NULL);
		if (rc == -ETIME || timeout == 0)
			l->uv_due = true;
	}
	/* A signal: libuv has it in its pipe. */
	if (rc == -EINTR)
		l->uv_due = true;
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
		arm_uv(l);
		arm_sources(l);
		wait(l);
		uv_update_time(l->uv);
		take_completions(l);
		if (l->round_end != NULL)
			l->round_end(l->context);
	}
}
