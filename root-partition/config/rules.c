/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which element may stand where and with which attributes, and what it sets. The same is said to other programs by
 * partition.rng; a test holds the two together.
 */
#include "root-partition/config/reader.h"

#include <stdlib.h>
#include <string.h>
#include "root-partition/config/values.h"

#define ATTRIBUTES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int read_name(struct reader *r, const xmlNode *node, const char *text)
{
	if (!config_name_valid(text))
		return reader_fail(r, node, "'%.80s' is no partition name; use 1 to %u of A-Z a-z 0-9 . _ - and begin with none of . -",
				   text, CONFIG_NAME_MAX);
	strcpy(r->config->name, text);
	return 0;
}

static int read_uuid(struct reader *r, const xmlNode *node, const char *text)
{
	if (config_uuid_parse(text, r->config->uuid))
		return reader_fail(r, node, "'%.64s' is no UUID; leave the element out to have one generated", text);
	r->config->has_uuid = true;
	return 0;
}

static int read_title(struct reader *r, const xmlNode *node, const char *text)
{
	return value_copy(r, node, text, 256, &r->config->title);
}

static int read_description(struct reader *r, const xmlNode *node, const char *text)
{
	return value_copy(r, node, text, 8192, &r->config->description);
}

static int read_vcpu(struct reader *r, const xmlNode *node, const char *text)
{
	return value_number(r, node, NULL, text, 1, CONFIG_MAX_VPS, &r->config->vp_count);
}

static int read_kernel(struct reader *r, const xmlNode *node, const char *text)
{
	return value_path(r, node, NULL, text, &r->config->kernel);
}

static int read_initrd(struct reader *r, const xmlNode *node, const char *text)
{
	return value_path(r, node, NULL, text, &r->config->initrd);
}

static int read_cmdline(struct reader *r, const xmlNode *node, const char *text)
{
	return value_copy(r, node, text, CONFIG_CMDLINE_MAX, &r->config->cmdline);
}

static const struct { const char *name; unsigned bit; } integration_services[] = {
	{ "shutdown", CONFIG_IC_SHUTDOWN }, { "heartbeat", CONFIG_IC_HEARTBEAT }, { "timesync", CONFIG_IC_TIMESYNC },
	{ "kvp", CONFIG_IC_KVP }, { "vss", CONFIG_IC_VSS }, { "fcopy", CONFIG_IC_FCOPY },
};

static int read_integration(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice states[] = { { "on", 1 }, { "off", 0 }, { NULL, 0 } };
	unsigned on;

	(void)text;
	if (value_choose(r, node, "state", reader_attribute(r, node, "state"), states, &on))
		return -1;
	for (size_t i = 0; i < sizeof integration_services / sizeof *integration_services; i++)
		if (!strcmp(integration_services[i].name, (const char *)node->name))
			r->config->integration = on ? r->config->integration | integration_services[i].bit
						    : r->config->integration & ~integration_services[i].bit;
	return 0;
}

static int read_invtsc(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice states[] = { { "on", 1 }, { "off", 0 }, { NULL, 0 } };
	unsigned on;

	(void)text;
	if (value_choose(r, node, "state", reader_attribute(r, node, "state"), states, &on))
		return -1;
	r->config->invariant_tsc = on;
	return 0;
}

static int read_on_crash(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice actions[] = {
		{ "stop", CONFIG_CRASH_STOP }, { "restart", CONFIG_CRASH_RESTART }, { NULL, 0 }
	};
	const char *limit = reader_attribute(r, node, "limit"), *within = reader_attribute(r, node, "within"),
		   *wait = reader_attribute(r, node, "wait");
	unsigned action;

	if (value_choose(r, node, NULL, text, actions, &action))
		return -1;
	if (action == CONFIG_CRASH_STOP && (limit || within))
		return reader_fail(r, node, "'limit' and 'within' are for 'restart'; remove them");
	r->config->on_crash = action;
	if (limit && value_number(r, node, "limit", limit, 1, 1000, &r->config->crash_limit))
		return -1;
	if (wait && value_number(r, node, "wait", wait, 1, 86400, &r->config->crash_wait_s))
		return -1;
	return within ? value_number(r, node, "within", within, 1, 86400, &r->config->crash_within_s) : 0;
}

static int read_on_worker_failure(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice actions[] = {
		{ "fail", CONFIG_WORKER_FAIL }, { "replace", CONFIG_WORKER_REPLACE }, { NULL, 0 }
	};
	const char *limit = reader_attribute(r, node, "limit"), *within = reader_attribute(r, node, "within");
	unsigned action;

	if (value_choose(r, node, NULL, text, actions, &action))
		return -1;
	if (action == CONFIG_WORKER_FAIL && (limit || within))
		return reader_fail(r, node, "'limit' and 'within' are for 'replace'; remove them");
	r->config->on_worker_failure = action;
	if (limit && value_number(r, node, "limit", limit, 1, CONFIG_REPLACE_MAX, &r->config->replace_limit))
		return -1;
	return within ? value_number(r, node, "within", within, 1, 86400, &r->config->replace_within_s) : 0;
}

