/* SPDX-License-Identifier: BSD-2-Clause */
/* <interface>: what it holds, and the text of one that is attached to a partition by itself. */
#include "root-partition/config/reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/config/values.h"

#define ATTRIBUTES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* 4 Gbyte/s and 1 GiB: what fits 32 bits of bytes, in which traffic control counts. */
#define RATE_MAX  4000000u
#define BURST_MAX (1u << 20)

int interface_begin(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice types[] = { { "bridge", 0 }, { NULL, 0 } };
	unsigned choice;

	(void)text;
	if (r->config->interface_count == CONFIG_MAX_INTERFACES)
		return reader_fail(r, node, "more than %u interfaces", CONFIG_MAX_INTERFACES);
	if (value_choose(r, node, "type", reader_attribute(r, node, "type"), types, &choice))
		return -1;
	r->interface = &r->config->interfaces[r->config->interface_count++];
	return 0;
}

static int read_source(struct reader *r, const xmlNode *node, const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *bridge = reader_attribute(r, node, "bridge");
	size_t length = strlen(bridge);

	(void)text;
	if (!length || length >= sizeof r->interface->bridge || strspn(bridge, allowed) != length || *bridge == '.' || *bridge == '-')
		return reader_fail_attribute(r, node, "bridge", "'%.64s' is no name of a bridge; use 1 to 15 of A-Z a-z 0-9 . _ -", bridge);
	strcpy(r->interface->bridge, bridge);
	return 0;
}

int config_mac_parse(const char *text, uint8_t mac[CONFIG_MAC_BYTES])
{
	uint8_t bytes[CONFIG_MAC_BYTES];

	for (unsigned i = 0; i < 3 * CONFIG_MAC_BYTES - 1; i++) {
		int c = tolower((unsigned char)text[i]);

		if (i % 3 == 2 ? c != ':' && c != '-' : !isxdigit(c))
			return -1;
		if (i % 3 == 2)
			continue;
		c = isdigit(c) ? c - '0' : c - 'a' + 10;
		bytes[i / 3] = (uint8_t)(i % 3 ? bytes[i / 3] | c : c << 4);
	}
	if (text[3 * CONFIG_MAC_BYTES - 1])
		return -1;
	memcpy(mac, bytes, sizeof bytes);
	return 0;
}

static int read_mac(struct reader *r, const xmlNode *node, const char *text)
{
	static const uint8_t zero[CONFIG_MAC_BYTES];
	const char *address = reader_attribute(r, node, "address");
	uint8_t *mac = r->interface->mac;

	(void)text;
	if (config_mac_parse(address, mac))
		return reader_fail_attribute(r, node, "address", "'%.64s' is no MAC address; leave <mac> out to have one generated", address);
	if (mac[0] & 1 || !memcmp(mac, zero, sizeof zero))
		return reader_fail_attribute(r, node, "address", "'%.64s' is no station's address; the first byte must be even and not all zero",
					     address);
	r->interface->has_mac = true;
	return 0;
}

static int read_tag(struct reader *r, const xmlNode *node, const char *text)
{
	uint32_t id;

	(void)text;
	if (value_number(r, node, "id", reader_attribute(r, node, "id"), 1, 4094, &id))
		return -1;
	r->interface->vlan = (uint16_t)id;
	return 0;
}

static int read_mtu(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return value_number(r, node, "size", reader_attribute(r, node, "size"), 576, 9000, &r->interface->mtu);
}

static int read_rate(struct reader *r, const xmlNode *node, struct config_rate *rate)
{
	const char *peak = reader_attribute(r, node, "peak"), *burst = reader_attribute(r, node, "burst");

	if (value_number(r, node, "average", reader_attribute(r, node, "average"), 1, RATE_MAX, &rate->average) ||
	    (peak && value_number(r, node, "peak", peak, 1, RATE_MAX, &rate->peak)) ||
	    (burst && value_number(r, node, "burst", burst, 1, BURST_MAX, &rate->burst)))
		return -1;
	if (peak && rate->peak < rate->average)
		return reader_fail_attribute(r, node, "peak", "less than the average of %u; use more, or leave it out", rate->average);
	return 0;
}

