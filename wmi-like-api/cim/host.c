/* SPDX-License-Identifier: BSD-2-Clause */
/* See host.h. */
#include "wmi-like-api/cim/host.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void first_line(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	char *end;

	*ret = 0;
	if (!file)
		return;
	if (!fgets(ret, (int)size, file))
		*ret = 0;
	fclose(file);
	for (end = ret + strlen(ret); end > ret && isspace((unsigned char)end[-1]);)
		*--end = 0;
}

/* The value behind the first of ':' and '=', without quotes. */
static bool takes(const char *line, const char *key, char *ret, size_t size)
{
	size_t length = strlen(key);
	const char *at = line + length;
	char *end;

	if (strncmp(line, key, length))
		return false;
	at += strspn(at, " \t");
	if (*at != ':' && *at != '=')
		return false;
	at++;
	snprintf(ret, size, "%s", at + strspn(at, " \t\""));
	for (end = ret + strlen(ret); end > ret && (isspace((unsigned char)end[-1]) || end[-1] == '"');)
		*--end = 0;
	return true;
}

static void read_processors(struct host_facts *f)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[4096], text[64];
	uint32_t processors = 0, package, last = 0;

	f->cores = f->threads = f->sockets = 1;
	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		processors += takes(line, "processor", text, sizeof text);
		takes(line, "model name", f->cpu, sizeof f->cpu);
		takes(line, "vendor_id", f->cpu_vendor, sizeof f->cpu_vendor);
		if (takes(line, "cpu MHz", text, sizeof text))
			f->mhz = (uint32_t)strtoul(text, NULL, 10);
		if (takes(line, "cpu cores", text, sizeof text))
			f->cores = (uint32_t)strtoul(text, NULL, 10);
		if (takes(line, "physical id", text, sizeof text)) {
			package = (uint32_t)strtoul(text, NULL, 10);
			last = package > last ? package : last;
		}
	}
	fclose(file);
	f->sockets = last < processors ? last + 1 : 1;
	f->threads = processors / f->sockets ? processors / f->sockets : 1;
	if (!f->cores || f->cores > f->threads)
		f->cores = f->threads;
}

static void read_system(struct host_facts *f)
{
	FILE *file = fopen("/etc/os-release", "re");
	char line[512], text[64];
	struct utsname uts;
	unsigned a = 0, b = 0, c = 0;

	while (file && fgets(line, sizeof line, file))
		takes(line, "PRETTY_NAME", f->os, sizeof f->os);
	if (file)
		fclose(file);
	if (!uname(&uts)) {
		snprintf(f->name, sizeof f->name, "%.64s", uts.nodename);
		snprintf(f->release, sizeof f->release, "%.64s", uts.release);
		sscanf(uts.release, "%u.%u.%u", &a, &b, &c);
		snprintf(f->version, sizeof f->version, "%u.%u.%u", a, b, c);
		if (strcmp(uts.domainname, "(none)"))
			snprintf(f->domain, sizeof f->domain, "%.64s", uts.domainname);
	}
	if (strchr(f->name, '.'))
		*strchr(f->name, '.') = 0;
	if (!*f->os)
		snprintf(f->os, sizeof f->os, "Linux");
	file = fopen("/proc/meminfo", "re");
	while (file && fgets(line, sizeof line, file))
		if (takes(line, "MemTotal", text, sizeof text))
			f->memory_bytes = strtoull(text, NULL, 10) << 10;
	if (file)
		fclose(file);
	file = fopen("/proc/stat", "re");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, "btime ", 6))
			f->boot_us = strtoull(line + 6, NULL, 10) * 1000000u;
	if (file)
		fclose(file);
}

void host_read(struct host_facts *f)
{
	char id[40];

	memset(f, 0, sizeof *f);
	read_system(f);
	read_processors(f);
	first_line("/sys/class/dmi/id/sys_vendor", f->vendor, sizeof f->vendor);
	first_line("/sys/class/dmi/id/product_name", f->product, sizeof f->product);
	first_line("/sys/class/dmi/id/product_serial", f->serial, sizeof f->serial);
	first_line("/sys/class/dmi/id/product_uuid", f->uuid, sizeof f->uuid);
	if (strlen(f->uuid) != 36) {
		/* readable for root only, or not there: the installation has an identity, too */
		first_line("/etc/machine-id", id, sizeof id);
		if (strlen(id) != 32)
			snprintf(id, sizeof id, "%032d", 0);
		snprintf(f->uuid, sizeof f->uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
	}
	for (char *c = f->uuid; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}
