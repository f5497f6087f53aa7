/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a request to the WS-Management service. Beyond not crashing: exactly one answer, which is well-formed XML with one of HTTP's three codes. */
#include <stdlib.h>
#include <string.h>
#include "tests/unit/wsman/small_cim.h"
#include "wmi-like-api/wsman/service.h"
#include "wmi-like-api/wsman/xml.h"

static unsigned answers;

static void on_audit(void *arg, const char *result, const struct wsman_caller *caller, const char *action, const char *target, const char *text)
{
	(void)arg;
	if (!result || !caller->user || !action || !target || !text)
		abort();
}

static uint64_t clock_ms(void *arg)
{
	(void)arg;
	return 1;
}

static void on_reply(void *arg, int status, char *text, size_t size)
{
	char why[256];
	xmlDoc *doc;

	(void)arg;
	answers++;
	if (!text || strlen(text) != size || (status != 200 && status != 400 && status != 500))
		abort();
	doc = xml_parse(text, size, false, why, sizeof why);
	if (!doc)
		abort();
	xmlFreeDoc(doc);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct small_cim state;
	struct wsman_options options = { .context_ms = 1000, .contexts_per_user = 4, .audit = on_audit, .now_ms = clock_ms };
	struct wsman_caller caller = { "user", "192.0.2.1:1", WSMAN_ADMINISTRATOR };
	struct wsman_call *call;
	struct wsman *wsman;

	state = (struct small_cim){ .count = 3 };
	options.cim = small_cim(&state);
	wsman = wsman_new(&options);
	answers = 0;
	call = wsman_handle(wsman, &caller, (const char *)data, size, on_reply, NULL);
	if (call ? answers : answers != 1)
		abort();
	if (call)
		wsman_abandon(call);
	wsman_free(wsman);
	if (state.lists)
		abort();
	return 0;
}
