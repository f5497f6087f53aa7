/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl exec and bhctl login: the way to the guest's exec service over the partition's vsock sockets, and what went wrong on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/exec_relay.h"
#include "root-partition/cli/terminal.h"
#include "root-partition/cli/value.h"
#include "root-partition/lib/vsock_client.h"

#define REMEDY "install the package bulkhead-guest in it; 'systemctl status bulkhead-guest-exec' there says whether it runs"

/* Connects to the guest's port through the worker; -1 after having said why. */
static int connect_guest(const char *name, const char *folder)
{
	char why[256];
	int fd = vsock_client_connect(folder, EXEC_PORT, why, sizeof why);

	if (fd >= 0) {
		fcntl(fd, F_SETFL, O_NONBLOCK);   /* as the relay wants it */
		return fd;
	}
	if (fd == -ENOENT || fd == -ENOTDIR)
		complain(name, "has no stream sockets, through which commands are run: its definition says <vsock state='off'>, or its worker is older");
	else if (fd == -ECONNRESET)
		complain(name, "the worker has closed the connection; 'bhctl show %s' says what became of it", name);
	else if (fd == -ECONNREFUSED)
		complain(name, "%s%s", why, strstr(why, "listens") ? "; " REMEDY : "");
	else
		complain(name, "%s/connect: %s", folder, strerror(-fd));
	return -1;
}

/* What the daemon knows of a partition whose connection has ended. */
static void complain_lost(struct arguments *args, const char *name, const char *why)
{
	struct value *details = NULL;
	sd_bus_message *reply;

	if (!client_call(args, name, NULL, &reply, "Describe", "s", name)) {
		details = value_read(reply);
		sd_bus_message_unref(reply);
	}
	if (details) {
		const char *reason = value_text(details, "reason");

		complain(name, "the connection to the guest ended before the command: %s; the partition is %s%s%s", why, value_text(details, "state"),
			 *reason ? ": " : "", reason);
	}
	value_free(details);
}

static int report(struct arguments *args, const char *name, const struct exec_result *result)
{
	switch (result->outcome) {
	case EXEC_OUTCOME_REFUSED:
		complain(name, "%s", result->why);
		break;
	case EXEC_OUTCOME_LOST:
		complain_lost(args, name, result->why);
		break;
	case EXEC_OUTCOME_TIMED_OUT:
		complain(name, "the command has not ended within %llu s and is killed", (unsigned long long)args->timeout_s);
		break;
	case EXEC_OUTCOME_LEFT:
		complain(name, "left; what ran is killed");
		break;
	case EXEC_OUTCOME_ENDED:
		break;
	}
	return result->status;
}

static int run(struct arguments *args, struct exec_request *request)
{
	struct exec_io io = { .in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO, .timeout_ms = -1 };
	const char *name = args->words[0], *folder, *type = getenv("TERM");
	struct exec_result result;
	struct winsize window;
	sd_bus_message *reply;
	char term[128];
	int fd;

	if (client_call(args, name, NULL, &reply, "Vsock", "s", name))
		return EXIT_EXEC_FAILED;
	fd = sd_bus_message_read(reply, "s", &folder) < 0 ? -1 : connect_guest(name, folder);
	sd_bus_message_unref(reply);
	if (fd < 0)
		return EXIT_EXEC_FAILED;
	if (args->has_timeout)
		io.timeout_ms = (int64_t)args->timeout_s * 1000;
	if (request->flags & EXEC_FLAG_TERMINAL) {
		/* The first of two variables of a name is the one that --env can replace. */
		snprintf(term, sizeof term, "TERM=%s", type && strlen(type) < 100 ? type : "dumb");
		memmove(args->variables + 1, args->variables, args->variable_count * sizeof *args->variables);
		args->variables[0] = term;
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, &window) == 0) {
			request->rows = window.ws_row;
			request->columns = window.ws_col;
		}
		io.raw = terminal_raw();
	}
	request->variables = args->variables;
	exec_relay(fd, request, &io, &result);
	terminal_restore();
	close(fd);
	return report(args, name, &result);
}

int command_exec(struct arguments *args)
{
	struct exec_request request = {
		.flags = args->terminal ? EXEC_FLAG_TERMINAL : 0,
		.user = args->user ? args->user : "",
		.arguments = (const char *const *)args->words + 1,   /* main's argv ends with NULL */
	};

	return run(args, &request);
}

int command_login(struct arguments *args)
{
	static const char *const none[] = { NULL };
	struct exec_request request = {
		.flags = EXEC_FLAG_TERMINAL | EXEC_FLAG_LOGIN, .user = args->user ? args->user : "", .arguments = none,
	};

	return run(args, &request);
}
