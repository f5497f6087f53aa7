/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bhctl's end and the guest's end of bhctl exec, each in a process of its own as in life, over a socket pair; the commands are real ones of this
 * machine. What a hostile peer does is in test_exec_protocol.c and the fuzz targets.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "root-partition/cli/exec_relay.h"
#include "tests/unit/run_tests.h"
#include "vsc/linux/exec_session.h"

#define RUN(...) (const char *const[]){ __VA_ARGS__, NULL }

static const char *const none[] = { NULL };
static char output[1 << 16], errors[1 << 16];
static int connection = -1;
static pid_t server;

static int temporary(void)
{
	char path[] = "/tmp/bulkhead-exec-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	return fd;
}

static void connect_session(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	connection = pair[0];
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0) {
		close(pair[0]);
		exec_session_run(pair[1]);
		_exit(0);
	}
	close(pair[1]);
}

static void end_session(void)
{
	int status;

	close(connection);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the session's process ended with %x", status);
}

static void slurp(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = 0;
	close(fd);
}

/* Runs a request to its end with `input` on standard input; output[] and errors[] are what came. */
static struct exec_result run_request(const struct exec_request *request, const char *input, int64_t timeout_ms)
{
	struct exec_io io = { .in = -1, .out = temporary(), .err = temporary(), .timeout_ms = timeout_ms };
	struct exec_result result;

	if (input) {
		io.in = temporary();
		ck_assert_int_eq(write(io.in, input, strlen(input)), (ssize_t)strlen(input));
		lseek(io.in, 0, SEEK_SET);
	}
	connect_session();
	exec_relay(connection, request, &io, &result);
	end_session();
	if (input)
		close(io.in);
	slurp(io.out, output, sizeof output);
	slurp(io.err, errors, sizeof errors);
	return result;
}

static struct exec_result run(const char *const *arguments, const char *input)
{
	const struct exec_request request = { .user = "", .arguments = arguments, .variables = none };

	return run_request(&request, input, 20000);
}

START_TEST(output_errors_and_status_arrive)
{
	struct exec_result r = run(RUN("sh", "-c", "echo out; echo err >&2; exit 7"), NULL);

	ck_assert_int_eq(r.outcome, EXEC_OUTCOME_ENDED);
	ck_assert_int_eq(r.status, 7);
	ck_assert_str_eq(output, "out\n");
	ck_assert_str_eq(errors, "err\n");
}
END_TEST

START_TEST(arguments_are_taken_as_they_are)
{
	run(RUN("printf", "[%s]", "a b", "", "$HOME;*", "\n"), NULL);
	ck_assert_str_eq(output, "[a b][][$HOME;*][\n]");
}
END_TEST

START_TEST(input_and_its_end_arrive)
{
	ck_assert_int_eq(run(RUN("cat"), "one\ntwo\n").status, 0);
	ck_assert_str_eq(output, "one\ntwo\n");
	ck_assert_int_eq(run(RUN("wc", "-c"), NULL).status, 0);
	ck_assert_str_eq(output, "0\n");
}
END_TEST

START_TEST(a_signal_is_128_and_its_number)
{
	ck_assert_int_eq(run(RUN("sh", "-c", "kill -9 $$"), NULL).status, 128 + 9);
	ck_assert_int_eq(run(RUN("sh", "-c", "kill -15 $$"), NULL).status, 128 + 15);
}
END_TEST

START_TEST(what_cannot_be_run_says_why)
{
	struct exec_request request = { .user = "no-such-user", .arguments = RUN("true"), .variables = none };
	struct exec_result r = run(RUN("/no/such/program"), NULL);

	ck_assert(r.outcome == EXEC_OUTCOME_REFUSED && r.status == 127);
	ck_assert_str_eq(r.why, "/no/such/program: command not found");
	r = run(RUN("/dev/null"), NULL);
	ck_assert(r.outcome == EXEC_OUTCOME_REFUSED && r.status == 126);
	r = run_request(&request, NULL, -1);
	ck_assert(r.outcome == EXEC_OUTCOME_REFUSED && r.status == 125);
	ck_assert_ptr_nonnull(strstr(r.why, "no user 'no-such-user'"));
}
END_TEST

START_TEST(the_environment_is_the_users_and_what_was_given)
{
	const struct exec_request request = { .user = "", .arguments = RUN("sh", "-c", "echo $HOME:$USER:$A:$B:$PATH"),
					      .variables = RUN("A=1", "B=x=y", "A=2") };

	setenv("A", "inherited", 1);
	run_request(&request, NULL, -1);
	ck_assert_ptr_nonnull(strstr(output, ":root:2:x=y:/usr/local/sbin:"));
}
END_TEST

START_TEST(it_can_run_as_another_user)
{
	const struct exec_request request = { .user = "nobody", .arguments = RUN("sh", "-c", "id -un; id -Gn; pwd"), .variables = none };

	if (geteuid())
		return;
	ck_assert_int_eq(run_request(&request, NULL, -1).status, 0);
	ck_assert_str_eq(output, "nobody\nnogroup\n/\n");
}
END_TEST

