/* SPDX-License-Identifier: BSD-2-Clause */
/* The dictionaries of the API. Their keys are also those of `bhctl --json`: they are added to, never renamed. */
#include <stdio.h>
#include <string.h>
#include "abi/bulkhead.h"
#include "root-partition/daemon/api_internal.h"
#include "root-partition/daemon/host.h"
#include "root-partition/daemon/memory.h"
#include "root-partition/daemon/record.h"
#include "root-partition/daemon/text.h"

void api_put(int *rc, sd_bus_message *m, const char *key, const char *type, ...)
{
	va_list args;

	if (*rc < 0)
		return;
	va_start(args, type);
	*rc = sd_bus_message_open_container(m, 'e', "sv");
	if (*rc >= 0)
		*rc = sd_bus_message_append(m, "s", key);
	if (*rc >= 0)
		*rc = sd_bus_message_open_container(m, 'v', type);
	if (*rc >= 0)
		*rc = sd_bus_message_appendv(m, type, args);
	if (*rc >= 0)
		*rc = sd_bus_message_close_container(m);
	if (*rc >= 0)
		*rc = sd_bus_message_close_container(m);
	va_end(args);
}

const char *api_heartbeat(const struct partition *p)
{
	if (p->state != PARTITION_RUNNING)
		return "";
	return p->status.guest_flags & WORKER_GUEST_ALIVE ? "ok" : p->status.ic_ready & WORKER_IC_HEARTBEAT ? "lost" : "none";
}

static void put_summary(int *rc, sd_bus_message *m, const struct partition *p)
{
	const struct partition_config *c = p->running ? p->running : p->config;
	uint64_t now = realtime_us(), uptime = p->worker_pid && now > p->started_us ? (now - p->started_us) / 1000000 : 0;
	char uuid[CONFIG_UUID_TEXT] = "";

	if (c)
		config_uuid_format(c->uuid, uuid);
	api_put(rc, m, "name", "s", p->name);
	api_put(rc, m, "uuid", "s", uuid);
	api_put(rc, m, "state", "s", partition_state_names[p->state]);
	api_put(rc, m, "reason", "s", p->reason);
	api_put(rc, m, "vps", "u", c ? c->vp_count : 0);
	api_put(rc, m, "memory_bytes", "t", c ? c->memory_bytes : (uint64_t)0);
	api_put(rc, m, "assigned_bytes", "t", !p->worker_pid || !c ? (uint64_t)0 : c->dynamic_memory && p->memory.flags ? p->memory.assigned_bytes
							       : c->startup_bytes);
	api_put(rc, m, "demand_bytes", "t", p->worker_pid && p->memory.flags & WORKER_MEMORY_REPORTED ? p->memory.demand_bytes : (uint64_t)0);
	api_put(rc, m, "memory_status", "s", memory_status(p));
	api_put(rc, m, "uptime_s", "t", uptime);
	api_put(rc, m, "since_us", "t", p->since_us);
	api_put(rc, m, "heartbeat", "s", api_heartbeat(p));
	api_put(rc, m, "shutdown_ready", "b", p->state == PARTITION_RUNNING && p->status.ic_ready & WORKER_IC_SHUTDOWN ? 1 : 0);
	api_put(rc, m, "pid", "u", (uint32_t)p->worker_pid);
	api_put(rc, m, "autostart", "b", (int)(p->config && p->config->autostart));
	api_put(rc, m, "defined", "b", (int)(p->config != NULL));
}

int api_append_summary(sd_bus_message *m, const struct partition *p)
{
	int rc = sd_bus_message_open_container(m, 'a', "{sv}");

	put_summary(&rc, m, p);
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}

void api_open_entry(int *rc, sd_bus_message *m, const char *key, const char *type)
{
	if (*rc >= 0)
		*rc = sd_bus_message_open_container(m, 'e', "sv");
	if (*rc >= 0)
		*rc = sd_bus_message_append(m, "s", key);
	if (*rc >= 0)
		*rc = sd_bus_message_open_container(m, 'v', type);
	if (*rc >= 0)
		*rc = sd_bus_message_open_container(m, 'a', type + 1);
}

void api_close_entry(int *rc, sd_bus_message *m)
{
	for (int i = 0; i < 3 && *rc >= 0; i++)
		*rc = sd_bus_message_close_container(m);
}

static const struct worker_disk_stats *disk_stats_of(const struct worker_stats *stats, const struct config_disk *d)
{
	for (uint32_t i = 0; stats && i < stats->disk_count && i < WORKER_MAX_DISKS; i++)
		if (stats->disk[i].controller == d->controller && stats->disk[i].target == 0 && stats->disk[i].lun == d->lun)
			return &stats->disk[i];
	return NULL;
}

