/* SPDX-License-Identifier: BSD-2-Clause */
/* The WS-Management service as its clients see it: envelopes in, envelopes out. What libvirt, openwsman, MI, virt-who and Ruby's WinRM send is here. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "small_cim.h"
#include "wmi-like-api/wsman/names.h"
#include "wmi-like-api/wsman/service.h"

#define CLASS_URI URI_WMI SMALL_SPACE "/" SMALL_CLASS
#define ALL_URI   URI_WMI SMALL_SPACE "/*"
#define HEAD      "<s:Envelope xmlns:s='" NS_SOAP "' xmlns:a='" NS_ADDRESSING "' xmlns:n='" NS_ENUMERATION "' xmlns:w='" NS_WSMAN "' xmlns:e='" NS_EVENTING "'><s:Header>"
#define ENUMERATE(uri, body) HEAD "<a:Action>" ACTION_ENUMERATE "</a:Action><a:MessageID>uuid:1</a:MessageID><w:ResourceURI>" uri "</w:ResourceURI>" \
	"</s:Header><s:Body><n:Enumerate>" body "</n:Enumerate></s:Body></s:Envelope>"
#define WQL(query) "<w:Filter Dialect='" DIALECT_WQL "'>" query "</w:Filter>"
#define INVOKE(method, selectors, body) HEAD "<a:Action>" CLASS_URI "/" method "</a:Action><w:ResourceURI>" CLASS_URI "</w:ResourceURI><w:SelectorSet>" \
	selectors "</w:SelectorSet></s:Header><s:Body><p:" method "_INPUT xmlns:p='" CLASS_URI "'>" body "</p:" method "_INPUT></s:Body></s:Envelope>"

static struct small_cim state;
static struct wsman *service;
static uint64_t now;
static char *answer, audited[1024];
static int status;
static struct wsman_call *pending;

static void on_audit(void *arg, const char *result, const struct wsman_caller *caller, const char *action, const char *target, const char *text)
{
	(void)arg;
	snprintf(audited, sizeof audited, "%s %s %s %s %s", result, caller->user, action, target, text);
}

static uint64_t clock_ms(void *arg)
{
	(void)arg;
	return now;
}

static void on_reply(void *arg, int code, char *text, size_t size)
{
	(void)arg;
	free(answer);
	answer = text;
	status = code;
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), size);
}

static void set_up(void)
{
	struct wsman_options options = { .context_ms = 60000, .contexts_per_user = 4, .audit = on_audit, .now_ms = clock_ms };

	state = (struct small_cim){ .count = 3 };
	options.cim = small_cim(&state);
	now = 1000;
	audited[0] = 0;
	service = wsman_new(&options);
}

static void tear_down(void)
{
	wsman_free(service);
	free(answer);
	answer = NULL;
	ck_assert_uint_eq(state.lists, 0);
}

static void send_as(const char *user, enum wsman_role role, const char *text)
{
	struct wsman_caller caller = { user, "192.0.2.1:7", role };

	free(answer);
	answer = NULL;
	status = 0;
	pending = wsman_handle(service, &caller, text, strlen(text), on_reply, NULL);
}

static void send_text(const char *text)
{
	send_as("alice", WSMAN_ADMINISTRATOR, text);
}

static void has(const char *text)
{
	ck_assert_msg(answer && strstr(answer, text), "no '%s' in %s", text, answer ? answer : "nothing");
}

static void has_not(const char *text)
{
	ck_assert_msg(answer && !strstr(answer, text), "'%s' in %s", text, answer ? answer : "nothing");
}

static void faults(int code, const char *subcode)
{
	has(subcode);
	has("<s:Fault>");
	ck_assert_int_eq(status, code);
}

static void context_of(char id[64])
{
	const char *at = answer ? strstr(answer, "<n:EnumerationContext>") : NULL;

	ck_assert_msg(at != NULL, "no context in %s", answer);
	snprintf(id, 64, "%.*s", (int)strcspn(at + 22, "<"), at + 22);
}

static const char *pull(const char *id, const char *more)
{
	static char text[2048];

	snprintf(text, sizeof text, HEAD "<a:Action>" ACTION_PULL "</a:Action><w:ResourceURI>" URI_WMI "root/virtualization/%s</w:ResourceURI></s:Header><s:Body>"
		 "<n:Pull><n:EnumerationContext>%s</n:EnumerationContext>%s</n:Pull></s:Body></s:Envelope>", SMALL_CLASS, id, more);
	return text;
}

START_TEST(identify_names_the_protocol)
{
	send_text("<s:Envelope xmlns:s='" NS_SOAP "'><s:Header/><s:Body><i:Identify xmlns:i='" NS_IDENTITY "'/></s:Body></s:Envelope>");
	ck_assert_int_eq(status, 200);
	has("<wsmid:ProtocolVersion>" NS_WSMAN);
}
END_TEST

/* libvirt: Enumerate on the namespace with WQL, then one item a Pull, on the class's URI; the last one ends it. */
START_TEST(enumerated_and_pulled_one_by_one)
{
	char id[64];

	send_text(ENUMERATE(ALL_URI, WQL("select * from Msvm_ComputerSystem")));
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(state.query, "select * from Msvm_ComputerSystem");
	has("<a:RelatesTo>uuid:1</a:RelatesTo>");
	context_of(id);
	for (unsigned i = 0; i < 3; i++) {
		char name[40];

		send_text(pull(id, ""));
		snprintf(name, sizeof name, "<p:Name>vm-%u</p:Name>", i);
		has(name);
		if (i < 2)
			has(id);
	}
	has("<n:EndOfSequence/>");
	has_not("EnumerationContext");
	send_text(pull(id, ""));
	faults(500, "n:InvalidEnumerationContext");
}
END_TEST

