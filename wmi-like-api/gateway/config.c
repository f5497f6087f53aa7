/* SPDX-License-Identifier: BSD-2-Clause */
/* See config.h. */
#include "wmi-like-api/gateway/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 10)
#define AT(member) offsetof(struct gateway_config, member)

struct reader {
	struct gateway_config *config;
	const char *file;
	unsigned line;
	char *why;
	size_t why_size;
};

struct setting {
	const char *name;
	int (*read)(struct reader *r, const struct setting *setting, char *value);
	size_t at, size;       /* where, for text: how long; for numbers: the largest */
	uint64_t least;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct reader *r, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(r->why, r->why_size, "%s:%u: %s", r->file, r->line, text);
	return -1;
}

static int read_path(struct reader *r, const struct setting *s, char *value)
{
	if (value[0] != '/')
		return refuse(r, "%s = %.60s: not a full path; begin it with '/'", s->name, value);
	if (strlen(value) >= s->size)
		return refuse(r, "%s: longer than %zu bytes", s->name, s->size - 1);
	strcpy((char *)r->config + s->at, value);
	return 0;
}

static int read_name(struct reader *r, const struct setting *s, char *value)
{
	if (strlen(value) >= s->size || strpbrk(value, " \t:/"))
		return refuse(r, "%s = %.60s: not a user's name", s->name, value);
	strcpy((char *)r->config + s->at, value);
	return 0;
}

static int read_cmdline(struct reader *r, const struct setting *s, char *value)
{
	if (strlen(value) >= s->size)
		return refuse(r, "%s: longer than %zu bytes", s->name, s->size - 1);
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~')
			return refuse(r, "%s: a character that is none of printable ASCII", s->name);
	strcpy((char *)r->config + s->at, value);
	return 0;
}

static int read_number(struct reader *r, const struct setting *s, char *value)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || !isdigit((unsigned char)*value) || *end || number < s->least || number > s->size)
		return refuse(r, "%s = %.60s: not a number from %llu to %zu", s->name, value, (unsigned long long)s->least, s->size);
	*(uint64_t *)((char *)r->config + s->at) = number;
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	return address->ss_family == AF_INET ? ntohl(in->sin_addr.s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* ADDRESS:PORT or [ADDRESS]:PORT; '*' is every address. */
static int parse_address(const char *value, struct gateway_listen *listen)
{
	const char *colon = strrchr(value, ':');
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&listen->address;
	struct sockaddr_in *in = (struct sockaddr_in *)&listen->address;
	size_t size = colon ? (size_t)(colon - value) : 0;
	char host[64], *end;
	unsigned long port;

	if (!size || size >= sizeof host || strlen(value) >= sizeof listen->text)
		return -1;
	memcpy(host, value, size);
	host[size] = 0;
	port = strtoul(colon + 1, &end, 10);
	if (!isdigit((unsigned char)colon[1]) || *end || port > 65535)
		return -1;
	strcpy(listen->text, value);
	if (host[0] == '[' && host[size - 1] == ']') {
		host[size - 1] = 0;
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
		listen->size = sizeof *in6;
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1 ? 0 : -1;
	}
	if (!strcmp(host, "*")) {   /* an IPv6 socket that takes IPv4 too */
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_any };
		listen->size = sizeof *in6;
		return 0;
	}
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	listen->size = sizeof *in;
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : -1;
}

static int read_listen(struct reader *r, const struct setting *s, char *value)
{
	struct gateway_config *c = r->config;
	struct gateway_listen *listen = &c->listen[c->listen_count];

	if (c->listen_count == GATEWAY_LISTEN_MAX)
		return refuse(r, "%s: more than %u addresses", s->name, GATEWAY_LISTEN_MAX);
	*listen = (struct gateway_listen){ .plain = s->least };
	if (parse_address(value, listen))
		return refuse(r, "%s = %.80s: not ADDRESS:PORT, [IPV6]:PORT or *:PORT", s->name, value);
	if (listen->plain && !is_loopback(&listen->address))
		return refuse(r, "%s = %.80s: passwords would go over the network unencrypted; only 127.0.0.1 and [::1] may do without TLS", s->name,
			      value);
	c->listen_count++;
	return 0;
}

