/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a definition. Beyond not crashing: what is accepted stays accepted, with the same meaning, when the daemon
 * inserts a UUID, changes <autostart>, or edits an <interface>.
 */
#include <stdlib.h>
#include <string.h>
#include "root-partition/config/config.h"

static struct partition_config *reparse(char *text)
{
	struct partition_config *config;
	struct config_error error;

	if (!text || config_parse("edited", text, strlen(text), &config, &error))
		abort();
	free(text);
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t uuid[16] = { 1, 2, 3 }, mac[CONFIG_MAC_BYTES] = { 2, 0xfe, 0xdc, 0xba, 0x98, 0x76 };
	struct partition_config *config, *edited;
	struct config_error error;
	const char *text = (const char *)data;

	if (config_parse("fuzz", text, size, &config, &error))
		return 0;
	if (!config->has_uuid && size < CONFIG_TEXT_MAX - 128) {
		edited = reparse(config_text_with_uuid(text, size, uuid));
		if (!edited->has_uuid || memcmp(edited->uuid, uuid, 16) || strcmp(edited->name, config->name))
			abort();
		config_free(edited);
	}
	if (size < CONFIG_TEXT_MAX - 128) {
		edited = reparse(config_text_with_autostart(text, size, !config->autostart));
		if (edited->autostart == config->autostart || edited->memory_bytes != config->memory_bytes)
			abort();
		config_free(edited);
	}
	if (config->interface_count && size < CONFIG_TEXT_MAX - 128) {
		uint32_t last = config->interface_count - 1;

		if (!config->interfaces[last].has_mac) {
			edited = reparse(config_text_with_mac(text, size, last, mac));
			if (!edited->interfaces[last].has_mac || memcmp(edited->interfaces[last].mac, mac, sizeof mac))
				abort();
			config_free(edited);
		}
		edited = reparse(config_text_with_link(text, size, last, config->interfaces[last].link_down));
		if (edited->interfaces[last].link_down == config->interfaces[last].link_down)
			abort();
		config_free(edited);
		edited = reparse(config_text_without_device(text, size, "interface", last));
		if (edited->interface_count != last)
			abort();
		config_free(edited);
	}
	if (config->disk_count && size < CONFIG_TEXT_MAX - 128) {
		edited = reparse(config_text_without_device(text, size, "disk", config->disk_count - 1));
		if (edited->disk_count != config->disk_count - 1)
			abort();
		config_free(edited);
	}
	config_free(config);
	return 0;
}
