/* SPDX-License-Identifier: BSD-2-Clause */
/* See metrics.h. */
#include "wmi-like-api/gateway/metrics.h"

#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/wsman/buffer.h"

#define SPACE "root/virtualization/v2"

static const char *property(const struct cim_instance *instance, const char *name)
{
	for (unsigned i = 0; i < instance->class->property_count; i++)
		if (!strcmp(instance->class->properties[i].name, name))
			return instance->values[i].null || !instance->values[i].count ? NULL : instance->values[i].items[0].text;
	return NULL;
}

/* A label's value: OpenMetrics escapes three characters. */
static void put_label(struct buffer *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_put(b, "\\");
		if (*text == '\n')
			buffer_put(b, "\\n");
		else
			buffer_put_bytes(b, text, 1);
	}
}

static void put_family(struct buffer *b, const char *name, const char *type, const char *unit, const char *help)
{
	buffer_format(b, "# TYPE %s %s\n", name, type);
	if (unit)
		buffer_format(b, "# UNIT %s %s\n", name, unit);
	buffer_format(b, "# HELP %s %s\n", name, help);
}

static const struct {
	const char *name, *unit, *property, *help;
	double factor;
} gauges[] = {
	{ "bulkhead_partition_enabled_state", NULL, "EnabledState", "State as CIM has it: 2 running, 3 off, 9 paused.", 1 },
	{ "bulkhead_partition_processors", NULL, "NumberOfProcessors", "Virtual processors.", 1 },
	{ "bulkhead_partition_memory_bytes", "bytes", "MemoryUsage", "Memory assigned.", 1048576 },
	{ "bulkhead_partition_uptime_seconds", "seconds", "UpTime", "Time since the start.", 0.001 },
};

static void put_partitions(struct buffer *b, struct cim *cim)
{
	struct cim_error error = { 0 };
	struct cim_list *list = cim_query(cim, SPACE, "Msvm_SummaryInformation", NULL, &error);

	put_family(b, "bulkhead_daemon_connected", "gauge", NULL, "Whether bulkheadd answers.");
	buffer_format(b, "bulkhead_daemon_connected %d\n", list != NULL);
	if (!list)
		return;
	put_family(b, "bulkhead_partitions", "gauge", NULL, "Partitions that are defined.");
	buffer_format(b, "bulkhead_partitions %u\n", list->count);
	for (unsigned g = 0; g < sizeof gauges / sizeof gauges[0]; g++) {
		put_family(b, gauges[g].name, "gauge", gauges[g].unit, gauges[g].help);
		for (unsigned i = 0; i < list->count; i++) {
			const char *value = property(list->instances[i], gauges[g].property), *name = property(list->instances[i], "ElementName");

			if (!value)
				continue;
			buffer_format(b, "%s{partition=\"", gauges[g].name);
			put_label(b, name ? name : "");
			buffer_format(b, "\"} %.15g\n", strtod(value, NULL) * gauges[g].factor);
		}
	}
	cim_list_free(list);
}

static void put_counter(struct buffer *b, const char *name, const char *help, uint64_t value)
{
	put_family(b, name, "counter", NULL, help);
	buffer_format(b, "%s_total %llu\n", name, (unsigned long long)value);
}

static void put_gauge(struct buffer *b, const char *name, const char *help, unsigned value)
{
	put_family(b, name, "gauge", NULL, help);
	buffer_format(b, "%s %u\n", name, value);
}

char *metrics_text(struct cim *cim, const struct server *server, size_t *size)
{
	const struct server_counters *c = &server->counters;
	struct wsman_counters w;
	struct buffer b = { 0 };

	wsman_get_counters(server->wsman, &w);
	put_partitions(&b, cim);
	put_gauge(&b, "bulkhead_wsmand_connections", "Connections now.", server->connection_count);
	put_counter(&b, "bulkhead_wsmand_connections_accepted", "Connections taken.", c->accepted);
	put_counter(&b, "bulkhead_wsmand_connections_refused", "Connections refused because all others were at work.", c->refused);
	put_counter(&b, "bulkhead_wsmand_connections_evicted", "Connections closed to make room.", c->evicted);
	put_counter(&b, "bulkhead_wsmand_connections_timed_out", "Connections closed because the client took too long.", c->timed_out);
	put_counter(&b, "bulkhead_wsmand_handshakes_failed", "TLS handshakes that failed.", c->bad_handshakes);
	put_counter(&b, "bulkhead_wsmand_http_requests", "HTTP requests.", c->requests);
	put_counter(&b, "bulkhead_wsmand_http_bad_requests", "Requests that were no HTTP or too large.", c->bad_requests);
	put_counter(&b, "bulkhead_wsmand_passwords_refused", "Credentials that were refused.", c->bad_passwords);
	put_counter(&b, "bulkhead_wsmand_requests", "WS-Management requests.", w.requests);
	put_counter(&b, "bulkhead_wsmand_faults", "Requests answered by a fault.", w.faults);
	put_counter(&b, "bulkhead_wsmand_refused", "Requests that the caller's role or user does not allow.", w.refused);
	put_counter(&b, "bulkhead_wsmand_pulls", "Pull requests.", w.pulls);
	put_counter(&b, "bulkhead_wsmand_methods", "Methods called.", w.invokes);
	put_gauge(&b, "bulkhead_wsmand_contexts", "Enumerations and subscriptions that are open.", w.contexts);
	put_gauge(&b, "bulkhead_wsmand_subscriptions", "Subscriptions.", w.subscriptions);
	put_gauge(&b, "bulkhead_wsmand_pending", "Requests that wait for their result.", w.pending);
	buffer_put(&b, "# EOF\n");
	return buffer_steal(&b, size);
}