START_TEST(nothing_is_an_empty_sequence)
{
	char id[64];

	state.count = 0;
	send_text(ENUMERATE(CLASS_URI, ""));
	context_of(id);
	send_text(pull(id, ""));
	has("<n:PullResponse><n:Items/><n:EndOfSequence/></n:PullResponse>");
}
END_TEST

START_TEST(values_have_their_shape)
{
	send_text(ENUMERATE(CLASS_URI, "<w:OptimizeEnumeration/>"));
	has("<p:Msvm_ComputerSystem xmlns:p=\"" CLASS_URI "\" xsi:type=\"p:Msvm_ComputerSystem_Type\">");
	has("<p:EnabledState>2</p:EnabledState>");
	has("<p:InstallDate><c:Datetime xmlns:c=\"" NS_CIM "\">2026-01-02T03:04:05.000006+01:00</c:Datetime></p:InstallDate>");
	has("<p:Notes>first &lt;&amp;&gt;</p:Notes><p:Notes>second</p:Notes>");
	has("<p:Description xsi:nil=\"true\"/>");
	has_not("p:Roles");
}
END_TEST

/* MI: CIM's own URIs with the namespace as a selector, optimised, empty options that must be understood. Ruby: xsi:nil. */
START_TEST(optimised_in_one_reply)
{
	send_text(HEAD "<a:Action>" ACTION_ENUMERATE "</a:Action><w:ResourceURI>\n " URI_CIM_SCHEMA SMALL_CLASS " </w:ResourceURI>"
		  "<w:SelectorSet><w:Selector Name='__cimnamespace'>root\\Virtualization/v2</w:Selector></w:SelectorSet>"
		  "<w:OptionSet s:mustUnderstand='true'/></s:Header><s:Body><n:Enumerate><w:OptimizeEnumeration xmlns:x='" NS_XSI "' x:nil='true'/>"
		  "<w:MaxElements>1000</w:MaxElements><w:EnumerationMode>EnumerateObjectAndEPR</w:EnumerationMode></n:Enumerate></s:Body></s:Envelope>");
	ck_assert_int_eq(status, 200);
	has("<n:EnumerationContext/>");
	has("<w:EndOfSequence/>");
	has("vm-0");
	has("vm-2");
	has("<w:ResourceURI>" URI_CIM_SCHEMA SMALL_CLASS "</w:ResourceURI>");
	has("<w:Selector Name=\"__cimnamespace\">root/virtualization/v2</w:Selector>");
}
END_TEST

START_TEST(references_hold_the_keys)
{
	send_text(ENUMERATE(CLASS_URI, "<w:EnumerationMode>EnumerateEPR</w:EnumerationMode><w:OptimizeEnumeration/><w:MaxElements>9</w:MaxElements>"));
	has("<a:EndpointReference><a:Address>" URI_ANONYMOUS "</a:Address><a:ReferenceParameters><w:ResourceURI>" CLASS_URI "</w:ResourceURI>"
	    "<w:SelectorSet><w:Selector Name=\"CreationClassName\">Msvm_ComputerSystem</w:Selector><w:Selector Name=\"Name\">vm-2</w:Selector>");
	has_not("p:ElementName");
}
END_TEST

