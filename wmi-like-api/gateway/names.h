/* SPDX-License-Identifier: BSD-2-Clause */
/* What this host is called: for a certificate. */
#ifndef BULKHEAD_GATEWAY_NAMES_H
#define BULKHEAD_GATEWAY_NAMES_H

#define HOST_NAMES_MAX 32u

/** Name, full name, localhost and the addresses of the interfaces, each to be freed. Returns how many. */
unsigned host_names(char *names[HOST_NAMES_MAX]);

#endif
