/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The WS-Management service without sockets: a request's text in, a reply's text and HTTP status out, at once or later. It looks at
 * roles, keeps enumeration contexts and subscriptions, and leaves what classes mean to cim.
 */
#ifndef BULKHEAD_WSMAN_SERVICE_H
#define BULKHEAD_WSMAN_SERVICE_H

#include <stddef.h>
#include <stdint.h>

struct cim;
struct wsman;
struct wsman_call;

enum wsman_role { WSMAN_NOBODY, WSMAN_READER, WSMAN_OPERATOR, WSMAN_ADMINISTRATOR };

struct wsman_caller {
	const char *user, *address;   /**< copied where they are needed later */
	enum wsman_role role;
};

struct wsman_options {
	struct cim *cim;
	uint64_t context_ms;          /**< how long a context lives that nobody uses */
	unsigned contexts_per_user;
	/** Every refused and every changing call: result "refused", "done" or "failed". */
	void (*audit)(void *arg, const char *result, const struct wsman_caller *caller, const char *action, const char *target, const char *text);
	void *arg;
	uint64_t (*now_ms)(void *arg);   /**< monotonic */
};

/** For /metrics. */
struct wsman_counters {
	uint64_t requests, faults, refused, pulls, invokes;
	unsigned contexts, subscriptions, pending;
};

/** text: the reply, to be freed by the callee; NULL when memory ran out (status is 500 then). */
typedef void (*wsman_reply_fn)(void *arg, int status, char *text, size_t size);

/** NULL: out of memory. The options are copied. */
struct wsman *wsman_new(const struct wsman_options *options);
/** Ends what it has at cim, to be called before cim_close. */
void wsman_stop(struct wsman *wsman);
/** No call may be pending any more: after cim_close. */
void wsman_free(struct wsman *wsman);

/** Calls fn once: before it returns (then it returns NULL), or later. */
struct wsman_call *wsman_handle(struct wsman *wsman, const struct wsman_caller *caller, const char *text, size_t size, wsman_reply_fn fn, void *arg);
/** The client is gone: fn will not be called. What it asked for goes on. */
void wsman_abandon(struct wsman_call *call);
/** Once a second or so: what has expired goes, waiting pulls time out. */
void wsman_tick(struct wsman *wsman);
void wsman_get_counters(const struct wsman *wsman, struct wsman_counters *ret);

#endif
