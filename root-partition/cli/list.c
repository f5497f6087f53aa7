/* SPDX-License-Identifier: BSD-2-Clause */
/* What people look at: list, show, host. Each is a view of one answer; --json is that answer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/table.h"
#include "root-partition/cli/value.h"

static void print_json(const struct value *value)
{
	value_write_json(stdout, value, 0);
	putchar('\n');
}

/* Reads the reply's value; complains and returns NULL when it cannot. */
static struct value *take_reply(sd_bus_message *reply)
{
	struct value *value = value_read(reply);

	sd_bus_message_unref(reply);
	if (!value)
		complain(NULL, "the daemon's answer cannot be read; is it of another version?");
	return value;
}

void list_view(const struct arguments *args, struct value *list)
{
	static const char *const headings[] = { "NAME", "STATE", ">VPS", ">MEMORY", ">ASSIGNED", ">DEMAND", "STATUS", ">UPTIME", "HEARTBEAT", "REASON" };
	struct table *table;
	struct value **at;

	for (at = &list->first; args->active && !args->all && *at;) {
		struct value *off = *at;

		if (value_count(off, "pid")) {
			at = &off->next;
			continue;
		}
		*at = off->next;
		off->next = NULL;
		value_free(off);
	}
	if (args->json) {
		print_json(list);
	} else {
		table = table_new(10, headings);
		for (const struct value *p = list->first; p; p = p->next) {
			char vps[16], memory[32], assigned[32] = "", demand[32] = "", uptime[32] = "";

			snprintf(vps, sizeof vps, "%" PRIu64, value_count(p, "vps"));
			format_bytes(value_count(p, "memory_bytes"), memory);
			if (value_count(p, "pid"))
				format_duration(value_count(p, "uptime_s"), uptime);
			if (value_count(p, "assigned_bytes"))
				format_bytes(value_count(p, "assigned_bytes"), assigned);
			if (value_count(p, "demand_bytes"))
				format_bytes(value_count(p, "demand_bytes"), demand);
			table_row(table, (const char *const[]){ value_text(p, "name"), value_text(p, "state"), vps, memory, assigned, demand,
								  value_text(p, "memory_status"), uptime, value_text(p, "heartbeat"),
								  value_text(p, "reason") });
		}
		table_write(stdout, table, terminal_width(stdout));
		table_free(table);
	}
}

int command_list(struct arguments *args)
{
	sd_bus_message *reply;
	struct value *list;
	int rc = client_call(args, NULL, "listing", &reply, "ListPartitions", "");

	if (rc)
		return rc;
	list = take_reply(reply);
	if (!list)
		return EXIT_REFUSED;
	list_view(args, list);
	value_free(list);
	return EXIT_OK;
}

static void line(const char *label, const char *text)
{
	if (*text)
		printf("%-16s %s\n", label, text);
}

static void bytes_line(const char *label, const struct value *dict, const char *key)
{
	char text[32];

	if (!value_get(dict, key))
		return;
	format_bytes(value_count(dict, key), text);
	line(label, text);
}

static void number_line(const char *label, const struct value *dict, const char *key)
{
	if (value_get(dict, key))
		printf("%-16s %" PRIu64 "\n", label, value_count(dict, key));
}

