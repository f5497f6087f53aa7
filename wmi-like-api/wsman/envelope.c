/* SPDX-License-Identifier: BSD-2-Clause */
/* See envelope.h. */
#include "wmi-like-api/wsman/envelope.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wmi-like-api/wsman/names.h"

static bool is_addressing(const xmlNode *element, const char *name)
{
	return node_is(element, NS_ADDRESSING, name) || node_is(element, NS_ADDRESSING1, name);
}

static xmlNode *addressing_child(const xmlNode *parent, const char *name)
{
	xmlNode *child = node_child(parent, NS_ADDRESSING, name);

	return child ? child : node_child(parent, NS_ADDRESSING1, name);
}

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, FAULT_INTERNAL_ERROR, NULL, "out of memory");
}

int reference_parse_uri(struct scratch *scratch, const char *uri, struct reference *reference, struct fault *fault)
{
	const char *rest, *slash;
	char *space;

	reference->uri = uri;
	reference->space = reference->class = "";
	if (!strncasecmp(uri, URI_WMI, strlen(URI_WMI))) {
		rest = uri + strlen(URI_WMI);
	} else if (!strncasecmp(uri, URI_CIM_SCHEMA, strlen(URI_CIM_SCHEMA))) {
		reference->class = uri + strlen(URI_CIM_SCHEMA);
		return 0;
	} else {
		return 0;
	}
	slash = strrchr(rest, '/');
	if (!slash)
		return fault_set(fault, FAULT_DESTINATION_UNREACHABLE, "InvalidResourceURI", "resource URI '%.200s' names no class", uri);
	space = scratch_copy(scratch, rest, (size_t)(slash - rest));
	reference->class = scratch_copy(scratch, slash + 1, strcspn(slash + 1, "?"));
	if (!space || !reference->class)
		return out_of_memory(fault);
	for (char *c = space; *c; c++)
		*c = *c == '\\' ? '/' : (char)tolower((unsigned char)*c);
	reference->space = space;
	return 0;
}

static int parse_selectors(struct scratch *scratch, const xmlNode *set, struct reference *reference, unsigned depth, struct fault *fault)
{
	for (xmlNode *child = node_first(set); child; child = node_next(child)) {
		xmlNode *nested = addressing_child(child, "EndpointReference");
		struct selector *selector = &reference->selectors[reference->count];
		struct reference *inner;

		if (!node_is(child, NS_WSMAN, "Selector"))
			continue;
		if (reference->count == SELECTORS_MAX)
			return fault_set(fault, FAULT_INVALID_SELECTORS, "SelectorLimit", "more than %u selectors", SELECTORS_MAX);
		selector->name = node_attribute(scratch, child, "Name");
		if (!selector->name || !*selector->name)
			return fault_set(fault, FAULT_INVALID_SELECTORS, "InsufficientSelectors", "a selector has no Name");
		if (reference_selector(reference, selector->name))
			return fault_set(fault, FAULT_INVALID_SELECTORS, "DuplicateSelectors", "selector '%.100s' is there twice", selector->name);
		if (nested) {
			inner = scratch_alloc(scratch, sizeof *inner);
			if (!inner)
				return out_of_memory(fault);
			if (reference_parse(scratch, nested, inner, depth + 1, fault))
				return -1;
			selector->reference = inner;
		} else if (!(selector->value = node_text_exact(scratch, child))) {
			return out_of_memory(fault);
		}
		reference->count++;
	}
	return 0;
}

/* The namespace that MI clients name by a selector is no key of the instance. */
static void take_namespace(struct scratch *scratch, struct reference *reference)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < reference->count; i++) {
		if (strcasecmp(reference->selectors[i].name, "__cimnamespace")) {
			reference->selectors[kept++] = reference->selectors[i];
			continue;
		}
		if (!*reference->space && reference->selectors[i].value) {
			char *space = scratch_copy(scratch, reference->selectors[i].value, strlen(reference->selectors[i].value));

			for (char *c = space; c && *c; c++)
				*c = *c == '\\' ? '/' : (char)tolower((unsigned char)*c);
			reference->space = space ? space : "";
		}
	}
	reference->count = kept;
}