static void put_disks(int *rc, sd_bus_message *m, const struct partition_config *c, const struct worker_stats *stats)
{
	api_open_entry(rc, m, "disks", "aa{sv}");
	for (uint32_t i = 0; i < c->disk_count && *rc >= 0; i++) {
		const struct config_disk *d = &c->disks[i];
		const struct worker_disk_stats *s = disk_stats_of(stats, d);

		*rc = sd_bus_message_open_container(m, 'a', "{sv}");
		api_put(rc, m, "target", "s", d->target);
		api_put(rc, m, "controller", "u", (uint32_t)d->controller);
		api_put(rc, m, "lun", "u", (uint32_t)d->lun);
		api_put(rc, m, "type", "s", d->block ? "block" : "file");
		api_put(rc, m, "source", "s", d->source);
		api_put(rc, m, "readonly", "b", (int)d->read_only);
		api_put(rc, m, "cache", "s", d->cache == CONFIG_CACHE_UNSAFE ? "unsafe" : "none");
		api_put(rc, m, "serial", "s", d->serial);
		if (s) {
			api_put(rc, m, "size_bytes", "t", s->size_bytes);
			api_put(rc, m, "reads", "t", s->reads);
			api_put(rc, m, "writes", "t", s->writes);
			api_put(rc, m, "flushes", "t", s->flushes);
			api_put(rc, m, "unmaps", "t", s->unmaps);
			api_put(rc, m, "read_bytes", "t", s->read_bytes);
			api_put(rc, m, "written_bytes", "t", s->written_bytes);
			api_put(rc, m, "errors", "t", s->errors);
			api_put(rc, m, "pending", "t", s->pending);
		}
		if (*rc >= 0)
			*rc = sd_bus_message_close_container(m);
	}
	api_close_entry(rc, m);
}

static const struct worker_interface_stats *stats_of(const struct worker_stats *stats, const uint8_t mac[CONFIG_MAC_BYTES])
{
	for (uint32_t i = 0; stats && i < stats->interface_count && i < WORKER_MAX_INTERFACES; i++)
		if (!memcmp(stats->interface[i].mac, mac, CONFIG_MAC_BYTES))
			return &stats->interface[i];
	return NULL;
}

static void put_interface_stats(int *rc, sd_bus_message *m, const struct worker_interface_stats *s)
{
	char tap[sizeof s->tap + 1];

	snprintf(tap, sizeof tap, "%.*s", (int)sizeof s->tap, s->tap);
	text_clean(tap);
	api_put(rc, m, "tap", "s", tap);
	api_put(rc, m, "ready", "b", (int)s->ready);
	api_put(rc, m, "queues", "u", s->queues);
	api_put(rc, m, "rx_packets", "t", s->rx_packets);
	api_put(rc, m, "rx_bytes", "t", s->rx_bytes);
	api_put(rc, m, "rx_dropped", "t", s->rx_dropped);
	api_put(rc, m, "rx_errors", "t", s->rx_errors);
	api_put(rc, m, "tx_packets", "t", s->tx_packets);
	api_put(rc, m, "tx_bytes", "t", s->tx_bytes);
	api_put(rc, m, "tx_dropped", "t", s->tx_dropped);
	api_put(rc, m, "tx_errors", "t", s->tx_errors);
	api_put(rc, m, "spoofed", "t", s->spoofed);
}

static void put_interfaces(int *rc, sd_bus_message *m, const struct partition_config *c, const struct worker_stats *stats)
{
	api_open_entry(rc, m, "interfaces", "aa{sv}");
	for (uint32_t i = 0; i < c->interface_count && *rc >= 0; i++) {
		const struct config_interface *n = &c->interfaces[i];
		const struct worker_interface_stats *s = stats_of(stats, n->mac);
		bool up = s ? s->link_up : !n->link_down;
		char mac[CONFIG_MAC_TEXT];

		config_mac_format(n->mac, mac);
		*rc = sd_bus_message_open_container(m, 'a', "{sv}");
		api_put(rc, m, "mac", "s", mac);
		api_put(rc, m, "bridge", "s", n->bridge);
		api_put(rc, m, "vlan", "u", (uint32_t)n->vlan);
		api_put(rc, m, "mtu", "u", n->mtu ? n->mtu : 1500);
		api_put(rc, m, "link", "s", up ? "up" : "down");
		api_put(rc, m, "macspoofing", "b", (int)n->allow_spoofing);
		if (s)
			put_interface_stats(rc, m, s);
		if (*rc >= 0)
			*rc = sd_bus_message_close_container(m);
	}
	api_close_entry(rc, m);
}

