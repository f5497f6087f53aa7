/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one privileged part: a process that says whether a name and a password belong together (PAM, service "bulkhead"), and which role
 * the user's groups give. It is started before the gateway gives its privileges up, holds one socket, and asks PAM in a child process
 * each time, for PAM blocks and its modules are anybody's code. And it opens the certificate's files again when they are to be read anew.
 */
#ifndef BULKHEAD_GATEWAY_HELPER_H
#define BULKHEAD_GATEWAY_HELPER_H

#include <stdint.h>
#include <sys/types.h>
#include "wmi-like-api/gateway/config.h"

#define HELPER_CHILDREN_MAX 16u
#define HELPER_SECONDS      30u   /**< that PAM may take */

enum helper_question {
	HELPER_ACCOUNT,             /**< the user was identified by a certificate; account and groups only */
	HELPER_PASSWORD,
	HELPER_FILES,               /**< certificate, key and authority anew: the reply has descriptors, of those that the settings name */
};

/* What goes over the socket (SOCK_SEQPACKET), one packet each. */
struct helper_request {
	uint32_t id;
	uint32_t question;          /**< enum helper_question */
	char user[64];
	char password[512];
};

struct helper_reply {
	uint32_t id;
	uint32_t accepted;
	uint32_t role;              /**< 0: none; 1 to 3: reader, operator, administrator */
	char why[128];
};

/** Starts the process. Returns its socket (non-blocking), or a negative errno. *pid is the process. */
int helper_start(const struct gateway_config *config, pid_t *pid);

#endif