static int read_inbound(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return read_rate(r, node, &r->interface->inbound);
}

static int read_outbound(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return read_rate(r, node, &r->interface->outbound);
}

static int read_link(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice states[] = { { "up", 0 }, { "down", 1 }, { NULL, 0 } };
	unsigned down;

	(void)text;
	if (value_choose(r, node, "state", reader_attribute(r, node, "state"), states, &down))
		return -1;
	r->interface->link_down = down;
	return 0;
}

static int read_driver(struct reader *r, const xmlNode *node, const char *text)
{
	(void)text;
	return value_number(r, node, "queues", reader_attribute(r, node, "queues"), 1, CONFIG_MAX_QUEUES, &r->interface->queues);
}

static int read_port(struct reader *r, const xmlNode *node, const char *text)
{
	static const struct value_choice states[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };
	unsigned on;

	(void)text;
	if (value_choose(r, node, "macspoofing", reader_attribute(r, node, "macspoofing"), states, &on))
		return -1;
	r->interface->allow_spoofing = on;
	return 0;
}

static const struct element_rule vlan_children[] = {
	{ "tag", HOLDS_NOTHING, REQUIRED, ATTRIBUTES("!id"), NULL, read_tag, NULL },
	{ 0 }
};

static const struct element_rule bandwidth_children[] = {
	{ "inbound", HOLDS_NOTHING, 0, ATTRIBUTES("!average", "peak", "burst"), NULL, read_inbound, NULL },
	{ "outbound", HOLDS_NOTHING, 0, ATTRIBUTES("!average", "peak", "burst"), NULL, read_outbound, NULL },
	{ 0 }
};

const struct element_rule interface_children[] = {
	{ "source", HOLDS_NOTHING, REQUIRED, ATTRIBUTES("!bridge"), NULL, read_source, NULL },
	{ "mac", HOLDS_NOTHING, 0, ATTRIBUTES("!address"), NULL, read_mac, NULL },
	{ "vlan", HOLDS_ELEMENTS, 0, NULL, vlan_children, NULL, NULL },
	{ "mtu", HOLDS_NOTHING, 0, ATTRIBUTES("!size"), NULL, read_mtu, NULL },
	{ "bandwidth", HOLDS_ELEMENTS, 0, NULL, bandwidth_children, NULL, NULL },
	{ "link", HOLDS_NOTHING, 0, ATTRIBUTES("!state"), NULL, read_link, NULL },
	{ "driver", HOLDS_NOTHING, 0, ATTRIBUTES("!queues"), NULL, read_driver, NULL },
	{ "port", HOLDS_NOTHING, 0, ATTRIBUTES("!macspoofing"), NULL, read_port, NULL },
	{ 0 }
};

const struct element_rule interface_rule = {
	"interface", HOLDS_ELEMENTS, MANY, ATTRIBUTES("!type"), interface_children, interface_begin, NULL
};

static const xmlNode *nth_interface(const xmlNode *root, uint32_t n)
{
	for (const xmlNode *devices = root->children; devices; devices = devices->next) {
		if (devices->type != XML_ELEMENT_NODE || strcmp((const char *)devices->name, "devices"))
			continue;
		for (const xmlNode *node = devices->children; node; node = node->next)
			if (node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, "interface") && !n--)
				return node;
	}
	return root;
}

int check_interfaces(struct reader *r, const xmlNode *root)
{
	const struct partition_config *config = r->config;
	char text[CONFIG_MAC_TEXT];

	for (uint32_t i = 0; i < config->interface_count; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct config_interface *a = &config->interfaces[j], *b = &config->interfaces[i];

			if (!a->has_mac || !b->has_mac || memcmp(a->mac, b->mac, sizeof a->mac))
				continue;
			config_mac_format(b->mac, text);
			return reader_fail(r, nth_interface(root, i), "MAC address %s is taken by another interface; use another, or leave <mac> out",
					   text);
		}
	return 0;
}