static void put_memory(int *rc, sd_bus_message *m, const struct partition *p, const struct partition_config *c)
{
	api_put(rc, m, "dynamic_memory", "b", (int)c->dynamic_memory);
	if (!c->dynamic_memory)
		return;
	api_put(rc, m, "startup_bytes", "t", c->startup_bytes);
	api_put(rc, m, "minimum_bytes", "t", c->minimum_bytes);
	api_put(rc, m, "memory_buffer", "u", c->memory_buffer);
	api_put(rc, m, "memory_priority", "u", c->memory_priority);
	if (!p->worker_pid)
		return;
	api_put(rc, m, "target_bytes", "t", p->memory_target);
	api_put(rc, m, "fixed_bytes", "t", p->memory_fixed);
	api_put(rc, m, "ballooned_bytes", "t", p->memory.ballooned_bytes);
	api_put(rc, m, "added_bytes", "t", p->memory.added_bytes);
	api_put(rc, m, "available_bytes", "t", p->memory.available_bytes);
	api_put(rc, m, "resident_bytes", "t", p->memory.resident_bytes);
}

static void put_integration(int *rc, sd_bus_message *m, const struct partition *p, const struct partition_config *c)
{
	api_open_entry(rc, m, "integration", "a{sv}");
	for (unsigned i = 0; i < WORKER_ICS; i++)
		api_put(rc, m, partition_service_names[i], "s", !(c->integration & 1u << i) ? "off"
							     : !p->worker_pid ? "on" : p->status.ic_ready & 1u << i ? "ready" : "not ready");
	api_close_entry(rc, m);
}

/* 0: not known. A frequency that is none makes no time. */
static uint64_t nanoseconds(uint64_t ticks, uint64_t hz)
{
	const uint64_t second = 1000000000u;

	return hz && hz < UINT64_MAX / second ? ticks / hz * second + ticks % hz * second / hz : 0;
}

int api_append_processor_times(sd_bus_message *m, const struct worker_stats *s)
{
	int rc = sd_bus_message_open_container(m, 'a', "(tt)");

	for (uint32_t i = 0; s->tsc_hz && i < s->vp_count && i < WORKER_MAX_VPS && rc >= 0; i++)
		rc = sd_bus_message_append(m, "(tt)", nanoseconds(s->vp[i].guest_tsc, s->tsc_hz), nanoseconds(s->vp[i].hypervisor_tsc, s->tsc_hz));
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}

static void put_processors(int *rc, sd_bus_message *m, const struct worker_stats *s)
{
	api_open_entry(rc, m, "processors", "aa{sv}");
	for (uint32_t i = 0; i < s->vp_count && i < WORKER_MAX_VPS && *rc >= 0; i++) {
		*rc = sd_bus_message_open_container(m, 'a', "{sv}");
		api_put(rc, m, "guest_ns", "t", nanoseconds(s->vp[i].guest_tsc, s->tsc_hz));
		api_put(rc, m, "hypervisor_ns", "t", nanoseconds(s->vp[i].hypervisor_tsc, s->tsc_hz));
		if (*rc >= 0)
			*rc = sd_bus_message_close_container(m);
	}
	api_close_entry(rc, m);
}

static void put_stats(int *rc, sd_bus_message *m, const struct worker_stats *s)
{
	static const char *const exits[BH_EXIT_COUNT] = {
		[BH_EXIT_INTR] = "intr", [BH_EXIT_HLT] = "hlt", [BH_EXIT_CPUID] = "cpuid", [BH_EXIT_MSR_READ] = "msr_read",
		[BH_EXIT_MSR_WRITE] = "msr_write", [BH_EXIT_IO] = "io", [BH_EXIT_NPF] = "npf", [BH_EXIT_HYPERCALL] = "hypercall",
		[BH_EXIT_OTHER] = "other",
	};

	api_put(rc, m, "pinned_bytes", "t", s->pinned_bytes);
	api_put(rc, m, "deposited_bytes", "t", s->deposited_bytes);
	api_put(rc, m, "deposited_free_bytes", "t", s->deposited_free_bytes);
	api_put(rc, m, "dispatches", "t", s->dispatches);
	api_put(rc, m, "guest_tsc", "t", s->guest_tsc);
	api_put(rc, m, "hypervisor_tsc", "t", s->hypervisor_tsc);
	if (s->tsc_hz)
		put_processors(rc, m, s);
	api_open_entry(rc, m, "exits", "a{sv}");
	for (unsigned i = 0; i < BH_EXIT_COUNT; i++)
		api_put(rc, m, exits[i], "t", s->exits[i]);
	api_close_entry(rc, m);
}

