/* SPDX-License-Identifier: BSD-2-Clause */
/* WQL and object paths without a model: what is accepted, what is refused and where, and what fits. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/cim/path.h"
#include "wmi-like-api/cim/wql.h"

/* A few properties of every type; "Nothing" is null, "List" an array. */
static const struct { const char *name; enum cim_type type; const char *text; } properties[] = {
	{ "Name", CIM_STRING, "Web1" }, { "Guid", CIM_STRING, "6A45335D-4C3A-44B7-B61F-C9808BBDF8ED" }, { "Path", CIM_STRING, "C:\\a 'b'" },
	{ "State", CIM_UINT16, "2" }, { "Big", CIM_UINT64, "18446744073709551615" }, { "Less", CIM_SINT32, "-5" }, { "Ready", CIM_BOOLEAN, "true" },
	{ "Ratio", CIM_REAL64, "0.5" }, { "When", CIM_DATETIME, "20260101000000.000000+000" }, { "Nothing", CIM_STRING, NULL }, { "Host", CIM_STRING, "web1" },
};

static bool look(void *arg, const char *name, struct wql_value *ret)
{
	static struct cim_value values[4];
	static unsigned at;

	(void)arg;
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
		struct cim_value *value = &values[at++ % 4];
		static struct cim_item items[4];
		struct cim_item *mine = &items[at % 4];

		if (strcasecmp(name, properties[i].name))
			continue;
		mine->text = properties[i].text;
		*value = (struct cim_value){ .null = !properties[i].text, .count = 1, .items = mine };
		*ret = (struct wql_value){ .type = properties[i].type, .value = value };
		return true;
	}
	return false;
}

static enum wql_truth truth(const char *condition)
{
	struct pool pool = { NULL };
	struct cim_error error = { 0 };
	const struct wql_query *q;
	const char *unknown = NULL;
	enum wql_truth result;
	char text[4000];

	snprintf(text, sizeof text, "SELECT * FROM X WHERE %s", condition);
	q = wql_parse(&pool, text, "root/cimv2", &error);
	ck_assert_msg(q != NULL, "%s: %s", condition, error.text);
	result = wql_match(q->where, look, NULL, &unknown);
	pool_release(&pool);
	return result;
}

