/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of requests (DSP0226, and DSP0227 for CIM). Whatever is not ours is escaped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/remote.h"

#define ENUMERATION "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
#define EVENTING    "http://schemas.xmlsoap.org/ws/2004/08/eventing"
#define ADDRESSING  "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define WSMAN       "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define WMI         "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
#define WQL         "http://schemas.microsoft.com/wbem/wsman/1/WQL"

struct text {
	FILE *file;
	char *data;
	size_t size;
};

static void escaped(FILE *f, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		case '\r': fputs("&#13;", f); break;   /* else a parser makes a line's end of it */
		default: fputc(*s, f);
		}
}

static void selectors(FILE *f, const struct remote_argument *keys)
{
	fputs("<w:SelectorSet>", f);
	for (; keys->name; keys++) {
		fprintf(f, "<w:Selector Name=\"%s\">", keys->name);
		escaped(f, keys->text);
		fputs("</w:Selector>", f);
	}
	fputs("</w:SelectorSet>", f);
}

/* Up to and with <s:Body>. class "*": the namespace. */
static void begin(struct text *t, const char *url, const char *action, const char *space, const char *class, const char *method,
		  const struct remote_argument *keys, unsigned timeout_s)
{
	static unsigned number;

	t->file = open_memstream(&t->data, &t->size);
	if (!t->file)
		abort();
	fprintf(t->file, "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"" ADDRESSING "\" xmlns:n=\"" ENUMERATION
		"\" xmlns:w=\"" WSMAN "\" xmlns:e=\"" EVENTING "\"><s:Header><a:To>");
	escaped(t->file, url);
	fprintf(t->file, "</a:To><a:ReplyTo><a:Address>" ADDRESSING "/role/anonymous</a:Address></a:ReplyTo>"
		"<a:MessageID>uuid:00000000-0000-4000-8000-%012x</a:MessageID><w:ResourceURI s:mustUnderstand=\"true\">" WMI "%s/%s</w:ResourceURI>"
		"<a:Action s:mustUnderstand=\"true\">", ++number, space, class);
	if (method)
		fprintf(t->file, WMI "%s/%s/%s", space, class, method);
	else
		fputs(action, t->file);
	fprintf(t->file, "</a:Action><w:MaxEnvelopeSize s:mustUnderstand=\"true\">4194304</w:MaxEnvelopeSize><w:OperationTimeout>PT%uS</w:OperationTimeout>",
		timeout_s);
	if (keys)
		selectors(t->file, keys);
	fputs("</s:Header><s:Body>", t->file);
}

static char *end(struct text *t)
{
	fputs("</s:Body></s:Envelope>", t->file);
	if (fclose(t->file))
		abort();
	return t->data;
}

char *request_enumerate(const char *url, const char *space, const char *wql)
{
	struct text t;

	begin(&t, url, ENUMERATION "/Enumerate", space, "*", NULL, NULL, 60);
	fputs("<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements><w:Filter Dialect=\"" WQL "\">", t.file);
	escaped(t.file, wql);
	fputs("</w:Filter></n:Enumerate>", t.file);
	return end(&t);
}

char *request_pull(const char *url, const char *space, const char *context, unsigned timeout_s)
{
	struct text t;

	begin(&t, url, ENUMERATION "/Pull", space, "*", NULL, NULL, timeout_s);
	fputs("<n:Pull><n:EnumerationContext>", t.file);
	escaped(t.file, context);
	fputs("</n:EnumerationContext><n:MaxElements>1000</n:MaxElements></n:Pull>", t.file);
	return end(&t);
}

char *request_subscribe(const char *url, const char *space, const char *wql)
{
	struct text t;

	begin(&t, url, EVENTING "/Subscribe", space, "*", NULL, NULL, 60);
	fputs("<e:Subscribe><e:Delivery Mode=\"http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull\"/><e:Expires>PT600S</e:Expires><w:Filter Dialect=\""
	      WQL "\">", t.file);
	escaped(t.file, wql);
	fputs("</w:Filter></e:Subscribe>", t.file);
	return end(&t);
}

/* As escaped text, the way libvirt and others send it. */
static void embedded(FILE *f, const struct remote_argument *argument)
{
	struct text t;

	t.file = open_memstream(&t.data, &t.size);
	if (!t.file)
		abort();
	fprintf(t.file, "<INSTANCE CLASSNAME=\"%s\">", argument->instance);
	for (const struct remote_argument *p = argument->parts; p->name; p++) {
		fprintf(t.file, "<PROPERTY NAME=\"%s\" TYPE=\"string\"><VALUE>", p->name);
		escaped(t.file, p->text);
		fputs("</VALUE></PROPERTY>", t.file);
	}
	fputs("</INSTANCE>", t.file);
	if (fclose(t.file))
		abort();
	escaped(f, t.data);
	free(t.data);
}

static void argument_text(FILE *f, const char *space, const struct remote_argument *a)
{
	fprintf(f, "<p:%s>", a->name);
	if (a->reference) {
		fprintf(f, "<a:Address>" ADDRESSING "/role/anonymous</a:Address><a:ReferenceParameters><w:ResourceURI>" WMI "%s/%s</w:ResourceURI>",
			space, a->reference);
		selectors(f, a->parts);
		fputs("</a:ReferenceParameters>", f);
	} else if (a->instance) {
		embedded(f, a);
	} else {
		escaped(f, a->text);
	}
	fprintf(f, "</p:%s>", a->name);
}

char *request_invoke(const char *url, const char *space, const char *class, const struct remote_argument *keys, const char *method,
		     const struct remote_argument *arguments)
{
	struct text t;

	begin(&t, url, NULL, space, class, method, keys, 60);
	fprintf(t.file, "<p:%s_INPUT xmlns:p=\"" WMI "%s/%s\">", method, space, class);
	for (; arguments->name; arguments++)
		argument_text(t.file, space, arguments);
	fprintf(t.file, "</p:%s_INPUT>", method);
	return end(&t);
}
