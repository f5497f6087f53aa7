/* SPDX-License-Identifier: BSD-2-Clause */
/* MAC addresses as text, and edits of the devices in a definition: everything else in the text stays as it is. */
#include "root-partition/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "root-partition/config/edit.h"

void config_mac_format(const uint8_t mac[CONFIG_MAC_BYTES], char text[CONFIG_MAC_TEXT])
{
	snprintf(text, CONFIG_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

int config_mac_generate(uint8_t mac[CONFIG_MAC_BYTES])
{
	ssize_t n = getrandom(mac + 3, 3, 0);

	if (n != 3)
		return n < 0 ? -errno : -EIO;
	memcpy(mac, (const uint8_t[]){ 0x00, 0x15, 0x5d }, 3);   /* Microsoft's, as Hyper-V gives it to guests */
	return 0;
}

/* The element at depth 1. */
static const struct markup_tag *find_devices(const struct markup *markup, const char *text)
{
	for (uint32_t i = 0; i < markup->count; i++)
		if (markup->tags[i].depth == 1 && edit_tag_is(text, &markup->tags[i], "devices"))
			return &markup->tags[i];
	return NULL;
}

/* The n-th element of that name in <devices>. */
static const struct markup_tag *find_device(const struct markup *markup, const char *text, const char *name, uint32_t n)
{
	const struct markup_tag *devices = find_devices(markup, text);

	for (uint32_t i = 0; devices && i < markup->count; i++) {
		const struct markup_tag *tag = &markup->tags[i];

		if (tag->depth == 2 && tag->start > devices->start && tag->end <= devices->inside_end && edit_tag_is(text, tag, name) && !n--)
			return tag;
	}
	return NULL;
}

static const struct markup_tag *find_inside(const struct markup *markup, const char *text, const struct markup_tag *parent, const char *name)
{
	for (uint32_t i = 0; parent && i < markup->count; i++) {
		const struct markup_tag *tag = &markup->tags[i];

		if (tag->depth == parent->depth + 1 && tag->start > parent->start && tag->end <= parent->inside_end && edit_tag_is(text, tag, name))
			return tag;
	}
	return NULL;
}

char *config_text_with_mac(const char *text, size_t size, uint32_t index, const uint8_t mac[CONFIG_MAC_BYTES])
{
	char element[64], address[CONFIG_MAC_TEXT], *result = NULL;
	const struct markup_tag *source;
	struct markup_error error;
	struct markup markup;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	config_mac_format(mac, address);
	snprintf(element, sizeof element, "<mac address='%s'/>", address);
	source = find_inside(&markup, text, find_device(&markup, text, "interface", index), "source");
	if (source)
		result = edit_insert_behind(text, size, source, element);
	markup_free(&markup);
	return result;
}

char *config_device_element(const char *text, size_t size, const uint8_t *mac)
{
	char element[64], address[CONFIG_MAC_TEXT], *result = NULL;
	const struct markup_tag *root, *source;
	struct markup_error error;
	struct markup markup;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	root = markup.tags;
	source = markup.count ? find_inside(&markup, text, root, "source") : NULL;
	if (source && mac) {
		config_mac_format(mac, address);
		snprintf(element, sizeof element, "<mac address='%s'/>", address);
		result = edit_replace(text + root->start, root->end - root->start, source->end - root->start, source->end - root->start, element);
	} else if (source) {
		result = strndup(text + root->start, root->end - root->start);
	}
	markup_free(&markup);
	return result;
}

char *config_text_with_link(const char *text, size_t size, uint32_t index, bool up)
{
	const char *element = up ? "<link state='up'/>" : "<link state='down'/>";
	const struct markup_tag *interface, *link, *source;
	struct markup_error error;
	struct markup markup;
	char *result = NULL;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	interface = find_device(&markup, text, "interface", index);
	link = find_inside(&markup, text, interface, "link");
	source = find_inside(&markup, text, interface, "source");
	if (link)
		result = edit_replace(text, size, link->start, link->end, element);
	else if (source)
		result = edit_insert_behind(text, size, source, element);
	markup_free(&markup);
	return result;
}

char *config_text_without_device(const char *text, size_t size, const char *name, uint32_t index)
{
	const struct markup_tag *device;
	struct markup_error error;
	struct markup markup;
	char *result = NULL;
	size_t from;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	device = find_device(&markup, text, name, index);
	if (device) {
		from = device->start;
		while (from && strchr(" \t", text[from - 1]))
			from--;
		if (from && text[from - 1] == '\n')   /* its own line goes too */
			from--;
		else
			from = device->start;
		result = edit_replace(text, size, from, device->end, "");
	}
	markup_free(&markup);
	return result;
}

/* Into <devices>, in front of its end tag, or with a <devices> of its own in front of </partition>. */
char *config_text_with_device(const char *text, size_t size, const char *element)
{
	const struct markup_tag *devices;
	struct markup_error error;
	struct markup markup;
	char *middle = NULL, *result = NULL;
	size_t from, to;
	int rc = -1;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	devices = find_devices(&markup, text);
	if (!markup.count)
		goto out;
	if (devices && text[devices->inside - 2] != '/') {
		from = to = devices->inside_end;
		rc = asprintf(&middle, "  %s\n  ", element);
	} else if (devices) {   /* <devices/> */
		from = devices->start;
		to = devices->end;
		rc = asprintf(&middle, "<devices>\n    %s\n  </devices>", element);
	} else {
		from = to = markup.tags[0].inside_end;
		rc = asprintf(&middle, "  <devices>\n    %s\n  </devices>\n", element);
	}
	if (rc >= 0)
		result = edit_replace(text, size, from, to, middle);
	free(rc >= 0 ? middle : NULL);
out:
	markup_free(&markup);
	return result;
}
