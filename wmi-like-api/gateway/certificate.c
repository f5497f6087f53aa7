/* SPDX-License-Identifier: BSD-2-Clause */
/* A self-signed certificate for the host, see tls.h: for a first start; an administrator's own authority is the better one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "wmi-like-api/gateway/tls.h"

#define DAYS 3650

static int add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	int rc = 0;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension || !X509_add_ext(certificate, extension, -1))
		rc = -1;
	X509_EXTENSION_free(extension);
	return rc;
}

/* A name of a host: what DNS allows, for OpenSSL's own syntax of a list gives commas a meaning. */
static int add_names(X509 *certificate, char *const names[], unsigned count, char *why, size_t size)
{
	unsigned char address[16];
	char list[4096] = "";
	size_t used = 0;
	int n;

	for (unsigned i = 0; i < count; i++) {
		bool ip = inet_pton(AF_INET, names[i], address) == 1 || inet_pton(AF_INET6, names[i], address) == 1;

		if (!*names[i] || (!ip && strspn(names[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*") != strlen(names[i]))) {
			snprintf(why, size, "'%s' is neither a host's name nor an address", names[i]);
			return -1;
		}
		n = snprintf(list + used, sizeof list - used, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", names[i]);
		if (n < 0 || (size_t)n >= sizeof list - used) {
			snprintf(why, size, "too many names");
			return -1;
		}
		used += (size_t)n;
	}
	return add_extension(certificate, NID_subject_alt_name, list);
}

static X509 *sign(EVP_PKEY *key, char *const names[], unsigned count, char *why, size_t size)
{
	X509 *certificate = X509_new();
	BIGNUM *serial = BN_new();
	X509_NAME *subject;
	char name[65];

	snprintf(why, size, "out of memory");
	snprintf(name, sizeof name, "%s", names[0]);   /* a common name has no more room */
	if (!certificate || !serial || !BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) ||
	    !BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)))
		goto fail;
	X509_set_version(certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);   /* clocks that are an hour behind */
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400l * DAYS);
	subject = X509_get_subject_name(certificate);
	if (!X509_set_pubkey(certificate, key) ||
	    !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) ||
	    !X509_set_issuer_name(certificate, subject) || add_names(certificate, names, count, why, size) ||
	    add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") ||
	    add_extension(certificate, NID_key_usage, "critical,digitalSignature") ||
	    add_extension(certificate, NID_ext_key_usage, "serverAuth") || add_extension(certificate, NID_subject_key_identifier, "hash") ||
	    !X509_sign(certificate, key, EVP_sha256()))
		goto fail;
	BN_free(serial);
	return certificate;
fail:
	BN_free(serial);
	X509_free(certificate);
	return NULL;
}

static FILE *create(const char *file, mode_t mode, char *why, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!out)
		snprintf(why, size, "%s: %s%s", file, strerror(errno), errno == EEXIST ? "; remove it first if it shall be replaced" : "");
	return out;
}

int certificate_make(const char *certificate_file, const char *key_file, char *const names[], unsigned count, char *why, size_t size)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? sign(key, names, count, why, size) : NULL;
	FILE *certificate_out = NULL, *key_out = NULL;
	int rc = -1;

	if (!certificate)
		goto out;
	key_out = create(key_file, 0600, why, size);
	if (!key_out)
		goto out;
	certificate_out = create(certificate_file, 0644, why, size);
	if (!certificate_out) {
		unlink(key_file);
		goto out;
	}
	snprintf(why, size, "%s: not written", certificate_file);
	if (PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) && PEM_write_X509(certificate_out, certificate) && !fflush(key_out) &&
	    !fflush(certificate_out))
		rc = 0;
out:
	if (certificate_out)
		fclose(certificate_out);
	if (key_out)
		fclose(key_out);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return rc;
}
