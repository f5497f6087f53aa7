/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a request comes from: Basic credentials and users of certificates, by way of the helper. What the helper said is remembered for a
 * minute, as a keyed digest; an address that sends wrong passwords is refused without asking it for a while.
 */
#ifndef BULKHEAD_GATEWAY_AUTHENTICATE_H
#define BULKHEAD_GATEWAY_AUTHENTICATE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct authenticator;
struct auth_check;

struct auth_result {
	bool accepted, busy;   /**< busy: not decided, too many wait */
	uint32_t role;         /**< 0: none */
	const char *why;       /**< of a refusal; for the log, not for the client */
};

typedef void (*auth_fn)(void *arg, const struct auth_result *result);

/** helper: the descriptor of helper_start; it becomes the authenticator's. on_lost is called when the helper has ended. NULL: out of memory. */
struct authenticator *authenticator_new(uv_loop_t *loop, int helper, void (*on_lost)(void *arg), void *arg);
/** No check may be pending. */
void authenticator_free(struct authenticator *a);

/**
 * password NULL: the user was identified by a certificate. Calls fn once: before it returns (then it returns NULL), or later.
 */
struct auth_check *authenticate(struct authenticator *a, const char *user, const char *password, const char *address, auth_fn fn, void *arg);
/** fn will not be called. */
void authenticate_cancel(struct auth_check *check);

/** fds: of the certificate's files (tls.h), closed after it returns; NULL: why says why not. */
typedef void (*auth_files_fn)(void *arg, const int *fds, const char *why);
/** Has the helper open them again; fn is called later, unless another call comes before. -1: it does not listen. */
int authenticator_files(struct authenticator *a, auth_files_fn fn, void *arg);

/** Splits "Basic BASE64" into user and password, in place of room. -1: it is none. */
int basic_parse(const char *header, char *user, size_t user_size, char *password, size_t password_size);

#endif