static int read_on_reboot(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice actions[] = {
		{ "restart", CONFIG_REBOOT_RESTART }, { "stop", CONFIG_REBOOT_STOP }, { NULL, 0 }
	};
	unsigned action;

	if (value_choose(r, node, NULL, text, actions, &action))
		return -1;
	r->config->on_reboot = action;
	return 0;
}

static int read_autostart(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice answers[] = { { "yes", 1 }, { "no", 0 }, { NULL, 0 } };
	const char *order = reader_attribute(r, node, "order");
	unsigned answer;

	if (value_choose(r, node, NULL, text, answers, &answer))
		return -1;
	r->config->autostart = answer;
	return order ? value_number(r, node, "order", order, 0, 9999, &r->config->autostart_order) : 0;
}

static int read_console(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice types[] = { { "unix", 1 }, { NULL, 0 } };
	static const struct value_choice logs[] = { { "on", 1 }, { "off", 0 }, { NULL, 0 } };
	const char *type = reader_attribute(r, node, "type"), *log = reader_attribute(r, node, "log");
	unsigned choice;

	(void)text;
	if (type && value_choose(r, node, "type", type, types, &choice))
		return -1;
	if (log) {
		if (value_choose(r, node, "log", log, logs, &choice))
			return -1;
		r->config->console_log = choice;
	}
	return 0;
}

static int begin_disk(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice types[] = { { "file", 0 }, { "block", 1 }, { NULL, 0 } };
	static const struct value_choice devices[] = { { "disk", 0 }, { NULL, 0 } };
	const char *device = reader_attribute(r, node, "device");
	unsigned choice;

	(void)text;
	if (r->config->disk_count == CONFIG_MAX_DISKS)
		return reader_fail(r, node, "more than %u disks", CONFIG_MAX_DISKS);
	if (device && value_choose(r, node, "device", device, devices, &choice))
		return -1;
	if (value_choose(r, node, "type", reader_attribute(r, node, "type"), types, &choice))
		return -1;
	r->disk = &r->config->disks[r->config->disk_count++];
	r->disk->block = choice;
	return 0;
}

static int read_source(struct reader *r, const xmlNode *node, const char *text)
{
	const char *right = r->disk->block ? "dev" : "file", *wrong = r->disk->block ? "file" : "dev";

	(void)text;
	if (reader_attribute(r, node, wrong))
		return reader_fail(r, node, "attribute '%s' does not fit <disk type='%s'>; use '%s'", wrong,
				   r->disk->block ? "block" : "file", right);
	if (!reader_attribute(r, node, right))
		return reader_fail(r, node, "attribute '%s' is missing", right);
	return value_path(r, node, right, reader_attribute(r, node, right), &r->disk->source);
}

static int read_target(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return value_target(r, node, r->disk);
}

static int read_driver(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice caches[] = {
		{ "none", CONFIG_CACHE_NONE }, { "unsafe", CONFIG_CACHE_UNSAFE }, { NULL, 0 }
	};
	static const struct value_choice formats[] = { { "raw", 0 }, { NULL, 0 } };
	const char *cache = reader_attribute(r, node, "cache"), *type = reader_attribute(r, node, "type");
	unsigned choice;

	(void)text;
	if (type && value_choose(r, node, "type", type, formats, &choice))
		return -1;
	if (cache) {
		if (value_choose(r, node, "cache", cache, caches, &choice))
			return -1;
		r->disk->cache = choice;
	}
	return 0;
}

static int read_readonly(struct reader *r, const xmlNode *node, const char *text)
{
	(void)node;
	(void)text;
	r->disk->read_only = true;
	return 0;
}

static int read_serial(struct reader *r, const xmlNode *node, const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
	size_t length = strlen(text);

	if (!length || length >= sizeof r->disk->serial || strspn(text, allowed) != length)
		return reader_fail(r, node, "'%.64s' is no serial number; use 1 to %zu of A-Z a-z 0-9 . _ + -", text,
				   sizeof r->disk->serial - 1);
	strcpy(r->disk->serial, text);
	return 0;
}

static int read_blockio(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice sizes[] = { { "512", 512 }, { "4096", 4096 }, { NULL, 0 } };
	unsigned size;

	(void)text;
	if (value_choose(r, node, "logical_block_size", reader_attribute(r, node, "logical_block_size"), sizes, &size))
		return -1;
	r->disk->block_size = size;
	return 0;
}

