/* SPDX-License-Identifier: BSD-2-Clause */
/* The one line that is kept of what a crashed guest said. */
#include <string.h>

#include "crash.h"
#include "tests/unit/run_tests.h"

static const uint64_t parameters[5] = { 0x7f, 1, 2, 3, 4 };
static char reason[64];

static const char *reason_of(const char *text, size_t size)
{
	memset(reason, '?', sizeof reason);
	crash_reason(parameters, text, size, reason, sizeof reason);
	return reason;
}

#define REASON(text) reason_of(text, sizeof(text) - 1)

/* Linux gives the end of its log: the panic's line stands in the middle. */
START_TEST(the_line_of_the_panic)
{
	ck_assert_str_eq(REASON("[    1.0] sysrq: Trigger a crash\n[    1.1] Kernel panic - not syncing: sysrq triggered crash\n"
				"[    1.2] CPU: 0 PID: 1\n"), "Kernel panic - not syncing: sysrq triggered crash");
	ck_assert_str_eq(REASON("<0>[ 1.1] Kernel panic - not syncing: x"), "Kernel panic - not syncing: x");
}
END_TEST

START_TEST(without_one_the_last_line)
{
	ck_assert_str_eq(REASON("first\nlast one\n\n"), "last one");
	ck_assert_str_eq(REASON("[ 1.0] first\n[ 1.1] "), "first");
}
END_TEST

/* No text at all: the parameters, as of a guest that has no text to give. */
START_TEST(without_a_text_the_parameters)
{
	ck_assert_str_eq(REASON(""), "crash parameters 0x7f 0x1 0x2 0x3 0x4");
	ck_assert_str_eq(REASON("\n\n[]"), "crash parameters 0x7f 0x1 0x2 0x3 0x4");
	ck_assert_str_eq(REASON("\0panic"), "crash parameters 0x7f 0x1 0x2 0x3 0x4");
}
END_TEST

/* Nothing of it can move a terminal's cursor, run beyond the copy, or beyond the result. */
START_TEST(hostile_text)
{
	static char page[CRASH_TEXT_MAX];

	ck_assert_str_eq(REASON("panic \033[2J\t\377!"), "panic .[2J..!");
	memset(page, 'x', sizeof page);
	ck_assert_uint_eq(strlen(reason_of(page, sizeof page)), sizeof reason - 1);
	memset(page, '[', sizeof page);
	ck_assert_uint_eq(strlen(reason_of(page, sizeof page)), sizeof reason - 1);
	memset(page, '<', sizeof page);
	ck_assert_uint_eq(strlen(reason_of(page, sizeof page)), sizeof reason - 1);
}
END_TEST

RUN_TESTS("worker crash", the_line_of_the_panic, without_one_the_last_line, without_a_text_the_parameters, hostile_text)