static void show_disks(const struct value *p)
{
	static const char *const headings[] = { "DISK", ">SIZE", ">READS", ">WRITES", ">FLUSHES", ">READ", ">WRITTEN", ">ERRORS", ">PENDING", "SOURCE" };
	static const char *const counters[] = { "reads", "writes", "flushes", NULL, NULL, "errors", "pending" };
	const struct value *disks = value_get(p, "disks");
	struct table *table;

	if (!disks || !disks->first)
		return;
	putchar('\n');
	table = table_new(10, headings);
	for (const struct value *d = disks->first; d; d = d->next) {
		char cells[9][32] = { "" }, source[4200];
		const char *row[10];

		snprintf(cells[0], sizeof cells[0], "%.31s", value_text(d, "target"));
		if (value_get(d, "size_bytes"))
			format_bytes(value_count(d, "size_bytes"), cells[1]);
		for (unsigned i = 0; value_get(d, "reads") && i < 7; i++)
			if (counters[i])
				snprintf(cells[i + 2], sizeof cells[0], "%" PRIu64, value_count(d, counters[i]));
			else
				format_bytes(value_count(d, i == 3 ? "read_bytes" : "written_bytes"), cells[i + 2]);
		snprintf(source, sizeof source, "%s%s%s", value_text(d, "source"), value_count(d, "readonly") ? " (read-only)" : "",
			 strcmp(value_text(d, "cache"), "unsafe") ? "" : " (cache unsafe)");
		for (unsigned i = 0; i < 9; i++)
			row[i] = cells[i];
		row[9] = source;
		table_row(table, row);
	}
	table_write(stdout, table, 0);
	table_free(table);
}

static void show_exits(const struct value *p)
{
	const struct value *exits = value_get(p, "exits");

	if (!exits)
		return;
	printf("\n%-16s", "exits");
	for (const struct value *e = exits->first; e; e = e->next)
		printf(" %s %" PRIu64 "%s", e->key, e->number, e->next ? "," : "\n");
	number_line("dispatches", p, "dispatches");
}

static void show_processors(const struct value *p)
{
	static const char *const headings[] = { "VP", ">IN THE GUEST", ">IN THE HYPERVISOR" };
	const struct value *list = value_get(p, "processors");
	struct table *table;
	unsigned index = 0;

	if (!list || !list->first)
		return;
	table = table_new(3, headings);
	for (const struct value *v = list->first; v; v = v->next) {
		char cells[3][32];

		snprintf(cells[0], sizeof cells[0], "%u", index++);
		snprintf(cells[1], sizeof cells[1], "%.1f s", (double)value_count(v, "guest_ns") / 1e9);
		snprintf(cells[2], sizeof cells[2], "%.1f s", (double)value_count(v, "hypervisor_ns") / 1e9);
		table_row(table, (const char *const[]){ cells[0], cells[1], cells[2] });
	}
	putchar('\n');
	table_write(stdout, table, 0);
	table_free(table);
}

static void show_memory(const struct value *p)
{
	if (!value_count(p, "dynamic_memory"))
		return;
	bytes_line("  at the start", p, "startup_bytes");
	bytes_line("  at least", p, "minimum_bytes");
	number_line("  buffer, %", p, "memory_buffer");
	number_line("  priority", p, "memory_priority");
	if (!value_count(p, "pid"))
		return;
	bytes_line("  assigned", p, "assigned_bytes");
	bytes_line("  demand", p, "demand_bytes");
	line("  status", value_text(p, "memory_status"));
	bytes_line("  target", p, "target_bytes");
	if (value_count(p, "fixed_bytes"))
		bytes_line("  fixed at", p, "fixed_bytes");
	bytes_line("  in balloon", p, "ballooned_bytes");
	bytes_line("  added", p, "added_bytes");
	bytes_line("  of the root", p, "resident_bytes");
}