static int read_groups(struct reader *r, const struct setting *s, char *value)
{
	struct gateway_groups *groups = (struct gateway_groups *)((char *)r->config + s->at);

	groups->count = 0;
	for (char *save = NULL, *name = strtok_r(value, " \t,", &save); name; name = strtok_r(NULL, " \t,", &save)) {
		if (groups->count == GATEWAY_GROUPS_MAX || strlen(name) >= sizeof groups->names[0])
			return refuse(r, "%s: more than %u groups, or a name that is too long", s->name, GATEWAY_GROUPS_MAX);
		strcpy(groups->names[groups->count++], name);
	}
	return 0;
}

static bool is_fingerprint(char *text)
{
	char *to = text + 7;

	for (const char *c = to; *c; c++) {
		if (*c == ':')
			continue;
		if (!isxdigit((unsigned char)*c))
			return false;
		*to++ = (char)tolower((unsigned char)*c);
	}
	*to = 0;
	return to - text == 7 + 64;
}

static int read_client_user(struct reader *r, const struct setting *s, char *value)
{
	struct gateway_config *c = r->config;
	struct gateway_client_user *mapped = &c->client_users[c->client_user_count];
	char *space = strrchr(value, ' ');

	if (c->client_user_count == GATEWAY_USERS_MAX)
		return refuse(r, "%s: more than %u lines", s->name, GATEWAY_USERS_MAX);
	if (!space || space - value >= (long)sizeof mapped->certificate || strlen(space + 1) >= sizeof mapped->user)
		return refuse(r, "%s = %.80s: expected 'CN=NAME USER' or 'SHA256:FINGERPRINT USER'", s->name, value);
	strcpy(mapped->user, space + 1);
	while (space > value && isspace((unsigned char)space[-1]))
		space--;
	*space = 0;
	strcpy(mapped->certificate, value);
	if (strncmp(mapped->certificate, "CN=", 3) && (strncmp(mapped->certificate, "SHA256:", 7) || !is_fingerprint(mapped->certificate)))
		return refuse(r, "%s = %.80s: a certificate is 'CN=NAME' or 'SHA256:' and 64 hexadecimal digits", s->name, value);
	c->client_user_count++;
	return 0;
}

static const struct setting settings[] = {
	{ "listen", read_listen, 0, 0, false },
	{ "listen-plain", read_listen, 0, 0, true },
	{ "certificate", read_path, AT(certificate), sizeof ((struct gateway_config *)0)->certificate, 0 },
	{ "key", read_path, AT(key), sizeof ((struct gateway_config *)0)->key, 0 },
	{ "client-ca", read_path, AT(client_ca), sizeof ((struct gateway_config *)0)->client_ca, 0 },
	{ "client-user", read_client_user, 0, 0, 0 },
	{ "audit-log", read_path, AT(audit_log), sizeof ((struct gateway_config *)0)->audit_log, 0 },
	{ "daemon", read_path, AT(daemon), sizeof ((struct gateway_config *)0)->daemon, 0 },
	{ "default-kernel", read_path, AT(kernel), sizeof ((struct gateway_config *)0)->kernel, 0 },
	{ "default-initrd", read_path, AT(initrd), sizeof ((struct gateway_config *)0)->initrd, 0 },
	{ "default-cmdline", read_cmdline, AT(cmdline), sizeof ((struct gateway_config *)0)->cmdline, 0 },
	{ "user", read_name, AT(user), sizeof ((struct gateway_config *)0)->user, 0 },
	{ "pam-directory", read_path, AT(pam_directory), sizeof ((struct gateway_config *)0)->pam_directory, 0 },
	{ "readers", read_groups, AT(groups[0]), 0, 0 },
	{ "operators", read_groups, AT(groups[1]), 0, 0 },
	{ "administrators", read_groups, AT(groups[2]), 0, 0 },
	{ "max-connections", read_number, AT(max_connections), 65536, 2 },
	{ "max-body", read_number, AT(max_body), 16u << 20, 8192 },
	{ "max-contexts", read_number, AT(max_contexts), 4096, 1 },
	{ "handshake-timeout", read_number, AT(handshake_s), 3600, 1 },
	{ "request-timeout", read_number, AT(request_s), 3600, 1 },
	{ "idle-timeout", read_number, AT(idle_s), 86400, 1 },
	{ "context-timeout", read_number, AT(context_s), 3600, 1 },
};

