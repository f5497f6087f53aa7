/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bhctl --host events --follow: a subscription from which events are pulled. They carry no number, and what was before is not told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "root-partition/cli/remote.h"

#define WAIT_S 50u   /* of a Pull; below the limit of a whole exchange */

static const struct { const char *class, *kind; } kinds[] = {
	{ "__InstanceCreationEvent", "defined" }, { "__InstanceDeletionEvent", "undefined" }, { "__InstanceModificationEvent", "state" },
};

static void put(struct value *dict, const char *key, const char *text)
{
	struct value *v = value_new(VALUE_STRING, key);

	if (!v || !(v->string = strdup(text)))
		abort();
	value_add(dict, v);
}

static void print_event(const struct arguments *args, const struct value *event)
{
	const struct value *system = value_get(event, "TargetInstance");
	const char *kind = "changed", *name = value_text(system, "ElementName"), *state = remote_state(system);
	struct value *dict;
	struct timespec now;
	char clock[32];
	struct tm tm;

	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (event->key && !strcmp(event->key, kinds[i].class))
			kind = kinds[i].kind;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!args->json) {
		localtime_r(&now.tv_sec, &tm);
		strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", &tm);
		printf("- %s.%03u %s %s %s\n", clock, (unsigned)(now.tv_nsec / 1000000), name, kind, state);
	} else {
		dict = value_new(VALUE_DICT, NULL);
		put(dict, "name", name);
		put(dict, "kind", kind);
		put(dict, "state", state);
		value_write_json(stdout, dict, 0);
		putchar('\n');
		value_free(dict);
	}
	fflush(stdout);
}

int remote_events(struct arguments *args)
{
	struct remote_reply reply;
	char *request, *context;
	int rc;

	if (!args->follow || args->has_since) {
		complain(NULL, "events: WS-Management tells what happens, not what has happened; use --follow without --since");
		return EXIT_USAGE;
	}
	request = request_subscribe(remote_url(args), REMOTE_V2,
				    "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem'");
	rc = remote_post(args, "events", request, &reply);
	free(request);
	if (rc)
		return rc;
	context = reply.context ? strdup(reply.context) : NULL;
	remote_reply_free(&reply);
	while (context) {
		request = request_pull(remote_url(args), REMOTE_V2, context, WAIT_S);
		rc = remote_exchange(args, "events", request, &reply);
		free(request);
		if (rc)
			break;
		if (reply.fault && strcmp(reply.fault_code, "TimedOut")) {
			complain("events", "%s", reply.fault);
			rc = EXIT_REFUSED;
		}
		for (const struct value *event = reply.items->first; event && !reply.fault; event = event->next)
			print_event(args, event);
		if (reply.context && strcmp(reply.context, context)) {
			free(context);
			context = strdup(reply.context);
		}
		remote_reply_free(&reply);
		if (rc)
			break;
	}
	free(context);
	return rc;
}
