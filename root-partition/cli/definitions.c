/* SPDX-License-Identifier: BSD-2-Clause */
/* Definitions: stored, checked, printed. An error stands as file:line:column, ready for an editor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/table.h"
#include "root-partition/config/config.h"

/* Returns the text or NULL (said why); *label is how errors name it. */
static char *read_definition(const char *file, const char **label, size_t *size)
{
	const char *path = strcmp(file, "-") ? file : "/dev/stdin";
	char *text;
	int rc = config_read_file(AT_FDCWD, path, CONFIG_TEXT_MAX, &text, size);

	*label = strcmp(file, "-") ? file : "stdin";
	if (!rc)
		return text;
	complain(*label, "%s", rc == -EFBIG ? "too large for a definition" : strerror(-rc));
	return NULL;
}

int define_each(struct arguments *args, int (*define)(struct arguments *args, const char *label, const char *text))
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		struct partition_config *config = NULL;
		struct config_error error;
		const char *label;
		int rc = EXIT_REFUSED;
		size_t size;
		char *text = read_definition(args->words[i], &label, &size);

		/* Checked here first: what is no text at all cannot be sent. The daemon checks again. */
		if (text && config_parse(label, text, size, &config, &error))
			complain(NULL, "%s", error.text);
		else if (text)
			rc = define(args, label, text);
		if (rc)
			worst = rc;
		config_free(config);
		free(text);
	}
	config_schema_release();
	return worst;
}

static int define(struct arguments *args, const char *label, const char *text)
{
	sd_bus_message *reply = NULL;
	const char *name;
	int created, rc = client_call(args, NULL, NULL, &reply, "Define", "ss", label, text);

	if (!rc && sd_bus_message_read(reply, "sb", &name, &created) >= 0)
		printf("%s: %s\n", name, created ? "defined" : "redefined");
	sd_bus_message_unref(reply);
	return rc;
}

int command_define(struct arguments *args)
{
	return define_each(args, define);
}

int command_check(struct arguments *args)
{
	int worst = EXIT_OK;

	for (int i = 0; i < args->count; i++) {
		struct partition_config *config = NULL;
		struct config_error error;
		const char *label;
		char memory[32];
		size_t size;
		char *text = read_definition(args->words[i], &label, &size);

		if (text && config_parse(label, text, size, &config, &error))
			complain(NULL, "%s", error.text);
		if (config) {
			format_bytes(config->memory_bytes, memory);
			printf("%s: valid: %s, %u VP%s, %s, %u disk%s, %u interface%s\n", label, config->name, config->vp_count,
			       config->vp_count == 1 ? "" : "s", memory, config->disk_count, config->disk_count == 1 ? "" : "s",
			       config->interface_count, config->interface_count == 1 ? "" : "s");
		} else {
			worst = EXIT_REFUSED;
		}
		config_free(config);
		free(text);
	}
	config_schema_release();
	return worst;
}

int command_dump_xml(struct arguments *args)
{
	sd_bus_message *reply = NULL;
	const char *text;
	int rc = client_call(args, args->words[0], NULL, &reply, "DumpXml", "s", args->words[0]);

	if (!rc && sd_bus_message_read(reply, "s", &text) >= 0)
		fputs(text, stdout);
	sd_bus_message_unref(reply);
	return rc;
}
