/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of a guest's network interfaces: the messages of key-value pairs that carry them, and the text that stands for them here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vsp/ic/ic_internal.h"

/* What of each list fits into a value with the others; more than twenty addresses. */
#define LIST_MAX 700u
_Static_assert(4 * (LIST_MAX + 10) + 32 < IC_KVP_VALUE_MAX, "a value holds all lists");

static const struct list {
	const char *name;
	size_t offset, bytes;
} lists[] = {
	{ "address=", offsetof(struct ic_kvp_addresses, address), sizeof((struct ic_kvp_addresses *)0)->address },
	{ "mask=", offsetof(struct ic_kvp_addresses, mask), sizeof((struct ic_kvp_addresses *)0)->mask },
	{ "gateway=", offsetof(struct ic_kvp_addresses, gateway), sizeof((struct ic_kvp_addresses *)0)->gateway },
	{ "dns=", offsetof(struct ic_kvp_addresses, dns), sizeof((struct ic_kvp_addresses *)0)->dns },
};
#define LISTS (sizeof lists / sizeof lists[0])

static int encode_word(const char *word, struct ic_kvp_addresses *m)
{
	if (!strcmp(word, "dhcp=0") || !strcmp(word, "dhcp=1")) {
		m->dhcp = word[5] == '1';
		return 0;
	}
	for (size_t i = 0; i < LISTS; i++) {
		const size_t name = strlen(lists[i].name);

		if (strncmp(word, lists[i].name, name) != 0)
			continue;
		if (i == 0)
			m->family = (uint8_t)((strchr(word, '.') ? IC_ADDRESS_IPV4 : 0) | (strchr(word, ':') ? IC_ADDRESS_IPV6 : 0));
		return ic_text_encode(word + name, (uint8_t *)m + lists[i].offset, (uint32_t)lists[i].bytes);
	}
	return -EINVAL;
}

int ic_addresses_encode(const struct ic_kvp_request *request, struct ic_kvp_addresses *m)
{
	const char *at = request->value && request->operation == IC_KVP_SET_ADDRESSES ? request->value : "";
	int rc;

	memset(m, 0, sizeof *m);
	m->operation = (uint8_t)request->operation;
	m->pool = (uint8_t)request->pool;
	rc = request->key && *request->key ? ic_text_encode(request->key, m->adapter, sizeof m->adapter) : -EINVAL;
	if (request->operation == IC_KVP_SET_ADDRESSES && !*at)
		return -EINVAL;
	while (rc >= 0 && *at) {
		char word[IC_KVP_VALUE_MAX];
		const size_t length = strcspn(at, " ");

		if (length >= sizeof word)
			return -E2BIG;
		memcpy(word, at, length);
		word[length] = 0;
		rc = encode_word(word, m);
		at += length;
		at += strspn(at, " ");
	}
	return rc < 0 ? rc : 0;
}

static uint32_t keep_addresses(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (strchr("0123456789abcdefABCDEF.:;/%", *from))
			*to++ = *from;
	*to = 0;
	return (uint32_t)(to - text);
}

void ic_addresses_decode(const struct ic_kvp_addresses *m, char *text, uint32_t size)
{
	uint32_t used = (uint32_t)snprintf(text, size, "dhcp=%d family=%s%s", m->dhcp != 0, m->family & IC_ADDRESS_IPV4 ? "4" : "",
					   m->family & IC_ADDRESS_IPV6 ? "6" : "");

	for (size_t i = 0; i < LISTS && used < size; i++) {
		char part[LIST_MAX];

		ic_text_decode((const uint8_t *)m + lists[i].offset, (uint32_t)lists[i].bytes, part, sizeof part);
		if (keep_addresses(part))
			used += (uint32_t)snprintf(text + used, size - used, " %s%s", lists[i].name, part);
	}
}
