/* SPDX-License-Identifier: BSD-2-Clause */
/* <vsock>: which ports guest and host may connect to, and whose the sockets are. */
#include "root-partition/config/reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/config/values.h"

#define ATTRIBUTES(...) ((const char *const[]){ __VA_ARGS__, NULL })

void vsock_defaults(struct config_vsock *vsock)
{
	const struct config_ports all = { .count = 1, .ranges = { { 0, UINT32_MAX } } };

	*vsock = (struct config_vsock){ .offered = true, .mode = 0660, .listen = all, .connect = all };
}

/* A user's or group's name, or its number. */
static int read_account(struct reader *r, const xmlNode *node, const char *attribute, char *ret, size_t size)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *text = reader_attribute(r, node, attribute);
	size_t length;

	if (!text)
		return 0;
	length = strlen(text);
	if (!length || length >= size || strspn(text, allowed) != length || *text == '-')
		return reader_fail_attribute(r, node, attribute, "'%.64s' is no account; use a name or a number", text);
	memcpy(ret, text, length + 1);
	return 0;
}

static int read_mode(struct reader *r, const xmlNode *node, uint32_t *ret)
{
	const char *text = reader_attribute(r, node, "mode");
	size_t length;

	if (!text)
		return 0;
	length = strlen(text);
	if (length < 3 || length > 4 || strspn(text, "01234567") != length || (length == 4 && *text != '0'))
		return reader_fail_attribute(r, node, "mode", "'%.64s' is no mode; use three octal digits, such as 660", text);
	*ret = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}

int vsock_begin(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice states[] = { { "on", 1 }, { "off", 0 }, { NULL, 0 } };
	struct config_vsock *vsock = &r->config->vsock;
	const char *state = reader_attribute(r, node, "state");
	unsigned on = 1;

	(void)text;
	if (state && value_choose(r, node, "state", state, states, &on))
		return -1;
	vsock->offered = on;
	if (read_account(r, node, "owner", vsock->owner, sizeof vsock->owner) ||
	    read_account(r, node, "group", vsock->group, sizeof vsock->group))
		return -1;
	return read_mode(r, node, &vsock->mode);
}

/* Digits up to 32 bits; *at moves behind them. */
static bool take_port(const char **at, uint32_t *ret)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); ++*at) {
		value = value * 10 + (uint64_t)(**at - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

static int read_ports(struct reader *r, const xmlNode *node, struct config_ports *ports)
{
	const char *text = reader_attribute(r, node, "ports"), *at = text;

	ports->count = 0;
	while (*at) {
		struct config_port_range *range = &ports->ranges[ports->count];

		if (ports->count == CONFIG_MAX_PORT_RANGES)
			return reader_fail_attribute(r, node, "ports", "more than %u ranges", CONFIG_MAX_PORT_RANGES);
		if (!take_port(&at, &range->first))
			break;
		range->last = range->first;
		if (*at == '-' && (at++, !take_port(&at, &range->last) || range->last < range->first))
			break;
		ports->count++;
		if (!*at)
			return 0;
		if (*at++ != ',' || !*at)
			break;
	}
	if (!*text)
		return 0;
	return reader_fail_attribute(r, node, "ports", "'%.64s' are no ports; write numbers up to %u and ranges, such as 22,5000-5010, or nothing for none",
				     text, UINT32_MAX);
}

static int read_listen(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return read_ports(r, node, &r->config->vsock.listen);
}

static int read_connect(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return read_ports(r, node, &r->config->vsock.connect);
}

const struct element_rule vsock_children[] = {
	{ "listen", HOLDS_NOTHING, 0, ATTRIBUTES("!ports"), NULL, read_listen, NULL },
	{ "connect", HOLDS_NOTHING, 0, ATTRIBUTES("!ports"), NULL, read_connect, NULL },
	{ 0 }
};
