/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host without a host: addresses, requests, and what answers are taken for. */
#include <check.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/remote.h"

#define ENVELOPE(body) \
	"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration' xmlns:p='urn:p' " \
	"xmlns:a='urn:a' xmlns:w='urn:w' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><s:Header/><s:Body>" body "</s:Body></s:Envelope>"

static struct remote_reply reply;
static char why[300];

static void parse(const char *text)
{
	ck_assert_msg(!remote_reply_parse(text, strlen(text), &reply, why), "%s", why);
}

START_TEST(addresses_are_completed)
{
	static const struct { const char *text, *url, *user; } rows[] = {
		{ "https://h", "https://h:5986/wsman", NULL },
		{ "https://anna@h.example.org/", "https://h.example.org:5986/wsman", "anna" },
		{ "https://a%40b@h:443/other", "https://h:443/other", "a@b" },
		{ "https://[fd00::1]:5986", "https://[fd00::1]:5986/wsman", NULL },
		{ "http://root@127.0.0.1", "http://127.0.0.1:5985/wsman", "root" },
		{ "http://localhost:80/x", "http://localhost:80/x", NULL },
	};
	struct remote_address address;

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_msg(!remote_address_parse(rows[i].text, &address, why), "%s: %s", rows[i].text, why);
		ck_assert_str_eq(address.url, rows[i].url);
		ck_assert_pstr_eq(address.user, rows[i].user);
		remote_address_free(&address);
	}
}
END_TEST

/* A password must neither stand in the list of processes nor cross a network in clear. */
START_TEST(addresses_that_give_a_password_away_are_refused)
{
	struct remote_address address;

	ck_assert(remote_address_parse("https://anna:secret@h", &address, why));
	ck_assert_msg(strstr(why, "--password-file") != NULL, "%s", why);
	ck_assert(remote_address_parse("http://anna@h", &address, why));
	ck_assert_msg(strstr(why, "use https") != NULL, "%s", why);
	ck_assert(remote_address_parse("ftp://h", &address, why));
	ck_assert(remote_address_parse("host", &address, why));
	ck_assert(remote_address_parse("", &address, why));
}
END_TEST

START_TEST(instances_with_nothing_arrays_times_and_references)
{
	const struct value *v;

	parse(ENVELOPE("<n:PullResponse><n:EnumerationContext>c1</n:EnumerationContext><n:Items>"
		       "<p:Msvm_X><p:Name>a &lt; b</p:Name><p:Nothing i:nil='true'/><p:Empty/><p:Status>2</p:Status><p:Status>11</p:Status>"
		       "<p:Time><w:Datetime>20261123104501.250000+060</w:Datetime></p:Time>"
		       "<p:Job><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>u</w:ResourceURI><w:SelectorSet>"
		       "<w:Selector Name='InstanceID'>job-1</w:Selector></w:SelectorSet></a:ReferenceParameters></p:Job>"
		       "<p:TargetInstance><p:ElementName>web1</p:ElementName></p:TargetInstance></p:Msvm_X><p:Msvm_Y/></n:Items></n:PullResponse>"));
	ck_assert_str_eq(reply.context, "c1");
	v = reply.items->first;
	ck_assert_str_eq(v->key, "Msvm_X");
	ck_assert_str_eq(value_text(v, "Name"), "a < b");
	ck_assert_ptr_null(value_get(v, "Nothing"));
	ck_assert_ptr_nonnull(value_get(v, "Empty"));
	ck_assert_str_eq(value_text(v, "Status"), "2");
	ck_assert_str_eq(value_get(v, "Status")->next->string, "11");
	ck_assert_str_eq(value_text(value_get(v, "Job"), "InstanceID"), "job-1");
	ck_assert_str_eq(value_text(value_get(v, "TargetInstance"), "ElementName"), "web1");
	ck_assert_uint_eq(remote_time_us(value_text(v, "Time")), 1795427101250000u);
	ck_assert_str_eq(v->next->key, "Msvm_Y");
	ck_assert_ptr_null(v->next->next);
	remote_reply_free(&reply);
}
END_TEST

START_TEST(the_end_of_a_sequence_has_no_context)
{
	parse(ENVELOPE("<n:EnumerateResponse><n:EnumerationContext/><w:Items/><w:EndOfSequence/></n:EnumerateResponse>"));
	ck_assert(!reply.context && !reply.items->first && !reply.fault);
	remote_reply_free(&reply);
	parse(ENVELOPE("<n:PullResponse><n:EnumerationContext>c</n:EnumerationContext><n:Items/><n:EndOfSequence/></n:PullResponse>"));
	ck_assert_ptr_null(reply.context);
	remote_reply_free(&reply);
}
END_TEST

