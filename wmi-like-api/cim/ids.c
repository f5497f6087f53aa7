/* SPDX-License-Identifier: BSD-2-Clause */
/* See ids.h. */
#include "wmi-like-api/cim/ids.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "wmi-like-api/cim/result.h"

void id_processor(char id[ID_MAX], const char *uuid)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\" PROCESSOR_GUID "\\0", uuid);
}

void id_memory(char id[ID_MAX], const char *uuid)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\" MEMORY_GUID, uuid);
}

void id_controller(char id[ID_MAX], const char *uuid, unsigned controller)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\" CONTROLLER_GUID "\\%u", uuid, controller);
}

void id_drive(char id[ID_MAX], const char *uuid, unsigned controller, unsigned lun, char which)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\" CONTROLLER_GUID "\\%u\\%u\\%c", uuid, controller, lun, which);
}

void id_serial(char id[ID_MAX], const char *uuid)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\" SERIAL_GUID "\\0", uuid);
}

void id_port(char id[ID_MAX], const char *uuid, const char *mac, bool connection)
{
	snprintf(id, ID_MAX, "Microsoft:%s\\00000000-0000-0000-0000-%s%s", uuid, mac, connection ? "\\C" : "");
}

static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

/* FNV-1a twice, marked as a GUID made of a name (version 8 of RFC 9562: own making). */
void id_switch(char guid[37], const char *bridge)
{
	uint64_t a = hash(14695981039346656037u, bridge), b = hash(a ^ 0x5bd1e995u, bridge);

	snprintf(guid, 37, "%08X-%04X-8%03X-%04X-%012llX", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
		 (unsigned)(b >> 48 & 0x3fff) | 0x8000u, (unsigned long long)(b & 0xffffffffffffull));
}

struct cim_path *switch_path(struct pool *pool, const char *guid)
{
	return name_path(pool, "Msvm_VirtualEthernetSwitch", 2,
			 (const char *const[]){ "CreationClassName", "Msvm_VirtualEthernetSwitch", "Name", guid });
}

static bool is_guid(const char *text)
{
	for (unsigned i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static void take_guid(const char *text, char guid[37])
{
	for (unsigned i = 0; i < 36; i++)
		guid[i] = (char)toupper((unsigned char)text[i]);
	guid[36] = 0;
}

bool id_find_guid(const char *text, char guid[37])
{
	for (; strlen(text) >= 36; text++)
		if (is_guid(text)) {
			take_guid(text, guid);
			return true;
		}
	return false;
}

static bool after(const char *text, const char *guid, const char **rest)
{
	if (strncasecmp(text, guid, strlen(guid)))
		return false;
	*rest = text + strlen(guid);
	return true;
}

bool id_parse(const char *text, struct id *ret)
{
	const char *rest;
	char which = 0, end = 0;
	int n;

	memset(ret, 0, sizeof *ret);
	if (strncasecmp(text, "Microsoft:", 10) || strlen(text) < 46 || strlen(text) >= ID_MAX || !is_guid(text + 10))
		return false;
	take_guid(text + 10, ret->uuid);
	text += 46;
	if (!*text) {
		ret->kind = ID_SYSTEM;
		return true;
	}
	if (*text++ != '\\')
		return false;
	if (after(text, PROCESSOR_GUID, &rest)) {
		ret->kind = ID_PROCESSOR;
		return !strcmp(rest, "\\0");
	}
	if (after(text, MEMORY_GUID, &rest)) {
		ret->kind = ID_MEMORY;
		return !*rest;
	}
	if (after(text, SERIAL_GUID, &rest)) {
		ret->kind = ID_SERIAL;
		return !strcmp(rest, "\\0");
	}
	if (after(text, "00000000-0000-0000-0000-", &rest)) {
		if (strlen(rest) < 12 || strspn(rest, "0123456789abcdefABCDEF") != 12)
			return false;
		for (unsigned i = 0; i < 12; i++)
			ret->mac[i] = (char)toupper((unsigned char)rest[i]);
		ret->kind = rest[12] ? ID_CONNECTION : ID_PORT;
		return !rest[12] || !strcasecmp(rest + 12, "\\C");
	}
	if (!after(text, CONTROLLER_GUID, &rest))
		return false;
	n = sscanf(rest, "\\%1u\\%2u\\%c%c", &ret->controller, &ret->lun, &which, &end);
	ret->kind = n == 1 ? ID_CONTROLLER : which == 'L' || which == 'l' ? ID_DISK : ID_DRIVE;
	return (n == 1 || (n == 3 && strchr("DLdl", which))) && ret->controller < DEFINITION_CONTROLLERS && ret->lun < DEFINITION_LUNS;
}

void id_new(char guid[37])
{
	uint8_t b[16] = { 0 };

	if (getrandom(b, sizeof b, 0) != sizeof b)
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(guid, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
		 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