START_TEST(pages_fit_into_the_clients_envelope)
{
	unsigned replies = 0;
	char id[64];

	state.count = 200;
	send_text(ENUMERATE(CLASS_URI, ""));
	context_of(id);
	do {
		char *text = strdup(pull(id, "<n:MaxElements>32000</n:MaxElements>")), *at = strstr(text, "</s:Header>"), whole[4096];

		snprintf(whole, sizeof whole, "%.*s<w:MaxEnvelopeSize s:mustUnderstand='true'>32768</w:MaxEnvelopeSize>%s", (int)(at - text), text, at);
		free(text);
		send_text(whole);
		ck_assert_int_eq(status, 200);
		ck_assert_uint_le(strlen(answer), 32768);
		replies++;
	} while (!strstr(answer, "EndOfSequence"));
	ck_assert_uint_gt(replies, 2);
	ck_assert_uint_lt(replies, 20);
}
END_TEST

START_TEST(contexts_belong_to_one_user_and_end)
{
	char id[64];

	send_text(ENUMERATE(CLASS_URI, ""));
	context_of(id);
	send_as("mallory", WSMAN_ADMINISTRATOR, pull(id, ""));
	faults(500, "n:InvalidEnumerationContext");
	ck_assert_ptr_nonnull(strstr(audited, "refused mallory"));
	send_text(pull("uuid:00000000-0000-4000-8000-000000000000", ""));
	faults(500, "n:InvalidEnumerationContext");
	now += 59000;
	send_text(pull(id, ""));
	ck_assert_int_eq(status, 200);
	now += 60000;
	send_text(pull(id, ""));
	faults(500, "n:InvalidEnumerationContext");
}
END_TEST

START_TEST(contexts_are_bounded_and_released)
{
	char id[64], text[2048];

	for (unsigned i = 0; i < 4; i++) {
		send_text(ENUMERATE(CLASS_URI, ""));
		ck_assert_int_eq(status, 200);
	}
	context_of(id);
	send_text(ENUMERATE(CLASS_URI, ""));
	faults(400, "w:QuotaLimit");
	send_as("bob", WSMAN_READER, ENUMERATE(CLASS_URI, ""));
	ck_assert_int_eq(status, 200);
	snprintf(text, sizeof text, HEAD "<a:Action>" ACTION_RELEASE "</a:Action></s:Header><s:Body><n:Release><n:EnumerationContext>%s"
		 "</n:EnumerationContext></n:Release></s:Body></s:Envelope>", id);
	send_text(text);
	ck_assert_int_eq(status, 200);
	send_text(ENUMERATE(CLASS_URI, ""));
	ck_assert_int_eq(status, 200);
}
END_TEST

START_TEST(get_by_selectors)
{
#define GET(name) HEAD "<a:Action>" ACTION_GET "</a:Action><a:To>http://another.host/wsman</a:To><w:ResourceURI>" CLASS_URI "</w:ResourceURI>" \
	"<w:SelectorSet><w:Selector Name='Name'>" name "</w:Selector></w:SelectorSet></s:Header><s:Body/></s:Envelope>"
	send_text(GET("vm-0"));
	ck_assert_int_eq(status, 200);
	has("<p:ElementName>vm-0</p:ElementName>");
	send_text(GET("vm-9"));
	faults(400, "a:DestinationUnreachable");
}
END_TEST

START_TEST(put_hands_properties_on)
{
#define PUT HEAD "<a:Action>" ACTION_PUT "</a:Action><w:ResourceURI>" CLASS_URI "</w:ResourceURI><w:SelectorSet><w:Selector Name='Name'>vm-0</w:Selector>" \
	"</w:SelectorSet></s:Header><s:Body><p:Msvm_ComputerSystem xmlns:p='" CLASS_URI "' xmlns:x='" NS_XSI "'><p:ElementName>new</p:ElementName>" \
	"<p:Notes>1</p:Notes><p:Notes>2</p:Notes><p:Description x:nil='true'/></p:Msvm_ComputerSystem></s:Body></s:Envelope>"
	send_text(PUT);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(state.arguments, "ElementName=new Notes=1,2 Description=NULL");
	has("<p:Name>vm-0</p:Name>");
	ck_assert_ptr_nonnull(strstr(audited, "done alice Put Msvm_ComputerSystem.Name=vm-0"));
	send_as("oskar", WSMAN_OPERATOR, PUT);
	faults(400, "w:AccessDenied");
}
END_TEST