START_TEST(results_and_faults)
{
	parse(ENVELOPE("<p:RequestStateChange_OUTPUT><p:ReturnValue>4096</p:ReturnValue></p:RequestStateChange_OUTPUT>"));
	ck_assert_str_eq(value_text(reply.items->first, "ReturnValue"), "4096");
	remote_reply_free(&reply);
	parse(ENVELOPE("<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:AccessDenied</s:Value></s:Subcode></s:Code>"
		       "<s:Reason><s:Text xml:lang='en'>no role</s:Text></s:Reason></s:Fault>"));
	ck_assert_str_eq(reply.fault, "no role");
	ck_assert_str_eq(reply.fault_code, "AccessDenied");
	remote_reply_free(&reply);
	parse(ENVELOPE("<s:Fault/>"));
	ck_assert_ptr_nonnull(reply.fault);
	remote_reply_free(&reply);
	parse(ENVELOPE(""));
	ck_assert_ptr_null(reply.items->first);
	remote_reply_free(&reply);
}
END_TEST

/* A server is not trusted either: what is no answer is said to be none, and no entity is expanded. */
START_TEST(what_is_no_answer_is_refused)
{
	static const char *const wrong[] = {
		"", "x", "<html/>", "<Envelope/>", ENVELOPE("<a>"),
		"<!DOCTYPE e [<!ENTITY b 'bbbb'>]><Envelope><Body><x><y>&b;</y></x></Body></Envelope>",
	};
	char *deep = malloc(4096);

	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(remote_reply_parse(wrong[i], strlen(wrong[i]), &reply, why) == -1 && *why, "%s", wrong[i]);
	strcpy(deep, "<Envelope><Body>");
	for (unsigned i = 0; i < 40; i++)
		strcat(deep, "<x>");
	for (unsigned i = 0; i < 40; i++)
		strcat(deep, "</x>");
	strcat(deep, "</Body></Envelope>");
	ck_assert_int_eq(remote_reply_parse(deep, strlen(deep), &reply, why), -1);
	free(deep);
}
END_TEST

/* What a person typed must not become part of the request's structure, on any of the levels that it goes through. */
START_TEST(requests_escape_what_they_are_given)
{
	const struct remote_argument parts[] = { { .name = "ElementName", .text = "</VALUE>&\"" }, { 0 } };
	const struct remote_argument arguments[] = { { .name = "SystemSettings", .instance = "C", .parts = parts }, { .name = "Text", .text = "<&>" }, { 0 } };
	char *text = request_invoke("https://h/wsman", REMOTE_V2, "S", parts, "M", arguments), *quoted = remote_quote("a'b\\c\"");
	xmlDoc *outer = xmlReadMemory(text, (int)strlen(text), NULL, NULL, 0), *inner;
	xmlNode *body, *argument;
	xmlChar *content;

	ck_assert_str_eq(quoted, "a\\'b\\\\c\\\"");
	ck_assert_ptr_nonnull(outer);
	body = xmlDocGetRootElement(outer)->last->children;
	ck_assert_str_eq((const char *)body->name, "M_INPUT");
	argument = body->children;
	content = xmlNodeGetContent(argument);
	inner = xmlReadMemory((char *)content, xmlStrlen(content), NULL, NULL, 0);
	xmlFree(content);
	ck_assert_ptr_nonnull(inner);
	content = xmlNodeGetContent(xmlDocGetRootElement(inner));
	ck_assert_str_eq((char *)content, "</VALUE>&\"");
	xmlFree(content);
	content = xmlNodeGetContent(argument->next);
	ck_assert_str_eq((char *)content, "<&>");
	xmlFree(content);
	xmlFreeDoc(inner);
	xmlFreeDoc(outer);
	free(quoted);
	free(text);
}
END_TEST

START_TEST(states_are_the_daemons_words)
{
	static const char *const rows[][3] = {
		{ "2", "5", "running" }, { "3", "5", "off" }, { "3", "20", "failed" }, { "9", "5", "paused" }, { "32768", "5", "paused" },
		{ "10", "5", "starting" }, { "4", "5", "stopping" }, { "6", "5", "saved" }, { "7", "5", "" },
	};
	char text[600];

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, ENVELOPE("<p:S><p:EnabledState>%s</p:EnabledState><p:HealthState>%s</p:HealthState></p:S>"), rows[i][0], rows[i][1]);
		parse(text);
		ck_assert_str_eq(remote_state(reply.items->first), rows[i][2]);
		remote_reply_free(&reply);
	}
	ck_assert_uint_eq(remote_time_us("19700101000001.000001+000"), 1000001);
	ck_assert_uint_eq(remote_time_us("2026-11-23T09:45:01.250000Z"), 1795427101250000u);
	ck_assert_uint_eq(remote_time_us("00000000000001.000000:000"), 0);
	ck_assert_uint_eq(remote_time_us(""), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("remote");
	TCase *cases = tcase_create("remote");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, addresses_are_completed);
	tcase_add_test(cases, addresses_that_give_a_password_away_are_refused);
	tcase_add_test(cases, instances_with_nothing_arrays_times_and_references);
	tcase_add_test(cases, the_end_of_a_sequence_has_no_context);
	tcase_add_test(cases, results_and_faults);
	tcase_add_test(cases, what_is_no_answer_is_refused);
	tcase_add_test(cases, requests_escape_what_they_are_given);
	tcase_add_test(cases, states_are_the_daemons_words);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
