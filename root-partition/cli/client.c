/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's socket: a call that shows that it is at work, and answers that become exit codes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/daemon/sockets.h"

#define PROGRESS_AFTER_MS 2000u

void complain(const char *subject, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bhctl: %s%s", subject ? subject : "", subject ? ": " : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int client_connect(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int dirfd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1, fd = -1, saved;

	if (dirfd >= 0)
		fd = socket_connect_at(dirfd, slash ? slash + 1 : path, SOCK_STREAM);
	saved = errno;
	if (dirfd >= 0)
		close(dirfd);
	free(folder);
	errno = saved;
	return fd;
}

int client_open(struct arguments *args)
{
	int fd = client_connect(args->socket), rc;

	if (fd < 0) {
		complain(NULL, "%s: %s; is bulkheadd running? 'systemctl start bulkheadd' starts it", args->socket, strerror(errno));
		return EXIT_NO_DAEMON;
	}
	rc = sd_bus_new(&args->bus);
	if (rc >= 0)
		rc = sd_bus_set_fd(args->bus, fd, fd);
	if (rc >= 0)
		rc = sd_bus_start(args->bus);
	if (rc >= 0)
		return EXIT_OK;
	complain(NULL, "%s: %s", args->socket, strerror(-rc));
	return EXIT_NO_DAEMON;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* On a terminal one line that counts; else a line at 2 s and then every ten. */
static void show_progress(const char *subject, const char *doing, uint64_t seconds, bool *shown)
{
	bool terminal = isatty(STDERR_FILENO);

	if (!terminal && *shown && seconds % 10)
		return;
	fprintf(stderr, "%sbhctl: %s: %s, %llu s%s", terminal ? "\r\033[K" : "", subject, doing, (unsigned long long)seconds,
		terminal ? " (Ctrl-C detaches)" : "\n");
	fflush(stderr);
	*shown = true;
}

/* The daemon goes on with what it was asked for; only the waiting ends. */
static void on_interrupt(int number)
{
	static const char text[] = "\nbhctl: detached; the daemon goes on\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(130);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	sd_bus_message **ret = userdata;

	(void)error;
	*ret = sd_bus_message_ref(reply);
	return 0;
}

static int exit_code(const sd_bus_error *error)
{
	if (!strcmp(error->name, "org.bulkhead.Error.TimedOut"))
		return EXIT_TIMED_OUT;
	if (!strcmp(error->name, SD_BUS_ERROR_DISCONNECTED) || !strcmp(error->name, SD_BUS_ERROR_NO_REPLY))
		return EXIT_NO_DAEMON;
	return EXIT_REFUSED;
}

static int wait_for_reply(struct arguments *args, const char *subject, const char *doing, sd_bus_message **reply)
{
	uint64_t start = now_ms(), passed, last = 0;
	bool shown = false;
	int rc = 0;

	while (!*reply && rc >= 0) {
		rc = sd_bus_process(args->bus, NULL);
		if (rc)
			continue;
		sd_bus_wait(args->bus, 250000);
		passed = now_ms() - start;
		if (passed >= PROGRESS_AFTER_MS && passed / 1000 != last && doing) {
			signal(SIGINT, on_interrupt);
			last = passed / 1000;
			show_progress(subject, doing, last, &shown);
		}
	}
	if (shown && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	signal(SIGINT, SIG_DFL);
	return rc;
}

int client_call(struct arguments *args, const char *subject, const char *doing, sd_bus_message **ret, const char *member,
		const char *types, ...)
{
	sd_bus_message *call = NULL, *reply = NULL;
	const sd_bus_error *error;
	va_list list;
	int rc;

	rc = sd_bus_message_new_method_call(args->bus, &call, NULL, "/org/bulkhead", "org.bulkhead.Manager1", member);
	va_start(list, types);
	if (rc >= 0 && *types)
		rc = sd_bus_message_appendv(call, types, list);
	va_end(list);
	if (rc < 0) {
		sd_bus_message_unref(call);
		complain(subject, "%s", rc == -EINVAL ? "not UTF-8" : strerror(-rc));
		return EXIT_REFUSED;
	}
	if (rc >= 0)
		rc = sd_bus_call_async(args->bus, NULL, call, on_reply, &reply, UINT64_MAX);
	if (rc >= 0)
		rc = wait_for_reply(args, subject ? subject : "bulkheadd", doing, &reply);
	sd_bus_message_unref(call);
	if (!reply) {
		complain(subject, "the daemon has closed the connection (%s); partitions go on", strerror(rc < 0 ? -rc : ECONNRESET));
		return EXIT_NO_DAEMON;
	}
	error = sd_bus_message_get_error(reply);
	if (error) {
		rc = exit_code(error);
		if (rc == EXIT_NO_DAEMON)
			complain(subject, "the daemon has closed the connection; partitions go on");
		else
			complain(subject, "%s", error->message ? error->message : error->name);
		sd_bus_message_unref(reply);
		return rc;
	}
	*ret = reply;
	return EXIT_OK;
}