int reference_parse(struct scratch *scratch, const xmlNode *element, struct reference *reference, unsigned depth, struct fault *fault)
{
	xmlNode *inside = addressing_child(element, "EndpointReference"), *parameters, *uri;
	const char *text;

	*reference = (struct reference){ .space = "", .class = "", .uri = "" };
	if (depth >= EPR_DEPTH_MAX)
		return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "endpoint references are nested too deeply");
	if (inside)
		element = inside;
	parameters = addressing_child(element, "ReferenceParameters");
	uri = node_child(parameters, NS_WSMAN, "ResourceURI");
	if (!uri)
		return fault_set(fault, FAULT_INVALID_PARAMETER, NULL, "<%.60s> is no endpoint reference: it has no ReferenceParameters with a ResourceURI",
				 (const char *)element->name);
	text = node_text(scratch, uri);
	if (!text)
		return out_of_memory(fault);
	if (reference_parse_uri(scratch, text, reference, fault) ||
	    parse_selectors(scratch, node_child(parameters, NS_WSMAN, "SelectorSet"), reference, depth, fault))
		return -1;
	take_namespace(scratch, reference);
	return 0;
}

const struct selector *reference_selector(const struct reference *reference, const char *name)
{
	for (unsigned i = 0; i < reference->count; i++)
		if (!strcasecmp(reference->selectors[i].name, name))
			return &reference->selectors[i];
	return NULL;
}

int64_t duration_parse(const char *text)
{
	static const struct { char unit; bool time; double ms; } units[] = {
		{ 'D', false, 86400e3 }, { 'H', true, 3600e3 }, { 'M', true, 60e3 }, { 'S', true, 1e3 },
	};
	bool time = false, any = false;
	double ms = 0, number;
	char *end;

	if (*text++ != 'P')
		return -1;
	while (*text) {
		unsigned i = 0;

		if (*text == 'T' && !time) {
			time = true;
			text++;
			continue;
		}
		if (!isdigit((unsigned char)*text))
			return -1;
		number = strtod(text, &end);
		while (i < 4 && (units[i].unit != *end || units[i].time != time))
			i++;
		if (i == 4)
			return -1;
		ms += number * units[i].ms;
		any = true;
		text = end + 1;
	}
	if (!any || !(ms >= 0))
		return -1;
	return ms < 10 * 365 * 86400e3 ? (int64_t)ms : (int64_t)(10 * 365 * 86400e3);
}

/* Only SOAP's own attribute counts: one client writes it without a namespace where it means nothing. */
static bool must_understand(const xmlNode *header)
{
	for (const xmlAttr *a = header->properties; a; a = a->next)
		if (a->ns && !strcmp((const char *)a->ns->href, NS_SOAP) && !strcmp((const char *)a->name, "mustUnderstand") && a->children &&
		    a->children->content && (a->children->content[0] == '1' || a->children->content[0] == 't'))
			return true;
	return false;
}

/* Headers without a meaning here, and harmless: an answer does not depend on them. */
static bool is_ignored(const xmlNode *header)
{
	static const char *const names[] = { "OptionSet", "Locale", "DataLocale", "SessionId", "OperationID", "SequenceId", "ActivityId",
					     "FaultTo", "From", "RelatesTo", "CompressionType", "RequestTotalSize" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (node_is(header, NULL, names[i]))
			return true;
	return false;
}

static int parse_reply_to(struct envelope *e, const xmlNode *header, struct fault *fault)
{
	const char *address = node_text(&e->scratch, addressing_child(header, "Address"));

	if (!address)
		return out_of_memory(fault);
	if (!*address || !strcmp(address, URI_ANONYMOUS) || !strcmp(address, NS_ADDRESSING1 "/anonymous"))
		return 0;
	return fault_set(fault, FAULT_UNSUPPORTED_FEATURE, "AddressingMode", "replies go over the connection of the request, not to '%.200s'", address);
}

static int parse_number(struct envelope *e, const xmlNode *header, struct fault *fault)
{
	const char *text = node_text(&e->scratch, header);
	int64_t ms;
	char *end;

	if (!text)
		return out_of_memory(fault);
	if (node_is(header, NS_WSMAN, "OperationTimeout")) {
		ms = duration_parse(text);
		if (ms < 0)
			return fault_set(fault, FAULT_INVALID_HEADER, NULL, "OperationTimeout '%.60s' is no duration such as PT60S", text);
		e->timeout_ms = (uint64_t)ms;
		return 0;
	}
	e->max_bytes = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end)
		return fault_set(fault, FAULT_INVALID_HEADER, NULL, "MaxEnvelopeSize '%.60s' is no number", text);
	if (e->max_bytes < 8192)
		return fault_set(fault, FAULT_ENCODING_LIMIT, "MinimumEnvelopeLimit", "MaxEnvelopeSize must be at least 8192");
	return 0;
}

