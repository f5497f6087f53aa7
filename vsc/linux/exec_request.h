/* SPDX-License-Identifier: BSD-2-Clause */
/* EXEC_START as a program sees it: written by the host, read and checked by the guest. */
#ifndef BULKHEAD_VSC_LINUX_EXEC_REQUEST_H
#define BULKHEAD_VSC_LINUX_EXEC_REQUEST_H

#include "vsc/linux/exec_link.h"

struct exec_request {
	uint32_t flags;                /* EXEC_FLAG_* */
	uint16_t rows, columns;        /* 0: not known */
	const char *user;              /* "" is root */
	const char *const *arguments;  /* NULL-terminated, like the next */
	const char *const *variables;  /* KEY=VALUE */
	char *storage;                 /* what a decoded one points into */
};

/** Queues it. 0, -E2BIG (more strings or bytes than a frame holds), -ENOMEM. */
int exec_request_send(struct exec_link *link, const struct exec_request *request);

/**
 * Copies and checks a payload; exec_request_free gives *ret back. 0, -ENOMEM, -EPROTONOSUPPORT (another version), -EPROTO: strings that do not fill
 * the payload exactly, no command or one beside a login, a variable without a name, unknown flags.
 */
int exec_request_decode(const struct exec_frame *frame, struct exec_request *ret);
void exec_request_free(struct exec_request *request);

#endif