START_TEST(conditions)
{
	static const char *const yes[] = {
		"Name = 'web1'", "name='WEB1'", "Name != 'x'", "Name <> \"x\"", "Guid = '6a45335d-4c3a-44b7-b61f-c9808bbdf8ed'", "State = 2", "State='2'",
		"State >= 2 AND State <= 0x2", "State > 1", "State < 3", "2 = State", "1 < State", "Big > 1", "Big = 18446744073709551615", "Less = -5",
		"Less < 0", "Ready = TRUE", "Ready = 'true'", "Ready = 1", "NOT Ready = false", "Ratio = 0.5", "Ratio < 1", "Nothing IS NULL",
		"Nothing = NULL", "Name IS NOT NULL", "Name != NULL", "Name = Host", "When > '2025'", "Path = 'C:\\\\a \\'b\\''", "Name LIKE 'w%'",
		"Name LIKE '%1'", "Name LIKE 'w_b[0-9]'", "Name LIKE '[^a]eb1'", "NOT Name LIKE '[^w]%'", "Name LIKE '%e%b%'", "Name = 'a' OR Name = 'web1'",
		"(Name = 'a' OR State = 2) AND Ready = true", "Name = 'a' AND State = 3 OR State = 2", "NOT (Name = 'a' AND State = 2)", "nothing = 'a' OR State = 2",
	};
	static const char *const no[] = {
		"Name = 'x'", "State = 3", "Name = 'web1' AND State = 3", "NOT State = 2", "Name LIKE 'eb%'", "Name LIKE ''", "Big < 5", "State = 99999999999999999999 AND State = 3",
	};
	static const char *const unknown[] = { "Nothing = 'a'", "Nothing != 'a'", "NOT Nothing = 'a'", "State = 'abc'", "Nothing LIKE '%'", "Nothing = 'a' AND State = 2" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		ck_assert_msg(truth(yes[i]) == WQL_TRUE, "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		ck_assert_msg(truth(no[i]) == WQL_FALSE, "%s", no[i]);
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		ck_assert_msg(truth(unknown[i]) == WQL_UNKNOWN, "%s", unknown[i]);
}
END_TEST

START_TEST(what_is_refused_and_where)
{
	static const struct { const char *text, *says; } rows[] = {
		{ "", "begins with SELECT, ASSOCIATORS or REFERENCES at character 1" },
		{ "DELETE FROM X", "begins with" },
		{ "SELECT", "property's name is missing" },
		{ "SELECT * X", "FROM is missing at character 10" },
		{ "SELECT * FROM X WHERE", "property's name is missing" },
		{ "SELECT * FROM X WHERE a", "operator" },
		{ "SELECT * FROM X WHERE a = 'b", "without its end" },
		{ "SELECT * FROM X WHERE (a = 1", "')' is missing" },
		{ "SELECT * FROM X WHERE a = 1)", "')' is too much" },
		{ "SELECT * FROM X WHERE a LIKE", "value is missing" },
		{ "SELECT * FROM X WHERE 'a' LIKE a", "left of this operator" },
		{ "ASSOCIATORS {a}", "OF is missing" },
		{ "ASSOCIATORS OF {X.a='}", "'}' is missing" },
		{ "ASSOCIATORS OF {X}", "no object path" },
		{ "ASSOCIATORS OF {X.a=1} WHERE Wrong = x", "'Wrong' is not known" },
		{ "REFERENCES OF {X.a=1} WHERE ResultClass x", "'=' is missing" },
	};
	struct pool pool = { NULL };
	struct cim_error error;
	char deep[400] = "SELECT * FROM X WHERE ";

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_msg(!wql_parse(&pool, rows[i].text, "", &error), "%s", rows[i].text);
		ck_assert_int_eq(error.status, CIM_INVALID_QUERY);
		ck_assert_msg(strstr(error.text, rows[i].says) != NULL, "%s: %s", rows[i].text, error.text);
	}
	memset(deep + strlen(deep), '(', 300);
	ck_assert_ptr_null(wql_parse(&pool, deep, "", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "levels"));
	pool_release(&pool);
}
END_TEST

/* Neither a long chain of OR nor a pattern of % takes long: each instance is matched while others wait. */
START_TEST(bounds)
{
	static char text[WQL_MAX_TEXT + 2], name[5000];
	struct pool pool = { NULL };
	struct cim_error error;
	const struct wql_query *q;
	const char *unknown = NULL;

	strcpy(text, "SELECT * FROM X WHERE State=3");
	for (size_t i = 1; i < WQL_MAX_NODES / 2; i++)
		strcat(text, " OR State=3");
	q = wql_parse(&pool, text, "", &error);
	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(wql_match(q->where, look, NULL, &unknown), WQL_FALSE);
	for (size_t at = strlen(text); at + 12 < WQL_MAX_TEXT; at += 11)
		strcpy(text + at, " OR State=3");
	ck_assert_ptr_null(wql_parse(&pool, text, "", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "conditions"));
	memset(text, ' ', WQL_MAX_TEXT + 1);
	ck_assert_ptr_null(wql_parse(&pool, text, "", &error));
	memset(name, 'a', sizeof name - 1);
	for (unsigned i = 0; i < 1000; i++)
		memcpy(text + 2 * i, "%a", 2);
	strcpy(text + 2000, "%b");
	ck_assert(!wql_like(name, text));
	pool_release(&pool);
}
END_TEST

START_TEST(projections_and_relations)
{
	struct pool pool = { NULL };
	struct cim_error error;
	const struct wql_query *q = wql_parse(&pool, "select A , b FROM Msvm_X WITHIN 2 where TargetInstance.Name = 'a'", "", &error);

	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq(q->column_count, 2);
	ck_assert_str_eq(q->columns[1], "b");
	ck_assert_str_eq(q->where->name, "TargetInstance.Name");
	q = wql_parse(&pool, "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name='}'} WHERE AssocClass = A ResultClass=B Role = C "
			     "ResultRole = D KeysOnly", "root/x", &error);
	ck_assert_ptr_nonnull(q);
	ck_assert_str_eq(q->object->space, "root/x");
	ck_assert_str_eq(path_key(q->object, "name"), "}");
	ck_assert_str_eq(q->assoc_class, "A");
	ck_assert_str_eq(q->result_role, "D");
	ck_assert(q->keys_only);
	pool_release(&pool);
}
END_TEST

START_TEST(paths)
{
	static const char *const same[] = {
		"\\\\host\\root\\virtualization\\v2:Msvm_X.InstanceID=\"Microsoft:a\\\\b\"", "//HOST.example.org/root/virtualization/v2:msvm_x.instanceid='microsoft:A\\\\B'",
		"Msvm_X.InstanceID=\"Microsoft:a\\\\b\"", "Msvm_X=\"Microsoft:a\\\\b\"", "root\\virtualization\\v2:Msvm_X.InstanceID = \"Microsoft:a\\\\b\" ",
	};
	static const char *const wrong[] = { "", "X", "X.", "X.a", "X.a=", "X.a='b", "X.a='b',", "X.a='b' c", ".a=1", "X.a=1,b=" };
	struct pool pool = { NULL };
	const struct cim_path *first = path_parse(&pool, same[0], strlen(same[0]), "");
	char *text;

	ck_assert_ptr_nonnull(first);
	ck_assert_str_eq(first->space, "root/virtualization/v2");
	ck_assert_str_eq(path_key(first, "InstanceID"), "Microsoft:a\\b");
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		const struct cim_path *path = path_parse(&pool, same[i], strlen(same[i]), "root/virtualization/v2");

		ck_assert_msg(path && path_equal(first, path), "%s", same[i]);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!path_parse(&pool, wrong[i], strlen(wrong[i]), ""), "%s", wrong[i]);
	text = path_format(&pool, "host", first);
	ck_assert_str_eq(text, same[0]);
	pool_release(&pool);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wql");
	TCase *tests = tcase_create("wql");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, conditions);
	tcase_add_test(tests, what_is_refused_and_where);
	tcase_add_test(tests, bounds);
	tcase_add_test(tests, projections_and_relations);
	tcase_add_test(tests, paths);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