#define EPR "<a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>" CLASS_URI "</w:ResourceURI><w:SelectorSet>" \
	"<w:Selector Name='Name'>vm-1</w:Selector></w:SelectorSet></a:ReferenceParameters>"

START_TEST(invoke_with_every_kind_of_argument)
{
	send_text(INVOKE("RequestStateChange", "<w:Selector Name='Name'>vm-0</w:Selector>",
			 "<p:RequestedState> 2 </p:RequestedState><p:System>" EPR "</p:System><p:Names>a</p:Names><p:Names> b</p:Names>"
			 "<p:Settings><![CDATA[<?xml version=\"1.0\" encoding=\"utf-16\"?><INSTANCE CLASSNAME=\"Msvm_X\"><PROPERTY.ARRAY NAME=\"Notes\" TYPE=\"string\">"
			 "<VALUE.ARRAY><VALUE>n&amp;1</VALUE><VALUE>n2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME=\"Limit\" TYPE=\"uint64\"><VALUE>7</VALUE></PROPERTY>"
			 "<PROPERTY NAME=\"None\" TYPE=\"string\"/></INSTANCE>]]></p:Settings>"));
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(state.arguments, "RequestedState=2 System=Msvm_ComputerSystem Name=vm-1 Names=a, b Settings=Msvm_X Notes=n&1,n2 Limit=7 None=NULL");
	has("<p:RequestStateChange_OUTPUT xmlns:p=\"" CLASS_URI "\"><p:Job><a:Address>");
	has("<w:Selector Name=\"InstanceID\">job-1</w:Selector>");
	has("<p:ReturnValue>4096</p:ReturnValue>");
	has("<a:Action>" CLASS_URI "/RequestStateChangeResponse</a:Action>");
	ck_assert_ptr_nonnull(strstr(audited, "done alice RequestStateChange Msvm_ComputerSystem.Name=vm-0 ReturnValue 4096"));
}
END_TEST

START_TEST(embedded_instances_come_escaped_or_as_elements)
{
	send_text(INVOKE("RequestStateChange", "", "<p:Settings>&lt;INSTANCE CLASSNAME='Msvm_X'>&lt;PROPERTY NAME='E'>&lt;VALUE>a&amp;lt;b&lt;/VALUE>&lt;/PROPERTY>"
			 "&lt;/INSTANCE></p:Settings>"));
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(state.arguments, "Settings=Msvm_X E=a<b");
	send_text(INVOKE("RequestStateChange", "", "<p:Settings xmlns:q='http://x/Msvm_Y'><q:E>1</q:E><q:F/></p:Settings>"));
	ck_assert_str_eq(state.arguments, "Settings=Msvm_Y E=1 F=");
	send_text(INVOKE("RequestStateChange", "", "<p:Settings>&lt;!DOCTYPE x [&lt;!ENTITY a 'b'>]>&lt;INSTANCE CLASSNAME='Msvm_X'/></p:Settings>"));
	faults(400, "w:InvalidParameter");
}
END_TEST

START_TEST(wrong_calls_say_what_is_wrong)
{
	send_text(INVOKE("RequestStateChange", "", "<p:Requested>2</p:Requested>"));
	faults(400, "w:InvalidParameter");
	has("RequestStateChange has no parameter &apos;Requested&apos;");
	send_text(INVOKE("Explode", "", ""));
	faults(400, "a:ActionNotSupported");
	send_text(INVOKE("RequestStateChange", "<w:Selector Name='Name'>none</w:Selector>", ""));
	faults(400, "a:DestinationUnreachable");
	ck_assert_ptr_nonnull(strstr(audited, "failed alice"));
	send_text(INVOKE("RequestStateChange", "<w:Selector Name='a'/><w:Selector Name='A'/>", ""));
	faults(400, "w:InvalidSelectors");
	send_text(ENUMERATE(ALL_URI, "<w:Filter Dialect='XPath'>/</w:Filter>"));
	faults(400, "n:FilterDialectRequestedUnavailable");
	send_text(ENUMERATE(ALL_URI, WQL("DROP TABLE")));
	faults(400, "n:CannotProcessFilter");
	send_text(ENUMERATE(URI_WMI "root/cimv2/None", ""));
	faults(400, "a:DestinationUnreachable");
	send_text(HEAD "<a:Action>" ACTION_CREATE "</a:Action></s:Header><s:Body/></s:Envelope>");
	faults(400, "a:ActionNotSupported");
	send_text(HEAD "<q:Unknown xmlns:q='q' s:mustUnderstand='true'/></s:Header><s:Body/></s:Envelope>");
	faults(500, "s:MustUnderstand");
	send_text(HEAD "<q:Unknown xmlns:q='q' mustUnderstand='true'/></s:Header><s:Body/></s:Envelope>");
	faults(400, "a:MessageInformationHeaderRequired");
	send_text("<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'><Body/></Envelope>");
	faults(500, "s:VersionMismatch");
}
END_TEST

