/* SPDX-License-Identifier: BSD-2-Clause */
/* What a connection does with a request: who is it, is there such a path, what says the service. See connection.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>
#include "wmi-like-api/gateway/connection.h"
#include "wmi-like-api/gateway/helper.h"
#include "wmi-like-api/gateway/log.h"

#define SOAP_TYPE    "application/soap+xml;charset=UTF-8"
#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CHALLENGE    "WWW-Authenticate: Basic realm=\"WSMAN\"\r\n"

static bool is_path(const struct connection *c, const char *path)
{
	size_t size = strcspn(c->http.target, "?");

	if (size > 1 && c->http.target[size - 1] == '/')
		size--;
	return size == strlen(path) && !strncasecmp(c->http.target, path, size);
}

static void refuse(struct connection *c, int status, const char *why)
{
	c->refusal = status;
	gateway_audit("refused", c->user, c->peer, "HTTP", c->http.target, why);
}

/* The request's body follows: kept for those who may send it, else read and forgotten. */
static void body_follows(struct connection *c)
{
	http_keep_body(&c->http, c->authenticated && !c->refusal);
	if (c->http.expects_continue) {
		static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

		connection_send(c, text, sizeof text - 1);
	}
}

static void on_checked(void *arg, const struct auth_result *result)
{
	struct connection *c = arg;
	bool later = c->check != NULL;

	c->check = NULL;
	c->authenticated = result->accepted;
	c->role = result->accepted ? (enum wsman_role)result->role : WSMAN_NOBODY;
	if (result->accepted) {
		c->known = true;
	} else {
		c->server->counters.bad_passwords += !result->busy;
		refuse(c, result->busy ? 503 : 401, result->why);
	}
	body_follows(c);
	if (!later)
		return;
	connection_phase(c, PHASE_READING);
	connection_go_on(c);
}

static const char *certificate_user(struct connection *c)
{
	char subject[400];

	if (!c->tls)
		return NULL;
	if (!c->certificate_seen) {
		c->certificate_seen = true;
		c->certificate_user = tls_client_user(c->tls, c->server->config, subject, sizeof subject);
		if (!c->certificate_user && subject[0])
			gateway_audit("refused", "", c->peer, "certificate", subject, "no client-user line maps it to a user");
	}
	return c->certificate_user;
}

static void check(struct connection *c)
{
	char password[sizeof ((struct helper_request *)0)->password];
	const char *certificate = certificate_user(c);
	bool basic = !basic_parse(c->http.authorization, c->user, sizeof c->user, password, sizeof password);
	struct auth_check *pending;

	OPENSSL_cleanse(c->http.authorization, sizeof c->http.authorization);
	if (!basic && certificate)
		snprintf(c->user, sizeof c->user, "%s", certificate);
	else if (!basic) {
		c->refusal = 401;   /* how every client begins: nothing for the log */
		body_follows(c);
		return;
	}
	pending = authenticate(c->server->authenticator, c->user, basic ? password : NULL, c->address, on_checked, c);
	OPENSSL_cleanse(password, sizeof password);
	if (!pending)
		return;
	c->check = pending;
	connection_phase(c, PHASE_CHECKING);
}

void request_begin(struct connection *c)
{
	c->user[0] = 0;
	c->role = WSMAN_NOBODY;
	c->authenticated = false;
	c->refusal = 0;
	check(c);
}

static void on_reply(void *arg, int status, char *text, size_t size)
{
	struct connection *c = arg;

	c->call = NULL;
	connection_answer(c, text ? status : 500, text ? SOAP_TYPE : NULL, NULL, text, size);
	free(text);
}

static void run_soap(struct connection *c)
{
	struct wsman_caller caller = { .user = c->user, .address = c->peer, .role = c->role };
	struct wsman_call *call;

	if (!c->http.post) {
		connection_answer(c, 405, NULL, "Allow: POST\r\n", NULL, 0);
		return;
	}
	if (!c->http.body_size) {   /* a client that only wanted to know whether it may */
		connection_answer(c, 200, SOAP_TYPE, NULL, NULL, 0);
		return;
	}
	connection_phase(c, PHASE_WORKING);
	call = wsman_handle(c->server->wsman, &caller, c->http.body, c->http.body_size, on_reply, c);
	if (call)
		c->call = call;
}

static void run_metrics(struct connection *c)
{
	size_t size = 0;
	char *text;

	if (!c->http.get) {
		connection_answer(c, 405, NULL, "Allow: GET\r\n", NULL, 0);
		return;
	}
	if (c->role < WSMAN_READER) {
		gateway_audit("refused", c->user, c->peer, "GET", "/metrics", "no role");
		connection_answer(c, 403, NULL, NULL, NULL, 0);
		return;
	}
	text = c->server->metrics(c->server->arg, &size);
	connection_answer(c, text ? 200 : 500, METRICS_TYPE, NULL, text, size);
	free(text);
}

void request_run(struct connection *c)
{
	if (c->refusal) {
		connection_answer(c, c->refusal, NULL, c->refusal == 401 ? CHALLENGE : NULL, NULL, 0);
	} else if (is_path(c, "/wsman")) {
		run_soap(c);
	} else if (is_path(c, "/metrics")) {
		run_metrics(c);
	} else {
		connection_answer(c, 404, NULL, NULL, NULL, 0);
	}
}

void request_abandon(struct connection *c)
{
	if (c->check)
		authenticate_cancel(c->check);
	if (c->call)
		wsman_abandon(c->call);
	c->check = NULL;
	c->call = NULL;
}
