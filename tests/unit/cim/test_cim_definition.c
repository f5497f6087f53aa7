/* SPDX-License-Identifier: BSD-2-Clause */
/* Definitions read and edited: what an edit does not name stays as it was, and what was written is read again. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/cim/definition.h"

static const char text[] =
	"<partition>\n"
	"  <name>web1</name>\n"
	"  <uuid>6a45335d-4c3a-44b7-b61f-c9808bbdf8ed</uuid>\n"
	"  <memory unit='GiB'>1</memory>\n"
	"  <vcpu>2</vcpu>\n"
	"  <!-- kept: <vcpu>9</vcpu> -->\n"
	"  <os><kernel>/boot/a&amp;b</kernel></os>\n"
	"  <devices>\n"
	"    <disk type='file'><source file='/srv/a.img'/><target dev='sdc'/><readonly/><serial>s1</serial></disk>\n"
	"    <disk type='block'><source dev='/dev/vg/b'/><target controller='1' lun='40'/></disk>\n"
	"    <interface type='bridge'><source bridge='br0'/><mac address='00:15:5d:0a:00:01'/><vlan><tag id='42'/></vlan></interface>\n"
	"  </devices>\n"
	"  <autostart order='7'>yes</autostart>\n"
	"</partition>\n";

START_TEST(everything_is_read)
{
	struct definition *d = definition_parse(text);

	ck_assert_ptr_nonnull(d);
	ck_assert_str_eq(d->name, "web1");
	ck_assert_str_eq(d->uuid, "6A45335D-4C3A-44B7-B61F-C9808BBDF8ED");
	ck_assert_uint_eq(d->memory_bytes, 1ull << 30);
	ck_assert(d->startup_bytes == d->memory_bytes && !d->dynamic_memory);
	ck_assert_uint_eq(d->vps, 2);
	ck_assert_uint_eq(d->disk_count, 2);
	ck_assert_str_eq(d->disks[0].source, "/srv/a.img");
	ck_assert(d->disks[0].controller == 0 && d->disks[0].lun == 2 && d->disks[0].read_only && !d->disks[0].block);
	ck_assert(d->disks[1].controller == 1 && d->disks[1].lun == 40 && d->disks[1].block);
	ck_assert_uint_eq(d->interface_count, 1);
	ck_assert_str_eq(d->interfaces[0].mac, "00155D0A0001");
	ck_assert_uint_eq(d->interfaces[0].vlan, 42);
	ck_assert(d->autostart && d->autostart_order == 7);
	definition_free(d);
}
END_TEST

START_TEST(an_edit_changes_what_it_names)
{
	struct edit_memory memory = { true, 2ull << 30, 1ull << 30, 512ull << 20, 30, 70 };
	struct edit *e = edit_open(text);
	struct definition *d;
	char *now;

	ck_assert_ptr_nonnull(e);
	edit_set_vps(e, 4);
	edit_set_description(e, "a < b & c");
	edit_set_autostart(e, false, -1);
	edit_set_restart(e, true);
	edit_set_memory(e, &memory);
	edit_add_disk(e, 2, 9, "/srv/\"x\".img", false);
	ck_assert(edit_remove_disk(e, 0, 2));
	ck_assert(!edit_remove_disk(e, 0, 2));
	edit_add_interface(e, "br1", "00155D0A0002", 0);
	ck_assert(edit_set_interface(e, 0, "br2", 0, 1));
	now = edit_close(e);
	ck_assert_ptr_nonnull(strstr(now, "<!-- kept: <vcpu>9</vcpu> -->"));
	ck_assert_ptr_nonnull(strstr(now, "<kernel>/boot/a&amp;b</kernel>"));
	ck_assert_ptr_nonnull(strstr(now, "<description>a &lt; b &amp; c</description>\n"));
	d = definition_parse(now);
	ck_assert_ptr_nonnull(d);
	ck_assert(d->vps == 4 && !d->autostart && d->autostart_order == 7 && d->restart_on_crash);
	ck_assert(d->dynamic_memory && d->minimum_bytes == 512ull << 20 && d->startup_bytes == 1ull << 30 && d->memory_bytes == 2ull << 30);
	ck_assert(d->memory_buffer == 30 && d->memory_priority == 70);
	ck_assert_uint_eq(d->disk_count, 2);
	ck_assert_str_eq(d->disks[1].source, "/srv/\"x\".img");
	ck_assert_uint_eq(d->interface_count, 2);
	ck_assert_str_eq(d->interfaces[0].bridge, "br2");
	ck_assert(!d->interfaces[0].vlan && d->interfaces[0].allow_spoofing);
	definition_free(d);
	/* and back */
	e = edit_open(now);
	memory.dynamic = false;
	edit_set_memory(e, &memory);
	edit_set_description(e, "");
	free(now);
	now = edit_close(e);
	ck_assert_ptr_null(strstr(now, "dynamicMemory"));
	ck_assert_ptr_null(strstr(now, "description"));
	free(now);
}
END_TEST

START_TEST(an_edit_of_nothing_changes_nothing)
{
	struct edit *e = edit_open(text);
	char *now = edit_close(e);

	/* libxml2 writes attributes in double quotes */
	for (char *c = now; *c; c++)
		if (*c == '"')
			*c = '\'';
	ck_assert_str_eq(now, text);
	free(now);
}
END_TEST

START_TEST(what_is_no_definition)
{
	static const char *const wrong[] = { "", "<partition>", "<domain/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><partition/>" };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_msg(!definition_parse(wrong[i]), "%s", wrong[i]);
		ck_assert_ptr_null(edit_open(wrong[i]));
	}
}
END_TEST

START_TEST(a_new_one_and_an_interface)
{
	char *now = definition_new_text("n", NULL, "/boot/vmlinuz", "/boot/initrd", "a&b");
	char *interface = definition_interface_text("br0", "00155D0A0002", 5);
	struct definition *d = definition_parse(now);

	ck_assert_ptr_nonnull(strstr(now, "<kernel>/boot/vmlinuz</kernel>\n    <initrd>/boot/initrd</initrd>\n    <cmdline>a&amp;b</cmdline>"));
	ck_assert_str_eq(d->name, "n");
	ck_assert_uint_eq(d->vps, 1);
	ck_assert_str_eq(interface, "<interface type=\"bridge\">\n      <source bridge=\"br0\"/>\n      <mac address=\"00:15:5D:0A:00:02\"/>\n      "
				    "<vlan>\n        <tag id=\"5\"/>\n      </vlan>\n    </interface>");
	definition_free(d);
	free(now);
	free(interface);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cim definition");
	TCase *tests = tcase_create("definition");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, everything_is_read);
	tcase_add_test(tests, an_edit_changes_what_it_names);
	tcase_add_test(tests, an_edit_of_nothing_changes_nothing);
	tcase_add_test(tests, what_is_no_definition);
	tcase_add_test(tests, a_new_one_and_an_interface);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