static void show_one(const struct value *p)
{
	const struct value *components = value_get(p, "integration");
	char text[256] = "";

	line("name", value_text(p, "name"));
	line("title", value_text(p, "title"));
	line("uuid", value_text(p, "uuid"));
	line("state", value_text(p, "state"));
	line("reason", value_text(p, "reason"));
	line("last failure", value_text(p, "last_failure"));
	if (value_count(p, "pid")) {
		format_duration(value_count(p, "uptime_s"), text);
		line("uptime", text);
		number_line("worker", p, "pid");
	}
	number_line("vps", p, "vps");
	bytes_line("memory", p, "memory_bytes");
	show_memory(p);
	bytes_line("pinned", p, "pinned_bytes");
	bytes_line("deposited", p, "deposited_bytes");
	bytes_line("deposited, free", p, "deposited_free_bytes");
	line("kernel", value_text(p, "kernel"));
	line("initrd", value_text(p, "initrd"));
	line("on crash", value_text(p, "on_crash"));
	if (!strcmp(value_text(p, "on_worker_failure"), "replace"))
		line("on worker failure", "replace");
	line("on reboot", value_text(p, "on_reboot"));
	line("autostart", value_count(p, "autostart") ? "yes" : "no");
	line("vmbus", value_text(p, "vmbus_version"));
	*text = 0;
	for (const struct value *c = components ? components->first : NULL; c; c = c->next)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", *text ? ", " : "", c->key, c->string);
	line("integration", text);
	line("heartbeat", value_text(p, "heartbeat"));
	if (value_count(p, "frozen"))
		line("file systems", "frozen for a backup");
	if (value_count(p, "worker_replacements"))
		number_line("workers replaced", p, "worker_replacements");
	if (value_count(p, "resets"))
		number_line("resets", p, "resets");
	if (value_count(p, "guest_crashes"))
		number_line("guest crashes", p, "guest_crashes");
	line("console", value_text(p, "console"));
	line("worker log", value_text(p, "worker_log"));
	if (value_count(p, "redefined_since_start"))
		line("note", "redefined since it was started; the new definition holds from the next start");
	line("no counters", value_text(p, "counters_missing"));
	show_disks(p);
	if (value_get(p, "interfaces") && value_get(p, "interfaces")->first)
		putchar('\n');
	interfaces_table(p);
	show_processors(p);
	show_exits(p);
}

void details_view(const struct arguments *args, const struct value *partition, bool first)
{
	if (args->json) {
		print_json(partition);
		return;
	}
	if (!first)
		putchar('\n');
	show_one(partition);
}

int command_show(struct arguments *args)
{
	int worst = EXIT_OK;
	bool first = true;

	for (int i = 0; i < args->count; i++) {
		sd_bus_message *reply;
		struct value *details;
		int rc = client_call(args, args->words[i], "asking", &reply, "Describe", "s", args->words[i]);

		if (rc) {
			worst = rc;
			continue;
		}
		details = take_reply(reply);
		if (!details)
			return EXIT_REFUSED;
		details_view(args, details, first);
		first = false;
		value_free(details);
	}
	return worst;
}

void host_view(const struct arguments *args, const struct value *host)
{
	char text[64];

	if (args->json) {
		print_json(host);
		return;
	}
	line("hypervisor", value_text(host, "hypervisor_version"));
	line("daemon", value_text(host, "daemon_version"));
	line("CPU vendor", value_text(host, "vendor"));
	number_line("processors", host, "logical_processors");
	if (value_get(host, "tsc_hz")) {
		snprintf(text, sizeof text, "%.1f MHz", (double)value_count(host, "tsc_hz") / 1e6);
		line("TSC", text);
	}
	number_line("partitions", host, "partitions");
	puts("\nMemory");
	bytes_line("  image", host, "image_bytes");
	bytes_line("  hypervisor", host, "owned_bytes");
	bytes_line("    of it free", host, "owned_free_bytes");
	bytes_line("  deposited", host, "deposited_bytes");
	bytes_line("  pinned", host, "pinned_bytes");
	bytes_line("  root", host, "root_memory_bytes");
	bytes_line("    available", host, "root_available_bytes");
	bytes_line("    floor", host, "root_floor_bytes");
	if (value_get(host, "root_exits"))
		putchar('\n');
	number_line("root exits", host, "root_exits");
}

int command_host(struct arguments *args)
{
	sd_bus_message *reply;
	struct value *host;
	int rc = client_call(args, "host", "asking", &reply, "HostInfo", "");

	if (rc)
		return rc;
	host = take_reply(reply);
	if (!host)
		return EXIT_REFUSED;
	host_view(args, host);
	value_free(host);
	return EXIT_OK;
}
