/* SPDX-License-Identifier: BSD-2-Clause */
/* See service.h: from a request to its action, from its result to a reply or a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/rand.h>
#include "wmi-like-api/wsman/call.h"

static const struct {
	const char *action;
	int (*run)(struct wsman_call *call);
} actions[] = {
	{ ACTION_ENUMERATE, do_enumerate },
	{ ACTION_PULL, do_pull },
	{ ACTION_RELEASE, do_release },
	{ ACTION_GET, do_get },
	{ ACTION_PUT, do_put },
	{ ACTION_SUBSCRIBE, do_subscribe },
	{ ACTION_UNSUBSCRIBE, do_unsubscribe },
	{ ACTION_RENEW, do_renew },
};

uint64_t call_now(const struct wsman *wsman)
{
	return wsman->options.now_ms(wsman->options.arg);
}

int make_id(char id[ID_SIZE])
{
	unsigned char r[16];

	if (RAND_bytes(r, sizeof r) != 1)
		return -1;
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);   /* RFC 4122, version 4 */
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	snprintf(id, ID_SIZE, "uuid:%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", r[0], r[1], r[2], r[3], r[4], r[5], r[6],
		 r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	return 0;
}

struct wsman *wsman_new(const struct wsman_options *options)
{
	struct wsman *wsman = calloc(1, sizeof *wsman);

	if (wsman)
		wsman->options = *options;
	return wsman;
}

void wsman_stop(struct wsman *wsman)
{
	while (wsman->contexts)
		context_free(wsman->contexts);
}

void wsman_free(struct wsman *wsman)
{
	if (!wsman)
		return;
	wsman_stop(wsman);
	free(wsman);
}

static void call_free(struct wsman_call *call)
{
	envelope_free(&call->envelope);
	free(call);
}

void call_audit(struct wsman_call *call, const char *result, const char *action, const char *target, const char *text)
{
	struct wsman_caller caller = { .user = call->user, .address = call->address, .role = call->role };

	call->wsman->counters.refused += !strcmp(result, "refused");
	call->wsman->options.audit(call->wsman->options.arg, result, &caller, action, target, text);
}

const char *call_space(const struct wsman_call *call)
{
	return *call->envelope.target.space ? call->envelope.target.space : "root/cimv2";
}

size_t call_room(const struct wsman_call *call)
{
	uint64_t bytes = call->envelope.max_bytes ? call->envelope.max_bytes : REPLY_BYTES;

	return (bytes < REPLY_MAX ? bytes : REPLY_MAX) - REPLY_RESERVE;
}

void reply_begin(struct wsman_call *call, struct buffer *b, const char *action)
{
	char id[ID_SIZE] = "";

	make_id(id);
	buffer_put(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<s:Envelope xmlns:s=\"" NS_SOAP "\" xmlns:a=\"" NS_ADDRESSING "\" xmlns:n=\"" NS_ENUMERATION "\" xmlns:w=\"" NS_WSMAN
		   "\" xmlns:e=\"" NS_EVENTING "\" xmlns:xsi=\"" NS_XSI "\"><s:Header><a:To>" URI_ANONYMOUS "</a:To><a:Action>");
	buffer_put_escaped(b, action);
	buffer_format(b, "</a:Action><a:MessageID>%s</a:MessageID>", id);
	if (*call->envelope.message_id) {
		buffer_put(b, "<a:RelatesTo>");
		buffer_put_escaped(b, call->envelope.message_id);
		buffer_put(b, "</a:RelatesTo>");
	}
	buffer_put(b, "</s:Header><s:Body>");
}

static void pending_end(struct wsman_call *call)
{
	struct wsman_call **at = &call->wsman->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->wsman->counters.pending--;
	call_free(call);
}

static void hand_out(struct wsman_call *call, struct buffer *b, int status)
{
	wsman_reply_fn fn = call->fn;
	void *arg = call->arg;
	size_t size;
	char *text;

	buffer_put(b, "</s:Body></s:Envelope>\n");
	text = buffer_steal(b, &size);
	call->answered = true;
	call->fn = NULL;
	if (call->pending && !call->goes_on)
		pending_end(call);
	if (fn)
		fn(arg, text ? status : 500, text, size);
	else
		free(text);
}

void reply_end(struct wsman_call *call, struct buffer *b)
{
	hand_out(call, b, 200);
}

void reply_fault(struct wsman_call *call)
{
	const struct fault_type *type = fault_type(call->fault.code);
	struct buffer b = { 0 };

	call->wsman->counters.faults++;
	reply_begin(call, &b, !type->subcode || type->subcode[0] == 'a' ? NS_ADDRESSING "/fault"
			      : type->subcode[0] == 'n'		     ? NS_ENUMERATION "/fault"
			      : type->subcode[0] == 'e'		     ? NS_EVENTING "/fault"
									     : "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault");
	buffer_format(&b, "<s:Fault><s:Code><s:Value>%s</s:Value>", type->sender);
	if (type->subcode)
		buffer_format(&b, "<s:Subcode><s:Value>%s</s:Value></s:Subcode>", type->subcode);
	buffer_put(&b, "</s:Code><s:Reason><s:Text xml:lang=\"en-US\">");
	buffer_put_escaped(&b, call->fault.text);
	buffer_put(&b, "</s:Text></s:Reason><s:Detail>");
	if (call->fault.detail)
		buffer_format(&b, "<w:FaultDetail>" URI_FAULT_DETAIL "%s</w:FaultDetail>", call->fault.detail);
	/* Where Windows' clients look for the text. */
	buffer_put(&b, "<f:WSManFault xmlns:f=\"" NS_FAULT "\"><f:Message>");
	buffer_put_escaped(&b, call->fault.text);
	buffer_put(&b, "</f:Message></f:WSManFault></s:Detail></s:Fault>");
	hand_out(call, &b, type->status);
}

