/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl console: the serial line on this terminal, raw, until Ctrl-]; or, in scripts, plain copying both ways. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/terminal.h"

#define ESCAPE 0x1d   /* Ctrl-] */

static bool raw;

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum ending { BY_ESCAPE, BY_GUEST, BY_TIME, BY_OUTPUT };

/* Sends what was typed, up to the escape key. Returns false at it. */
static bool send_input(int fd, const char *data, size_t size)
{
	const char *escape = raw ? memchr(data, ESCAPE, size) : NULL;

	write_all(fd, data, escape ? (size_t)(escape - data) : size);
	return !escape;
}

static enum ending copy(int fd, bool input, int64_t deadline)
{
	struct pollfd polls[2] = { { .fd = fd, .events = POLLIN }, { .fd = input ? STDIN_FILENO : -1, .events = POLLIN } };
	char data[4096];
	ssize_t n;

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();

		if (deadline >= 0 && left <= 0)
			return BY_TIME;
		if (poll(polls, 2, (int)left) < 0 && errno != EINTR)
			return BY_GUEST;
		if (polls[0].revents) {
			n = read(fd, data, sizeof data);
			if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
				return BY_GUEST;
			if (n > 0 && !write_all(STDOUT_FILENO, data, (size_t)n))
				return BY_OUTPUT;
		}
		if (polls[1].revents) {
			n = read(STDIN_FILENO, data, sizeof data);
			if (n > 0 && !send_input(fd, data, (size_t)n))
				return BY_ESCAPE;
			if (n <= 0 && raw)
				return BY_ESCAPE;
			if (n <= 0)
				polls[1].fd = -1;   /* the script has said all; the guest may go on */
		}
	}
}

int command_console(struct arguments *args)
{
	const char *name = args->words[0], *path;
	sd_bus_message *reply = NULL;
	enum ending ending;
	int fd, rc = client_call(args, name, NULL, &reply, "Console", "s", name);

	if (rc)
		return rc;
	if (sd_bus_message_read(reply, "s", &path) < 0)
		path = "";
	fd = client_connect(path);
	if (fd < 0)
		complain(name, "%s: %s", path, strerror(errno));
	sd_bus_message_unref(reply);
	if (fd < 0)
		return EXIT_REFUSED;
	signal(SIGPIPE, SIG_IGN);
	if (!args->no_input)
		raw = terminal_raw();
	if (raw)
		fprintf(stderr, "Connected to %s. The escape key is Ctrl-].\r\n", name);
	ending = copy(fd, !args->no_input, args->has_timeout ? now_ms() + (int64_t)args->timeout_s * 1000 : -1);
	terminal_restore();
	close(fd);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\nbhctl: %s: console %s\n", name, ending == BY_GUEST ? "closed: the partition has stopped" : "left");
	return ending == BY_OUTPUT ? EXIT_REFUSED : EXIT_OK;
}