START_TEST(roles_are_kept)
{
	send_as("bob", WSMAN_READER, INVOKE("RequestStateChange", "<w:Selector Name='Name'>vm-0</w:Selector>", "<p:RequestedState>2</p:RequestedState>"));
	faults(400, "w:AccessDenied");
	ck_assert_ptr_nonnull(strstr(audited, "refused bob RequestStateChange Msvm_ComputerSystem.Name=vm-0"));
	ck_assert_str_eq(state.method, "");
	send_as("bob", WSMAN_READER, INVOKE("GetSummary", "", ""));
	ck_assert_int_eq(status, 200);
	send_as("oskar", WSMAN_OPERATOR, INVOKE("RequestStateChange", "", ""));
	ck_assert_int_eq(status, 200);
	send_as("nobody", WSMAN_NOBODY, ENUMERATE(CLASS_URI, ""));
	faults(400, "w:AccessDenied");
}
END_TEST

START_TEST(a_method_may_take_its_time)
{
	state.defer = true;
	send_text(INVOKE("RequestStateChange", "", ""));
	ck_assert_ptr_nonnull(pending);
	ck_assert_ptr_null(answer);
	small_cim_finish(&state);
	ck_assert_int_eq(status, 200);
	send_text(INVOKE("RequestStateChange", "", ""));
	wsman_abandon(pending);
	small_cim_finish(&state);
	ck_assert_ptr_null(answer);
}
END_TEST

/* The client has its answer after its OperationTimeout; the method goes on, and its end stands in the audit log. */
START_TEST(a_method_that_takes_longer_than_its_client_waits)
{
	state.defer = true;
	send_text(HEAD "<a:Action>" CLASS_URI "/RequestStateChange</a:Action><w:ResourceURI>" CLASS_URI "</w:ResourceURI><w:OperationTimeout>PT2S"
		  "</w:OperationTimeout></s:Header><s:Body><p:RequestStateChange_INPUT xmlns:p='" CLASS_URI "'/></s:Body></s:Envelope>");
	now += 1999;
	wsman_tick(service);
	ck_assert_ptr_null(answer);
	now++;
	wsman_tick(service);
	faults(500, "w:TimedOut");
	has("it goes on");
	free(answer);
	answer = NULL;
	small_cim_finish(&state);
	ck_assert_ptr_null(answer);
	ck_assert_ptr_nonnull(strstr(audited, "done alice RequestStateChange"));
	send_text(INVOKE("RequestStateChange", "", ""));   /* no limit */
	now += 1000000;
	wsman_tick(service);
	ck_assert_ptr_null(answer);
	small_cim_finish(&state);
	ck_assert_int_eq(status, 200);
}
END_TEST

static void subscribe(char id[64], char identifier[64])
{
	const char *at;

	send_text(HEAD "<a:Action>" ACTION_SUBSCRIBE "</a:Action><w:ResourceURI>" ALL_URI "</w:ResourceURI></s:Header><s:Body><e:Subscribe><e:Delivery Mode='"
		  DELIVERY_PULL "'/><e:Expires>PT10S</e:Expires>" WQL("SELECT * FROM x") "</e:Subscribe></s:Body></s:Envelope>");
	ck_assert_int_eq(status, 200);
	context_of(id);
	at = strstr(answer, "<e:Identifier>") + 14;
	snprintf(identifier, 64, "%.*s", (int)strcspn(at, "<"), at);
}

