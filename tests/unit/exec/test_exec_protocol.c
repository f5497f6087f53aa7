/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames, requests and windows of the exec protocol: what is taken, what is refused, and that nothing is lost between the two ends. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsc/linux/exec_request.h"
#include "vsc/linux/exec_stream.h"

static int pair[2];
static struct exec_link near, far;

static void set_up(uint32_t limit)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	exec_link_init(&near, pair[0], limit);
	exec_link_init(&far, pair[1], limit);
}

static void tear_down(void)
{
	exec_link_free(&near);
	exec_link_free(&far);
	close(pair[0]);
	close(pair[1]);
}

/* Moves what is queued until a frame is whole at the far end. */
static int receive(struct exec_frame *ret)
{
	for (int rc;;) {
		ck_assert_int_eq(exec_link_flush(&near), 0);
		rc = exec_link_next(&far, ret);
		if (rc || far.ended)
			return rc;
		ck_assert_int_eq(exec_link_read(&far), 0);
	}
}

START_TEST(frames_arrive_whole_and_in_order)
{
	struct exec_frame frame;

	set_up(EXEC_DATA_MAX);
	ck_assert_int_eq(exec_link_send(&near, EXEC_DATA, EXEC_STDERR, "ab", 2, "cde", 3), 0);
	ck_assert_int_eq(exec_link_send(&near, EXEC_STARTED, 0, NULL, 0, NULL, 0), 0);
	ck_assert_int_eq(receive(&frame), 1);
	ck_assert(frame.type == EXEC_DATA && frame.stream == EXEC_STDERR && frame.size == 5 && !memcmp(frame.payload, "abcde", 5));
	ck_assert_int_eq(receive(&frame), 1);
	ck_assert(frame.type == EXEC_STARTED && frame.size == 0);
	close(pair[0]);
	ck_assert_int_eq(exec_link_read(&far), 0);
	ck_assert(far.ended);
	tear_down();
}
END_TEST

/* Each of these is the end of the connection, whatever follows. */
START_TEST(wrong_headers_are_no_frames)
{
	static const struct exec_header wrong[] = {
		{ 0, 0, 0, 0 }, { EXEC_FAILED + 1, 0, 0, 0 }, { EXEC_DATA, EXEC_STREAMS, 0, 1 }, { EXEC_DATA, 0, 1, 1 },
		{ EXEC_DATA, 0, 0, EXEC_DATA_MAX + 1 }, { EXEC_DATA, 0, 0, UINT32_MAX },
	};
	struct exec_frame frame;

	set_up(EXEC_DATA_MAX);
	ck_assert_int_eq(send(pair[0], &wrong[_i], sizeof wrong[0], 0), (ssize_t)sizeof wrong[0]);
	ck_assert_int_eq(exec_link_read(&far), 0);
	ck_assert_int_eq(exec_link_next(&far, &frame), -EPROTO);
	tear_down();
}
END_TEST

START_TEST(an_end_that_reads_nothing_is_noticed)
{
	static uint8_t data[EXEC_DATA_MAX];
	int rc = 0;

	set_up(EXEC_DATA_MAX);
	for (int i = 0; i < 1000 && !rc; i++)
		rc = exec_link_send(&near, EXEC_DATA, 0, data, sizeof data, NULL, 0);
	ck_assert_int_eq(rc, -ENOBUFS);
	tear_down();
}
END_TEST

START_TEST(a_request_arrives_as_it_was_sent)
{
	static char large[100000];
	const char *const arguments[] = { "printf", "", large, "%s\n", NULL }, *const variables[] = { "A=1", "B=", NULL };
	const struct exec_request sent = { .flags = EXEC_FLAG_TERMINAL, .rows = 24, .columns = 80, .user = "nobody",
					   .arguments = arguments, .variables = variables };
	struct exec_request got;
	struct exec_frame frame;

	memset(large, 'x', sizeof large - 1);
	set_up(EXEC_START_MAX);
	ck_assert_int_eq(exec_request_send(&near, &sent), 0);
	ck_assert_int_eq(receive(&frame), 1);
	ck_assert_int_eq(exec_request_decode(&frame, &got), 0);
	ck_assert(got.flags == sent.flags && got.rows == 24 && got.columns == 80 && !strcmp(got.user, "nobody"));
	for (int i = 0; i < 4; i++)
		ck_assert_str_eq(got.arguments[i], arguments[i]);
	ck_assert(!got.arguments[4] && !strcmp(got.variables[0], "A=1") && !strcmp(got.variables[1], "B=") && !got.variables[2]);
	exec_request_free(&got);
	tear_down();
}
END_TEST

START_TEST(a_request_that_is_too_large_is_not_sent)
{
	char *large = malloc(EXEC_START_MAX + 1);
	const char *const arguments[] = { "true", large, NULL }, *const none[] = { NULL };
	const struct exec_request request = { .user = "", .arguments = arguments, .variables = none };

	memset(large, 'x', EXEC_START_MAX);
	large[EXEC_START_MAX] = 0;
	set_up(EXEC_START_MAX);
	ck_assert_int_eq(exec_request_send(&near, &request), -E2BIG);
	ck_assert_uint_eq(exec_link_queued(&near), 0);
	free(large);
	tear_down();
}
END_TEST

