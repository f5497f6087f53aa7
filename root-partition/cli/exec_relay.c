/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_relay.h. */
#include "root-partition/cli/exec_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "vsc/linux/exec_stream.h"

#define LEAVE_KEY    0x1d        /* Ctrl-] */
#define LEAVE_TIMES  3u
#define LEAVE_MS     1000

struct relay {
	struct exec_link link;
	struct exec_source in;
	struct exec_sink out, err;
	bool started, over;          /* over: the result is there */
	bool leave;
	unsigned keys, interrupts;   /* leave keys in a row; requests to end so far */
	int64_t first_key;
	struct exec_result *result;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void finish(struct relay *r, enum exec_outcome outcome, int status)
{
	r->result->outcome = outcome;
	r->result->status = status;
	r->over = true;
}

/* What the guest says goes to a terminal: nothing but printable characters. */
static void take_reason(struct relay *r, const uint8_t *text, size_t size)
{
	if (size > EXEC_REASON_MAX)
		size = EXEC_REASON_MAX;
	for (size_t i = 0; i < size; i++)
		r->result->why[i] = text[i] < ' ' || text[i] == 0x7f ? '?' : (char)text[i];
	r->result->why[size] = 0;
}

static int take_exit(struct relay *r, const struct exec_frame *frame)
{
	struct exec_exit end;

	if (frame->size != sizeof end)
		return -EPROTO;
	memcpy(&end, frame->payload, sizeof end);
	if (end.how > EXEC_KILLED || end.code > (end.how == EXEC_KILLED ? 127 : 255))
		return -EPROTO;
	exec_sink_end(&r->out);
	exec_sink_end(&r->err);
	finish(r, EXEC_OUTCOME_ENDED, (int)(end.how == EXEC_KILLED ? 128 + end.code : end.code));
	return 0;
}

static int take_failure(struct relay *r, const struct exec_frame *frame)
{
	struct exec_failed failed;

	if (r->started || frame->size < sizeof failed)
		return -EPROTO;
	memcpy(&failed, frame->payload, sizeof failed);
	take_reason(r, frame->payload + sizeof failed, frame->size - sizeof failed);
	finish(r, EXEC_OUTCOME_REFUSED, failed.status >= 125 && failed.status <= 127 ? (int)failed.status : 125);
	return 0;
}

static int handle(struct relay *r, const struct exec_frame *frame)
{
	struct exec_sink *sink = frame->stream == EXEC_STDOUT ? &r->out : frame->stream == EXEC_STDERR ? &r->err : NULL;

	if (frame->type == EXEC_FAILED)
		return take_failure(r, frame);
	if (frame->type == EXEC_STARTED && !r->started) {
		r->started = true;
		return 0;
	}
	if (!r->started)
		return -EPROTO;
	switch (frame->type) {
	case EXEC_DATA:
		return sink ? exec_sink_data(sink, frame, &r->link) : -EPROTO;
	case EXEC_END:
		if (!sink)
			return exec_source_end(&r->in, &r->link, false);
		exec_sink_end(sink);
		return 0;
	case EXEC_CREDIT:
		return !sink && exec_source_credit(&r->in, frame) ? 0 : -EPROTO;
	case EXEC_EXIT:
		return take_exit(r, frame);
	}
	return -EPROTO;
}

static int handle_all(struct relay *r)
{
	struct exec_frame frame;
	int rc = 0;

	while (!rc && !r->over && (rc = exec_link_next(&r->link, &frame)) > 0)
		rc = handle(r, &frame);
	return rc;
}

static int send_size(struct relay *r, const struct exec_io *io)
{
	struct exec_resize size;
	struct winsize window;

	if (ioctl(io->out, TIOCGWINSZ, &window) < 0 && ioctl(io->in, TIOCGWINSZ, &window) < 0)
		return 0;
	size = (struct exec_resize){ window.ws_row, window.ws_col };
	return exec_link_send(&r->link, EXEC_RESIZE, 0, &size, sizeof size, NULL, 0);
}

/* The first request to end is the command's matter, the second one this program's: the guest may hang. */
static int on_signal(struct relay *r, const struct exec_io *io, int signals)
{
	struct signalfd_siginfo info;
	uint32_t number;

	if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	number = info.ssi_signo;
	if (number == SIGWINCH)
		return send_size(r, io);
	if ((number == SIGINT || number == SIGTERM) && ++r->interrupts > 1)
		r->leave = true;
	return exec_link_send(&r->link, EXEC_SIGNAL, 0, &number, sizeof number, NULL, 0);
}

/* Counts leave keys in what is typed. */
static void look_for_leave(void *arg, const uint8_t *data, size_t size)
{
	struct relay *r = arg;

	for (size_t i = 0; i < size; i++) {
		if (data[i] != LEAVE_KEY) {
			r->keys = 0;
			continue;
		}
		if (!r->keys || now_ms() - r->first_key > LEAVE_MS) {
			r->first_key = now_ms();
			r->keys = 0;
		}
		r->leave |= ++r->keys == LEAVE_TIMES;
	}
}

/* The other end has gone or is no end of this protocol; what it had said before still counts. */
static void lose(struct relay *r, int rc)
{
	while (rc != -EPROTO && !r->over && !r->link.ended && exec_link_read(&r->link) == 0) {
		size_t before = r->link.in.end - r->link.in.start;

		if (handle_all(r) || before == r->link.in.end - r->link.in.start)
			break;
	}
	if (r->over)
		return;
	exec_sink_end(&r->out);
	exec_sink_end(&r->err);
	finish(r, EXEC_OUTCOME_LOST, 125);
	snprintf(r->result->why, sizeof r->result->why, "%s", rc == -EPROTO ? "what the guest says is not bulkhead-guest-exec's protocol" :
		 rc ? strerror(-rc) : "the connection was closed");
}

static int poll_timeout(const struct relay *r, int64_t deadline)
{
	int64_t left = deadline - now_ms();

	if (r->over || deadline < 0)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* One wait and what it brought. Returns a negative errno of the connection. */
static int turn(struct relay *r, const struct exec_io *io, int signals, int64_t deadline)
{
	struct pollfd polls[] = {
		{ .fd = r->over ? -1 : r->link.fd, .events = POLLIN | (exec_link_queued(&r->link) ? POLLOUT : 0) },
		{ .fd = r->started && !r->over && exec_source_wants(&r->in, &r->link) ? r->in.fd : -1, .events = POLLIN },
		{ .fd = exec_sink_wants(&r->out) ? r->out.fd : -1, .events = POLLOUT },
		{ .fd = exec_sink_wants(&r->err) ? r->err.fd : -1, .events = POLLOUT },
		{ .fd = signals, .events = POLLIN },
	};
	int ready = poll(polls, 5, poll_timeout(r, deadline)), rc = 0;

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	if (ready == 0) {
		finish(r, EXEC_OUTCOME_TIMED_OUT, 124);
		return 0;
	}
	if (polls[0].revents)
		rc = exec_link_read(&r->link);
	if (!rc)
		rc = handle_all(r);
	if (!rc && polls[1].revents)
		rc = exec_source_pump(&r->in, &r->link, SIZE_MAX);
	if (rc >= 0 && polls[2].revents)
		rc = exec_sink_pump(&r->out, &r->link);
	if (rc >= 0 && polls[3].revents)
		rc = exec_sink_pump(&r->err, &r->link);
	if (rc >= 0 && polls[4].revents)
		rc = on_signal(r, io, signals);
	if (rc >= 0 && !r->over)
		rc = exec_link_flush(&r->link);
	return rc < 0 ? rc : 0;
}

static int open_signals(sigset_t *before)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void exec_relay(int fd, const struct exec_request *request, const struct exec_io *io, struct exec_result *ret)
{
	int64_t deadline = io->timeout_ms < 0 ? -1 : now_ms() + io->timeout_ms;
	struct relay r = { .result = ret };
	void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
	sigset_t before;
	int signals = open_signals(&before), rc;

	*ret = (struct exec_result){ .outcome = EXEC_OUTCOME_LOST, .status = 125 };
	exec_link_init(&r.link, fd, EXEC_DATA_MAX);
	exec_source_init(&r.in, EXEC_STDIN, io->in, false);
	if (io->raw) {
		r.in.seen = look_for_leave;
		r.in.seen_arg = &r;
	}
	exec_sink_init(&r.out, EXEC_STDOUT, io->out, false, PIPE_BUF);
	exec_sink_init(&r.err, EXEC_STDERR, io->err, false, PIPE_BUF);
	rc = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : exec_request_send(&r.link, request);
	if (!rc && io->in < 0)
		rc = exec_link_send(&r.link, EXEC_END, EXEC_STDIN, NULL, 0, NULL, 0);
	if (rc == -E2BIG) {
		snprintf(ret->why, sizeof ret->why, "the command's arguments and variables are more than %u KiB", EXEC_START_MAX / 1024);
		finish(&r, EXEC_OUTCOME_REFUSED, 126);
	} else if (!rc) {
		rc = exec_link_flush(&r.link);
	}
	while ((!r.over || exec_sink_wants(&r.out) || exec_sink_wants(&r.err)) && !r.leave) {
		if (!rc && (r.over || !r.link.ended))
			rc = turn(&r, io, signals, deadline);
		else
			lose(&r, rc);
		if (r.over)
			rc = 0;
	}
	if (r.leave && !r.over)
		finish(&r, EXEC_OUTCOME_LEFT, 130);
	exec_sink_free(&r.out);
	exec_sink_free(&r.err);
	exec_link_free(&r.link);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, pipe_before);
}
