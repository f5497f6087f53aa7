/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-wsmand's configuration file: `name = value` lines. What it cannot mean is refused with file and line. */
#ifndef BULKHEAD_GATEWAY_CONFIG_H
#define BULKHEAD_GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define GATEWAY_LISTEN_MAX  16u
#define GATEWAY_USERS_MAX   64u
#define GATEWAY_GROUPS_MAX  16u
#define GATEWAY_ROLES       3u    /**< reader, operator, administrator */

struct gateway_listen {
	struct sockaddr_storage address;
	socklen_t size;
	bool plain;      /**< HTTP without TLS; loopback only */
	char text[64];   /**< as it was written */
};

struct gateway_client_user {
	char certificate[256];   /**< "CN=…" or "SHA256:" and 64 hexadecimal digits */
	char user[64];
};

struct gateway_groups {
	char names[GATEWAY_GROUPS_MAX][64];
	unsigned count;
};

struct gateway_config {
	struct gateway_listen listen[GATEWAY_LISTEN_MAX];
	unsigned listen_count;
	char kernel[256], initrd[256], cmdline[2048];  /**< of a partition that is defined by its name alone; initrd empty: none */
	char certificate[256], key[256], client_ca[256], audit_log[256], daemon[256], user[64], pam_directory[256];
	struct gateway_client_user client_users[GATEWAY_USERS_MAX];
	unsigned client_user_count;
	struct gateway_groups groups[GATEWAY_ROLES];   /**< index: role - 1 */
	uint64_t max_connections, max_body, max_contexts;
	uint64_t handshake_s, request_s, idle_s;       /**< time limits in seconds */
	uint64_t context_s;                            /**< an enumeration that nobody pulls from */
};

/** What holds without a file. */
void gateway_config_defaults(struct gateway_config *config);
/** Reads text over the defaults. Returns 0, or -1 with "file:line: what; remedy" in why. */
int gateway_config_parse(struct gateway_config *config, const char *file, const char *text, char *why, size_t why_size);
/** The same from a file, and the checks that need all of it. */
int gateway_config_read(struct gateway_config *config, const char *file, char *why, size_t why_size);

#endif
