/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, UUIDs, the edits of a definition's text (all other bytes stay), and the replacement of files. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/config/config.h"
#include "definitions.h"

static const struct { const char *name; bool valid; } names[] = {
	{ "a", true }, { "web1", true }, { "A.b_c-9", true }, { "_x", true }, { "9", true },
	{ "", false }, { ".", false }, { "..", false }, { ".a", false }, { "-a", false }, { "a/b", false }, { "a b", false },
	{ "a\n", false }, { "\xc3\xa4", false }, { "a%", false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

START_TEST(names_are_checked)
{
	ck_assert_msg(config_name_valid(names[_i].name) == names[_i].valid, "%s", names[_i].name);
}
END_TEST

START_TEST(uuid_text_goes_both_ways)
{
	uint8_t uuid[16], again[16];
	char text[CONFIG_UUID_TEXT];

	ck_assert_int_eq(config_uuid_generate(uuid), 0);
	config_uuid_format(uuid, text);
	ck_assert_int_eq(text[14], '4');
	ck_assert_int_eq(config_uuid_parse(text, again), 0);
	ck_assert_mem_eq(uuid, again, 16);
	ck_assert_int_eq(config_uuid_parse("6BA7B8109DAD11D180B400C04FD430C8", again), 0);
	ck_assert_int_eq(config_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c", again), -1);
	ck_assert_int_eq(config_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c89", again), -1);
	ck_assert_int_eq(config_uuid_parse("6ba7b810--9dad-11d1-80b4-00c04fd430c8", again), -1);
	ck_assert_int_eq(config_uuid_parse("6ba7b8109dad11d180b400c04fd430c8-", again), -1);
	ck_assert_int_eq(config_uuid_parse("", again), -1);
}
END_TEST

static const uint8_t some_uuid[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

/* The text with the inserted line taken out again is the text as it was given. */
START_TEST(uuid_is_inserted_and_nothing_else_changes)
{
	static const char line[] = "\n\t<uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid>";
	char *text = config_text_with_uuid(full_definition, strlen(full_definition), some_uuid), *at;
	struct partition_config *config;
	struct config_error error;

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(!config_parse("t", text, strlen(text), &config, &error), "%s", error.text);
	ck_assert(config->has_uuid);
	ck_assert_mem_eq(config->uuid, some_uuid, 16);
	config_free(config);
	at = strstr(text, line);
	ck_assert_ptr_nonnull(at);
	memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
	ck_assert_str_eq(text, full_definition);
	free(text);
}
END_TEST

START_TEST(uuid_in_a_text_on_one_line)
{
	static const char one[] = "<partition><metadata><name>x</name></metadata><name >a</name><memory>65536</memory></partition>";
	char *text = config_text_with_uuid(one, strlen(one), some_uuid);

	ck_assert_str_eq(text, "<partition><metadata><name>x</name></metadata><name >a</name>"
			       "<uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid><memory>65536</memory></partition>");
	free(text);
}
END_TEST

START_TEST(autostart_is_changed_in_place)
{
	static const char with[] = WITH("  <autostart order='3'>yes</autostart><!-- why -->\n");
	static const char off[] = WITH("  <autostart order='3'>no</autostart><!-- why -->\n");
	char *text = config_text_with_autostart(with, strlen(with), false), *back;

	ck_assert_str_eq(text, off);
	back = config_text_with_autostart(text, strlen(text), true);
	ck_assert_str_eq(back, with);
	free(text);
	free(back);
	text = config_text_with_autostart(WITH(""), strlen(WITH("")), true);
	ck_assert_ptr_nonnull(strstr(text, "<name>web1</name>\n  <autostart>yes</autostart>\n  <memory"));
	free(text);
}
END_TEST

/* Interfaces are given an address, unplugged, taken out and put in; taken together nothing else has changed. */
START_TEST(interfaces_are_edited_in_place)
{
	static const uint8_t mac[6] = { 0x00, 0x15, 0x5d, 0xaa, 0xbb, 0xcc };
	static const char before[] = WITH(NIC("      <source bridge='b'/>\n") "  <!-- <interface> -->\n");
	static const char with_mac[] = WITH(NIC("      <source bridge='b'/>\n      <mac address='00:15:5d:aa:bb:cc'/>\n") "  <!-- <interface> -->\n");
	static const char down[] = WITH(NIC("      <source bridge='b'/>\n      <link state='down'/>\n") "  <!-- <interface> -->\n");
	static const char up[] = WITH(NIC("      <source bridge='b'/>\n      <link state='up'/>\n") "  <!-- <interface> -->\n");
	static const char without[] = WITH("  <devices>\n  </devices>\n" "  <!-- <interface> -->\n");
	static const char nic[] = "<interface type='bridge'><source bridge='c'/></interface>";
	char *text = config_text_with_mac(before, strlen(before), 0, mac), *next;

	ck_assert_str_eq(text, with_mac);
	free(text);
	text = config_text_with_link(before, strlen(before), 0, false);
	ck_assert_str_eq(text, down);
	next = config_text_with_link(text, strlen(text), 0, true);
	ck_assert_str_eq(next, up);
	free(text);
	free(next);
	text = config_text_without_device(before, strlen(before), "interface", 0);
	ck_assert_str_eq(text, without);
	next = config_text_with_device(text, strlen(text), nic);
	ck_assert_str_eq(next, WITH("  <devices>\n    <interface type='bridge'><source bridge='c'/></interface>\n  </devices>\n"
				    "  <!-- <interface> -->\n"));
	free(text);
	free(next);
	text = config_text_with_device(WITH("  <devices/>\n"), strlen(WITH("  <devices/>\n")), nic);
	ck_assert_str_eq(text, WITH("  <devices>\n    <interface type='bridge'><source bridge='c'/></interface>\n  </devices>\n"));
	free(text);
	text = config_text_with_device(WITH(""), strlen(WITH("")), nic);
	ck_assert_str_eq(text, WITH("  <devices>\n    <interface type='bridge'><source bridge='c'/></interface>\n  </devices>\n"));
	free(text);
	/* a disk goes in and out the same way */
	text = config_text_with_device(WITH(""), strlen(WITH("")), "<disk type='file'><source file='/a'/><target dev='sdb'/></disk>");
	next = config_text_without_device(text, strlen(text), "interface", 0);
	ck_assert_ptr_null(next);
	next = config_text_without_device(text, strlen(text), "disk", 0);
	ck_assert_str_eq(next, WITH("  <devices>\n  </devices>\n"));
	free(text);
	free(next);
	/* the second one, whatever stands around it */
	text = config_text_without_device(full_definition, strlen(full_definition), "interface", 1);
	ck_assert_ptr_null(strstr(text, "br-x.1"));
	ck_assert_ptr_nonnull(strstr(text, "br0"));
	free(text);
}
END_TEST

START_TEST(mac_addresses_are_made_and_written)
{
	uint8_t mac[6], again[6];
	char text[CONFIG_MAC_TEXT];

	ck_assert_int_eq(config_mac_generate(mac), 0);
	config_mac_format(mac, text);
	ck_assert_int_eq(strncmp(text, "00:15:5d:", 9), 0);
	ck_assert_int_eq(config_mac_parse(text, again), 0);
	ck_assert_mem_eq(mac, again, 6);
	ck_assert_int_eq(config_mac_parse("00:15:5d:00:00", again), -1);
	ck_assert_int_eq(config_mac_parse("00:15:5d:00:00:0g", again), -1);
	ck_assert_int_eq(config_mac_parse("00:15:5d:00:00:001", again), -1);
	ck_assert_int_eq(config_mac_parse("", again), -1);
}
END_TEST

static int folder(char path[64])
{
	strcpy(path, "/tmp/bulkhead-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY);
}

START_TEST(file_is_replaced_whole)
{
	char path[64], *text;
	struct stat before, after;
	int dir = folder(path);
	size_t size;

	ck_assert_int_eq(config_write_file(dir, "a.xml", "one", 3, 0600), 0);
	ck_assert_int_eq(fstatat(dir, "a.xml", &before, 0), 0);
	ck_assert_uint_eq(before.st_mode & 0777, 0600);
	/* a temporary file left by a crash, even one that is a symbolic link elsewhere, is no obstacle and is not followed */
	ck_assert_int_eq(symlinkat("victim", dir, ".a.xml.new"), 0);
	ck_assert_int_eq(config_write_file(dir, "a.xml", "second", 6, 0600), 0);
	ck_assert_int_eq(fstatat(dir, "a.xml", &after, 0), 0);
	ck_assert_uint_ne(before.st_ino, after.st_ino);
	ck_assert_int_eq(faccessat(dir, "victim", F_OK, 0), -1);
	ck_assert_int_eq(faccessat(dir, ".a.xml.new", F_OK, 0), -1);
	ck_assert_int_eq(config_read_file(dir, "a.xml", 6, &text, &size), 0);
	ck_assert_uint_eq(size, 6);
	ck_assert_str_eq(text, "second");
	free(text);
	ck_assert_int_eq(config_read_file(dir, "a.xml", 5, &text, &size), -EFBIG);
	ck_assert_int_eq(config_read_file(dir, ".", 5, &text, &size), -EISDIR);
	ck_assert_int_eq(config_read_file(dir, "none", 5, &text, &size), -ENOENT);
	unlinkat(dir, "a.xml", 0);
	close(dir);
	rmdir(path);
}
END_TEST

/* A disk that is full must leave the old definition. */
START_TEST(failed_write_leaves_the_old_file)
{
	char path[64], *text;
	int dir = folder(path);
	size_t size;

	ck_assert_int_eq(config_write_file(dir, "a.xml", "old", 3, 0600), 0);
	ck_assert_int_eq(mkdirat(dir, ".a.xml.new", 0700), 0);   /* stands in the way of the temporary file */
	ck_assert_int_ne(config_write_file(dir, "a.xml", "new", 3, 0600), 0);
	ck_assert_int_eq(config_read_file(dir, "a.xml", 64, &text, &size), 0);
	ck_assert_str_eq(text, "old");
	free(text);
	unlinkat(dir, ".a.xml.new", AT_REMOVEDIR);
	unlinkat(dir, "a.xml", 0);
	close(dir);
	rmdir(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, names_are_checked, 0, sizeof names / sizeof *names);
	tcase_add_test(tc, uuid_text_goes_both_ways);
	tcase_add_test(tc, uuid_is_inserted_and_nothing_else_changes);
	tcase_add_test(tc, uuid_in_a_text_on_one_line);
	tcase_add_test(tc, autostart_is_changed_in_place);
	tcase_add_test(tc, interfaces_are_edited_in_place);
	tcase_add_test(tc, mac_addresses_are_made_and_written);
	tcase_add_test(tc, file_is_replaced_whole);
	tcase_add_test(tc, failed_write_leaves_the_old_file);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	config_schema_release();
	return failed != 0;
}
