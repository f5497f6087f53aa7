/* SPDX-License-Identifier: BSD-2-Clause */
/* The gateway's parsers: settings with errors that name their line, HTTP in pieces of any size, Basic credentials. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/gateway/authenticate.h"
#include "wmi-like-api/gateway/config.h"
#include "wmi-like-api/gateway/http.h"

static struct gateway_config config;
static char why[700];

START_TEST(settings_are_read)
{
	const char *text = "# comment\n\nlisten = 127.0.0.1:443\nlisten=[::1]:5986\n listen-plain = 127.0.0.2:5985 \nreaders = a, b\tc\nadministrators =\n"
			   "max-connections = 7\nclient-user = CN=Anna Bell anna\nclient-user = SHA256:AA:"
			   "bbccddeeff00112233445566778899aabbccddeeff00112233445566778899 bob\ndefault-kernel = /boot/k\ndefault-cmdline = a=b c # d";

	ck_assert_msg(!gateway_config_parse(&config, "f", text, why, sizeof why), "%s", why);
	ck_assert_uint_eq(config.listen_count, 3);
	ck_assert(!config.listen[1].plain && config.listen[2].plain);
	ck_assert_uint_eq(config.groups[0].count, 3);
	ck_assert_str_eq(config.groups[0].names[2], "c");
	ck_assert_uint_eq(config.groups[2].count, 0);
	ck_assert_uint_eq(config.max_connections, 7);
	ck_assert_str_eq(config.client_users[0].certificate, "CN=Anna Bell");
	ck_assert_str_eq(config.client_users[1].certificate, "SHA256:aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899");
	ck_assert_str_eq(config.kernel, "/boot/k");
	ck_assert_str_eq(config.cmdline, "a=b c # d");
	ck_assert(!gateway_config_parse(&config, "f", "default-cmdline =", why, sizeof why));
	ck_assert_str_eq(config.cmdline, "");
	ck_assert(!gateway_config_parse(&config, "f", "", why, sizeof why));
	ck_assert_str_eq(config.kernel, "/boot/vmlinuz");
	ck_assert_str_eq(config.initrd, "");
	ck_assert_str_eq(config.listen[0].text, "*:5986");
	ck_assert_str_eq(config.groups[2].names[0], "bulkhead");
}
END_TEST

START_TEST(wrong_settings_name_their_line)
{
	static const char *const wrong[][2] = {
		{ "\nlisten = 1.2.3:4", "f:2: listen = 1.2.3:4: not ADDRESS:PORT" },
		{ "listen = 1.2.3.4:65536", "f:1: " },
		{ "listen = 1.2.3.4:", "f:1: " },
		{ "listen-plain = 0.0.0.0:5985", "f:1: listen-plain = 0.0.0.0:5985: passwords would go over the network unencrypted" },
		{ "listen-plain = *:5985", "only 127.0.0.1 and [::1]" },
		{ "lisen = 1.2.3.4:5", "f:1: 'lisen': unknown setting; did you mean 'listen'?" },
		{ "key", "expected 'name = value'" },
		{ "key = relative", "begin it with '/'" },
		{ "key =", "key: no value" },
		{ "default-kernel = vmlinuz", "begin it with '/'" },
		{ "default-cmdline = a\tb", "printable ASCII" },
		{ "max-body = 12x", "not a number from 8192" },
		{ "max-body = -1", "not a number" },
		{ "max-connections = 99999999999999999999", "not a number" },
		{ "client-user = anna", "expected 'CN=NAME USER'" },
		{ "client-user = SHA256:12 anna", "64 hexadecimal digits" },
		{ "client-user = O=x anna", "64 hexadecimal digits" },
	};

	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_msg(gateway_config_parse(&config, "f", wrong[i][0], why, sizeof why), "'%s' is accepted", wrong[i][0]);
		ck_assert_msg(strstr(why, wrong[i][1]) != NULL, "'%s' instead of '%s'", why, wrong[i][1]);
	}
}
END_TEST

static struct http http;

/* Feeds text in pieces; keeps bodies. Returns the last event; *requests counts whole ones. */
static enum http_event feed(const char *text, size_t size, size_t piece, unsigned *requests, char *last_body)
{
	enum http_event event = HTTP_MORE;
	size_t at = 0, used;

