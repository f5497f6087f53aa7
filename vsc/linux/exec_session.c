/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_session.h. */
#include "vsc/linux/exec_session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vsc/linux/exec_process.h"
#include "vsc/linux/exec_stream.h"

enum phase {
	WAITING,                       /* for EXEC_START */
	RUNNING,
	DRAINING,                      /* the command has ended; its last output is under way */
	LEAVING,                       /* all is queued; the host closes when it has it */
};

struct session {
	struct exec_link link;
	struct exec_process process;
	struct exec_sink in;
	struct exec_source out, err;
	enum phase phase;
	struct exec_exit result;
	size_t out_left, err_left;     /* DRAINING: what was in the pipes when the command ended */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* why: shorter than EXEC_REASON_MAX. */
static int refuse(struct session *s, uint32_t status, const char *why)
{
	struct exec_failed failed = { status };

	s->phase = LEAVING;
	return exec_link_send(&s->link, EXEC_FAILED, 0, &failed, sizeof failed, why, strlen(why));
}

static int start(struct session *s, const struct exec_frame *frame)
{
	struct exec_request request;
	char why[EXEC_REASON_MAX] = "";
	int rc = frame->type == EXEC_START ? exec_request_decode(frame, &request) : -EPROTO, status;

	if (rc == -EPROTONOSUPPORT)
		return refuse(s, 125, "bulkhead-guest speaks another version of the protocol; install the one that belongs to the host's bhctl");
	if (rc)
		return rc;
	status = exec_process_start(&request, &s->process, why, sizeof why);
	exec_request_free(&request);
	s->link.limit = EXEC_DATA_MAX;
	if (status)
		return refuse(s, (uint32_t)status, why);
	exec_sink_init(&s->in, EXEC_STDIN, s->process.in, true, EXEC_WINDOW);
	exec_source_init(&s->out, EXEC_STDOUT, s->process.out, true);
	exec_source_init(&s->err, EXEC_STDERR, s->process.err, true);
	s->phase = RUNNING;
	return exec_link_send(&s->link, EXEC_STARTED, 0, NULL, 0, NULL, 0);
}

/* A terminal has no end of input, only a key that says so. */
static int end_input(struct session *s)
{
	uint8_t key = exec_process_eof_key(&s->process);
	const struct exec_frame frame = { EXEC_DATA, EXEC_STDIN, 1, &key };
	int rc = 0;

	if (key && s->in.filled + s->in.uncredited < EXEC_WINDOW)
		rc = exec_sink_data(&s->in, &frame, &s->link);
	exec_sink_end(&s->in);
	return rc;
}

static struct exec_source *source(struct session *s, uint8_t stream)
{
	return stream == EXEC_STDOUT ? &s->out : stream == EXEC_STDERR ? &s->err : NULL;
}

/* What comes while a command runs. What comes after its end is checked alike and means nothing any more. */
static int handle(struct session *s, const struct exec_frame *frame)
{
	struct exec_source *from = source(s, frame->stream);
	struct exec_resize size;
	uint32_t number;

	switch (frame->type) {
	case EXEC_DATA:
		return frame->stream == EXEC_STDIN ? exec_sink_data(&s->in, frame, &s->link) : -EPROTO;
	case EXEC_END:
		if (from)
			return exec_source_end(from, &s->link, false);   /* its next write gets SIGPIPE, as with any closed pipe */
		return end_input(s);
	case EXEC_CREDIT:
		return from && exec_source_credit(from, frame) ? 0 : -EPROTO;
	case EXEC_RESIZE:
		if (frame->size != sizeof size)
			return -EPROTO;
		memcpy(&size, frame->payload, sizeof size);
		exec_process_resize(&s->process, size.rows, size.columns);
		return 0;
	case EXEC_SIGNAL:
		if (frame->size != sizeof number)
			return -EPROTO;
		memcpy(&number, frame->payload, sizeof number);
		if (number < 1 || number > 64)
			return -EPROTO;
		if (s->phase == RUNNING)
			exec_process_signal(&s->process, (int)number);
		return 0;
	}
	return -EPROTO;
}

static int handle_all(struct session *s)
{
	struct exec_frame frame;
	int rc;

	while ((rc = exec_link_next(&s->link, &frame)) > 0) {
		rc = s->phase == WAITING ? start(s, &frame) : s->process.pid > 0 ? handle(s, &frame) : 0;
		if (rc)
			return rc;
	}
	return rc;
}

static size_t waiting_in(int fd)
{
	int bytes = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static void note_end(struct session *s)
{
	bool terminal = s->process.terminal >= 0;

	s->result = exec_process_wait(&s->process);
	s->phase = DRAINING;
	exec_sink_free(&s->in);
	/*
	 * What its children still write belongs to nobody: only what the pipes hold now is delivered. A terminal was hung up with its session, and
	 * reading it ends by itself.
	 */
	s->out_left = terminal ? SIZE_MAX : waiting_in(s->out.fd);
	s->err_left = waiting_in(s->err.fd);
	if (terminal)
		close(s->process.terminal);
	s->process.terminal = -1;
}

static int drain(struct exec_source *from, struct exec_link *link, size_t *left)
{
	int n;

	while (*left && exec_source_wants(from, link)) {
		n = exec_source_pump(from, link, *left);
		if (n < 0)
			return n;
		*left = n ? *left - (size_t)n : 0;
	}
	return *left ? 0 : exec_source_end(from, link, true);
}

/* One round's work that needs no descriptor to be ready. */
static int advance(struct session *s)
{
	int rc = handle_all(s);

	if (!rc && s->phase == DRAINING) {
		rc = drain(&s->out, &s->link, &s->out_left);
		if (!rc)
			rc = drain(&s->err, &s->link, &s->err_left);
		if (!rc && s->out.fd < 0 && s->err.fd < 0) {
			s->phase = LEAVING;
			rc = exec_link_send(&s->link, EXEC_EXIT, 0, &s->result, sizeof s->result, NULL, 0);
		}
	}
	return rc ? rc : exec_link_flush(&s->link);
}

static int timeout_of(const struct session *s, int64_t deadline)
{
	int64_t left = deadline - now_ms();

	if (s->phase != WAITING && (s->phase != LEAVING || exec_link_queued(&s->link)))
		return -1;   /* whoever reads slowly has all the time he wants */
	return left < 0 ? 0 : (int)left;
}

static int serve(struct session *s)
{
	int64_t deadline = now_ms() + EXEC_START_PATIENCE_MS;
	int rc = 0;

	while (!rc && !s->link.ended) {
		bool running = s->phase == RUNNING, leaving = s->phase == LEAVING && !exec_link_queued(&s->link);
		struct pollfd polls[] = {
			{ .fd = s->link.fd, .events = POLLIN | (exec_link_queued(&s->link) ? POLLOUT : 0) },
			{ .fd = running && exec_sink_wants(&s->in) ? s->in.fd : -1, .events = POLLOUT },
			{ .fd = running && exec_source_wants(&s->out, &s->link) ? s->out.fd : -1, .events = POLLIN },
			{ .fd = running && exec_source_wants(&s->err, &s->link) ? s->err.fd : -1, .events = POLLIN },
			{ .fd = running ? s->process.pidfd : -1, .events = POLLIN },
		};
		int ready = poll(polls, 5, timeout_of(s, deadline));

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0)
			continue;
		if (polls[0].revents)
			rc = exec_link_read(&s->link);
		if (!rc && polls[1].revents)
			rc = exec_sink_pump(&s->in, &s->link);
		if (!rc && polls[2].revents)
			rc = exec_source_pump(&s->out, &s->link, SIZE_MAX);
		if (rc >= 0 && polls[3].revents)
			rc = exec_source_pump(&s->err, &s->link, SIZE_MAX);
		if (rc >= 0 && polls[4].revents)
			note_end(s);
		if (rc >= 0)
			rc = advance(s);
		if (s->phase == LEAVING && !leaving)
			deadline = now_ms() + EXEC_START_PATIENCE_MS;
	}
	return rc;
}

/* The connection has gone first. A program that is to stay has to leave the process group, as with any terminal that goes. */
static void hang_up(struct session *s)
{
	struct pollfd ended = { .fd = s->process.pidfd, .events = POLLIN };

	exec_process_signal(&s->process, SIGHUP);
	exec_process_signal(&s->process, SIGCONT);
	while (poll(&ended, 1, EXEC_HANGUP_MS) < 0 && errno == EINTR)
		;
	exec_process_signal(&s->process, SIGKILL);
	exec_process_wait(&s->process);
}

void exec_session_run(int fd)
{
	struct session s = { .phase = WAITING, .process = { .pid = -1, .pidfd = -1, .terminal = -1 } };

	signal(SIGPIPE, SIG_IGN);
	exec_sink_init(&s.in, EXEC_STDIN, -1, false, 1);
	exec_source_init(&s.out, EXEC_STDOUT, -1, false);
	exec_source_init(&s.err, EXEC_STDERR, -1, false);
	exec_link_init(&s.link, fd, EXEC_START_MAX);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		serve(&s);
	close(fd);
	exec_sink_free(&s.in);
	exec_source_end(&s.out, NULL, false);
	exec_source_end(&s.err, NULL, false);
	if (s.process.terminal >= 0)
		close(s.process.terminal);
	if (s.phase == RUNNING)
		hang_up(&s);
	if (s.process.pidfd >= 0)
		close(s.process.pidfd);
	exec_link_free(&s.link);
}
