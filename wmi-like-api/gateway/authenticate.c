/* SPDX-License-Identifier: BSD-2-Clause */
/* See authenticate.h. */
#include "wmi-like-api/gateway/authenticate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include "wmi-like-api/gateway/helper.h"
#include "wmi-like-api/gateway/tls.h"

#define KNOWN_MAX        256u
#define KNOWN_MS         60000u
#define PENDING_MAX      64u
#define ADDRESSES_MAX    256u
#define ADDRESS_PENDING  8u
#define FAILURES_MAX     10u      /* of one address; one is forgiven every FORGIVE_MS */
#define FORGIVE_MS       6000u

struct known {
	uint8_t digest[32];
	uint64_t until;
	uint32_t role;
};

struct failures {
	char address[64];
	unsigned count;
	uint64_t since;
};

struct auth_check {
	struct auth_check *next;
	struct authenticator *owner;
	uint32_t id;
	bool shares;   /* another check has asked about the same credentials */
	uint8_t digest[32];
	char address[64];
	auth_fn fn;
	void *arg;
};

struct authenticator {
	uv_poll_t poll;
	int fd;
	uint32_t last_id;
	uint8_t key[32];
	struct known known[KNOWN_MAX];
	struct failures failures[ADDRESSES_MAX];
	struct auth_check *checks;
	void (*on_lost)(void *arg);
	void *arg;
	auth_files_fn files;           /* asked for; NULL: not */
	uint32_t files_id;
	void *files_arg;
};

static void digest(struct authenticator *a, const char *user, const char *password, uint8_t out[32])
{
	uint8_t text[sizeof(((struct helper_request *)0)->user) + sizeof(((struct helper_request *)0)->password) + 2];
	size_t user_size = strlen(user), password_size = password ? strlen(password) : 0;
	unsigned size = 32;

	text[0] = password != NULL;
	memcpy(text + 1, user, user_size + 1);
	memcpy(text + 2 + user_size, password ? password : "", password_size);
	HMAC(EVP_sha256(), a->key, sizeof a->key, text, 2 + user_size + password_size, out, &size);
	OPENSSL_cleanse(text, sizeof text);
}

static struct failures *failures_of(struct authenticator *a, const char *address, bool make)
{
	uint64_t now = uv_now(a->poll.loop);
	struct failures *oldest = &a->failures[0];

	for (unsigned i = 0; i < ADDRESSES_MAX; i++) {
		struct failures *f = &a->failures[i];

		while (f->count && now - f->since >= FORGIVE_MS) {
			f->count--;
			f->since += FORGIVE_MS;
		}
		if (f->count && !strcmp(f->address, address))
			return f;
		if (f->count < oldest->count || (f->count == oldest->count && f->since < oldest->since))
			oldest = f;
	}
	if (!make)
		return NULL;
	*oldest = (struct failures){ .since = now };
	strncpy(oldest->address, address, sizeof oldest->address - 1);
	return oldest;
}

static void remember(struct authenticator *a, const struct auth_check *check, uint32_t role)
{
	struct known *oldest = &a->known[0];

	for (unsigned i = 1; i < KNOWN_MAX; i++)
		if (a->known[i].until < oldest->until)
			oldest = &a->known[i];
	memcpy(oldest->digest, check->digest, 32);
	oldest->role = role;
	oldest->until = uv_now(a->poll.loop) + KNOWN_MS;
}

static void answer(struct auth_check *check, const struct auth_result *result)
{
	struct auth_check **at = &check->owner->checks;

	while (*at != check)
		at = &(*at)->next;
	*at = check->next;
	if (check->fn)
		check->fn(check->arg, result);
	free(check);
}

static struct auth_check *check_of(struct authenticator *a, uint32_t id)
{
	struct auth_check *check = a->checks;

	while (check && check->id != id)
		check = check->next;
	return check;
}

static void on_reply(struct authenticator *a, struct helper_reply *reply)
{
	struct auth_result result = { .accepted = reply->accepted, .role = reply->role, .why = reply->why };
	struct auth_check *check;
	struct failures *failures;

	reply->why[sizeof reply->why - 1] = 0;
	while ((check = check_of(a, reply->id))) {
		if (reply->accepted && !check->shares) {
			remember(a, check, reply->role);
		} else if (!reply->accepted && !check->shares) {
			failures = failures_of(a, check->address, true);
			failures->count += failures->count < 2 * FAILURES_MAX;
		}
		answer(check, &result);
	}
}

static ssize_t receive(struct authenticator *a, struct helper_reply *reply, int fds[TLS_FILES])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(TLS_FILES * sizeof(int))];
	} control;
	struct iovec part = { reply, sizeof *reply };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(a->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *first = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	for (unsigned i = 0; i < TLS_FILES; i++)
		fds[i] = -1;
	if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(first), first->cmsg_len - CMSG_LEN(0));
	return n;
}

static void on_files(struct authenticator *a, struct helper_reply *reply, int fds[TLS_FILES])
{
	auth_files_fn fn = a->files;

	reply->why[sizeof reply->why - 1] = 0;
	a->files = NULL;
	fn(a->files_arg, reply->accepted ? fds : NULL, reply->why);
}