void gateway_config_defaults(struct gateway_config *c)
{
	*c = (struct gateway_config){ .certificate = "/etc/bulkhead/wsmand.crt", .key = "/etc/bulkhead/wsmand.key",
				      .daemon = "/run/bulkhead/bulkhead.sock", .user = "bulkhead-wsmand", .kernel = "/boot/vmlinuz", .cmdline = "console=ttyS0",
				      .max_connections = 1024, .max_body = 512u << 10, .max_contexts = 256,
				      .handshake_s = 10, .request_s = 30, .idle_s = 300, .context_s = 60 };
	c->groups[2] = (struct gateway_groups){ .names = { "bulkhead" }, .count = 1 };
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

static const char *nearest(const char *name)
{
	for (unsigned i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (!strncmp(name, settings[i].name, 3))
			return settings[i].name;
	return "listen";
}

static int read_line(struct reader *r, char *line)
{
	char *equals, *name, *value;

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return refuse(r, "'%.60s': expected 'name = value'", line);
	*equals = 0;
	name = trim(line);
	value = trim(equals + 1);
	for (unsigned i = 0; i < sizeof settings / sizeof settings[0]; i++)
		if (!strcmp(name, settings[i].name))
			return *value || settings[i].read == read_groups || settings[i].read == read_cmdline ? settings[i].read(r, &settings[i], value)
									 : refuse(r, "%s: no value", name);
	return refuse(r, "'%.60s': unknown setting; did you mean '%s'?", name, nearest(name));
}

int gateway_config_parse(struct gateway_config *config, const char *file, const char *text, char *why, size_t why_size)
{
	struct reader r = { .config = config, .file = file, .why = why, .why_size = why_size };
	char line[4096];
	size_t size;

	gateway_config_defaults(config);
	for (; *text; text += size + (text[size] == '\n')) {
		r.line++;
		size = strcspn(text, "\n");
		if (size >= sizeof line)
			return refuse(&r, "longer than %zu bytes", sizeof line - 1);
		memcpy(line, text, size);
		line[size] = 0;
		if (read_line(&r, line))
			return -1;
	}
	if (!config->listen_count) {
		char everywhere[] = "*:5986";

		return read_listen(&r, &settings[0], everywhere);
	}
	return 0;
}

int gateway_config_read(struct gateway_config *config, const char *file, char *why, size_t why_size)
{
	FILE *in = fopen(file, "re");
	char *text = NULL;
	size_t size;
	int rc = -1;

	if (!in) {
		snprintf(why, why_size, "%s: %s", file, strerror(errno));
		return -1;
	}
	text = calloc(1, FILE_MAX + 1);
	size = text ? fread(text, 1, FILE_MAX, in) : 0;
	if (!text || ferror(in) || size == FILE_MAX || strlen(text) != size)
		snprintf(why, why_size, "%s: not a text file of less than %u KiB", file, FILE_MAX >> 10);
	else
		rc = gateway_config_parse(config, file, text, why, why_size);
	free(text);
	fclose(in);
	return rc;
}
