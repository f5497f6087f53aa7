/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl's end of a connection to a guest that is the fuzzer: everything comes to an end, and what is shown of a reason is printable. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "root-partition/cli/exec_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const arguments[] = { "true", NULL }, *const none[] = { NULL };
	const struct exec_request request = { .user = "", .arguments = arguments, .variables = none };
	struct exec_io io = { .in = -1, .timeout_ms = 5000 };
	struct exec_result result;
	int pair[2], room = 1 << 20;

	if (!size || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	if (data[0] & 1)
		io.in = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	io.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	io.err = open(data[0] & 2 ? "/dev/full" : "/dev/null", O_WRONLY | O_CLOEXEC);
	io.raw = data[0] & 4;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	(void)!send(pair[1], data + 1, size - 1, MSG_NOSIGNAL);
	shutdown(pair[1], SHUT_WR);
	exec_relay(pair[0], &request, &io, &result);
	if (result.outcome == EXEC_OUTCOME_TIMED_OUT || result.status < 0 || result.status > 255)
		abort();
	for (const char *c = result.why; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			abort();
	if (io.in >= 0)
		close(io.in);
	close(io.out);
	close(io.err);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