static int parse_text(struct envelope *e, const xmlNode *header, const char **ret, struct fault *fault)
{
	*ret = node_text(&e->scratch, header);
	return *ret ? 0 : out_of_memory(fault);
}

static int parse_header(struct envelope *e, const xmlNode *header, struct fault *fault)
{
	if (is_addressing(header, "Action"))
		return parse_text(e, header, &e->action, fault);
	if (is_addressing(header, "MessageID"))
		return parse_text(e, header, &e->message_id, fault);
	if (is_addressing(header, "To"))
		return parse_text(e, header, &e->to, fault);
	if (is_addressing(header, "ReplyTo"))
		return parse_reply_to(e, header, fault);
	if (node_is(header, NS_WSMAN, "ResourceURI"))
		return parse_text(e, header, &e->target.uri, fault);
	if (node_is(header, NS_WSMAN, "SelectorSet"))
		return parse_selectors(&e->scratch, header, &e->target, 0, fault);
	if (node_is(header, NS_WSMAN, "OperationTimeout") || node_is(header, NS_WSMAN, "MaxEnvelopeSize"))
		return parse_number(e, header, fault);
	if (node_is(header, NS_EVENTING, "Identifier"))
		return parse_text(e, header, &e->identifier, fault);
	if (must_understand(header) && !is_ignored(header)) {
		if (node_is(header, NS_WSMAN, "FragmentTransfer"))
			return fault_set(fault, FAULT_UNSUPPORTED_FEATURE, "FragmentLevelAccess", "fragments are not served; get the whole instance");
		return fault_set(fault, FAULT_MUST_UNDERSTAND, NULL, "header <%.100s> is not understood", (const char *)header->name);
	}
	return 0;
}

static int parse_headers(struct envelope *e, const xmlNode *root, struct fault *fault)
{
	struct fault first = { 0 };

	/* All of them, so that a fault can name the message it is about. */
	for (xmlNode *header = node_first(node_child(root, NS_SOAP, "Header")); header; header = node_next(header))
		parse_header(e, header, &first);
	if (first.code) {
		*fault = first;
		return -1;
	}
	if (*e->target.uri && reference_parse_uri(&e->scratch, e->target.uri, &e->target, fault))
		return -1;
	take_namespace(&e->scratch, &e->target);
	return 0;
}

int envelope_parse(struct envelope *e, const char *text, size_t size, struct fault *fault)
{
	xmlNode *root, *body;
	char why[256];

	*e = (struct envelope){ .action = "", .message_id = "", .to = "", .identifier = "", .target = { .space = "", .class = "", .uri = "" } };
	e->doc = xml_parse(text, size, false, why, sizeof why);
	if (!e->doc)
		return fault_set(fault, FAULT_SCHEMA_VALIDATION, NULL, "the request is no well-formed SOAP message: %s", why);
	root = xmlDocGetRootElement(e->doc);
	if (!node_is(root, NULL, "Envelope"))
		return fault_set(fault, FAULT_SCHEMA_VALIDATION, NULL, "<%.60s> is no SOAP envelope", (const char *)root->name);
	if (!node_is(root, NS_SOAP, "Envelope"))
		return fault_set(fault, FAULT_VERSION_MISMATCH, NULL, "the envelope is not of SOAP 1.2 (%s)", NS_SOAP);
	body = node_child(root, NS_SOAP, "Body");
	if (!body)
		return fault_set(fault, FAULT_SCHEMA_VALIDATION, NULL, "the envelope has no Body");
	e->body = node_first(body);
	return parse_headers(e, root, fault);
}

void envelope_free(struct envelope *e)
{
	xmlFreeDoc(e->doc);
	e->doc = NULL;
	scratch_free(&e->scratch);
}
