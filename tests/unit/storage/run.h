/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of each test program here. */
#ifndef BULKHEAD_TEST_STORAGE_RUN_H
#define BULKHEAD_TEST_STORAGE_RUN_H

#include <check.h>
#include <stdlib.h>

static int run_cases(const char *name, TCase *cases)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
