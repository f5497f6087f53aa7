/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS 1.2 and 1.3 by OpenSSL between memory buffers: bytes of the network in, bytes for it out; no socket here. And the self-signed
 * pair that `bulkhead-wsmand make-certificate` writes.
 */
#ifndef BULKHEAD_GATEWAY_TLS_H
#define BULKHEAD_GATEWAY_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include "wmi-like-api/gateway/config.h"

struct tls_context;
struct tls;

#define TLS_FILES 3u   /**< certificate, key, the authority of clients */

/** Opens what the settings name; -1 in fds for an authority that is not set. 0, or -1 with why and nothing open. */
int tls_files_open(const struct gateway_config *config, int fds[TLS_FILES], char *why, size_t why_size);
void tls_files_close(int fds[TLS_FILES]);
/** Reads them; config is for their names. NULL: why says what and what to do. */
struct tls_context *tls_context_new(const struct gateway_config *config, const int fds[TLS_FILES], char *why, size_t why_size);
void tls_context_free(struct tls_context *context);

struct tls *tls_new(struct tls_context *context);
void tls_free(struct tls *tls);

/** Bytes from the network. 0, or -1: out of memory. */
int tls_take(struct tls *tls, const char *bytes, size_t size);
/** Goes on with the handshake and decrypts. > 0: bytes; 0: more is needed; -1: broken or closed, why says so ("": closed in order). */
int tls_read(struct tls *tls, char *bytes, size_t size, char *why, size_t why_size);
/** Encrypts all of it. 0 or -1. */
int tls_write(struct tls *tls, const char *bytes, size_t size);
/** What is to go to the network; the caller frees *ret. Its size, 0 for nothing. */
size_t tls_output(struct tls *tls, char **ret);
/** Queues the notice that nothing follows. */
void tls_close(struct tls *tls);
bool tls_established(const struct tls *tls);
/** The user to whom the client's verified certificate is mapped; NULL: none was shown, or nobody is mapped (subject then says whose it is). */
const char *tls_client_user(const struct tls *tls, const struct gateway_config *config, char *subject, size_t size);

/**
 * Writes a new P-256 key and a self-signed certificate for ten years with the names: host names and IP addresses. Refuses to
 * overwrite. 0, or -1 with why.
 */
int certificate_make(const char *certificate_file, const char *key_file, char *const names[], unsigned count, char *why, size_t why_size);

#endif