START_TEST(events_are_pulled)
{
	char id[64], identifier[64], text[2048];

	subscribe(id, identifier);
	small_cim_event(&state);
	send_text(pull(id, ""));
	has("vm-0");
	has(id);
	send_text(pull(id, ""));   /* waits */
	ck_assert_ptr_nonnull(pending);
	small_cim_event(&state);
	has("vm-0");
	send_text(pull(id, ""));
	now += 60001;
	wsman_tick(service);
	faults(500, "w:TimedOut");
	send_text(pull(id, ""));   /* a client that goes away takes no event along */
	wsman_abandon(pending);
	small_cim_event(&state);
	send_text(pull(id, ""));
	has("vm-0");
	snprintf(text, sizeof text, HEAD "<a:Action>" ACTION_UNSUBSCRIBE "</a:Action><e:Identifier>%s</e:Identifier></s:Header><s:Body><e:Unsubscribe/></s:Body></s:Envelope>",
		 identifier);
	send_as("mallory", WSMAN_ADMINISTRATOR, text);
	faults(400, "e:InvalidMessage");
	send_text(text);
	ck_assert_int_eq(status, 200);
	ck_assert_ptr_null(state.event);
	send_text(pull(id, ""));
	faults(500, "n:InvalidEnumerationContext");
}
END_TEST

START_TEST(a_subscription_that_nobody_pulls_from_ends)
{
	char id[64], identifier[64];

	subscribe(id, identifier);
	for (unsigned i = 0; i < 400; i++)
		small_cim_event(&state);
	ck_assert_uint_le(state.lists, 256);
	send_text(pull(id, ""));
	faults(400, "w:QuotaLimit");
	subscribe(id, identifier);
	now += 10000;
	wsman_tick(service);
	ck_assert_ptr_null(state.event);
}
END_TEST

START_TEST(association_filters_become_queries)
{
	send_text(ENUMERATE(ALL_URI, "<w:Filter Dialect='" DIALECT_ASSOCIATION "'><b:AssociatedInstances xmlns:b='" NS_BINDING "'><b:Object>" EPR "</b:Object>"
		  "<b:AssociationClassName>A</b:AssociationClassName><b:ResultClassName>R</b:ResultClassName></b:AssociatedInstances></w:Filter>"));
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(state.query, "ASSOCIATORS OF {Msvm_ComputerSystem.Name='vm-1'} WHERE AssocClass = A ResultClass = R");
}
END_TEST

/* Entity bombs, external entities, depth and numbers end before anything is built from them. */
START_TEST(hostile_xml_is_refused)
{
	char *deep = malloc(200000);
	size_t used = 0;

	send_text("<!DOCTYPE s [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><s:Envelope xmlns:s='" NS_SOAP "'><s:Body>&b;</s:Body></s:Envelope>");
	faults(400, "w:SchemaValidationError");
	has("document type");
	send_text("<!DOCTYPE s SYSTEM 'file:///etc/passwd'><s:Envelope xmlns:s='" NS_SOAP "'/>");
	faults(400, "w:SchemaValidationError");
	for (unsigned i = 0; i < 20000; i++)
		used += (size_t)sprintf(deep + used, "<a>");
	send_text(deep);
	faults(400, "nested too deeply");
	used = (size_t)sprintf(deep, "<a>");
	for (unsigned i = 0; i < 30000; i++)
		used += (size_t)sprintf(deep + used, "<b/>");
	send_text(deep);
	faults(400, "too many elements");
	send_text("\xff\xfe garbage");
	faults(400, "w:SchemaValidationError");
	free(deep);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wsman");
	TCase *tests = tcase_create("service");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, identify_names_the_protocol);
	tcase_add_test(tests, enumerated_and_pulled_one_by_one);
	tcase_add_test(tests, nothing_is_an_empty_sequence);
	tcase_add_test(tests, values_have_their_shape);
	tcase_add_test(tests, optimised_in_one_reply);
	tcase_add_test(tests, references_hold_the_keys);
	tcase_add_test(tests, pages_fit_into_the_clients_envelope);
	tcase_add_test(tests, contexts_belong_to_one_user_and_end);
	tcase_add_test(tests, contexts_are_bounded_and_released);
	tcase_add_test(tests, get_by_selectors);
	tcase_add_test(tests, put_hands_properties_on);
	tcase_add_test(tests, invoke_with_every_kind_of_argument);
	tcase_add_test(tests, embedded_instances_come_escaped_or_as_elements);
	tcase_add_test(tests, wrong_calls_say_what_is_wrong);
	tcase_add_test(tests, roles_are_kept);
	tcase_add_test(tests, a_method_may_take_its_time);
	tcase_add_test(tests, a_method_that_takes_longer_than_its_client_waits);
	tcase_add_test(tests, events_are_pulled);
	tcase_add_test(tests, a_subscription_that_nobody_pulls_from_ends);
	tcase_add_test(tests, association_filters_become_queries);
	tcase_add_test(tests, hostile_xml_is_refused);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