	http_init(&http, 1000);
	while (at < size) {
		size_t end = at + piece < size ? at + piece : size;

		while (at < end) {
			event = http_feed(&http, text + at, end - at, &used);
			at += used;
			if (event == HTTP_GOT_HEADERS)
				http_keep_body(&http, true);
			if (event == HTTP_GOT_REQUEST) {
				++*requests;
				strcpy(last_body, http.body ? http.body : "");
				http_next(&http);
			}
			if (event == HTTP_BAD)
				return event;
		}
	}
	return event;
}

START_TEST(requests_come_in_pieces_of_any_size)
{
	static const char text[] = "POST /wsman HTTP/1.1\r\nHost: x\r\nAuthorization: Basic abc\r\nContent-Length: 5\r\n\r\nhello"
				   "POST /wsman/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
				   "GET /metrics HTTP/1.0\r\n\r\n";
	char body[1100];

	for (size_t piece = 1; piece < sizeof text; piece++) {
		unsigned requests = 0;

		ck_assert_int_ne(feed(text, sizeof text - 1, piece, &requests, body), HTTP_BAD);
		ck_assert_uint_eq(requests, 3);
		http_free(&http);
	}
}
END_TEST

START_TEST(fields_and_bodies_are_kept)
{
	unsigned requests = 0;
	size_t used;
	char body[1100];
	const char *text = "POST /wsman HTTP/1.1\r\nAUTHORIZATION: Basic eHg6eQ==\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";

	http_init(&http, 10);
	ck_assert_int_eq(http_feed(&http, text, strlen(text), &used), HTTP_GOT_HEADERS);
	ck_assert_str_eq(http.authorization, "Basic eHg6eQ==");
	ck_assert_str_eq(http.target, "/wsman");
	ck_assert(http.post && !http.keep_alive && http.started);
	http_free(&http);
	feed(text, strlen(text), 7, &requests, body);
	ck_assert_uint_eq(requests, 1);
	ck_assert_str_eq(body, "abc");
	http_free(&http);
}
END_TEST

START_TEST(limits_end_a_request)
{
	static char text[60000];
	unsigned requests = 0;
	char body[1100];

	memset(text, 'a', sizeof text);
	memcpy(text, "GET /", 5);
	ck_assert_int_eq(feed(text, sizeof text, 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 414);
	memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
	ck_assert_int_eq(feed(text, sizeof text, 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 431);
	for (size_t at = 16; at + 6 < sizeof text; at += 6)
		memcpy(text + at, "X: y\r\n", 6);
	ck_assert_int_eq(feed(text, sizeof text, 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 431);
	strcpy(text, "POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
	ck_assert_int_eq(feed(text, strlen(text), 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 413);
	strcpy(text, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
	memset(text + strlen(text), 'b', 1100);
	ck_assert_int_eq(feed(text, 1200, 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 413);
	http_free(&http);
	strcpy(text, "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	ck_assert_int_eq(feed(text, strlen(text), 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(feed("\x16\x03\x01 TLS", 7, 1000, &requests, body), HTTP_BAD);
	ck_assert_int_eq(http.status, 400);
	ck_assert_uint_eq(requests, 0);
}
END_TEST

START_TEST(basic_credentials)
{
	char user[8], password[8];

	ck_assert(!basic_parse("basic  YTpiOmM=", user, sizeof user, password, sizeof password));
	ck_assert_str_eq(user, "a");
	ck_assert_str_eq(password, "b:c");
	ck_assert(!basic_parse("Basic YTo=", user, sizeof user, password, sizeof password));
	ck_assert_str_eq(password, "");
	ck_assert(basic_parse("Basic YQ==", user, sizeof user, password, sizeof password));       /* no colon */
	ck_assert(basic_parse("Basic YToAYg==", user, sizeof user, password, sizeof password));   /* a NUL */
	ck_assert(basic_parse("Basic YTpi!", user, sizeof user, password, sizeof password));
	ck_assert(basic_parse("Basic ====", user, sizeof user, password, sizeof password));
	ck_assert(basic_parse("Basic ", user, sizeof user, password, sizeof password));
	ck_assert(basic_parse("Negotiate YTpi", user, sizeof user, password, sizeof password));
	ck_assert(basic_parse("Basic YWFhYWFhYWFhOmI=", user, sizeof user, password, sizeof password));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gateway");
	TCase *tests = tcase_create("parsers");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, settings_are_read);
	tcase_add_test(tests, wrong_settings_name_their_line);
	tcase_add_test(tests, requests_come_in_pieces_of_any_size);
	tcase_add_test(tests, fields_and_bodies_are_kept);
	tcase_add_test(tests, limits_end_a_request);
	tcase_add_test(tests, basic_credentials);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
