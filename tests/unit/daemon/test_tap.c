/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon tells the kernel of a partition's interface: names that fit and cannot meet another partition's device, how many
 * queues, and requests whose attributes lie within each other as the kernel reads them.
 */
#include <check.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/daemon/netlink.h"
#include "root-partition/daemon/tap.h"

START_TEST(names_fit_and_are_the_kernels_to_number)
{
	char pattern[IFNAMSIZ];

	tap_name_pattern("web1", pattern);
	ck_assert_str_eq(pattern, "bh-web1-%d");
	tap_name_pattern("a-name-that-is-rather-long", pattern);
	ck_assert_str_eq(pattern, "bh-a-name-th-%d");
	ck_assert_uint_le(strlen(pattern), IFNAMSIZ - 1);
}
END_TEST

START_TEST(queues_are_one_unless_told)
{
	struct config_interface interface = { 0 };

	ck_assert_uint_eq(tap_queues(&interface, 1), 1);
	ck_assert_uint_eq(tap_queues(&interface, 64), 1);
	interface.queues = 4;
	ck_assert_uint_eq(tap_queues(&interface, 64), 4);
	ck_assert_uint_eq(tap_queues(&interface, 2), 2);
}
END_TEST

START_TEST(attributes_are_nested_and_padded)
{
	static const struct ifinfomsg link = { .ifi_index = 7 };
	struct netlink_request r;
	const struct nlattr *inner;
	struct nlattr *outer;

	ck_assert_ptr_eq(netlink_begin(&r, RTM_NEWLINK, NLM_F_CREATE, &link, sizeof link), r.bytes + NLMSG_HDRLEN);
	ck_assert_uint_eq(r.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
	outer = netlink_open(&r, 5);
	netlink_put_text(&r, 6, "tbf-x");        /* 6 bytes with NUL, padded to 8 */
	netlink_put_u32(&r, 7, 0x01020304);
	netlink_close(&r, outer);
	ck_assert_ptr_eq(outer, r.bytes + NLMSG_HDRLEN + sizeof link);
	ck_assert_uint_eq(outer->nla_len, 4 + 12 + 8);
	inner = (const struct nlattr *)((const char *)outer + 4);
	ck_assert_uint_eq(inner->nla_len, 10);
	inner = (const struct nlattr *)((const char *)inner + 12);
	ck_assert_uint_eq(inner->nla_type, 7);
	ck_assert_uint_eq(inner->nla_len, 8);
	ck_assert_uint_eq(r.header.nlmsg_len, NLMSG_HDRLEN + sizeof link + 24);
}
END_TEST

START_TEST(a_bridge_that_is_none_is_named_with_the_remedy)
{
	struct config_interface missing = { .bridge = "bh-none" }, none = { .bridge = "lo" };
	struct tap tap;
	char why[256];

	ck_assert_int_eq(tap_open("web1", &missing, 1, &tap, why, sizeof why), ENODEV);
	ck_assert_str_eq(why, "there is no bridge bh-none; 'ip link add bh-none type bridge' makes one");
	ck_assert_int_eq(tap_open("web1", &none, 1, &tap, why, sizeof why), ENODEV);
	ck_assert_str_eq(why, "lo is no bridge; name one in <source bridge=''/>");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tap");
	TCase *tc = tcase_create("tap");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, names_fit_and_are_the_kernels_to_number);
	tcase_add_test(tc, queues_are_one_unless_told);
	tcase_add_test(tc, attributes_are_nested_and_padded);
	tcase_add_test(tc, a_bridge_that_is_none_is_named_with_the_remedy);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
