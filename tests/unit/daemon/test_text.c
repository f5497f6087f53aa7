/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that a guest or a cut string may have spoilt, the last lines of a log, and what people read: tables, sizes, times, JSON. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/cli/table.h"
#include "root-partition/cli/value.h"
#include "root-partition/daemon/logtail.h"
#include "root-partition/daemon/text.h"

static const struct { const char *in, *out; } cleaned[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "two\nlines\tand \x1b[31m", "two lines and ?[31m" },
	{ "\x7f\x01", "??" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "cut \xe2\x82", "cut ??" },
	{ "cut \xf0\x9f\x98", "cut ???" },
	{ "\xff\xfe", "??" },
	{ "\xc0\xaf", "??" },            /* overlong '/' */
	{ "\xed\xa0\x80", "???" },       /* surrogate */
	{ "\xf4\x90\x80\x80", "????" },  /* above U+10FFFF */
	{ "\xc2\x9b" "31m", "??31m" },   /* a control sequence in one character */
};

START_TEST(spoilt_text_is_cleaned)
{
	char text[64];

	strcpy(text, cleaned[_i].in);
	text_clean(text);
	ck_assert_str_eq(text, cleaned[_i].out);
}
END_TEST

static const struct { uint64_t bytes; const char *text; } sizes[] = {
	{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1 KiB" }, { 1536, "1.5 KiB" }, { 512ull << 20, "512 MiB" }, { (3ull << 30) / 2, "1.5 GiB" },
	{ (1ull << 30) - 1, "1023.9 MiB" }, { 448ull << 30, "448 GiB" }, { UINT64_MAX, "16777215.9 TiB" },
};

START_TEST(sizes_have_units)
{
	char text[32];

	format_bytes(sizes[_i].bytes, text);
	ck_assert_str_eq(text, sizes[_i].text);
}
END_TEST

START_TEST(durations)
{
	char text[32];

	format_duration(0, text);
	ck_assert_str_eq(text, "00:00:00");
	format_duration(86399, text);
	ck_assert_str_eq(text, "23:59:59");
	format_duration(3 * 86400 + 3661, text);
	ck_assert_str_eq(text, "3d 01:01:01");
}
END_TEST

static char *written(const struct table *table, unsigned width)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	table_write(out, table, width);
	fclose(out);
	return text;
}

START_TEST(columns_are_aligned)
{
	static const char *const headings[] = { "NAME", ">MEMORY", "REASON" };
	struct table *table = table_new(3, headings);
	char *text;

	table_row(table, (const char *const[]){ "a", "16 MiB", "" });
	table_row(table, (const char *const[]){ "\xc3\xa4longer", "1.5 GiB", "went \x1b[2J off" });
	text = written(table, 0);
	ck_assert_str_eq(text, "NAME      MEMORY  REASON\n"
			       "a         16 MiB  -\n"
			       "\xc3\xa4longer  1.5 GiB  went ?[2J off\n");
	free(text);
	text = written(table, 23);
	ck_assert_str_eq(text, "NAME      MEMORY  REASO\n"
			       "a         16 MiB  -\n"
			       "\xc3\xa4longer  1.5 GiB  went \n");
	free(text);
	table_free(table);
}
END_TEST

START_TEST(empty_table_is_its_headings)
{
	static const char *const headings[] = { "NAME", "STATE" };
	struct table *table = table_new(2, headings);
	char *text = written(table, 0);

	ck_assert_str_eq(text, "NAME  STATE\n");
	free(text);
	table_free(table);
}
END_TEST

static struct value *string(const char *key, const char *text)
{
	struct value *v = value_new(VALUE_STRING, key);

	v->string = strdup(text);
	return v;
}

START_TEST(json_is_escaped_and_nested)
{
	struct value *dict = value_new(VALUE_DICT, NULL), *list = value_new(VALUE_LIST, "disks"), *yes = value_new(VALUE_BOOL, "on");
	struct value *number = value_new(VALUE_NUMBER, "n");
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	yes->number = 1;
	number->number = UINT64_MAX;
	value_add(dict, string("name", "a\"b\\c\n\x01"));
	value_add(dict, number);
	value_add(dict, yes);
	value_add(list, string(NULL, "x"));
	value_add(dict, list);
	value_add(dict, value_new(VALUE_LIST, "none"));
	value_write_json(out, dict, 0);
	fclose(out);
	ck_assert_str_eq(text, "{\n  \"name\": \"a\\\"b\\\\c\\u000a\\u0001\",\n  \"n\": 18446744073709551615,\n  \"on\": true,\n"
			       "  \"disks\": [\n    \"x\"\n  ],\n  \"none\": []\n}");
	ck_assert_str_eq(value_text(dict, "name"), "a\"b\\c\n\x01");
	ck_assert_str_eq(value_text(dict, "absent"), "");
	ck_assert_uint_eq(value_count(dict, "n"), UINT64_MAX);
	free(text);
	value_free(dict);
}
END_TEST

static void write_log(int dir, const char *text)
{
	int fd = openat(dir, "p-worker.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(log_tail_is_the_last_lines_of_this_run)
{
	char path[] = "/tmp/bulkhead-log-XXXXXX", tail[256], many[8192];
	int dir;

	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY);
	log_tail(dir, "p", 0, tail, sizeof tail);
	ck_assert_str_eq(tail, "");
	write_log(dir, "earlier run\nfirst\n");
	log_tail(dir, "p", 12, tail, sizeof tail);
	ck_assert_str_eq(tail, "first");
	log_tail(dir, "p", 18, tail, sizeof tail);
	ck_assert_str_eq(tail, "");
	write_log(dir, "1\n2\n\n3\n4\n");
	log_tail(dir, "p", 0, tail, sizeof tail);
	ck_assert_str_eq(tail, "2 | 3 | 4");
	write_log(dir, "bulkhead-worker: p: sandbox: denied\nbulkhead-worker: q: kept\n");
	log_tail(dir, "p", 0, tail, sizeof tail);
	ck_assert_str_eq(tail, "sandbox: denied | bulkhead-worker: q: kept");
	memset(many, 'x', sizeof many - 1);
	many[sizeof many - 1] = 0;
	write_log(dir, many);
	log_tail(dir, "p", 0, tail, sizeof tail);
	ck_assert_uint_eq(strlen(tail), sizeof tail - 1);
	unlinkat(dir, "p-worker.log", 0);
	close(dir);
	rmdir(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tc = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, spoilt_text_is_cleaned, 0, sizeof cleaned / sizeof *cleaned);
	tcase_add_loop_test(tc, sizes_have_units, 0, sizeof sizes / sizeof *sizes);
	tcase_add_test(tc, durations);
	tcase_add_test(tc, columns_are_aligned);
	tcase_add_test(tc, empty_table_is_its_headings);
	tcase_add_test(tc, json_is_escaped_and_nested);
	tcase_add_test(tc, log_tail_is_the_last_lines_of_this_run);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
