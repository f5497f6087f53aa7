/* SPDX-License-Identifier: BSD-2-Clause */
/* See values.h. */
#include "root-partition/config/values.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(r, node, attribute, ...)                                                                                                \
	((attribute) ? reader_fail_attribute(r, node, attribute, __VA_ARGS__) : reader_fail(r, node, __VA_ARGS__))

int value_choose(struct reader *r, const xmlNode *node, const char *attribute, const char *text, const struct value_choice *choices,
		 unsigned *ret)
{
	char words[128] = "";

	for (const struct value_choice *c = choices; c->word; c++) {
		size_t used = strlen(words);

		if (text && !strcmp(text, c->word)) {
			*ret = c->value;
			return 0;
		}
		snprintf(words + used, sizeof words - used, "%s%s", !used ? "" : c[1].word ? ", " : " or ", c->word);
	}
	return FAIL(r, node, attribute, "'%.64s' is unknown; use %s", text ? text : "", words);
}

/* Digits only, no sign, no blanks: 0, or -1 when it is something else or beyond 64 bits. */
static int parse_digits(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -1;
	for (; *text; text++)
		if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -1;
	*ret = value;
	return 0;
}

int value_number(struct reader *r, const xmlNode *node, const char *attribute, const char *text, uint32_t min, uint32_t max,
		 uint32_t *ret)
{
	uint64_t value;

	if (parse_digits(text, &value) || value < min || value > max)
		return FAIL(r, node, attribute, "'%.64s' is out of range; use a number from %u to %u", text, min, max);
	*ret = (uint32_t)value;
	return 0;
}

int value_memory(struct reader *r, const xmlNode *node, const char *text, uint64_t *ret)
{
	static const struct { const char *name; unsigned shift; } units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
	const char *unit = reader_attribute(r, node, "unit");
	unsigned shift = 10;   /* libvirt's default */
	uint64_t value;
	size_t i;

	if (unit) {
		for (i = 0; i < sizeof units / sizeof *units && strcmp(unit, units[i].name); i++)
			;
		if (i == sizeof units / sizeof *units)
			return reader_fail_attribute(r, node, "unit", "unknown unit '%.64s'; use %s", unit,
						     strchr("kK", *unit) ? "KiB" : "MiB or GiB");
		shift = units[i].shift;
	}
	if (parse_digits(text, &value) || value > CONFIG_MEMORY_MAX >> shift)
		return reader_fail(r, node, "'%.64s' is no size; use a whole number of at most 448 GiB", text);
	value <<= shift;
	if (value < CONFIG_MEMORY_MIN)
		return reader_fail(r, node, "%" PRIu64 " KiB are too little, the least is 16 MiB; %s", value >> 10,
				   unit ? "ask for more" : "without unit='MiB' the number counts KiB");
	if (value % CONFIG_MEMORY_UNIT)
		return reader_fail(r, node, "%" PRIu64 " KiB are no multiple of 2 MiB; use %" PRIu64 " MiB", value >> 10,
				   (uint64_t)(value / CONFIG_MEMORY_UNIT + 1) * 2);
	*ret = value;
	return 0;
}

int value_copy(struct reader *r, const xmlNode *node, const char *text, size_t max, char **ret)
{
	size_t length = strlen(text);

	if (length > max)
		return reader_fail(r, node, "%zu bytes are too many; at most %zu", length, max);
	*ret = strdup(text);
	return *ret ? 0 : reader_fail(r, node, "out of memory");
}

int value_path(struct reader *r, const xmlNode *node, const char *attribute, const char *text, char **ret)
{
	if (*text != '/')
		return FAIL(r, node, attribute, "'%.64s' is no absolute path; begin with /", text);
	if (strpbrk(text, "\n\r\t"))
		return FAIL(r, node, attribute, "the path holds a tab or a line break; remove it");
	return value_copy(r, node, text, 4095, ret);
}

int config_target_parse(const char *text, uint8_t *controller, uint8_t *lun)
{
	unsigned int c, l;
	char end;

	if (!strncmp(text, "sd", 2) && text[2] >= 'a' && text[2] <= 'p' && !text[3]) {
		*controller = 0;
		*lun = (uint8_t)(text[2] - 'a');
		return 0;
	}
	if (strspn(text, "0123456789:") != strlen(text) || sscanf(text, "%1u:%2u%c", &c, &l, &end) != 2 || c > 3 || l > 63)
		return -1;
	*controller = (uint8_t)c;
	*lun = (uint8_t)l;
	return 0;
}

int value_target(struct reader *r, const xmlNode *node, struct config_disk *disk)
{
	static const struct value_choice buses[] = { { "scsi", 0 }, { NULL, 0 } };
	const char *dev = reader_attribute(r, node, "dev"), *bus = reader_attribute(r, node, "bus");
	const char *controller = reader_attribute(r, node, "controller"), *lun = reader_attribute(r, node, "lun");
	uint32_t number = 0;
	unsigned choice;

	if (bus && value_choose(r, node, "bus", bus, buses, &choice))
		return -1;
	if (dev) {
		if (controller || lun)
			return reader_fail(r, node, "give either 'dev' or 'controller' and 'lun'");
		if (strncmp(dev, "sd", 2) || dev[2] < 'a' || dev[2] > 'p' || dev[3])
			return reader_fail_attribute(r, node, "dev", "'%.32s' is no disk name; use sda to sdp", dev);
		disk->lun = (uint8_t)(dev[2] - 'a');
		snprintf(disk->target, sizeof disk->target, "%.3s", dev);
		return 0;
	}
	if (!lun)
		return reader_fail(r, node, "attribute 'dev' or 'lun' is missing");
	if (controller && value_number(r, node, "controller", controller, 0, 3, &number))
		return -1;
	disk->controller = (uint8_t)number;
	if (value_number(r, node, "lun", lun, 0, 63, &number))
		return -1;
	disk->lun = (uint8_t)number;
	snprintf(disk->target, sizeof disk->target, "%u:%u", disk->controller, disk->lun);
	return 0;
}

static const xmlNode *nth_disk(const xmlNode *root, uint32_t n)
{
	for (const xmlNode *devices = root->children; devices; devices = devices->next) {
		if (devices->type != XML_ELEMENT_NODE || strcmp((const char *)devices->name, "devices"))
			continue;
		for (const xmlNode *disk = devices->children; disk; disk = disk->next)
			if (disk->type == XML_ELEMENT_NODE && !strcmp((const char *)disk->name, "disk") && !n--)
				return disk;
	}
	return root;
}

int check_whole(struct reader *r, const xmlNode *root)
{
	const struct partition_config *config = r->config;

	for (uint32_t i = 0; i < config->disk_count; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct config_disk *a = &config->disks[j], *b = &config->disks[i];

			if (a->controller == b->controller && a->lun == b->lun)
				return reader_fail(r, nth_disk(root, i), "target %s is taken by another disk; use a free one", b->target);
			if (!strcmp(a->source, b->source) && !(a->read_only && b->read_only))
				return reader_fail(r, nth_disk(root, i), "'%.128s' is disk %s already; only read-only disks may share a source",
						   b->source, a->target);
		}
	return check_interfaces(r, root);
}
