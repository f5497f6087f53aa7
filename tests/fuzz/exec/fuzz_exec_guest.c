/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-guest-exec's end of a connection whose other end is the fuzzer's. The command is a stand-in that takes some input, has some output and
 * ends or does not; everything must come to an end, and with it every descriptor be closed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsc/linux/exec_process.h"
#include "vsc/linux/exec_session.h"

static uint8_t kind;

static int filled_pipe(size_t bytes, int *keep)
{
	static const char text[4096];
	int pair[2];

	if (pipe2(pair, O_NONBLOCK | O_CLOEXEC) < 0)
		abort();
	(void)!write(pair[1], text, bytes);
	if (keep)
		*keep = pair[1];
	else
		close(pair[1]);
	return pair[0];
}

static int held[2] = { -1, -1 };

int exec_process_start(const struct exec_request *r, struct exec_process *ret, char *why, size_t size)
{
	int pair[2];

	for (const char *const *a = r->arguments; *a; a++)
		if (strlen(*a) > EXEC_START_MAX)
			abort();
	if (kind & 1) {
		snprintf(why, size, "%s", r->user);
		return 127;
	}
	if (pipe2(pair, O_NONBLOCK | O_CLOEXEC) < 0)
		abort();
	held[0] = pair[0];
	*ret = (struct exec_process){ .pid = 1, .in = pair[1], .terminal = -1, .err = -1 };
	ret->out = filled_pipe(kind & 2 ? 4096 : 0, NULL);
	if (kind & 4)
		ret->err = filled_pipe(100, NULL);
	/* Readable at once: it has ended. Never readable: it runs until the connection ends. */
	ret->pidfd = filled_pipe(kind & 8 ? 1 : 0, &held[1]);
	return 0;
}

void exec_process_signal(const struct exec_process *p, int number)
{
	(void)p;
	if (number < 1 || number > 64)
		abort();
	(void)!write(held[1], "", 1);
}

void exec_process_resize(const struct exec_process *p, uint16_t rows, uint16_t columns)
{
	(void)p;
	(void)rows;
	(void)columns;
}

uint8_t exec_process_eof_key(const struct exec_process *p)
{
	(void)p;
	return kind & 16 ? 4 : 0;
}

struct exec_exit exec_process_wait(const struct exec_process *p)
{
	(void)p;
	return (struct exec_exit){ EXEC_EXITED, 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2], first, last, room = 1 << 20;

	if (!size)
		return 0;
	kind = data[0];
	first = dup(0);
	close(first);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	(void)!send(pair[0], data + 1, size - 1, MSG_NOSIGNAL);
	shutdown(pair[0], SHUT_WR);
	exec_session_run(pair[1]);
	close(pair[0]);
	for (int i = 0; i < 2; i++) {
		if (held[i] >= 0)
			close(held[i]);
		held[i] = -1;
	}
	last = dup(0);
	close(last);
	if (first != last)
		abort();
	return 0;
}
