/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl events: what is kept, then what comes. The numbers tell a reader that was away what it has missed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/value.h"

struct reader {
	bool json;
	uint64_t last;               /* printed */
};

static void add_text(struct value *dict, const char *key, const char *text)
{
	struct value *v = value_new(VALUE_STRING, key);

	v->string = strdup(text);
	value_add(dict, v);
}

static void add_number(struct value *dict, const char *key, uint64_t number)
{
	struct value *v = value_new(VALUE_NUMBER, key);

	v->number = number;
	value_add(dict, v);
}

static void print_event(struct reader *r, uint64_t sequence, uint64_t us, const char *name, const char *kind, const char *state, const char *text)
{
	time_t seconds = (time_t)(us / 1000000);
	struct value *dict;
	char clock[32];
	struct tm tm;

	if (sequence <= r->last)
		return;
	r->last = sequence;
	if (!r->json) {
		localtime_r(&seconds, &tm);
		strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", &tm);
		printf("%" PRIu64 " %s.%03u %s %s %s%s%s\n", sequence, clock, (unsigned)(us / 1000 % 1000), name, kind, state, *text ? ": " : "", text);
	} else {
		/* one object a line, for programs that read as it comes */
		dict = value_new(VALUE_DICT, NULL);
		add_number(dict, "sequence", sequence);
		add_number(dict, "time_us", us);
		add_text(dict, "name", name);
		add_text(dict, "kind", kind);
		add_text(dict, "state", state);
		add_text(dict, "text", text);
		value_write_json(stdout, dict, 0);
		putchar('\n');
		value_free(dict);
	}
	fflush(stdout);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name, *kind, *state, *text;
	struct reader *r = userdata;
	uint64_t sequence, us;

	(void)error;
	if (sd_bus_message_is_signal(m, "org.bulkhead.Manager1", "Event") <= 0)
		return 0;
	if (sd_bus_message_read(m, "ttssss", &sequence, &us, &name, &kind, &state, &text) > 0)
		print_event(r, sequence, us, name, kind, state, text);
	return 0;
}

/* Prints everything that is kept above r->last; the daemon hands it out in parts. */
static int print_kept(struct arguments *args, struct reader *r)
{
	const char *name, *kind, *state, *text;
	uint64_t newest, sequence, us, before;
	sd_bus_message *reply;
	int rc;

	do {
		before = r->last;
		rc = client_call(args, NULL, "reading events", &reply, "Events", "t", r->last);
		if (rc)
			return rc;
		if (sd_bus_message_read(reply, "t", &newest) < 0 || sd_bus_message_enter_container(reply, 'a', "(ttssss)") < 0)
			newest = 0;
		while (newest && sd_bus_message_read(reply, "(ttssss)", &sequence, &us, &name, &kind, &state, &text) > 0)
			print_event(r, sequence, us, name, kind, state, text);
		sd_bus_message_unref(reply);
	} while (r->last != before && r->last < newest);
	return EXIT_OK;
}

int command_events(struct arguments *args)
{
	struct reader reader = { .json = args->json, .last = args->since };
	int rc;

	rc = print_kept(args, &reader);
	if (rc || !args->follow)
		return rc;
	/* Signals are in order with the answers: from the last answer on none is missed, and the number skips what was printed. */
	sd_bus_add_filter(args->bus, NULL, on_message, &reader);
	for (;;) {
		rc = sd_bus_process(args->bus, NULL);
		if (!rc)
			rc = sd_bus_wait(args->bus, UINT64_MAX);
		if (rc < 0) {
			complain(NULL, "the daemon has closed the connection; 'bhctl events --since %" PRIu64 " --follow' goes on from here",
				 reader.last);
			return EXIT_NO_DAEMON;
		}
	}
}
