/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl --host: connection, credentials, and one exchange of a request for an answer. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "root-partition/cli/remote.h"
#include "root-partition/cli/remote_curl.h"

#define PASSWORD_MAX 256u

struct remote {
	struct remote_address address;
	CURL *curl;
	struct curl_slist *headers;
	char *answer;
	size_t size;
};

static size_t on_data(char *data, size_t one, size_t count, void *arg)
{
	struct remote *r = arg;
	char *grown;

	(void)one;
	if (r->size + count > REPLY_MAX || !(grown = realloc(r->answer, r->size + count + 1)))
		return 0;
	r->answer = grown;
	memcpy(r->answer + r->size, data, count);
	r->size += count;
	return count;
}

/* From the terminal itself: standard input may be a definition. */
static int ask_password(const char *user, const char *host, char password[PASSWORD_MAX])
{
	FILE *tty = fopen("/dev/tty", "r+e");
	struct termios old, silent;
	char *line;

	if (!tty || tcgetattr(fileno(tty), &old) < 0) {
		if (tty)
			fclose(tty);
		complain(host, "no terminal to ask for the password of %s; use --password-file or BULKHEAD_PASSWORD", user);
		return EXIT_REFUSED;
	}
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(tty), TCSAFLUSH, &silent);
	fprintf(tty, "Password of %s at %s: ", user, host);
	fflush(tty);
	line = fgets(password, PASSWORD_MAX, tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fputc('\n', tty);
	fclose(tty);
	return line ? EXIT_OK : EXIT_REFUSED;
}

static int read_password(const struct arguments *args, const char *user, const char *host, char password[PASSWORD_MAX])
{
	const char *given = getenv("BULKHEAD_PASSWORD");
	int fd, rc = EXIT_OK;
	ssize_t n;

	if (args->password_file) {
		fd = open(args->password_file, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, password, PASSWORD_MAX - 1);
		if (n < 0) {
			complain(args->password_file, "%s", strerror(errno));
			rc = EXIT_REFUSED;
		}
		password[n < 0 ? 0 : n] = 0;
		if (fd >= 0)
			close(fd);
	} else if (given) {
		snprintf(password, PASSWORD_MAX, "%s", given);
	} else {
		rc = ask_password(user, host, password);
	}
	password[strcspn(password, "\r\n")] = 0;
	return rc;
}

static int set_credentials(struct arguments *args)
{
	struct remote *r = args->remote;
	struct passwd *me = r->address.user ? NULL : getpwuid(geteuid());
	const char *user = r->address.user ? r->address.user : me ? me->pw_name : NULL;
	char password[PASSWORD_MAX] = "";
	int rc;

	if (args->certificate) {
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_SSLCERT, args->certificate);
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_SSLKEY, args->key ? args->key : args->certificate);
		if (!r->address.user)
			return EXIT_OK;
	}
	if (!user) {
		complain(args->host, "as whom? use https://user@host");
		return EXIT_USAGE;
	}
	rc = read_password(args, user, r->address.host, password);
	if (!rc) {
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_USERNAME, user);
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_PASSWORD, password);
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	}
	explicit_bzero(password, sizeof password);
	return rc;
}

int remote_open(struct arguments *args)
{
	const char *missing = remote_curl_load();
	struct remote *r;
	char why[300];

	if (missing) {
		complain(NULL, "--host needs libcurl: %s; 'apt-get install libcurl4' brings it", missing);
		return EXIT_REFUSED;
	}
	r = args->remote = calloc(1, sizeof *r);
	if (!r || remote_curl.curl_global_init_fn(CURL_GLOBAL_DEFAULT) || !(r->curl = remote_curl.curl_easy_init_fn())) {
		complain(NULL, "out of memory");
		return EXIT_REFUSED;
	}
	if (remote_address_parse(args->host, &r->address, why)) {
		complain(args->host, "%s", why);
		return EXIT_USAGE;
	}
	r->headers = remote_curl.curl_slist_append_fn(remote_curl.curl_slist_append_fn(NULL, "Content-Type: application/soap+xml;charset=UTF-8"), "Expect:");
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_URL, r->address.url);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_HTTPHEADER, r->headers);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_CONNECTTIMEOUT, 15L);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_TIMEOUT, 120L);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_NOSIGNAL, 1L);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_WRITEFUNCTION, on_data);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_WRITEDATA, r);
	if (args->ca_file)
		remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_CAINFO, args->ca_file);
	return set_credentials(args);
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	remote_address_free(&r->address);
	remote_curl.curl_easy_cleanup_fn(r->curl);
	remote_curl.curl_slist_free_all_fn(r->headers);
	free(r->answer);
	free(r);
}

const char *remote_url(const struct arguments *args)
{
	return args->remote->address.url;
}

static int say_no_connection(const struct arguments *args, CURLcode code)
{
	const char *host = args->remote->address.host;

	if (code == CURLE_PEER_FAILED_VERIFICATION)
		complain(host, "%s; --ca-file names the certificate (of the authority) to trust", remote_curl.curl_easy_strerror_fn(code));
	else if (code == CURLE_COULDNT_CONNECT)
		complain(host, "%s; is bulkhead-wsmand running there, and %s the right address?", remote_curl.curl_easy_strerror_fn(code), args->remote->address.url);
	else
		complain(host, "%s", remote_curl.curl_easy_strerror_fn(code));
	return EXIT_NO_DAEMON;
}

int remote_exchange(struct arguments *args, const char *subject, const char *request, struct remote_reply *ret)
{
	struct remote *r = args->remote;
	const char *host = r->address.host;
	CURLcode code;
	char why[200];
	long status = 0;

	memset(ret, 0, sizeof *ret);
	r->size = 0;
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_POSTFIELDS, request);
	remote_curl.curl_easy_setopt_fn(r->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(request));
	code = remote_curl.curl_easy_perform_fn(r->curl);
	if (code != CURLE_OK)
		return say_no_connection(args, code);
	remote_curl.curl_easy_getinfo_fn(r->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 401) {
		complain(host, "user name and password, or the certificate, are not accepted");
		return EXIT_REFUSED;
	}
	if (remote_reply_parse(r->answer ? r->answer : "", r->size, ret, why)) {
		complain(subject ? subject : host, status == 200 ? "%s" : "%s (HTTP %ld)", why, status);
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

int remote_post(struct arguments *args, const char *subject, const char *request, struct remote_reply *ret)
{
	int rc = remote_exchange(args, subject, request, ret);

	if (rc || !ret->fault)
		return rc;
	complain(subject ? subject : args->remote->address.host, "%s", ret->fault);
	/* The gateway is there, and its daemon is not. */
	rc = strcmp(ret->fault_code, "EndpointUnavailable") ? EXIT_REFUSED : EXIT_NO_DAEMON;
	remote_reply_free(ret);
	return rc;
}
