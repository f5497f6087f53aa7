/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a test program: one suite of one case. */
#ifndef BULKHEAD_TESTS_UNIT_RUN_TESTS_H
#define BULKHEAD_TESTS_UNIT_RUN_TESTS_H

#include <check.h>
#include <stdlib.h>

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tests_case = tcase_create(name);
	SRunner *runner;
	int failed;
	size_t i;

	tcase_set_timeout(tests_case, 100);
	for (i = 0; i < count; i++)
		tcase_add_test(tests_case, tests[i]);
	suite_add_tcase(suite, tests_case);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN_TESTS(name, ...) \
	int main(void) \
	{ \
		const TTest *const tests[] = { __VA_ARGS__ }; \
\
		return run_tests(name, tests, sizeof tests / sizeof tests[0]); \
	}

#endif
