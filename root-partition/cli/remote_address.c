/* SPDX-License-Identifier: BSD-2-Clause */
/* --host https://[user@]host[:port]/…: taken apart. A password in it would be in the list of processes, so it is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "root-partition/cli/remote.h"
#include "root-partition/cli/remote_curl.h"

static char *part(CURLU *u, CURLUPart which)
{
	char *text = NULL, *copy = NULL;

	if (remote_curl.curl_url_get_fn(u, which, &text, which == CURLUPART_USER ? CURLU_URLDECODE : 0) == CURLUE_OK)
		copy = strdup(text);
	remote_curl.curl_free_fn(text);
	return copy;
}

static bool is_loopback(const char *host)
{
	return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
}

/* Port and path as WS-Management has them unless told; what stands before the host has been read already. */
static bool complete(CURLU *u, bool plain)
{
	char *port = part(u, CURLUPART_PORT), *path = part(u, CURLUPART_PATH);
	bool ok = path && (port || remote_curl.curl_url_set_fn(u, CURLUPART_PORT, plain ? "5985" : "5986", 0) == CURLUE_OK);

	if (ok && !strcmp(path, "/"))
		ok = remote_curl.curl_url_set_fn(u, CURLUPART_PATH, "/wsman", 0) == CURLUE_OK;
	free(port);
	free(path);
	return ok && remote_curl.curl_url_set_fn(u, CURLUPART_USER, NULL, 0) == CURLUE_OK;
}

int remote_address_parse(const char *text, struct remote_address *ret, char why[300])
{
	struct remote_address address = { 0 };
	char *scheme = NULL, *password = NULL;
	const char *missing = remote_curl_load();
	CURLU *u = missing ? NULL : remote_curl.curl_url_fn();
	int rc = -1;

	if (missing) {
		snprintf(why, 300, "%s", missing);
		return -1;
	}
	if (!u || remote_curl.curl_url_set_fn(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		snprintf(why, 300, "not an address; use https://[user@]host[:port]");
		goto out;
	}
	scheme = part(u, CURLUPART_SCHEME);
	password = part(u, CURLUPART_PASSWORD);
	address.user = part(u, CURLUPART_USER);
	address.host = part(u, CURLUPART_HOST);
	if (!scheme || !address.host || (strcmp(scheme, "https") && strcmp(scheme, "http"))) {
		snprintf(why, 300, "not an address of a WS-Management service; use https://[user@]host[:port]");
	} else if (!strcmp(scheme, "http") && !is_loopback(address.host)) {
		snprintf(why, 300, "http would show the password to the network; use https");
	} else if (password) {
		snprintf(why, 300, "no password here, where everybody on this machine sees it; use --password-file or BULKHEAD_PASSWORD, or be asked");
	} else if (!complete(u, !strcmp(scheme, "http")) || !(address.url = part(u, CURLUPART_URL))) {
		snprintf(why, 300, "no memory");
	} else {
		*ret = address;
		memset(&address, 0, sizeof address);
		rc = 0;
	}
out:
	remote_address_free(&address);
	free(scheme);
	free(password);
	remote_curl.curl_url_cleanup_fn(u);
	return rc;
}

void remote_address_free(struct remote_address *address)
{
	free(address->url);
	free(address->user);
	free(address->host);
	memset(address, 0, sizeof *address);
}