int authenticator_files(struct authenticator *a, auth_files_fn fn, void *arg)
{
	struct helper_request request = { .id = ++a->last_id, .question = HELPER_FILES };

	if (send(a->fd, &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof request)
		return -1;
	a->files = fn;
	a->files_id = request.id;
	a->files_arg = arg;
	return 0;
}

static void on_helper(uv_poll_t *poll, int status, int events)
{
	struct authenticator *a = poll->data;
	struct helper_reply reply;
	int fds[TLS_FILES];
	ssize_t n;

	(void)status;
	(void)events;
	while ((n = receive(a, &reply, fds)) == sizeof reply) {
		if (a->files && reply.id == a->files_id)
			on_files(a, &reply, fds);
		else
			on_reply(a, &reply);
		for (unsigned i = 0; i < TLS_FILES; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		uv_poll_stop(poll);
		a->on_lost(a->arg);
	}
}

struct authenticator *authenticator_new(uv_loop_t *loop, int helper, void (*on_lost)(void *arg), void *arg)
{
	struct authenticator *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->fd = helper;
	a->on_lost = on_lost;
	a->arg = arg;
	if (RAND_bytes(a->key, sizeof a->key) != 1 || uv_poll_init(loop, &a->poll, helper)) {
		free(a);
		return NULL;
	}
	a->poll.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_helper);
	return a;
}

static void on_closed(uv_handle_t *handle)
{
	struct authenticator *a = handle->data;

	close(a->fd);
	OPENSSL_cleanse(a, sizeof *a);
	free(a);
}

void authenticator_free(struct authenticator *a)
{
	struct auth_check *next;

	if (!a)
		return;
	for (struct auth_check *check = a->checks; check; check = next) {
		next = check->next;
		free(check);
	}
	uv_close((uv_handle_t *)&a->poll, on_closed);
}

static struct auth_check *say(auth_fn fn, void *arg, struct auth_result result)
{
	fn(arg, &result);
	return NULL;
}

static bool is_busy(const struct authenticator *a, const char *address)
{
	unsigned all = 0, same = 0;

	for (const struct auth_check *check = a->checks; check; check = check->next) {
		all += !check->shares;
		same += !check->shares && !strcmp(check->address, address);
	}
	return all >= PENDING_MAX || same >= ADDRESS_PENDING;
}

static struct auth_check *ask(struct authenticator *a, const char *user, const char *password, struct auth_check *check)
{
	struct helper_request request = { .id = ++a->last_id, .question = password ? HELPER_PASSWORD : HELPER_ACCOUNT };
	ssize_t n;

	check->id = request.id;
	strcpy(request.user, user);
	strcpy(request.password, password ? password : "");
	n = send(a->fd, &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL);
	OPENSSL_cleanse(&request, sizeof request);
	if (n == sizeof request)
		return check;
	answer(check, &(struct auth_result){ .busy = true, .why = "the password helper does not listen" });
	return NULL;
}

struct auth_check *authenticate(struct authenticator *a, const char *user, const char *password, const char *address, auth_fn fn, void *arg)
{
	const struct helper_request *limits = NULL;
	uint64_t now = uv_now(a->poll.loop);
	struct auth_check *check, *asked;
	struct failures *failures;
	uint8_t key[32];

	if (strlen(user) >= sizeof limits->user || (password && strlen(password) >= sizeof limits->password) || !*user)
		return say(fn, arg, (struct auth_result){ .why = "user or password too long" });
	digest(a, user, password, key);
	for (unsigned i = 0; i < KNOWN_MAX; i++)
		if (a->known[i].until > now && !CRYPTO_memcmp(a->known[i].digest, key, 32))
			return say(fn, arg, (struct auth_result){ .accepted = true, .role = a->known[i].role });
	failures = failures_of(a, address, false);
	if (failures && failures->count >= FAILURES_MAX)
		return say(fn, arg, (struct auth_result){ .why = "too many wrong passwords from this address" });
	for (asked = a->checks; asked && CRYPTO_memcmp(asked->digest, key, 32); asked = asked->next)
		;
	check = !asked && is_busy(a, address) ? NULL : calloc(1, sizeof *check);
	if (!check)
		return say(fn, arg, (struct auth_result){ .busy = true, .why = "too many passwords wait to be checked" });
	*check = (struct auth_check){ .next = a->checks, .owner = a, .shares = asked != NULL, .fn = fn, .arg = arg };
	memcpy(check->digest, key, 32);
	strncpy(check->address, address, sizeof check->address - 1);
	a->checks = check;
	if (!asked)
		return ask(a, user, password, check);
	check->id = asked->id;
	return check;
}

void authenticate_cancel(struct auth_check *check)
{
	check->fn = NULL;
}

int basic_parse(const char *header, char *user, size_t user_size, char *password, size_t password_size)
{
	unsigned char text[4096];
	size_t size, name_size;
	const char *colon;
	int n;

	if (strncasecmp(header, "Basic ", 6))
		return -1;
	header += 6 + strspn(header + 6, " ");
	size = strlen(header);
	if (!size || size % 4 || size / 4 * 3 >= sizeof text)
		return -1;
	n = EVP_DecodeBlock(text, (const unsigned char *)header, (int)size);
	if (n < 0)
		return -1;
	n -= (header[size - 1] == '=') + (size > 1 && header[size - 2] == '=');
	text[n] = 0;
	colon = memchr(text, ':', (size_t)n);
	if (!colon || memchr(text, 0, (size_t)n))
		return -1;
	name_size = (size_t)(colon - (char *)text);
	if (name_size >= user_size || strlen(colon + 1) >= password_size)
		return -1;
	memcpy(user, text, name_size);
	user[name_size] = 0;
	strcpy(password, colon + 1);
	OPENSSL_cleanse(text, sizeof text);
	return 0;
}
