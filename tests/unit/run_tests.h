/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a test program: one suite, of one case unless the program has made several. */
#ifndef BULKHEAD_TESTS_UNIT_RUN_TESTS_H
#define BULKHEAD_TESTS_UNIT_RUN_TESTS_H

#include <check.h>
#include <stdlib.h>

/** For programs with cases of their own: what main returns. */
static inline int run_cases(const char *name, TCase *const *cases, size_t count)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	for (size_t i = 0; i < count; i++) {
		tcase_set_timeout(cases[i], 100);
		suite_add_tcase(suite, cases[i]);
	}
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int run_tests(const char *name, SFun set_up, SFun tear_down, const TTest *const *tests, size_t count)
{
	TCase *tests_case = tcase_create(name);

	tcase_add_checked_fixture(tests_case, set_up, tear_down);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tests_case, tests[i]);
	return run_cases(name, &tests_case, 1);
}

/* With a fixture around each test. */
#define RUN_TESTS_WITH(name, set_up, tear_down, ...) \
	int main(void) \
	{ \
		const TTest *const tests[] = { __VA_ARGS__ }; \
\
		return run_tests(name, set_up, tear_down, tests, sizeof tests / sizeof tests[0]); \
	}

#define RUN_TESTS(name, ...) RUN_TESTS_WITH(name, NULL, NULL, __VA_ARGS__)

#endif
