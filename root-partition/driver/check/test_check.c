// SPDX-License-Identifier: BSD-2-Clause
/* bulkhead-check: what facts about a machine lead to. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static struct facts f;
static struct verdict verdicts[VERDICTS_MAX];
static size_t count;

/* A machine on which everything is as it should be. */
static void setup(void)
{
	f = (struct facts){ .svm = true, .nested_paging = true, .xsave = true, .invariant_tsc = true, .snp = FACT_NO, .svm_disabled = FACT_NO, .cpus = 2,
			    .module_installed = true, .headers_installed = true, .image_installed = true };
	strcpy(f.vendor, "AuthenticAMD");
	strcpy(f.kernel, "6.1.0-56-cloud-amd64");
	strcpy(f.lockdown, "none");
}

static const struct verdict *verdict(const char *name)
{
	count = check_judge(&f, verdicts);
	ck_assert_uint_le(count, VERDICTS_MAX);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(verdicts[i].name, name))
			return &verdicts[i];
	ck_abort_msg("no verdict %s", name);
}

/* A failure always comes with a remedy, and it alone decides the exit code. */
static void expect_failure(const char *name, const char *remedy_has)
{
	const struct verdict *v = verdict(name);

	ck_assert_int_eq(v->status, VERDICT_FAIL);
	ck_assert_ptr_nonnull(strstr(v->remedy, remedy_has));
	ck_assert(!check_can_run(verdicts, count));
}

START_TEST(sound_machine_can_run)
{
	count = check_judge(&f, verdicts);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(verdicts[i].status, VERDICT_OK);
		ck_assert_str_eq(verdicts[i].remedy, "");
	}
	ck_assert(check_can_run(verdicts, count));
}
END_TEST

START_TEST(intel_cannot)
{
	strcpy(f.vendor, "GenuineIntel");
	f.svm = f.nested_paging = false;
	expect_failure("processor", "AMD");
	expect_failure("amd-v", "AMD-V");
}
END_TEST

/* A guest without AMD-V is told to ask its host for it, not to buy a processor. */
START_TEST(guest_without_svm_asks_its_host)
{
	strcpy(f.outer_hypervisor, "KVMKVMKVM");
	f.svm = false;
	expect_failure("amd-v", "outer hypervisor");
	ck_assert_int_eq(verdict("outer")->status, VERDICT_INFO);
}
END_TEST

/* KVM may withhold it from its guest: the launch was then refused by the hypervisor without a reason that a person could read. */
START_TEST(without_xsave)
{
	f.xsave = false;
	expect_failure("xsave", "noxsave");
	strcpy(f.outer_hypervisor, "KVMKVMKVM");
	expect_failure("xsave", "outer hypervisor");
}
END_TEST

START_TEST(disabled_by_firmware_names_the_cpu)
{
	f.svm_disabled = FACT_YES;
	f.svm_locked = true;
	f.svm_disabled_cpu = 3;
	expect_failure("firmware", "BIOS");
	ck_assert_ptr_nonnull(strstr(verdict("firmware")->text, "locked) on CPU 3"));
}
END_TEST

/* Without the right to read MSRs the answer is "unknown", which does not stand in the way. */
START_TEST(unreadable_vm_cr_is_no_failure)
{
	f.svm_disabled = FACT_UNKNOWN;
	ck_assert_int_eq(verdict("firmware")->status, VERDICT_UNKNOWN);
	ck_assert(check_can_run(verdicts, count));
}
END_TEST

START_TEST(conditions_that_stand_in_the_way)
{
	f.kvm_loaded = true;
	expect_failure("kvm", "rmmod kvm_amd");
	setup();
	f.la57 = true;
	expect_failure("paging", "no5lvl");
	setup();
	f.memory_encryption = true;
	expect_failure("encryption", "mem_encrypt=off");
	setup();
	f.snp = FACT_YES;
	expect_failure("snp", "iommu=pt");
	setup();
	f.cpus = 65;
	expect_failure("cpus", "maxcpus=64");
	setup();
	f.nested_paging = false;
	expect_failure("nested-paging", "nested paging");
}
END_TEST

/* Such a machine is fit for trying things out, and for what does not look at the clock: a word, no refusal. */
START_TEST(tsc_that_is_not_invariant)
{
	f.invariant_tsc = false;
	ck_assert_int_eq(verdict("tsc")->status, VERDICT_INFO);
	ck_assert(check_can_run(verdicts, count));
}
END_TEST

/* What is only not installed yet does not make the machine unfit. */
START_TEST(missing_pieces_are_to_do)
{
	f.module_installed = f.headers_installed = f.image_installed = false;
	ck_assert_int_eq(verdict("module")->status, VERDICT_TODO);
	ck_assert_ptr_nonnull(strstr(verdict("module")->remedy, "linux-headers-6.1.0-56-cloud-amd64"));
	ck_assert_int_eq(verdict("image")->status, VERDICT_TODO);
	ck_assert(check_can_run(verdicts, count));
}
END_TEST

/* Under Bulkhead AMD-V is hidden: that must not read as a machine that cannot. */
START_TEST(launched_machine_can_run)
{
	f.launched = true;
	f.svm = f.nested_paging = false;
	f.svm_disabled = FACT_YES;
	strcpy(f.outer_hypervisor, "Microsoft Hv");
	ck_assert_int_eq(verdict("launched")->status, VERDICT_INFO);
	ck_assert(check_can_run(verdicts, count));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bulkhead-check");
	TCase *rules = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(rules, setup, NULL);
	tcase_add_test(rules, sound_machine_can_run);
	tcase_add_test(rules, intel_cannot);
	tcase_add_test(rules, guest_without_svm_asks_its_host);
	tcase_add_test(rules, without_xsave);
	tcase_add_test(rules, disabled_by_firmware_names_the_cpu);
	tcase_add_test(rules, unreadable_vm_cr_is_no_failure);
	tcase_add_test(rules, conditions_that_stand_in_the_way);
	tcase_add_test(rules, tsc_that_is_not_invariant);
	tcase_add_test(rules, missing_pieces_are_to_do);
	tcase_add_test(rules, launched_machine_can_run);
	suite_add_tcase(suite, rules);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