static int decode(const struct exec_start *start, const char *strings, size_t size)
{
	uint8_t payload[256];
	struct exec_frame frame = { EXEC_START, 0, (uint32_t)(sizeof *start + size), payload };
	struct exec_request request;
	int rc;

	memcpy(payload, start, sizeof *start);
	memcpy(payload + sizeof *start, strings, size);
	rc = exec_request_decode(&frame, &request);
	if (!rc)
		exec_request_free(&request);
	return rc;
}

START_TEST(requests_are_checked)
{
	const struct exec_start one = { EXEC_VERSION, 0, 0, 0, 1, 0 }, with = { EXEC_VERSION, 0, 0, 0, 1, 1 };
	struct exec_start start = one;

	ck_assert_int_eq(decode(&one, "\0true", 6), 0);
	ck_assert_int_eq(decode(&one, "\0true", 5), -EPROTO);            /* no NUL at the end */
	ck_assert_int_eq(decode(&one, "\0true\0more", 11), -EPROTO);     /* more than was counted */
	ck_assert_int_eq(decode(&one, "\0", 1), -EPROTO);                /* less */
	ck_assert_int_eq(decode(&one, "", 0), -EPROTO);
	ck_assert_int_eq(decode(&with, "\0true\0A=1", 10), 0);
	ck_assert_int_eq(decode(&with, "\0true\0A", 8), -EPROTO);
	ck_assert_int_eq(decode(&with, "\0true\0=1", 9), -EPROTO);
	start.argument_count = 0;
	ck_assert_int_eq(decode(&start, "", 1), -EPROTO);                /* nothing to run */
	start.flags = EXEC_FLAG_LOGIN;
	ck_assert_int_eq(decode(&start, "", 1), 0);
	start.argument_count = 1;
	ck_assert_int_eq(decode(&start, "\0true", 6), -EPROTO);
	start.flags = 4;
	ck_assert_int_eq(decode(&start, "\0true", 6), -EPROTO);
	start.flags = 0;
	start.argument_count = UINT32_MAX;
	start.variable_count = 1;
	ck_assert_int_eq(decode(&start, "\0true", 6), -EPROTO);
	start.version = 2;
	ck_assert_int_eq(decode(&start, "\0true", 6), -EPROTONOSUPPORT);
}
END_TEST

static int sink_data(struct exec_sink *sink, uint32_t size)
{
	static uint8_t data[EXEC_DATA_MAX];
	const struct exec_frame frame = { EXEC_DATA, sink->stream, size, data };

	return exec_sink_data(sink, &frame, &near);
}

START_TEST(a_window_is_kept_by_both_ends)
{
	uint32_t bytes = 1;
	const struct exec_frame credit = { EXEC_CREDIT, EXEC_STDOUT, sizeof bytes, (const uint8_t *)&bytes };
	struct exec_source source;
	struct exec_sink sink;
	int pipes[2], zero = open("/dev/zero", O_RDONLY);

	set_up(EXEC_DATA_MAX);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(pipes, O_NONBLOCK), 0);
	exec_source_init(&source, EXEC_STDOUT, zero, true);
	ck_assert(!exec_source_credit(&source, &credit));                /* more than a window */
	for (uint32_t sent = 0; sent < EXEC_WINDOW; sent += EXEC_DATA_MAX)
		ck_assert_int_eq(exec_source_pump(&source, &near, SIZE_MAX), EXEC_DATA_MAX);
	ck_assert_int_eq(exec_source_pump(&source, &near, SIZE_MAX), 0);
	ck_assert(!exec_source_wants(&source, &far));
	ck_assert(exec_source_credit(&source, &credit) && source.credit == 1);
	exec_source_end(&source, &near, true);

	exec_sink_init(&sink, EXEC_STDIN, pipes[1], true, EXEC_WINDOW);
	ck_assert_int_eq(sink_data(&sink, 0), -EPROTO);
	for (uint32_t sent = 0; sent < EXEC_WINDOW; sent += EXEC_DATA_MAX)
		ck_assert_int_eq(sink_data(&sink, EXEC_DATA_MAX), 0);
	ck_assert_int_eq(sink_data(&sink, 1), -EPROTO);
	exec_link_free(&near);
	exec_sink_pump(&sink, &near);                                    /* a pipe holds 64 KiB, a quarter of the window */
	ck_assert(exec_link_queued(&near) == sizeof(struct exec_header) + sizeof(uint32_t));
	close(pipes[0]);
	exec_sink_pump(&sink, &near);
	ck_assert_int_eq(sink.fd, -1);                                   /* the reader has gone: told, and all is credited */
	ck_assert_int_eq(sink_data(&sink, EXEC_DATA_MAX), 0);
	exec_sink_end(&sink);
	ck_assert_int_eq(sink_data(&sink, 1), -EPROTO);
	exec_sink_free(&sink);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exec protocol");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, frames_arrive_whole_and_in_order);
	tcase_add_loop_test(tests, wrong_headers_are_no_frames, 0, 6);
	tcase_add_test(tests, an_end_that_reads_nothing_is_noticed);
	tcase_add_test(tests, a_request_arrives_as_it_was_sent);
	tcase_add_test(tests, a_request_that_is_too_large_is_not_sent);
	tcase_add_test(tests, requests_are_checked);
	tcase_add_test(tests, a_window_is_kept_by_both_ends);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