/* 8 MiB each way through windows of 256 KiB, byte for byte. */
START_TEST(much_data_passes_both_ways)
{
	enum { SIZE = 8 << 20 };
	char *data = malloc(SIZE), *back = malloc(SIZE);
	struct exec_io io = { .in = temporary(), .out = temporary(), .err = temporary(), .timeout_ms = 60000 };
	const struct exec_request request = { .user = "", .arguments = RUN("cat"), .variables = none };
	struct exec_result result;

	srandom(1);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(random() >> 5);
	ck_assert_int_eq(write(io.in, data, SIZE), SIZE);
	lseek(io.in, 0, SEEK_SET);
	connect_session();
	exec_relay(connection, &request, &io, &result);
	end_session();
	ck_assert(result.outcome == EXEC_OUTCOME_ENDED && !result.status);
	ck_assert_int_eq(pread(io.out, back, SIZE, 0), SIZE);
	ck_assert_int_eq(memcmp(data, back, SIZE), 0);
	free(data);
	free(back);
}
END_TEST

/* A full standard output, which nobody reads, holds up neither standard error nor the end of the input. */
START_TEST(streams_do_not_wait_for_each_other)
{
	struct exec_io io = { .in = temporary(), .err = temporary(), .timeout_ms = 60000 };
	const struct exec_request request = { .user = "", .arguments = RUN("sh", "-c", "head -c 3000000 /dev/zero & cat; echo read >&2; wait"),
					      .variables = none };
	struct exec_result result;
	struct pollfd ready;
	int pipes[2], status;
	size_t total = 0;
	ssize_t n;
	pid_t relay;

	connect_session();   /* first: its process is not to hold the pipe's end */
	ck_assert_int_eq(pipe(pipes), 0);
	io.out = pipes[1];
	relay = fork();
	if (relay == 0) {
		close(pipes[0]);
		exec_relay(connection, &request, &io, &result);
		_exit(result.outcome == EXEC_OUTCOME_ENDED ? result.status : 99);
	}
	close(pipes[1]);
	ready = (struct pollfd){ .fd = io.err };
	while (pread(io.err, errors, 5, 0) != 5)   /* a file: nothing to poll on */
		poll(&ready, 0, 5);
	ck_assert_int_eq(memcmp(errors, "read\n", 5), 0);
	while ((n = read(pipes[0], output, sizeof output)) > 0)
		total += (size_t)n;
	ck_assert_uint_eq(total, 3000000);
	ck_assert_int_eq(waitpid(relay, &status, 0), relay);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	end_session();
}
END_TEST

/* As `yes | head -1` ends: the reader goes, and the command learns it by SIGPIPE. */
START_TEST(a_reader_that_goes_is_told)
{
	const struct exec_request request = { .user = "", .arguments = RUN("yes"), .variables = none };
	struct exec_io io = { .in = -1, .err = temporary(), .timeout_ms = 60000 };
	struct exec_result result;
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	close(pipes[0]);
	io.out = pipes[1];
	connect_session();
	exec_relay(connection, &request, &io, &result);
	end_session();
	ck_assert_int_eq(result.status, 128 + SIGPIPE);
}
END_TEST

/* sleep inherits the streams and holds them; the answer does not wait for it, and what the shell wrote is there. */
START_TEST(a_background_process_holds_up_nothing)
{
	struct exec_result r = run(RUN("sh", "-c", "sleep 1000 & echo $!; exit 3"), NULL);

	ck_assert_int_eq(r.status, 3);
	ck_assert_int_eq(kill(atoi(output), SIGKILL), 0);
}
END_TEST

static bool gone_within(pid_t pid, int ms)
{
	for (; ms > 0 && kill(pid, 0) == 0; ms -= 5)
		poll(NULL, 0, 5);
	return kill(pid, 0) < 0;
}

START_TEST(in_time_or_not_at_all)
{
	const struct exec_request request = { .user = "", .arguments = RUN("sh", "-c", "trap '' HUP; echo $$; while :; do sleep 1; done"),
					      .variables = none };
	struct exec_result r = run_request(&request, NULL, 500);

	ck_assert(r.outcome == EXEC_OUTCOME_TIMED_OUT && r.status == 124);
	ck_assert_int_gt(atoi(output), 1);
	ck_assert(gone_within(atoi(output), 100));   /* SIGHUP did not help, SIGKILL did; the session has waited for it */
}
END_TEST

START_TEST(signals_are_passed_on)
{
	const struct exec_request request = {
		.user = "", .arguments = RUN("sh", "-c", "trap 'echo got it; exit 5' INT; echo ready; while :; do sleep 0.05; done"), .variables = none };
	struct exec_io io = { .in = -1, .err = temporary(), .timeout_ms = 20000 };
	struct exec_result result;
	int pipes[2], status;
	pid_t relay;

	ck_assert_int_eq(pipe(pipes), 0);
	io.out = pipes[1];
	connect_session();
	relay = fork();
	if (relay == 0) {
		close(pipes[0]);
		exec_relay(connection, &request, &io, &result);
		_exit(result.outcome == EXEC_OUTCOME_ENDED ? result.status : 99);
	}
	close(pipes[1]);
	ck_assert_int_eq(read(pipes[0], output, 6), 6);
	kill(relay, SIGINT);
	ck_assert_int_eq(read(pipes[0], output, 7), 7);
	ck_assert_int_eq(memcmp(output, "got it\n", 7), 0);
	ck_assert_int_eq(waitpid(relay, &status, 0), relay);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	end_session();
}
END_TEST

