/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated tables: whole, and with everything that a client of Hyper-V declares. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/cim.h"

static const char *const type_names[] = {
	"boolean", "uint8", "sint8", "uint16", "sint16", "uint32", "sint32", "uint64", "sint64", "real32", "real64", "string", "datetime", "ref", "instance"
};

static const struct cim_class *find(const char *name)
{
	const struct cim_class *class = cim_class_find("root/virtualization/v2", name);

	return class ? class : cim_class_find("ROOT/CIMV2", name);
}

static const struct cim_property *property_of(const struct cim_class *class, const char *name)
{
	for (unsigned i = 0; i < class->property_count; i++)
		if (!strcmp(class->properties[i].name, name))
			return &class->properties[i];
	return NULL;
}

/* libvirt reads a state of three classes as text; CIM has it as a number. */
static bool type_fits(const char *property, const char *theirs, const char *ours)
{
	if (!strncmp(theirs, "int", 3))
		return *ours == 's' && !strcmp(theirs, ours + 1);
	return !strcmp(theirs, ours) || (!strcmp(property, "EnabledState") && !strcmp(theirs, "string") && !strcmp(ours, "uint16"));
}

START_TEST(all_declared_properties_are_there)
{
	char line[300], class_name[100], property[100], type[20], form[60];
	FILE *file = fopen(PROPERTIES, "r");
	unsigned count = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof line, file)) {
		const struct cim_class *class;
		const struct cim_property *p;

		if (*line == '#')
			continue;
		ck_assert_int_eq(sscanf(line, "%99s %99s %19s %59s", class_name, property, type, form), 4);
		class = find(class_name);
		ck_assert_msg(class != NULL, "no class %s", class_name);
		p = property_of(class, property);
		ck_assert_msg(p != NULL, "no %s.%s", class_name, property);
		ck_assert_msg(p->array == !strcmp(form, "array"), "%s.%s", class_name, property);
		ck_assert_msg(type_fits(property, type, type_names[p->type]), "%s.%s is %s", class_name, property, type_names[p->type]);
		count++;
	}
	fclose(file);
	ck_assert_uint_gt(count, 1000);
}
END_TEST

/* Every class can be named: it has keys, unless it is only ever embedded. */
START_TEST(tables_are_whole)
{
	static const char *const embedded[] = { "Msvm_KvpExchangeDataItem", "Msvm_SummaryInformation" };

	for (const struct cim_class *const *at = cim_classes; *at; at++) {
		const struct cim_class *class = *at;
		unsigned keys = 0;
		bool needs = strncmp(class->name, "__", 2);

		for (size_t i = 0; i < sizeof embedded / sizeof *embedded; i++)
			needs &= strcmp(class->name, embedded[i]) != 0;
		ck_assert_ptr_eq(cim_class_find(class->space, class->name), class);
		for (unsigned i = 0; i < class->property_count; i++) {
			keys += class->properties[i].key;
			for (unsigned k = 0; k < i; k++)
				ck_assert_msg(strcasecmp(class->properties[i].name, class->properties[k].name) != 0, "%s.%s twice", class->name,
					      class->properties[i].name);
		}
		ck_assert_msg(!needs || keys, "%s has no key", class->name);
		for (unsigned i = 0; i < class->method_count; i++)
			for (unsigned k = 0; k < class->methods[i].parameter_count; k++)
				ck_assert(class->methods[i].parameters[k].in != class->methods[i].parameters[k].out);
	}
}
END_TEST

START_TEST(things_are_found_in_any_case)
{
	const struct cim_class *class = cim_class_find("Root/Virtualization/V2", "msvm_computersystem");

	ck_assert_ptr_nonnull(class);
	ck_assert_str_eq(class->name, "Msvm_ComputerSystem");
	ck_assert_str_eq(class->ancestors[1], "CIM_ComputerSystem");
	ck_assert_ptr_nonnull(cim_method_find(class, "requeststatechange"));
	ck_assert(cim_method_find(class, "requeststatechange")->changes);
	ck_assert_ptr_null(cim_method_find(class, "InitiateShutdown"));
	ck_assert_ptr_null(cim_class_find("root/cimv2", "Msvm_ComputerSystem"));
	ck_assert_ptr_null(cim_class_find("root/virtualization/v2", "CIM_ComputerSystem"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cim schema");
	TCase *tests = tcase_create("schema");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, all_declared_properties_are_there);
	tcase_add_test(tests, tables_are_whole);
	tcase_add_test(tests, things_are_found_in_any_case);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
