/* SPDX-License-Identifier: BSD-2-Clause */
/* See tls.h. */
#include "wmi-like-api/gateway/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define FILE_MAX (1u << 20)

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

static int open_file(const char *path, int *fd, char *why, size_t size)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd >= 0)
		return 0;
	snprintf(why, size, "%s: %s", path, strerror(errno));
	return -1;
}

int tls_files_open(const struct gateway_config *config, int fds[TLS_FILES], char *why, size_t size)
{
	for (unsigned i = 0; i < TLS_FILES; i++)
		fds[i] = -1;
	if (open_file(config->certificate, &fds[0], why, size)) {
		snprintf(why + strlen(why), size - strlen(why), "; 'bulkhead-wsmand make-certificate' makes a self-signed pair");
		return -1;
	}
	if (!open_file(config->key, &fds[1], why, size) && (!config->client_ca[0] || !open_file(config->client_ca, &fds[2], why, size)))
		return 0;
	tls_files_close(fds);
	return -1;
}

void tls_files_close(int fds[TLS_FILES])
{
	for (unsigned i = 0; i < TLS_FILES; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* The file's text as OpenSSL reads one. NULL: it cannot be read. */
static BIO *read_file(int fd)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t all = 0;
	char part[4096];
	ssize_t n;

	while (bio && (n = read(fd, part, sizeof part)) > 0 && (all += (size_t)n) <= FILE_MAX)
		BIO_write(bio, part, (int)n);
	OPENSSL_cleanse(part, sizeof part);
	if (bio && !n)
		return bio;
	BIO_free(bio);
	return NULL;
}

static int load_chain(SSL_CTX *ssl, BIO *in)
{
	X509 *certificate = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
	int rc = certificate && SSL_CTX_use_certificate(ssl, certificate) == 1 ? 0 : -1;

	X509_free(certificate);
	while (!rc && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (SSL_CTX_add0_chain_cert(ssl, certificate) != 1) {
			X509_free(certificate);
			rc = -1;
		}
	if (!rc)
		ERR_clear_error();   /* that there is no further one */
	return rc;
}

static int load_key(SSL_CTX *ssl, BIO *in)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	int rc = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1 ? 0 : -1;

	EVP_PKEY_free(key);
	return rc;
}

static int load_client_ca(SSL_CTX *ssl, BIO *in)
{
	unsigned count = 0;
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate) == 1 && SSL_CTX_add_client_CA(ssl, certificate) == 1;
		X509_free(certificate);
	}
	if (!count)
		return -1;
	ERR_clear_error();
	SSL_CTX_set_purpose(ssl, X509_PURPOSE_SSL_CLIENT);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);   /* none is fine: then there is a password; a bad one is not */
	return 0;
}

static int load(SSL_CTX *ssl, const struct gateway_config *config, const int fds[TLS_FILES], char *why, size_t size)
{
	const char *const names[] = { config->certificate, config->key, config->client_ca };
	static int (*const loads[])(SSL_CTX *ssl, BIO *in) = { load_chain, load_key, load_client_ca };

	for (unsigned i = 0; i < TLS_FILES; i++) {
		BIO *in = fds[i] >= 0 ? read_file(fds[i]) : NULL;
		int rc = fds[i] < 0 ? 0 : in ? loads[i](ssl, in) : -1;

		BIO_free(in);
		if (rc) {
			explain(why, size, names[i]);
			return -1;
		}
	}
	return 0;
}

struct tls_context *tls_context_new(const struct gateway_config *config, const int fds[TLS_FILES], char *why, size_t size)
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
	if (!load(ssl, config, fds, why, size))
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