START_TEST(a_terminal_has_a_size_and_an_end)
{
	const struct exec_request request = { .flags = EXEC_FLAG_TERMINAL, .rows = 33, .columns = 101, .user = "", .variables = none,
					      .arguments = RUN("sh", "-c", "stty size; test -t 0 && test -t 2 && cat; tty | cut -c 1-9; exit 4") };
	struct exec_result r = run_request(&request, "typed\n", 20000);

	ck_assert_int_eq(r.status, 4);
	ck_assert_ptr_nonnull(strstr(output, "33 101\r\n"));
	ck_assert_ptr_nonnull(strstr(output, "typed\r\n"));
	ck_assert_ptr_nonnull(strstr(output, "/dev/pts/\r\n"));
	ck_assert_str_eq(errors, "");
}
END_TEST

/* The relay's own standard output is a terminal here, whose size changes under it. */
START_TEST(a_terminal_follows_the_size)
{
	const struct exec_request request = {
		.flags = EXEC_FLAG_TERMINAL, .rows = 1, .columns = 1, .user = "", .variables = none,
		.arguments = RUN("sh", "-c", "trap 'stty size; exit 6' WINCH; echo ready; while :; do sleep 0.05; done") };
	struct exec_io io = { .in = -1, .err = temporary(), .timeout_ms = 20000 };
	struct winsize size = { .ws_row = 50, .ws_col = 132 };
	struct exec_result result;
	int master = posix_openpt(O_RDWR | O_NOCTTY), status;
	size_t used = 0;
	ssize_t n;
	pid_t relay;

	ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	io.out = open(ptsname(master), O_RDWR | O_NOCTTY);
	connect_session();
	relay = fork();
	if (relay == 0) {
		exec_relay(connection, &request, &io, &result);
		_exit(result.outcome == EXEC_OUTCOME_ENDED ? result.status : 99);
	}
	do {
		n = read(master, output + used, sizeof output - 1 - used);
		ck_assert_int_gt(n, 0);
		used += (size_t)n;
		output[used] = 0;
	} while (!strstr(output, "ready"));
	ioctl(master, TIOCSWINSZ, &size);
	kill(relay, SIGWINCH);
	ck_assert_int_eq(waitpid(relay, &status, 0), relay);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 6);
	n = read(master, output, sizeof output - 1);
	output[n] = 0;
	ck_assert_ptr_nonnull(strstr(output, "50 132"));
	end_session();
}
END_TEST

/* All of a terminal's output arrives though the terminal is hung up with its session. */
START_TEST(a_terminals_last_words_arrive)
{
	const struct exec_request request = { .flags = EXEC_FLAG_TERMINAL, .user = "", .arguments = RUN("seq", "1", "9000"), .variables = none };
	struct exec_result r = run_request(&request, NULL, 20000);

	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(output, "\r\n9000\r\n"));
}
END_TEST

START_TEST(a_login_is_a_login_shell)
{
	const struct exec_request request = { .flags = EXEC_FLAG_TERMINAL | EXEC_FLAG_LOGIN, .user = "", .arguments = none, .variables = none };
	struct exec_result r = run_request(&request, "echo shell is $0; exit 9\n", 20000);

	ck_assert_int_eq(r.outcome, EXEC_OUTCOME_ENDED);
	ck_assert_int_eq(r.status, 9);
	ck_assert_ptr_nonnull(strstr(output, "shell is -"));
}
END_TEST

START_TEST(a_guest_that_goes_is_an_error)
{
	const struct exec_request request = { .user = "", .arguments = RUN("sh", "-c", "kill -9 $PPID"), .variables = none };
	struct exec_io io = { .in = -1, .out = temporary(), .err = temporary(), .timeout_ms = 20000 };
	struct exec_result result;
	int status;

	connect_session();
	exec_relay(connection, &request, &io, &result);
	ck_assert(result.outcome == EXEC_OUTCOME_LOST && result.status == 125);
	ck_assert_str_ne(result.why, "");
	close(connection);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFSIGNALED(status));
}
END_TEST

RUN_TESTS("exec", output_errors_and_status_arrive, arguments_are_taken_as_they_are, input_and_its_end_arrive, a_signal_is_128_and_its_number,
	  what_cannot_be_run_says_why, the_environment_is_the_users_and_what_was_given, it_can_run_as_another_user, much_data_passes_both_ways,
	  streams_do_not_wait_for_each_other, a_reader_that_goes_is_told, a_background_process_holds_up_nothing, in_time_or_not_at_all,
	  signals_are_passed_on, a_terminal_has_a_size_and_an_end, a_terminal_follows_the_size, a_terminals_last_words_arrive,
	  a_login_is_a_login_shell, a_guest_that_goes_is_an_error)