int fault_from_cim(struct fault *fault, const struct cim_error *error)
{
	static const struct { enum fault_code code; const char *detail; } faults[] = {
		[CIM_INVALID_QUERY] = { FAULT_CANNOT_PROCESS_FILTER, NULL },
		[CIM_NO_SUCH_CLASS] = { FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI" },
		[CIM_NOT_FOUND] = { FAULT_DESTINATION_UNREACHABLE, NULL },
		[CIM_INVALID_ARGUMENT] = { FAULT_INVALID_PARAMETER, "InvalidValue" },
		[CIM_NO_SUCH_METHOD] = { FAULT_ACTION_NOT_SUPPORTED, NULL },
		[CIM_ACCESS_DENIED] = { FAULT_ACCESS_DENIED, NULL },
		[CIM_NOT_SUPPORTED] = { FAULT_UNSUPPORTED_FEATURE, NULL },
		[CIM_ALREADY_EXISTS] = { FAULT_ALREADY_EXISTS, NULL },
		[CIM_UNAVAILABLE] = { FAULT_ENDPOINT_UNAVAILABLE, "ResourceOffline" },
		[CIM_FAILED] = { FAULT_INTERNAL_ERROR, NULL },
	};
	unsigned index = error->status > CIM_OK && error->status <= CIM_FAILED ? error->status : CIM_FAILED;

	return fault_set(fault, faults[index].code, faults[index].detail, "%s", error->text);
}

int do_identify(struct wsman_call *call)
{
	struct buffer b = { 0 };

	buffer_put(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"" NS_SOAP "\" xmlns:wsmid=\"" NS_IDENTITY
		   "\"><s:Header/><s:Body><wsmid:IdentifyResponse><wsmid:ProtocolVersion>" NS_WSMAN "</wsmid:ProtocolVersion>"
		   "<wsmid:ProductVendor>Bulkhead</wsmid:ProductVendor><wsmid:ProductVersion>" BULKHEAD_VERSION "</wsmid:ProductVersion>"
		   "</wsmid:IdentifyResponse>");
	reply_end(call, &b);
	return 0;
}

static int dispatch(struct wsman_call *call)
{
	const struct envelope *e = &call->envelope;

	if (call->role == WSMAN_NOBODY) {
		call_audit(call, "refused", *e->action ? e->action : "Identify", e->target.uri, "the user has no role");
		return fault_set(&call->fault, FAULT_ACCESS_DENIED, NULL,
				 "user '%s' has no role here; an administrator adds it to a group that the configuration names", call->user);
	}
	if (!*e->action) {
		if (node_is(e->body, NS_IDENTITY, "Identify"))
			return do_identify(call);
		return fault_set(&call->fault, FAULT_HEADER_REQUIRED, NULL, "the request has no Action header");
	}
	call->style = strncasecmp(e->target.uri, URI_CIM_SCHEMA, strlen(URI_CIM_SCHEMA)) ? RENDER_WMI : RENDER_CIM_SCHEMA;
	for (unsigned i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (!strcmp(e->action, actions[i].action))
			return actions[i].run(call);
	if (!strncmp(e->action, NS_TRANSFER, strlen(NS_TRANSFER)) || !strncmp(e->action, NS_EVENTING, strlen(NS_EVENTING)) ||
	    !strncmp(e->action, NS_ENUMERATION, strlen(NS_ENUMERATION)))
		return fault_set(&call->fault, FAULT_ACTION_NOT_SUPPORTED, NULL, "action '%.200s' is not served; partitions come and go by methods", e->action);
	return do_invoke(call);
}

struct wsman_call *wsman_handle(struct wsman *wsman, const struct wsman_caller *caller, const char *text, size_t size, wsman_reply_fn fn, void *arg)
{
	struct wsman_call *call = calloc(1, sizeof *call);

	wsman->counters.requests++;
	if (!call) {
		fn(arg, 500, NULL, 0);
		return NULL;
	}
	call->wsman = wsman;
	call->role = caller->role;
	call->fn = fn;
	call->arg = arg;
	snprintf(call->user, sizeof call->user, "%s", caller->user);
	snprintf(call->address, sizeof call->address, "%s", caller->address);
	if ((envelope_parse(&call->envelope, text, size, &call->fault) || dispatch(call)) && !call->answered)
		reply_fault(call);
	if (!call->answered) {
		call->pending = true;
		call->next = wsman->calls;
		wsman->calls = call;
		wsman->counters.pending++;
		return call;
	}
	call_free(call);
	return NULL;
}

void wsman_abandon(struct wsman_call *call)
{
	call->fn = NULL;
	/* A method goes on; a Pull that waits does not: the events stay for the next one. */
	if (contexts_forget(call))
		pending_end(call);
}

/* The client does not wait longer for a method; what it asked for goes on, and the audit log has its end. */
static void time_out(struct wsman_call *call)
{
	call->deadline = 0;
	fault_set(&call->fault, FAULT_TIMED_OUT, NULL, "%s has not ended within the OperationTimeout; it goes on", call->method ? call->method->name : "Put");
	call->goes_on = true;
	reply_fault(call);
	call->goes_on = false;
}

void wsman_tick(struct wsman *wsman)
{
	uint64_t now = call_now(wsman);
	struct wsman_call *next;

	contexts_expire(wsman);
	for (struct wsman_call *call = wsman->calls; call; call = next) {
		next = call->next;
		if (call->runs && call->deadline && now >= call->deadline)
			time_out(call);
	}
}

void wsman_get_counters(const struct wsman *wsman, struct wsman_counters *ret)
{
	*ret = wsman->counters;
}