static const struct element_rule disk_children[] = {
	{ "source", HOLDS_NOTHING, REQUIRED, ATTRIBUTES("file", "dev"), NULL, read_source, NULL },
	{ "target", HOLDS_NOTHING, REQUIRED, ATTRIBUTES("dev", "bus", "controller", "lun"), NULL, read_target, NULL },
	{ "driver", HOLDS_NOTHING, 0, ATTRIBUTES("type", "cache"), NULL, read_driver, NULL },
	{ "readonly", HOLDS_NOTHING, 0, NULL, NULL, read_readonly, NULL },
	{ "serial", HOLDS_TEXT, 0, NULL, NULL, read_serial, NULL },
	{ "blockio", HOLDS_NOTHING, 0, ATTRIBUTES("!logical_block_size"), NULL, read_blockio, NULL },
	{ 0 }
};

const struct element_rule disk_rule = { "disk", HOLDS_ELEMENTS, MANY, ATTRIBUTES("!type", "device"), disk_children, begin_disk, NULL };

static const struct element_rule devices_children[] = {
	{ "disk", HOLDS_ELEMENTS, MANY, ATTRIBUTES("!type", "device"), disk_children, begin_disk, NULL },
	{ "interface", HOLDS_ELEMENTS, MANY, ATTRIBUTES("!type"), interface_children, interface_begin, NULL },
	{ "vsock", HOLDS_ELEMENTS, 0, ATTRIBUTES("state", "owner", "group", "mode"), vsock_children, vsock_begin, NULL },
	{ "console", HOLDS_NOTHING, 0, ATTRIBUTES("type", "log"), NULL, read_console, NULL },
	{ 0 }
};

static const struct element_rule os_children[] = {
	{ "kernel", HOLDS_TEXT, REQUIRED, NULL, NULL, read_kernel, NULL },
	{ "initrd", HOLDS_TEXT, 0, NULL, NULL, read_initrd, NULL },
	{ "cmdline", HOLDS_TEXT, 0, NULL, NULL, read_cmdline, NULL },
	{ 0 }
};

static const struct element_rule integration_children[] = {
	{ "shutdown", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ "heartbeat", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ "timesync", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ "kvp", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ "vss", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ "fcopy", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_integration, NULL },
	{ 0 }
};

static const struct element_rule features_children[] = {
	{ "integration", HOLDS_ELEMENTS, 0, NULL, integration_children, NULL, NULL },
	{ "invtsc", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_invtsc, NULL },
	{ 0 }
};

static const struct element_rule partition_children[] = {
	{ "name", HOLDS_TEXT, REQUIRED, NULL, NULL, read_name, NULL },
	{ "uuid", HOLDS_TEXT, 0, NULL, NULL, read_uuid, NULL },
	{ "title", HOLDS_TEXT, 0, NULL, NULL, read_title, NULL },
	{ "description", HOLDS_TEXT, 0, NULL, NULL, read_description, NULL },
	{ "metadata", HOLDS_ANYTHING, 0, NULL, NULL, NULL, NULL },
	{ "memory", HOLDS_TEXT, REQUIRED, ATTRIBUTES("unit"), NULL, memory_read, NULL },
	{ "currentMemory", HOLDS_TEXT, 0, ATTRIBUTES("unit"), NULL, memory_read_current, NULL },
	{ "dynamicMemory", HOLDS_NOTHING, 0, ATTRIBUTES("!minimum", "unit", "buffer", "priority"), NULL, memory_read_dynamic, NULL },
	{ "vcpu", HOLDS_TEXT, 0, NULL, NULL, read_vcpu, NULL },
	{ "os", HOLDS_ELEMENTS, REQUIRED, NULL, os_children, NULL, NULL },
	{ "features", HOLDS_ELEMENTS, 0, NULL, features_children, NULL, NULL },
	{ "devices", HOLDS_ELEMENTS, 0, NULL, devices_children, NULL, NULL },
	{ "on_crash", HOLDS_TEXT, 0, ATTRIBUTES("limit", "within", "wait"), NULL, read_on_crash, NULL },
	{ "on_worker_failure", HOLDS_TEXT, 0, ATTRIBUTES("limit", "within"), NULL, read_on_worker_failure, NULL },
	{ "on_reboot", HOLDS_TEXT, 0, NULL, NULL, read_on_reboot, NULL },
	{ "autostart", HOLDS_TEXT, 0, ATTRIBUTES("order"), NULL, read_autostart, NULL },
	{ 0 }
};

const struct element_rule partition_rule = { "partition", HOLDS_ELEMENTS, 0, NULL, partition_children, NULL, NULL };
