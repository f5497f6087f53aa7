/* SPDX-License-Identifier: BSD-2-Clause */
/* See names.h. */
#include "wmi-like-api/gateway/names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void add(char *names[], unsigned *count, const char *name)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcasecmp(names[i], name))
			return;
	if (*name && *count < HOST_NAMES_MAX && (names[*count] = strdup(name)))
		++*count;
}

static void add_addresses(char *names[], unsigned *count)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			add(names, count, inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text, sizeof text));
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			const struct in6_addr *address = &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;

			if (!IN6_IS_ADDR_LINKLOCAL(address))
				add(names, count, inet_ntop(AF_INET6, address, text, sizeof text));
		}
	}
	freeifaddrs(list);
}

unsigned host_names(char *names[HOST_NAMES_MAX])
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[256] = "";
	unsigned count = 0;

	gethostname(host, sizeof host - 1);
	add(names, &count, host);
	if (!getaddrinfo(host, NULL, &hints, &found) && found->ai_canonname)
		add(names, &count, found->ai_canonname);
	if (found)
		freeaddrinfo(found);
	add(names, &count, "localhost");
	add_addresses(names, &count);
	return count;
}