int api_append_details(sd_bus_message *m, const struct partition *p, const struct worker_stats *stats, const char *why_not)
{
	const struct partition_config *c = p->running ? p->running : p->config;
	const struct options *options = p->manager->options;
	int rc = sd_bus_message_open_container(m, 'a', "{sv}");
	char text[4200];

	put_summary(&rc, m, p);
	api_put(&rc, m, "last_failure", "s", p->last_failure);
	api_put(&rc, m, "redefined_since_start", "b", (int)p->changed);
	if (c) {
		api_put(&rc, m, "title", "s", c->title ? c->title : "");
		api_put(&rc, m, "kernel", "s", c->kernel);
		api_put(&rc, m, "initrd", "s", c->initrd ? c->initrd : "");
		api_put(&rc, m, "on_crash", "s", c->on_crash == CONFIG_CRASH_RESTART ? "restart" : "stop");
		api_put(&rc, m, "on_reboot", "s", c->on_reboot == CONFIG_REBOOT_STOP ? "stop" : "restart");
		api_put(&rc, m, "restarts", "u", p->crash_count);
		api_put(&rc, m, "on_worker_failure", "s", c->on_worker_failure == CONFIG_WORKER_REPLACE ? "replace" : "fail");
		put_memory(&rc, m, p, c);
		put_integration(&rc, m, p, c);
		put_disks(&rc, m, c, stats);
		put_interfaces(&rc, m, c, stats);
	}
	snprintf(text, sizeof text, "%s/%s-worker.log", options->log_dir, p->name);
	api_put(&rc, m, "worker_log", "s", text);
	if (p->worker_pid) {
		snprintf(text, sizeof text, "%s/%s/console.sock", options->run_dir, p->name);
		api_put(&rc, m, "console", "s", text);
		snprintf(text, sizeof text, "%u.%u", p->status.vmbus_version >> 16, p->status.vmbus_version & 0xffff);
		api_put(&rc, m, "vmbus_version", "s", p->status.vmbus_version ? text : "");
		api_put(&rc, m, "heartbeat_sequence", "t", p->status.heartbeat_sequence);
		api_put(&rc, m, "frozen", "b", (int)((p->status.guest_flags & WORKER_GUEST_FROZEN) != 0));
		api_put(&rc, m, "resets", "u", p->status.reset_count);
		api_put(&rc, m, "worker_replacements", "u", p->replacement_total);
		api_put(&rc, m, "guest_crashes", "u", p->status.guest_crashes);
	}
	if (stats)
		put_stats(&rc, m, stats);
	else if (*why_not)
		api_put(&rc, m, "counters_missing", "s", why_not);
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}

int api_append_host(sd_bus_message *m, const struct manager *manager, char *why, size_t size)
{
	struct bulkhead_host_info host;
	struct host_memory memory;
	char version[32];
	int rc;

	if (host_info(manager, &host, why, size))
		return -1;
	host_memory(manager, &memory);
	snprintf(version, sizeof version, "%u.%u", host.version >> 16, host.version & 0xffff);
	rc = sd_bus_message_open_container(m, 'a', "{sv}");
	api_put(&rc, m, "hypervisor_version", "s", version);
	api_put(&rc, m, "daemon_version", "s", BULKHEAD_VERSION);
	api_put(&rc, m, "vendor", "s", host.vendor);
	api_put(&rc, m, "logical_processors", "u", host.cpu_count);
	api_put(&rc, m, "tsc_hz", "t", (uint64_t)host.tsc_hz);
	api_put(&rc, m, "partitions", "u", host.partition_count);
	api_put(&rc, m, "image_bytes", "t", (uint64_t)host.image_bytes);
	api_put(&rc, m, "owned_bytes", "t", (uint64_t)host.owned_bytes);
	api_put(&rc, m, "owned_free_bytes", "t", (uint64_t)host.owned_free_bytes);
	api_put(&rc, m, "deposited_bytes", "t", (uint64_t)host.deposited_bytes);
	api_put(&rc, m, "pinned_bytes", "t", (uint64_t)host.pinned_bytes);
	api_put(&rc, m, "root_exits", "t", (uint64_t)host.root_exits);
	api_put(&rc, m, "root_memory_bytes", "t", memory.total);
	api_put(&rc, m, "root_available_bytes", "t", memory.available);
	api_put(&rc, m, "root_floor_bytes", "t", memory.floor);
	return rc < 0 ? rc : sd_bus_message_close_container(m);
}
