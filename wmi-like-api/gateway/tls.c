/* SPDX-License-Identifier: BSD-2-Clause */
/* See tls.h. */
#include "wmi-like-api/gateway/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tls_context {
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
	BIO *in, *out;   /* the SSL's */
};

/* The reason of the last failure that OpenSSL has noted. */
static void explain(char *why, size_t size, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(why, size, "%s: %s", what, reason ? reason : "no reason given");
	ERR_clear_error();
}

static int load(SSL_CTX *ssl, const struct gateway_config *config, char *why, size_t size)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, config->certificate) != 1) {
		explain(why, size, config->certificate);
		snprintf(why + strlen(why), size - strlen(why), "; 'bulkhead-wsmand make-certificate' makes a self-signed pair");
		return -1;
	}
	if (SSL_CTX_use_PrivateKey_file(ssl, config->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ssl) != 1) {
		explain(why, size, config->key);
		return -1;
	}
	if (!config->client_ca[0])
		return 0;
	if (SSL_CTX_load_verify_locations(ssl, config->client_ca, NULL) != 1) {
		explain(why, size, config->client_ca);
		return -1;
	}
	SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(config->client_ca));
	SSL_CTX_set_purpose(ssl, X509_PURPOSE_SSL_CLIENT);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);   /* none is fine: then there is a password; a bad one is not */
	return 0;
}

struct tls_context *tls_context_new(const struct gateway_config *config, char *why, size_t size)
{
	struct tls_context *context = calloc(1, sizeof *context);
	SSL_CTX *ssl = context ? SSL_CTX_new(TLS_server_method()) : NULL;

	if (!ssl) {
		snprintf(why, size, "out of memory");
		free(context);
		return NULL;
	}
	context->ssl = ssl;
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* No resumption: each connection verifies its client's certificate anew, and no ticket key has to be kept. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	if (!load(ssl, config, why, size))
		return context;
	tls_context_free(context);
	return NULL;
}

void tls_context_free(struct tls_context *context)
{
	if (context)
		SSL_CTX_free(context->ssl);
	free(context);
}

struct tls *tls_new(struct tls_context *context)
{
	struct tls *tls = calloc(1, sizeof *tls);

	if (!tls)
		return NULL;
	tls->ssl = SSL_new(context->ssl);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		SSL_free(tls->ssl);
		BIO_free(tls->in);
		BIO_free(tls->out);
		free(tls);
		return NULL;
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_free(struct tls *tls)
{
	if (tls)
		SSL_free(tls->ssl);
	free(tls);
}

int tls_take(struct tls *tls, const char *bytes, size_t size)
{
	return BIO_write(tls->in, bytes, (int)size) == (int)size ? 0 : -1;
}

int tls_read(struct tls *tls, char *bytes, size_t size, char *why, size_t why_size)
{
	int rc;

	why[0] = 0;
	ERR_clear_error();
	rc = SSL_read(tls->ssl, bytes, (int)size);
	if (rc > 0)
		return rc;
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ: return 0;
	case SSL_ERROR_ZERO_RETURN: return -1;
	default: explain(why, why_size, "TLS"); return -1;
	}
}

int tls_write(struct tls *tls, const char *bytes, size_t size)
{
	ERR_clear_error();
	return !size || SSL_write(tls->ssl, bytes, (int)size) == (int)size ? 0 : -1;
}

size_t tls_output(struct tls *tls, char **ret)
{
	size_t size = BIO_ctrl_pending(tls->out);
	char *bytes = size ? malloc(size) : NULL;

	*ret = NULL;
	if (!bytes || BIO_read(tls->out, bytes, (int)size) != (int)size) {
		free(bytes);
		return 0;
	}
	*ret = bytes;
	return size;
}

void tls_close(struct tls *tls)
{
	ERR_clear_error();
	if (SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

bool tls_established(const struct tls *tls)
{
	return SSL_is_init_finished(tls->ssl);
}

static bool matches(const struct gateway_client_user *mapped, const char *fingerprint, const char *name)
{
	if (!strncmp(mapped->certificate, "CN=", 3))
		return *name && !strcmp(mapped->certificate + 3, name);
	return !strcmp(mapped->certificate + 7, fingerprint);
}

const char *tls_client_user(const struct tls *tls, const struct gateway_config *config, char *subject, size_t size)
{
	X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
	unsigned char digest[32] = { 0 };
	char fingerprint[65], name[200] = "";
	const char *user = NULL;
	unsigned length = sizeof digest;
	int name_length;

	snprintf(subject, size, "%s", "");
	if (!certificate)
		return NULL;
	X509_digest(certificate, EVP_sha256(), digest, &length);
	for (unsigned i = 0; i < 32; i++)
		snprintf(fingerprint + 2 * i, 3, "%02x", digest[i]);
	name_length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
	if (name_length > 0 && (size_t)name_length != strlen(name))   /* a NUL inside: not a name */
		name[0] = 0;
	snprintf(subject, size, "CN=%s SHA256:%s", name, fingerprint);
	if (SSL_get_verify_result(tls->ssl) == X509_V_OK)
		for (unsigned i = 0; i < config->client_user_count && !user; i++)
			if (matches(&config->client_users[i], fingerprint, name))
				user = config->client_users[i].user;
	X509_free(certificate);
	return user;
}
